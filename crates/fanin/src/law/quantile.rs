//! [`Quantile`]: the quantile function of a distribution, with what does not depend on the argument computed once.

use super::dist::Dist;
use super::truncated::Cut;
use crate::numerics::{normal_quantile, sin_pi};

/// A probability, given from the end that it is nearer to, so that small ones keep their precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tail {
    /// The probability itself, at most ½.
    Lower(f64),
    /// One minus the probability, at most ½.
    Upper(f64),
}

/// The quantile function of one distribution.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantile {
    Constant(f64),
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, std: f64 },
    Cut(Cut),
    Arcsine { mean: f64, amplitude: f64 },
}

impl Quantile {
    pub(crate) fn new(dist: &Dist) -> Quantile {
        match (*dist, dist.constant()) {
            (_, Some(value)) | (Dist::Constant(value), _) => Quantile::Constant(value),
            (Dist::Uniform { low, high }, _) => Quantile::Uniform { low, high },
            (Dist::Normal { mean, std }, _) => Quantile::Normal { mean, std },
            (Dist::Truncated { mean, std, low, high }, _) => Quantile::Cut(Cut::new(mean, std, low, high)),
            (Dist::Arcsine { mean, amplitude }, _) => Quantile::Arcsine { mean, amplitude },
        }
    }

    /// The number below which a draw lies with the probability `tail`; never outside the bounds of the law.
    pub(crate) fn at(&self, tail: Tail) -> f64 {
        match *self {
            Quantile::Constant(value) => value,
            Quantile::Uniform { low, high } => match tail {
                Tail::Lower(p) => (low + (high - low) * p).min(high),
                Tail::Upper(p) => (high - (high - low) * p).max(low),
            },
            Quantile::Normal { mean, std } => match tail {
                Tail::Lower(p) => mean + std * normal_quantile(p),
                Tail::Upper(p) => mean - std * normal_quantile(p),
            },
            Quantile::Cut(ref cut) => cut.quantile(tail),
            Quantile::Arcsine { mean, amplitude } => match tail {
                Tail::Lower(p) => mean + amplitude * sin_pi(p - 0.5),
                Tail::Upper(p) => mean + amplitude * sin_pi(0.5 - p),
            },
        }
    }
}
