//! [`Activation`] and its gains: how much a weight must amplify so that a signal, or a gradient, keeps its second moment.
//!
//! Nothing is tabulated: every figure is an integral against the normal density, by a quadrature of our own whose bits are
//! the same on every machine, so activations with a parameter have theirs as exactly as those without.

mod function;
mod moments;
mod quadrature;

pub use moments::Moments;
pub(crate) use quadrature::over;

use crate::error::Refusal;
use quadrature::expectation;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! activations {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)+) => {
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

            /// Its formula in words.
            pub fn formula(self) -> &'static str {
                match self { $(Activation::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

activations! {
    /// f(x) = x; also where nothing follows.
    Linear "linear";
    /// max(x, 0).
    Relu "relu";
    /// x for x > 0, else slope · x; also the parametric rectifier at its initial slope.
    LeakyRelu "leaky_relu";
    /// min(max(x, 0), 6).
    Relu6 "relu6";
    /// x for x > 0, else α (eˣ − 1).
    Elu "elu";
    /// The self-normalizing scaled ELU.
    Selu "selu";
    /// x Φ(x).
    Gelu "gelu";
    /// The tanh approximation of GELU.
    GeluTanh "gelu_tanh";
    /// x σ(1.702 x).
    QuickGelu "quick_gelu";
    /// x σ(β x), also called swish.
    Silu "silu";
    /// x tanh(softplus(x)).
    Mish "mish";
    /// x · relu6(x + 3) / 6.
    HardSwish "hard_swish";
    /// ln(1 + exp(β x)) / β.
    Softplus "softplus";
    /// 1 / (1 + e⁻ˣ).
    Sigmoid "sigmoid";
    /// min(max(x/6 + ½, 0), 1).
    HardSigmoid "hard_sigmoid";
    /// tanh.
    Tanh "tanh";
    /// min(max(x, −1), 1).
    HardTanh "hard_tanh";
    /// x / (1 + |x|).
    Softsign "softsign";
    /// arctan.
    Atan "atan";
    /// The error function.
    Erf "erf";
    /// sin.
    Sin "sin";
    /// max(x, 0)².
    SquaredRelu "squared_relu";
    /// x for x > 0, else α (exp(x/α) − 1).
    Celu "celu";
    /// LeCun's 1.7159 tanh(2x/3).
    LecunTanh "lecun_tanh";
    /// ln(1 + eˣ) − ln 2.
    ShiftedSoftplus "shifted_softplus";
    /// (x + √(x² + b)) / 2.
    Squareplus "squareplus";
    /// ln σ(x).
    LogSigmoid "log_sigmoid";
    /// x − tanh x.
    TanhShrink "tanh_shrink";
    /// x − λ for x > λ, x + λ for x < −λ, else 0.
    SoftShrink "soft_shrink";
    /// x for |x| > λ, else 0.
    HardShrink "hard_shrink";
    /// cos.
    Cos "cos";
    /// exp(−x²).
    Gaussian "gaussian";
    /// eˣ.
    Exp "exp";
    /// |x|.
    Abs "abs";
    /// x + sin²(a x) / a.
    Snake "snake";
    /// x erf(ln(1 + eˣ)).
    Serf "serf";
    /// x tanh(eˣ).
    TanhExp "tanh_exp";
    /// Normalized exponentials; as an output, not a gain.
    Softmax "softmax";
}

impl Activation {
    /// The parameter that it has if nobody says otherwise: slope, α, β, λ, a or b as its formula names it. 0 where it has
    /// none.
    ///
    /// # Source
    /// The defaults of `torch.nn`, which the other frameworks share; Barron 2021, arXiv:2112.11687, for squareplus; Liu,
    /// Hartwig, Ueda 2020, arXiv:2006.08195, for snake.
    pub fn default_parameter(self) -> f64 {
        match self {
            Activation::LeakyRelu => 0.01,
            Activation::SoftShrink | Activation::HardShrink => 0.5,
            Activation::Squareplus => 4.0,
            Activation::Elu | Activation::Celu | Activation::Silu | Activation::Softplus | Activation::Snake => 1.0,
            _ => 0.0,
        }
    }

    /// Whether it has a parameter.
    pub fn is_parametric(self) -> bool {
        self.default_parameter() != 0.0
    }

    /// Refuses a parameter with which it is no function.
    ///
    /// # Errors
    /// If the parameter is not finite, or α, β, a or b are not positive where they divide or stand under a root.
    pub fn check(self, parameter: f64) -> Result<(), Refusal> {
        let positive =
            matches!(self, Activation::Celu | Activation::Softplus | Activation::Squareplus | Activation::Snake);
        let (holds, expected) = match self {
            _ if positive => (parameter > 0.0, "a positive number"),
            Activation::SoftShrink | Activation::HardShrink => (parameter >= 0.0, "0 or more"),
            _ => (true, "a finite number"),
        };
        // Beyond these the widths of its features leave the range in which the integral is exact.
        if holds && parameter.is_finite() && (!self.is_parametric() || parameter.abs() <= 1e6) {
            return Ok(());
        }
        Err(Refusal::new(format!("the parameter of {self} is {parameter}"), expected, "Change that parameter."))
    }

    /// The averages over a standard normal input, from which every gain is made.
    pub fn moments(self, parameter: f64) -> Moments {
        Moments::of(self, parameter, 1.0)
    }

    /// E\[f(z)²\] for a standard normal z.
    ///
    /// # Precision
    /// 1e-15 relative (`testdata/gain`); exact for the rectifiers and SELU.
    pub fn second_moment(self, parameter: f64) -> f64 {
        self.moments(parameter).second
    }

    /// The gain 1 / √E\[f(z)²\]: a weight with variance gain² / fan-in keeps the second moment at 1 through this activation.
    ///
    /// # Source
    /// He et al. 2015, arXiv:1502.01852, eq. 10 and 15 for the rectifiers; the same argument for the others.
    pub fn gain(self, parameter: f64) -> f64 {
        self.moments(parameter).gain()
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
mod tests;
