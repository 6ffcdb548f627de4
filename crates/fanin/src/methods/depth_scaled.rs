//! GPT-2's smaller standard deviation for the layers that write into a residual stream.

use super::prelude::*;

/// A normal whose standard deviation shrinks with the number of branches that are summed.
///
/// A residual stream of 2L branches of equal variance has 2L times that variance at its end; with weights smaller by √(2L)
/// it has that of one. For the projections that write into the stream (attention output, second matrix of the MLP); all other
/// weights keep `normal(std=0.02)`. With `layers` = index + 1 of the block it is the current-depth rule of TorchTitan,
/// Lingua and OLMo-core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DepthScaled {
    /// Standard deviation before scaling.
    pub std: f64,
    /// Number of blocks L. It must be given.
    pub layers: Option<u64>,
    /// Branches of a block: 2 for attention and MLP, 1 for Mamba.
    pub branches: u64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for DepthScaled {
    fn default() -> DepthScaled {
        DepthScaled { std: 0.02, layers: None, branches: 2, draw: Draw::Normal }
    }
}

impl Method for DepthScaled {
    const ABOUT: About = About {
        name: "depth_scaled",
        formula: "std = 0.02 / √(2 layers)",
        source: Source { authors: "Radford, Wu, Child, Luan, Amodei, Sutskever", year: 2019, at: "Language models are unsupervised multitask learners", place: "§2.3" },
        when: "For the projections into the residual stream of a pre-norm transformer.",
        spellings: &[
            Spelling::same("scaled_normal", "depth_scaled"),
            Spelling::of("megatron", "scaled_init_method_normal", "depth_scaled", &[("sigma", "std"), ("num_layers", "layers")]),
            Spelling::of("neox", "scaled_normal", "depth_scaled", &[("sigma", "std"), ("num_layers", "layers")]),
            Spelling::of("neox", "single_residual_scaled_normal", "depth_scaled(branches=1)", &[("sigma", "std"), ("num_layers", "layers")]),
        ],
        cases: &[
            Case::std("depth_scaled(layers=12)", &[768, 3072], Axes::linear, 0.004_082_482_904_638_63, "GPT-2 small: 0.02/√24"),
            Case::std("megatron:scaled_init_method_normal(sigma=0.02, num_layers=48)", &[8, 8], Axes::linear, 0.002_041_241_452_319_315, "GPT-2 XL: 0.02/√96"),
            Case::std("neox:single_residual_scaled_normal(sigma=0.02, num_layers=24)", &[8, 8], Axes::linear, 0.004_082_482_904_638_63, "0.02/√24"),
            Case::std("neox:scaled_normal(sigma=0.02, num_layers=12)", &[8, 8], Axes::linear, 0.004_082_482_904_638_63, "0.02/√24"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        require(self.std >= 0.0 && self.std.is_finite(), "std", self.std, "a finite number, 0 or more")?;
        let layers = given(self.layers, "layers", "the number of blocks")?;
        let branches = given(Some(self.branches), "branches", "the branches of a block")?;
        self.draw.with_variance(self.std * self.std / (branches * layers))
    }
}
