//! All elements one.

use super::prelude::*;

/// All elements one.
///
/// A normalized signal passes unchanged through a scale of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ones {}

impl Method for Ones {
    const ABOUT: About = About {
        name: "ones",
        formula: "w = 1",
        source: Source {
            authors: "Ioffe, Szegedy",
            year: 2015,
            at: "arXiv:1502.03167",
            place: "the scale of a normalization",
        },
        when: "For the scale of a normalization.",
        spellings: &[
            Spelling::same("one", "ones"),
            Spelling::of("torch", "ones_", "ones", &[]),
            Spelling::of("torch", "nn.BatchNorm2d.weight", "ones", &[]),
            Spelling::of("torch", "nn.LayerNorm.weight", "ones", &[]),
            Spelling::of("mup", "ones_", "ones", &[]).noting("the same at every width"),
            Spelling::of("hf", "ones_", "ones", &[]),
            Spelling::of("keras", "ones", "ones", &[]),
            Spelling::of("keras", "Ones", "ones", &[]),
            Spelling::of("jax", "ones", "ones", &[]),
            Spelling::of("flax", "ones_init", "ones", &[]),
            Spelling::of("sonnet", "Ones", "ones", &[]),
            Spelling::of("tf1", "ones_initializer", "ones", &[]),
            Spelling::of("mxnet", "One", "ones", &[]),
            Spelling::of("mindspore", "One", "ones", &[]),
            Spelling::of("tinygrad", "ones", "ones", &[]),
            Spelling::of("flux", "ones32", "ones", &[]),
            Spelling::of("lux", "ones16", "ones", &[]),
            Spelling::of("lux", "ones32", "ones", &[]),
            Spelling::of("lux", "ones64", "ones", &[]),
            Spelling::of("lux", "onesC16", "ones", &[]),
            Spelling::of("lux", "onesC32", "ones", &[]),
            Spelling::of("lux", "onesC64", "ones", &[]),
            Spelling::of("chainer", "One", "ones", &[]),
            Spelling::of("dl4j", "ONES", "ones", &[]),
            Spelling::of("burn", "Ones", "ones", &[]),
            Spelling::of("candle", "ONE", "ones", &[]),
            Spelling::of("mamba", "D", "ones", &[]),
            Spelling::same("normformer", "ones").noting("Shleifer et al. 2021: its head scales and further normalizations; the weights stay what they are"),
            Spelling::of("hf", "bamba.dt_bias", "ones", &[]).noting("Mamba draws it (`mamba:dt_bias`); Bamba and Qwen3-Next start every step size at softplus(1)"),
            Spelling::of("hf", "qwen3_next.dt_bias", "ones", &[]).noting("Mamba draws it (`mamba:dt_bias`)"),
        ],
        cases: &[Case::value("ones", 1.0, "by definition"), Case::value("torch:ones_", 1.0, "torch 2.15")],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(1.0))
    }
}
