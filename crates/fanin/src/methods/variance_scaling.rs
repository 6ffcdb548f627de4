//! The general form that Keras and JAX build theirs from.

use super::prelude::*;

/// The general form of the family: a scale, a fan and a shape of distribution.
///
/// `glorot`, `he` and `lecun` are settings of it; it is here because Keras and JAX let their users set it directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VarianceScaling {
    /// Numerator of the variance.
    pub scale: f64,
    /// Which fan divides: `in`, `out`, `mean` or `geometric`.
    pub fan: Fan,
    /// How values are spread: `normal`, `truncated` (at ±2 std, variance exact), `uniform` or `sine`.
    pub draw: Draw,
    /// Whose count of the fans: `true`, or a framework's own.
    pub count: Count,
}

impl Default for VarianceScaling {
    fn default() -> VarianceScaling {
        VarianceScaling { scale: 1.0, fan: Fan::In, draw: Draw::Truncated, count: Count::True }
    }
}

impl Method for VarianceScaling {
    const ABOUT: About = About {
        name: "variance_scaling",
        formula: "var = scale / fan",
        source: Source {
            authors: "Keras",
            year: 2016,
            at: "keras.initializers.VarianceScaling",
            place: "its docstring",
        },
        when: "To carry over a Keras or JAX model that sets its own scale and mode.",
        spellings: &[
            Spelling::of("keras", "VarianceScaling", "variance_scaling(count=keras)",
                &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")])
                .meaning(&[("normal", "truncated")])
                .noting("distribution=normal means truncated there; untruncated_normal is the normal"),
            Spelling::of("jax", "variance_scaling", "variance_scaling(count=jax)",
                &[("scale", "scale"), ("mode", "fan"), ("distribution", "draw")]),
        ],
        cases: &[
            Case::std("variance_scaling(scale=2)", &[10, 50], Axes::linear, 0.2, "√(2/50)"),
            Case::std("keras:VarianceScaling(scale=2, mode=fan_out, distribution=untruncated_normal)", &[64, 50], Axes::matmul, 0.2, "√(2/50)"),
            Case::std("jax:variance_scaling(scale=1, mode=fan_geo_avg)", &[4, 64], Axes::matmul, 0.25, "1/√16"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.scale >= 0.0 && self.scale.is_finite(), "scale", self.scale, "a finite number, 0 or more")?;
        self.draw.with_variance(self.scale / param.fan(self.fan, self.count)?)
    }

    fn by_part(&self) -> bool {
        self.count == Count::True
    }
}
