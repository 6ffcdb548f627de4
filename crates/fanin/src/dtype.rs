//! [`Dtype`]: how numbers are stored, and how a value becomes bytes: rounded once, to nearest, ties to even.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How the elements of a tensor are stored. Everything is little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// IEEE 754 binary64.
    #[serde(rename = "f64")]
    F64,
    /// IEEE 754 binary32.
    #[serde(rename = "f32")]
    F32,
    /// IEEE 754 binary16.
    #[serde(rename = "f16")]
    F16,
    /// bfloat16: the upper half of a binary32.
    #[serde(rename = "bf16")]
    Bf16,
    /// 8-bit float with 4 exponent and 3 mantissa bits, no infinities, largest value 448 (OCP FP8 E4M3).
    #[serde(rename = "f8_e4m3")]
    F8E4m3,
    /// 8-bit float with 5 exponent and 2 mantissa bits, IEEE-like (OCP FP8 E5M2).
    #[serde(rename = "f8_e5m2")]
    F8E5m2,
    /// Complex of two binary32.
    #[serde(rename = "c64")]
    C64,
    /// Complex of two binary64.
    #[serde(rename = "c128")]
    C128,
    /// Signed 64-bit integer.
    #[serde(rename = "i64")]
    I64,
    /// Signed 32-bit integer.
    #[serde(rename = "i32")]
    I32,
    /// Signed 16-bit integer.
    #[serde(rename = "i16")]
    I16,
    /// Signed 8-bit integer.
    #[serde(rename = "i8")]
    I8,
    /// Unsigned 64-bit integer.
    #[serde(rename = "u64")]
    U64,
    /// Unsigned 32-bit integer.
    #[serde(rename = "u32")]
    U32,
    /// Unsigned 16-bit integer.
    #[serde(rename = "u16")]
    U16,
    /// Unsigned 8-bit integer.
    #[serde(rename = "u8")]
    U8,
    /// One byte per truth value.
    Bool,
    /// Anything else a file may hold (text, packed 4-bit integers): carried along, never drawn.
    Other,
}

impl Dtype {
    /// Bytes of one element, or `None` where elements have no whole number of bytes.
    pub fn size(self) -> Option<usize> {
        Some(match self {
            Dtype::C128 => 16,
            Dtype::F64 | Dtype::C64 | Dtype::I64 | Dtype::U64 => 8,
            Dtype::F32 | Dtype::I32 | Dtype::U32 => 4,
            Dtype::F16 | Dtype::Bf16 | Dtype::I16 | Dtype::U16 => 2,
            Dtype::F8E4m3 | Dtype::F8E5m2 | Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
            Dtype::Other => return None,
        })
    }

    /// Whether values can be drawn into it: real floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16 | Dtype::F8E4m3 | Dtype::F8E5m2)
    }

    /// Whether its elements are whole numbers, truth values included.
    pub fn is_integer(self) -> bool {
        self.integers().is_some()
    }

    /// The smallest and the largest whole number that it holds, for integers and truth values.
    pub fn integers(self) -> Option<(f64, f64)> {
        let signed = |bits: i32| (-((1u64 << (bits - 1)) as f64), ((1u64 << (bits - 1)) - 1) as f64);
        Some(match self {
            Dtype::I64 => signed(64),
            Dtype::I32 => signed(32),
            Dtype::I16 => signed(16),
            Dtype::I8 => signed(8),
            Dtype::U64 => (0.0, u64::MAX as f64),
            Dtype::U32 => (0.0, f64::from(u32::MAX)),
            Dtype::U16 => (0.0, f64::from(u16::MAX)),
            Dtype::U8 => (0.0, f64::from(u8::MAX)),
            Dtype::Bool => (0.0, 1.0),
            _ => return None,
        })
    }

    /// The real type of which a complex element has two, real part first.
    pub fn component(self) -> Option<Dtype> {
        match self {
            Dtype::C64 => Some(Dtype::F32),
            Dtype::C128 => Some(Dtype::F64),
            _ => None,
        }
    }

    /// The largest finite value, for floating-point types.
    pub fn largest(self) -> Option<f64> {
        Some(match self {
            Dtype::F64 => f64::MAX,
            Dtype::F32 => f64::from(f32::MAX),
            Dtype::F16 => 65504.0,
            Dtype::Bf16 => f64::from(f32::from_bits(0x7f7f_0000)),
            Dtype::F8E4m3 => 448.0,
            Dtype::F8E5m2 => 57344.0,
            _ => return None,
        })
    }

    /// The number that the little-endian `bytes` of one element stand for; `None` for complex numbers and unknown types.
    ///
    /// # Precision
    /// Exact but for integers of 64 bits, which are rounded to the nearest double.
    pub fn number(self, bytes: &[u8]) -> Option<f64> {
        let mut wide = [0u8; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        Some(match self {
            Dtype::F64 => f64::from_bits(bits),
            Dtype::F32 => f64::from(f32::from_bits(bits as u32)),
            Dtype::Bf16 => f64::from(f32::from_bits((bits as u32) << 16)),
            Dtype::F16 => small_float(bits, 5, 10, true),
            Dtype::F8E5m2 => small_float(bits, 5, 2, true),
            Dtype::F8E4m3 => small_float(bits, 4, 3, false),
            Dtype::I64 => bits as i64 as f64,
            Dtype::I32 => f64::from(bits as i32),
            Dtype::I16 => f64::from(bits as i16),
            Dtype::I8 => f64::from(bits as i8),
            Dtype::U64 | Dtype::U32 | Dtype::U16 | Dtype::U8 | Dtype::Bool => bits as f64,
            Dtype::C64 | Dtype::C128 | Dtype::Other => return None,
        })
    }

    /// The name used in plans and on the command line: `f32`, `bf16`, `f8_e4m3`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F64 => "f64",
            Dtype::F32 => "f32",
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
            Dtype::F8E4m3 => "f8_e4m3",
            Dtype::F8E5m2 => "f8_e5m2",
            Dtype::C64 => "c64",
            Dtype::C128 => "c128",
            Dtype::I64 => "i64",
            Dtype::I32 => "i32",
            Dtype::I16 => "i16",
            Dtype::I8 => "i8",
            Dtype::U64 => "u64",
            Dtype::U32 => "u32",
            Dtype::U16 => "u16",
            Dtype::U8 => "u8",
            Dtype::Bool => "bool",
            Dtype::Other => "other",
        }
    }
}

/// A float of few bits, exactly. Without infinities (`infinities` false) only the largest pattern is not a number.
fn small_float(bits: u64, exponent_bits: u32, mantissa_bits: u32, infinities: bool) -> f64 {
    let mantissa = bits & ((1 << mantissa_bits) - 1);
    let top = (1u64 << exponent_bits) - 1;
    let exponent = bits >> mantissa_bits & top;
    let sign = if bits >> (mantissa_bits + exponent_bits) & 1 == 1 { -1.0 } else { 1.0 };
    let bias = (top >> 1) as i32;
    let unit = |power: i32| f64::from_bits(((1023 + power) as u64) << 52);
    let step = unit(exponent.max(1) as i32 - bias - mantissa_bits as i32);
    let full = mantissa == (1 << mantissa_bits) - 1;
    sign * match exponent {
        e if e == top && infinities && mantissa == 0 => f64::INFINITY,
        e if e == top && (infinities || full) => f64::NAN,
        0 => mantissa as f64 * step,
        _ => (mantissa | 1 << mantissa_bits) as f64 * step,
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_exact() {
        for (dtype, bits, value) in [
            (Dtype::F16, 0x3c00u64, 1.0),
            (Dtype::F16, 0xc000, -2.0),
            (Dtype::F16, 0x0001, 2f64.powi(-24)),
            (Dtype::F16, 0x7bff, 65504.0),
            (Dtype::F16, 0xfc00, f64::NEG_INFINITY),
            (Dtype::F8E4m3, 0x7e, 448.0),
            (Dtype::F8E4m3, 0x01, 2f64.powi(-9)),
            (Dtype::F8E5m2, 0x7b, 57344.0),
            (Dtype::F8E5m2, 0x7c, f64::INFINITY),
            (Dtype::Bf16, 0x3f80, 1.0),
        ] {
            let size = dtype.size().unwrap();
            assert_eq!(dtype.number(&bits.to_le_bytes()[..size]), Some(value), "{dtype} {bits:#x}");
        }
        assert!(Dtype::F8E4m3.number(&[0x7f]).unwrap().is_nan());
    }
}
