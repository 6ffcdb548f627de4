//! He (Kaiming) initialization.

use super::prelude::*;

/// Zero-mean values whose variance keeps a signal's scale through a rectifier.
///
/// A rectifier passes half of a symmetric signal's power, so weights need twice the variance that LeCun's rule gives; any
/// other activation needs 1 / E[f(z)²] instead of 2. `fan=in` keeps the scale of the signal, `fan=out` that of the
/// gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct He {
    /// How values are spread: `normal`, `truncated` (at ±2 std, variance exact), `uniform` or `sine`.
    pub draw: Draw,
    /// Which fan divides: `in`, `out`, `mean` or `geometric`.
    pub fan: Fan,
    /// The activation whose power loss is made good: `relu`, `leaky_relu`, `gelu`, `tanh`, …
    pub activation: Activation,
    /// Slope of the rectifier for negative inputs; 0 is ReLU.
    pub slope: f64,
    /// Parameter of another activation that has one: α of `elu` and `celu`, β of `silu` and `softplus`, λ of the shrinks, a
    /// of `snake`, b of `squareplus`; torch's default if left out.
    pub parameter: Option<f64>,
    /// Take activation and parameter from the model's graph instead (linear where none follows).
    pub follows: bool,
    /// Which gain of the activation: `forward` (keeps the signal's second moment), `backward` (the gradient's), `variance`
    /// (the signal's variance, for weights without a mean) or `torch`'s table.
    #[serde(alias = "gains")]
    pub gain: Gain,
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

impl Default for He {
    fn default() -> He {
        He {
            draw: Draw::Normal,
            fan: Fan::In,
            activation: Activation::Relu,
            slope: 0.0,
            parameter: None,
            follows: false,
            gain: Gain::Forward,
            count: Count::True,
        }
    }
}


impl He {
    fn parameter(&self) -> f64 {
        match self.activation {
            Activation::Relu | Activation::LeakyRelu => self.slope,
            other => self.parameter.unwrap_or(other.default_parameter()),
        }
    }
}

impl Method for He {
    const ABOUT: About = About {
        name: "he",
        formula: "var = gain² / fan, gain² = 2 / (1 + slope²) for rectifiers, 1 / E[f(z)²] in general (backward 1 / E[f′(z)²])",
        source: Source { authors: "He, Zhang, Ren, Sun", year: 2015, at: "arXiv:1502.01852", place: "its conditions for the forward and the backward pass, and for a leaky rectifier" },
        when: "For layers that a rectifier (ReLU, leaky, GELU, SiLU …) follows, up to some 30 layers without normalization.",
        spellings: &[
            Spelling::same("kaiming", "he"),
            Spelling::same("he_normal", "he"),
            Spelling::same("kaiming_normal", "he"),
            Spelling::same("he_uniform", "he(draw=uniform)"),
            Spelling::same("kaiming_uniform", "he(draw=uniform)"),
            Spelling::of("torch", "kaiming_normal_", "he(activation=leaky_relu, gain=torch, count=torch)", &[("a", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("torch", "kaiming_uniform_", "he(draw=uniform, activation=leaky_relu, gain=torch, count=torch)", &[("a", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("hf", "kaiming_normal_", "he(activation=leaky_relu, gain=torch, count=torch)", &[("a", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("hf", "kaiming_uniform_", "he(draw=uniform, activation=leaky_relu, gain=torch, count=torch)", &[("a", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("keras", "he_normal", "he(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("keras", "HeNormal", "he(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("keras", "he_uniform", "he(draw=uniform, count=keras)", &[]),
            Spelling::of("keras", "HeUniform", "he(draw=uniform, count=keras)", &[]),
            Spelling::of("jax", "he_normal", "he(draw=truncated, count=jax)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("jax", "he_uniform", "he(draw=uniform, count=jax)", &[]),
            Spelling::of("jax", "kaiming_normal", "he(draw=truncated, count=jax)", &[]),
            Spelling::of("jax", "kaiming_uniform", "he(draw=uniform, count=jax)", &[]),
            Spelling::of("tf1", "he_normal", "he(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("tf1", "he_uniform", "he(draw=uniform, count=keras)", &[]),
            Spelling::of("paddle", "KaimingNormal", "he(gain=torch, count=torch)", &[("negative_slope", "slope"), ("nonlinearity", "activation")]).noting("there is no fan-out mode there"),
            Spelling::of("paddle", "KaimingUniform", "he(draw=uniform, gain=torch, count=torch)", &[("negative_slope", "slope"), ("nonlinearity", "activation")]).noting("there is no fan-out mode there"),
            Spelling::of("paddle", "nn.Conv2D.weight", "he(count=ungrouped)", &[]).noting("groups are ignored: √groups too narrow"),
            Spelling::of("mindspore", "HeNormal", "he(activation=leaky_relu, gain=torch, count=torch)", &[("negative_slope", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("mindspore", "HeUniform", "he(draw=uniform, activation=leaky_relu, gain=torch, count=torch)", &[("negative_slope", "slope"), ("mode", "fan"), ("nonlinearity", "activation")]),
            Spelling::of("tinygrad", "kaiming_normal", "he(slope=0.01, count=torch)", &[("a", "slope")]).noting("a slope of 0.01 by default"),
            Spelling::of("tinygrad", "kaiming_uniform", "he(draw=uniform, slope=0.01, count=torch)", &[("a", "slope")]).noting("a slope of 0.01 by default"),
            Spelling::of("flux", "kaiming_normal", "he(count=keras)", &[]),
            Spelling::of("flux", "kaiming_uniform", "he(draw=uniform, count=keras)", &[]),
            Spelling::of("chainer", "HeNormal", "he(count=torch)", &[("fan_option", "fan")]),
            Spelling::of("chainer", "HeUniform", "he(draw=uniform, count=torch)", &[]),
            Spelling::of("caffe", "msra", "he(count=torch)", &[("variance_norm", "fan")]).meaning(&[("FAN_IN", "in"), ("FAN_OUT", "out"), ("AVERAGE", "mean")]),
            Spelling::of("mxnet", "MSRAPrelu", "he(slope=0.25, fan=mean, count=torch)", &[("factor_type", "fan"), ("slope", "slope")]).noting("the *mean* fan and a slope of ¼ by default"),
            Spelling::of("dl4j", "RELU", "he", &[]),
            Spelling::of("dl4j", "RELU_UNIFORM", "he(draw=uniform)", &[]),
            Spelling::of("candle", "Kaiming.Normal", "he(gain=torch, count=torch)", &[("fan", "fan"), ("non_linearity", "activation")]).meaning(&[("ReLU", "relu"), ("Linear", "linear"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("SELU", "selu"), ("FanIn", "in"), ("FanOut", "out")]).noting("the default of its linear and convolution layers, √6 times as wide as torch's"),
            Spelling::of("candle", "Kaiming.Uniform", "he(draw=uniform, gain=torch, count=torch)", &[("fan", "fan"), ("non_linearity", "activation")]).meaning(&[("ReLU", "relu"), ("Linear", "linear"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("SELU", "selu"), ("FanIn", "in"), ("FanOut", "out")]),
            Spelling::of("tch", "Kaiming.Normal", "he(gain=torch, count=torch)", &[("fan", "fan"), ("non_linearity", "activation")]).meaning(&[("ReLU", "relu"), ("Linear", "linear"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("SELU", "selu"), ("FanIn", "in"), ("FanOut", "out")]),
            Spelling::of("tch", "Kaiming.Uniform", "he(draw=uniform, gain=torch, count=torch)", &[("fan", "fan"), ("non_linearity", "activation")]).meaning(&[("ReLU", "relu"), ("Linear", "linear"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("SELU", "selu"), ("FanIn", "in"), ("FanOut", "out")]).noting("the default of its layers, √6 times as wide as torch's"),
            Spelling::of("timm", "efficientnet.conv", "he(fan=out)", &[]).noting("√(2/(k² · out/groups)): groups counted"),
            Spelling::of("torchvision", "resnet.conv", "he(fan=out, gain=torch, count=torch)", &[]),
            Spelling::same("nfnet", "he(draw=normal, gain=variance)").noting("for weights that are standardized; the network divides the signal by its expected spread"),
            Spelling::of("nfnet", "WSConv2d", "he(draw=normal, gain=variance)", &[]).noting("for weights that are standardized: the gain of the variance"),
        ],
        cases: &[
            Case::std("he", &[64, 128, 3, 3], conv, 0.041_666_666_666_666_664, "√(2/1152); torch kaiming_normal_"),
            Case::std("he(fan=out)", &[64, 3, 7, 7], conv, 0.025_253_813_613_805_27, "√(2/3136); torch mode=fan_out"),
            Case::bound(
                "torch:kaiming_uniform_(a=2.23606797749979)",
                &[10, 64],
                Axes::linear,
                0.125,
                "torch's default of Linear",
            ),
            Case::std("torch:kaiming_normal_(mode=fan_out)", &[64, 3, 7, 7], conv, 0.025_253_813_613_805_27, "torch 2.15"),
            Case::std(
                "torch:kaiming_normal_(nonlinearity=tanh)",
                &[10, 100],
                Axes::linear,
                0.166_666_666_666_666_66,
                "gain 5/3",
            ),
            Case::std("he(activation=gelu)", &[10, 100], Axes::linear, 0.15335304411955353, "1 / √(0.42522 · 100)"),
            Case::std("he(activation=elu, parameter=0.5)", &[10, 100], Axes::linear, 0.136_559_485_883_821_77, "α = ½, by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.slope.is_finite(), "slope", self.slope, "a finite number")?;
        let (activation, slope) = if self.follows { param.activation() } else { (self.activation, self.parameter()) };
        // A rectifier with a slope is a leaky one, whatever it is called; torch's table has it without.
        let activation = match activation {
            Activation::Relu if self.gain != Gain::Torch => Activation::LeakyRelu,
            other => other,
        };
        let square = self.gain.squared(activation, slope)?;
        spread(self.draw, square / param.fan(self.fan, self.count)?, self.count, param)
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
