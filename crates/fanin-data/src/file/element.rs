//! [`Numbers`]: an array as a file stores it, before it is known whether it holds inputs or targets.

use crate::array::{Array, Values};
use crate::error::DataError;

/// How a file stores an element; all little-endian here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Element {
    pub(super) fn size(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 | Element::Bf16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }
}

/// An array as a file stores it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    shape: Vec<usize>,
    content: Content,
}

/// The elements. Bytes stay bytes until it is known what they are for: pictures are most of a set, and eight times as large
/// as whole numbers of 64 bits.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    Values(Values),
}

impl Numbers {
    /// Decodes `bytes`, which are as many as the shape says.
    pub(super) fn decode(shape: Vec<usize>, element: Element, bytes: &[u8]) -> Result<Numbers, DataError> {
        if shape.is_empty() {
            let remedy = "Give an array with a dimension for the samples.";
            return Err(DataError::new("the array is a single number", "rows", remedy));
        }
        let whole = Values::I64;
        let values = match element {
            Element::U8 => return Ok(Numbers { shape, content: Content::Bytes(bytes.to_vec()) }),
            Element::Bool => whole(bytes.iter().map(|&b| i64::from(b)).collect()),
            Element::I8 => whole(bytes.iter().map(|&b| i64::from(b as i8)).collect()),
            Element::U16 => whole(each(bytes, |b| i64::from(u16::from_le_bytes(b)))),
            Element::I16 => whole(each(bytes, |b| i64::from(i16::from_le_bytes(b)))),
            Element::U32 => whole(each(bytes, |b| i64::from(u32::from_le_bytes(b)))),
            Element::I32 => whole(each(bytes, |b| i64::from(i32::from_le_bytes(b)))),
            // A number above i64's becomes negative, and is refused as a label.
            Element::U64 | Element::I64 => whole(each(bytes, i64::from_le_bytes)),
            Element::F16 => Values::F32(each(bytes, |b| half(u16::from_le_bytes(b)))),
            Element::Bf16 => Values::F32(each(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))),
            Element::F32 => Values::F32(each(bytes, f32::from_le_bytes)),
            Element::F64 => Values::F32(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        };
        Ok(Numbers { shape, content: Content::Values(values) })
    }

    pub(super) fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// As inputs: bytes are brightness and become numbers from 0 to 1.
    pub(super) fn into_inputs(self) -> Array {
        let values = match self.content {
            Content::Bytes(bytes) => Values::F32(bytes.into_iter().map(|b| f32::from(b) / 255.0).collect()),
            Content::Values(values) => values,
        };
        Array { shape: self.shape, values }
    }

    /// As targets: bytes are whole numbers, and a single column is a list.
    pub(super) fn into_targets(self) -> Array {
        let Numbers { mut shape, content } = self;
        if shape.len() == 2 && shape[1] == 1 {
            shape.pop();
        }
        let values = match content {
            Content::Bytes(bytes) => Values::I64(bytes.into_iter().map(i64::from).collect()),
            Content::Values(values) => values,
        };
        Array { shape, values }
    }

    /// The same rows and more below them.
    pub(super) fn append(&mut self, more: &Numbers) -> Result<(), DataError> {
        let fits = self.shape.len() == more.shape.len() && self.shape[1..] == more.shape[1..];
        match (&mut self.content, &more.content) {
            (Content::Bytes(bytes), Content::Bytes(more)) if fits => bytes.extend(more),
            (Content::Values(Values::F32(values)), Content::Values(Values::F32(more))) if fits => values.extend(more),
            (Content::Values(Values::I64(values)), Content::Values(Values::I64(more))) if fits => values.extend(more),
            _ => {
                let (own, other) = (&self.shape[1..], &more.shape[1..]);
                let wrong = format!("rows of shape {own:?} for training stand beside rows of shape {other:?}");
                return Err(DataError::damaged(wrong, "rows of one shape and type"));
            }
        }
        self.shape[0] += more.shape[0];
        Ok(())
    }
}

fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| f(*chunk)).collect()
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (bits >> 10 & 31, f32::from(bits & 1023));
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let power = |e: i32| f32::from_bits(((e + 127) as u32) << 23);
    sign * match exponent {
        0 => fraction * power(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction * power(-10)) * power(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_decoded() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 5.960_464_5e-8), (0x0400, 6.103_515_6e-5)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }

    #[test]
    fn bytes_are_brightness_as_inputs_and_numbers_as_targets() {
        let numbers = Numbers::decode(vec![2, 1], Element::U8, &[0, 255]).unwrap();
        assert_eq!(numbers.clone().into_inputs(), Array::f32(&[2, 1], vec![0.0, 1.0]));
        assert_eq!(numbers.into_targets(), Array::i64(&[2], vec![0, 255]));
    }
}
