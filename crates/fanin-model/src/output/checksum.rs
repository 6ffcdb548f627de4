//! [`Sums`]: CRC-32 checksums of stretches of a file, taken while its blocks are written, in any order.
//!
//! An archive has to know the checksum of values that exist only for the moment in which they are written. So every part
//! leaves its own checksum behind, and when all are there they are joined and put where the file wants them.

use super::{OutputFile, Partial, Piece};
use crate::error::FileError;
use crc32fast::Hasher;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Checksum and length of the parts of one piece, by where they start in it.
type Parts = BTreeMap<u64, (u32, u64)>;

/// The checksums of the parts of all pieces that any [`Piece::Checksum`] covers.
#[derive(Debug)]
pub(super) struct Sums {
    /// By file and piece; pieces that nothing covers are not here.
    parts: BTreeMap<(usize, usize), Mutex<Parts>>,
}

impl Sums {
    pub(super) fn new(files: &[OutputFile]) -> Sums {
        let covered = files.iter().enumerate().flat_map(|(file, output)| {
            let ranges = output.pieces.iter().filter_map(|piece| match piece {
                Piece::Checksum { pieces } => Some(pieces.clone()),
                _ => None,
            });
            ranges.flatten().map(move |piece| ((file, piece), Mutex::default()))
        });
        Sums { parts: covered.collect() }
    }

    /// Notes the checksum of `bytes`, which start at `start` in this piece.
    pub(super) fn note(&self, file: usize, piece: usize, start: u64, bytes: &[u8]) {
        let Some(parts) = self.parts.get(&(file, piece)) else { return };
        let sum = (crc32fast::hash(bytes), bytes.len() as u64);
        parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(start, sum);
    }

    /// Writes every checksum to its place: called when everything else is written.
    pub(super) fn finish(&self, files: &[OutputFile], partials: &[Partial]) -> Result<(), FileError> {
        for (file, output) in files.iter().enumerate() {
            let mut offset = 0;
            for piece in &output.pieces {
                if let Piece::Checksum { pieces } = piece {
                    let mut whole = Hasher::new();
                    pieces.clone().for_each(|piece| self.join(file, piece, &mut whole));
                    partials[file].write_at(&whole.finalize().to_le_bytes(), offset)?;
                }
                offset += piece.len();
            }
        }
        Ok(())
    }

    fn join(&self, file: usize, piece: usize, whole: &mut Hasher) {
        let Some(parts) = self.parts.get(&(file, piece)) else { return };
        for (sum, len) in parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).values() {
            whole.combine(&Hasher::new_with_initial_len(*sum, *len));
        }
    }
}
