//! A normal cut at two bounds.

use super::prelude::*;
use super::matrix::{table, whole};
use crate::gain::expectation;
use crate::law::truncated_in_sigmas;
use crate::numerics::normal_quantile;
use crate::structure::{Formula, Moments, unit};

/// A normal distribution cut at two bounds, exactly, whatever the bounds.
///
/// Bounds are in standard deviations unless `units=absolute`. A cut makes the distribution narrower; by default it is
/// widened again so that `std` (and `mean`, for an uneven cut) are those of the result. The frameworks do not do that:
/// with `corrected=false` they are those of the normal before the cut, as in Keras, JAX and torch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Truncated {
    /// Mean of the result, or with `corrected=false` of the normal before the cut.
    pub mean: f64,
    /// Standard deviation of the result, or with `corrected=false` of the normal before the cut.
    pub std: f64,
    /// Lower bound, in units of the normal before the cut from its mean, or absolute.
    pub low: f64,
    /// Upper bound, likewise.
    pub high: f64,
    /// What the bounds are given in: `sigmas` or `absolute`.
    pub units: Units,
    /// What happens beyond the bounds: nothing lies there (`cut`), or values come back by the remainder of a division
    /// (`remainder`, fastai's way, for bounds in sigmas that are opposite).
    pub beyond: Beyond,
    /// Whether to widen the normal so that the cut result has the standard deviation asked for.
    pub corrected: bool,
}

/// What a bound is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// Standard deviations of the normal that is cut, from its mean.
    #[default]
    Sigmas,
    /// Values.
    Absolute,
}

/// What happens to values beyond the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// There are none.
    #[default]
    Cut,
    /// They are divided by the bound, and the remainder is taken.
    Remainder,
}

impl Default for Truncated {
    fn default() -> Truncated {
        Truncated { mean: 0.0, std: 0.02, low: -2.0, high: 2.0, units: Units::Sigmas, beyond: Beyond::Cut, corrected: true }
    }
}

impl Truncated {
    /// mean + std · fmod(z, bound): the tails are folded into the middle, not cut.
    fn remainder(&self, param: &Param) -> Result<Law, Refusal> {
        let Truncated { mean, std, high: bound, .. } = *self;
        if self.low != -bound || bound < 0.1 || self.units != Units::Sigmas || self.corrected {
            return Err(Refusal::new(
                format!("a remainder by {} and {bound}", self.low),
                "opposite bounds of 0.1 sigmas or more, and `corrected=false`",
                "Change the bounds, or say `beyond=cut`.",
            ));
        }
        // The remainder jumps at every multiple of the bound.
        let jumps: Vec<f64> = (1..=120).flat_map(|k| [bound * f64::from(k), -bound * f64::from(k)]).collect();
        let [variance] = expectation(&jumps, 1.0, |z| [(z % bound) * (z % bound)]);
        let (layout, moments) = (table(param)?, Moments { mean, variance: std * std * variance });
        let cols = layout.cols();
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            mean + std * (normal_quantile(unit(stream, row * cols + col)) % bound)
        })))
    }
}

impl Method for Truncated {
    const ABOUT: About = About {
        name: "truncated",
        formula: "w ~ N(mean, std²) given low ≤ w ≤ high",
        source: Source {
            authors: "Johnson, Kotz, Balakrishnan",
            year: 1994,
            at: "Continuous Univariate Distributions 1",
            place: "chapter 13, normal distributions: truncated",
        },
        when: "Where no weight may be an outlier: vision transformers, low precision.",
        spellings: &[
            Spelling::same("truncated_normal", "truncated"),
            Spelling::same("trunc_normal", "truncated"),
            Spelling::of("torch", "trunc_normal_", "truncated(mean=0, std=1, low=-2, high=2, units=absolute, corrected=false)", &[("mean", "mean"), ("std", "std"), ("a", "low"), ("b", "high")]).noting("its bounds are absolute: at std=0.02 the default cut is at ±100 standard deviations, that is, none"),
            Spelling::of("hf", "trunc_normal_", "truncated(mean=0, std=1, low=-2, high=2, units=absolute, corrected=false)", &[("mean", "mean"), ("std", "std"), ("a", "low"), ("b", "high")]).noting("its bounds are absolute: at std=0.02 the default cut is at ±100 standard deviations, that is, none"),
            Spelling::of("timm", "trunc_normal_", "truncated(mean=0, std=1, low=-2, high=2, units=absolute, corrected=false)", &[("mean", "mean"), ("std", "std"), ("a", "low"), ("b", "high")]).noting("its bounds are absolute: at std=0.02 the default cut is at ±100 standard deviations, that is, none; in half precision its samples pile up at the lower bound, which is not reproduced"),
            Spelling::of("timm", "trunc_normal_tf_", "truncated(std=1, corrected=false)", &[("mean", "mean"), ("std", "std"), ("a", "low"), ("b", "high")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("paddle", "TruncatedNormal", "truncated(mean=0, std=1, low=-2, high=2, units=absolute, corrected=false)", &[("mean", "mean"), ("std", "std"), ("a", "low"), ("b", "high")]).noting("its bounds are absolute: at std=0.02 the default cut is at ±100 standard deviations, that is, none"),
            Spelling::of("flux", "truncated_normal", "truncated(mean=0, std=1, low=-2, high=2, units=absolute, corrected=false)", &[("mean", "mean"), ("std", "std"), ("lo", "low"), ("hi", "high")]).noting("its bounds are absolute: at std=0.02 the default cut is at ±100 standard deviations, that is, none"),
            Spelling::of("keras", "truncated_normal", "truncated(std=0.05, corrected=false)", &[("mean", "mean"), ("stddev", "std")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("keras", "TruncatedNormal", "truncated(std=0.05, corrected=false)", &[("mean", "mean"), ("stddev", "std")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("jax", "truncated_normal", "truncated(std=0.01, corrected=false)", &[("stddev", "std"), ("lower", "low"), ("upper", "high")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("haiku", "TruncatedNormal", "truncated(std=1, corrected=false)", &[("stddev", "std"), ("mean", "mean"), ("lower", "low"), ("upper", "high")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("sonnet", "TruncatedNormal", "truncated(std=1, corrected=false)", &[("mean", "mean"), ("stddev", "std")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("tf1", "truncated_normal_initializer", "truncated(std=1, corrected=false)", &[("mean", "mean"), ("stddev", "std")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("mindspore", "TruncatedNormal", "truncated(std=0.01, corrected=false)", &[("sigma", "std"), ("mean", "mean"), ("a", "low"), ("b", "high")]).noting("not corrected: the standard deviation is 0.8796 times the one named"),
            Spelling::of("fastai", "trunc_normal_", "truncated(std=1, beyond=remainder, corrected=false)", &[("mean", "mean"), ("std", "std")]).noting("`fmod(z, 2)` folds the tails into the middle instead of cutting them: the standard deviation is 0.8659 times the one named"),
            Spelling::of("olmo_core", "init_linear", "truncated(low=-3, high=3, corrected=false)", &[("std", "std")]).noting("not corrected: 0.9866 times the standard deviation named"),
        ],
        cases: &[
            Case::std("truncated(std=0.02)", &[8, 8], Axes::linear, 0.02, "by definition"),
            Case::std(
                "keras:truncated_normal(stddev=1)",
                &[8, 8],
                Axes::linear,
                0.879_625_661_034_239_8,
                "std of N(0, 1) cut at ±2",
            ),
            Case::std(
                "jax:truncated_normal(stddev=1, lower=-3, upper=3)",
                &[8, 8],
                Axes::linear,
                0.986_578_392_558_108_6,
                "std of N(0, 1) cut at ±3",
            ),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let (mean, std) = (self.mean, self.std);
        require(std >= 0.0 && std.is_finite(), "std", std, "a finite number, 0 or more")?;
        require(self.low < self.high, "low", self.low, &format!("less than `high`, which is {}", self.high))?;
        if std == 0.0 {
            return each(Dist::Constant(mean));
        }
        if self.beyond == Beyond::Remainder {
            return self.remainder(param);
        }
        each(match (self.units, self.corrected) {
            (Units::Sigmas, true) => truncated_in_sigmas(mean, std, self.low, self.high)?,
            (Units::Sigmas, false) => {
                Dist::Truncated { mean, std, low: mean + self.low * std, high: mean + self.high * std }
            }
            (Units::Absolute, false) => Dist::Truncated { mean, std, low: self.low, high: self.high },
            (Units::Absolute, true) => {
                return Err(Refusal::new(
                    "absolute bounds with `corrected=true`",
                    "bounds in sigmas, or `corrected=false`",
                    "Absolute bounds leave no normal of every given standard deviation; say `corrected=false`.",
                ));
            }
        })
    }
}
