//! Sub-LN: the initialization of Magneto.

use super::deepnorm::Stack;
use super::prelude::*;
use crate::numerics::ln;

/// Glorot's rule times γ, for the matrices whose output is summed into the residual stream of a Sub-LN transformer.
///
/// For value, output and feed-forward projections of networks with a second normalization inside each branch; queries and
/// keys keep `glorot`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubLn {
    /// Which stack: `single` (encoder only or decoder only), or the `encoder` or `decoder` of an encoder-decoder.
    pub stack: Stack,
    /// Number N of layers of a single stack, or of the encoder.
    pub layers: Option<u64>,
    /// Number M of layers of the decoder of an encoder-decoder.
    pub decoder_layers: Option<u64>,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Method for SubLn {
    const ABOUT: About = About {
        name: "sub_ln",
        formula: "std = γ √(2/(fan_in + fan_out)), γ = √ln(2N); encoder √(ln(3M) ln(2N)/3), decoder √ln(3M)",
        source: Source { authors: "Wang, Ma, Huang, Dong et al.", year: 2022, at: "arXiv:2210.06423", place: "its table of γ, as microsoft/torchscale 4d1e0e8 has it" },
        when: "For transformers with Sub-LN (Magneto).",
        spellings: &[Spelling::same("magneto", "sub_ln"), Spelling::of("torchscale", "subln", "sub_ln(draw=uniform)", &[("encoder_layers", "layers"), ("decoder_layers", "decoder_layers")])],
        cases: &[
            Case::std("sub_ln(layers=12)", &[768, 768], Axes::linear, 0.064_327_994_877_286_68, "√ln 24 · √(2/1536)"),
            Case::std("torchscale:subln(encoder_layers=12)", &[768, 768], Axes::linear, 0.064_327_994_877_286_68, "Glorot's uniform law there, times √ln 24"),
            Case::std("sub_ln(stack=encoder, layers=6, decoder_layers=6)", &[512, 512], Axes::linear, 0.068_381_131_664_220_32, "√(ln 18 · ln 12 / 3) · √(2/1024)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let own = || Ok(ln(2.0 * given(self.layers, "layers", "the number of layers N")?));
        let decoder = || Ok(ln(3.0 * given(self.decoder_layers, "decoder_layers", "the number of decoder layers M")?));
        let square: Result<f64, Refusal> = match self.stack {
            Stack::Single => own(),
            Stack::Encoder => own().and_then(|own| Ok(own * decoder()? / 3.0)),
            Stack::Decoder => decoder(),
        };
        self.draw.with_variance(square? / param.fan(Fan::Mean, Count::True)?)
    }
}
