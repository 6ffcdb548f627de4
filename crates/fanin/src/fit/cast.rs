//! From one element type to another, as a stream.

use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::kernel;

/// Elements that are turned at once.
const BLOCK: usize = 1 << 12;

/// Writes the little-endian elements of `bytes` into `out` as another type.
///
/// # Precision
/// The same type keeps its bits; other types are rounded once, to the nearest, from the exact number. A double goes to a
/// half by way of binary32.
///
/// # Errors
/// If the lengths differ, or the types are not both real.
pub fn cast(bytes: &[u8], from: Dtype, to: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    let refused = || {
        let wrong = format!("{} bytes of {from} for {} of {to}", bytes.len(), out.len());
        Refusal::new(wrong, "as many elements of floating-point types", "Take it into a parameter of its own type.")
    };
    if from == to && bytes.len() == out.len() {
        out.copy_from_slice(bytes);
        return Ok(());
    }
    let sizes = from.size().zip(to.size()).filter(|_| to.is_float() && from.component().is_none());
    let Some((size, wide)) = sizes.filter(|(size, wide)| bytes.len() / size == out.len() / wide) else {
        return Err(refused());
    };
    let mut values = [0f32; BLOCK];
    for (held, out) in bytes.chunks(BLOCK * size).zip(out.chunks_mut(BLOCK * wide)) {
        if to == Dtype::F64 {
            write(held.chunks_exact(size).map(|element| number(element, from)), to, out)?;
        } else {
            let values = &mut values[..held.len() / size];
            widen(held, from, values);
            kernel::round_into(values, to, out)?;
        }
    }
    Ok(())
}

fn number(element: &[u8], from: Dtype) -> f64 {
    from.number(element).unwrap_or(f64::NAN)
}

/// Elements as binary32, which holds those of the smaller types exactly. The types of large files have loops of their own,
/// without branches, which become vector instructions.
fn widen(held: &[u8], from: Dtype, out: &mut [f32]) {
    match from {
        Dtype::F32 => each(held, out, f32::from_le_bytes),
        Dtype::F64 => each(held, out, |element| f64::from_le_bytes(element) as f32),
        Dtype::Bf16 => each(held, out, |element| f32::from_bits(u32::from(u16::from_le_bytes(element)) << 16)),
        Dtype::F16 => each(held, out, |element| half(u16::from_le_bytes(element))),
        _ => {
            let numbers = held.chunks_exact(from.size().unwrap_or(1)).map(|element| number(element, from) as f32);
            out.iter_mut().zip(numbers).for_each(|(out, number)| *out = number);
        }
    }
}

fn each<const N: usize>(held: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    for (out, element) in out.iter_mut().zip(held.as_chunks::<N>().0) {
        *out = number(*element);
    }
}

/// A binary16. Its bits in the place of a binary32's stand for a number that is 2¹¹² times too small, subnormal or not.
fn half(bits: u16) -> f32 {
    let (size, sign) = (u32::from(bits & 0x7fff) << 13, u32::from(bits & 0x8000) << 16);
    let finite = (f32::from_bits(size) * f32::from_bits((127 + 112) << 23)).to_bits();
    // Infinities and NaN keep the largest exponent.
    let endless = size | 0x7f80_0000;
    f32::from_bits(sign | if size >= 0x1f << 23 { endless } else { finite })
}

/// Writes numbers as elements of a floating-point type.
pub(crate) fn write(mut numbers: impl Iterator<Item = f64>, to: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    if to == Dtype::F64 {
        for (number, out) in numbers.zip(out.chunks_exact_mut(8)) {
            out.copy_from_slice(&number.to_le_bytes());
        }
        return Ok(());
    }
    let mut values = Vec::with_capacity(BLOCK);
    for out in out.chunks_mut(BLOCK * to.size().unwrap_or(1)) {
        values.clear();
        values.extend(numbers.by_ref().take(BLOCK).map(|number| number as f32));
        kernel::round_into(&values, to, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_rounded_to_the_nearest() {
        let mut out = [0; 4];
        cast(&[1.003_906_5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat(), Dtype::F32, Dtype::Bf16, &mut out)
            .unwrap();
        assert_eq!(out, [0x81, 0x3f, 0x00, 0xc0]);
        let mut wide = [0; 16];
        cast(&out, Dtype::Bf16, Dtype::F64, &mut wide).unwrap();
        assert_eq!(wide[..8], 1.007_812_5f64.to_le_bytes());
        let nan = f32::from_bits(0x7fc1_2345).to_le_bytes();
        let mut same = [0; 4];
        cast(&nan, Dtype::F32, Dtype::F32, &mut same).unwrap();
        assert_eq!(same, nan);
        // Through f64 to f32 once, where the type is a double.
        cast(&(1.0 + 2f64.powi(-24) + 2f64.powi(-50)).to_le_bytes(), Dtype::F64, Dtype::F32, &mut out).unwrap();
        assert_eq!(f32::from_le_bytes(out), 1.0 + f32::EPSILON);
        assert!(cast(&[0; 8], Dtype::F32, Dtype::I32, &mut [0; 4]).is_err());
        assert!(cast(&[0; 8], Dtype::F32, Dtype::F16, &mut [0; 2]).is_err());
    }

    #[test]
    fn every_half_and_small_float_is_the_number_that_it_stands_for() {
        for from in [Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2] {
            let size = from.size().unwrap();
            let all: Vec<u8> = (0..1u32 << (8 * size)).flat_map(|code| code.to_le_bytes()[..size].to_vec()).collect();
            let mut out = vec![0; all.len() / size * 4];
            cast(&all, from, Dtype::F32, &mut out).unwrap();
            for (code, wide) in all.chunks(size).zip(out.as_chunks::<4>().0) {
                let (exact, made) = (from.number(code).unwrap(), f64::from(f32::from_le_bytes(*wide)));
                assert!(exact.to_bits() == made.to_bits() || exact.is_nan() && made.is_nan(), "{from} {code:?}");
            }
        }
    }
}
