//! `LayerScale`: small factors of residual branches, by depth.

use super::prelude::*;

/// The factor of each channel of a residual branch: 0.1 up to 18 blocks, 1e-5 up to 24, 1e-6 in deeper networks.
///
/// A branch then changes little at first, whatever its weights, and each channel learns how much it matters. For networks of
/// 18 blocks and more; in shallow ones it slows learning. `ConvNeXt` has 1e-6 and `BEiT` 0.1 or 1e-5 at every depth: those are
/// `constant`s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LayerScale {
    /// Number of blocks. It must be given.
    pub layers: Option<u64>,
}

impl Method for LayerScale {
    const ABOUT: About = About {
        name: "layer_scale",
        formula: "λ = 0.1 (layers ≤ 18), 1e-5 (≤ 24), 1e-6 (deeper)",
        source: Source { authors: "Touvron, Cord, Sablayrolles, Synnaeve, Jégou", year: 2021, at: "CaiT, arXiv:2103.17239", place: "its choice by depth" },
        when: "For the channel factors of residual branches in vision transformers of 18 blocks and more.",
        spellings: &[
            Spelling::same("cait", "layer_scale"),
            Spelling::of("timm", "cait.layer_scale", "layer_scale", &[("depth", "layers")]),
        ],
        cases: &[
            Case::value("layer_scale(layers=12)", 0.1, "18 blocks or fewer"),
            Case::value("timm:cait.layer_scale(depth=24)", 1e-5, "CaiT-S24"),
            Case::value("layer_scale(layers=36)", 1e-6, "CaiT-S36"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        let layers = given(self.layers, "layers", "the number of blocks")?;
        each(Dist::Constant(match layers {
            ..=18.0 => 0.1,
            ..=24.0 => 1e-5,
            _ => 1e-6,
        }))
    }
}
