//! The activations as functions: value and derivative, and where they are not smooth.

use super::Activation;
use crate::numerics::{atan, cos_pi, erf, exp, exp_m1, ln_1p, normal_cdf, sin_pi, tanh};
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, PI};

/// α and λ of SELU (Klambauer et al. 2017, arXiv:1706.02515, to 17 digits).
const SELU: [f64; 2] = [1.673_263_242_354_377_3, 1.050_700_987_355_480_5];
/// √(2/π) and the cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415).
const GELU_TANH: [f64; 2] = [0.797_884_560_802_865_4, 0.044_715];
/// Slope of the sigmoid form of GELU (the same).
const QUICK: f64 = 1.702;
/// 1/√(2π).
const DENSITY: f64 = 0.398_942_280_401_432_7;

/// f(x) and f′(x); at a kink the derivative is that of one side, at a jump the jump is left out.
#[expect(clippy::too_many_lines, reason = "one line for each activation")]
pub(crate) fn value(activation: Activation, parameter: f64, x: f64) -> (f64, f64) {
    use Activation as A;
    let p = parameter;
    match activation {
        A::Linear | A::Softmax => (x, 1.0),
        A::Relu => pieces(x, 0.0, 1.0),
        A::LeakyRelu => pieces(x, p, 1.0),
        A::Abs => pieces(x, -1.0, 1.0),
        A::Relu6 => clip(x, 1.0, 0.0, 0.0, 6.0),
        A::HardTanh => clip(x, 1.0, 0.0, -1.0, 1.0),
        A::HardSigmoid => clip(x, 1.0 / 6.0, 0.5, 0.0, 1.0),
        A::SquaredRelu => (x.max(0.0) * x.max(0.0), 2.0 * x.max(0.0)),
        A::Elu => elu(x, p, 1.0),
        A::Celu => elu(x, p, p),
        A::Selu => {
            let (f, d) = elu(x, SELU[0], 1.0);
            (SELU[1] * f, SELU[1] * d)
        }
        A::Gelu => {
            let below = normal_cdf(x);
            (x * below, below + x * DENSITY * exp(-0.5 * x * x))
        }
        A::GeluTanh => {
            // ½(1 + tanh u) = σ(2u), without the cancellation.
            let [a, b] = GELU_TANH;
            gated(x, 2.0 * a * (x + b * x * x * x), 2.0 * a * (1.0 + 3.0 * b * x * x))
        }
        A::QuickGelu => gated(x, QUICK * x, QUICK),
        A::Silu => gated(x, p * x, p),
        A::Mish => {
            let t = tanh(softplus(x));
            (x * t, t + x * (1.0 - t * t) * sigmoid(x))
        }
        A::Serf => {
            let s = softplus(x);
            let gate = erf(s);
            (x * gate, gate + x * FRAC_2_SQRT_PI * exp(-s * s) * sigmoid(x))
        }
        A::TanhExp => {
            let e = exp(x);
            let t = tanh(e);
            (x * t, t + x * (1.0 - t * t) * e.min(f64::MAX))
        }
        A::HardSwish => match x {
            ..=-3.0 => (0.0, 0.0),
            3.0.. => (x, 1.0),
            _ => (x * (x + 3.0) / 6.0, (2.0 * x + 3.0) / 6.0),
        },
        A::Softplus => (softplus(p * x) / p, sigmoid(p * x)),
        A::ShiftedSoftplus => (softplus(x) - LN_2, sigmoid(x)),
        A::LogSigmoid => (-softplus(-x), sigmoid(-x)),
        A::Squareplus => {
            let root = (x * x + p).sqrt();
            // The sum of numbers of opposite signs, as a quotient.
            let f = if x < 0.0 { 0.5 * p / (root - x) } else { 0.5 * (x + root) };
            (f, f / root)
        }
        A::Sigmoid => (sigmoid(x), sigmoid(x) * sigmoid(-x)),
        A::Tanh => scaled_tanh(x, 1.0, 1.0),
        A::LecunTanh => scaled_tanh(x, 1.7159, 2.0 / 3.0),
        A::TanhShrink => {
            let (f, d) = scaled_tanh(x, 1.0, 1.0);
            (x - f, 1.0 - d)
        }
        A::Softsign => {
            let below = 1.0 + x.abs();
            (x / below, 1.0 / (below * below))
        }
        A::Atan => (atan(x), 1.0 / (1.0 + x * x)),
        A::Erf => (erf(x), FRAC_2_SQRT_PI * exp(-x * x)),
        A::Sin => (sin_pi(x / PI), cos_pi(x / PI)),
        A::Cos => (cos_pi(x / PI), -sin_pi(x / PI)),
        A::Snake => {
            let (sine, cosine) = (sin_pi(p * x / PI), cos_pi(p * x / PI));
            (x + sine * sine / p, 1.0 + 2.0 * sine * cosine)
        }
        A::Gaussian => (exp(-p * x * x), -2.0 * p * x * exp(-p * x * x)),
        A::Sinc => sinc(p, x),
        A::Exp => (exp(x), exp(x)),
        A::SoftShrink => {
            if x.abs() > p {
                (x - p.copysign(x), 1.0)
            } else {
                (0.0, 0.0)
            }
        }
        A::HardShrink => {
            if x.abs() > p {
                (x, 1.0)
            } else {
                (0.0, 0.0)
            }
        }
    }
}

/// Two straight pieces that meet at 0.
fn pieces(x: f64, below: f64, above: f64) -> (f64, f64) {
    let slope = if x > 0.0 { above } else { below };
    (slope * x, slope)
}

fn clip(x: f64, slope: f64, offset: f64, low: f64, high: f64) -> (f64, f64) {
    let line = slope * x + offset;
    if line <= low {
        (low, 0.0)
    } else if line >= high {
        (high, 0.0)
    } else {
        (line, slope)
    }
}

/// sin(a x)/(a x); near 0 by its series, whose next term is below the last bit.
fn sinc(a: f64, x: f64) -> (f64, f64) {
    let u = a * x;
    if u.abs() < 1e-2 {
        let square = u * u;
        let f = 1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0)));
        let slope = -u / 3.0 * (1.0 - square / 10.0 * (1.0 - square / 28.0 * (1.0 - square / 54.0)));
        return (f, a * slope);
    }
    let (sine, cosine) = (sin_pi(u / PI), cos_pi(u / PI));
    (sine / u, a * (cosine - sine / u) / u)
}

/// x above 0, height · (exp(x/width) − 1) below.
fn elu(x: f64, height: f64, width: f64) -> (f64, f64) {
    if x > 0.0 { (x, 1.0) } else { (height * exp_m1(x / width), height / width * exp(x / width)) }
}

/// x σ(u), with the derivative of u.
fn gated(x: f64, u: f64, slope: f64) -> (f64, f64) {
    let gate = sigmoid(u);
    (x * gate, gate + x * gate * sigmoid(-u) * slope)
}

fn scaled_tanh(x: f64, height: f64, slope: f64) -> (f64, f64) {
    let t = tanh(slope * x);
    (height * t, height * slope * (1.0 - t * t))
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + ln_1p(exp(-x.abs()))
}

/// Where f is not smooth.
pub(crate) fn kinks(activation: Activation, parameter: f64) -> Vec<f64> {
    use Activation as A;
    match activation {
        A::Relu | A::LeakyRelu | A::Abs | A::SquaredRelu | A::Elu | A::Celu | A::Selu | A::Softsign => vec![0.0],
        A::Relu6 => vec![0.0, 6.0],
        A::HardTanh => vec![-1.0, 1.0],
        A::HardSigmoid | A::HardSwish => vec![-3.0, 3.0],
        A::SoftShrink | A::HardShrink => vec![-parameter, parameter],
        _ => Vec::new(),
    }
}

/// The length over which f changes its course: how far from the real line its nearest pole is, or the width of its step.
pub(crate) fn width(activation: Activation, parameter: f64) -> f64 {
    use Activation as A;
    match activation {
        A::Silu | A::Softplus | A::Snake | A::Sinc => 1.0 / parameter.abs(),
        A::Gaussian => 0.5 / parameter.sqrt(),
        A::Celu => parameter,
        A::Squareplus => parameter.sqrt(),
        A::GeluTanh | A::QuickGelu | A::Erf | A::Mish | A::TanhExp | A::Serf => 0.5,
        _ => 1.0,
    }
}
