//! Wang's initialization of the projections into a residual stream.

use super::prelude::*;

/// A normal for the projections that write into the residual stream, smaller by the number of blocks.
///
/// Wang's GPT-J had 2/(L√d); LitGPT and TinyLlama use 1/(L√d) under the same name, which is `factor=1` here. The width d is
/// the fan-out where it is not given, since these projections write the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WangInit {
    /// Number of blocks L. It must be given.
    pub layers: Option<u64>,
    /// Width d of the residual stream; the fan-out if left out.
    pub width: Option<u64>,
    /// Factor of the standard deviation.
    pub factor: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for WangInit {
    fn default() -> WangInit {
        WangInit { layers: None, width: None, factor: 2.0, draw: Draw::Normal }
    }
}

impl Method for WangInit {
    const ABOUT: About = About {
        name: "wang_init",
        formula: "std = 2 / (layers √d)",
        source: Source { authors: "Wang, Komatsuzaki", year: 2021, at: "Mesh-Transformer-JAX (GPT-J-6B)", place: "initialization; GPT-NeoX `wang_init_method`" },
        when: "For the projections into the residual stream beside `small_init`, as GPT-NeoX-20B.",
        spellings: &[
            Spelling::of("neox", "wang_init", "wang_init", &[("n_layers", "layers"), ("dim", "width")]),
            Spelling::of("litgpt", "proj", "wang_init(factor=1)", &[("n_layer", "layers"), ("n_embd", "width")]).noting("half of GPT-NeoX' under the same name"),
            Spelling::of("llm_foundry", "neox_param_init_.out", "wang_init", &[("n_layers", "layers"), ("d_model", "width")]).noting("small_init over L/√10, which is the same"),
            Spelling::of("xlstm", "wang_init_", "wang_init", &[("num_blocks", "layers"), ("dim", "width")]),
            Spelling::of("xlstm", "proj_down.weight", "wang_init", &[("num_blocks", "layers"), ("dim", "width")]),
        ],
        cases: &[
            Case::std("neox:wang_init(n_layers=24, dim=1024)", &[1024, 4096], Axes::linear, 0.002_604_166_666_666_666_7, "2/(24·32)"),
            Case::std("wang_init(layers=22, factor=1)", &[2048, 5632], Axes::linear, 0.001_004_413_041_458_164_1, "TinyLlama: 1/(22·√2048)"),
            Case::std("litgpt:proj(n_layer=4)", &[64, 256], Axes::linear, 0.031_25, "1/(4·√64)"),
            Case::std("xlstm:proj_down.weight(num_blocks=4)", &[64, 128], Axes::linear, 0.0625, "2/(4·√64)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.factor >= 0.0 && self.factor.is_finite(), "factor", self.factor, "a finite number, 0 or more")?;
        let layers = given(self.layers, "layers", "the number of blocks")?;
        let std = self.factor / layers;
        self.draw.with_variance(std * std / width(self.width, param, Fan::Out)?)
    }
}
