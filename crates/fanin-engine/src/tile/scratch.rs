//! Memory for what a thread lays out, used again and aligned to the lines of the cache.

use super::Multiply;
use std::ops::{Deref, DerefMut};

/// Elements of a line of the cache, at least.
const LINE: usize = 16;
/// More than so many elements are given back to the system.
const MOST: usize = 1 << 22;

/// Elements of any value, to be overwritten.
pub(crate) struct Scratch<T: Multiply> {
    values: Vec<T>,
    from: usize,
    len: usize,
}

impl<T: Multiply + Copy + Default> Scratch<T> {
    /// So many elements.
    pub(crate) fn new(len: usize) -> Scratch<T> {
        // Who asks while another is in use gets memory of its own.
        let mut values = T::kept().take();
        if values.len() < len + LINE {
            values.resize(len + LINE, T::default());
        }
        // A pointer that cannot be aligned is as good as any.
        let from = values.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Scratch { values, from, len }
    }
}

impl<T: Multiply> Deref for Scratch<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.values[self.from..self.from + self.len]
    }
}

impl<T: Multiply> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.from..self.from + self.len]
    }
}

impl<T: Multiply> Drop for Scratch<T> {
    fn drop(&mut self) {
        if self.values.len() <= MOST {
            T::kept().set(std::mem::take(&mut self.values));
        }
    }
}
