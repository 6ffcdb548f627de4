//! [`Array`]: a tensor in memory, while it is made to fit.

use super::{Factor, Map, Part, count, factor, misfit, symbols};
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::tied::kept;

/// A row-major tensor of doubles. An element that no step gave is a NaN with a mark ([`Array::is_given`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<u64>,
    values: Vec<f64>,
}

/// A quiet NaN that no arithmetic makes: the mark of an element that nothing gives.
pub(super) const ABSENT: u64 = 0x7ff8_fa21_0000_0001;

impl Array {
    /// A tensor of this shape with these values.
    ///
    /// # Errors
    /// If the number of values is not that of the shape.
    pub fn new(shape: &[u64], values: Vec<f64>) -> Result<Array, Refusal> {
        if count(shape) != Some(values.len() as u64) {
            return Err(misfit(format!("{} values of shape {shape:?}", values.len()), "a value for each element"));
        }
        Ok(Array { shape: shape.to_vec(), values })
    }

    /// The numbers of little-endian elements.
    ///
    /// # Errors
    /// If the number of bytes is not that of the shape, or the elements are no real numbers.
    pub fn read(shape: &[u64], dtype: Dtype, bytes: &[u8]) -> Result<Array, Refusal> {
        let size = dtype.size().filter(|_| dtype.component().is_none());
        let size = size.ok_or_else(|| misfit(format!("elements of {dtype}"), "real numbers"))?;
        let values = bytes.chunks_exact(size).map(|element| dtype.number(element).unwrap_or(f64::NAN)).collect();
        Array::new(shape, values)
    }

    /// The shape.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Whether the element at a flat index was given.
    pub fn is_given(&self, index: usize) -> bool {
        self.values[index].to_bits() != ABSENT
    }

    /// Elements before an axis, along it, and behind it.
    fn around(&self, axis: usize) -> [usize; 3] {
        let product = |dims: &[u64]| dims.iter().copied().fold(1, u64::saturating_mul) as usize;
        [product(&self.shape[..axis]), self.shape[axis] as usize, product(&self.shape[axis + 1..])]
    }

    pub(super) fn joined(all: &[Array], axis: usize) -> Result<Array, Refusal> {
        let mut shape = all.first().map(|first| first.shape.clone()).unwrap_or_default();
        if axis >= shape.len() {
            return Err(misfit(format!("axis {axis} of {shape:?}"), "an axis"));
        }
        shape[axis] = all.iter().map(|array| array.shape[axis]).sum();
        let outer = shape[..axis].iter().product::<u64>() as usize;
        let mut values = Vec::with_capacity(all.iter().map(|array| array.values.len()).sum());
        for row in 0..outer {
            for array in all {
                let width = array.values.len() / outer;
                values.extend_from_slice(&array.values[row * width..(row + 1) * width]);
            }
        }
        Array::new(&shape, values)
    }

    pub(super) fn permuted(self, order: &[usize]) -> Result<Array, Refusal> {
        let mut strides = vec![1usize; self.shape.len()];
        for axis in (0..self.shape.len().saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * self.shape[axis + 1] as usize;
        }
        let shape: Vec<u64> = order.iter().map(|&axis| self.shape[axis]).collect();
        let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
        let (mut index, mut at) = (vec![0u64; shape.len()], 0usize);
        let mut values = Vec::with_capacity(self.values.len());
        for _ in 0..self.values.len() {
            values.push(self.values[at]);
            for d in (0..shape.len()).rev() {
                index[d] += 1;
                at += steps[d];
                if index[d] < shape[d] {
                    break;
                }
                at -= steps[d] * shape[d] as usize;
                index[d] = 0;
            }
        }
        Array::new(&shape, values)
    }

    pub(super) fn reshaped(self, shape: &[u64]) -> Result<Array, Refusal> {
        Array::new(shape, self.values)
    }

    pub(super) fn scaled(mut self, factor: f64) -> Array {
        for value in self.values.iter_mut().filter(|value| value.to_bits() != ABSENT) {
            *value *= factor;
        }
        self
    }

    pub(super) fn lengths(self, shape: &[u64]) -> Result<Array, Refusal> {
        let keep = kept(shape, &self.shape).ok_or_else(|| misfit(format!("{shape:?}"), "axes that are whole or 1"))?;
        let (mut stride, mut strides) = (1usize, vec![0usize; keep.len()]);
        for axis in (0..keep.len()).rev().filter(|&axis| keep[axis]) {
            strides[axis] = stride;
            stride *= self.shape[axis] as usize;
        }
        let mut sums = vec![0f64; stride];
        for (index, value) in self.values.iter().enumerate() {
            let (mut rest, mut slice) = (index, 0);
            for axis in (0..keep.len()).rev() {
                slice += rest % self.shape[axis] as usize * strides[axis];
                rest /= self.shape[axis] as usize;
            }
            sums[slice] += value * value;
        }
        Array::new(shape, sums.into_iter().map(f64::sqrt).collect())
    }

    /// Sums of squares by the index along an axis.
    pub(crate) fn squares(&self, axis: usize) -> Vec<f64> {
        let [_, size, inner] = self.around(axis);
        let mut sums = vec![0.0; size];
        for (slice, values) in self.values.chunks(inner.max(1)).enumerate() {
            sums[slice % size] += values.iter().map(|value| value * value).sum::<f64>();
        }
        sums
    }

    /// A table with other symbols along an axis ([`Map::Symbols`]).
    fn symbols(self, axis: usize, rows: &[Option<u64>], spread: f64, key: u64) -> Result<Array, Refusal> {
        let mut shape = self.shape.clone();
        shape[axis] = rows.len() as u64;
        let total = count(&shape).ok_or_else(|| misfit(format!("{shape:?}"), "fewer elements"))?;
        let [outer, size, inner] = self.around(axis);
        let mut values = Vec::with_capacity(total as usize);
        for block in 0..outer {
            let table = &self.values[block * size * inner..(block + 1) * size * inner];
            symbols::rows(table, inner, rows, spread, key, &mut values);
        }
        Array::new(&shape, values)
    }

    /// A matrix without scale·BA.
    pub(super) fn less(mut self, a: &[f32], b: &[f32], scale: f64) -> Array {
        let columns = self.shape.get(1).copied().unwrap_or(1) as usize;
        let [a, b] = [a, b].map(|factor| factor.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        factor::subtract(&mut self.values, columns, [&a, &b], scale);
        self
    }

    /// A factor of a matrix, or what a product of two leaves of it ([`super::Step::Factor`]).
    pub(super) fn factor(self, kind: Factor, rank: u64, scale: f64, part: Part) -> Result<Array, Refusal> {
        let &[rows, columns] = &self.shape[..] else {
            return Err(misfit(format!("factors of {:?}", self.shape), "a matrix"));
        };
        let (rows, columns, rank) = (rows as usize, columns as usize, rank as usize);
        let [a, b] = factor::factors(&self.values, [rows, columns], rank, kind, scale);
        match part {
            Part::A => Array::new(&[rank as u64, columns as u64], a),
            Part::B => Array::new(&[rows as u64, rank as u64], b),
            Part::Rest => {
                let mut rest = self.values;
                factor::subtract(&mut rest, columns, [&a, &b], scale);
                Array::new(&self.shape, rest)
            }
        }
    }

    /// Each index along the axis becomes the sum of indices that the map says.
    pub(super) fn along(self, axis: usize, map: &Map) -> Result<Array, Refusal> {
        let [outer, size, inner] = self.around(axis);
        match map {
            Map::Mean { to } => {
                map.to(size as u64)?;
                let rows = (0..*to).map(|row| Some(row).filter(|row| *row < size as u64)).collect::<Vec<_>>();
                return self.symbols(axis, &rows, 0.0, 0);
            }
            Map::Symbols { rows, spread, key } => {
                map.to(size as u64)?;
                return self.symbols(axis, rows, *spread, *key);
            }
            _ => {}
        }
        let rows = map.rows(size as u64)?;
        let mut shape = self.shape.clone();
        shape[axis] = rows.len() as u64;
        let total = count(&shape).ok_or_else(|| misfit(format!("{shape:?}"), "fewer elements"))?;
        let mut values = Vec::with_capacity(total as usize);
        for block in 0..outer {
            let from = &self.values[block * size * inner..(block + 1) * size * inner];
            for row in &rows {
                let row = row.as_slice();
                values.extend((0..inner).map(|i| sum(row, |index| from[index as usize * inner + i])));
            }
        }
        Array::new(&shape, values)
    }
}

/// The sum of a row, in its order. One index with factor 1 is moved as it is, a row of none gives nothing.
fn sum(row: &[(u64, f64)], value: impl Fn(u64) -> f64) -> f64 {
    match *row {
        [] => f64::from_bits(ABSENT),
        [(index, 1.0)] => value(index),
        _ => row.iter().map(|&(index, factor)| factor * value(index)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_go_where_the_order_says() {
        let values = (0..24).map(f64::from).collect();
        let array = Array::new(&[2, 3, 4], values).unwrap().permuted(&[2, 0, 1]).unwrap();
        assert_eq!(array.shape(), [4, 2, 3]);
        assert_eq!(array.values()[..7], [0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 1.0]);
    }

    #[test]
    fn lengths_are_those_of_slices() {
        let array = Array::new(&[2, 2], vec![3.0, 4.0, 0.0, 2.0]).unwrap();
        assert_eq!(array.clone().lengths(&[2, 1]).unwrap().values(), [5.0, 2.0]);
        assert_eq!(array.lengths(&[1, 2]).unwrap().values(), [3.0, 20f64.sqrt()]);
    }

    #[test]
    fn joining_keeps_the_rows_together() {
        let array = |from: u32, width: u64| {
            let values = (from..from + 2 * width as u32).map(f64::from).collect();
            Array::new(&[2, width], values).unwrap()
        };
        let joined = Array::joined(&[array(0, 2), array(10, 1)], 1).unwrap();
        assert_eq!((joined.shape(), joined.values()), (&[2, 3][..], &[0.0, 1.0, 10.0, 2.0, 3.0, 11.0][..]));
    }

    #[test]
    fn what_nothing_gives_is_marked_and_stays_so() {
        let array = Array::new(&[2], vec![f64::NAN, 5.0]).unwrap();
        let padded = array.along(0, &Map::Pad { before: 1, after: 0 }).unwrap().scaled(2.0);
        assert_eq!([0, 1, 2].map(|i| padded.is_given(i)), [false, true, true]);
        assert_eq!(padded.values()[2], 10.0);
    }
}
