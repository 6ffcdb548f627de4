//! The work of writing: pieces are cut into blocks of about 1 MiB, and every thread takes the next one.
//!
//! Blocks are taken in file order from one counter, so the disk sees nearly sequential writes, and no thread waits for
//! another one until everything is written. Parameters that are made as a whole come after that, one by one, because
//! making them uses all threads itself.

use super::checksum::Sums;
use super::{OutputFile, Partial, Piece};
use crate::error::FileError;
use crate::fill::{Fill, Values};
use crate::source::Source;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes written at once. Large enough that a system call costs nothing beside it, small enough to stay in the cache
/// between being made and being copied by the kernel.
const BLOCK: u64 = 1 << 20;

/// The same for parameters that are made as a whole. A block of a matrix that is stored by columns makes all its rows
/// again, so blocks are larger; a buffer of this size per thread is all that it costs.
const WHOLE_BLOCK: u64 = 16 << 20;

/// Values start at such an address in memory: what the widest vector registers like.
const ALIGN: usize = 64;

/// Part of a piece inside a block.
#[derive(Debug)]
struct Part<'a> {
    piece: &'a Piece,
    /// Which piece of its file it is.
    index: usize,
    /// First byte, from the start of the piece.
    start: u64,
    len: u64,
}

/// Parts that are written at once.
#[derive(Debug)]
struct Block<'a> {
    file: usize,
    offset: u64,
    len: u64,
    parts: Vec<Part<'a>>,
}

/// Writes the content of all files.
pub(super) fn run(
    files: &[OutputFile],
    partials: &[Partial],
    sources: &[&Source],
    fill: &dyn Fill,
) -> Result<(), FileError> {
    let (mut shared, mut alone) = (Vec::new(), BTreeMap::<usize, Vec<Block>>::new());
    for (index, file) in files.iter().enumerate() {
        cut(file, index, &mut shared, &mut alone);
    }
    let mut values = BTreeMap::new();
    for part in shared.iter().flat_map(|block: &Block| &block.parts) {
        if let Piece::Values { param, .. } = part.piece
            && !values.contains_key(param)
        {
            values.insert(*param, fill.values(*param)?);
        }
    }
    let sums = Sums::new(files);
    drain(&Work { blocks: &shared, partials, sources, fill, values: &values, sums: &sums })?;
    drop(values);
    for (param, blocks) in alone {
        let values = BTreeMap::from([(param, fill.values(param)?)]);
        drain(&Work { blocks: &blocks, partials, sources, fill, values: &values, sums: &sums })?;
    }
    sums.finish(files, partials)
}

/// Cuts a file into blocks that end at multiples of [`BLOCK`] in the file, as far as elements allow: then a page of
/// the file is written by one thread.
fn cut<'a>(
    file: &'a OutputFile,
    index: usize,
    shared: &mut Vec<Block<'a>>,
    alone: &mut BTreeMap<usize, Vec<Block<'a>>>,
) {
    let mut offset = 0u64;
    let mut open = Block { file: index, offset: 0, len: 0, parts: Vec::new() };
    for (number, piece) in file.pieces.iter().enumerate() {
        let (size, queue, block) = match piece {
            Piece::Values { param, whole: true, size, .. } => (u64::from(*size), Some(*param), WHOLE_BLOCK),
            Piece::Values { size, .. } => (u64::from(*size), None, BLOCK),
            _ => (1, None, BLOCK),
        };
        if queue.is_some() {
            close(&mut open, offset, shared);
        }
        let mut start = 0;
        while start < piece.len() {
            let room = block - (open.offset + open.len) % block;
            // An element that straddles the border goes with the next block.
            let room = if room < size { room + block } else { room };
            let rest = piece.len() - start;
            let len = rest.min(room - room % size);
            open.parts.push(Part { piece, index: number, start, len });
            open.len += len;
            (start, offset) = (start + len, offset + len);
            if len < rest || offset.is_multiple_of(block) {
                close(&mut open, offset, queue.map_or(&mut *shared, |param| alone.entry(param).or_default()));
            }
        }
        if let Some(param) = queue {
            close(&mut open, offset, alone.entry(param).or_default());
        }
    }
    close(&mut open, offset, shared);
}

fn close<'a>(open: &mut Block<'a>, offset: u64, queue: &mut Vec<Block<'a>>) {
    let next = Block { file: open.file, offset, len: 0, parts: Vec::new() };
    let block = std::mem::replace(open, next);
    if !block.parts.is_empty() {
        queue.push(block);
    }
}

/// Everything that the threads share.
struct Work<'a> {
    blocks: &'a [Block<'a>],
    partials: &'a [Partial],
    sources: &'a [&'a Source],
    fill: &'a dyn Fill,
    values: &'a BTreeMap<usize, Box<dyn Values + 'a>>,
    sums: &'a Sums,
}

/// Lets every thread take blocks until there are none, or one has failed.
fn drain(work: &Work) -> Result<(), FileError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let first_error = Mutex::new(None);
    let worker = || {
        let mut buffer = Buffer::default();
        while !failed.load(Ordering::Relaxed) {
            let Some(block) = work.blocks.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if let Err(error) = work.write(block, &mut buffer) {
                failed.store(true, Ordering::Relaxed);
                first_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                return;
            }
        }
    };
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(work.blocks.len()) {
            scope.spawn(|_| worker());
        }
    });
    first_error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Work<'_> {
    fn write(&self, block: &Block, buffer: &mut Buffer) -> Result<(), FileError> {
        let out = buffer.take(block.len as usize);
        let (mut at, mut drawn) = (0, 0);
        for part in &block.parts {
            let target = &mut out[at..at + part.len as usize];
            at += target.len();
            match part.piece {
                Piece::Bytes(bytes) => target.copy_from_slice(&bytes[part.start as usize..][..target.len()]),
                Piece::Plan(id) => target.copy_from_slice(&id.as_bytes()[part.start as usize..][..target.len()]),
                Piece::Source { file, offset, .. } => self.sources[*file].read_at(offset + part.start, target)?,
                Piece::Values { param, size, .. } => {
                    drawn += part.len;
                    self.values[param].fill(part.start / u64::from(*size), target)?;
                }
                // Known only when everything is written.
                Piece::Checksum { .. } => target.fill(0),
            }
            self.sums.note(block.file, part.index, part.start, target);
        }
        self.partials[block.file].write_at(out, block.offset)?;
        self.fill.advance(drawn);
        Ok(())
    }
}

/// Memory that a thread reuses for all its blocks.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    /// `len` bytes of arbitrary content, aligned.
    fn take(&mut self, len: usize) -> &mut [u8] {
        if self.0.len() < len + ALIGN {
            self.0 = vec![0; len.max(BLOCK as usize) + ALIGN];
        }
        let skip = self.0.as_ptr().align_offset(ALIGN).min(ALIGN);
        &mut self.0[skip..skip + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::Change;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicU64;

    /// Element `i` of parameter `p` has the bytes of a number that says both.
    struct Numbers {
        sizes: Vec<u32>,
        advanced: AtomicU64,
        fail_at: Option<u64>,
    }

    struct Number(usize, usize, Option<u64>);

    fn element(param: usize, index: u64, size: usize) -> Vec<u8> {
        ((param as u64) << 56 | index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8).to_le_bytes()[..size].to_vec()
    }

    impl Fill for Numbers {
        fn change(&self, _: usize) -> Change {
            Change::Keep
        }

        fn values<'a>(&'a self, param: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
            Ok(Box::new(Number(param, self.sizes[param] as usize, self.fail_at)))
        }

        fn advance(&self, bytes: u64) {
            self.advanced.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    impl Values for Number {
        fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error> {
            assert_eq!(out.len() % self.1, 0);
            if self.2.is_some_and(|at| start >= at) {
                return Err(fanin::Refusal::new("it broke", "it to hold", "Mend it.").into());
            }
            for (i, chunk) in out.chunks_mut(self.1).enumerate() {
                chunk.copy_from_slice(&element(self.0, start + i as u64, self.1));
            }
            Ok(())
        }
    }

    fn numbers(sizes: Vec<u32>, fail_at: Option<u64>) -> Numbers {
        Numbers { sizes, advanced: AtomicU64::new(0), fail_at }
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let size = prop::sample::select(vec![1u32, 2, 4, 8]);
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..50).prop_map(Piece::Bytes),
            (0u64..1000, 0u64..3000).prop_map(|(offset, len)| Piece::Source { file: 0, offset, len }),
            (0u64..40, size.clone(), any::<bool>()).prop_map(|(count, size, whole)| values(count, size, whole)),
            (200_000u64..500_000, size, any::<bool>()).prop_map(|(count, size, whole)| values(count, size, whole)),
        ]
    }

    fn values(count: u64, size: u32, whole: bool) -> Piece {
        Piece::Values { param: 0, count, size, whole }
    }

    /// Gives every piece of values its own parameter.
    fn number(pieces: &mut [Piece]) -> Vec<u32> {
        let mut sizes = Vec::new();
        for piece in pieces {
            if let Piece::Values { param, size, .. } = piece {
                *param = sizes.len();
                sizes.push(*size);
            }
        }
        sizes
    }

    fn expected(pieces: &[Piece], source: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => all.extend(bytes),
                Piece::Plan(id) => all.extend(id.as_bytes()),
                Piece::Source { offset, len, .. } => {
                    all.extend(&source[*offset as usize..][..*len as usize]);
                }
                Piece::Values { param, count, size, .. } => {
                    all.extend((0..*count).flat_map(|i| element(*param, i, *size as usize)));
                }
                Piece::Checksum { pieces: covered } => {
                    all.extend(crc32fast::hash(&expected(&pieces[covered.clone()], source)).to_le_bytes());
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_file_is_its_pieces_in_order(mut pieces in prop::collection::vec(piece(), 0..8), cut in 0usize..8) {
            // A checksum in front of what it covers and one behind it, as archives have them.
            let cut = cut.min(pieces.len());
            pieces.insert(0, Piece::Checksum { pieces: 1..1 + cut });
            pieces.push(Piece::Checksum { pieces: 1 + cut..pieces.len() });
            let dir = tempfile::tempdir().unwrap();
            let source: Vec<u8> = (0..4000u32).map(|i| (i * 7 % 251) as u8).collect();
            std::fs::write(dir.path().join("source"), &source).unwrap();
            let opened = Source::open(&dir.path().join("source")).unwrap();
            let fill = numbers(number(&mut pieces), None);
            let file = OutputFile { path: dir.path().join("out"), pieces };
            super::super::write(std::slice::from_ref(&file), &[&opened], &fill, false).unwrap();
            let written = std::fs::read(&file.path).unwrap();
            prop_assert!(written == expected(&file.pieces, &source));
            let drawn = file.pieces.iter().filter(|p| matches!(p, Piece::Values { .. })).map(Piece::len).sum::<u64>();
            prop_assert_eq!(fill.advanced.into_inner(), drawn);
        }
    }

    #[test]
    fn blocks_end_at_round_offsets() {
        let pieces =
            vec![Piece::Bytes(vec![0; 64]), values(1 << 20, 4, false), Piece::Bytes(vec![0; 3]), values(9, 8, false)];
        let file = OutputFile { path: "x".into(), pieces };
        let (mut shared, mut alone) = (Vec::new(), BTreeMap::new());
        cut(&file, 0, &mut shared, &mut alone);
        assert!(alone.is_empty());
        let ends: Vec<_> = shared.iter().map(|b| b.offset + b.len).collect();
        assert_eq!(ends, [1 << 20, 2 << 20, 3 << 20, 4 << 20, (4 << 20) + 64 + 3 + 72]);
    }

    #[test]
    fn an_error_while_making_values_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        for whole in [false, true] {
            let fill = numbers(vec![4], Some(1 << 20));
            let file = OutputFile { path: dir.path().join("out"), pieces: vec![values(6 << 20, 4, whole)] };
            let error = super::super::write(&[file], &[], &fill, false).unwrap_err();
            assert!(error.to_string().contains("it broke"), "{error}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
