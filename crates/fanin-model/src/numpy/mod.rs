//! NumPy files: `.npz` archives of arrays, and single `.npy` files.

mod header;
mod literal;

use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::model::{Format, Model, WriteOptions};
use crate::output::{self, OutputFile, Piece};
use crate::source::Source;
use crate::zip::{self, Archive, Contents};
use fanin::{Dtype, Graph, Param, convention};
use header::{Header, MAGIC, MOST_HEADER};
use std::borrow::Cow;
use std::path::Path;

/// What the array of a single file is called: NumPy calls the first array without a name so.
const ONLY: &str = "arr_0";

/// Every array of an archive is a file of this kind.
const SUFFIX: &str = ".npy";

/// An open `.npz` or `.npy` file.
#[derive(Debug)]
pub(crate) struct Numpy {
    source: Source,
    archive: Option<Archive>,
    /// For each parameter its entry in the archive, and its header.
    arrays: Vec<(usize, Header)>,
    params: Vec<Param>,
}

/// Whether a `.npy` file starts here.
pub(crate) fn is_array(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// Whether an archive holds arrays, and only those.
pub(crate) fn is_archive(archive: &Archive) -> bool {
    !archive.entries.is_empty() && archive.entries.iter().all(|entry| entry.name.ends_with(SUFFIX))
}

impl Numpy {
    /// Opens a single `.npy` file.
    pub(crate) fn open_array(source: Source) -> Result<Numpy, FileError> {
        let path = source.path.clone();
        let header = Header::parse(source.bytes()).and_then(|h| fitting(h, source.len())).map_err(|p| p.of(&path))?;
        Ok(Numpy::new(source, None, vec![(ONLY.to_owned(), 0, header)]))
    }

    /// Opens an archive of arrays.
    pub(crate) fn open_archive(source: Source, archive: Archive) -> Result<Numpy, FileError> {
        let mut arrays = Vec::new();
        for (index, entry) in archive.entries.iter().enumerate() {
            let start = entry.start(source.bytes(), MOST_HEADER + 12);
            let header = start.and_then(|start| fitting(Header::parse(&start)?, entry.size));
            let name = entry.name.strip_suffix(SUFFIX).unwrap_or(&entry.name);
            let header = header.map_err(|p| p.within(name).at(entry.data.start).of(&source.path))?;
            arrays.push((name.to_owned(), index, header));
        }
        Ok(Numpy::new(source, Some(archive), arrays))
    }

    fn new(source: Source, archive: Option<Archive>, arrays: Vec<(String, usize, Header)>) -> Numpy {
        let tensors: Vec<_> = arrays.iter().map(|(name, _, h)| (name.clone(), h.shape.clone(), h.dtype)).collect();
        let arrays = arrays.into_iter().map(|(_, entry, header)| (entry, header)).collect();
        Numpy { source, archive, arrays, params: convention::params(&tensors) }
    }

    /// The array as a file of its own.
    fn content(&self, param: usize) -> Result<Cow<'_, [u8]>, Box<Problem>> {
        match &self.archive {
            Some(archive) => archive.entries[self.arrays[param].0].content(self.source.bytes()),
            None => Ok(Cow::Borrowed(self.source.bytes())),
        }
    }

    /// Where the array stands in the file, unless it is compressed.
    fn place(&self, param: usize) -> Option<usize> {
        let Some(archive) = &self.archive else { return Some(0) };
        let entry = &archive.entries[self.arrays[param].0];
        entry.is_stored().then_some(entry.data.start)
    }

    /// The array with new values: as it stands if nothing but them changes, otherwise with a header of its own.
    fn changed(&self, param: usize, dtype: Dtype, whole: bool) -> Result<Vec<Piece>, FileError> {
        let header = &self.arrays[param].1;
        let count = self.params[param].count().map_err(fanin::Error::from)?;
        let old = self.place(param).filter(|_| dtype == header.dtype && header.is_plain());
        let head = match old {
            Some(start) => Piece::Source { file: 0, offset: start as u64, len: header.data as u64 },
            None => Piece::Bytes(
                header.bytes(dtype).ok_or_else(|| unwritable(&self.params[param], dtype).of(&self.source.path))?,
            ),
        };
        Ok(vec![head, Piece::values(param, count, dtype, whole)])
    }
}

/// The header, if its elements fill the rest of a file of `len` bytes.
fn fitting(header: Header, len: u64) -> Result<Header, Box<Problem>> {
    let rest = len.saturating_sub(header.data as u64);
    match header.len {
        Some(needed) if needed != rest => {
            let wrong = format!("{rest} bytes follow the header");
            let expected = format!("{needed} for shape {:?} of {}", header.shape, header.dtype);
            Err(Problem::new("", wrong, expected))
        }
        _ => Ok(header),
    }
}

fn unwritable(param: &Param, dtype: Dtype) -> Box<Problem> {
    let wrong = format!("values of dtype {dtype} were asked for");
    Problem::new(&param.name, wrong, "a floating-point dtype of NumPy").remedy("Give `--dtype` one of f64, f32, f16.")
}

impl Model for Numpy {
    fn format(&self) -> Format {
        Format::Numpy
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        None
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let header = &self.arrays[param].1;
        if header.dtype == Dtype::Other {
            return Ok(None);
        }
        let content = self.content(param).map_err(|p| p.of(&self.source.path))?;
        if header.is_plain() {
            return Ok(Some(match content {
                Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[header.data..]),
                Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(header.data)),
            }));
        }
        let elements = header.elements(content[header.data..].to_vec());
        Ok(Some(Cow::Owned(elements.map_err(|p| p.within(&self.params[param].name).of(&self.source.path))?)))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let header = &self.arrays[param].1;
        let plain = header.is_plain() && header.dtype != Dtype::Other;
        let Some((place, len)) = self.place(param).zip(header.len).filter(|_| plain) else { return Ok(false) };
        let first = (place + header.data) as u64;
        self.source.read_in(&(first..first + len), start, out)
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        let mut contents = Contents::new();
        for param in 0..self.params.len() {
            if let Change::Write { dtype, whole, .. } = fill.change(param) {
                contents.insert(self.arrays[param].0, self.changed(param, dtype, whole)?);
            }
        }
        let pieces = match &self.archive {
            Some(archive) => zip::rewrite(archive, self.source.bytes(), contents),
            None => contents
                .remove(&0)
                .unwrap_or_else(|| vec![Piece::Source { file: 0, offset: 0, len: self.source.len() }]),
        };
        let file = OutputFile { path: out.into(), pieces };
        output::write(&[file], &[&self.source], fill, options.overwrite)
    }
}
