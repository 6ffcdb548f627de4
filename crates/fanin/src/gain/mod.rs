//! [`Activation`] and its gains: how much a weight must amplify so that a signal, or a gradient, keeps its second moment.
//!
//! Nothing is tabulated: every figure is an integral against the normal density, by a quadrature of our own whose bits are
//! the same on every machine, so activations with a parameter have theirs as exactly as those without.

mod function;
mod kind;
mod moments;
mod quadrature;
mod story;

pub(crate) use function::{kinks as kinks_of, value as activation_at, width as width_of};
pub use kind::Gain;
pub use moments::Moments;
pub(crate) use quadrature::{expectation, integral, nodes as integral_nodes, over};

use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! activations {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $(or $alias:literal)*;)+) => {
        /// An activation function that a graph shows or a user names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Activation {
            $($(#[doc = $doc])+ #[serde(rename = $name, $(alias = $alias),*)] $variant,)+
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

            /// Other names of it, with the same parameter.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Activation::$variant => &[$($alias),*],)+ }
            }
        }
    };
}

activations! {
    /// f(x) = x; also where nothing follows.
    Linear "linear" or "conv1d" or "conv2d" or "conv3d" or "conv_transpose1d" or "conv_transpose2d" or "conv_transpose3d";
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
    GeluTanh "gelu_tanh" or "gelu_new";
    /// x σ(1.702 x).
    QuickGelu "quick_gelu";
    /// x σ(β x), also called swish.
    Silu "silu" or "swish";
    /// x tanh(softplus(x)).
    Mish "mish";
    /// x · relu6(x + 3) / 6.
    HardSwish "hard_swish" or "hardswish";
    /// ln(1 + exp(β x)) / β.
    Softplus "softplus";
    /// 1 / (1 + e⁻ˣ).
    Sigmoid "sigmoid";
    /// min(max(x/6 + ½, 0), 1).
    HardSigmoid "hard_sigmoid" or "hardsigmoid";
    /// tanh.
    Tanh "tanh";
    /// min(max(x, −1), 1).
    HardTanh "hard_tanh" or "hardtanh";
    /// x / (1 + |x|).
    Softsign "softsign";
    /// arctan.
    Atan "atan" or "arctan";
    /// The error function.
    Erf "erf";
    /// sin.
    Sin "sin";
    /// max(x, 0)².
    SquaredRelu "squared_relu" or "relu2";
    /// x for x > 0, else α (exp(x/α) − 1).
    Celu "celu";
    /// LeCun's 1.7159 tanh(2x/3).
    LecunTanh "lecun_tanh";
    /// ln(1 + eˣ) − ln 2.
    ShiftedSoftplus "shifted_softplus";
    /// (x + √(x² + b)) / 2.
    Squareplus "squareplus";
    /// ln σ(x).
    LogSigmoid "log_sigmoid" or "logsigmoid";
    /// x − tanh x.
    TanhShrink "tanh_shrink" or "tanhshrink";
    /// x − λ for x > λ, x + λ for x < −λ, else 0.
    SoftShrink "soft_shrink" or "softshrink";
    /// x for |x| > λ, else 0.
    HardShrink "hard_shrink" or "hardshrink";
    /// cos.
    Cos "cos";
    /// exp(−a x²).
    Gaussian "gaussian";
    /// sin(a x) / (a x).
    Sinc "sinc";
    /// eˣ.
    Exp "exp";
    /// |x|.
    Abs "abs";
    /// x + sin²(a x) / a.
    Snake "snake";
    /// x erf(ln(1 + eˣ)).
    Serf "serf";
    /// x tanh(eˣ).
    TanhExp "tanh_exp" or "tanhexp";
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
            Activation::Elu
            | Activation::Celu
            | Activation::Silu
            | Activation::Softplus
            | Activation::Snake
            | Activation::Gaussian
            | Activation::Sinc => 1.0,
            _ => 0.0,
        }
    }

    /// What its parameter is called, if it has one.
    pub fn parameter_name(self) -> Option<&'static str> {
        Some(match self {
            Activation::LeakyRelu => "slope",
            Activation::Elu | Activation::Celu => "alpha",
            Activation::Silu | Activation::Softplus => "beta",
            Activation::SoftShrink | Activation::HardShrink => "lambda",
            Activation::Squareplus => "b",
            Activation::Snake | Activation::Gaussian | Activation::Sinc => "a",
            _ => return None,
        })
    }

    /// The constant k with f(x) − f(−x) = k·x, where there is one that is not 0: with such activations [`crate::structure`]'s
    /// mirrored layers are exactly linear.
    pub fn mirror(self, parameter: f64) -> Option<f64> {
        use Activation as A;
        match self {
            A::Relu
            | A::HardSwish
            | A::Gelu
            | A::GeluTanh
            | A::QuickGelu
            | A::Silu
            | A::Softplus
            | A::ShiftedSoftplus
            | A::Squareplus
            | A::LogSigmoid => Some(1.0),
            A::LeakyRelu if parameter != -1.0 => Some(1.0 + parameter),
            A::Linear | A::Snake => Some(2.0),
            _ => None,
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
        use Activation as A;
        let positive = matches!(self, A::Celu | A::Softplus | A::Squareplus | A::Snake | A::Gaussian | A::Sinc);
        let (holds, expected) = match self {
            _ if positive => (parameter > 0.0, "a positive number"),
            A::SoftShrink | A::HardShrink => (parameter >= 0.0, "0 or more"),
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
    /// He et al. 2015, arXiv:1502.01852, for the rectifiers; the same argument for the others.
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
