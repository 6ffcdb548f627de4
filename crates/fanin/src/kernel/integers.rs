//! Whole numbers as bytes of an integer type.

use super::round::check_elements;
use crate::dtype::Dtype;
use crate::error::Refusal;

/// Writes whole numbers as little-endian elements of an integer type (or of truth values, of which 1 is true).
///
/// # Errors
/// If `dtype` is no integer type, `out` has not the size of as many elements, or a value is not one of the type's numbers.
///
/// # Example
/// ```
/// let mut out = [0; 4];
/// fanin::kernel::integers_into(&[3.0, -1.0], fanin::Dtype::I16, &mut out).unwrap();
/// assert_eq!(out, [3, 0, 255, 255]);
/// assert!(fanin::kernel::integers_into(&[3.5, 0.0], fanin::Dtype::I16, &mut out).is_err());
/// ```
pub fn integers_into(values: &[f32], dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    let Some(((low, high), size)) = dtype.integers().zip(dtype.size()) else {
        return Err(Refusal::new(format!("{dtype} holds no integers"), "an integer type", "Draw it as a float type."));
    };
    check_elements(dtype, size, values.len(), out.len())?;
    for (&value, to) in values.iter().zip(out.chunks_exact_mut(size)) {
        let number = f64::from(value);
        if number.fract() != 0.0 || number < low || number > high {
            return Err(Refusal::new(
                format!("the value {value}"),
                format!("a whole number from {low} to {high}, which {dtype} holds"),
                "Take a wider type, or a law of smaller whole numbers.",
            ));
        }
        // Two's complement: the low bytes are those of every narrower type.
        let bytes = if number < 0.0 { (number as i64).to_le_bytes() } else { (number as u64).to_le_bytes() };
        to.copy_from_slice(&bytes[..size]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[f32], dtype: Dtype) -> Option<Vec<u8>> {
        let mut out = vec![0xaa; values.len() * dtype.size().unwrap()];
        integers_into(values, dtype, &mut out).ok().map(|()| out)
    }

    #[test]
    fn every_type_has_its_bytes() {
        assert_eq!(written(&[-2.0, 300.0], Dtype::I32).unwrap(), [254, 255, 255, 255, 44, 1, 0, 0]);
        assert_eq!(written(&[16_777_216.0], Dtype::I64).unwrap(), 16_777_216i64.to_le_bytes());
        assert_eq!(written(&[-128.0, 127.0], Dtype::I8).unwrap(), [128, 127]);
        assert_eq!(written(&[1.0, 0.0], Dtype::Bool).unwrap(), [1, 0]);
        assert_eq!(written(&[65535.0], Dtype::U16).unwrap(), [255, 255]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (value, dtype) in [
            (128.0, Dtype::I8),
            (-1.0, Dtype::U64),
            (2.0, Dtype::Bool),
            (0.5, Dtype::I64),
            (f32::NAN, Dtype::I32),
            (f32::INFINITY, Dtype::U32),
        ] {
            assert!(written(&[value], dtype).is_none(), "{value} {dtype}");
        }
        assert!(integers_into(&[1.0], Dtype::F32, &mut [0; 4]).is_err());
        assert!(integers_into(&[1.0], Dtype::I64, &mut [0; 4]).is_err());
    }
}
