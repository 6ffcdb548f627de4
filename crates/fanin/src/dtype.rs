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

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
