//! All elements zero.

use super::prelude::*;

/// All elements zero.
///
/// One of the founding strategies, and the way to make a network that cannot learn: with every weight zero all units
/// of a layer compute the same and receive the same gradient, so they stay equal for ever.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Zeros {}

impl Method for Zeros {
    const ABOUT: About = About {
        name: "zeros",
        formula: "w = 0",
        source: Source {
            authors: "Rumelhart, Hinton, Williams",
            year: 1986,
            at: "Learning internal representations by error propagation",
            place: "why equal weights never part",
        },
        when: "For biases, shifts, and the last layer of a residual branch that shall start as the identity. Never for all \
               weights: units that start equal stay equal.",
        spellings: &[
            Spelling::same("zero", "zeros"),
            Spelling::of("torch", "zeros_", "zeros", &[]),
            Spelling::of("hf", "zeros_", "zeros", &[]),
            Spelling::of("keras", "zeros", "zeros", &[]),
            Spelling::of("keras", "Zeros", "zeros", &[]),
            Spelling::of("jax", "zeros", "zeros", &[]),
            Spelling::of("dit", "adaLN_modulation", "zeros", &[]).noting("adaLN-Zero: every block starts as the identity"),
            Spelling::of("controlnet", "zero_conv", "zeros", &[]),
            Spelling::of("detr", "bbox_embed.last", "zeros", &[]),
            Spelling::of("piratenet", "alpha", "zeros", &[]),
            Spelling::of("flax", "zeros_init", "zeros", &[]),
            Spelling::of("sonnet", "Zeros", "zeros", &[]),
            Spelling::of("tf1", "zeros_initializer", "zeros", &[]),
            Spelling::of("mxnet", "Zero", "zeros", &[]),
            Spelling::of("mindspore", "Zero", "zeros", &[]),
            Spelling::of("tinygrad", "zeros", "zeros", &[]),
            Spelling::of("flux", "zeros32", "zeros", &[]),
            Spelling::of("lux", "zeros16", "zeros", &[]),
            Spelling::of("lux", "zeros32", "zeros", &[]),
            Spelling::of("lux", "zeros64", "zeros", &[]),
            Spelling::of("lux", "zerosC16", "zeros", &[]),
            Spelling::of("lux", "zerosC32", "zeros", &[]),
            Spelling::of("lux", "zerosC64", "zeros", &[]),
            Spelling::of("chainer", "Zero", "zeros", &[]),
            Spelling::of("dl4j", "ZERO", "zeros", &[]),
            Spelling::of("burn", "Zeros", "zeros", &[]),
            Spelling::of("candle", "ZERO", "zeros", &[]),
            Spelling::of("peft", "lora_B", "zeros", &[]).noting("B is 0, so that the adapted model starts as it was"),
            Spelling::of("skip_init", "alpha", "zeros", &[]).noting("De and Smith 2020: the scalar of a branch"),
            Spelling::of("rezero", "alpha", "zeros", &[]).noting("Bachlechner et al. 2020: the scalar of a branch"),
            Spelling::same("skip_init", "zeros").noting("De and Smith 2020: the scalar of a branch; the weights of the branch stay `he`"),
            Spelling::same("rezero", "zeros").noting("Bachlechner et al. 2020: the scalar of a branch; the weights of the branch stay what they are"),
            Spelling::same("zero_gamma", "zeros").noting("Goyal et al. 2017: the scale of the last normalization of a residual branch, and of no other"),
            Spelling::of("x_transformers", "zero_init_branch_output", "zeros", &[]).noting("the last layer of a branch"),
            Spelling::of("glow", "coupling.last", "zeros", &[]).noting("the last layer of a coupling, which then changes nothing; RealNVP and NICE do so, too"),
            Spelling::of("peft", "boft_R", "zeros", &[]).noting("a rotation by no angle"),
            Spelling::of("peft", "fourierft_spectrum", "zeros", &[]),
            Spelling::of("timm", "zero_init_last", "zeros", &[]).noting("the scale of the last normalization of a residual branch (Goyal et al. 2017)"),
        ],
        cases: &[Case::value("zeros", 0.0, "by definition"), Case::value("torch:zeros_", 0.0, "torch 2.15")],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(0.0))
    }
}
