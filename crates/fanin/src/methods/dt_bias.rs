//! The bias of Mamba's step size.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::gain::over;
use crate::numerics::{exp, exp_m1, ln};
use crate::structure::{Formula, Moments, unit};

/// The bias whose softplus is a step size spread evenly over orders of magnitude.
///
/// Channels of a selective state-space model then start with memories of 1/max to 1/min steps. Models that leave this bias at
/// its framework's default (Jamba) or at one (Bamba, Qwen3-Next) have all channels forget at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DtBias {
    /// Smallest step.
    pub min: f64,
    /// Largest step.
    pub max: f64,
    /// Steps below this are raised to it.
    pub floor: f64,
}

impl Default for DtBias {
    fn default() -> DtBias {
        DtBias { min: 0.001, max: 0.1, floor: 1e-4 }
    }
}

impl DtBias {
    /// softplus⁻¹ of the step at the quantile `u`.
    fn quantile(&self, u: f64) -> f64 {
        let [low, high] = [self.min, self.max].map(ln);
        let step = exp(u * (high - low) + low).max(self.floor);
        step + ln(-exp_m1(-step))
    }
}

impl Method for DtBias {
    const ABOUT: About = About {
        name: "dt_bias",
        formula: "b = Δ + ln(1 − e^−Δ), Δ = max(exp(U(ln min, ln max)), floor)",
        source: Source { authors: "Gu, Dao", year: 2023, at: "arXiv:2312.00752", place: "mamba_ssm `Mamba.__init__`" },
        when: "For the bias of the step size in Mamba and Mamba-2.",
        spellings: &[Spelling::of("mamba", "dt_bias", "dt_bias", &[("dt_min", "min"), ("dt_max", "max"), ("dt_init_floor", "floor")])],
        cases: &[
            Case::std("mamba:dt_bias", &[1536], Axes::linear, 1.340_381_597_334_047_7, "by mpmath"),
            Case::std("dt_bias(floor=0.01)", &[1536], Axes::linear, 0.754_222_558_464_386_4, "half of the steps are 0.01; by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.min > 0.0 && self.min < self.max, "min", self.min, &format!("above 0 and below `max`, {}", self.max))?;
        require(self.max <= 100.0, "max", self.max, "a step of 100 at most")?;
        require(self.floor >= 0.0 && self.floor <= self.max, "floor", self.floor, "0 or more, at most `max`")?;
        let [low, high, floor] = [self.min, self.max, self.floor.max(self.min)].map(ln);
        let kink = (floor - low) / (high - low);
        let mut breaks: Vec<f64> = (0..=16).map(|i| f64::from(i) / 16.0).chain([kink]).collect();
        breaks.sort_by(f64::total_cmp);
        let (law, layout) = (self.clone(), table(param)?);
        let cols = layout.cols();
        let (mean, variance) = over(&breaks, |u| law.quantile(u));
        let moments = Moments { mean, variance };
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| law.quantile(unit(stream, row * cols + col)))))
    }
}
