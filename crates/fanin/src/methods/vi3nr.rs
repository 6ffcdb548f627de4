//! Weights for coordinate networks with any activation: the scale at which signal and gradient both keep their size.

use super::prelude::*;
use crate::gain::Moments;
use crate::role::Role;

/// Normal weights at the variance of an activation's inputs for which the same weights keep the signal *and* the gradient.
///
/// For an activation such as a Gaussian bump or a sinc neither gain of a unit normal input will do: their output shrinks where
/// their input is wide. Here the variance q of the inputs is found for which E\[f²\] = q E\[f′²\]; weights of variance
/// 1/(fan-in E[f′²]) then keep both. The first layer brings coordinates of `input_variance` to q. Biases are zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Vi3nr {
    /// The activation after every layer.
    pub activation: Activation,
    /// Its parameter, where it has one; its default if left out.
    pub parameter: Option<f64>,
    /// Variance of the coordinates; ⅓ is that of a range from −1 to 1.
    pub input_variance: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for Vi3nr {
    fn default() -> Vi3nr {
        Vi3nr { activation: Activation::Gaussian, parameter: None, input_variance: 1.0 / 3.0, draw: Draw::Normal }
    }
}

impl Vi3nr {
    /// The variance q, and E[f′²] there.
    fn fixed(&self) -> Result<[f64; 2], Refusal> {
        let parameter = self.parameter.unwrap_or(self.activation.default_parameter());
        self.activation.check(parameter)?;
        let excess = |q: f64| {
            let m = Moments::of(self.activation, parameter, q);
            m.second - q * m.derivative
        };
        // From narrow inputs on, the first variance at which the gradient catches up with the signal.
        let mut low = 1e-4;
        while low < 100.0 && excess(low) * excess(low * 1.5) > 0.0 {
            low *= 1.5;
        }
        if low >= 100.0 {
            return Err(Refusal::new(
                format!("{} keeps signal and gradient together at no variance of its inputs", self.activation),
                "an activation that does, such as gaussian, sinc or sin",
                "Use `he` with `gain=forward` or `gain=backward`, or `mean_field`, which has biases.",
            ));
        }
        let mut high = low * 1.5;
        let start = excess(low).signum();
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if excess(middle).signum() == start { low = middle } else { high = middle }
        }
        let q = f64::midpoint(low, high);
        Ok([q, Moments::of(self.activation, parameter, q).derivative])
    }
}

impl Method for Vi3nr {
    const ABOUT: About = About {
        name: "vi3nr",
        formula: "E[f(√q z)²] = q E[f′(√q z)²]; var = 1/(fan_in E[f′²]), first layer q/(fan_in · input variance)",
        source: Source { authors: "Hewa Koneputugodage, Ben-Shabat, Ramasinghe, Gould", year: 2025, at: "arXiv:2504.19270", place: "its conditions on forward and backward variance, solved by quadrature" },
        when: "For implicit neural representations with Gaussian, sinc or other activations.",
        spellings: &[],
        cases: &[
            Case::std("vi3nr", &[64, 64], Axes::linear, 0.21338834764831843, "by mpmath"),
            Case::std("vi3nr(activation=sinc)", &[64, 64], Axes::linear, 0.40863032437462077, "by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.input_variance > 0.0 && self.input_variance.is_finite(), "input_variance", self.input_variance, "a positive number")?;
        let [q, derivative] = self.fixed()?;
        if param.role.value == Role::Bias {
            return each(Dist::Constant(0.0));
        }
        let fan = param.fan(Fan::In, Count::True)?;
        self.draw.with_variance(if param.place.first { q / (fan * self.input_variance) } else { 1.0 / (fan * derivative) })
    }
}
