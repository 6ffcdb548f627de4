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
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

impl Default for LeCun {
    fn default() -> LeCun {
        LeCun { draw: Draw::Normal, fan: Fan::In, gain: 1.0, count: Count::True }
    }
}

/// torch's default of Linear and Conv is `kaiming_uniform_(a=√5)`, a bound of 1/√fan-in: a gain of 1/√3.
const TORCH_DEFAULT: &str = "lecun(draw=uniform, gain=0.5773502691896257, count=torch)";

/// Every tensor of torch's recurrent modules has a bound of 1/√hidden; each gate has as many outputs as the state has units.
const TORCH_CELL: &str = "lecun(draw=uniform, fan=out, gain=0.5773502691896257)";

impl Method for LeCun {
    const ABOUT: About = About {
        name: "lecun",
        formula: "var = gain² / fan",
        source: Source {
            authors: "LeCun, Bottou, Orr, Müller",
            year: 1998,
            at: "Efficient BackProp",
            place: "§4.6, eq. 16",
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
            Spelling::of("torch", "nn.LSTM", TORCH_CELL, &[]).noting("every tensor of nn.LSTM, nn.GRU and nn.RNN: a bound of 1/√hidden, which is each gate's fan-out"),
            Spelling::of("torch", "nn.Linear.weight", TORCH_DEFAULT, &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.Linear.bias", TORCH_DEFAULT, &[]).noting("drawn with the fan-in of the weight beside it"),
            Spelling::of("torch", "nn.Conv2d.weight", TORCH_DEFAULT, &[]).noting("kaiming_uniform_(a=√5): a bound of 1/√fan-in, a third of LeCun's variance"),
            Spelling::of("torch", "nn.Conv2d.bias", TORCH_DEFAULT, &[]).noting("drawn with the fan-in of the weight beside it"),
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
        self.draw.with_variance(self.gain * self.gain / param.fan(self.fan, self.count)?)
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}
