//! Elementary functions with the same bits on every machine.
//!
//! The functions of the platform (`f64::ln`, `f64::exp`, …) differ between operating systems and versions by an ulp,
//! which would make a plan irreproducible. These use IEEE `+ − × ÷ √`, fused multiply-add and bit patterns only, in a
//! fixed order.
//!
//! # Precision
//! Distance from the correctly rounded result, in units in the last place, against tables of 25 digits
//! (`testdata/quantile`): 1 for [`atan`], [`exp`], [`ln`],
//! [`ln_1p`], [`sin_pi`] and [`cos_pi`]; 2 for [`exp_m1`], [`erf`] and
//! [`powf`]; 3 for [`erfc`] and [`erfcx`]; 4 for [`tanh`], [`normal_cdf`] and [`normal_quantile`], far tails included.

#![allow(clippy::excessive_precision, reason = "constants stand as their sources print them")]

mod arctangent;
mod exponential;
mod normal;
mod sine;

pub use arctangent::atan;
pub use exponential::{exp, exp_m1, ln, ln_1p, powf, tanh};
pub(crate) use normal::{CENTRAL, normal_centre, normal_quantile_centre};
pub use normal::{erf, erfc, erfcx, normal_cdf, normal_quantile, normal_quantile_upper, normal_tail};
pub use sine::{cos_pi, sin_pi};

/// The polynomial `c₀ + c₁x + c₂x² + …` by Horner's rule.
#[inline]
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}
