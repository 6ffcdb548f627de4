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
    /// Which fan divides the variance as well; none if left out.
    pub fan: Option<Fan>,
    /// How many times wider the model is than the one that was tuned (Megatron's µP): the standard deviation is smaller by its
    /// root.
    pub width_mult: f64,
    /// Where a normal is cut, in standard deviations of the result; not widened for it, as in OLMo. Not cut if left out.
    pub cut: Option<f64>,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for DepthScaled {
    fn default() -> DepthScaled {
        DepthScaled { std: 0.02, layers: None, branches: 2, fan: None, width_mult: 1.0, cut: None, draw: Draw::Normal }
    }
}

impl Method for DepthScaled {
    const ABOUT: About = About {
        name: "depth_scaled",
        formula: "std = 0.02 / √(2 layers · width_mult)",
        source: Source { authors: "Radford, Wu, Child, Luan, Amodei, Sutskever", year: 2019, at: "Language models are unsupervised multitask learners", place: "residual layers at initialization" },
        when: "For the projections into the residual stream of a pre-norm transformer.",
        spellings: &[
            Spelling::same("scaled_normal", "depth_scaled"),
            Spelling::of("megatron", "scaled_init_method_normal", "depth_scaled", &[("sigma", "std"), ("num_layers", "layers")]),
            Spelling::of("neox", "scaled_normal", "depth_scaled", &[("sigma", "std"), ("num_layers", "layers")]),
            Spelling::of("megatron", "mup_scaled_init_method_normal", "depth_scaled",
                &[("sigma", "std"), ("num_layers", "layers"), ("width_mult", "width_mult")]),
            Spelling::of("olmo", "full_megatron.out", "depth_scaled(cut=3)", &[("std", "std"), ("n_layers", "layers")])
                .noting("cut at ±3 standard deviations and not widened for it"),
            Spelling::of("olmo_core", "llama.out", "depth_scaled(cut=3)", &[("std", "std"), ("num_blocks", "layers")]),
            Spelling::of("olmo_core", "llama_depth.out", "depth_scaled(cut=3)", &[("std", "std"), ("block", "layers")])
                .noting("`block` counts from 1: the depth so far, not that of the model"),
            Spelling::of("torchtitan", "depth_init", "depth_scaled", &[("std", "std"), ("layer", "layers")])
                .noting("`layer` counts from 1; trunc_normal_ there has its bounds at ±2, which cuts nothing"),
            Spelling::of("x_transformers", "init_depth_scaled_", "depth_scaled(std=1, fan=in)", &[("depth", "layers")]),
            Spelling::of("beit", "fix_init_weight", "depth_scaled", &[("std", "std"), ("layer", "layers")])
                .noting("attention's and the MLP's last weights, drawn with std 0.02 and divided by √(2 layer); `layer` counts from 1"),
            Spelling::of("mamba", "out_proj", "depth_scaled(std=0.5773502691896257, fan=in, branches=1, draw=uniform)", &[("n_layer", "layers"), ("n_residuals_per_layer", "branches")])
                .noting("kaiming_uniform_(a=√5), that is ±1/√fan-in, divided by the root of the branches; transformers' port does so to whatever is there, loaded weights, too"),
            Spelling::of("neox", "single_residual_scaled_normal", "depth_scaled(branches=1)", &[("sigma", "std"), ("num_layers", "layers")]),
        ],
        cases: &[
            Case::std("depth_scaled(layers=12)", &[768, 3072], Axes::linear, 0.004_082_482_904_638_63, "GPT-2 small: 0.02/√24"),
            Case::std("megatron:scaled_init_method_normal(sigma=0.02, num_layers=48)", &[8, 8], Axes::linear, 0.002_041_241_452_319_315, "GPT-2 XL: 0.02/√96"),
            Case::std("neox:single_residual_scaled_normal(sigma=0.02, num_layers=24)", &[8, 8], Axes::linear, 0.004_082_482_904_638_63, "0.02/√24"),
            Case::std("megatron:mup_scaled_init_method_normal(sigma=0.02, num_layers=8, width_mult=4)", &[8, 8], Axes::linear, 0.002_5, "0.02/√(16 · 4)"),
            Case::std("olmo:full_megatron.out(std=0.02, n_layers=8)", &[8, 8], Axes::linear, 0.0049328919627905435, "0.02/√16, cut at ±3"),
            Case::std("olmo_core:llama.out(std=0.02, num_blocks=8)", &[8, 8], Axes::linear, 0.0049328919627905435, "0.02/√16, cut at ±3"),
            Case::std("olmo_core:llama_depth.out(std=0.02, block=2)", &[8, 8], Axes::linear, 0.009865783925581087, "0.02/√4, cut at ±3"),
            Case::std("torchtitan:depth_init(std=0.02, layer=2)", &[8, 8], Axes::linear, 0.01, "0.02/√4"),
            Case::std("x_transformers:init_depth_scaled_(depth=8)", &[8, 16], Axes::linear, 0.0625, "1/√(2 · 16 · 8)"),
            Case::std("beit:fix_init_weight(layer=8)", &[8, 8], Axes::linear, 0.005, "0.02/√16"),
            Case::bound("mamba:out_proj(n_layer=16)", &[8, 64], Axes::linear, 0.03125, "1/√(64 · 16)"),
            Case::std("neox:scaled_normal(sigma=0.02, num_layers=12)", &[8, 8], Axes::linear, 0.004_082_482_904_638_63, "0.02/√24"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.std >= 0.0 && self.std.is_finite(), "std", self.std, "a finite number, 0 or more")?;
        let layers = given(self.layers, "layers", "the number of blocks")?;
        let branches = given(Some(self.branches), "branches", "the branches of a block")?;
        require(self.width_mult > 0.0 && self.width_mult.is_finite(), "width_mult", self.width_mult, "a positive number")?;
        let fan = self.fan.map_or(Ok(1.0), |fan| param.fan(fan, Count::True))?;
        let variance = self.std * self.std / (branches * layers * self.width_mult * fan);
        let Some(cut) = self.cut else { return self.draw.with_variance(variance) };
        require(cut > 0.0 && cut.is_finite(), "cut", cut, "a positive number of standard deviations")?;
        let std = variance.sqrt();
        each(Dist::Truncated { mean: 0.0, std, low: -cut * std, high: cut * std })
    }
}
