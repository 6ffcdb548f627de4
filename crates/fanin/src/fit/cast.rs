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
    for (held, out) in bytes.chunks(BLOCK * size).zip(out.chunks_mut(BLOCK * wide)) {
        let numbers = held.chunks_exact(size).map(|element| from.number(element).unwrap_or(f64::NAN));
        write(numbers, to, out)?;
    }
    Ok(())
}

/// Writes numbers as elements of a floating-point type.
pub(crate) fn write(numbers: impl Iterator<Item = f64>, to: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    if to == Dtype::F64 {
        for (number, out) in numbers.zip(out.chunks_exact_mut(8)) {
            out.copy_from_slice(&number.to_le_bytes());
        }
        return Ok(());
    }
    let values: Vec<f32> = numbers.map(|number| number as f32).collect();
    kernel::round_into(&values, to, out)
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
        assert!(cast(&[0; 8], Dtype::F32, Dtype::I32, &mut [0; 4]).is_err());
        assert!(cast(&[0; 8], Dtype::F32, Dtype::F16, &mut [0; 2]).is_err());
    }
}
