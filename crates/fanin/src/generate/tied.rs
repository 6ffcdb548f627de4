//! Values that follow from those of another parameter: its transpose, or the lengths of its slices.

use super::{Filler, sized};
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::kernel;
use crate::plan::Origin;
use crate::region::Region;
use crate::tied::kept;
use std::ops::Range;

/// Elements of the other parameter that are held at a time while lengths are summed.
const BLOCK: u64 = 1 << 20;

/// Elements as bytes, all of them.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Vec<u8>,
    size: usize,
}

impl Held {
    /// The elements from `start` on.
    pub(super) fn copy(&self, start: u64, out: &mut [u8]) {
        let from = start as usize * self.size;
        out.copy_from_slice(&self.bytes[from..from + out.len()]);
    }

    /// The lengths of the slices of what `origin` draws, as it is stored: rounded to its element type.
    ///
    /// The squares of a slice are added in double precision and in the order of its elements, so that the lengths are the
    /// same on any number of threads.
    pub(super) fn lengths(origin: &Origin, seed: u64) -> Result<Held, Refusal> {
        let (drawn, dtype) = (origin.drawn, origin.decision.dtype);
        let shape = &drawn.param.shape;
        let size = sized(dtype, &origin.decision.param.name)?;
        let keep = kept(&origin.decision.param.shape, shape).ok_or_else(|| {
            let wrong = format!("lengths of shape {:?} of a weight of shape {shape:?}", origin.decision.param.shape);
            Refusal::new(wrong, "one length for each index of the dimensions that are kept", "Mend the plan's `tied`.")
        })?;
        let count: u64 = shape.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(n, _)| n).product();
        let mut sums = vec![0.0; count as usize];
        let filler = Filler::new(&origin.laws, seed, &drawn.key, drawn.dtype)?.adjusted(&drawn.adjust)?;
        let (total, step) = (drawn.param.count()?, drawn.dtype.size().unwrap_or(1));
        let mut buffer = vec![0; BLOCK.min(total) as usize * step];
        let mut start = 0;
        while start < total {
            let end = total.min(start + BLOCK);
            let block = &mut buffer[..(end - start) as usize * step];
            filler.fill(&Region::Flat(start..end), block)?;
            add_squares(block, drawn.dtype, start..end, &slices(shape, &keep), &mut sums);
            start = end;
        }
        let lengths: Vec<f64> = sums.into_iter().map(f64::sqrt).collect();
        Ok(Held { bytes: rounded(&lengths, dtype, size)?, size })
    }
}

/// For each dimension, outermost first: how many elements one index spans, its size, and by how much the index of the
/// slice grows (0 where the dimension is summed over).
fn slices(shape: &[u64], keep: &[bool]) -> Vec<(u64, u64, u64)> {
    let (mut span, mut stride, mut dims) = (1, 1, Vec::new());
    for (&size, &keep) in shape.iter().zip(keep).rev() {
        dims.push((span, size, if keep { stride } else { 0 }));
        span *= size;
        stride *= if keep { size } else { 1 };
    }
    dims.reverse();
    dims
}

fn add_squares(bytes: &[u8], dtype: Dtype, range: Range<u64>, dims: &[(u64, u64, u64)], sums: &mut [f64]) {
    let size = dtype.size().unwrap_or(1);
    for (element, index) in bytes.chunks_exact(size).zip(range) {
        let slice: u64 = dims.iter().map(|(span, size, stride)| index / span % size * stride).sum();
        let value = dtype.number(element).unwrap_or(f64::NAN);
        sums[slice as usize] += value * value;
    }
}

fn rounded(values: &[f64], dtype: Dtype, size: usize) -> Result<Vec<u8>, Refusal> {
    if dtype == Dtype::F64 {
        return Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    let mut bytes = vec![0; values.len() * size];
    kernel::round_into(&values, dtype, &mut bytes)?;
    Ok(bytes)
}

/// A matrix read by columns.
pub(super) struct Columns<'a> {
    source: Source<'a>,
    /// Shape of the matrix that is drawn.
    rows: u64,
    width: u64,
    size: usize,
}

enum Source<'a> {
    /// Independent values can be had one by one.
    Each(Box<Filler<'a>>),
    /// Values that depend on each other are made together, once.
    Whole(Held),
}

impl<'a> Columns<'a> {
    pub(super) fn new(origin: &'a Origin, seed: u64) -> Result<Columns<'a>, Refusal> {
        let (drawn, dtype) = (origin.drawn, origin.decision.dtype);
        let &[rows, width] = &drawn.param.shape[..] else {
            let wrong = format!("`{}` has the shape {:?}", drawn.param.name, drawn.param.shape);
            return Err(Refusal::new(wrong, "a matrix, to be transposed", "Mend the plan's `tied`."));
        };
        let filler = Filler::new(&origin.laws, seed, &drawn.key, dtype)?.adjusted(&drawn.adjust)?;
        let size = filler.size;
        let source = if filler.is_whole() {
            let mut bytes = vec![0; drawn.param.count()? as usize * size];
            filler.fill(&Region::All, &mut bytes)?;
            Source::Whole(Held { bytes, size })
        } else {
            Source::Each(Box::new(filler))
        };
        Ok(Columns { source, rows, width, size })
    }

    /// The elements of the transpose from `start` on.
    pub(super) fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Refusal> {
        let end = start + (out.len() / self.size) as u64;
        if start == end {
            return Ok(());
        }
        // Row j of the transpose is column j of the matrix: a block of whole columns holds what is wanted.
        let (first, last) = (start / self.rows, end.div_ceil(self.rows));
        let mut piece = vec![0; (last - first) as usize * self.size];
        for row in 0..self.rows {
            let from = row * self.width + first;
            match &self.source {
                Source::Each(filler) => filler.fill_flat(from, &mut piece)?,
                Source::Whole(held) => held.copy(from, &mut piece),
            }
            for (column, element) in (first..last).zip(piece.chunks_exact(self.size)) {
                let to = column * self.rows + row;
                if (start..end).contains(&to) {
                    let to = (to - start) as usize * self.size;
                    out[to..to + self.size].copy_from_slice(element);
                }
            }
        }
        Ok(())
    }
}
