//! Weights that act on a signal in a way of their own: identities, and layers that read and write opposite pairs.

use super::array::{Array, Atom};
use super::contract::contract;
use crate::law::Acts;

/// The differences x(i) − x(i + n/2) along a dimension, which is all that a mirrored layer reads.
pub(super) fn difference(array: &Array, dim: usize) -> Option<Array> {
    let flat = array.flat(dim);
    let half = flat.size(dim) / 2;
    let bit = 1usize << flat.place(dim).0;
    if half == 0 || flat.dims[dim].is_empty() {
        return None;
    }
    let mirrored = flat.dims[dim][0].mirrored;
    let partner = flat.pair.as_ref().filter(|_| mirrored);
    let mut result = flat.clone().without_pair();
    result.mean = 0.0;
    for (set, k) in result.table.iter_mut().enumerate() {
        *k = if set & bit == 0 {
            0.0
        } else {
            // Units that are no pairs are two of many.
            2.0 * (flat.table[set] - partner.map_or(flat.table[set & !bit], |pair| pair[set]))
        };
    }
    result.dims[dim] = vec![Atom::new(half.max(2))];
    Some(if half == 1 { result.indexed(dim).unsqueezed(dim) } else { result })
}

/// The array as one whose units along `dim` are opposite pairs.
pub(super) fn paired(array: &Array, dim: usize) -> Array {
    let mut array = array.flat(dim).without_pair();
    let bit = 1usize << array.place(dim).0;
    let even = array.size(dim).is_multiple_of(2);
    if let Some(atom) = array.dims[dim].first_mut().filter(|_| even) {
        atom.mirrored = true;
        array.pair =
            Some(array.table.iter().enumerate().map(|(set, k)| if set & bit == 0 { *k } else { -k }).collect());
    }
    array
}

/// x·W along the last dimension of `x`, for a weight of `units` outputs whose elements have the second moment `square`.
pub(super) fn mirrored(x: &Array, dim: usize, units: u64, square: f64, acts: Acts) -> Option<Array> {
    let Acts::Mirrored { reads, writes, .. } = acts else { return None };
    let read = if reads { difference(x, dim)? } else { x.clone() };
    let weight = Array::independent(&[read.size(dim), units], 0.0, square)?;
    let labels: Vec<u8> = (0..u8::try_from(x.rank()).ok()?).collect();
    let (own, new) = (labels[dim], 255);
    let out: Vec<u8> = labels.iter().map(|&label| if label == own { new } else { label }).collect();
    let y = contract((&read, &labels), (&weight, &[own, new]), &out)?;
    Some(if writes { paired(&y, dim) } else { y })
}

/// How a mirrored weight acts on gradients: what it wrote in pairs it reads as differences, and the other way round.
pub(super) fn turned(acts: Acts) -> Acts {
    match acts {
        Acts::Mirrored { reads, writes, centre } => Acts::Mirrored { reads: writes, writes: reads, centre },
        other => other,
    }
}

/// `gain`·x with another number of units: those without a counterpart are 0 or dropped.
pub(super) fn identity(x: &Array, dim: usize, units: u64, gain: f64) -> Option<Array> {
    let kept = x.size(dim).min(units);
    Some(x.taken(dim, kept)?.embedded(dim, 0, units)?.affine(gain, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;
    use crate::signal::function::Function;
    use crate::signal::program::Program;
    use crate::signal::series::Store;

    /// The second moments of the inputs of mirrored layers of width 8.
    fn depth(f: Activation) -> Vec<f64> {
        let acts = |reads, writes| Acts::Mirrored { reads, writes, centre: false };
        let x = Array::independent(&[3, 4], 0.0, 1.3).unwrap();
        // First: W is 4 × 4 orthogonal, hidden: half of one that is 4 × 4.
        let mut y = mirrored(&x, 1, 8, 1.0 / 4.0, acts(false, true)).unwrap();
        let program = Program::root().apply(Function::Activation(f, f.default_parameter().into())).unwrap();
        let mut seconds = vec![y.second()];
        for _ in 0..30 {
            let h = Store::default().image(&y, &program);
            y = mirrored(&h, 1, 8, 1.0 / 4.0, acts(true, true)).unwrap();
            seconds.push(y.second());
        }
        seconds
    }

    #[test]
    fn mirrored_layers_keep_the_second_moment_for_ever() {
        for f in [Activation::Relu, Activation::Gelu, Activation::Silu] {
            for q in depth(f) {
                assert!((q - 1.3).abs() < 1e-5, "{f}: {q}");
            }
        }
        // Mish is not of that kind.
        assert!((depth(Activation::Mish)[30] - 1.3).abs() > 0.1);
    }

    #[test]
    fn units_that_are_no_pairs_are_two_of_many() {
        let mut x = Array::independent(&[6], 1.0, 2.0).unwrap();
        x.mean = 1.0;
        assert_eq!(difference(&x, 0).unwrap().second(), 4.0);
    }

    #[test]
    fn identities_drop_and_add_units() {
        let x = Array::independent(&[2, 4], 0.0, 1.0).unwrap();
        assert_eq!(identity(&x, 1, 8, 2.0).unwrap().second(), 2.0);
        assert_eq!(identity(&x, 1, 2, 1.0).unwrap().second(), 1.0);
    }
}
