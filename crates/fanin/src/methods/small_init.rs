//! Small initialization of transformers.

use super::prelude::*;

/// Normal weights with the variance that Glorot's rule gives a d × 4d matrix, in every matrix of a transformer.
///
/// Pre-norm transformers train without warm-up then. The width d is that of the residual stream; where it is not given it is
/// the fan-in, which is right for the projections that read the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmallInit {
    /// Width d of the residual stream; the fan-in if left out.
    pub width: Option<u64>,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Method for SmallInit {
    const ABOUT: About = About {
        name: "small_init",
        formula: "std = √(2 / (5 d))",
        source: Source { authors: "Nguyen, Salazar", year: 2019, at: "arXiv:1910.05895", place: "small initialization" },
        when: "For the matrices of a pre-norm transformer that read the residual stream.",
        spellings: &[Spelling::of("xlstm", "small_init_init_", "small_init", &[("dim", "width")]), Spelling::of("llm_foundry", "small_param_init_", "small_init", &[("d_model", "width")]), Spelling::of("neox", "small_init", "small_init", &[("dim", "width")])
            .noting("GPT-NeoX gives the hidden size as `dim` for every matrix")],
        cases: &[
            Case::std("small_init", &[3072, 768], Axes::linear, 0.022_821_773_229_381_92, "√(2/3840)"),
            Case::std("neox:small_init(dim=4096)", &[4096, 16384], Axes::linear, 0.009_882_117_688_026_186, "√(2/20480)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        self.draw.with_variance(2.0 / (5.0 * width(self.width, param, Fan::In)?))
    }
}
