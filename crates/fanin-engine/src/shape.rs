//! Shapes: counts that cannot overflow, axes, broadcasting, and the loops of several operands over one shape.

use crate::error::mismatch;
use fanin::Refusal;
use std::ops::Range;

/// More elements than any tensor here may have; products with element sizes stay far from overflow.
const MOST_ELEMENTS: usize = 1 << 48;

/// Number of elements, if a tensor can have that many.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    // An empty dimension makes an empty tensor, however large the others are.
    if shape.contains(&0) {
        return shape.iter().all(|&d| d <= MOST_ELEMENTS).then_some(0);
    }
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d).filter(|&n| n <= MOST_ELEMENTS))
}

/// An axis given from the front, or from the back if negative, as an index below `rank`.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Refusal> {
    let own = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(own).ok().filter(|&own| own < rank).ok_or_else(|| {
        mismatch(format!("axis {axis} of a tensor of {rank} dimensions"), format!("−{rank} to {}", rank as i64 - 1))
    })
}

/// Distinct axes in ascending order.
pub(crate) fn axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, Refusal> {
    let mut own = axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    own.sort_unstable();
    if own.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(mismatch(format!("the axes {axes:?} name one twice"), "each axis once"));
    }
    Ok(own)
}

/// Steps from one element to the next, in each dimension of a row-major tensor.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i].saturating_mul(shape[i]);
    }
    strides
}

/// The shape that several shapes broadcast to: aligned at the end, sizes equal or 1.
pub(crate) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, Refusal> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (out, &d) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            if *out == 1 {
                *out = d;
            } else if d != 1 && d != *out {
                return Err(mismatch(
                    format!("the shapes {shapes:?} do not broadcast"),
                    "sizes that are equal or 1, from the last on",
                ));
            }
        }
    }
    Ok(out)
}

/// Nested loops over a shape in which each of `N` operands has strides of its own, with as few levels as possible.
///
/// An operand that is broadcast along a dimension has stride 0 there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loops<const N: usize> {
    /// Sizes, outermost first; at least one.
    dims: Vec<usize>,
    strides: Vec<[usize; N]>,
}

impl<const N: usize> Loops<N> {
    /// Loops over `shape` for row-major operands that broadcast to it.
    pub(crate) fn broadcast(shape: &[usize], operands: [&[usize]; N]) -> Loops<N> {
        let own = operands.map(|operand| {
            let mut own = vec![0; shape.len()];
            let lead = shape.len() - operand.len();
            for (i, stride) in strides(operand).into_iter().enumerate() {
                own[lead + i] = if operand[i] == 1 { 0 } else { stride };
            }
            own
        });
        Loops::new(shape, &own)
    }

    /// Loops over `shape` with explicit strides.
    pub(crate) fn new(shape: &[usize], strides: &[Vec<usize>; N]) -> Loops<N> {
        let mut loops = Loops { dims: Vec::new(), strides: Vec::new() };
        for (i, &size) in shape.iter().enumerate() {
            let own: [usize; N] = std::array::from_fn(|k| strides[k][i]);
            match (loops.dims.last_mut(), loops.strides.last_mut()) {
                _ if size == 1 => {}
                // Two dimensions are one if a step of the outer is as many steps of the inner as that is long.
                (Some(dim), Some(outer)) if (0..N).all(|k| outer[k] == own[k] * size) => {
                    *dim *= size;
                    *outer = own;
                }
                _ => {
                    loops.dims.push(size);
                    loops.strides.push(own);
                }
            }
        }
        if loops.dims.is_empty() {
            loops.dims.push(1);
            loops.strides.push([0; N]);
        }
        loops
    }

    /// Length of the innermost loop.
    pub(crate) fn inner(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }

    /// Strides of the innermost loop.
    pub(crate) fn steps(&self) -> [usize; N] {
        self.strides[self.strides.len() - 1]
    }

    /// Calls `run(offsets, at, length)` for each stretch of the innermost loop within `range` of the flat positions: the
    /// operands start at `offsets`, the result at `at` of the range.
    pub(crate) fn stretches(&self, range: Range<usize>, mut run: impl FnMut([usize; N], usize, usize)) {
        let inner = self.inner();
        let mut position = range.start;
        while position < range.end {
            let (row, column) = (position / inner, position % inner);
            let length = (inner - column).min(range.end - position);
            let steps = self.steps();
            let mut offsets = self.row(row);
            for k in 0..N {
                offsets[k] += column * steps[k];
            }
            run(offsets, position - range.start, length);
            position += length;
        }
    }

    /// Where the operands start in row `row` of the innermost loop.
    fn row(&self, mut row: usize) -> [usize; N] {
        let mut offsets = [0; N];
        for (&dim, strides) in self.dims.iter().zip(&self.strides).rev().skip(1) {
            let index = row % dim;
            row /= dim;
            for k in 0..N {
                offsets[k] += index * strides[k];
            }
        }
        offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_overflow() {
        assert_eq!(count(&[]), Some(1));
        assert_eq!(count(&[2, 0, 3]), Some(0));
        assert_eq!(count(&[usize::MAX, 0]), None);
        assert_eq!(count(&[1 << 40, 1 << 40]), None);
    }

    #[test]
    fn axes_count_from_either_end() {
        assert_eq!(axes(&[-1, 0], 3).unwrap(), [0, 2]);
        assert!(axes(&[-1, 2], 3).is_err());
        assert!(axis(3, 3).is_err() && axis(-4, 3).is_err() && axis(i64::MIN, 3).is_err());
    }

    #[test]
    fn broadcasting_aligns_at_the_end() {
        assert_eq!(broadcast(&[&[2, 1, 4], &[3, 1], &[]]).unwrap(), [2, 3, 4]);
        assert!(broadcast(&[&[2], &[3]]).is_err());
        assert_eq!(broadcast(&[&[0], &[1]]).unwrap(), [0]);
    }

    #[test]
    fn dimensions_that_run_together_are_one_loop() {
        assert_eq!(Loops::broadcast(&[2, 3, 4], [&[2, 3, 4], &[2, 3, 4]]).dims, [24]);
        assert_eq!(Loops::broadcast(&[2, 3, 4], [&[2, 3, 4], &[4]]).dims, [6, 4]);
        assert_eq!(Loops::broadcast(&[2, 3, 4], [&[2, 3, 4], &[2, 1, 1]]).dims, [2, 12]);
        assert_eq!(Loops::broadcast(&[2, 3, 4], [&[2, 3, 4], &[]]).dims, [24]);
        let loops = Loops::broadcast(&[2, 3, 4], [&[2, 1, 4], &[3, 1]]);
        let mut seen = Vec::new();
        loops.stretches(2..14, |offsets, at, length| seen.push((offsets, at, length)));
        assert_eq!(seen, [([2, 0], 0, 2), ([0, 1], 2, 4), ([0, 2], 6, 4), ([4, 0], 10, 2)]);
    }
}
