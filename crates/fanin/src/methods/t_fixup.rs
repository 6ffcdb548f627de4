//! T-Fixup: transformers without normalization and without warm-up.

use super::prelude::*;
use crate::numerics::powf;

/// Glorot's rule, scaled down by the depth, for a transformer without layer normalization and warm-up.
///
/// `encoder` and `decoder` are for the value and output projections of attention and both feed-forward matrices; queries and
/// keys keep `glorot(draw=uniform)`. `embedding` is for the embeddings of both sides, whose width is their fan-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TFixup {
    /// Where the parameter stands: `encoder`, `decoder` or `embedding`.
    pub part: Half,
    /// Number N of layers of encoder and decoder each. It must be given.
    pub layers: Option<u64>,
    /// How a matrix's values are spread: `normal`, `truncated`, `uniform` or `sine`. Embeddings are normal.
    pub draw: Draw,
}

/// Where a parameter of an encoder-decoder stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// In the encoder.
    #[default]
    Encoder,
    /// In the decoder.
    Decoder,
    /// It is an embedding.
    Embedding,
}

impl Default for TFixup {
    fn default() -> TFixup {
        TFixup { part: Half::Encoder, layers: None, draw: Draw::Uniform }
    }
}

impl Method for TFixup {
    const ABOUT: About = About {
        name: "t_fixup",
        formula: "std = s √(2/(fan_in + fan_out)), s = 0.67 N^−¼ in the encoder, (9N)^−¼ in the decoder; embeddings (9N)^−¼ / √d",
        source: Source { authors: "Huang, Perez, Ba, Volkovs", year: 2020, at: "ICML 2020, Improving transformer optimization through better initialization", place: "T-Fixup; layer6ai-labs/T-Fixup b17e166 `fixup_initialization`" },
        when: "For an encoder-decoder transformer without layer normalization.",
        spellings: &[],
        cases: &[
            Case::bound("t_fixup(layers=6)", &[512, 512], Axes::linear, 0.032_768_958_395_284_45, "0.67 · 6^−¼ · √(6/1024)"),
            Case::bound("t_fixup(part=decoder, layers=6)", &[512, 512], Axes::linear, 0.028_237_562_612_807_65, "54^−¼ · √(6/1024)"),
            Case::std("t_fixup(part=embedding, layers=6)", &[512, 10000], Axes::linear, 0.016_302_964_375_763_41, "54^−¼ / √512"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layers = given(self.layers, "layers", "the number of layers N")?;
        let factor = match self.part {
            Half::Encoder => 0.67 * powf(layers, -0.25),
            Half::Decoder | Half::Embedding => powf(9.0 * layers, -0.25),
        };
        let (draw, fan) = match self.part {
            Half::Embedding => (Draw::Normal, Fan::Out),
            Half::Encoder | Half::Decoder => (self.draw, Fan::Mean),
        };
        draw.with_variance(factor * factor / param.fan(fan, Count::True)?)
    }
}
