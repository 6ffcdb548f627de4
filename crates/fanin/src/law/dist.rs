//! [`Dist`]: a distribution of one real number.

use super::quantile::{Quantile, Tail};
use super::truncated::Cut;
use crate::error::Refusal;
use std::fmt;

/// A distribution of one real number.
///
/// # Example
/// ```
/// use fanin::Dist;
/// let dist = Dist::Normal { mean: 0.0, std: 0.02 };
/// assert_eq!(dist.to_string(), "normal(std=0.02)");
/// assert_eq!(dist.variance(), 0.02 * 0.02);
/// assert!((dist.quantile(0.975) - 0.02 * 1.959963984540054).abs() < 1e-16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dist {
    /// Always this value.
    Constant(f64),
    /// Uniform between `low` and `high`.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// A normal restricted to an interval. `mean` and `std` are those of the normal *before* it is cut; bounds are
    /// absolute values, and may be infinite.
    Truncated {
        /// Mean of the normal that is cut.
        mean: f64,
        /// Standard deviation of the normal that is cut; 0 gives the constant `mean`, moved into the interval.
        std: f64,
        /// Lower bound, absolute.
        low: f64,
        /// Upper bound, absolute.
        high: f64,
    },
    /// `mean + amplitude · sin(φ)` with a uniform phase φ: the arcsine law on `mean ± amplitude`.
    Arcsine {
        /// Mean.
        mean: f64,
        /// Largest distance from the mean.
        amplitude: f64,
    },
}

impl Dist {
    /// The number that a draw does not exceed with probability `u`, 0 ≤ u ≤ 1.
    ///
    /// # Precision
    /// 1e-14 relative to the larger of the result's distance from the mean and the mean itself. NaN if `u` is outside.
    pub fn quantile(&self, u: f64) -> f64 {
        if !(0.0..=1.0).contains(&u) {
            return f64::NAN;
        }
        Quantile::new(self).at(if u <= 0.5 { Tail::Lower(u) } else { Tail::Upper(1.0 - u) })
    }

    /// Mean of the distribution.
    ///
    /// # Precision
    /// 1e-13 relative to the larger of the mean and the standard deviation, however far in the tail a normal is cut.
    pub fn mean(&self) -> f64 {
        match *self {
            Dist::Constant(value) => value,
            Dist::Uniform { low, high } => 0.5 * low + 0.5 * high,
            Dist::Normal { mean, .. } | Dist::Arcsine { mean, .. } => mean,
            Dist::Truncated { mean, std, low, high } => Cut::new(mean, std, low, high).moments().0,
        }
    }

    /// Variance of the distribution.
    ///
    /// # Precision
    /// 1e-13 relative, however far in the tail a normal is cut and however short the interval is.
    pub fn variance(&self) -> f64 {
        match *self {
            Dist::Constant(_) => 0.0,
            Dist::Uniform { low, high } => (high - low) * (high - low) / 12.0,
            Dist::Normal { std, .. } => std * std,
            Dist::Arcsine { amplitude, .. } => 0.5 * amplitude * amplitude,
            Dist::Truncated { mean, std, low, high } => Cut::new(mean, std, low, high).moments().1,
        }
    }

    /// The value that every draw has, where the distribution has no spread.
    pub fn constant(&self) -> Option<f64> {
        match *self {
            Dist::Constant(value) => Some(value),
            Dist::Uniform { low, high } if low == high => Some(low),
            Dist::Normal { mean, std: 0.0 } | Dist::Arcsine { mean, amplitude: 0.0 } => Some(mean),
            Dist::Truncated { low, high, .. } if low == high => Some(low),
            Dist::Truncated { mean, std: 0.0, low, high } => Some(mean.max(low).min(high)),
            _ => None,
        }
    }

    /// The distribution of `factor` times a draw.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Dist {
        let ordered = |a: f64, b: f64| if factor < 0.0 { (b * factor, a * factor) } else { (a * factor, b * factor) };
        match *self {
            Dist::Constant(value) => Dist::Constant(value * factor),
            Dist::Uniform { low, high } => {
                let (low, high) = ordered(low, high);
                Dist::Uniform { low, high }
            }
            Dist::Normal { mean, std } => Dist::Normal { mean: mean * factor, std: std * factor.abs() },
            Dist::Arcsine { mean, amplitude } => {
                Dist::Arcsine { mean: mean * factor, amplitude: amplitude * factor.abs() }
            }
            Dist::Truncated { mean, std, low, high } => {
                let (low, high) = ordered(low, high);
                Dist::Truncated { mean: mean * factor, std: std * factor.abs(), low, high }
            }
        }
    }

    /// The distribution of the same numbers plus `by`.
    #[must_use]
    pub fn shifted(self, by: f64) -> Dist {
        match self {
            Dist::Constant(value) => Dist::Constant(value + by),
            Dist::Uniform { low, high } => Dist::Uniform { low: low + by, high: high + by },
            Dist::Normal { mean, std } => Dist::Normal { mean: mean + by, std },
            Dist::Truncated { mean, std, low, high } => {
                Dist::Truncated { mean: mean + by, std, low: low + by, high: high + by }
            }
            Dist::Arcsine { mean, amplitude } => Dist::Arcsine { mean: mean + by, amplitude },
        }
    }

    /// Whether the parameters make a distribution.
    ///
    /// # Errors
    /// A parameter that is not finite (bounds of a truncation may be infinite), a negative spread, a lower bound above
    /// the upper one.
    pub fn check(&self) -> Result<(), Refusal> {
        match *self {
            Dist::Constant(value) => finite("value", value),
            Dist::Uniform { low, high } => {
                finite("low", low)?;
                finite("high", high)?;
                ordered(low, high)?;
                finite("high - low", high - low)
            }
            Dist::Normal { mean, std } => finite("mean", mean).and(spread("std", std)),
            Dist::Arcsine { mean, amplitude } => finite("mean", mean).and(spread("amplitude", amplitude)),
            Dist::Truncated { mean, std, low, high } => {
                finite("mean", mean)?;
                spread("std", std)?;
                ordered(low, high)?;
                if low == high { finite("low", low) } else { Ok(()) }
            }
        }
    }
}

fn finite(name: &str, value: f64) -> Result<(), Refusal> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Refusal::new(format!("{name} is {value}"), "a finite number", "Check what it was computed from."))
}

fn spread(name: &str, value: f64) -> Result<(), Refusal> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{name} is {value}"),
        "a finite number, 0 or more",
        "Check the gain and the fan that it was computed from.",
    ))
}

fn ordered(low: f64, high: f64) -> Result<(), Refusal> {
    if low <= high {
        return Ok(());
    }
    Err(Refusal::new(
        format!("low = {low} and high = {high} enclose nothing"),
        "low <= high, neither of them NaN",
        "Exchange or correct the bounds.",
    ))
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, fields): (&str, &[(&str, f64)]) = match *self {
            Dist::Constant(value) => return write!(f, "constant({value})"),
            Dist::Uniform { low, high } => ("uniform", &[("low", low), ("high", high)]),
            Dist::Normal { mean, std } => ("normal", &[("mean", mean), ("std", std)]),
            Dist::Truncated { mean, std, low, high } => {
                ("truncated", &[("mean", mean), ("std", std), ("low", low), ("high", high)])
            }
            Dist::Arcsine { mean, amplitude } => ("arcsine", &[("mean", mean), ("amplitude", amplitude)]),
        };
        let shown = fields.iter().filter(|&&(field, value)| field != "mean" || value != 0.0);
        let list: Vec<String> = shown.map(|(field, value)| format!("{field}={value}")).collect();
        write!(f, "{name}({})", list.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_a_call() {
        let cut = Dist::Truncated { mean: 0.5, std: 2.0, low: f64::NEG_INFINITY, high: 1.0 };
        assert_eq!(cut.to_string(), "truncated(mean=0.5, std=2, low=-inf, high=1)");
        assert_eq!(Dist::Constant(-0.5).to_string(), "constant(-0.5)");
        assert_eq!(Dist::Uniform { low: -1.0, high: 1.0 }.to_string(), "uniform(low=-1, high=1)");
        assert_eq!(Dist::Arcsine { mean: 0.0, amplitude: 2.0 }.to_string(), "arcsine(amplitude=2)");
    }

    #[test]
    fn parameters_that_make_no_distribution_are_refused() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for dist in [
            Dist::Constant(nan),
            Dist::Uniform { low: 1.0, high: 0.0 },
            Dist::Uniform { low: -inf, high: 0.0 },
            Dist::Uniform { low: -f64::MAX, high: f64::MAX },
            Dist::Normal { mean: 0.0, std: -1.0 },
            Dist::Normal { mean: inf, std: 1.0 },
            Dist::Truncated { mean: 0.0, std: 1.0, low: nan, high: 1.0 },
            Dist::Truncated { mean: 0.0, std: inf, low: -1.0, high: 1.0 },
            Dist::Truncated { mean: 0.0, std: 1.0, low: inf, high: inf },
            Dist::Arcsine { mean: 0.0, amplitude: nan },
        ] {
            assert!(dist.check().is_err(), "{dist}");
        }
        assert!(Dist::Truncated { mean: 0.0, std: 1.0, low: -inf, high: inf }.check().is_ok());
        assert!(Dist::Truncated { mean: 0.0, std: 0.0, low: 1.0, high: 1.0 }.check().is_ok());
    }

    #[test]
    fn a_scaled_law_has_scaled_quantiles() {
        for dist in [
            Dist::Constant(2.0),
            Dist::Uniform { low: -1.0, high: 3.0 },
            Dist::Normal { mean: 1.0, std: 0.5 },
            Dist::Arcsine { mean: 1.0, amplitude: 2.0 },
            Dist::Truncated { mean: 0.0, std: 1.0, low: -1.0, high: 3.0 },
        ] {
            for u in [0.125, 0.5, 0.75] {
                let own = dist.quantile(u);
                assert!((dist.scaled(4.0).quantile(u) - 4.0 * own).abs() < 1e-14, "{dist}");
                assert!((dist.scaled(-2.0).quantile(1.0 - u) + 2.0 * own).abs() < 1e-14, "{dist}");
            }
        }
    }

    #[test]
    fn quantiles_of_the_simple_laws_are_their_formulas() {
        let uniform = Dist::Uniform { low: -1.0, high: 3.0 };
        let arcsine = Dist::Arcsine { mean: 1.0, amplitude: 2.0 };
        for (dist, u, value) in [
            (uniform, 0.0, -1.0),
            (uniform, 0.25, 0.0),
            (uniform, 1.0, 3.0),
            (arcsine, 0.0, -1.0),
            (arcsine, 0.5, 1.0),
            (arcsine, 1.0, 3.0),
            (Dist::Constant(7.0), 0.3, 7.0),
            (Dist::Normal { mean: 2.0, std: 3.0 }, 0.5, 2.0),
            (Dist::Normal { mean: 2.0, std: 0.0 }, 0.25, 2.0),
            (Dist::Truncated { mean: 5.0, std: 0.0, low: -1.0, high: 1.0 }, 0.25, 1.0),
            (Dist::Truncated { mean: 0.0, std: 1.0, low: 2.0, high: 2.0 }, 0.25, 2.0),
        ] {
            assert_eq!(dist.quantile(u), value, "{dist} at {u}");
        }
        assert!((arcsine.quantile(1.0 / 6.0) - (1.0 - 3f64.sqrt())).abs() < 1e-15);
        assert!(uniform.quantile(1.5).is_nan());
        assert_eq!(uniform.variance(), 16.0 / 12.0);
        assert_eq!((uniform.mean(), arcsine.mean(), arcsine.variance()), (1.0, 1.0, 2.0));
    }
}
