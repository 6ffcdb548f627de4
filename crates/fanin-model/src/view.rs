//! [`View`]: elements that do not stand one behind the other in their storage: transposed, sliced, of the other byte order.

use crate::error::Problem;
use std::ops::Range;

/// The largest tensor that may be made of repeated elements, in bytes: far more than any that is saved so.
const MOST_REPEATED: u64 = 1 << 30;

/// Where the elements of a tensor stand in a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    shape: Vec<u64>,
    /// Steps in elements, one for each dimension.
    strides: Vec<u64>,
    /// The first element.
    offset: u64,
}

impl View {
    /// A view with these steps, checked to end within a storage of `len` elements.
    pub(crate) fn new(shape: &[u64], strides: &[u64], offset: u64, len: u64) -> Result<View, Box<Problem>> {
        let view = View { shape: shape.to_vec(), strides: strides.to_vec(), offset };
        let fits = shape.len() == strides.len() && view.end().is_some_and(|end| end <= len);
        if fits {
            return Ok(view);
        }
        let wrong = format!("shape {shape:?} with strides {strides:?} from element {offset} on leaves its storage");
        Err(Problem::new("", wrong, format!("a view of its {len} elements")))
    }

    /// The first dimension runs fastest, as in Fortran.
    pub(crate) fn columns_first(shape: &[u64]) -> View {
        let mut step = 1u64;
        let mut stride = |&size: &u64| {
            let next = step.saturating_mul(size);
            std::mem::replace(&mut step, next)
        };
        let strides = shape.iter().map(&mut stride).collect();
        View { shape: shape.to_vec(), strides, offset: 0 }
    }

    /// Whether there are no elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// From the first element to the last, whatever is between them.
    pub(crate) fn span(&self) -> Range<u64> {
        self.offset..self.end().unwrap_or(self.offset).max(self.offset)
    }

    /// The element behind the last one; `None` if there is no such number.
    fn end(&self) -> Option<u64> {
        if self.is_empty() {
            return Some(0);
        }
        let steps = self.shape.iter().zip(&self.strides);
        steps
            .map(|(size, stride)| (size - 1).checked_mul(*stride))
            .try_fold(self.offset, |end, n| end.checked_add(n?))?
            .checked_add(1)
    }

    /// The elements as one stretch, if that is what they are.
    pub(crate) fn contiguous(&self) -> Option<Range<u64>> {
        let mut step = 1u64;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *stride != step && !self.is_empty() {
                return None;
            }
            step = step.checked_mul(*size)?;
        }
        Some(if self.is_empty() { 0..0 } else { self.offset..self.offset.checked_add(step)? })
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.shape.iter().product()
    }

    /// The elements as one stretch in some order, each once, if that is what they are.
    pub(crate) fn dense(&self) -> Option<Range<u64>> {
        if self.is_empty() {
            return Some(0..0);
        }
        let mut wide: Vec<(u64, u64)> =
            self.strides.iter().copied().zip(self.shape.iter().copied()).filter(|(_, size)| *size > 1).collect();
        wide.sort_unstable();
        let mut step = 1u64;
        for (stride, size) in wide {
            if stride != step {
                return None;
            }
            step = step.checked_mul(size)?;
        }
        Some(self.offset..self.offset.checked_add(step)?)
    }

    /// Where each element stands, in the order of the tensor.
    fn places(&self) -> impl Iterator<Item = u64> {
        let mut index = vec![0; self.shape.len()];
        let mut next = (!self.is_empty()).then_some(self.offset);
        std::iter::from_fn(move || {
            let at = next?;
            // The odometer: the last dimension turns fastest.
            let turned = (0..index.len()).rev().find(|&d| index[d] + 1 < self.shape[d]);
            next = turned.map(|turned| {
                let back: u64 = (turned + 1..index.len()).map(|d| index[d] * self.strides[d]).sum();
                index[turned + 1..].fill(0);
                index[turned] += 1;
                at - back + self.strides[turned]
            });
            Some(at)
        })
    }

    /// A dense view's elements of `size` bytes, from the order of the tensor into that of the storage.
    pub(crate) fn scatter(&self, elements: &[u8], size: usize) -> Vec<u8> {
        let mut out = vec![0; elements.len()];
        for (element, place) in elements.chunks_exact(size).zip(self.places()) {
            out[(place - self.offset) as usize * size..][..size].copy_from_slice(element);
        }
        out
    }

    /// The elements of `size` bytes in the order of the tensor, row by row.
    ///
    /// # Errors
    /// If they are more than a file of this size can mean: a view can name one element any number of times.
    pub(crate) fn gather(&self, storage: &[u8], size: usize) -> Result<Vec<u8>, Box<Problem>> {
        let most = MOST_REPEATED.max(storage.len() as u64);
        let len = self.shape.iter().try_fold(size as u64, |n, &d| n.checked_mul(d)).filter(|&len| len <= most);
        let len = len.ok_or_else(|| {
            let wrong = format!("shape {:?} repeats the {} bytes of its storage", self.shape, storage.len());
            Problem::new("", wrong, format!("at most {most} bytes in all"))
        })?;
        let mut out = Vec::with_capacity(len as usize);
        for place in self.places() {
            let byte = place as usize * size;
            out.extend_from_slice(&storage[byte..byte + size]);
        }
        Ok(out)
    }
}

/// Turns elements of `size` bytes from one byte order into the other.
pub(crate) fn swap_bytes(bytes: &mut [u8], size: usize) {
    bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_gathered_in_order() {
        let storage: Vec<u8> = (0..24).collect();
        let bytes = |shape: &[u64], strides: &[u64], offset| {
            View::new(shape, strides, offset, 24).unwrap().gather(&storage, 1).unwrap()
        };
        assert_eq!(bytes(&[2, 3], &[3, 1], 4), [4, 5, 6, 7, 8, 9]);
        assert_eq!(bytes(&[3, 2], &[1, 3], 0), [0, 3, 1, 4, 2, 5]);
        assert_eq!(bytes(&[2, 2, 2], &[12, 1, 6], 1), [1, 7, 2, 8, 13, 19, 14, 20]);
        assert_eq!(bytes(&[3], &[0], 5), [5, 5, 5]);
        assert_eq!(bytes(&[], &[], 23), [23]);
        assert!(bytes(&[0, 9], &[99, 99], 0).is_empty());
        assert_eq!(View::columns_first(&[2, 3]).gather(&storage, 1).unwrap(), [0, 2, 4, 1, 3, 5]);
        let pairs = View::columns_first(&[2, 2]).gather(&storage, 2).unwrap();
        assert_eq!(pairs, [0, 1, 4, 5, 2, 3, 6, 7]);
    }

    #[test]
    fn what_is_one_stretch_is_seen() {
        let view = |shape: &[u64], strides: &[u64], offset| View::new(shape, strides, offset, 24).unwrap().contiguous();
        assert_eq!(view(&[2, 3], &[3, 1], 4), Some(4..10));
        assert_eq!(view(&[2, 1, 3], &[3, 77, 1], 0), Some(0..6));
        assert_eq!(view(&[], &[], 7), Some(7..8));
        assert_eq!(view(&[0], &[1], 24), Some(0..0));
        assert_eq!(view(&[3, 2], &[1, 3], 0), None);
        assert_eq!(view(&[2, 2], &[3, 1], 0), None);
    }

    #[test]
    fn dense_views_are_scattered_back() {
        let storage: Vec<u8> = (0..24).collect();
        for (shape, strides) in
            [(&[2, 3, 4][..], &[12, 1, 3][..]), (&[4, 6], &[1, 4]), (&[24], &[1]), (&[3, 1], &[1, 99])]
        {
            let view = View::new(shape, strides, 0, 24).unwrap();
            let range = view.dense().unwrap();
            assert_eq!(range.end - range.start, view.len());
            let elements = view.gather(&storage, 1).unwrap();
            assert_eq!(view.scatter(&elements, 1), storage[..view.len() as usize], "{shape:?}");
        }
        for (shape, strides) in [(&[2, 3][..], &[4, 1][..]), (&[3], &[0]), (&[2, 2], &[1, 1]), (&[3], &[2])] {
            assert_eq!(View::new(shape, strides, 0, 24).unwrap().dense(), None, "{shape:?}");
        }
    }

    #[test]
    fn views_out_of_their_storage_are_refused() {
        for (shape, strides, offset) in [
            (&[25][..], &[1][..], 0),
            (&[2], &[1], 23),
            (&[2], &[u64::MAX], 1),
            (&[u64::MAX, 2], &[u64::MAX, 1], 0),
            (&[2, 2], &[1], 0),
        ] {
            assert!(View::new(shape, strides, offset, 24).is_err(), "{shape:?}");
        }
        let endless = View::new(&[1 << 40, 1 << 20], &[0, 0], 0, 1).unwrap();
        assert!(endless.gather(&[0; 8], 8).unwrap_err().to_string().contains("repeats the 8 bytes of its storage"));
    }
}
