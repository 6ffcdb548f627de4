//! [`Law`]: the distribution of a parameter's values, as data. A law *is* its quantile function.

mod acts;
mod dist;
mod quantile;
mod truncated;

pub use acts::Acts;
pub use dist::Dist;
pub(crate) use quantile::{Quantile, Tail};
pub use truncated::truncated_in_sigmas;

use crate::error::Refusal;
use crate::region::Region;
use crate::stream::Stream;
use std::fmt;
use std::sync::Arc;

/// How the values of one parameter are distributed.
#[derive(Clone, Debug)]
pub enum Law {
    /// Every element on its own, by one distribution: element `i` is `quantile(unit(i))`.
    Each(Dist),
    /// Elements that depend on each other.
    Whole(Arc<dyn Structure>),
}

impl Law {
    /// Variance of one element (mean over the elements of a structure), where it is known in closed form.
    pub fn variance(&self) -> f64 {
        match self {
            Law::Each(dist) => dist.variance(),
            Law::Whole(structure) => structure.variance(),
        }
    }

    /// Mean of one element (over the elements of a structure).
    pub fn mean(&self) -> f64 {
        match self {
            Law::Each(dist) => dist.mean(),
            Law::Whole(structure) => structure.mean(),
        }
    }

    /// The smallest and the largest value, if every value is a whole number: such a law can be written as integers.
    pub fn integers(&self) -> Option<(f64, f64)> {
        match self {
            Law::Each(dist) => dist.constant().filter(|value| value.fract() == 0.0).map(|value| (value, value)),
            Law::Whole(structure) => structure.integers(),
        }
    }

    /// Whether its values are complex numbers ([`Structure::is_complex`]).
    pub fn is_complex(&self) -> bool {
        matches!(self, Law::Whole(structure) if structure.is_complex())
    }

    /// How a weight of this law acts on a signal.
    pub fn acts(&self) -> Acts {
        match self {
            Law::Each(_) => Acts::Freely,
            Law::Whole(structure) => structure.acts(),
        }
    }

    /// The value every element has, if the law is a constant.
    pub fn constant(&self) -> Option<f64> {
        match self {
            Law::Each(Dist::Constant(value)) => Some(*value),
            _ => None,
        }
    }
}

/// Values that depend on each other: a law of a whole tensor rather than of one element.
///
/// A structure is built by a method for one shape. What all its elements share (a factor, say) is computed once by
/// [`Structure::prepare`]; after that any region can be had alone, with the bits that it has in the whole.
pub trait Structure: fmt::Debug + Send + Sync {
    /// Mean of the squared deviation of an element from the law's mean, over all elements.
    fn variance(&self) -> f64;

    /// Mean of an element, over all elements; 0 unless a structure says otherwise, since most are symmetric.
    fn mean(&self) -> f64 {
        0.0
    }

    /// The smallest and the largest value, if every value is a whole number.
    fn integers(&self) -> Option<(f64, f64)> {
        None
    }

    /// Whether it is a law of complex numbers: of a tensor with one more dimension of size 2 behind the others, real and
    /// imaginary part. Its variance is then E|w|² of a complex element.
    fn is_complex(&self) -> bool {
        false
    }

    /// How it acts on a signal, if not as independent elements would.
    fn acts(&self) -> Acts {
        Acts::Freely
    }

    /// What [`Prepared::fill`] needs from the stream, computed once. May use all threads; its bits do not depend on how
    /// many there are.
    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a>;
}

/// A structure with everything that its regions share computed.
pub trait Prepared: Send + Sync {
    /// Writes the elements of `region` (of the tensor's shape that the structure was built for) in row-major order.
    fn fill(&self, region: &Region, out: &mut [f32]);
}

/// How a law of given variance spreads its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Normal.
    #[default]
    #[serde(alias = "untruncated_normal")]
    Normal,
    /// Normal cut at ±2 standard deviations, widened so that its variance is exact.
    #[serde(alias = "truncated_normal")]
    Truncated,
    /// Uniform on ±√3 standard deviations.
    Uniform,
    /// Sine of a uniform phase, on ±√2 standard deviations.
    Sine,
}

impl Draw {
    /// The zero-mean law of this shape with the given variance: the one home of √3, √2 and 0.8796.
    pub fn with_variance(self, variance: f64) -> Result<Law, Refusal> {
        if !(variance.is_finite() && variance >= 0.0) {
            return Err(Refusal::new(
                format!("the variance is {variance}"),
                "a finite number, 0 or more",
                "Check the gain and the fan that it was computed from.",
            ));
        }
        let std = variance.sqrt();
        Ok(Law::Each(match self {
            _ if variance == 0.0 => Dist::Constant(0.0),
            Draw::Normal => Dist::Normal { mean: 0.0, std },
            Draw::Uniform => {
                let bound = (3.0 * variance).sqrt();
                Dist::Uniform { low: -bound, high: bound }
            }
            Draw::Sine => Dist::Arcsine { mean: 0.0, amplitude: (2.0 * variance).sqrt() },
            Draw::Truncated => truncated_in_sigmas(0.0, std, -2.0, 2.0)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_has_its_variance_and_its_ends() {
        // The last digits of the ends: √3, √2, and 2 / 0.879 625 661 034 239 8, the std of N(0, 1) cut at ±2.
        for (draw, end) in [
            (Draw::Uniform, 3.464_101_615_137_754_6),
            (Draw::Sine, 2.828_427_124_746_190_3),
            (Draw::Truncated, 4.547_388_937_354_226),
            (Draw::Normal, f64::INFINITY),
        ] {
            let Law::Each(dist) = draw.with_variance(4.0).unwrap() else { panic!("{draw:?}") };
            assert!((dist.variance() - 4.0).abs() < 1e-14, "{draw:?}: {}", dist.variance());
            let high = dist.quantile(1.0);
            assert!(high == end || (high - end).abs() < 1e-14, "{draw:?} ends at {high}");
            assert_eq!(dist.quantile(0.0), -high);
        }
        assert_eq!(Draw::Normal.with_variance(0.0).unwrap().constant(), Some(0.0));
        assert!(Draw::Normal.with_variance(-1.0).is_err() && Draw::Normal.with_variance(f64::NAN).is_err());
    }
}
