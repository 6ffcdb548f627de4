//! The normal distribution and the error function.

use super::{exp, ln, polynomial};
use std::f64::consts::FRAC_1_SQRT_2;

/// Numerator and denominator of a rational function, ascending powers.
type Rational = ([f64; 8], [f64; 8]);

// Error function: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), 631;
// coefficients as in his program CALERF.
/// erf(x)/x in powers of x², |x| ≤ 0.46875.
const NEAR: ([f64; 5], [f64; 5]) = (
    [
        3.209_377_589_138_469_47e3,
        3.774_852_376_853_020_21e2,
        1.138_641_541_510_501_56e2,
        3.161_123_743_870_565_60,
        1.857_777_061_846_031_53e-1,
    ],
    [
        2.844_236_833_439_170_62e3,
        1.282_616_526_077_372_28e3,
        2.440_246_379_344_441_73e2,
        2.360_129_095_234_412_09e1,
        1.0,
    ],
);
/// erfcx(x), 0.46875 ≤ x ≤ 4.
const MIDDLE: ([f64; 9], [f64; 9]) = (
    [
        1.230_339_354_797_997_25e3,
        2.051_078_377_826_071_47e3,
        1.712_047_612_634_070_58e3,
        8.819_522_212_417_690_90e2,
        2.986_351_381_974_001_31e2,
        6.611_919_063_714_162_95e1,
        8.883_149_794_388_375_94,
        5.641_884_969_886_700_89e-1,
        2.153_115_354_744_038_46e-8,
    ],
    [
        1.230_339_354_803_749_42e3,
        3.439_367_674_143_721_64e3,
        4.362_619_090_143_247_16e3,
        3.290_799_235_733_459_63e3,
        1.621_389_574_566_690_19e3,
        5.371_811_018_620_098_58e2,
        1.176_939_508_913_124_99e2,
        1.574_492_611_070_983_47e1,
        1.0,
    ],
);
/// (1/√π − x·erfcx(x))·x² in powers of 1/x², x > 4.
const FAR: ([f64; 6], [f64; 6]) = (
    [
        6.587_491_615_298_378_03e-4,
        1.608_378_514_874_227_66e-2,
        1.257_817_261_112_292_46e-1,
        3.603_448_999_498_044_39e-1,
        3.053_266_349_612_323_44e-1,
        1.631_538_713_730_209_78e-2,
    ],
    [
        2.335_204_976_268_691_85e-3,
        6.051_834_131_244_131_91e-2,
        5.279_051_029_514_284_12e-1,
        1.872_952_849_923_467_25,
        2.568_520_192_289_822_42,
        1.0,
    ],
);
/// 1/√π.
const FRAC_1_SQRT_PI: f64 = 0.564_189_583_547_756_286_95;

// Normal quantile: M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Appl. Statist.
// 37 (1988), 477, routine PPND16.
/// z/(p − ½) in powers of 0.425² − (p − ½)².
const CENTRE: Rational = (
    [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
);
/// −z in powers of √(−ln p) − 1.6, up to 5.
const TAIL: Rational = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);
/// −z in powers of √(−ln p) − 5, beyond.
const DEEP: Rational = (
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

fn rational(x: f64, numerator: &[f64], denominator: &[f64]) -> f64 {
    polynomial(x, numerator) / polynomial(x, denominator)
}

/// erfc(x)·exp(x²) for x ≥ 0.46875.
fn erfcx_far(x: f64) -> f64 {
    if x <= 4.0 {
        return rational(x, &MIDDLE.0, &MIDDLE.1);
    }
    if x > 1e8 {
        return FRAC_1_SQRT_PI / x;
    }
    let z = 1.0 / (x * x);
    (FRAC_1_SQRT_PI - z * rational(z, &FAR.0, &FAR.1)) / x
}

/// exp(−x²·weight) for a weight that is a power of two, without the error that rounding x² would make.
fn exp_minus_square(x: f64, weight: f64) -> f64 {
    // Six bits after the point leave a square that is exact for every x whose exponential is not 0.
    let head = (x * 16.0).trunc() / 16.0;
    exp(-head * head * weight) * exp(-(x - head) * (x + head) * weight)
}

/// Error function `2/√π ∫₀ˣ exp(−t²) dt`.
pub fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a <= 0.46875 {
        return x * rational(x * x, &NEAR.0, &NEAR.1);
    }
    (1.0 - erfc(a)).copysign(x)
}

/// Complementary error function `1 − erf(x)`, accurate in its tail.
pub fn erfc(x: f64) -> f64 {
    if x.abs() <= 0.46875 {
        return 1.0 - erf(x);
    }
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x > 27.0 { 0.0 } else { erfcx_far(x) * exp_minus_square(x, 1.0) }
}

/// `erfc(x)·exp(x²)` for `x ≥ 0`: the error function's tail without its decay.
pub fn erfcx(x: f64) -> f64 {
    if x <= 0.46875 { erfc(x) * exp(x * x) } else { erfcx_far(x) }
}

/// P(Z ≤ x) of a standard normal Z, accurate in the lower tail.
///
/// # Example
/// ```
/// assert!((fanin::numerics::normal_cdf(-1.959963984540054) - 0.025).abs() < 1e-15);
/// ```
pub fn normal_cdf(x: f64) -> f64 {
    normal_tail(-x)
}

/// P(Z > x) of a standard normal Z, accurate in the upper tail.
pub fn normal_tail(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    if t <= 0.46875 {
        return if t < -0.46875 { 1.0 - normal_tail(-x) } else { 0.5 - 0.5 * erf(t) };
    }
    if x > 38.6 { 0.0 } else { 0.5 * erfcx_far(t) * exp_minus_square(x, 0.5) }
}

/// The x with P(Z ≤ x) = p, accurate for small `p`; for p near 1 see [`normal_quantile_upper`].
///
/// # Example
/// ```
/// assert!((fanin::numerics::normal_quantile(0.025) + 1.959963984540054).abs() < 1e-14);
/// ```
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= CENTRAL {
        return normal_quantile_centre(q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 || tail.is_nan() {
        return if tail == 0.0 { f64::INFINITY.copysign(q) } else { f64::NAN };
    }
    let r = (-ln(tail)).sqrt();
    let z = if r <= 5.0 { rational(r - 1.6, &TAIL.0, &TAIL.1) } else { rational(r - 5.0, &DEEP.0, &DEEP.1) };
    z.copysign(q)
}

/// The largest |q| for [`normal_quantile_centre`].
pub(crate) const CENTRAL: f64 = 0.425;

/// The x with P(0 < Z ≤ x) = q, accurate for small `q`, where |q| ≤ 0.425.
pub(crate) fn normal_quantile_centre(q: f64) -> f64 {
    q * rational(0.180_625 - q * q, &CENTRE.0, &CENTRE.1)
}

/// P(0 < Z ≤ x), accurate for small `x`; minus P(x < Z ≤ 0) for negative `x`.
pub(crate) fn normal_centre(x: f64) -> f64 {
    0.5 * erf(x * FRAC_1_SQRT_2)
}

/// The x with P(Z > x) = p, accurate for small `p`.
pub fn normal_quantile_upper(p: f64) -> f64 {
    -normal_quantile(p)
}
