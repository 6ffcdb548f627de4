//! The edge of chaos: weights and biases with which a deep plain network forgets nothing and amplifies nothing.

use super::prelude::*;
use crate::gain::Moments;
use crate::role::Role;

/// Weights and biases on the critical line of the mean-field theory, for an activation and a variance of its inputs.
///
/// Gradients keep their second moment, and two inputs keep their distance, to any depth; signals settle at the variance `q`.
/// A weight gets `σ_w²`/fan-in and a bias `σ_b²`. A small `q` makes a tanh network nearly linear: 1/depth is the customary
/// choice there. Orthogonal weights of the same variance (`orthogonal(gain=σ_w)`) are better still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeanField {
    /// The activation after every layer.
    pub activation: Activation,
    /// Its parameter, where it has one; torch's default if left out.
    pub parameter: Option<f64>,
    /// Variance of the activation's inputs at which the signal settles.
    pub q: f64,
    /// How weights are spread: `normal`, `truncated`, `uniform` or `sine`. Biases are normal.
    pub draw: Draw,
}

impl Default for MeanField {
    fn default() -> MeanField {
        MeanField { activation: Activation::Tanh, parameter: None, q: 1.0, draw: Draw::Normal }
    }
}

impl MeanField {
    /// `σ_w²` and `σ_b²`.
    fn critical(&self) -> Result<[f64; 2], Refusal> {
        require((1e-6..=25.0).contains(&self.q), "q", self.q, "a variance from 1e-6 to 25")?;
        let parameter = self.parameter.unwrap_or(self.activation.default_parameter());
        self.activation.check(parameter)?;
        let moments = Moments::of(self.activation, parameter, self.q);
        let weight = 1.0 / moments.derivative;
        let bias = self.q - weight * moments.second;
        // For homogeneous activations it is 0, but for the rounding of the integrals.
        let bias = if bias.abs() < 1e-13 * self.q { 0.0 } else { bias };
        if weight.is_finite() && bias >= 0.0 && self.activation != Activation::HardShrink {
            return Ok([weight, bias]);
        }
        Err(Refusal::new(
            format!("{} has no critical point at q = {}: σ_b² would be {bias:.4}", self.activation, self.q),
            "an activation with σ_b² ≥ 0, such as tanh, erf, relu, gelu or silu",
            "Choose another `q` or activation, or `mirrored`.",
        ))
    }
}

impl Method for MeanField {
    const ABOUT: About = About {
        name: "mean_field",
        formula: "σ_w² = 1/E[f′(√q z)²], σ_b² = q − σ_w² E[f(√q z)²]; w ~ N(0, σ_w²/fan_in), b ~ N(0, σ_b²)",
        source: Source { authors: "Schoenholz, Gilmer, Ganguli, Sohl-Dickstein", year: 2017, at: "arXiv:1611.01232", place: "the recursion of the variance, and χ₁" },
        when: "For deep plain networks of tanh or erf without normalization and skip connections.",
        spellings: &[Spelling::same("edge_of_chaos", "mean_field"), Spelling::same("critical", "mean_field")],
        cases: &[
            Case::std("mean_field", &[10, 100], Axes::linear, 0.146_741_359_163_079_52, "tanh at q = 1: σ_w² = 2.1533"),
            Case { call: "mean_field", shape: &[10], axes: outputs, role: Role::Bias, part: "", expect: Expect::Std(0.388_541_670_067_127_9), witness: "σ_b² = 0.15096" },
            Case::std("mean_field(activation=erf, q=0.1)", &[10, 100], Axes::linear, 0.096_399_981_287_956_82, "σ_w² = 0.9293"),
            Case::std("mean_field(activation=relu, q=3)", &[10, 50], Axes::linear, 0.2, "He's rule: σ_w² = 2 at any q"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let [weight, bias] = self.critical()?;
        match param.role.value {
            Role::Bias => Draw::Normal.with_variance(bias),
            _ => self.draw.with_variance(weight / param.fan(Fan::In, Count::True)?),
        }
    }
}

fn outputs() -> Axes {
    Axes::of(&[crate::axes::Axis::Out])
}
