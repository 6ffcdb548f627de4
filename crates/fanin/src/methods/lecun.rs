//! LeCun initialization.

use super::prelude::*;

/// Zero-mean values whose variance keeps the second moment of the input: 1 / fan-in.
///
/// Right for linear layers and for SELU, which needs no gain; with `gain` also the general form of every rule of this
/// family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeCun {
    /// How values are spread: `normal`, `truncated` (at ±2 std, variance exact), `uniform` or `sine`.
    pub draw: Draw,
    /// Which fan divides: `in`, `out`, `mean` or `geometric`.
    pub fan: Fan,
    /// Factor of the standard deviation.
    pub gain: f64,
    /// Where a normal is cut, as an absolute value; not widened for it. Not cut if left out.
    pub cut: Option<f64>,
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

impl Default for LeCun {
    fn default() -> LeCun {
        LeCun { draw: Draw::Normal, fan: Fan::In, gain: 1.0, cut: None, count: Count::True }
    }
}

impl Method for LeCun {
    const ABOUT: About = About {
        name: "lecun",
        formula: "var = gain² / fan",
        source: Source {
            authors: "LeCun, Bottou, Orr, Müller",
            year: 1998,
            at: "Efficient BackProp",
            place: "initializing the weights",
        },
        when: "For linear layers, SELU, attention projections and anything without an activation.",
        spellings: &[
            Spelling::same("lecun_normal", "lecun"),
            Spelling::same("lecun_uniform", "lecun(draw=uniform)"),
            Spelling::of("keras", "lecun_normal", "lecun(draw=truncated, count=keras)", &[]),
            Spelling::of("keras", "LecunNormal", "lecun(draw=truncated, count=keras)", &[]),
            Spelling::of("keras", "lecun_uniform", "lecun(draw=uniform, count=keras)", &[]),
            Spelling::of("keras", "LecunUniform", "lecun(draw=uniform, count=keras)", &[]),
            Spelling::of("jax", "lecun_normal", "lecun(draw=truncated, count=jax)", &[]),
            Spelling::of("jax", "lecun_uniform", "lecun(draw=uniform, count=jax)", &[]),
            Spelling::of("tf1", "lecun_normal", "lecun(draw=truncated, count=keras)", &[]),
            Spelling::of("tf1", "lecun_uniform", "lecun(draw=uniform, count=keras)", &[]),
            Spelling::of("tf1", "uniform_unit_scaling_initializer", "lecun(draw=uniform, count=keras)", &[("factor", "gain")]),
            Spelling::of("haiku", "UniformScaling", "lecun(draw=uniform, count=keras)", &[("scale", "gain")]),
            Spelling::of("haiku", "Linear.w", "lecun(draw=truncated, gain=0.8796256610342398, count=keras)", &[]).noting("a normal of 1/√fan-in cut at ±2 and not corrected: 0.88/√fan-in"),
            Spelling::of("timm", "lecun_normal_", "lecun(draw=truncated, count=torch)", &[]),
            Spelling::of("hf", "lecun_normal_", "lecun(gain=1.1368472343385565, cut=2, count=torch)", &[]).noting("13.7 % too wide: the correction for a cut at ±2 standard deviations is made, but the cut is at ±2"),
            Spelling::of("hf", "default_flax_embed_init_", "lecun(count=torch)", &[]).noting("torch's count on a table of symbols: 1/√width"),
            Spelling::of("recurrentgemma", "rg_lru.gate", "lecun", &[]).noting("each head's block by itself"),
            Spelling::of("mamba", "conv1d.weight", "lecun(draw=uniform, gain=0.5773502691896257)", &[]).noting("torch's default, of a depthwise kernel"),
            Spelling::of("chainer", "LeCunNormal", "lecun(count=torch)", &[("scale", "gain")]),
            Spelling::of("chainer", "LeCunUniform", "lecun(draw=uniform, count=torch)", &[("scale", "gain")]),
            Spelling::of("caffe", "xavier", "lecun(draw=uniform, count=torch)", &[("variance_norm", "fan")]).meaning(&[("FAN_IN", "in"), ("FAN_OUT", "out"), ("AVERAGE", "mean")]).noting("±√(3/fan-in): LeCun's rule under Xavier's name; Caffe's header says that it counts inner products otherwise"),
            Spelling::of("lasagne", "HeNormal", "lecun(count=torch)", &[("gain", "gain")]).noting("a gain of 1 unless told `relu`: LeCun's rule under He's name"),
            Spelling::of("lasagne", "HeUniform", "lecun(draw=uniform, count=torch)", &[("gain", "gain")]).noting("a gain of 1 unless told `relu`: LeCun's rule under He's name"),
            Spelling::of("mlx", "he_normal", "lecun(count=torch)", &[("mode", "fan"), ("gain", "gain")]).noting("a gain of 1 by default: LeCun's rule under He's name"),
            Spelling::of("mlx", "he_uniform", "lecun(draw=uniform, count=torch)", &[("mode", "fan"), ("gain", "gain")]).noting("a gain of 1 by default: LeCun's rule under He's name"),
            Spelling::of("dl4j", "NORMAL", "lecun", &[]),
            Spelling::of("dl4j", "LECUN_NORMAL", "lecun", &[]),
            Spelling::of("dl4j", "XAVIER_FAN_IN", "lecun", &[]),
            Spelling::of("dl4j", "LECUN_UNIFORM", "lecun(draw=uniform, gain=1.7320508075688772)", &[]).noting("±3/√fan-in, √3 times LeCun's bound"),
            Spelling::of("dl4j", "UNIFORM", "lecun(draw=uniform, gain=0.5773502691896257)", &[]).noting("±1/√fan-in"),
            Spelling::of("dl4j", "VAR_SCALING_NORMAL_FAN_IN", "lecun", &[]),
            Spelling::of("dl4j", "VAR_SCALING_NORMAL_FAN_OUT", "lecun(fan=out)", &[]),
            Spelling::of("dl4j", "VAR_SCALING_NORMAL_FAN_AVG", "lecun(fan=mean)", &[]),
            Spelling::of("dl4j", "VAR_SCALING_UNIFORM_FAN_IN", "lecun(draw=uniform, gain=1.7320508075688772)", &[]).noting("±3/√fan-in, √3 times Keras' bound"),
            Spelling::of("dl4j", "VAR_SCALING_UNIFORM_FAN_OUT", "lecun(draw=uniform, fan=out, gain=1.7320508075688772)", &[]).noting("±3/√fan-out, √3 times Keras' bound"),
            Spelling::of("dl4j", "VAR_SCALING_UNIFORM_FAN_AVG", "lecun(draw=uniform, fan=mean, gain=1.7320508075688772)", &[]).noting("±3/√fan, √3 times Keras' bound"),
            Spelling::of("dl4j", "XAVIER_LEGACY", "lecun(fan=mean, gain=0.7071067811865476)", &[]).noting("1/(fan-in + fan-out), half of what Xavier stands for; of a matrix, whose shape it takes for the fans"),
            Spelling::of("burn", "KaimingNormal", "lecun", &[("gain", "gain")]),
            Spelling::of("burn", "KaimingUniform", "lecun(draw=uniform)", &[("gain", "gain")]),
            Spelling::of("burn", "Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257)", &[]),
            Spelling::of("mlx", "nn.Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("±1/√fan-in"),
            Spelling::of("mlx", "nn.Conv2d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=ungrouped)", &[]).noting("groups are ignored: √groups too narrow"),
            Spelling::of("equinox", "nn.Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("±1/√fan-in"),
            Spelling::of("tinygrad", "nn.Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("±1/√fan-in"),
            Spelling::of("candle", "linear.bias", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("±1/√fan-in of the weight beside it"),
            Spelling::of("torchrec", "EmbeddingBag", "lecun(draw=uniform, fan=in, gain=0.5773502691896257)", &[]).noting("±1/√rows: the number of symbols, not the width"),
            Spelling::of("dlrm", "EmbeddingBag", "lecun(draw=uniform, fan=in, gain=0.5773502691896257)", &[]).noting("±1/√rows"),
            Spelling::of("mamba", "dt_proj.weight", "lecun(draw=uniform, gain=0.5773502691896257)", &[]).noting("±1/√dt_rank, which is its fan-in"),
            Spelling::of("dfdx", "Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("±1/√fan-in"),
            Spelling::of("flux", "lecun_normal", "lecun(cut=2, count=keras)", &[]).noting("cut at ±2, which is no cut at all where the fan-in is not tiny"),
            Spelling::of("nanochat", "mlp.c_fc", "lecun(draw=uniform, gain=0.4)", &[]).noting("±0.4·√3/√d"),
            Spelling::of("modded_nanogpt", "attn.qkvo", "lecun(draw=uniform, gain=0.5)", &[]).noting("a standard deviation of 0.5/√d"),
            Spelling::of("nanochat", "attn.c_q", "lecun(draw=uniform)", &[]).noting("±√3/√d"),
            Spelling::of("flax", "Embed.embedding", "lecun(fan=out)", &[]).noting("N(0, 1/width)"),
            Spelling::of("t5", "wi", "lecun", &[]),
            Spelling::of("torch", "nn.LSTM", "lecun(draw=uniform, fan=out, gain=0.5773502691896257)", &[]).noting("every tensor of nn.LSTM, nn.GRU and nn.RNN: a bound of 1/√hidden, which is each gate's fan-out"),
            Spelling::of("torch", "nn.Linear.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.Conv1d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.Conv2d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.Conv3d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.ConvTranspose1d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("torch counts the fan of a transposed convolution from its outputs: 1/√(out/groups · field)"),
            Spelling::of("torch", "nn.ConvTranspose2d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("torch counts the fan of a transposed convolution from its outputs: 1/√(out/groups · field)"),
            Spelling::of("torch", "nn.ConvTranspose3d.weight", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("torch counts the fan of a transposed convolution from its outputs: 1/√(out/groups · field)"),
            Spelling::of("torch", "nn.GRU", "lecun(draw=uniform, fan=out, gain=0.5773502691896257)", &[]).noting("as `torch:nn.LSTM`"),
            Spelling::of("torch", "nn.RNN", "lecun(draw=uniform, fan=out, gain=0.5773502691896257)", &[]).noting("as `torch:nn.LSTM`"),
            Spelling::of("torch", "nn.Linear.bias", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("drawn with the fan-in of the weight beside it"),
            Spelling::of("torch", "nn.Conv2d.bias", "lecun(draw=uniform, gain=0.5773502691896257, count=torch)", &[]).noting("drawn with the fan-in of the weight beside it"),
        ],
        cases: &[
            Case::std("lecun", &[10, 64], Axes::linear, 0.125, "1/√64"),
            Case::bound("lecun(draw=uniform)", &[10, 48], Axes::linear, 0.25, "√(3/48)"),
            Case::bound("torch:nn.Linear.weight", &[10, 64], Axes::linear, 0.125, "torch 2.15: 1/√64"),
            Case::std("jax:lecun_normal", &[64, 10], Axes::matmul, 0.125, "jax 0.10"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        let variance = self.gain * self.gain / param.fan(self.fan, self.count)?;
        let Some(cut) = self.cut else { return spread(self.draw, variance, self.count, param) };
        require(cut > 0.0 && cut.is_finite(), "cut", cut, "a positive number")?;
        each(Dist::Truncated { mean: 0.0, std: variance.sqrt(), low: -cut, high: cut })
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}
