//! Reductions along axes, in an order that depends on the shape alone.

use crate::element::{Element, Float};
use crate::shape;
use crate::tensor::Tensor;
use crate::{error::mismatch, parallel};
use fanin::Refusal;
use std::ops::Range;

/// A way to reduce: elements are pushed into an accumulator, accumulators are merged in order.
pub(crate) trait Fold<T>: Sync {
    /// What is accumulated.
    type Acc: Copy + Send + Sync;
    /// Nothing yet.
    fn empty(&self) -> Self::Acc;
    /// One element more.
    fn push(&self, acc: Self::Acc, x: T) -> Self::Acc;
    /// Two accumulators. Elements reach them in a fixed but interleaved order, so this must not care which is first.
    fn merge(&self, first: Self::Acc, second: Self::Acc) -> Self::Acc;
}

/// Elements that are pushed into one accumulator before it is merged: it bounds the error of a long sum, and is how a
/// long reduction is divided among threads.
const STRETCH: usize = 4096;

/// Reduces `x` of `shape` along `axes` (ascending, distinct); the result is in row-major order of what is left.
pub(crate) fn fold<T: Element, F: Fold<T>>(x: &[T], shape: &[usize], axes: &[usize], fold: &F) -> Vec<F::Acc> {
    let groups = groups(shape, axes);
    let Some((&[before, reduced, after], rest)) = groups.split_last() else {
        return x.iter().map(|&x| fold.push(fold.empty(), x)).collect();
    };
    let mut accs = lanes(before, reduced, after, fold, &|index, acc| fold.push(acc, x[index]));
    for &[before, reduced, after] in rest.iter().rev() {
        accs = lanes(before, reduced, after, fold, &|index, acc| fold.merge(acc, accs[index]));
    }
    accs
}

/// Neighbouring reduced axes as one: `[before, reduced, after]` for each group, outermost first. They are reduced from
/// the last one on, so what counts behind a group are the dimensions that stay.
fn groups(shape: &[usize], axes: &[usize]) -> Vec<[usize; 3]> {
    let mut groups: Vec<[usize; 3]> = Vec::new();
    let mut last = None;
    for &axis in axes {
        let after: usize = (axis + 1..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).product();
        match groups.last_mut() {
            Some(group) if last == Some(axis.wrapping_sub(1)) => {
                group[1] *= shape[axis];
                group[2] = after;
            }
            _ => groups.push([shape[..axis].iter().product(), shape[axis], after]),
        }
        last = Some(axis);
    }
    groups
}

/// Reduces the middle of `[before, reduced, after]`; `push(index, acc)` adds the element at a flat index.
fn lanes<T, F: Fold<T>>(
    before: usize,
    reduced: usize,
    after: usize,
    fold: &F,
    push: &(impl Fn(usize, F::Acc) -> F::Acc + Sync),
) -> Vec<F::Acc> {
    let pieces = reduced.div_ceil(STRETCH).max(1);
    // One piece of one row: `after` accumulators over at most STRETCH elements each.
    let piece = |row: usize, piece: usize, out: &mut [F::Acc]| {
        let range = piece * STRETCH..((piece + 1) * STRETCH).min(reduced);
        if let [out] = out {
            *out = interleaved(row * reduced, range, fold, push);
            return;
        }
        for r in range {
            let start = (row * reduced + r) * after;
            for (a, acc) in out.iter_mut().enumerate() {
                *acc = push(start + a, *acc);
            }
        }
    };
    let mut partial = vec![fold.empty(); before * pieces * after];
    if after == 0 {
        return Vec::new();
    }
    let work = |i: usize, out: &mut [F::Acc]| piece(i / pieces, i % pieces, out);
    if before.saturating_mul(reduced).saturating_mul(after) > 2 * parallel::GRAIN {
        parallel::heavy_pieces(&mut partial, after, &work);
    } else {
        partial.chunks_mut(after).enumerate().for_each(|(i, out)| work(i, out));
    }
    if pieces == 1 {
        return partial;
    }
    let mut out = vec![fold.empty(); before * after];
    for (out, pieces) in out.chunks_mut(after).zip(partial.chunks(pieces * after)) {
        for piece in pieces.chunks(after) {
            for (out, &acc) in out.iter_mut().zip(piece) {
                *out = fold.merge(*out, acc);
            }
        }
    }
    out
}

/// Neighbouring elements into accumulators of their own, so that additions do not wait for each other.
fn interleaved<T, F: Fold<T>>(
    base: usize,
    range: Range<usize>,
    fold: &F,
    push: &impl Fn(usize, F::Acc) -> F::Acc,
) -> F::Acc {
    const WIDTH: usize = 16;
    let mut accs = [fold.empty(); WIDTH];
    let whole = range.len() / WIDTH * WIDTH;
    for start in (range.start..range.start + whole).step_by(WIDTH) {
        for (lane, acc) in accs.iter_mut().enumerate() {
            *acc = push(base + start + lane, *acc);
        }
    }
    for (acc, r) in accs.iter_mut().zip(range.start + whole..range.end) {
        *acc = push(base + r, *acc);
    }
    // In halves, as a tree.
    let mut width = WIDTH / 2;
    while width > 0 {
        for lane in 0..width {
            accs[lane] = fold.merge(accs[lane], accs[lane + width]);
        }
        width /= 2;
    }
    accs[0]
}

/// The plain sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum;

impl<T: Float> Fold<T> for Sum {
    type Acc = T;

    fn empty(&self) -> T {
        T::ZERO
    }

    #[inline]
    fn push(&self, acc: T, x: T) -> T {
        acc + x
    }

    #[inline]
    fn merge(&self, first: T, second: T) -> T {
        first + second
    }
}

/// Sums `x` of shape `from` to the shape `to`, which broadcasts to it: the gradient of broadcasting.
pub(crate) fn sum_to<T: Float>(x: Vec<T>, from: &[usize], to: &[usize]) -> Result<Tensor, Refusal> {
    if from == to {
        return Tensor::new(to, x);
    }
    let lead =
        from.len().checked_sub(to.len()).ok_or_else(|| mismatch(format!("{from:?} and {to:?}"), "a broadcast"))?;
    let axes: Vec<usize> = (0..from.len()).filter(|&i| i < lead || to[i - lead] == 1 && from[i] != 1).collect();
    if shape::count(to) == shape::count(from) {
        return Tensor::new(to, x);
    }
    Tensor::new(to, fold(&x, from, &axes, &Sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};

    #[test]
    fn sums_are_right_along_any_axes() {
        let shape = [3, 4, 5, 2];
        let x = random(&shape, 1);
        let x = x.values::<f64>().unwrap();
        let strides = crate::shape::strides(&shape);
        for bits in 0..16usize {
            let axes: Vec<usize> = (0..4).filter(|i| bits >> i & 1 == 1).collect();
            let left: Vec<usize> = (0..4).filter(|i| bits >> i & 1 == 0).collect();
            let left_shape: Vec<usize> = left.iter().map(|&i| shape[i]).collect();
            let mut expected = vec![0.0; left_shape.iter().product()];
            for (at, x) in x.iter().enumerate() {
                let index = left.iter().fold(0, |index, &i| index * shape[i] + at / strides[i] % shape[i]);
                expected[index] += x;
            }
            let sums = fold(x, &shape, &axes, &Sum);
            assert_eq!(sums.len(), expected.len(), "{axes:?}");
            assert!(sums.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{axes:?}");
        }
    }

    #[test]
    fn empty_dimensions_reduce_to_zeros_or_nothing() {
        assert_eq!(fold::<f32, _>(&[], &[2, 0], &[1], &Sum), [0.0; 2]);
        assert_eq!(fold::<f32, _>(&[], &[2, 0], &[0], &Sum), [0f32; 0]);
        assert_eq!(fold::<f32, _>(&[], &[0, 3, 0], &[0, 2], &Sum), [0.0; 3]);
    }

    #[test]
    fn long_sums_have_the_same_bits_on_any_number_of_threads() {
        let x = random(&[7, 30_000, 3], 5).cast(fanin::Dtype::F32).unwrap();
        let x = x.values::<f32>().unwrap();
        for axes in [&[1][..], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
            let sums = |threads| on_threads(threads, || fold(x, &[7, 30_000, 3], axes, &Sum));
            let one = sums(1);
            assert!([2, 3, 8].into_iter().all(|threads| sums(threads) == one), "{axes:?}");
        }
    }
}
