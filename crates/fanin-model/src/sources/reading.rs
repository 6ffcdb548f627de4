//! Reading a tensor of a source: all of it at once, or block by block, with the digest of what was read.

use super::unread;
use crate::error::{FileError, Problem};
use crate::fill::Values;
use crate::model::Model;
use fanin::digest::Digest;
use fanin::fit::{Array, cast};
use fanin::transfer::Summary;
use fanin::{Dtype, Error, Param, Region};
use rayon::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Elements that a thread reads at once while a tensor is looked through.
const BLOCK: u64 = 1 << 20;

/// Elements that are read at once where they become another type: they stay in the second-level cache until they are.
const CAST: usize = 1 << 16;

/// What is read of a tensor that is taken: its digest, and how its elements spread.
///
/// # Errors
/// If it cannot be read.
pub fn summary(model: &dyn Model, tensor: usize) -> Result<Summary, FileError> {
    let dtype = model.params()[tensor].dtype;
    let size = dtype.size().unwrap_or(1);
    let number = |element: &[u8]| dtype.number(element).unwrap_or(0.0);
    let looked = looked_through(model, tensor, &|block: &[u8]| {
        block.chunks_exact(size).map(number).fold([0.0, 0.0], |[sum, square], x| [sum + x, square + x * x])
    })?;
    let (digests, sums): (Vec<Digest>, Vec<[f64; 2]>) = looked.into_iter().unzip();
    // In the order of the blocks: the same bits on any number of threads.
    let total = sums.iter().fold([0.0, 0.0], |[sum, square], block| [sum + block[0], square + block[1]]);
    let digest: Digest = digests.into_iter().sum();
    let [mean, square] = total.map(|sum| sum / digest.count().max(1) as f64);
    Ok(Summary { digest: digest.to_string(), std: (square - mean * mean).max(0.0).sqrt() })
}

/// The digest of a tensor.
pub(super) fn digest(model: &dyn Model, tensor: usize) -> Result<Digest, FileError> {
    Ok(looked_through(model, tensor, &|_: &[u8]| ())?.into_iter().map(|(digest, ())| digest).sum())
}

/// For each block of a tensor its digest and what else is made of it. One thread reads while another computes.
fn looked_through<T: Send>(
    model: &dyn Model,
    tensor: usize,
    look: &(dyn Fn(&[u8]) -> T + Sync),
) -> Result<Vec<(Digest, T)>, FileError> {
    let param = &model.params()[tensor];
    let count = param.count().map_err(fanin::Error::from)?;
    let size = param.dtype.size().unwrap_or(1) as u64;
    let whole = if model.read(tensor, 0, &mut [])? { None } else { model.bytes(tensor)? };
    let one = |block: u64, buffer: &mut Vec<u8>| {
        let (start, end) = (block * BLOCK, count.min((block + 1) * BLOCK));
        buffer.resize(((end - start) * size) as usize, 0);
        let read = match &whole {
            Some(bytes) => copied(bytes, start * size, buffer),
            None => model.read(tensor, start * size, buffer)?,
        };
        if !read {
            return Err(missing(param));
        }
        Ok((Digest::of_flat(&param.name, param.dtype, start, buffer), look(buffer)))
    };
    (0..count.div_ceil(BLOCK)).into_par_iter().map_init(Vec::new, |buffer, block| one(block, buffer)).collect()
}

pub(super) fn missing(param: &Param) -> FileError {
    Problem::new(&param.name, "its data is missing", "data to take").of(Path::new("the source"))
}

/// Copies what stands from byte `start` on; `false` if it ends before.
pub(super) fn copied(bytes: &[u8], start: u64, out: &mut [u8]) -> bool {
    let held = usize::try_from(start).ok().and_then(|start| bytes.get(start..start.checked_add(out.len())?));
    held.map(|held| out.copy_from_slice(held)).is_some()
}

/// A whole tensor in memory.
pub(crate) fn tensor(model: &dyn Model, index: usize) -> Result<Array, FileError> {
    Ok(proved(model, index)?.0)
}

/// A whole tensor in memory, and its digest.
pub(super) fn proved(model: &dyn Model, index: usize) -> Result<(Array, Digest), FileError> {
    let param = &model.params()[index];
    let bytes = model.bytes(index)?.ok_or_else(|| missing(param))?;
    let array = Array::read(&param.shape, param.dtype, &bytes).map_err(fanin::Error::from)?;
    let digest = Digest::of(&param.name, param.dtype, &param.shape, &Region::All, &bytes);
    Ok((array, digest.map_err(fanin::Error::from)?))
}

/// The digest of what was read of a tensor so far.
pub(super) type Tally = Arc<Mutex<Digest>>;

/// All of a tensor, where the file cannot give pieces of it.
pub(super) fn read_all(model: &dyn Model, index: usize) -> Result<Option<Vec<u8>>, FileError> {
    if model.read(index, 0, &mut [])? {
        return Ok(None);
    }
    let bytes = model.bytes(index)?.ok_or_else(|| missing(&model.params()[index]))?;
    Ok(Some(bytes.into_owned()))
}

/// A tensor of another file, read piece by piece.
pub(super) struct Copied<'a> {
    model: &'a dyn Model,
    index: usize,
    to: Dtype,
    /// All of it, where the file cannot give pieces.
    whole: Option<Vec<u8>>,
    tally: Tally,
}

impl<'a> Copied<'a> {
    pub(super) fn new(model: &'a dyn Model, index: usize, to: Dtype, tally: Tally) -> Result<Copied<'a>, FileError> {
        Ok(Copied { model, index, to, whole: read_all(model, index)?, tally })
    }

    /// The elements from `start` on as the file has them.
    fn read(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let param = &self.model.params()[self.index];
        let byte = start.saturating_mul(param.dtype.size().unwrap_or(1) as u64);
        let read = match &self.whole {
            Some(bytes) => copied(bytes, byte, out),
            None => self.model.read(self.index, byte, out).map_err(|e| unread(&e.to_string()))?,
        };
        if !read {
            return Err(unread("its data ends early").into());
        }
        let digest = Digest::of_flat(&param.name, param.dtype, start, out);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally = *tally + digest;
        Ok(())
    }
}

impl Values for Copied<'_> {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let from = self.model.params()[self.index].dtype;
        if from == self.to {
            return self.read(start, out);
        }
        let unsized_type = || Error::from(unread("its elements have no size"));
        let (size, wide) = from.size().zip(self.to.size()).ok_or_else(unsized_type)?;
        let mut held = vec![0; size * CAST.min(out.len() / wide)];
        for (i, out) in out.chunks_mut(CAST * wide).enumerate() {
            let held = &mut held[..out.len() / wide * size];
            self.read(start + (i * CAST) as u64, held)?;
            cast(held, from, self.to, out)?;
        }
        Ok(())
    }
}

/// Values that were made as a whole.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) size: usize,
}

impl Values for Held {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let at = start.checked_mul(self.size as u64);
        let held = at.is_some_and(|at| copied(&self.bytes, at, out));
        held.then_some(()).ok_or_else(|| unread("its values end early").into())
    }
}
