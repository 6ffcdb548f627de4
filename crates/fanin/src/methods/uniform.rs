//! Uniform numbers in an interval.

use super::prelude::*;

/// Uniform numbers in an interval that does not depend on the shape.
///
/// The frameworks' defaults under this name differ by a factor of 20, and JAX's and torch's are one-sided; say the bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Uniform {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Both ends at once: ±`bound`.
    pub bound: Option<f64>,
}

impl Default for Uniform {
    fn default() -> Uniform {
        Uniform { low: -0.05, high: 0.05, bound: None }
    }
}

impl Method for Uniform {
    const ABOUT: About = About {
        name: "uniform",
        formula: "w ~ U(low, high), std = (high − low) / √12",
        source: Source { authors: "Rumelhart, Hinton, Williams", year: 1986, at: "Learning internal representations by error propagation", place: "small random weights" },
        when: "To reproduce a model that was initialized so; otherwise a rule that knows the fans is better.",
        spellings: &[
            Spelling::same("random_uniform", "uniform"),
            Spelling::of("torch", "uniform_", "uniform(low=0, high=1)", &[("a", "low"), ("b", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("hf", "uniform_", "uniform(low=0, high=1)", &[("a", "low"), ("b", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("keras", "random_uniform", "uniform", &[("minval", "low"), ("maxval", "high")]),
            Spelling::of("keras", "RandomUniform", "uniform", &[("minval", "low"), ("maxval", "high")]),
            Spelling::of("jax", "uniform", "uniform(low=0, high=0.01)", &[("scale", "high")]).noting("one-sided: on [0, scale)"),
            Spelling::of("haiku", "RandomUniform", "uniform(low=0, high=1)", &[("minval", "low"), ("maxval", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("sonnet", "RandomUniform", "uniform(low=0, high=1)", &[("minval", "low"), ("maxval", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("tf1", "random_uniform_initializer", "uniform(low=0, high=1)", &[("minval", "low"), ("maxval", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("paddle", "Uniform", "uniform(low=-1, high=1)", &[("low", "low"), ("high", "high")]),
            Spelling::of("mlx", "uniform", "uniform(low=0, high=1)", &[("low", "low"), ("high", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("tinygrad", "uniform", "uniform(low=0, high=1)", &[("low", "low"), ("high", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("flux", "rand32", "uniform(low=0, high=1)", &[]).noting("one-sided: its mean is ½"),
            Spelling::of("lux", "rand16", "uniform(low=0, high=1)", &[]).noting("one-sided: its mean is ½"),
            Spelling::of("lux", "rand32", "uniform(low=0, high=1)", &[]).noting("one-sided: its mean is ½"),
            Spelling::of("lux", "rand64", "uniform(low=0, high=1)", &[]).noting("one-sided: its mean is ½"),
            Spelling::of("caffe", "uniform", "uniform(low=0, high=1)", &[("min", "low"), ("max", "high")]).noting("one-sided by default: its mean is ½"),
            Spelling::of("burn", "Uniform", "uniform(low=0, high=1)", &[("min", "low"), ("max", "high")]),
            Spelling::of("candle", "Uniform", "uniform(low=0, high=1)", &[("lo", "low"), ("up", "high")]),
            Spelling::of("tch", "Uniform", "uniform(low=0, high=1)", &[("lo", "low"), ("up", "high")]).noting("batch normalization's scale by default, as torch before 1.2"),
            Spelling::of("mxnet", "Uniform", "uniform(bound=0.07)", &[("scale", "bound")]),
            Spelling::of("mindspore", "Uniform", "uniform(bound=0.07)", &[("scale", "bound")]),
            Spelling::of("chainer", "Uniform", "uniform(bound=0.05)", &[("scale", "bound")]),
            Spelling::of("lasagne", "Uniform", "uniform(bound=0.01)", &[("range", "bound")]),
            Spelling::of("tch", "BatchNorm.weight", "uniform(low=0, high=1)", &[]).noting("as torch before 1.2; its other norms start at 1"),
            Spelling::of("onnx", "RandomUniformLike", "uniform(low=0, high=1)", &[("low", "low"), ("high", "high")]),
            Spelling::of("fairseq", "Linear", "uniform(low=-0.1, high=0.1)", &[]).noting("the linear layers and LSTMs of its recurrent and convolutional models"),
            Spelling::of("fairseq", "LSTM", "uniform(low=-0.1, high=0.1)", &[]).noting("weights and biases"),
            Spelling::of("urnn", "D", "uniform(low=-3.141592653589793, high=3.141592653589793)", &[]).noting("Arjovsky et al. 2016: the phases of a unitary recurrent network's diagonals"),
            Spelling::of("urnn", "R", "uniform(low=-1, high=1)", &[]).noting("Arjovsky et al. 2016: real and imaginary parts of its reflections"),
            Spelling::of("funnel", "attention", "uniform(low=0, high=0.1)", &[]).noting("all of one sign: the attention's own tensors have a mean of 0.05"),
            Spelling::of("onnx", "RandomUniform", "uniform(low=0, high=1)", &[("low", "low"), ("high", "high")]),
        ],
        cases: &[
            Case::bound("uniform(low=-0.3, high=0.3)", &[8, 8], Axes::linear, 0.3, "by definition"),
            Case::bound("uniform(bound=0.3)", &[8, 8], Axes::linear, 0.3, "by definition"),
            Case::std("torch:uniform_", &[8, 8], Axes::linear, 0.288_675_134_594_812_9, "1/√12; torch 2.15"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        let (low, high) = self.bound.map_or((self.low, self.high), |bound| (-bound, bound));
        each(Dist::Uniform { low, high })
    }
}
