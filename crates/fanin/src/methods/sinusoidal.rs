//! The sine of a random phase.

use super::prelude::*;

/// The sine of a uniform random phase: values pile up near ±√2 standard deviations and never exceed them.
///
/// One of the founding strategies. Scaled like the others by default, so that a comparison compares the shape of the
/// distribution and not its width; with `scaled=false` it is sin(φ) · amplitude as it stands, which explodes in wide
/// layers. `he(draw=sine)` and `glorot(draw=sine)` are the same shape at their variances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sinusoidal {
    /// Whether the variance is gain²/fan; otherwise amplitude²/2 whatever the shape.
    pub scaled: bool,
    /// Factor of the standard deviation, when scaled.
    pub gain: f64,
    /// Which fan divides, when scaled: `in`, `out`, `mean` or `geometric`.
    pub fan: Fan,
    /// Largest value, when not scaled.
    pub amplitude: f64,
}

impl Default for Sinusoidal {
    fn default() -> Sinusoidal {
        Sinusoidal { scaled: true, gain: 1.0, fan: Fan::Mean, amplitude: 1.0 }
    }
}

impl Method for Sinusoidal {
    const ABOUT: About = About {
        name: "sinusoidal",
        formula: "w = A sin φ, φ ~ U(0, 2π), A = gain · √(2 / fan)",
        source: Source { authors: "fanin", year: 2026, at: "the arcsine distribution", place: "quantile −A cos πu" },
        when: "As a comparison's bounded alternative to normal and uniform draws.",
        spellings: &[Spelling::same("sine", "sinusoidal")],
        cases: &[
            Case::std("sinusoidal", &[128, 72], Axes::linear, 0.1, "1/√100, as `glorot`"),
            Case::std("sinusoidal(scaled=false)", &[128, 72], Axes::linear, std::f64::consts::FRAC_1_SQRT_2, "1/√2"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        if !self.scaled {
            return each(Dist::Arcsine { mean: 0.0, amplitude: self.amplitude });
        }
        Draw::Sine.with_variance(self.gain * self.gain / param.fan(self.fan, Count::True)?)
    }
}
