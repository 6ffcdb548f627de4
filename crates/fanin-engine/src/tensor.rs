//! [`Tensor`]: numbers in row-major order, cheap to clone, and [`Spec`], its shape and type alone.

use crate::element::{Element, Float};
use crate::error::mismatch;
use crate::shape;
use fanin::{Dtype, Refusal};
use std::fmt;
use std::sync::Arc;

/// A tensor: a shape and that many elements in row-major order. Clones share the elements until one is changed.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// Elements, by type.
#[derive(Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the names of the types")]
pub enum Data {
    F32(Arc<Vec<f32>>),
    F64(Arc<Vec<f64>>),
    I64(Arc<Vec<i64>>),
    I32(Arc<Vec<i32>>),
    I16(Arc<Vec<i16>>),
    I8(Arc<Vec<i8>>),
    U64(Arc<Vec<u64>>),
    U32(Arc<Vec<u32>>),
    U16(Arc<Vec<u16>>),
    U8(Arc<Vec<u8>>),
    Bool(Arc<Vec<bool>>),
}

/// Shape and element type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
}

/// Runs an expression on the elements of a tensor, whatever their type: `on_any!(tensor, values => values.len())`.
macro_rules! on_any {
    ($tensor:expr, $values:ident => $body:expr) => {
        match $tensor.data() {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            $crate::tensor::Data::I64($values) => $body,
            $crate::tensor::Data::I32($values) => $body,
            $crate::tensor::Data::I16($values) => $body,
            $crate::tensor::Data::I8($values) => $body,
            $crate::tensor::Data::U64($values) => $body,
            $crate::tensor::Data::U32($values) => $body,
            $crate::tensor::Data::U16($values) => $body,
            $crate::tensor::Data::U8($values) => $body,
            $crate::tensor::Data::Bool($values) => $body,
        }
    };
}

/// Runs an expression on the elements of a [`Tensor::plain`] tensor: `f32`, `f64`, `i64` or `bool`.
///
/// Each type is compiled for itself, so narrow integers, which are rare, pass through `i64`.
macro_rules! on_each {
    ($tensor:expr, $values:ident => $body:expr) => {
        match $tensor.data() {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            $crate::tensor::Data::I64($values) => $body,
            $crate::tensor::Data::Bool($values) => $body,
            _ => return Err($crate::tensor::wrong_dtype(&$tensor, "f32, f64, i64 or bool")),
        }
    };
}

/// Runs an expression on the elements of a [`Tensor::plain`] tensor of numbers: `f32`, `f64` or `i64`.
macro_rules! on_numbers {
    ($tensor:expr, $values:ident => $body:expr) => {
        match $tensor.data() {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            $crate::tensor::Data::I64($values) => $body,
            _ => return Err($crate::tensor::wrong_dtype(&$tensor, "numbers")),
        }
    };
}

/// Runs an expression on the elements of a tensor of `f32` or `f64`; others are refused.
macro_rules! on_floats {
    ($tensor:expr, $values:ident => $body:expr) => {
        match $tensor.data() {
            $crate::tensor::Data::F32($values) => $body,
            $crate::tensor::Data::F64($values) => $body,
            _ => return Err($crate::tensor::wrong_dtype(&$tensor, "f32 or f64")),
        }
    };
}

pub(crate) use {on_each, on_floats, on_numbers};

/// The refusal of an operand whose element type the operator does not take.
pub(crate) fn wrong_dtype(tensor: &Tensor, expected: &str) -> Refusal {
    mismatch(format!("an operand has elements of type {}", tensor.dtype()), expected)
}

impl Tensor {
    /// A tensor of these elements.
    ///
    /// # Errors
    /// If there are not as many as the shape says.
    ///
    /// # Example
    /// ```
    /// use fanin_engine::Tensor;
    /// let x = Tensor::new(&[2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// assert_eq!(x.spec().to_string(), "f32[2, 3]");
    /// assert!(Tensor::new(&[7], vec![0i64]).is_err());
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn new<T: Element>(shape: &[usize], values: Vec<T>) -> Result<Tensor, Refusal> {
        if shape::count(shape) != Some(values.len()) {
            return Err(mismatch(
                format!("{} elements were given for the shape {shape:?}", values.len()),
                "as many as the shape has",
            ));
        }
        Ok(Tensor::of(shape, values))
    }

    /// A tensor of elements whose number is right by construction.
    pub(crate) fn of<T: Element>(shape: &[usize], values: Vec<T>) -> Tensor {
        assert_eq!(shape::count(shape), Some(values.len()), "elements and shape {shape:?} agree");
        Tensor { shape: shape.to_vec(), data: T::wrap(Arc::new(values)) }
    }

    /// A single number.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor::of(&[], vec![value])
    }

    /// Zeros.
    ///
    /// # Errors
    /// If tensors of this type are not computed with, or this many elements cannot be.
    pub fn zeros(spec: &Spec) -> Result<Tensor, Refusal> {
        Tensor::full(spec, 0.0)
    }

    /// A tensor whose elements are all the same number.
    ///
    /// # Errors
    /// If tensors of this type are not computed with, or this many elements cannot be.
    pub fn full(spec: &Spec, value: f64) -> Result<Tensor, Refusal> {
        fn values<T: Element>(n: usize, value: f64) -> Data {
            T::wrap(Arc::new(vec![T::from_f64(value); n]))
        }
        spec.bytes().ok_or_else(|| mismatch(format!("a tensor of shape {:?}", spec.shape), "fewer elements"))?;
        let n = spec.len();
        let data = match spec.dtype {
            Dtype::F32 => values::<f32>(n, value),
            Dtype::F64 => values::<f64>(n, value),
            Dtype::I64 => values::<i64>(n, value),
            Dtype::I32 => values::<i32>(n, value),
            Dtype::I16 => values::<i16>(n, value),
            Dtype::I8 => values::<i8>(n, value),
            Dtype::U64 => values::<u64>(n, value),
            Dtype::U32 => values::<u32>(n, value),
            Dtype::U16 => values::<u16>(n, value),
            Dtype::U8 => values::<u8>(n, value),
            Dtype::Bool => values::<bool>(n, value),
            other => return Err(unsupported(other)),
        };
        Ok(Tensor { shape: spec.shape.clone(), data })
    }

    /// A tensor from little-endian bytes. Half precision becomes `f32`, in which it is computed.
    ///
    /// # Errors
    /// If the type is not computed with (complex numbers, text), or the bytes are not as many as the shape says.
    pub fn from_bytes(dtype: Dtype, shape: &[u64], bytes: &[u8]) -> Result<Tensor, Refusal> {
        fn values<T: Element>(bytes: &[u8], size: usize) -> Data {
            T::wrap(Arc::new(bytes.chunks_exact(size).map(T::read).collect()))
        }
        let sizes: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
        let count = sizes.as_deref().and_then(shape::count);
        let (Some(shape), Some(count)) = (sizes, count) else {
            return Err(mismatch(format!("a tensor of shape {shape:?}"), "fewer elements"));
        };
        let size = dtype.size().ok_or_else(|| unsupported(dtype))?;
        if count.checked_mul(size) != Some(bytes.len()) {
            let wrong = format!("{} bytes were given for {dtype}{shape:?}", bytes.len());
            return Err(mismatch(wrong, "as many as shape and type say"));
        }
        let data = match dtype {
            Dtype::F32 => values::<f32>(bytes, size),
            Dtype::F64 => values::<f64>(bytes, size),
            Dtype::I64 => values::<i64>(bytes, size),
            Dtype::I32 => values::<i32>(bytes, size),
            Dtype::I16 => values::<i16>(bytes, size),
            Dtype::I8 => values::<i8>(bytes, size),
            Dtype::U64 => values::<u64>(bytes, size),
            Dtype::U32 => values::<u32>(bytes, size),
            Dtype::U16 => values::<u16>(bytes, size),
            Dtype::U8 => values::<u8>(bytes, size),
            Dtype::Bool => values::<bool>(bytes, size),
            Dtype::F16 | Dtype::Bf16 => {
                let wide = if dtype == Dtype::F16 { f16_to_f32 } else { bf16_to_f32 };
                let halves = bytes.as_chunks().0.iter();
                Data::F32(Arc::new(halves.map(|b| wide(u16::from_le_bytes(*b))).collect()))
            }
            other => return Err(unsupported(other)),
        };
        Ok(Tensor { shape, data })
    }

    /// Sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        fn of<T: Element>(_: &Arc<Vec<T>>) -> Dtype {
            T::DTYPE
        }
        on_any!(self, values => of(values))
    }

    /// Shape and element type.
    pub fn spec(&self) -> Spec {
        Spec { dtype: self.dtype(), shape: self.shape.clone() }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        on_any!(self, values => values.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, by type.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements alone.
    pub(crate) fn into_data(self) -> Data {
        self.data
    }

    /// The elements, if they are of this type.
    pub fn values<T: Element>(&self) -> Option<&[T]> {
        T::of(&self.data).map(|values| values.as_slice())
    }

    /// The elements, to change them, if they are of this type. They are copied first if clones share them.
    pub fn values_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        T::of_mut(&mut self.data).map(|values| Arc::make_mut(values).as_mut_slice())
    }

    /// The elements; of another type they are refused.
    pub(crate) fn expect<T: Element>(&self) -> Result<&[T], Refusal> {
        self.values().ok_or_else(|| wrong_dtype(self, T::DTYPE.name()))
    }

    /// The elements as integers: shapes, axes, indices.
    pub(crate) fn ints(&self) -> Result<Vec<i64>, Refusal> {
        match &self.data {
            Data::I64(values) => Ok(values.to_vec()),
            Data::I32(values) => Ok(values.iter().map(|&v| i64::from(v)).collect()),
            _ => Err(wrong_dtype(self, "i64 or i32")),
        }
    }

    /// The only element, as a number.
    pub(crate) fn number(&self) -> Result<f64, Refusal> {
        if self.len() != 1 {
            return Err(mismatch(format!("an operand has shape {:?}", self.shape), "a single number"));
        }
        Ok(on_any!(self, values => values[0].to_f64()))
    }

    /// The elements as `f64`, for statistics and tests.
    pub fn to_f64s(&self) -> Vec<f64> {
        on_any!(self, values => values.iter().map(|v| v.to_f64()).collect())
    }

    /// The same elements under another shape of as many.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> Tensor {
        assert_eq!(shape::count(shape), Some(self.len()), "a reshape keeps the elements");
        Tensor { shape: shape.to_vec(), data: self.data.clone() }
    }

    /// The first rows: as many of the outermost dimension, which has at least that many.
    pub(crate) fn rows(&self, rows: usize) -> Tensor {
        fn cut<T: Element>(values: &[T], n: usize) -> Data {
            T::wrap(Arc::new(values[..n].to_vec()))
        }
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.min(*first);
        }
        let n = shape.iter().product();
        let data = on_any!(self, values => cut(values, n));
        Tensor { shape, data }
    }

    /// The elements converted to another type: truncated and saturated from floats, wrapped around between integers.
    ///
    /// # Errors
    /// If tensors of that type are not computed with.
    pub fn cast(&self, dtype: Dtype) -> Result<Tensor, Refusal> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        let data = match dtype {
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => self.converted::<f32>(),
            Dtype::F64 => self.converted::<f64>(),
            Dtype::I64 => self.converted::<i64>(),
            Dtype::I32 => self.converted::<i32>(),
            Dtype::I16 => self.converted::<i16>(),
            Dtype::I8 => self.converted::<i8>(),
            Dtype::U64 => self.converted::<u64>(),
            Dtype::U32 => self.converted::<u32>(),
            Dtype::U16 => self.converted::<u16>(),
            Dtype::U8 => self.converted::<u8>(),
            Dtype::Bool => self.converted::<bool>(),
            other => return Err(unsupported(other)),
        };
        Ok(Tensor { shape: self.shape.clone(), data })
    }

    /// The tensor itself, or its integers as `i64`: one of four types. Sums, differences and products come out the same
    /// when [`Tensor::cast`] takes them back, and so does everything that only moves elements.
    pub(crate) fn plain(&self) -> Tensor {
        match &self.data {
            Data::F32(_) | Data::F64(_) | Data::I64(_) | Data::Bool(_) => self.clone(),
            _ => Tensor { shape: self.shape.clone(), data: self.converted::<i64>() },
        }
    }

    fn converted<T: Element>(&self) -> Data {
        let values = match &self.data {
            Data::F32(values) => values.iter().map(|v| T::from_f64(v.to_f64())).collect(),
            Data::F64(values) => values.iter().map(|&v| T::from_f64(v)).collect(),
            Data::U64(values) if matches!(T::DTYPE, Dtype::F32 | Dtype::F64) => {
                values.iter().map(|v| T::from_f64(v.to_f64())).collect()
            }
            Data::U64(values) => values.iter().map(|&v| T::from_i64(v as i64)).collect(),
            _ => on_any!(self, values => values.iter().map(|v| T::from_i64(v.to_i64())).collect()),
        };
        T::wrap(Arc::new(values))
    }

    /// Adds another tensor of the same shape and type, element by element.
    pub(crate) fn accumulate(&mut self, other: &Tensor) -> Result<(), Refusal> {
        fn add<T: Float>(sum: &mut [T], other: &[T]) {
            crate::parallel::fill(sum, &|start, out| {
                for (sum, &x) in out.iter_mut().zip(&other[start..]) {
                    *sum += x;
                }
            });
        }
        if self.spec() != other.spec() {
            return Err(mismatch(
                format!("gradients of {} and {} meet", self.spec(), other.spec()),
                "one shape and type",
            ));
        }
        match &other.data {
            Data::F32(values) => self.values_mut().map(|sum| add::<f32>(sum, values)),
            Data::F64(values) => self.values_mut().map(|sum| add::<f64>(sum, values)),
            _ => None,
        }
        .ok_or_else(|| wrong_dtype(other, "f32 or f64"))
    }
}

impl Spec {
    /// Shape and type of a tensor.
    pub fn new(dtype: Dtype, shape: &[usize]) -> Spec {
        Spec { dtype, shape: shape.to_vec() }
    }

    /// Number of elements; 0 if they are too many to count.
    pub fn len(&self) -> usize {
        shape::count(&self.shape).unwrap_or(0)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the elements, or `None` if these are more than any machine has.
    pub fn bytes(&self) -> Option<u64> {
        let count = shape::count(&self.shape)?;
        (count as u64).checked_mul(self.dtype.size().unwrap_or(8) as u64)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.shape)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "{} {{", self.spec())?;
        on_any!(self, values => for value in values.iter().take(SHOWN) {
            write!(f, " {value:?}")?;
        });
        f.write_str(if self.len() > SHOWN { " … }" } else { " }" })
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Data { .. }")
    }
}

fn unsupported(dtype: Dtype) -> Refusal {
    Refusal::new(
        format!("elements of type {dtype} are not computed with"),
        "floating-point numbers, integers or truth values",
        "Export the model in f32.",
    )
}

fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE binary16, exactly.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 31), u32::from(bits & 0x3ff));
    match exponent {
        // Multiples of 2^-24.
        0 => f32::from_bits(sign | (mantissa as f32 / 16_777_216.0).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_exactly() {
        for (bits, value) in
            [(0x3c00u16, 1.0f32), (0xc000, -2.0), (1, 2f32.powi(-24)), (0x7bff, 65504.0), (0x8000, -0.0)]
        {
            assert_eq!(f16_to_f32(bits).to_bits(), value.to_bits(), "{bits:#x}");
        }
        assert_eq!(f16_to_f32(0xfc00), f32::NEG_INFINITY);
        assert!(f16_to_f32(0x7e00).is_nan());
    }

    #[test]
    fn clones_share_until_one_is_changed() {
        let a = Tensor::of(&[2], vec![1.0f32, 2.0]);
        let mut b = a.clone();
        b.values_mut::<f32>().unwrap()[0] = 5.0;
        assert_eq!((a.to_f64s(), b.to_f64s()), (vec![1.0, 2.0], vec![5.0, 2.0]));
    }

    #[test]
    fn casts_truncate_saturate_and_wrap() {
        let x = Tensor::of(&[4], vec![-1.7f32, 300.9, f32::NAN, 0.0]);
        assert_eq!(x.cast(Dtype::U8).unwrap().values::<u8>().unwrap(), [0, 255, 0, 0]);
        assert_eq!(x.cast(Dtype::I64).unwrap().values::<i64>().unwrap(), [-1, 300, 0, 0]);
        assert_eq!(x.cast(Dtype::Bool).unwrap().values::<bool>().unwrap(), [true, true, true, false]);
        let i = Tensor::of(&[1], vec![-1i64]);
        assert_eq!(i.cast(Dtype::U8).unwrap().values::<u8>().unwrap(), [255]);
        assert_eq!(Tensor::of(&[1], vec![u64::MAX]).cast(Dtype::F64).unwrap().to_f64s(), [18446744073709551616.0]);
    }

    #[test]
    fn claims_that_do_not_fit_are_refused() {
        assert!(Tensor::new(&[usize::MAX, usize::MAX], vec![0u8]).is_err());
        assert!(Tensor::from_bytes(Dtype::F32, &[u64::MAX, 2], &[]).is_err());
        assert!(Tensor::from_bytes(Dtype::F32, &[2], &[0; 7]).is_err());
        assert!(Tensor::zeros(&Spec::new(Dtype::F32, &[1 << 40, 1 << 40])).is_err());
        assert!(Tensor::zeros(&Spec::new(Dtype::C64, &[1])).is_err());
    }
}
