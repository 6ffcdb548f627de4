//! [`Array`]: numbers with a shape, rows first.

use crate::error::DataError;

/// The most bytes that one set may take in memory.
pub(crate) const MOST_BYTES: u64 = 1 << 32;

/// The elements of an array, row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers.
    F32(Vec<f32>),
    /// Class indices, tokens and other whole numbers.
    I64(Vec<i64>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array; its first dimension counts the rows (samples).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The elements, as many as the shape says.
    pub values: Values,
}

impl Array {
    /// An array of numbers.
    ///
    /// # Panics
    /// If the shape does not say as many elements as there are.
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Array {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "the shape says how many elements there are");
        Array { shape: shape.to_vec(), values: Values::F32(values) }
    }

    /// An array of whole numbers.
    ///
    /// # Panics
    /// If the shape does not say as many elements as there are.
    pub fn i64(shape: &[usize], values: Vec<i64>) -> Array {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "the shape says how many elements there are");
        Array { shape: shape.to_vec(), values: Values::I64(values) }
    }

    /// Number of rows; 1 for a single number.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Elements of one row.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The rows with these indices, in this order.
    ///
    /// # Panics
    /// If an index is not one of a row.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Array {
        let len = self.row_len();
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let values = match &self.values {
            Values::F32(values) => Values::F32(gather(values, rows, len)),
            Values::I64(values) => Values::I64(gather(values, rows, len)),
        };
        Array { shape, values }
    }

    /// The elements as numbers; whole numbers beyond 2²⁴ are rounded.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Values::F32(values) => values.clone(),
            Values::I64(values) => values.iter().map(|&v| v as f32).collect(),
        }
    }

    /// The elements as whole numbers, if they are all that.
    pub(crate) fn to_i64(&self) -> Option<Vec<i64>> {
        match &self.values {
            Values::I64(values) => Some(values.clone()),
            // Beyond 2^24 a number of 32 bits may stand for several whole ones.
            Values::F32(values) => {
                values.iter().map(|&v| (v.fract() == 0.0 && v.abs() <= 16_777_216.0).then_some(v as i64)).collect()
            }
        }
    }
}

fn gather<T: Copy>(values: &[T], rows: &[usize], len: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(rows.len() * len);
    for &row in rows {
        out.extend_from_slice(&values[row * len..][..len]);
    }
    out
}

/// The number of elements of a shape that a file claims, if that many of `size` bytes may be held in memory.
pub(crate) fn count(shape: &[u64], size: u64) -> Result<usize, DataError> {
    let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    let count = count.filter(|n| n.checked_mul(size.max(4)).is_some_and(|bytes| bytes <= MOST_BYTES));
    count.map(|count| count as usize).ok_or_else(|| {
        let wrong = format!("the shape {shape:?} has more elements than can be held");
        DataError::new(wrong, format!("at most {} GiB", MOST_BYTES >> 30), "Give a part of the data.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_in_the_order_asked() {
        let array = Array::f32(&[3, 2], vec![0., 1., 2., 3., 4., 5.]);
        assert_eq!(array.take(&[2, 0, 2]), Array::f32(&[3, 2], vec![4., 5., 0., 1., 4., 5.]));
        assert_eq!(array.take(&[]), Array::f32(&[0, 2], vec![]));
    }

    #[test]
    fn only_whole_numbers_become_whole_numbers() {
        assert_eq!(Array::f32(&[2], vec![3.0, -2.0]).to_i64(), Some(vec![3, -2]));
        assert_eq!(Array::f32(&[1], vec![0.5]).to_i64(), None);
        assert_eq!(Array::f32(&[1], vec![f32::NAN]).to_i64(), None);
        assert_eq!(Array::f32(&[1], vec![1e20]).to_i64(), None);
    }

    #[test]
    fn a_claimed_shape_is_bounded() {
        assert_eq!(count(&[10, 3], 4), Ok(30));
        assert!(count(&[1 << 40, 1 << 40], 1).is_err());
        assert!(count(&[1 << 31], 4).is_err());
        assert_eq!(count(&[0, 1 << 60], 4), Ok(0));
    }
}
