//! Tensors whose elements are picked along each dimension for itself: padding, cropping, mirroring, nearest neighbours.

use crate::element::{Element, Float};
use crate::parallel::rows;

/// For each dimension of the result and each index along it, which index of the source is picked; nothing outside.
#[derive(Debug)]
pub(crate) struct Picks {
    source: Vec<usize>,
    picks: Vec<Vec<Option<usize>>>,
}

impl Picks {
    /// One list for each dimension of `source`, of indices below its size. A number is a list of one.
    pub(crate) fn new(source: &[usize], picks: Vec<Vec<Option<usize>>>) -> Picks {
        if source.is_empty() {
            return Picks { source: vec![1], picks: vec![vec![Some(0)]] };
        }
        Picks { source: source.to_vec(), picks }
    }

    /// Sizes of the result.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.picks.iter().map(Vec::len).collect()
    }

    /// The list of the last dimension: elements of a row.
    fn last(&self) -> &[Option<usize>] {
        self.picks.last().map_or(&[], Vec::as_slice)
    }

    /// Where the source's row begins that row `row` of the result is picked from.
    fn row(&self, mut row: usize) -> Option<usize> {
        let (outer, mut stride) = (self.picks.len().saturating_sub(1), self.source.last().copied().unwrap_or(1));
        let mut start = 0;
        for (picks, size) in self.picks[..outer].iter().zip(&self.source).rev() {
            start += picks[row % picks.len()]? * stride;
            row /= picks.len();
            stride *= size;
        }
        Some(start)
    }

    /// The elements picked; `outside` where there is nothing to pick.
    pub(crate) fn take<T: Element>(&self, x: &[T], outside: T) -> Vec<T> {
        let last = self.last();
        let mut out = vec![outside; self.shape().iter().product()];
        rows(&mut out, last.len(), &|first, out| {
            for (i, out) in out.chunks_mut(last.len()).enumerate() {
                let Some(start) = self.row(first + i) else { continue };
                for (out, pick) in out.iter_mut().zip(last) {
                    if let Some(pick) = pick {
                        *out = x[start + pick];
                    }
                }
            }
        });
        out
    }

    /// The gradient of what was picked from: each element's sum over where it went.
    pub(crate) fn give_back<T: Float>(&self, g: &[T]) -> Vec<T> {
        let last = self.last();
        let mut out = vec![T::ZERO; self.source.iter().product()];
        if last.is_empty() {
            return out;
        }
        for (row, g) in g.chunks(last.len()).enumerate() {
            let Some(start) = self.row(row) else { continue };
            for (&g, pick) in g.iter().zip(last) {
                if let Some(pick) = pick {
                    out[start + pick] += g;
                }
            }
        }
        out
    }

    /// The sum of the elements that came from nowhere.
    pub(crate) fn outside<T: Float>(&self, g: &[T]) -> T {
        let inside = self.take(&vec![true; self.source.iter().product()], false);
        g.iter().zip(inside).filter(|(_, inside)| !inside).fold(T::ZERO, |sum, (&g, _)| sum + g)
    }
}
