//! DeepNorm: post-norm transformers of a thousand layers.

use super::prelude::*;
use crate::numerics::powf;

/// Glorot's rule times β, for the matrices whose output is summed into the residual stream of a `DeepNorm` transformer.
///
/// For value, output and feed-forward projections; queries and keys keep `glorot`. The network must scale its residuals by α
/// (`LN(αx + f(x))`): α = (2N)^¼ in a single stack, 0.81 (N⁴M)^(1/16) in the encoder and (3M)^¼ in the decoder of an
/// encoder-decoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepNorm {
    /// Which stack: `single` (encoder only or decoder only), or the `encoder` or `decoder` of an encoder-decoder.
    pub stack: Stack,
    /// Number N of layers of a single stack, or of the encoder.
    pub layers: Option<u64>,
    /// Number M of layers of the decoder of an encoder-decoder.
    pub decoder_layers: Option<u64>,
    /// The `paper`'s 0.87 in an encoder beside a decoder, or the `code`'s 1/1.15.
    pub form: Form,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

/// A stack of transformer layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// The only one.
    #[default]
    Single,
    /// The encoder of two.
    Encoder,
    /// The decoder of two.
    Decoder,
}

impl DeepNorm {
    fn beta(&self) -> Result<f64, Refusal> {
        let own = || given(self.layers, "layers", "the number of layers N");
        let decoder = || given(self.decoder_layers, "decoder_layers", "the number of decoder layers M");
        Ok(match self.stack {
            Stack::Single => powf(8.0 * own()?, -0.25),
            Stack::Encoder => {
                let n = own()?;
                let factor = if self.form == Form::Paper { 0.87 } else { 1.0 / 1.15 };
                factor * powf(n * n * n * n * decoder()?, -1.0 / 16.0)
            }
            Stack::Decoder => powf(12.0 * decoder()?, -0.25),
        })
    }
}

impl Method for DeepNorm {
    const ABOUT: About = About {
        name: "deepnorm",
        formula: "std = β √(2/(fan_in + fan_out)), β = (8N)^−¼; encoder 0.87 (N⁴M)^−1/16, decoder (12M)^−¼",
        source: Source { authors: "Wang, Ma, Dong, Huang, Zhang, Wei", year: 2022, at: "arXiv:2203.00555", place: "its table of α and β; microsoft/torchscale 4d1e0e8" },
        when: "For post-norm transformers of more than some 12 layers whose graph has the residual factor α.",
        spellings: &[
            Spelling::same("deepnet", "deepnorm"),
            Spelling::of("torchscale", "deepnorm", "deepnorm(form=code, draw=uniform)",
                &[("encoder_layers", "layers"), ("decoder_layers", "decoder_layers"), ("stack", "stack")])
                .noting("rounds 1/0.87 to 1.15, which makes an encoder beside a decoder 0.05 % narrower"),
        ],
        cases: &[
            Case::std("deepnorm(layers=12)", &[768, 768], Axes::linear, 0.011_527_936_663_545_017, "96^−¼ · √(2/1536)"),
            Case::std("deepnorm(stack=encoder, layers=6, decoder_layers=6)", &[512, 512], Axes::linear, 0.021_964_028_895_384_79, "0.87 · 7776^−1/16 · √(2/1024)"),
            Case::bound("torchscale:deepnorm(stack=encoder, encoder_layers=6, decoder_layers=6)", &[512, 512], Axes::linear, 0.03802380208467504, "7776^−1/16/1.15 · √(6/1024)"),
            Case::std("deepnorm(stack=decoder, decoder_layers=6)", &[512, 512], Axes::linear, 0.015_171_617_865_853_857, "72^−¼ · √(2/1024)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let beta = self.beta()?;
        self.draw.with_variance(beta * beta / param.fan(Fan::Mean, Count::True)?)
    }
}
