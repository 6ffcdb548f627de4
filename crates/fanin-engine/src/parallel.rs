//! Work on several threads, cut in a way that does not depend on their number.
//!
//! What runs on a piece is taken as `dyn`, so that the machinery is compiled once for each type of element and not once
//! for each use; a piece is thousands of elements, and the call is not seen.

use crate::element::Element;
use crate::spare;
use rayon::prelude::*;

/// Elements that one thread handles at a time: a few microseconds of cheap work, and it fits the first-level cache.
pub(crate) const GRAIN: usize = 8 * 1024;

/// Runs `work` on one of the threads that share it.
///
/// A step divides its work dozens of times. Each time a thread from outside would hand it over and sleep until it is done,
/// some microseconds that a thread of the pool does not lose.
pub(crate) fn among_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Fills `out` piece by piece: `fill(start, piece)` writes the elements from `start` on.
///
/// Each element depends on its position alone, so the pieces may be of any size.
pub(crate) fn fill<T: Send>(out: &mut [T], fill: &(dyn Fn(usize, &mut [T]) + Sync)) {
    pieces(out, GRAIN, &|i, piece| fill(i * GRAIN, piece));
}

/// Fills `out`, whose rows have `width` elements, some whole rows at a time: `fill(first_row, rows)`.
pub(crate) fn rows<T: Send>(out: &mut [T], width: usize, fill: &(dyn Fn(usize, &mut [T]) + Sync)) {
    // Rows of no elements are nothing to fill.
    let Some(height) = GRAIN.checked_div(width).map(|height| height.max(1)) else { return };
    pieces(out, height * width, &|i, piece| fill(i * height, piece));
}

/// Runs `each(i, piece)` on every piece of `size` elements, on several threads if there is enough to do.
pub(crate) fn pieces<T: Send>(out: &mut [T], size: usize, each: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if out.len() <= 2 * GRAIN {
        out.chunks_mut(size).enumerate().for_each(|(i, piece)| each(i, piece));
    } else {
        out.par_chunks_mut(size).enumerate().for_each(|(i, piece)| each(i, piece));
    }
}

/// The same, on several threads in any case: for pieces that are much work.
pub(crate) fn heavy_pieces<T: Send>(out: &mut [T], size: usize, each: &(dyn Fn(usize, &mut [T]) + Sync)) {
    out.par_chunks_mut(size).enumerate().for_each(|(i, piece)| each(i, piece));
}

/// What is done with piece `i` of two lists.
type EachPair<'a, A, B> = dyn Fn(usize, &mut [A], &mut [B]) + Sync + 'a;

/// Runs `each(i, piece of a, piece of b)` on pieces of `size` elements of two lists of one length, on several threads.
pub(crate) fn heavy_pairs<A: Send, B: Send>(a: &mut [A], b: &mut [B], size: usize, each: &EachPair<'_, A, B>) {
    a.par_chunks_mut(size).zip(b.par_chunks_mut(size)).enumerate().for_each(|(i, (a, b))| each(i, a, b));
}

/// A vector of `n` elements, filled piece by piece; each piece has to be overwritten.
pub(crate) fn build<T: Element>(n: usize, fill_piece: &(dyn Fn(usize, &mut [T]) + Sync)) -> Vec<T> {
    let mut out = spare::any(n);
    fill(&mut out, fill_piece);
    out
}

/// `f` of each element.
pub(crate) fn map<T: Element, O: Element>(x: &[T], f: impl Fn(T) -> O + Sync) -> Vec<O> {
    build(x.len(), &|start, out| {
        for (out, &x) in out.iter_mut().zip(&x[start..]) {
            *out = f(x);
        }
    })
}

/// `f` of each pair of elements.
pub(crate) fn zip<A: Element, B: Element, O: Element>(a: &[A], b: &[B], f: impl Fn(A, B) -> O + Sync) -> Vec<O> {
    build(a.len(), &|start, out| {
        for ((out, &a), &b) in out.iter_mut().zip(&a[start..]).zip(&b[start..]) {
            *out = f(a, b);
        }
    })
}
