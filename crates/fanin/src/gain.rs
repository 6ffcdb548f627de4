//! [`Activation`] and its gain: how much a weight must amplify so that the signal keeps its second moment.

use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! activations {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $moment:expr;)+) => {
        /// An activation function that a graph shows or a user names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Activation {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Activation {
            /// Every activation.
            pub const ALL: &[Activation] = &[$(Activation::$variant),+];

            /// The name used in calls, recipes and plans.
            pub fn name(self) -> &'static str {
                match self { $(Activation::$variant => $name,)+ }
            }

            /// The table below: E\[f(z)²\], for the leaky rectifier that of slope 0.
            fn tabulated(self) -> f64 {
                match self { $(Activation::$variant => $moment,)+ }
            }
        }
    };
}

activations! {
    /// f(x) = x; also where nothing follows.
    Linear "linear" 1.0;
    /// max(x, 0).
    Relu "relu" 0.5;
    /// x for x > 0, else slope · x; also the parametric rectifier at its initial slope.
    LeakyRelu "leaky_relu" 0.5;
    /// min(max(x, 0), 6).
    Relu6 "relu6" 0.49999999807527048;
    /// x for x > 0, else eˣ − 1.
    Elu "elu" 0.64494541749292386;
    /// The self-normalizing scaled ELU.
    Selu "selu" 1.0;
    /// x Φ(x).
    Gelu "gelu" 0.42522148257029867;
    /// The tanh approximation of GELU.
    GeluTanh "gelu_tanh" 0.42519371103309945;
    /// x σ(1.702 x).
    QuickGelu "quick_gelu" 0.42195280689698081;
    /// x σ(x), also called swish.
    Silu "silu" 0.35577551981735216;
    /// x tanh(softplus(x)).
    Mish "mish" 0.45234219237588277;
    /// x · relu6(x + 3) / 6.
    HardSwish "hard_swish" 0.33156737513790769;
    /// ln(1 + eˣ).
    Softplus "softplus" 0.92124590885930028;
    /// 1 / (1 + e⁻ˣ).
    Sigmoid "sigmoid" 0.29337903585809296;
    /// min(max(x/6 + ½, 0), 1).
    HardSigmoid "hard_sigmoid" 0.2776390910565126;
    /// tanh.
    Tanh "tanh" 0.39429449039784117;
    /// min(max(x, −1), 1).
    HardTanh "hard_tanh" 0.5160585509617133;
    /// x / (1 + |x|).
    Softsign "softsign" 0.1830140212665475;
    /// arctan.
    Atan "atan" 0.44970091643490216;
    /// The error function.
    Erf "erf" 0.46455905439753998;
    /// sin.
    Sin "sin" 0.43233235838169365;
    /// max(x, 0)².
    SquaredRelu "squared_relu" 1.5;
    /// Normalized exponentials; as an output, not a gain.
    Softmax "softmax" 1.0;
}

impl Activation {
    /// E\[f(z)²\] for a standard normal z, where `slope` is the slope for negative inputs of the leaky rectifiers.
    ///
    /// # Precision
    /// 17 digits, by quadrature (`testdata/gain/make.py`); in closed form for the rectifiers.
    pub fn second_moment(self, slope: f64) -> f64 {
        if self == Activation::LeakyRelu { f64::midpoint(1.0, slope * slope) } else { self.tabulated() }
    }

    /// The gain 1 / √E\[f(z)²\]: a weight with variance gain² / fan-in keeps the second moment at 1 through this activation.
    ///
    /// # Source
    /// He et al. 2015, arXiv:1502.01852, eq. 10 and 15 for the rectifiers; the same argument for the others.
    pub fn gain(self, slope: f64) -> f64 {
        (1.0 / self.second_moment(slope)).sqrt()
    }

    /// torch's `calculate_gain`, which differs for tanh, sigmoid and SELU.
    ///
    /// # Errors
    /// For an activation that torch has no gain for.
    pub fn torch_gain(self, slope: f64) -> Result<f64, Refusal> {
        Ok(match self {
            Activation::Linear | Activation::Sigmoid => 1.0,
            Activation::Tanh => 5.0 / 3.0,
            Activation::Relu => std::f64::consts::SQRT_2,
            Activation::LeakyRelu => (2.0 / (1.0 + slope * slope)).sqrt(),
            Activation::Selu => 0.75,
            other => {
                return Err(Refusal::new(
                    format!("torch has no gain for {other}"),
                    "linear, sigmoid, tanh, relu, leaky_relu or selu",
                    format!("Use the exact gain: `he(activation={other})`."),
                ));
            }
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_moments_are_those_of_the_table() {
        let table = include_str!("../../../testdata/gain/moments.csv");
        for line in table.lines().skip(1) {
            let (name, moment) = line.split_once(',').unwrap();
            let activation = Activation::ALL.iter().find(|a| a.name() == name).unwrap();
            assert_eq!(activation.second_moment(0.0), moment.parse::<f64>().unwrap(), "{name}");
        }
        assert_eq!(table.lines().count(), Activation::ALL.len() - 1, "all but the leaky rectifier and softmax");
    }

    #[test]
    fn rectifiers_keep_half_the_power() {
        assert_eq!(Activation::Relu.gain(0.0), std::f64::consts::SQRT_2);
        assert_eq!(Activation::LeakyRelu.second_moment(1.0), 1.0);
        assert_eq!(Activation::LeakyRelu.gain(0.5), (2.0f64 / 1.25).sqrt());
    }
}
