//! Rearranging the axes of an [`Array`]: reshapes, transposes, broadcasts, sums over axes.

use super::array::{Array, Atom, Causal, MOST_ATOMS, spread};
use super::profile::Profile;

impl Array {
    /// Both tables rewritten: `f` gives the new table for an old one.
    fn retabled(&self, dims: Vec<Vec<Atom>>, f: impl Fn(&[f64]) -> Vec<f64>) -> Array {
        let keeps = dims.iter().flatten().any(|atom| atom.mirrored);
        let pair = self.pair.as_ref().filter(|_| keeps).map(|pair| f(pair));
        Array { dims, mean: self.mean, table: f(&self.table), pair }
    }

    /// The array without axis `at` of dimension `dim`; `f` makes one moment of those of pairs that agree and that differ.
    fn removed(&self, dim: usize, at: usize, f: impl Fn(f64, f64) -> f64) -> Array {
        let mut dims = self.dims.clone();
        dims[dim].remove(at);
        let bit = self.place(dim).0 + at;
        self.retabled(dims, |table| {
            (0..table.len() / 2).map(|mask| f(table[spread(mask, bit) | 1 << bit], table[spread(mask, bit)])).collect()
        })
    }

    /// The mean over dimensions, which become dimensions of size 1.
    pub(super) fn averaged(&self, dims: &[usize]) -> Array {
        let mut array = self.clone();
        for &dim in dims {
            while let Some(atom) = array.dims[dim].first() {
                let n = atom.size as f64;
                array = array.removed(dim, 0, |agree, differ| agree / n + (1.0 - 1.0 / n) * differ);
            }
        }
        array
    }

    /// The sum over dimensions, which become dimensions of size 1.
    pub(super) fn summed(&self, dims: &[usize]) -> Array {
        let count: f64 = dims.iter().map(|&dim| self.size(dim) as f64).product();
        self.averaged(dims).affine(count, 0.0)
    }

    /// One index of a dimension, which is left out.
    pub(super) fn indexed(&self, dim: usize) -> Array {
        let mut array = self.clone();
        while !array.dims[dim].is_empty() {
            array = array.removed(dim, 0, |agree, _| agree);
        }
        array.dims.remove(dim);
        array
    }

    /// Dimensions in another order.
    pub(super) fn permuted(&self, order: &[usize]) -> Option<Array> {
        let mut seen = vec![false; self.rank()];
        for &dim in order {
            if std::mem::replace(seen.get_mut(dim)?, true) {
                return None;
            }
        }
        if order.len() != self.rank() {
            return None;
        }
        let dims: Vec<Vec<Atom>> = order.iter().map(|&dim| self.dims[dim].clone()).collect();
        let bits: Vec<usize> = order
            .iter()
            .flat_map(|&dim| {
                let (first, len) = self.place(dim);
                first..first + len
            })
            .collect();
        let old = |mask: usize| bits.iter().enumerate().map(|(new, &old)| (mask >> new & 1) << old).sum::<usize>();
        let draw = self.draw();
        Some(self.retabled(dims, |table| (0..table.len()).map(|mask| table[old(mask) | mask & draw]).collect()))
    }

    /// Puts in a dimension of size 1.
    pub(super) fn unsqueezed(mut self, dim: usize) -> Array {
        self.dims.insert(dim.min(self.rank()), Vec::new());
        self
    }

    /// Repeats a dimension of size 1: all its indices hold the same.
    pub(super) fn repeated(&self, dim: usize, atoms: &[Atom]) -> Option<Array> {
        let mut array = self.clone();
        for (at, atom) in atoms.iter().enumerate() {
            let bit = array.place(dim).0 + at;
            if array.atoms().count() >= MOST_ATOMS {
                return None;
            }
            let mut dims = array.dims.clone();
            dims[dim].push(Atom { mirrored: false, profile: None, causal: Causal::Free, lags: None, ..atom.clone() });
            let low = (1 << bit) - 1;
            array = array.retabled(dims, |table| {
                (0..2 * table.len()).map(|mask| table[(mask & low) | (mask >> 1 & !low)]).collect()
            });
        }
        Some(array)
    }

    /// Cuts an axis into an outer and an inner one.
    fn split(&self, dim: usize, at: usize, outer: u64) -> Array {
        let mut dims = self.dims.clone();
        let atom = dims[dim][at].clone();
        let inner = atom.size / outer;
        let (above, below) = atom.profile.as_ref().map_or((None, None), |own| own.split(outer, inner));
        let mirrored = atom.mirrored && outer.is_multiple_of(2);
        let first = Atom { size: outer, mirrored, profile: above, lags: None, ..atom.clone() };
        dims[dim][at] = first;
        dims[dim].insert(at + 1, Atom { size: inner, mirrored: false, profile: below, lags: None, ..atom });
        let bit = self.place(dim).0 + at;
        // Two indices are the same only if both the outer and the inner ones are.
        let old = |mask: usize| {
            let (low, both) = (mask & ((1 << bit) - 1), mask >> bit & 3 == 3);
            low | usize::from(both) << bit | (mask >> (bit + 2)) << (bit + 1)
        };
        self.retabled(dims, |table| (0..2 * table.len()).map(|mask| table[old(mask)]).collect())
    }

    /// Makes one axis of axis `at` of a dimension and the next: what tells how far two indices differ is averaged away.
    fn fused(&self, dim: usize, at: usize) -> Array {
        let mut dims = self.dims.clone();
        let inner = dims[dim].remove(at + 1);
        let outer = dims[dim][at].clone();
        let (m, n) = (outer.size as f64, inner.size as f64);
        let sizes = (outer.size, inner.size);
        let profile = Profile::fused(outer.profile.as_ref(), inner.profile.as_ref(), sizes);
        dims[dim][at] = Atom { size: outer.size * inner.size, profile, lags: None, ..outer };
        let bit = self.place(dim).0 + at;
        self.retabled(dims, |table| {
            (0..table.len() / 2)
                .map(|mask| {
                    let (low, high) = (mask & ((1 << bit) - 1), (mask >> (bit + 1)) << (bit + 2));
                    let at = |both: usize| table[low | both << bit | high];
                    if mask >> bit & 1 == 1 {
                        return at(3);
                    }
                    ((n - 1.0) * at(1) + (m - 1.0) * at(2) + (m - 1.0) * (n - 1.0) * at(0)) / (m * n - 1.0)
                })
                .collect()
        })
    }

    /// One axis (or none, for size 1) for a dimension.
    pub(super) fn flat(&self, dim: usize) -> Array {
        let mut array = self.clone();
        while array.dims[dim].len() > 1 {
            array = array.fused(dim, 0);
        }
        array
    }

    /// The array with another shape of as many elements.
    pub(super) fn reshaped(&self, shape: &[u64]) -> Option<Array> {
        let total = |shape: &[u64]| shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        if total(shape)? != total(&self.shape())? || shape.contains(&0) {
            return None;
        }
        // All axes in one dimension, from which they are dealt out.
        let mut flat = self.clone();
        flat.dims = vec![self.dims.concat()];
        let mut at = 0;
        let mut counts = Vec::with_capacity(shape.len());
        for &size in shape {
            let (mut left, first) = (size, at);
            while left > 1 {
                let atom = flat.dims[0].get(at)?.size;
                if left.is_multiple_of(atom) {
                    left /= atom;
                    at += 1;
                } else if atom.is_multiple_of(left) {
                    if flat.dims[0].len() > MOST_ATOMS + 2 {
                        return None;
                    }
                    flat = flat.split(0, at, left);
                } else {
                    flat.dims[0].get(at + 1)?;
                    flat = flat.fused(0, at);
                }
            }
            counts.push(at - first);
        }
        let mut rest = std::mem::take(&mut flat.dims[0]).into_iter();
        flat.dims = counts.iter().map(|&n| rest.by_ref().take(n).collect()).collect();
        flat.pair = flat.pair.filter(|_| flat.dims.iter().flatten().any(|atom| atom.mirrored));
        flat.bounded()
    }

    /// At most [`MOST_ATOMS`] axes: those of one dimension are made one where there are too many.
    fn bounded(self) -> Option<Array> {
        let mut array = self;
        while array.atoms().count() > MOST_ATOMS {
            let dim = array.dims.iter().position(|atoms| atoms.len() > 1)?;
            array = array.fused(dim, 0);
        }
        Some(array)
    }

    /// The axes of `dim` as `sizes` say, which multiply to its size.
    pub(super) fn regrouped(&self, dim: usize, sizes: &[u64]) -> Option<Array> {
        if self.dims[dim].iter().map(|atom| atom.size).eq(sizes.iter().copied()) {
            return Some(self.clone());
        }
        let mut shape = self.shape();
        shape.splice(dim..=dim, sizes.iter().copied());
        let mut array = self.reshaped(&shape)?;
        for at in dim..dim + sizes.len() {
            array = array.flat(at);
        }
        let joined: Vec<Atom> = array.dims.splice(dim..dim + sizes.len(), []).flatten().collect();
        array.dims.insert(dim, joined);
        Some(array)
    }

    /// The whole array without what tells its axes apart: one axis a dimension.
    pub(super) fn coarse(&self) -> Array {
        (0..self.rank()).fold(self.clone(), |array, dim| array.flat(dim))
    }

    /// `count` indices of a dimension, taken without regard to which.
    pub(super) fn taken(&self, dim: usize, count: u64) -> Option<Array> {
        if count == 0 || dim >= self.rank() {
            return None;
        }
        if count == self.size(dim) {
            return Some(self.clone());
        }
        let mut array = self.flat(dim);
        if count == 1 {
            return Some(array.indexed(dim).unsqueezed(dim));
        }
        let atom = Atom::new(count);
        let mirrored = array.dims[dim][0].mirrored;
        array.dims[dim] = vec![atom];
        Some(if mirrored { array.without_pair() } else { array })
    }

    /// The indices from `start` of a dimension, with the scale that they have.
    pub(super) fn block(&self, dim: usize, start: u64, count: u64) -> Option<Array> {
        let flat = self.flat(dim);
        let own = flat.dims.get(dim)?.first().and_then(|atom| atom.profile.clone());
        let mut array = flat.taken(dim, count)?;
        let Some(own) = own else { return Some(array) };
        let (profile, factor) = own.block(start, count);
        if let Some(atom) = array.dims[dim].first_mut() {
            atom.profile = profile;
        }
        let mean = array.mean * factor.max(0.0).sqrt();
        Some(array.with(mean, |k| k * factor))
    }

    /// The array as the `count` indices from `start` of a dimension of `total`, all others of which are 0.
    pub(super) fn embedded(&self, dim: usize, start: u64, total: u64) -> Option<Array> {
        let count = self.size(dim);
        if count == total {
            return Some(self.clone());
        }
        let mut array = self.flat(dim);
        let (n, all) = (count as f64, total as f64);
        if total < count {
            return None;
        }
        let own = array.dims[dim].first().and_then(|atom| atom.profile.clone());
        if array.dims[dim].is_empty() {
            array = array.repeated(dim, &[Atom::new(total)])?;
        } else {
            array.dims[dim] = vec![Atom::new(total)];
        }
        array.dims[dim][0].profile = Profile::embedded(own.as_ref(), start, count, total);
        let (bit, _) = array.place(dim);
        let differ = if all > 1.0 { n * (n - 1.0) / (all * (all - 1.0)) } else { 0.0 };
        for (mask, k) in array.table.iter_mut().enumerate() {
            *k *= if mask >> bit & 1 == 1 { n / all } else { differ };
        }
        array.mean *= n / all;
        Some(array.without_pair())
    }

    /// Both arrays with one shape and the same axes, as element-wise operators see them.
    pub(super) fn aligned(&self, other: &Array) -> Option<(Array, Array)> {
        let rank = self.rank().max(other.rank());
        let padded = |array: &Array| (array.rank()..rank).fold(array.clone(), |array, _| array.unsqueezed(0));
        let (mut a, mut b) = (padded(self), padded(other));
        for dim in 0..rank {
            match (a.size(dim), b.size(dim)) {
                (1, 1) => {}
                (1, _) => a = a.repeated(dim, &b.dims[dim])?,
                (_, 1) => b = b.repeated(dim, &a.dims[dim])?,
                (m, n) if m == n => (a, b) = alike(&a, dim, &b, dim)?,
                _ => return None,
            }
        }
        Some((a, b))
    }
}

/// The dimension `i` of `a` and `j` of `b`, which have one size, cut into the same axes.
pub(super) fn alike(a: &Array, i: usize, b: &Array, j: usize) -> Option<(Array, Array)> {
    let sizes = |array: &Array, dim: usize| array.dims[dim].iter().map(|atom| atom.size).collect::<Vec<_>>();
    let common = refined(&sizes(a, i), &sizes(b, j))?;
    Some((a.regrouped(i, &common)?, b.regrouped(j, &common)?))
}

/// The finest axes into which both lists can be cut.
fn refined(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let (mut a, mut b) = (a.iter().copied(), b.iter().copied());
    let (mut left, mut right) = (a.next(), b.next());
    let mut common = Vec::new();
    while let (Some(x), Some(y)) = (left, right) {
        if x == y {
            common.push(x);
            (left, right) = (a.next(), b.next());
        } else if x.is_multiple_of(y) {
            common.push(y);
            (left, right) = (Some(x / y), b.next());
        } else if y.is_multiple_of(x) {
            common.push(x);
            (left, right) = (a.next(), Some(y / x));
        } else if x < y {
            left = Some(x.checked_mul(a.next()?)?);
        } else {
            right = Some(y.checked_mul(b.next()?)?);
        }
    }
    (left.is_none() && right.is_none()).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four moments that tell the axes apart.
    fn sample() -> Array {
        let mut array = Array::independent(&[4, 6], 0.0, 1.0).unwrap();
        array.table = vec![0.0, 0.01, 0.02, 0.03, 0.1, 0.2, 0.4, 1.0];
        array
    }

    #[test]
    fn a_reshape_and_back_loses_nothing() {
        let array = sample();
        for shape in [&[24][..], &[2, 12], &[2, 2, 3, 2], &[4, 1, 6]] {
            let there = array.reshaped(shape).unwrap();
            assert_eq!(there.shape(), shape);
            let back = there.reshaped(&[4, 6]).unwrap().coarse();
            let close = back.table.iter().zip(&array.table).all(|(a, b)| (a - b).abs() < 1e-15);
            assert!(close, "{shape:?}: {:?}", back.table);
        }
        assert!(array.reshaped(&[5, 5]).is_none());
        // 8 and 3 cut 4 · 6 across its axes: what tells them apart is averaged.
        let across = array.reshaped(&[8, 3]).unwrap();
        assert_eq!(across.shape(), [8, 3]);
        assert!((across.averaged(&[0, 1]).second() - array.averaged(&[0, 1]).second()).abs() < 1e-15);
    }

    #[test]
    fn transposes_move_the_moments() {
        let turned = sample().permuted(&[1, 0]).unwrap();
        assert_eq!(turned.table, [0.0, 0.02, 0.01, 0.03, 0.1, 0.4, 0.2, 1.0]);
        assert!(sample().permuted(&[0, 0]).is_none() && sample().permuted(&[0]).is_none());
    }

    #[test]
    fn sums_and_means_weigh_pairs_by_their_number() {
        let mean = sample().averaged(&[1]);
        // Over 6 units: one sample 1/6 · 1 + 5/6 · 0.2 (agree on samples only: bit 0).
        assert!((mean.table[3] - (1.0 / 6.0 + 5.0 / 6.0 * 0.2)).abs() < 1e-15);
        assert!((mean.table[2] - (0.4 / 6.0 + 5.0 / 6.0 * 0.1)).abs() < 1e-15);
        assert!((sample().summed(&[1]).table[3] - 36.0 * mean.table[3]).abs() < 1e-12);
        let all = sample().averaged(&[0, 1]).second();
        assert!((all - sample().average(4, 3)).abs() < 1e-15);
    }

    #[test]
    fn broadcasting_repeats() {
        let bias = Array::independent(&[6], 1.0, 2.0).unwrap();
        let (x, b) = sample().aligned(&bias).unwrap();
        assert_eq!(b.table, [1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 3.0, 3.0]);
        assert_eq!(x.table, sample().table);
        assert!(sample().aligned(&Array::constant(&[5], 0.0).unwrap()).is_none());
    }

    #[test]
    fn axes_are_refined_to_common_ones() {
        assert_eq!(refined(&[4, 16], &[64]).unwrap(), [4, 16]);
        assert_eq!(refined(&[4, 16], &[8, 8]).unwrap(), [4, 2, 8]);
        assert_eq!(refined(&[4, 6], &[3, 8]).unwrap(), [4, 6]);
        assert!(refined(&[4], &[5]).is_none());
    }

    #[test]
    fn blocks_have_their_own_scale() {
        let mut array = Array::independent(&[2, 6], 0.0, 1.0).unwrap();
        array.dims[1][0].profile = Profile::new([(2, 0.0), (4, 1.5)]).0;
        assert_eq!(array.block(1, 0, 2).unwrap().second(), 0.0);
        assert_eq!(array.block(1, 2, 4).unwrap().second(), 1.5);
        let heads = array.reshaped(&[2, 3, 2]).unwrap();
        assert_eq!(heads.block(1, 0, 1).unwrap().second(), 0.0);
        let part = array.taken(1, 2).unwrap().embedded(1, 0, 6).unwrap();
        assert!((part.second() - 1.0 / 3.0).abs() < 1e-15);
    }
}
