//! [`Function`]: element-wise functions of one number, with their derivatives.

use crate::gain::{Activation, activation_at, integral, kinks_of, width_of};
use crate::numerics::{exp, ln, normal_cdf, powf};

/// A number that can be compared and sorted: its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Real(u64);

impl Real {
    pub(super) fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Real {
    fn from(x: f64) -> Real {
        Real(x.to_bits())
    }
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Function {
    /// An activation with its parameter.
    Activation(Activation, Real),
    /// x to a constant power.
    Power(Real),
    Sqrt,
    Reciprocal,
    Ln,
    Negate,
    /// Between two bounds.
    Clip(Real, Real),
    /// −1, 0 or 1.
    Sign,
    /// Square root of the chance, relative to the mean chance, that the input is the largest of `count` normal ones of this
    /// mean, standard deviation and correlation: how a maximum hands its gradient back.
    Chosen {
        count: u64,
        mean: Real,
        std: Real,
        rho: Real,
    },
    /// Square root of the chance that the sum with an independent normal number of this mean and standard deviation is positive:
    /// how a rectifier behind a sum hands its gradient back to one part.
    Passes {
        mean: Real,
        std: Real,
    },
}

impl Function {
    /// f(x) and f′(x).
    pub(super) fn at(self, x: f64) -> (f64, f64) {
        match self {
            Function::Activation(activation, parameter) => activation_at(activation, parameter.get(), x),
            Function::Power(p) => power(x, p.get()),
            Function::Sqrt => (x.max(0.0).sqrt(), if x > 0.0 { 0.5 / x.sqrt() } else { 0.0 }),
            Function::Reciprocal => (1.0 / x, -1.0 / (x * x)),
            Function::Ln => (ln(x.max(f64::MIN_POSITIVE)), 1.0 / x.max(f64::MIN_POSITIVE)),
            Function::Negate => (-x, -1.0),
            Function::Clip(low, high) => {
                let (low, high) = (low.get(), high.get());
                if x <= low {
                    (low, 0.0)
                } else if x >= high {
                    (high, 0.0)
                } else {
                    (x, 1.0)
                }
            }
            Function::Sign => (
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    0.0
                },
                0.0,
            ),
            Function::Chosen { count, mean, std, rho } => {
                (largest(count as f64, (x - mean.get()) / std.get(), rho.get()).max(0.0).sqrt(), 0.0)
            }
            Function::Passes { mean, std } => (normal_cdf((x + mean.get()) / std.get()).sqrt(), 0.0),
        }
    }

    /// Where the function is not smooth.
    pub(super) fn kinks(self) -> Vec<f64> {
        match self {
            Function::Activation(activation, parameter) => kinks_of(activation, parameter.get()),
            Function::Clip(low, high) => vec![low.get(), high.get()],
            Function::Sign => vec![0.0],
            _ => Vec::new(),
        }
    }

    /// Whether it goes up and down for ever.
    pub(super) fn is_wave(self) -> bool {
        use Activation::{Cos, Sin, Snake};
        matches!(self, Function::Activation(Sin | Cos | Snake, _))
    }

    /// The length over which it changes its course around 0, if there is any such place.
    pub(super) fn width(self) -> f64 {
        match self {
            Function::Activation(activation, parameter) => width_of(activation, parameter.get()),
            Function::Negate | Function::Power(_) => f64::INFINITY,
            Function::Passes { std, .. } => std.get(),
            _ => 1.0,
        }
    }
}

/// `count` times the chance that `z` is the largest of as many standard normal numbers of correlation `rho`: all share √rho
/// of one number, which z tells in part.
fn largest(count: f64, z: f64, rho: f64) -> f64 {
    let rho = rho.clamp(0.0, 0.99);
    let below = |common: f64| {
        let own = (z - rho.sqrt() * (rho.sqrt() * z + (1.0 - rho).sqrt() * common)) / (1.0 - rho).sqrt();
        power(normal_cdf(own), count - 1.0).0
    };
    if rho < 1e-6 {
        return count * below(0.0);
    }
    let [chance] = integral(&[-5.0, -2.0, 0.0, 2.0, 5.0], |u| [density(u) * below(u)]);
    count * chance
}

/// xᵖ with its derivative; whole powers of negative numbers are real.
fn power(x: f64, p: f64) -> (f64, f64) {
    if p == 2.0 {
        return (x * x, 2.0 * x);
    }
    if p == 0.0 {
        return (1.0, 0.0);
    }
    let (size, odd) = (x.abs(), p % 2.0 != 0.0);
    let whole = p % 1.0 == 0.0;
    if x < 0.0 && !whole {
        return (0.0, 0.0);
    }
    let raise = |p: f64| {
        if size == 0.0 {
            if p == 0.0 {
                1.0
            } else if p > 0.0 {
                0.0
            } else {
                f64::INFINITY
            }
        } else {
            powf(size, p)
        }
    };
    let (value, slope) = (raise(p), p * raise(p - 1.0));
    match (x < 0.0, odd) {
        (true, true) => (-value, slope),
        (true, false) => (value, -slope),
        _ => (value, slope),
    }
}

/// The density of the standard normal.
pub(super) fn density(z: f64) -> f64 {
    0.398_942_280_401_432_7 * exp(-0.5 * z * z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_the_largest() {
        for (count, rho) in [(4.0, 0.0), (4.0, 0.5), (9.0, 0.8)] {
            let breaks: Vec<f64> = (0..=12).map(|i| -6.0 + f64::from(i)).collect();
            let [all] = integral(&breaks, |z| [density(z) * largest(count, z, rho)]);
            assert!((all - 1.0).abs() < 1e-3, "{count} {rho}: {all}");
        }
        // Alike numbers say little of which is the largest.
        assert!(largest(4.0, -1.0, 0.9) > 5.0 * largest(4.0, -1.0, 0.0));
    }

    #[test]
    fn derivatives_are_those_of_the_functions() {
        let functions = [
            Function::Activation(Activation::Gelu, 0.0.into()),
            Function::Power(3.0.into()),
            Function::Power((-0.5).into()),
            Function::Power(1.5.into()),
            Function::Sqrt,
            Function::Reciprocal,
            Function::Ln,
            Function::Negate,
            Function::Clip((-1.0).into(), 2.0.into()),
        ];
        for f in functions {
            for x in [0.3, 1.7, 2.5] {
                let h = 1e-6;
                let slope = (f.at(x + h).0 - f.at(x - h).0) / (2.0 * h);
                assert!((slope - f.at(x).1).abs() < 1e-7 * (1.0 + slope.abs()), "{f:?} at {x}");
            }
        }
        assert_eq!(Function::Power(3.0.into()).at(-2.0), (-8.0, 12.0));
        assert_eq!(Function::Power(4.0.into()).at(-2.0), (16.0, -32.0));
    }
}
