//! [`Array`]: what is known of a random tensor: its mean, and the second moment of any two of its elements.

use super::flow::Rows;
use super::profile::Profile;
use std::rc::Rc;

/// The most axes that an array distinguishes; the table of moments doubles with each.
pub(super) const MOST_ATOMS: usize = 9;

/// One axis along which all indices are alike. A dimension of a tensor is a product of such axes: `[batch · tokens]` after
/// a reshape is still the axis of samples and the axis of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Atom {
    /// Number of indices, at least 2.
    pub(super) size: u64,
    /// Index `i` of the first half is paired with index `i` of the second: [`Array::pair`].
    pub(super) mirrored: bool,
    /// Its part in scores to which a mask was added.
    pub(super) causal: Causal,
    /// How the second moment varies along it, where that is known; the table holds the average.
    pub(super) profile: Option<Profile>,
    /// E\[x x′\]/E\[x²\] of two steps in time by how far they are apart, from 1 on, where that is known; the table holds the
    /// average over all pairs.
    pub(super) lags: Option<Lags>,
}

/// By how far two steps are apart.
pub(super) type Lags = Rc<[f64]>;

/// What an axis is to a mask of attention.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Causal {
    #[default]
    Free,
    /// Each index sees the keys up to itself.
    Query,
    /// The keys of such queries.
    Key,
    /// Keys of which queries see so many.
    Some(Rows),
}

impl Atom {
    pub(super) fn new(size: u64) -> Atom {
        Atom { size, mirrored: false, causal: Causal::Free, profile: None, lags: None }
    }
}

/// A random tensor as a jointly exchangeable array: the second moment of two elements depends only on the axes along
/// which they have the same index.
///
/// This is what wide random networks give: units are alike, samples are alike, and so are places, edges aside. The moments
/// are averages over initial weights *and* inputs. For a batch of hidden units `[samples, units]` there are four:
/// E\[x²\] (agree on both), E\[x x′\] of one unit for two samples, of two units for one sample, and of neither. Besides
/// its axes, two elements may agree on the *draw* of the model's inputs, so that models of batch size 1 have a correlation
/// of two inputs, too.
#[derive(Clone, Debug)]
pub(super) struct Array {
    /// The axes of each dimension, outermost first. A dimension of size 1 has none.
    pub(super) dims: Vec<Vec<Atom>>,
    /// Mean of an element.
    pub(super) mean: f64,
    /// E\[x x′\] of two elements that agree on the axes of a set: bit `i` is the `i`-th axis of all dimensions,
    /// the bit after the last axis the draw of the inputs.
    pub(super) table: Vec<f64>,
    /// E\[x x′\] for an element and the partner of the other along the mirrored axis, where they "agree" on that axis;
    /// the other half of the table is not used. Only mirrored weights make it.
    pub(super) pair: Option<Vec<f64>>,
}

/// The bits of `mask` with a 0 put in at place `at`.
pub(super) fn spread(mask: usize, at: usize) -> usize {
    let low = (1 << at) - 1;
    (mask & low) | ((mask & !low) << 1)
}

/// The axis of a dimension of `size` indices, if it has any to tell apart.
pub(super) fn atoms_of(size: u64) -> Vec<Atom> {
    if size == 1 { Vec::new() } else { vec![Atom::new(size)] }
}

impl Array {
    /// A tensor of independent elements.
    pub(super) fn independent(shape: &[u64], mean: f64, variance: f64) -> Option<Array> {
        let dims: Vec<Vec<Atom>> = shape.iter().map(|&size| atoms_of(size)).collect();
        let atoms: usize = dims.iter().map(Vec::len).sum();
        if atoms > MOST_ATOMS || shape.contains(&0) {
            return None;
        }
        let mut table = vec![mean * mean; 2 << atoms];
        for draw in 0..2 {
            table[((1 << atoms) - 1) | (draw << atoms)] += variance;
        }
        Some(Array { dims, mean, table, pair: None })
    }

    /// The same tensor with nothing but its mean in common between two draws of the model's inputs.
    pub(super) fn redrawn(mut self) -> Array {
        let (draw, square) = (self.draw(), self.mean * self.mean);
        self.table[..draw].fill(square);
        self
    }

    /// A tensor all of whose elements are `value`.
    pub(super) fn constant(shape: &[u64], value: f64) -> Option<Array> {
        Array::independent(shape, value, 0.0)
    }

    /// The number that every element is, if the array is constant.
    pub(super) fn value(&self) -> Option<f64> {
        let square = self.mean * self.mean;
        self.table.iter().all(|&k| (k - square).abs() <= 1e-12 * square).then_some(self.mean)
    }

    pub(super) fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Size of one dimension; what a file claims may be more than there are numbers.
    pub(super) fn size(&self, dim: usize) -> u64 {
        self.dims.get(dim).map_or(1, |atoms| atoms.iter().fold(1, |n: u64, atom| n.saturating_mul(atom.size)))
    }

    pub(super) fn shape(&self) -> Vec<u64> {
        (0..self.rank()).map(|dim| self.size(dim)).collect()
    }

    pub(super) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.dims.iter().flatten()
    }

    /// The bit of the draw of inputs.
    pub(super) fn draw(&self) -> usize {
        self.table.len() / 2
    }

    /// The set of all axes, and the draw.
    pub(super) fn full(&self) -> usize {
        self.table.len() - 1
    }

    /// The set of the axes of some dimensions.
    pub(super) fn mask(&self, dims: &[usize]) -> usize {
        let mut mask = 0;
        for &dim in dims {
            let (first, len) = self.place(dim);
            mask |= ((1 << len) - 1) << first;
        }
        mask
    }

    /// The first axis of a dimension, and how many it has.
    pub(super) fn place(&self, dim: usize) -> (usize, usize) {
        (self.dims.iter().take(dim).map(Vec::len).sum(), self.dims.get(dim).map_or(0, Vec::len))
    }

    /// E\[x²\].
    pub(super) fn second(&self) -> f64 {
        self.table[self.full()]
    }

    pub(super) fn variance(&self) -> f64 {
        (self.second() - self.mean * self.mean).max(0.0)
    }

    /// E\[x x′\] / E\[x²\] of one element for two inputs of the model.
    pub(super) fn correlation(&self) -> f64 {
        let second = self.second();
        if second > 0.0 { self.table[self.full() & !self.draw()] / second } else { 0.0 }
    }

    /// Whether everything is a number that can be worked with.
    pub(super) fn is_sound(&self) -> bool {
        self.mean.is_finite() && self.table.iter().all(|k| k.is_finite() && k.abs() < 1e200)
    }

    /// `a·x + b`.
    pub(super) fn affine(&self, a: f64, b: f64) -> Array {
        let mean = a * self.mean + b;
        let moved = |k: &f64| a * a * k + 2.0 * a * b * self.mean + b * b;
        Array {
            dims: self.dims.clone(),
            mean,
            table: self.table.iter().map(moved).collect(),
            pair: self.pair.as_ref().map(|pair| pair.iter().map(moved).collect()),
        }
    }

    /// The same axes with other moments.
    pub(super) fn with(&self, mean: f64, moment: impl Fn(f64) -> f64) -> Array {
        Array {
            dims: self.dims.clone(),
            mean,
            table: self.table.iter().map(|&k| moment(k)).collect(),
            pair: self.pair.as_ref().map(|pair| pair.iter().map(|&k| moment(k)).collect()),
        }
    }

    /// The same moments without what only mirrored weights can use.
    pub(super) fn without_pair(mut self) -> Array {
        self.pair = None;
        for atom in self.dims.iter_mut().flatten() {
            atom.mirrored = false;
        }
        self
    }

    /// The same array without the marks of a causal mask.
    pub(super) fn without_mask(mut self) -> Array {
        for atom in self.dims.iter_mut().flatten() {
            atom.causal = Causal::Free;
        }
        self
    }

    /// The same without what is known of single indices.
    pub(super) fn even(mut self) -> Array {
        self.dims.iter_mut().flatten().for_each(|atom| (atom.profile, atom.lags) = (None, None));
        self
    }

    /// Sum of two arrays of equal axes that share no randomness but their means.
    pub(super) fn plus(&self, other: &Array) -> Option<Array> {
        if self.table.len() != other.table.len() {
            return None;
        }
        let cross = 2.0 * self.mean * other.mean;
        let table = self.table.iter().zip(&other.table).map(|(a, b)| a + b + cross).collect();
        let mut sum = Array { dims: self.dims.clone(), mean: self.mean + other.mean, table, pair: None };
        let weights = (self.second(), other.second());
        for (own, theirs) in sum.dims.iter_mut().flatten().zip(other.atoms()) {
            own.profile = Profile::sum(own.profile.as_ref(), theirs.profile.as_ref(), own.size, weights);
            if own.lags.is_none() || weights.0 < weights.1 && theirs.lags.is_some() {
                own.lags.clone_from(&theirs.lags);
            }
            if own.causal == Causal::Free {
                own.causal.clone_from(&theirs.causal);
            }
        }
        Some(sum.without_pair())
    }

    /// Mean of E\[x x′\] over all pairs of indices of the axes in `over`, for elements that agree on `set` of the others.
    pub(super) fn average(&self, set: usize, over: usize) -> f64 {
        let bits: Vec<(usize, f64)> =
            self.atoms().enumerate().filter(|(i, _)| over >> i & 1 == 1).map(|(i, a)| (i, a.size as f64)).collect();
        let mut sum = 0.0;
        for choice in 0..1usize << bits.len() {
            let (mut mask, mut weight) = (set & !over, 1.0);
            for (place, &(bit, size)) in bits.iter().enumerate() {
                let agree = choice >> place & 1 == 1;
                mask |= usize::from(agree) << bit;
                weight *= if agree { 1.0 / size } else { 1.0 - 1.0 / size };
            }
            sum += weight * self.table[mask];
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_elements_share_their_mean_only() {
        let array = Array::independent(&[4, 1, 3], 2.0, 5.0).unwrap();
        assert_eq!((array.shape(), array.table.len()), (vec![4, 1, 3], 8));
        assert_eq!((array.second(), array.table[0], array.variance()), (9.0, 4.0, 5.0));
        // Mean over 12 independent elements: 4 + 5/12.
        assert!((array.average(array.draw(), 3) - (4.0 + 5.0 / 12.0)).abs() < 1e-14);
        assert!(array.value().is_none() && Array::constant(&[2, 2], 3.0).unwrap().value() == Some(3.0));
        assert!(Array::independent(&[3, 0], 0.0, 1.0).is_none());
    }

    #[test]
    fn affine_maps_and_sums_follow_the_binomial() {
        let array = Array::independent(&[4], 2.0, 5.0).unwrap();
        let moved = array.affine(-3.0, 1.0);
        assert_eq!((moved.mean, moved.second(), moved.table[0]), (-5.0, 25.0 + 45.0, 25.0));
        let sum = array.plus(&moved).unwrap();
        assert_eq!((sum.mean, sum.second(), sum.table[0]), (-3.0, 9.0 + 50.0, 9.0));
    }
}
