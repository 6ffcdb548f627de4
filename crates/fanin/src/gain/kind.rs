//! [`Gain`]: which of an activation's gains a method takes.

use super::Activation;
use crate::error::Refusal;
use serde::{Deserialize, Serialize};

/// Which gain of an activation a weight gets: what it keeps through the activation, or whose table it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gain {
    /// 1 / √E[f(z)²]: the second moment of the signal.
    #[default]
    #[serde(alias = "exact")]
    Forward,
    /// 1 / √E[f′(z)²]: the second moment of the gradient.
    Backward,
    /// 1 / √Var f(z): the variance of the signal, for weights without a mean (weight standardization).
    Variance,
    /// `torch.nn.init.calculate_gain`: 5/3 for tanh, 1 for sigmoid, 3/4 for SELU.
    Torch,
}

impl Gain {
    /// Its square, which is what a variance is multiplied by.
    ///
    /// # Errors
    /// If the activation is no function with this parameter, torch's table does not have it, or its slope is not a number at
    /// a jump.
    pub fn squared(self, activation: Activation, parameter: f64) -> Result<f64, Refusal> {
        activation.check(parameter)?;
        let moments = activation.moments(parameter);
        let square = match self {
            Gain::Forward => 1.0 / moments.second,
            Gain::Backward if activation == Activation::HardShrink => f64::NAN,
            Gain::Backward => 1.0 / moments.derivative,
            Gain::Variance => {
                let gain = moments.variance_gain();
                gain * gain
            }
            Gain::Torch => {
                let gain = activation.torch_gain(parameter)?;
                gain * gain
            }
        };
        if square.is_finite() {
            return Ok(square);
        }
        Err(Refusal::new(
            format!("{activation} has no {self:?} gain"),
            "an activation whose output and slope vary",
            "Use `gain=forward`, or another activation.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_the_gain_of_its_name() {
        let moments = Activation::Gelu.moments(0.0);
        for (kind, gain) in [
            (Gain::Forward, moments.gain()),
            (Gain::Backward, moments.backward_gain()),
            (Gain::Variance, moments.variance_gain()),
        ] {
            assert!((kind.squared(Activation::Gelu, 0.0).unwrap() / (gain * gain) - 1.0).abs() < 1e-15, "{kind:?}");
        }
        assert!((Gain::Torch.squared(Activation::Tanh, 0.0).unwrap() - 25.0 / 9.0).abs() < 1e-15);
        assert_eq!(Gain::Torch.squared(Activation::LeakyRelu, 1.0).unwrap(), 1.0);
        assert!(Gain::Torch.squared(Activation::Gelu, 0.0).is_err(), "torch's table ends with SELU");
        assert!(Gain::Backward.squared(Activation::HardShrink, 0.5).is_err(), "a jump has no slope");
        assert!(Gain::Forward.squared(Activation::Silu, f64::NAN).is_err());
    }
}
