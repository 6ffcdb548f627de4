//! Zip archives: where every entry stands, and how they are written again. Nothing is ever unpacked to a disk.
//!
//! Several formats are such archives. Of their directory every claim is checked: entries that overlap, that are named
//! out of the archive, that stand twice or lie about their size are refused, for readers disagree about them.

mod directory;
mod entry;
mod inflate;
mod write;

use crate::error::Problem;
use crate::source::Source;
use std::borrow::Cow;
use std::ops::Range;
pub(crate) use write::{Contents, rewrite};

/// What a zip archive starts with, unless it is empty.
pub(crate) const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

/// Compression methods (APPNOTE 6.3.10, 4.4.5).
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The largest entry that is inflated, in bytes: one tensor, and no archive can ask for more memory than that.
const MOST_INFLATED: u64 = 4 << 30;

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    method: u16,
    flags: u16,
    crc: u32,
    /// Bytes of the content.
    pub(crate) size: u64,
    /// The header in front of the data.
    header: Range<usize>,
    /// The data, as they are stored.
    pub(crate) data: Range<usize>,
    /// Where the next thing may start: behind the data and the descriptor that may follow them.
    end: usize,
    /// Its record in the directory.
    record: Range<usize>,
    /// Where its checksum stands: in header, descriptor and record, as far as they have it.
    sums: Vec<usize>,
}

/// An archive that was looked through.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// In the order of the directory.
    pub(crate) entries: Vec<Entry>,
    /// The directory.
    directory: Range<usize>,
    /// The record that ends the archive, with its comment.
    end: usize,
    /// Whether a 64-bit record stands between directory and end.
    wide: bool,
}

impl Entry {
    /// Whether the content stands in the file as it is.
    pub(crate) fn is_stored(&self) -> bool {
        self.method == STORED
    }

    /// The content, in memory if it has to be inflated.
    pub(crate) fn content<'a>(&self, file: &'a [u8]) -> Result<Cow<'a, [u8]>, Box<Problem>> {
        let data = &file[self.data.clone()];
        if self.is_stored() {
            return Ok(Cow::Borrowed(data));
        }
        let content = inflate::whole(data, self.size).map_err(|p| p.within(&self.name).at(self.data.start))?;
        self.check(&content)?;
        Ok(Cow::Owned(content))
    }

    /// The content, proved by its checksum: for small entries that are to be understood.
    pub(crate) fn checked<'a>(&self, file: &'a [u8], most: u64) -> Result<Cow<'a, [u8]>, Box<Problem>> {
        if self.size > most {
            let wrong = format!("it has {} bytes", self.size);
            return Err(Problem::new(&self.name, wrong, format!("at most {most}, which is far more than models need")));
        }
        let content = self.content(file)?;
        self.check(&content)?;
        Ok(content)
    }

    /// The first `len` bytes of the content, or all if there are fewer.
    pub(crate) fn start<'a>(&self, file: &'a [u8], len: usize) -> Result<Cow<'a, [u8]>, Box<Problem>> {
        let data = &file[self.data.clone()];
        if self.is_stored() {
            return Ok(Cow::Borrowed(&data[..len.min(data.len())]));
        }
        let len = self.size.min(len as u64);
        inflate::start(data, len).map(Cow::Owned).map_err(|p| p.within(&self.name).at(self.data.start))
    }

    fn check(&self, content: &[u8]) -> Result<(), Box<Problem>> {
        let sum = crc32fast::hash(content);
        if sum == self.crc {
            return Ok(());
        }
        let expected = format!("{:08x}, as the archive says", self.crc);
        Err(Problem::new(&self.name, format!("its checksum is {sum:08x}"), expected).at(self.data.start))
    }
}

impl Archive {
    /// Looks through the archive `source`.
    pub(crate) fn open(source: &Source) -> Result<Archive, Box<Problem>> {
        directory::read(source.bytes())
    }

    /// The index of the entry of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == name)
    }
}

/// Whether an archive starts here.
pub(crate) fn is_archive(start: &[u8]) -> bool {
    start.starts_with(&SIGNATURE)
}

/// Little-endian numbers at fixed places; out of bounds they are not there.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}
