//! The spectral condition: µP in one line.

use super::prelude::*;

/// Independent values whose matrix stretches by √(fan-out/fan-in), whatever its shape.
///
/// That is the maximal update parametrization without base shapes: every layer's features then move by the same amount when
/// it learns, so learning rates carry over from narrow to wide networks (Adam's with a factor 1/fan-in). An output layer is
/// much smaller than by LeCun's rule, all others equal or nearly so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spectral {
    /// Factor of the standard deviation.
    pub gain: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for Spectral {
    fn default() -> Spectral {
        Spectral { gain: 1.0, draw: Draw::Normal }
    }
}

impl Method for Spectral {
    const ABOUT: About = About {
        name: "spectral",
        formula: "std = gain · (1/√fan_in) · min(1, √(fan_out/fan_in))",
        source: Source { authors: "Yang, Simon, Bernstein", year: 2023, at: "arXiv:2310.17813", place: "condition 1 and the initialization that follows from it" },
        when: "To tune a narrow model and train a wide one.",
        spellings: &[Spelling::same("spectral_mup", "spectral")],
        cases: &[
            Case::std("spectral", &[128, 512], Axes::linear, 0.022_097_086_912_079_61, "√(128/512)/√512"),
            Case::std("spectral", &[512, 128], Axes::linear, 0.088_388_347_648_318_45, "1/√128"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        let (fan_in, fan_out) = (param.fan(Fan::In, Count::True)?, param.fan(Fan::Out, Count::True)?);
        self.draw.with_variance(self.gain * self.gain / fan_in * (fan_out / fan_in).min(1.0))
    }
}
