//! Glorot (Xavier) initialization.

use super::prelude::*;

/// Zero-mean values whose variance is a compromise between keeping the signal and keeping the gradient.
///
/// Derived for units that are linear near zero (tanh, softsign), where forward asks for 1/fan-in and backward for
/// 1/fan-out; behind rectifiers the signal halves in every layer, use `he` there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Glorot {
    /// How values are spread: `normal`, `truncated` (at ±2 std, variance exact), `uniform` or `sine`.
    pub draw: Draw,
    /// Factor of the standard deviation.
    pub gain: f64,
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

impl Default for Glorot {
    fn default() -> Glorot {
        Glorot { draw: Draw::Normal, gain: 1.0, count: Count::True }
    }
}

impl Method for Glorot {
    const ABOUT: About = About {
        name: "glorot",
        formula: "var = gain² · 2 / (fan_in + fan_out)",
        source: Source {
            authors: "Glorot, Bengio",
            year: 2010,
            at: "AISTATS 2010",
            place: "the normalized initialization: ±√6/√(in + out)",
        },
        when: "For tanh, softsign, sigmoid and linear layers of moderate depth.",
        spellings: &[
            Spelling::same("xavier", "glorot"),
            Spelling::same("glorot_normal", "glorot"),
            Spelling::same("xavier_normal", "glorot"),
            Spelling::same("glorot_uniform", "glorot(draw=uniform)"),
            Spelling::same("xavier_uniform", "glorot(draw=uniform)"),
            Spelling::of("torch", "xavier_normal_", "glorot(count=torch)", &[("gain", "gain")]),
            Spelling::of("torch", "xavier_uniform_", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("hf", "xavier_normal_", "glorot(count=torch)", &[("gain", "gain")]),
            Spelling::of("hf", "xavier_uniform_", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("keras", "glorot_normal", "glorot(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("keras", "GlorotNormal", "glorot(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("keras", "glorot_uniform", "glorot(draw=uniform, count=keras)", &[]),
            Spelling::of("keras", "GlorotUniform", "glorot(draw=uniform, count=keras)", &[]),
            Spelling::of("jax", "glorot_normal", "glorot(draw=truncated, count=jax)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("jax", "glorot_uniform", "glorot(draw=uniform, count=jax)", &[]),
            Spelling::of("jax", "xavier_normal", "glorot(draw=truncated, count=jax)", &[]),
            Spelling::of("jax", "xavier_uniform", "glorot(draw=uniform, count=jax)", &[]),
            Spelling::of("tf1", "glorot_normal_initializer", "glorot(draw=truncated, count=keras)", &[]).noting("truncated, where torch's is not"),
            Spelling::of("tf1", "glorot_uniform_initializer", "glorot(draw=uniform, count=keras)", &[]),
            Spelling::of("paddle", "XavierNormal", "glorot(count=torch)", &[("gain", "gain")]).noting("for a convolution; Linear is stored as [in, out] there, which the axes here say"),
            Spelling::of("paddle", "XavierUniform", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("mindspore", "XavierNormal", "glorot(count=torch)", &[("gain", "gain")]),
            Spelling::of("mindspore", "XavierUniform", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("mlx", "glorot_normal", "glorot(count=torch)", &[("gain", "gain")]),
            Spelling::of("mlx", "glorot_uniform", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("tinygrad", "glorot_uniform", "glorot(draw=uniform, count=tinygrad)", &[]).noting("its fan-out of a convolution lacks the kernel"),
            Spelling::of("flux", "glorot_normal", "glorot(count=keras)", &[("gain", "gain")]),
            Spelling::of("flux", "glorot_uniform", "glorot(draw=uniform, count=keras)", &[("gain", "gain")]),
            Spelling::of("chainer", "GlorotNormal", "glorot(count=torch)", &[("scale", "gain")]),
            Spelling::of("chainer", "GlorotUniform", "glorot(draw=uniform, count=torch)", &[("scale", "gain")]),
            Spelling::of("lasagne", "GlorotNormal", "glorot(count=torch)", &[("gain", "gain")]),
            Spelling::of("lasagne", "GlorotUniform", "glorot(draw=uniform, count=torch)", &[("gain", "gain")]),
            Spelling::of("dl4j", "XAVIER", "glorot", &[]),
            Spelling::of("dl4j", "XAVIER_UNIFORM", "glorot(draw=uniform)", &[]),
            Spelling::of("dl4j", "SIGMOID_UNIFORM", "glorot(draw=uniform, gain=4)", &[]),
            Spelling::of("burn", "XavierNormal", "glorot", &[("gain", "gain")]),
            Spelling::of("burn", "XavierUniform", "glorot(draw=uniform)", &[("gain", "gain")]),
            Spelling::of("neox", "xavier_normal", "glorot(count=torch)", &[]),
            Spelling::of("neox", "xavier_uniform", "glorot(draw=uniform, count=torch)", &[]),
            Spelling::of("fairseq", "MultiheadAttention.q_proj", "glorot(draw=uniform, gain=0.7071067811865476, count=torch)", &[]).noting("q, k and v separate with a gain of 1/√2, which is the bound that the fused [3d, d] matrix had"),
            Spelling::of("fairseq", "MultiheadAttention.out_proj", "glorot(draw=uniform, count=torch)", &[]),
            Spelling::of("timm", "vit.jax.qkv", "glorot(draw=uniform, count=torch)", &[]),
            Spelling::of("peft", "c3a", "glorot(draw=uniform)", &[]).noting("its default is xavier_uniform; `kaiming_uniform` and `gaussian` are options"),
            Spelling::of("torch", "nn.MultiheadAttention.in_proj_weight", "glorot(draw=uniform, count=torch)", &[]).noting("on the fused [3d, d] matrix: the bound is 1/√2 of what q, k and v would have apart"),
        ],
        cases: &[
            Case::std("glorot", &[128, 72], Axes::linear, 0.1, "√(2/200)"),
            Case::bound("torch:xavier_uniform_", &[4, 2], Axes::linear, 1.0, "√(6/6)"),
            Case::std("torch:xavier_normal_(gain=2)", &[128, 72], Axes::linear, 0.2, "torch 2.15"),
            Case::std("paddle:XavierNormal", &[64, 64, 3, 3], || Axes::conv(2, 1), 0.041_666_666_666_666_664, "√(2/1152)"),
            Case::bound("paddle:XavierUniform(gain=2)", &[48, 48], Axes::linear, 0.5, "2 · √(6/96)"),
            Case::bound("dl4j:SIGMOID_UNIFORM", &[48, 48], Axes::linear, 1.0, "4 · √(6/96)"),
            Case::bound("mxnet:Xavier", &[48, 48], Axes::linear, 0.25, "√(3/48)"),
            Case::std("burn:XavierNormal(gain=3)", &[100, 100], Axes::linear, 0.3, "3 · √(2/200)"),
            Case::bound("burn:XavierUniform", &[48, 48], Axes::linear, 0.25, "√(6/96)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        spread(self.draw, self.gain * self.gain / param.fan(Fan::Mean, self.count)?, self.count, param)
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}
