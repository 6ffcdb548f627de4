//! Normal numbers of a given standard deviation.

use super::prelude::*;

/// Normal numbers of a standard deviation that does not depend on the shape.
///
/// GPT and most transformers since use 0.02 for every weight, which suits widths near 1/0.02² = 2500 and no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl Default for Normal {
    fn default() -> Normal {
        Normal { mean: 0.0, std: 0.02 }
    }
}

impl Method for Normal {
    const ABOUT: About = About {
        name: "normal",
        formula: "w ~ N(mean, std²)",
        source: Source { authors: "Radford, Narasimhan, Salimans, Sutskever", year: 2018, at: "Improving language understanding by generative pre-training", place: "its model specifications: N(0, 0.02)" },
        when: "For embeddings, and for transformers whose recipe fixes the standard deviation.",
        spellings: &[
            Spelling::same("gaussian", "normal"),
            Spelling::same("random_normal", "normal"),
            Spelling::of("torch", "normal_", "normal(mean=0, std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("hf", "normal_", "normal(mean=0, std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("keras", "random_normal", "normal(std=0.05)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("keras", "RandomNormal", "normal(std=0.05)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("jax", "normal", "normal(std=0.01)", &[("stddev", "std")]),
            Spelling::of("haiku", "RandomNormal", "normal(std=1)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("sonnet", "RandomNormal", "normal(std=1)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("tf1", "random_normal_initializer", "normal(std=1)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("paddle", "Normal", "normal(std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("mxnet", "Normal", "normal(std=0.01)", &[("sigma", "std")]),
            Spelling::of("mindspore", "Normal", "normal(std=0.01)", &[("sigma", "std"), ("mean", "mean")]),
            Spelling::of("mlx", "normal", "normal(std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("tinygrad", "normal", "normal(std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("flux", "randn32", "normal(std=1)", &[]),
            Spelling::of("lux", "randn16", "normal(std=1)", &[]),
            Spelling::of("lux", "randn32", "normal(std=1)", &[]),
            Spelling::of("lux", "randn64", "normal(std=1)", &[]),
            Spelling::of("chainer", "Normal", "normal(std=0.05)", &[("scale", "std")]),
            Spelling::of("caffe", "gaussian", "normal(std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("lasagne", "Normal", "normal(std=0.01)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("burn", "Normal", "normal(std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("candle", "Randn", "normal(std=1)", &[("mean", "mean"), ("stdev", "std")]),
            Spelling::of("tch", "Randn", "normal(std=1)", &[("mean", "mean"), ("stdev", "std")]),
            Spelling::of("onnx", "RandomNormal", "normal(std=1)", &[("mean", "mean"), ("scale", "std")]).noting("the operator has a seed of its own and no fixed generator: an initializer is reproducible"),
            Spelling::of("onnx", "RandomNormalLike", "normal(std=1)", &[("mean", "mean"), ("scale", "std")]),
            Spelling::of("hf", "blip.initializer_range", "normal(std=1e-10)", &[]).noting("the default of BLIP's configuration: a model that says nothing for a long time; its papers train from pretrained weights"),
            Spelling::of("megatron", "init_method_normal", "normal", &[("sigma", "std")]),
            Spelling::of("neox", "normal", "normal", &[("sigma", "std")]),
            Spelling::of("dcgan", "conv", "normal", &[]),
            Spelling::of("dcgan", "bn", "normal(mean=1, std=0.02)", &[]),
            Spelling::of("llm_foundry", "baseline_param_init_", "normal", &[("init_std", "std")]).noting("projections into the residual stream are divided by √(2 layers): `depth_scaled`"),
            Spelling::same("umup", "normal(std=1)").noting("unit scaling: every operation carries its own factor, and the learning rates their rules"),
            Spelling::of("umup", "weight", "normal(std=1)", &[]).noting("unit scaling: every operation carries its own factor"),
            Spelling::of("x_transformers", "token_emb", "normal(std=0.00001)", &[]).noting("where embeddings are normalized"),
            Spelling::of("nanochat", "wte", "normal(std=0.8)", &[]),
            Spelling::of("nanochat", "lm_head", "normal(std=0.001)", &[]),
            Spelling::of("modded_nanogpt", "lm_head", "normal(std=0.005)", &[]),
            Spelling::of("irnn", "input", "normal(std=0.001)", &[]).noting("the input's weights beside an identity"),
            Spelling::of("peft", "adalora", "normal", &[]),
            Spelling::of("xlstm", "mlstm.igate.bias", "normal(std=0.1)", &[]),
        ],
        cases: &[
            Case::std("normal(std=0.02)", &[8, 8], Axes::linear, 0.02, "by definition"),
            Case::std("torch:normal_", &[8, 8], Axes::linear, 1.0, "torch 2.15"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let dist = Dist::Normal { mean: self.mean, std: self.std };
        if self.mean == 0.0 && param.dtype.component().is_some() {
            dist.check()?;
            return spread(Draw::Normal, self.std * self.std, Count::True, param);
        }
        each(dist)
    }
}
