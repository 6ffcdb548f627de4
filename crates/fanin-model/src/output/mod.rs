//! Output files as lists of [`Piece`]s, written in parallel by position, so that memory stays constant.

mod checksum;
mod partial;
mod patch;
mod queue;

use crate::error::FileError;
use crate::fill::Fill;
use crate::source::Source;
use fanin::Dtype;
pub(crate) use partial::{Partial, commit};
pub(crate) use patch::patch;
use std::ops::Range;
use std::path::PathBuf;

/// A stretch of an output file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Copied from source file `file`.
    Source { file: usize, offset: u64, len: u64 },
    /// Elements `0..count` of parameter `param`, of `size` bytes each.
    Values { param: usize, count: u64, size: u32, whole: bool },
    /// The id of the plan, as far as it is known before the values are; another one of its length may take its place.
    Plan(String),
    /// The CRC-32 of these pieces of the same file, little-endian, wherever they stand.
    Checksum { pieces: Range<usize> },
}

impl Piece {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Plan(id) => id.len() as u64,
            Piece::Source { len, .. } => *len,
            Piece::Checksum { .. } => 4,
            // The product is the size of a tensor that was checked when the piece was made.
            Piece::Values { count, size, .. } => count.saturating_mul(u64::from(*size)),
        }
    }

    /// All elements of a parameter.
    ///
    /// # Panics
    /// Never for the dtypes that can be written, which all have whole bytes.
    pub(crate) fn values(param: usize, count: u64, dtype: Dtype, whole: bool) -> Piece {
        Piece::Values { param, count, size: dtype.size().unwrap_or(1) as u32, whole }
    }
}

/// A file to be written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    pub(crate) path: PathBuf,
    pub(crate) pieces: Vec<Piece>,
}

impl OutputFile {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).fold(0, u64::saturating_add)
    }
}

/// Writes all files, and only when every one is whole and its values are proved gives them their names, in order.
pub(crate) fn write(
    files: &[OutputFile],
    sources: &[&Source],
    fill: &dyn Fill,
    overwrite: bool,
) -> Result<(), FileError> {
    let partials: Vec<Partial> =
        files.iter().map(|file| Partial::create(&file.path, file.len(), overwrite)).collect::<Result<_, _>>()?;
    queue::run(files, &partials, sources, fill)?;
    if let Some(id) = fill.finish()? {
        identify(files, &partials, &id)?;
    }
    commit(partials, overwrite)
}

/// Puts the id of the plan, known now that all values are, into its place. (Its digits are never part of a checksum: no
/// archive has a place for them.)
fn identify(files: &[OutputFile], partials: &[Partial], id: &str) -> Result<(), FileError> {
    for (file, partial) in files.iter().zip(partials) {
        let mut offset = 0;
        for piece in &file.pieces {
            if matches!(piece, Piece::Plan(_)) && piece.len() == id.len() as u64 {
                partial.write_at(id.as_bytes(), offset)?;
            }
            offset += piece.len();
        }
    }
    Ok(())
}
