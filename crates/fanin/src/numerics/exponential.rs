//! Exponential, logarithm, and what is made of them.

use super::polynomial;

/// ln 2 in two parts; the first has 20 zero bits at its end, so that its product with an exponent is exact (fdlibm).
const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// (ln(1+f) − 2s)/s with s = f/(2+f), in powers of s², on √½ ≤ 1+f ≤ √2; error below 2^-58.45 (fdlibm, `e_log.c`).
const LOG: [f64; 8] = [
    0.0,
    6.666_666_666_666_735_13e-1,
    3.999_999_999_940_941_908e-1,
    2.857_142_874_366_239_149e-1,
    2.222_219_843_214_978_396e-1,
    1.818_357_216_161_805_012e-1,
    1.531_383_769_920_937_332e-1,
    1.479_819_860_511_658_591e-1,
];

/// r·(eʳ+1)/(eʳ−1) − 2 in powers of r², without the constant, on |r| ≤ ½ ln 2; error below 2^-59 (fdlibm, `e_exp.c`).
const EXP: [f64; 6] = [
    0.0,
    1.666_666_666_666_660_190_37e-1,
    -2.777_777_777_701_559_338_42e-3,
    6.613_756_321_437_934_361_17e-5,
    -1.653_390_220_546_525_153_90e-6,
    4.138_136_797_057_238_460_39e-8,
];

/// `x·2^k` for any `k`, rounded once more only where the result is subnormal.
fn scale(x: f64, k: i32) -> f64 {
    let power = |k: i32| f64::from_bits(((1023 + k) as u64) << 52);
    match k {
        ..-1022 => x * power((k + 1000).max(-1022)) * power(-1000),
        -1022..1024 => x * power(k),
        _ => x * power(1023) * power((k - 1023).min(1023)),
    }
}

/// `x = m·2^k` with √½ ≤ m < √2, for positive finite `x`.
fn split(x: f64) -> (f64, i32) {
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * scale(1.0, 54), -54) } else { (x, 0) };
    // The upper half of √½ is 0x3fe6a09e: adding the distance to 1 moves the cut between exponents there.
    let bits = x.to_bits() + ((0x3ff0_0000 - 0x3fe6_a09e) << 32);
    let k = (bits >> 52) as i32 - 1023;
    (f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + (0x3fe6_a09e << 32)), k + shift)
}

/// eˣ − 1 for |x| ≤ ½ ln 2 (given as `hi − lo`).
fn small_exp_m1(hi: f64, lo: f64) -> f64 {
    let r = hi - lo;
    let c = r - polynomial(r * r, &EXP);
    r * c / (2.0 - c) - lo + hi
}

/// Natural exponential.
///
/// # Example
/// ```
/// assert!((fanin::numerics::exp(1.0) - std::f64::consts::E).abs() < 1e-15);
/// ```
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.782_712_893_384 {
        return f64::INFINITY;
    }
    if x < -745.133_219_101_941_2 {
        return 0.0;
    }
    exp_sum(x, 0.0)
}

/// e^(x + low) for a small correction `low`, where it is neither 0 nor infinite.
fn exp_sum(x: f64, low: f64) -> f64 {
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    scale(1.0 + small_exp_m1(x - k * LN2[0], k * LN2[1] - low), k as i32)
}

/// eˣ − 1, accurate for small `x`.
pub fn exp_m1(x: f64) -> f64 {
    if x.abs() < 0.34 {
        // x itself keeps the sign of a zero.
        return if x.abs() < 1e-300 { x } else { small_exp_m1(x, 0.0) };
    }
    exp(x) - 1.0
}

/// Natural logarithm.
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    let (m, k) = split(x);
    ln_parts(m - 1.0, 0.0, f64::from(k))
}

/// `ln(1 + f) + k·ln 2 + c` for √½ ≤ 1+f < √2 and a small correction `c`.
fn ln_parts(f: f64, c: f64, k: f64) -> f64 {
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    s * (half + polynomial(s * s, &LOG)) + (k * LN2[1] + c) - half + f + k * LN2[0]
}

/// ln(1 + x), accurate for small `x`.
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    if x.abs() < 1e-17 || !(u > 0.0 && u < f64::INFINITY) {
        return if u > 0.0 && u < f64::INFINITY { x } else { ln(u) };
    }
    let (m, k) = split(u);
    if k == 0 {
        return ln_parts(x, 0.0, 0.0);
    }
    // What rounding took from 1 + x, relative to it.
    let lost = if x < 1.0 { x - (u - 1.0) } else { 1.0 - (u - x) };
    ln_parts(m - 1.0, lost / u, f64::from(k))
}

/// ln x in two parts whose sum is good to about 2^-58, relatively.
fn ln_double(x: f64) -> (f64, f64) {
    let (m, k) = split(x);
    let f = m - 1.0;
    let d = 2.0 + f;
    let s = f / d;
    let s_low = (f64::mul_add(-s, d, f) - s * (f - (d - 2.0))) / d;
    let low = s * polynomial(s * s, &LOG) + 2.0 * s_low;
    let k = f64::from(k);
    let (high, rest) = sum(k * LN2[0], 2.0 * s);
    sum(high, rest + (low + k * LN2[1]))
}

/// `a + b` and what rounding took from it, for |a| ≥ |b| or a = 0 (Dekker 1971).
fn sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    if a == 0.0 { (s, 0.0) } else { (s, b - (s - a)) }
}

/// `x` to the power `y`, with the special cases of IEEE 754 `pow`.
pub fn powf(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let whole = y.trunc() == y;
    let odd = whole && y.abs() < 9_007_199_254_740_992.0 && (y as i64) & 1 == 1;
    let sign = if odd && x.is_sign_negative() { -1.0 } else { 1.0 };
    let base = x.abs();
    if y.is_infinite() {
        return if base == 1.0 {
            1.0
        } else if (base > 1.0) == (y > 0.0) {
            f64::INFINITY
        } else {
            0.0
        };
    }
    if base == 0.0 || base == f64::INFINITY {
        return sign * if (base == 0.0) == (y > 0.0) { 0.0 } else { f64::INFINITY };
    }
    if x < 0.0 && !whole {
        return f64::NAN;
    }
    let (high, low) = ln_double(base);
    let product = y * high;
    if !(-745.2..=709.79).contains(&product) {
        return sign * if product > 0.0 { f64::INFINITY } else { 0.0 };
    }
    sign * exp_sum(product, f64::mul_add(y, high, -product) + y * low)
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    if x.abs() > 22.0 {
        return 1f64.copysign(x);
    }
    let e = exp_m1(2.0 * x);
    e / (e + 2.0)
}
