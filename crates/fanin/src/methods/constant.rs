//! All elements one number.

use super::prelude::*;

/// All elements one number.
///
/// For a bias or a scale with a value of its own: a forget gate's 1, a branch scale of 1e-5, a detector's −4.595.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Constant {
    /// The number.
    pub value: f64,
}

impl Method for Constant {
    const ABOUT: About = About {
        name: "constant",
        formula: "w = value",
        source: Source { authors: "He, Zhang, Ren, Sun", year: 2015, at: "arXiv:1502.01852", place: "slopes that start at 0.25; constants themselves are older than any source" },
        when: "For a bias, a scale or a slope whose value is known.",
        spellings: &[
            Spelling::of("torch", "constant_", "constant", &[("val", "value")]),
            Spelling::of("hf", "constant_", "constant", &[("val", "value")]),
            Spelling::of("keras", "constant", "constant", &[("value", "value")]),
            Spelling::of("keras", "Constant", "constant", &[("value", "value")]),
            Spelling::of("jax", "constant", "constant", &[("value", "value")]),
            Spelling::of("haiku", "Constant", "constant", &[("constant", "value")]),
            Spelling::of("sonnet", "Constant", "constant", &[("value", "value")]),
            Spelling::of("tf1", "constant_initializer", "constant", &[("value", "value")]),
            Spelling::of("paddle", "Constant", "constant", &[("value", "value")]),
            Spelling::of("mxnet", "Constant", "constant", &[("value", "value")]),
            Spelling::of("mindspore", "Constant", "constant", &[("value", "value")]),
            Spelling::of("mlx", "constant", "constant", &[("value", "value")]),
            Spelling::of("chainer", "Constant", "constant", &[("fill_value", "value")]),
            Spelling::of("caffe", "constant", "constant", &[("value", "value")]),
            Spelling::of("lasagne", "Constant", "constant", &[("val", "value")]),
            Spelling::of("burn", "Constant", "constant", &[("value", "value")]),
            Spelling::of("candle", "Const", "constant", &[("value", "value")]),
            Spelling::of("tch", "Const", "constant", &[("value", "value")]),
            Spelling::of("onnx", "ConstantOfShape", "constant", &[("value", "value")]),
            Spelling::of("torch", "nn.PReLU.weight", "constant(value=0.25)", &[("init", "value")]),
            Spelling::of("flax", "PReLU.negative_slope", "constant(value=0.01)", &[("negative_slope_init", "value")]).noting("Keras starts the slope at 0, torch at 0.25"),
            Spelling::same("dyt", "constant(value=0.5)").noting("Zhu et al. 2025: the slope of a dynamic tanh, where a normalization stood"),
            Spelling::of("xlstm_large", "igate.bias", "constant(value=-10)", &[]).noting("input gates start shut"),
            Spelling::of("dyt", "alpha", "constant(value=0.5)", &[]).noting("Zhu et al. 2025: the slope of a dynamic tanh"),
            Spelling::of("centernet", "heatmap.bias", "constant(value=-2.19)", &[]).noting("the logit of 0.1, rounded"),
        ],
        cases: &[
            Case::value("constant(value=0.25)", 0.25, "by definition"),
            Case::value("torch:constant_(val=-1)", -1.0, "torch 2.15"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(self.value))
    }
}
