//! What a tensor can hold: [`Element`]s, and the arithmetic of [`Number`]s and [`Float`]s.

use crate::tensor::Data;
use crate::tile::Multiply;
use fanin::{Dtype, numerics};
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::sync::Arc;

/// A type that a tensor can hold.
pub trait Element: Copy + Default + PartialEq + PartialOrd + Debug + Send + Sync + 'static {
    /// Its name.
    const DTYPE: Dtype;

    /// Values as data of a tensor.
    fn wrap(values: Arc<Vec<Self>>) -> Data;

    /// The values of data of this type.
    fn of(data: &Data) -> Option<&Arc<Vec<Self>>>;

    /// The values of data of this type, to change them.
    fn of_mut(data: &mut Data) -> Option<&mut Arc<Vec<Self>>>;

    /// One value from its little-endian bytes, of which there are enough.
    fn read(bytes: &[u8]) -> Self;

    /// The nearest number in `f64`.
    fn to_f64(self) -> f64;

    /// The number of this type for a number: truncated and saturated for integers, whether it is not 0 for `bool`.
    fn from_f64(value: f64) -> Self;

    /// The same for an integer, which may be too large for `f64`: integers wrap around.
    fn from_i64(value: i64) -> Self;

    /// The number as an integer: truncated and saturated.
    fn to_i64(self) -> i64;
}

/// An [`Element`] with arithmetic; that of integers wraps around, as in NumPy.
pub(crate) trait Number: Element {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The least value; −∞ for floats.
    const LEAST: Self;
    /// The largest value; ∞ for floats.
    const LARGEST: Self;

    /// Sum.
    fn plus(self, other: Self) -> Self;
    /// Difference.
    fn minus(self, other: Self) -> Self;
    /// Product.
    fn times(self, other: Self) -> Self;
    /// Quotient; that of integers is rounded towards 0, and 0 where the divisor is 0.
    fn over(self, other: Self) -> Self;
    /// Magnitude.
    fn magnitude(self) -> Self;
    /// Whether it is not a number.
    fn is_nan(self) -> bool {
        false
    }
}

/// `f32` or `f64`: what gradients flow through.
pub(crate) trait Float:
    Number
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Multiply
{
    /// e to the power of x.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// x to the power of `y`.
    fn powf(self, y: Self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// Any function of the platform that is not worth a method here, computed in `f64`.
    fn through(self, f: fn(f64) -> f64) -> Self {
        Self::from_f64(f(self.to_f64()))
    }
    /// The larger of two; a NaN wins, as in NumPy.
    fn largest(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    /// The smaller of two; a NaN wins.
    fn smallest(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
}

macro_rules! element {
    ($($kind:ident: $type:ty, $from_f64:expr, $to_f64:expr, $from_i64:expr, $to_i64:expr, $read:expr;)*) => {$(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$kind;

            fn wrap(values: Arc<Vec<Self>>) -> Data {
                Data::$kind(values)
            }

            fn of(data: &Data) -> Option<&Arc<Vec<Self>>> {
                match data {
                    Data::$kind(values) => Some(values),
                    _ => None,
                }
            }

            fn of_mut(data: &mut Data) -> Option<&mut Arc<Vec<Self>>> {
                match data {
                    Data::$kind(values) => Some(values),
                    _ => None,
                }
            }

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let chunk = bytes.first_chunk().copied().unwrap_or_default();
                let read: fn([u8; size_of::<$type>()]) -> $type = $read;
                read(chunk)
            }

            #[inline]
            fn to_f64(self) -> f64 {
                let convert: fn($type) -> f64 = $to_f64;
                convert(self)
            }

            #[inline]
            fn from_f64(value: f64) -> Self {
                let convert: fn(f64) -> $type = $from_f64;
                convert(value)
            }

            #[inline]
            fn from_i64(value: i64) -> Self {
                let convert: fn(i64) -> $type = $from_i64;
                convert(value)
            }

            #[inline]
            fn to_i64(self) -> i64 {
                let convert: fn($type) -> i64 = $to_i64;
                convert(self)
            }
        }
    )*};
}

element! {
    F32: f32, |v| v as f32, f64::from, |v| v as f32, |v| v as i64, f32::from_le_bytes;
    F64: f64, |v| v, |v| v, |v| v as f64, |v| v as i64, f64::from_le_bytes;
    I64: i64, |v| v as i64, |v| v as f64, |v| v, |v| v, i64::from_le_bytes;
    I32: i32, |v| v as i32, f64::from, |v| v as i32, i64::from, i32::from_le_bytes;
    I16: i16, |v| v as i16, f64::from, |v| v as i16, i64::from, i16::from_le_bytes;
    I8: i8, |v| v as i8, f64::from, |v| v as i8, i64::from, i8::from_le_bytes;
    U64: u64, |v| v as u64, |v| v as f64, |v| v as u64, |v| i64::try_from(v).unwrap_or(i64::MAX), u64::from_le_bytes;
    U32: u32, |v| v as u32, f64::from, |v| v as u32, i64::from, u32::from_le_bytes;
    U16: u16, |v| v as u16, f64::from, |v| v as u16, i64::from, u16::from_le_bytes;
    U8: u8, |v| v as u8, f64::from, |v| v as u8, i64::from, u8::from_le_bytes;
    Bool: bool, |v| v != 0.0, |v| f64::from(u8::from(v)), |v| v != 0, i64::from, |b: [u8; 1]| b[0] != 0;
}

macro_rules! integer {
    ($($type:ty: $magnitude:expr;)*) => {$(
        impl Number for $type {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = <$type>::MIN;
            const LARGEST: Self = <$type>::MAX;

            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline]
            fn over(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }

            #[inline]
            fn magnitude(self) -> Self {
                let magnitude: fn($type) -> $type = $magnitude;
                magnitude(self)
            }
        }
    )*};
}

integer! {
    i64: i64::wrapping_abs;
    i32: i32::wrapping_abs;
    i16: i16::wrapping_abs;
    i8: i8::wrapping_abs;
    u64: |v| v;
    u32: |v| v;
    u16: |v| v;
    u8: |v| v;
}

macro_rules! float {
    ($($type:ident),*) => {$(
        impl Number for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = $type::NEG_INFINITY;
            const LARGEST: Self = $type::INFINITY;

            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                self - other
            }

            #[inline]
            fn times(self, other: Self) -> Self {
                self * other
            }

            #[inline]
            fn over(self, other: Self) -> Self {
                self / other
            }

            #[inline]
            fn magnitude(self) -> Self {
                self.abs()
            }

            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }

        impl Float for $type {
            #[inline]
            fn exp(self) -> Self {
                self.exp()
            }

            #[inline]
            fn ln(self) -> Self {
                self.ln()
            }

            #[inline]
            fn sqrt(self) -> Self {
                self.sqrt()
            }

            #[inline]
            fn powf(self, y: Self) -> Self {
                self.powf(y)
            }

            #[inline]
            fn tanh(self) -> Self {
                self.tanh()
            }

            #[inline]
            fn erf(self) -> Self {
                numerics::erf(f64::from(self)) as $type
            }
        }
    )*};
}

float!(f32, f64);
