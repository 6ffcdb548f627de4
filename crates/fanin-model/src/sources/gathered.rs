//! [`Fitted`]: values that are made of scattered elements of tensors, piece by piece, in memory that does not grow with them.

use super::reading::{copied, missing, read_all};
use super::unread;
use crate::error::FileError;
use crate::fill::Values;
use crate::model::Model;
use fanin::fit::Gather;
use fanin::generate::Taking;
use fanin::{Dtype, Error, Param, Refusal};

/// Elements of a window: what is needed of it is read before the next one is looked at.
const WINDOW: usize = 1 << 18;
/// Elements of which all or none are read.
const PAGE: usize = 1 << 6;
/// Pages between two that are needed which are read with them: reading 2 kB takes as long as asking once more.
const GAP: usize = 8;

/// Elements that all threads together make at once, and how many one makes at least. Each takes up to 24 bytes.
const TOGETHER: usize = 1 << 23;
const FEWEST: usize = 1 << 14;

/// A tensor of which scattered elements are read.
pub(super) struct Gathered<'a> {
    model: &'a dyn Model,
    index: usize,
    /// All of it, where the file cannot give pieces.
    whole: Option<Vec<u8>>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(model: &'a dyn Model, index: usize) -> Result<Gathered<'a>, FileError> {
        Ok(Gathered { model, index, whole: read_all(model, index)? })
    }

    fn param(&self) -> &Param {
        &self.model.params()[self.index]
    }

    /// Puts the bits of their values in the place of flat indices.
    fn values(&self, indices: &mut [u64]) -> Result<(), FileError> {
        let param = self.param();
        let (count, size) = (param.count().map_err(Error::from)?, param.dtype.size().unwrap_or(1));
        let windows = count.div_ceil(WINDOW as u64) as usize;
        // Which indices lie in which window, by counting.
        let mut ends = vec![0u32; windows + 1];
        for &index in &*indices {
            *ends.get_mut((index / WINDOW as u64) as usize + 1).ok_or_else(|| missing(param))? += 1;
        }
        for window in 0..windows {
            ends[window + 1] += ends[window];
        }
        let mut order = vec![0u32; indices.len()];
        for (place, &index) in indices.iter().enumerate() {
            let next = &mut ends[(index / WINDOW as u64) as usize];
            order[*next as usize] = place as u32;
            *next += 1;
        }
        let mut held = vec![0; WINDOW.min(count as usize) * size];
        let mut begin = 0;
        for (window, &end) in ends[..windows].iter().enumerate() {
            let places = &order[begin..end as usize];
            begin = end as usize;
            if !places.is_empty() {
                self.window((window * WINDOW) as u64, count, places, indices, &mut held)?;
            }
        }
        Ok(())
    }

    /// The same for those that lie in one window; `places` says where they stand.
    fn window(
        &self,
        start: u64,
        count: u64,
        places: &[u32],
        indices: &mut [u64],
        held: &mut [u8],
    ) -> Result<(), FileError> {
        let dtype = self.param().dtype;
        let size = dtype.size().unwrap_or(1);
        let len = (count - start).min(WINDOW as u64) as usize;
        let mut pages = [false; WINDOW / PAGE];
        for &place in places {
            pages[(indices[place as usize] - start) as usize / PAGE] = true;
        }
        let mut page = 0;
        while let Some(first) = pages[page..].iter().position(|needed| *needed).map(|skip| page + skip) {
            page = run(&pages, first);
            let bytes = first * PAGE * size..(page * PAGE).min(len) * size;
            let at = start * size as u64 + bytes.start as u64;
            let read = match &self.whole {
                Some(whole) => copied(whole, at, &mut held[bytes]),
                None => self.model.read(self.index, at, &mut held[bytes])?,
            };
            if !read {
                return Err(missing(self.param()));
            }
        }
        for &place in places {
            let index = &mut indices[place as usize];
            let at = (*index - start) as usize * size;
            *index = number(dtype, &held[at..at + size]).to_bits();
        }
        Ok(())
    }
}

/// Where the pages end that are read together with the first one.
fn run(pages: &[bool], first: usize) -> usize {
    let mut end = first + 1;
    while let Some(skip) = pages[end..].iter().take(GAP + 1).position(|needed| *needed) {
        end += skip + 1;
    }
    end
}

/// The number that an element stands for; the commonest type first.
fn number(dtype: Dtype, element: &[u8]) -> f64 {
    match (dtype, element.as_array::<4>()) {
        (Dtype::F32, Some(element)) => f64::from(f32::from_le_bytes(*element)),
        _ => dtype.number(element).unwrap_or(f64::NAN),
    }
}

/// What a plan makes of tensors of a file.
pub(super) struct Fitted<'a> {
    taking: Taking<'a>,
    tensors: Vec<Gathered<'a>>,
    size: usize,
    /// Elements that are made at once.
    step: usize,
}

impl<'a> Fitted<'a> {
    pub(super) fn new(taking: Taking<'a>, tensors: Vec<Gathered<'a>>, dtype: Dtype) -> Fitted<'a> {
        let each = TOGETHER / rayon::current_num_threads().max(1) / taking.most().max(1);
        Fitted { taking, tensors, size: dtype.size().unwrap_or(1), step: each.max(FEWEST) }
    }
}

impl Gather for Fitted<'_> {
    fn gather(&self, tensor: usize, indices: &mut [u64]) -> Result<(), Refusal> {
        let tensor = self.tensors.get(tensor).ok_or_else(|| unread("there is no such tensor"))?;
        tensor.values(indices).map_err(|e| unread(&e.to_string()))
    }
}

impl Values for Fitted<'_> {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let count = out.len() / self.size;
        // Equal parts: of a transposed matrix a small last one would cost as much as a large one.
        let part = count.div_ceil(count.div_ceil(self.step).max(1)).max(1);
        for (i, out) in out.chunks_mut(part * self.size).enumerate() {
            self.taking.fill(start + (i * part) as u64, out, self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_pages_are_read_together() {
        let pages = |needed: &[usize]| {
            let mut pages = [false; 64];
            for &page in needed {
                pages[page] = true;
            }
            pages
        };
        assert_eq!(run(&pages(&[3]), 3), 4);
        assert_eq!(run(&pages(&[3, 3 + GAP + 1, 40]), 3), 3 + GAP + 2);
        assert_eq!(run(&pages(&[3, 3 + GAP + 2]), 3), 4);
        assert_eq!(run(&pages(&[62, 63]), 62), 64);
    }
}
