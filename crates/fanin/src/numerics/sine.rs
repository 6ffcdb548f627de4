//! Sine and cosine of multiples of π, whose argument is reduced without an error.

use super::polynomial;
use std::f64::consts::PI;

/// π minus the double next to it.
const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;

/// (sin t − t)/t³ in powers of t² on |t| ≤ π/4; error below 2^-58 (fdlibm, `k_sin.c`).
const SIN: [f64; 6] = [
    -1.666_666_666_666_663_243_48e-1,
    8.333_333_333_322_489_461_24e-3,
    -1.984_126_982_985_794_931_34e-4,
    2.755_731_370_707_006_767_89e-6,
    -2.505_076_025_340_686_341_95e-8,
    1.589_690_995_211_550_102_21e-10,
];

/// (cos t − 1 + t²/2)/t⁴ in powers of t² on |t| ≤ π/4; error below 2^-58 (fdlibm, `k_cos.c`).
const COS: [f64; 6] = [
    4.166_666_666_666_660_190_37e-2,
    -1.388_888_888_887_410_957_49e-3,
    2.480_158_728_947_672_941_78e-5,
    -2.755_731_435_139_066_330_35e-7,
    2.087_572_321_298_174_827_90e-9,
    -1.135_964_755_778_819_482_65e-11,
];

/// sin(πr) for |r| ≤ ¼.
fn sin_quarter(r: f64) -> f64 {
    let t = r * PI;
    let low = f64::mul_add(r, PI, -t) + r * PI_LOW;
    let z = t * t;
    t + (t * z * polynomial(z, &SIN) + low * (1.0 - 0.5 * z))
}

/// cos(πr) for |r| ≤ ¼.
fn cos_quarter(r: f64) -> f64 {
    let t = r * PI;
    let low = f64::mul_add(r, PI, -t) + r * PI_LOW;
    let z = t * t;
    let half = 0.5 * z;
    let w = 1.0 - half;
    w + (((1.0 - w) - half) + (z * z * polynomial(z, &COS) - t * low))
}

/// sin(πx).
///
/// # Example
/// ```
/// assert_eq!(fanin::numerics::sin_pi(0.5), 1.0);
/// assert_eq!(fanin::numerics::sin_pi(3.0), 0.0);
/// ```
pub fn sin_pi(x: f64) -> f64 {
    // Doubles from 2^53 on are even, and the sine of an even multiple of π is 0.
    if x.abs() >= 9_007_199_254_740_992.0 || !x.is_finite() {
        return if x.is_finite() { 0.0 } else { f64::NAN };
    }
    let half_turns = (2.0 * x).round_ties_even();
    let r = x - 0.5 * half_turns;
    match (half_turns as i64) & 3 {
        0 => sin_quarter(r),
        1 => cos_quarter(r),
        2 => -sin_quarter(r),
        _ => -cos_quarter(r),
    }
}

/// cos(πx).
pub fn cos_pi(x: f64) -> f64 {
    if x.abs() >= 9_007_199_254_740_992.0 || !x.is_finite() {
        return if x.is_finite() { 1.0 } else { f64::NAN };
    }
    let half_turns = (2.0 * x).round_ties_even();
    let r = x - 0.5 * half_turns;
    match (half_turns as i64) & 3 {
        0 => cos_quarter(r),
        1 => -sin_quarter(r),
        2 => -cos_quarter(r),
        _ => sin_quarter(r),
    }
}
