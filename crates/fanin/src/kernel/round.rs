//! Binary32 to the narrower formats: one rounding, to nearest, ties to even.

use crate::dtype::Dtype;
use crate::error::Refusal;

/// A float format narrower than binary32: sign, exponent, mantissa.
pub(super) trait Format {
    /// Bits of the mantissa.
    const MANTISSA: u32;
    /// What is added to the exponent of a normal number.
    const BIAS: u32;
    /// The code, without the sign, that stands for everything too large.
    const OVERFLOW: u32;
    /// The code of a quiet NaN.
    const NAN: u32;
    /// Bits that a NaN keeps of its own, as the conversions of x86 do.
    const PAYLOAD: u32;
}

pub(super) struct F16;
pub(super) struct Bf16;
struct F8E4m3;
struct F8E5m2;

impl Format for F16 {
    const MANTISSA: u32 = 10;
    const BIAS: u32 = 15;
    const OVERFLOW: u32 = 0x7c00;
    const NAN: u32 = 0x7e00;
    const PAYLOAD: u32 = 0x01ff;
}

impl Format for Bf16 {
    const MANTISSA: u32 = 7;
    const BIAS: u32 = 127;
    const OVERFLOW: u32 = 0x7f80;
    const NAN: u32 = 0x7fc0;
    const PAYLOAD: u32 = 0x003f;
}

/// Too large numbers become the largest, 448: the format has no infinity (OCP FP8 specification 1.0, saturating mode).
impl Format for F8E4m3 {
    const MANTISSA: u32 = 3;
    const BIAS: u32 = 7;
    const OVERFLOW: u32 = 0x7e;
    const NAN: u32 = 0x7f;
    const PAYLOAD: u32 = 0;
}

/// Too large numbers become the largest finite one, 57344 (OCP FP8 specification 1.0, saturating mode).
impl Format for F8E5m2 {
    const MANTISSA: u32 = 2;
    const BIAS: u32 = 15;
    const OVERFLOW: u32 = 0x7b;
    const NAN: u32 = 0x7e;
    const PAYLOAD: u32 = 0;
}

/// The code of `x` in the format. Without branches, so that a loop over it becomes vector instructions.
#[inline(always)]
pub(super) fn code<F: Format>(x: f32) -> u32 {
    let shift = 23 - F::MANTISSA;
    let sign_shift = 31 - shift_of_sign::<F>();
    let size = x.to_bits() & 0x7fff_ffff;
    let nearest = size + ((1 << (shift - 1)) - 1) + ((size >> shift) & 1);
    let normal = (nearest >> shift).wrapping_sub((127 - F::BIAS) << F::MANTISSA);
    let finite = if F::BIAS == 127 {
        // The same exponents as binary32: subnormals and infinities are rounded like the others.
        normal
    } else {
        // Adding a number whose unit in the last place is the format's smallest number rounds to a multiple of it.
        let unit = (127 + 24 - F::BIAS - F::MANTISSA) << 23;
        let subnormal = (f32::from_bits(size) + f32::from_bits(unit)).to_bits().wrapping_sub(unit);
        if size < (128 - F::BIAS) << 23 { subnormal } else { normal.min(F::OVERFLOW) }
    };
    let magnitude = if size > 0x7f80_0000 { F::NAN | (size >> shift & F::PAYLOAD) } else { finite };
    magnitude | (x.to_bits() >> sign_shift & 1 << shift_of_sign::<F>())
}

/// Where the sign bit stands.
const fn shift_of_sign<F: Format>() -> u32 {
    // Exponents have as many bits as the bias has, and one more.
    F::MANTISSA + (32 - F::BIAS.leading_zeros()) + 1
}

/// Rounds values into bytes of the format, as many as there are values.
#[inline(always)]
pub(super) fn round(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    match dtype {
        Dtype::F16 => each(values, out, |x| (code::<F16>(x) as u16).to_le_bytes()),
        Dtype::Bf16 => each(values, out, |x| (code::<Bf16>(x) as u16).to_le_bytes()),
        Dtype::F8E4m3 => each(values, out, |x| [code::<F8E4m3>(x) as u8]),
        Dtype::F8E5m2 => each(values, out, |x| [code::<F8E5m2>(x) as u8]),
        Dtype::F32 => each(values, out, f32::to_le_bytes),
        _ => each(values, out, |x| f64::from(x).to_le_bytes()),
    }
}

#[inline(always)]
fn each<const N: usize>(values: &[f32], out: &mut [u8], bytes: impl Fn(f32) -> [u8; N]) {
    for (&value, to) in values.iter().zip(out.as_chunks_mut::<N>().0) {
        *to = bytes(value);
    }
}

/// The number that `value` becomes when it is stored.
pub(super) fn stored(value: f64, dtype: Dtype) -> f64 {
    let x = value as f32;
    match dtype {
        Dtype::F16 => decode::<F16>(code::<F16>(x)),
        Dtype::Bf16 => decode::<Bf16>(code::<Bf16>(x)),
        Dtype::F8E4m3 => decode::<F8E4m3>(code::<F8E4m3>(x)),
        Dtype::F8E5m2 => decode::<F8E5m2>(code::<F8E5m2>(x)),
        Dtype::F32 => f64::from(x),
        _ => value,
    }
}

/// The number that a code stands for; infinities and NaN as if the format had none.
fn decode<F: Format>(code: u32) -> f64 {
    let sign = if code >> shift_of_sign::<F>() == 1 { -1.0 } else { 1.0 };
    let magnitude = code & ((1 << shift_of_sign::<F>()) - 1);
    let (exponent, mantissa) = (magnitude >> F::MANTISSA, magnitude & ((1 << F::MANTISSA) - 1));
    let implicit = if exponent == 0 { 0 } else { 1 << F::MANTISSA };
    let power = i64::from(exponent.max(1)) - i64::from(F::BIAS) - i64::from(F::MANTISSA);
    sign * f64::from(mantissa + implicit) * f64::from_bits(((1023 + power) as u64) << 52)
}

/// Whether a tensor of this dtype can be drawn, and its bytes match the number of elements.
pub(super) fn check_bytes(dtype: Dtype, elements: usize, bytes: usize) -> Result<(), Refusal> {
    check_elements(dtype, float_size(dtype)?, elements, bytes)
}

/// Whether bytes match the number of elements of this size.
pub(super) fn check_elements(dtype: Dtype, size: usize, elements: usize, bytes: usize) -> Result<(), Refusal> {
    if elements.checked_mul(size) == Some(bytes) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{elements} elements of {dtype} do not fill {bytes} bytes"),
        format!("{size} bytes an element"),
        "Give a buffer of the size of the region.",
    ))
}

/// Bytes of an element of a float type.
pub(super) fn float_size(dtype: Dtype) -> Result<usize, Refusal> {
    dtype.size().filter(|_| dtype.is_float()).ok_or_else(|| {
        Refusal::new(
            format!("values cannot be drawn as {dtype}"),
            "f64, f32, f16, bf16, f8_e4m3 or f8_e5m2",
            "Keep the tensor as it is, or draw it in a float type and convert.",
        )
    })
}
