//! The output layer of a hypernetwork.

use super::prelude::*;

/// The last layer of a network that puts out the weights of another, so that *those* have the variance they should have.
///
/// By He's rule the generated weights would have the variance of features, not of weights. `part=weight` is the head that
/// generates a weight of `target_out` × `target_in`, `part=bias` the head of its bias, if there is one. `mode=in` keeps the
/// signal of the generated network, `mode=out` its gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hypernetwork {
    /// Which head: of a `weight` or of a `bias`.
    pub part: Part,
    /// What keeps its scale in the generated network: the signal (`in`) or the gradient (`out`).
    pub mode: Fan,
    /// Inputs of the generated weight. They must be given with `part=weight` and `mode=in`.
    pub target_in: Option<u64>,
    /// Outputs of the generated weight. They must be given with `mode=out`.
    pub target_out: Option<u64>,
    /// Whether the generated layer has a generated bias, which takes half of the variance.
    pub target_bias: bool,
    /// Whether a rectifier follows the generated layer.
    pub relu: bool,
    /// Variance of the features that this head reads.
    pub input_variance: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

/// What a head generates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A weight.
    #[default]
    Weight,
    /// A bias.
    Bias,
}

impl Default for Hypernetwork {
    fn default() -> Hypernetwork {
        Hypernetwork {
            part: Part::Weight,
            mode: Fan::In,
            target_in: None,
            target_out: None,
            target_bias: true,
            relu: true,
            input_variance: 1.0,
            draw: Draw::Uniform,
        }
    }
}

impl Method for Hypernetwork {
    const ABOUT: About = About {
        name: "hypernetwork",
        formula: "weight: var = 2^relu/(2^bias · target · fan_in · Var e), target = target_in or target_out; bias: var = 2^relu/(2 · fan_in · Var e)",
        source: Source { authors: "Chang, Flokas, Lipson", year: 2020, at: "Principled weight initialization for hypernetworks, ICLR 2020", place: "hyperfan-in and hyperfan-out" },
        when: "For the last layer of a hypernetwork, and of anything whose output is reshaped into weights.",
        spellings: &[
            Spelling::same("hyperfan_in", "hypernetwork"),
            Spelling::same("hyperfan_out", "hypernetwork(mode=out)"),
        ],
        cases: &[
            Case::std("hypernetwork(target_in=64)", &[4096, 32], Axes::linear, 0.02209708691207961, "2/(2 · 64 · 32)"),
            Case::std("hyperfan_out(target_out=16, target_bias=false, relu=false)", &[1024, 64], Axes::linear, 0.03125, "1/(16 · 64)"),
            Case::std("hypernetwork(part=bias)", &[64, 25], Axes::linear, 0.2, "2/(2 · 25)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.input_variance > 0.0 && self.input_variance.is_finite(), "input_variance", self.input_variance, "a positive number")?;
        let inputs = param.fan(Fan::In, Count::True)? * self.input_variance;
        let relu = if self.relu { 2.0 } else { 1.0 };
        if self.part == Part::Bias {
            return self.draw.with_variance(relu / (2.0 * inputs));
        }
        let target = match self.mode {
            Fan::In => given(self.target_in, "target_in", "the inputs of the generated weight")?,
            Fan::Out => given(self.target_out, "target_out", "the outputs of the generated weight")?,
            other => {
                return Err(Refusal::new(format!("the mode is {other:?}"), "`in` or `out`", "Choose one of the two."));
            }
        };
        let share = if self.target_bias { 2.0 } else { 1.0 };
        self.draw.with_variance(relu / (share * target * inputs))
    }
}
