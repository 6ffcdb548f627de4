//! How strong a signal may be where an activation bends, so that a chain of layers stays near an isometry.
//!
//! The squares of the singular values of a product of L orthogonal layers spread by about L times the spread of the squared
//! slopes, E\[g⁴\]/E\[g²\]² − 1 with g = f′. A smooth activation is nearly straight where the signal is small, so there is
//! a second moment up to which the spread stays within bounds.

use crate::gain::{activation_at, expectation, kinks_of, width_of};
use crate::graph::Follows;
use crate::numerics::{exp, ln};

/// The largest second moment that is wanted: that of standardized numbers.
const LARGEST: f64 = 1.0;
/// The smallest: below, what single precision leaves of a bend is rounding.
const SMALLEST: f64 = 1e-4;
/// Halvings of the logarithmic interval between them.
const HALVINGS: usize = 24;

/// E\[g⁴\]/E\[g²\]² − 1 at inputs of second moment `q`; `paired` takes for g the mean of the slopes at z and −z, which is
/// what mirrored layers see.
pub(super) fn spread(follows: Follows, paired: bool, q: f64) -> f64 {
    let (f, p, scale) = (follows.activation, follows.parameter, q.sqrt());
    let kinks: Vec<f64> = kinks_of(f, p).into_iter().flat_map(|x| [x / scale, -x / scale]).collect();
    let slope = |z: f64| {
        let own = activation_at(f, p, scale * z).1;
        if paired { 0.5 * (own + activation_at(f, p, -scale * z).1) } else { own }
    };
    let [second, fourth] = expectation(&kinks, width_of(f, p) / scale, |z| {
        let square = slope(z) * slope(z);
        [square, square * square]
    });
    if second > 0.0 { (fourth / (second * second) - 1.0).max(0.0) } else { f64::INFINITY }
}

/// The largest second moment at which `layers` layers spread by `most` at the most.
///
/// # Source
/// J. Pennington, S. Schoenholz, S. Ganguli, "Resurrecting the sigmoid in deep learning through dynamical isometry",
/// arXiv:1711.04735, eq. 22. For pairs it is ours.
pub(super) fn largest(follows: Follows, paired: bool, layers: usize, most: f64) -> f64 {
    let holds = |q: f64| layers as f64 * spread(follows, paired, q) <= most;
    if holds(LARGEST) {
        return LARGEST;
    }
    let (mut low, mut high) = (ln(SMALLEST), ln(LARGEST));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(exp(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    exp(low)
}

/// Whether f(−z) = −f(z), so that pairs have nothing to add.
pub(super) fn is_odd(follows: Follows) -> bool {
    let at = |x: f64| activation_at(follows.activation, follows.parameter, x).0;
    [0.3, 1.1, 2.7].into_iter().all(|x| (at(x) + at(-x)).abs() <= 1e-12 * at(x).abs())
}

/// Whether f(−z) = f(z), so that nothing is left of the difference of a pair.
pub(super) fn is_even(follows: Follows) -> bool {
    let at = |x: f64| activation_at(follows.activation, follows.parameter, x).0;
    [0.3, 1.1, 2.7].into_iter().all(|x| (at(x) - at(-x)).abs() <= 1e-12 * at(x).abs())
}

/// Whether f(x) grows as x does, on one side at least, and starts at 0: a signal of any strength comes out about as strong.
pub(super) fn is_open(follows: Follows) -> bool {
    let at = |x: f64| activation_at(follows.activation, follows.parameter, x).0;
    at(16.0) > 1.5 * at(8.0) && at(16.0) < 3.0 * at(8.0) && at(0.0).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gain::Activation;

    #[test]
    fn pairs_of_rectifiers_are_straight_and_tanh_bends() {
        for f in [Activation::Relu, Activation::Gelu, Activation::Silu, Activation::Softplus] {
            assert!(spread(f.into(), true, 1.0) < 1e-9, "{f}");
            assert_eq!(largest(f.into(), true, 1000, 1.0), 1.0, "{f}");
        }
        // Of a rectifier alone half of the slopes are 0: E[g⁴]/E[g²]² = 2.
        assert!((spread(Activation::Relu.into(), false, 1.0) - 1.0).abs() < 1e-12);
        // tanh: f′² ≈ 1 − 2x², so the spread is 8 q² for small q.
        let q = 1e-3;
        assert!((spread(Activation::Tanh.into(), false, q) / (8.0 * q * q) - 1.0).abs() < 0.02);
        let found = largest(Activation::Tanh.into(), false, 100, 1.0);
        assert!((100.0 * spread(Activation::Tanh.into(), false, found) - 1.0).abs() < 1e-3 && found < 0.06);
        // A pair of sigmoids is ½ tanh(z/2): four times the second moment of tanh.
        let pair = largest(Activation::Sigmoid.into(), true, 100, 1.0);
        assert!((pair / found - 4.0).abs() < 1e-3, "{pair} {found}");
    }

    #[test]
    fn parity_is_seen() {
        assert!(is_odd(Activation::Tanh.into()) && !is_odd(Activation::Relu.into()));
        assert!(is_even(Activation::Gaussian.into()) && !is_even(Activation::Sigmoid.into()));
    }

    #[test]
    fn rectifiers_are_open_and_what_saturates_is_not() {
        for f in [Activation::Relu, Activation::Gelu, Activation::Elu, Activation::LeakyRelu] {
            assert!(is_open(f.into()), "{f}");
        }
        for f in [Activation::Tanh, Activation::Sigmoid, Activation::Softplus, Activation::SquaredRelu] {
            assert!(!is_open(f.into()), "{f}");
        }
    }
}
