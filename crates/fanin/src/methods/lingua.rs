//! Lingua's depth- and width-aware initialization.

use super::prelude::*;

/// Normal weights of variance 1/fan-in, in the projections into the residual stream divided by a factor of depth or width, and
/// cut at three standard deviations *before* that division.
///
/// With the factors of depth the cut is far out; with `dim_ratio` in a narrow model (factor below 1) it cuts deep. Neither is
/// widened for the cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lingua {
    /// What the matrix does to the residual stream: `in` reads it, `out` writes it.
    pub part: super::mitchell::Side,
    /// What divides the standard deviation of `part=out`: `current_depth` √(2 layer), `global_depth` √(2 layers), `dim_ratio`
    /// width/4096, or `disabled`.
    pub factor: Factor,
    /// Which block, counted from 1, for `current_depth`.
    pub layer: Option<u64>,
    /// Number of blocks, for `global_depth`.
    pub layers: Option<u64>,
    /// Width of the residual stream, for `dim_ratio`; the fan-out if left out.
    pub width: Option<u64>,
    /// Standard deviation before the division; 1/√fan-in if left out.
    pub std: Option<f64>,
}

/// What divides a standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// √(2 layer).
    #[default]
    CurrentDepth,
    /// √(2 layers).
    GlobalDepth,
    /// width / 4096.
    DimRatio,
    /// 1.
    Disabled,
}

impl Method for Lingua {
    const ABOUT: About = About {
        name: "lingua",
        formula: "N(0, σ²/factor²) cut at ±3σ, σ = 1/√fan_in; factor √(2 layer), √(2 layers), width/4096 or 1",
        source: Source { authors: "Videau, Idrissi, Haziza et al.", year: 2024, at: "Meta Lingua", place: "`InitStdFactor`" },
        when: "To train a transformer as Lingua does.",
        spellings: &[],
        cases: &[
            Case::std("lingua", &[1024, 1024], Axes::linear, 0.030830574767440895, "1/√1024, the cut at ±3 not corrected"),
            Case::std("lingua(part=out, layer=2)", &[1024, 1024], Axes::linear, 0.015624999430385972, "1/(32 · 2), cut at ±6"),
            Case::std("lingua(part=out, factor=dim_ratio)", &[2048, 1024], Axes::linear, 0.04641543115245791, "2/32, cut at ±1.5"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let embedding = param.role.value == crate::role::Role::Embedding;
        let fan = param.fan(if embedding { Fan::Out } else { Fan::In }, Count::True)?;
        let std = self.std.unwrap_or(1.0 / fan.sqrt());
        require(std > 0.0 && std.is_finite(), "std", std, "a positive number")?;
        let factor = match (self.part, self.factor) {
            (super::mitchell::Side::In, _) | (_, Factor::Disabled) => 1.0,
            (_, Factor::CurrentDepth) => (2.0 * given(self.layer, "layer", "which block this is, from 1")?).sqrt(),
            (_, Factor::GlobalDepth) => (2.0 * given(self.layers, "layers", "the number of blocks")?).sqrt(),
            (_, Factor::DimRatio) => width(self.width, param, Fan::Out)? / 4096.0,
        };
        each(Dist::Truncated { mean: 0.0, std: std / factor, low: -3.0 * std, high: 3.0 * std })
    }
}
