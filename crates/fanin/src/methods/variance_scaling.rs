//! The general form that Keras and JAX build theirs from.

use super::prelude::*;
use crate::numerics::powf;

/// The general form of the family: a scale, a fan and a shape of distribution.
///
/// `glorot`, `he` and `lecun` are settings of it; it is here because Keras and JAX let their users set it directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VarianceScaling {
    /// Numerator of the variance.
    pub scale: f64,
    /// What the scale is the numerator of: the `variance`, or the square of a uniform law's `bound` (MXNet's magnitude).
    pub of: Numerator,
    /// Exponent of the fan; 1 is that of every classical rule.
    pub power: f64,
    /// Which fan divides: `in`, `out`, `mean` or `geometric`.
    pub fan: Fan,
    /// How values are spread: `normal`, `truncated` (at ±2 std, variance exact), `uniform` or `sine`.
    pub draw: Draw,
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

/// What a scale is the numerator of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Numerator {
    /// The variance.
    #[default]
    Variance,
    /// The square of the bound, where the law is uniform; the variance of other laws.
    Bound,
}

impl Default for VarianceScaling {
    fn default() -> VarianceScaling {
        VarianceScaling { scale: 1.0, of: Numerator::Variance, power: 1.0, fan: Fan::In, draw: Draw::Truncated, count: Count::True }
    }
}

impl Method for VarianceScaling {
    const ABOUT: About = About {
        name: "variance_scaling",
        formula: "var = scale / fan^power",
        source: Source {
            authors: "Keras",
            year: 2016,
            at: "keras.initializers.VarianceScaling",
            place: "its docstring",
        },
        when: "To carry over a Keras or JAX model that sets its own scale and mode.",
        spellings: &[
            Spelling::of("fairseq", "ConvTBC", "variance_scaling(scale=4, draw=normal)", &[]).noting("√(4(1 − p)/fan_in) there, with the layer's dropout p: `scale=3.6` for p = 0.1"),
            Spelling::of("keras", "VarianceScaling", "variance_scaling(count=keras)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]).meaning(&[("normal", "truncated")]).noting("distribution=normal means truncated there; untruncated_normal is the normal"),
            Spelling::of("jax", "variance_scaling", "variance_scaling(count=jax)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]),
            Spelling::of("haiku", "VarianceScaling", "variance_scaling(count=keras)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]),
            Spelling::of("sonnet", "VarianceScaling", "variance_scaling(count=keras)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]),
            Spelling::of("tf1", "variance_scaling_initializer", "variance_scaling(count=keras)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]).meaning(&[("normal", "truncated")]).noting("distribution=normal means truncated there; untruncated_normal is the normal"),
            Spelling::of("timm", "variance_scaling_", "variance_scaling(draw=normal, count=torch)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]),
            Spelling::of("mindspore", "VarianceScaling", "variance_scaling(draw=uniform, count=torch)", &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]).meaning(&[("truncated_normal", "uniform"), ("untruncated_normal", "normal")]).noting("its default, truncated_normal, draws uniform numbers: the code asks for `truncated_norm`, which nobody says"),
            Spelling::of("mxnet", "Xavier", "variance_scaling(scale=3, of=bound, fan=mean, draw=uniform, count=torch)", &[("rnd_type", "draw"), ("factor_type", "fan"), ("magnitude", "scale")]).meaning(&[("gaussian", "normal")]).noting("`rnd_type=gaussian` keeps the magnitude 3 and is √3 wider than Xavier"),
            Spelling::of("tinygrad", "scaled_uniform", "variance_scaling(scale=1, of=bound, draw=uniform, fan=elements)", &[]).noting("±1/√(number of elements)"),
            Spelling::of("ddpm", "default_init", "variance_scaling(fan=mean, draw=uniform, count=jax)", &[("scale", "scale")]).noting("the code makes 1e-10 of a scale of 0"),
            Spelling::of("funnel", "fan", "variance_scaling(scale=0.5, fan=mean, draw=normal, count=torch)", &[]).noting("N(0, 1/(in + out))"),
        ],
        cases: &[
            Case::std("variance_scaling(scale=2)", &[10, 50], Axes::linear, 0.2, "√(2/50)"),
            Case::std("keras:VarianceScaling(scale=2, mode=fan_out, distribution=untruncated_normal)", &[64, 50], Axes::matmul, 0.2, "√(2/50)"),
            Case::std("variance_scaling(power=2)", &[10, 50], Axes::linear, 0.02, "1/50: the standard deviation is 1/fan"),
            Case::std("jax:variance_scaling(scale=1, mode=fan_geo_avg)", &[4, 64], Axes::matmul, 0.25, "1/√16"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.scale >= 0.0 && self.scale.is_finite(), "scale", self.scale, "a finite number, 0 or more")?;
        require(self.power.is_finite(), "power", self.power, "a finite number")?;
        let bound = self.of == Numerator::Bound && self.draw == Draw::Uniform;
        let scale = if bound { self.scale / 3.0 } else { self.scale };
        let fan = param.fan(self.fan, self.count)?;
        let variance = if self.power == 1.0 { scale / fan } else { scale / powf(fan, self.power) };
        spread(self.draw, variance, self.count, param)
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}
