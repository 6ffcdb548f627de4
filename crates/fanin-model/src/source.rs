//! [`Source`]: what is read: a file, mapped for looking at it and read by position for copying from it, or bytes that
//! were made in memory.
#![allow(unsafe_code, reason = "the memory map is the one place of this crate that needs it")]

use crate::error::FileError;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file opened for reading, or bytes that stand for one.
///
/// Headers are parsed in the map, of which only the pages that are looked at become resident. Bulk data are copied
/// through [`Source::read_at`] instead, so that the memory of a run does not grow with the file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file, or what the bytes were made from, as messages show it.
    pub(crate) path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File { file: File, map: Mmap },
    Memory(Vec<u8>),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Source, FileError> {
        // Asked before opening: opening a pipe would wait for someone to write into it.
        let meta = std::fs::metadata(path).map_err(|e| FileError::io(path, "open for reading", e))?;
        if !meta.is_file() {
            let kind = if meta.is_dir() { "it is a folder" } else { "it is not a regular file" };
            return Err(FileError::io(path, "open for reading", std::io::Error::other(kind)));
        }
        let file = File::open(path).map_err(|e| FileError::io(path, "open for reading", e))?;
        // SAFETY: the map is only sound while nobody cuts the file short or writes into it. fanin itself never does: it
        // writes new files and renames them. A foreign program that shortens the file during a run ends it with a
        // signal (SIGBUS) on the next look at the missing pages; the output's partial file is then cleaned by the next
        // run. Nothing read from the map is trusted to stay equal between two looks for memory safety.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| FileError::io(path, "map into memory", e))?;
        Ok(Source { path: path.into(), content: Content::File { file, map } })
    }

    /// Bytes that were made from `name`.
    pub(crate) fn memory(name: &str, bytes: Vec<u8>) -> Source {
        Source { path: name.into(), content: Content::Memory(bytes) }
    }

    /// Whether the bytes were made rather than read.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.content, Content::Memory(_))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::File { map, .. } => map,
            Content::Memory(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    /// Fills `out` with the bytes of a tensor in `range` from its byte `start` on; `false` if it does not have so many.
    pub(crate) fn read_in(&self, range: &Range<u64>, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let len = range.end.saturating_sub(range.start);
        let inside = start.checked_add(out.len() as u64).is_some_and(|end| end <= len);
        if inside {
            self.read_at(range.start + start, out)?;
        }
        Ok(inside)
    }

    /// Fills `out` with the bytes from `offset` on, without touching the map.
    pub(crate) fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), FileError> {
        let read = match &self.content {
            Content::File { file, .. } => {
                ahead(file, offset, out.len());
                read_exact_at(file, out, offset)
            }
            Content::Memory(bytes) => copy_at(bytes, out, offset),
        };
        read.map_err(|e| FileError::io(&self.path, format!("read {} bytes at {offset}", out.len()), e))
    }
}

fn copy_at(bytes: &[u8], out: &mut [u8], offset: u64) -> std::io::Result<()> {
    let start = usize::try_from(offset).ok();
    let wanted = start.and_then(|start| bytes.get(start..start.checked_add(out.len())?));
    out.copy_from_slice(wanted.ok_or(std::io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

/// Bytes read at once from which on a file is taken to be read in order.
#[cfg(target_os = "linux")]
const BULK: usize = 1 << 18;
/// How far ahead of them the system is asked to read: its own look-ahead is too short to go on while a block is digested, cast
/// and written.
#[cfg(target_os = "linux")]
const AHEAD: u64 = 16 << 20;

/// Asks for what is read next but a few blocks; what the system makes of it does not matter.
#[cfg(target_os = "linux")]
fn ahead(file: &File, offset: u64, len: usize) {
    use rustix::fs::{Advice, fadvise};
    let len = std::num::NonZeroU64::new(len as u64).filter(|_| len >= BULK);
    if let (Some(len), Some(from)) = (len, offset.checked_add(AHEAD)) {
        let _ = fadvise(file, from, Some(len), Advice::WillNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn ahead(_: &File, _: u64, _: usize) {}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !out.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, out, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        out = &mut out[read..];
        offset += read as u64;
    }
    Ok(())
}
