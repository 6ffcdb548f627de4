//! RWKV's time parameters.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{ln, powf};
use crate::structure::Formula;

/// The decays, the bonus of the current token, and the mixing shares of RWKV, by channel and depth.
///
/// Channels forget over scales of time that widen with depth, and deeper blocks look less at the token before. Not drawn. The
/// last dimension holds the channels. Their recipe divides by `layers` − 1; for a model of one block the fraction is 0 here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rwkv {
    /// Which parameter: `decay`, `first`, `mix_k` (also of the channel mix, where the receptance has it too), `mix_v`, `mix_r`.
    pub part: Part,
    /// Which block, counted from 1. It must be given.
    pub layer: Option<u64>,
    /// Number of blocks. It must be given.
    pub layers: Option<u64>,
    /// Version of the model: 4, or 5 (one decay a head and channel, and another bonus).
    pub version: u64,
}

/// A time parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// `time_decay`.
    #[default]
    Decay,
    /// `time_first`, or `time_faaaa` of version 5.
    First,
    /// `time_mix_k`.
    MixK,
    /// `time_mix_v`.
    MixV,
    /// `time_mix_r`, and `time_mix_g` of version 5.
    MixR,
}

impl Default for Rwkv {
    fn default() -> Rwkv {
        Rwkv { part: Part::Decay, layer: None, layers: None, version: 4 }
    }
}

const ARGS: &[(&str, &str)] = &[("layer", "layer"), ("layers", "layers")];

impl Method for Rwkv {
    const ABOUT: About = About {
        name: "rwkv",
        formula: "decay −5 + 8 (i/(d−1))^(0.7 + 1.3 ρ), first ln 0.3 + ½((i+1) mod 3 − 1), mix (i/d)^(1 − l/L); ρ = l/(L−1)",
        source: Source { authors: "Peng, Alcaide, Anthony et al.", year: 2023, at: "RWKV, arXiv:2305.13048", place: "RWKV-LM `RWKV_TimeMix.__init__`" },
        when: "For the time parameters of RWKV-4 and RWKV-5.",
        spellings: &[
            Spelling::of("rwkv", "time_decay", "rwkv", ARGS),
            Spelling::of("rwkv", "time_first", "rwkv(part=first)", ARGS),
            Spelling::of("rwkv", "time_mix_k", "rwkv(part=mix_k)", ARGS),
            Spelling::of("rwkv", "time_mix_v", "rwkv(part=mix_v)", ARGS),
            Spelling::of("rwkv", "time_mix_r", "rwkv(part=mix_r)", ARGS),
            Spelling::of("hf", "rwkv.time_first", "rwkv(part=first, layer=1, layers=1, version=0)", &[])
                .noting("all ones: a parenthesis of `torch.ones_like(x * log(0.3) + zigzag)` stands in the wrong place"),
        ],
        cases: &[
            Case::std("rwkv(layer=1, layers=12)", &[1, 1, 64], Axes::linear, 2.172201727927559, "the first block: −5 + 8 (i/63)^0.7, by mpmath"),
            Case::std("rwkv:time_decay(layer=3, layers=3)", &[5], Axes::linear, 2.9495762407505253, "the last block: −5 + 8 (i/4)²"),
            Case::std("rwkv:time_first(layer=1, layers=2)", &[6], Axes::linear, 0.408248290463863, "ln 0.3 ± ½ and ln 0.3"),
            Case::std("rwkv:time_mix_k(layer=1, layers=2)", &[4], Axes::linear, 0.2795084971874737, "i/4"),
            Case::std("rwkv:time_mix_v(layer=2, layers=2)", &[4], Axes::linear, 0.32616358468924617, "√(i/4) + 0.3"),
            Case::std("rwkv:time_mix_r(layer=1, layers=2)", &[4], Axes::linear, 0.32616358468924617, "√(i/4)"),
            Case::value("hf:rwkv.time_first", 1.0, "transformers 5.23"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layer = given(self.layer, "layer", "which block this is, from 1")?;
        let layers = given(self.layers, "layers", "the number of blocks")?;
        require(layer <= layers, "layer", layer, &format!("at most `layers`, {layers}"))?;
        // Hugging Face's ones have no version of their own.
        if self.version == 0 && self.part == Part::First {
            return each(Dist::Constant(1.0));
        }
        require(matches!(self.version, 4 | 5), "version", self.version as f64, "4 or 5")?;
        let depth = if layers > 1.0 { (layer - 1.0) / (layers - 1.0) } else { 0.0 };
        let left = 1.0 - (layer - 1.0) / layers;
        let (layout, part, five) = (table(param)?, self.part, self.version == 5);
        let channels = layout.cols() as f64;
        let power = |x: f64, y: f64| if x == 0.0 { 0.0 } else { powf(x, y) };
        let value = move |_, i: u64| {
            let (share, place) = (i as f64 / channels, i as f64 / (channels - 1.0).max(1.0));
            let zigzag = ((i + 1) % 3) as f64 - 1.0;
            match (part, five) {
                (Part::Decay, false) => -5.0 + 8.0 * power(place, 0.7 + 1.3 * depth),
                (Part::Decay, true) => -6.0 + 5.0 * power(place, 0.7 + 1.3 * depth),
                (Part::First, false) => ln(0.3) + 0.5 * zigzag,
                (Part::First, true) => depth * (1.0 - place) + 0.1 * zigzag,
                (Part::MixK, _) => power(share, left),
                (Part::MixV, _) => power(share, left) + 0.3 * depth,
                (Part::MixR, _) => power(share, 0.5 * left),
            }
        };
        Ok(whole(Formula::fixed(layout, value)))
    }
}
