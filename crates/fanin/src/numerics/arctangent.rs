//! The arc tangent.

use super::polynomial;

/// atan of ½, 1, 3/2 and ∞, each with what its double leaves out (fdlibm, `s_atan.c`).
const ANCHORS: [(f64, f64); 4] = [
    (4.636_476_090_008_060_935_15e-1, 2.269_877_745_296_168_709_24e-17),
    (std::f64::consts::FRAC_PI_4, 3.061_616_997_868_383_017_93e-17),
    (9.827_937_232_473_290_540_82e-1, 1.390_331_103_123_099_845_16e-17),
    (std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766_035_87e-17),
];

/// (x − atan x)/x³ in powers of x² on |x| ≤ 7/16; error below 2^-58 (fdlibm, `s_atan.c`).
const ATAN: [f64; 11] = [
    3.333_333_333_333_293_180_27e-1,
    -1.999_999_999_987_648_324_76e-1,
    1.428_571_427_250_346_637_11e-1,
    -1.111_111_040_546_235_578_80e-1,
    9.090_887_133_436_506_561_96e-2,
    -7.691_876_205_044_829_994_95e-2,
    6.661_073_137_387_531_206_69e-2,
    -5.833_570_133_790_573_486_45e-2,
    4.976_877_994_615_932_360_17e-2,
    -3.653_157_274_421_691_552_70e-2,
    1.628_582_011_536_578_236_23e-2,
];

/// Arc tangent, between −π/2 and π/2.
///
/// # Example
/// ```
/// assert_eq!(fanin::numerics::atan(1.0), std::f64::consts::FRAC_PI_4);
/// ```
pub fn atan(x: f64) -> f64 {
    let a = x.abs();
    // Near one of the anchors c: atan a = atan c + atan((a − c)/(1 + a·c)).
    let (anchor, t) = match a {
        ..0.4375 => (None, x),
        ..0.6875 => (Some(0), (2.0 * a - 1.0) / (2.0 + a)),
        ..1.1875 => (Some(1), (a - 1.0) / (a + 1.0)),
        ..2.4375 => (Some(2), (a - 1.5) / (1.0 + 1.5 * a)),
        _ => (Some(3), -1.0 / a),
    };
    let z = t * t;
    let beyond = t * z * polynomial(z, &ATAN);
    match anchor {
        None => t - beyond,
        Some(i) => (ANCHORS[i].0 - ((beyond - ANCHORS[i].1) - t)).copysign(x),
    }
}
