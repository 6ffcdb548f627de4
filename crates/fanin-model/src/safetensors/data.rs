//! The data of safetensors files, where names and shapes leave a question.

use super::{Entry, Shard};
use crate::content::classify;
use crate::error::FileError;
use fanin::convention::Data;
use fanin::graph::Content;
use fanin::tied::Form;

/// Bytes that are compared at a time.
const BLOCK: usize = 1 << 20;

/// The tensors of several files, by their index in the list of all.
pub(super) struct Tensors<'a> {
    pub(super) shards: &'a [Shard],
    pub(super) places: &'a [(usize, usize)],
}

impl Tensors<'_> {
    fn entry(&self, tensor: usize) -> Option<(&Shard, &Entry)> {
        let &(shard, entry) = self.places.get(tensor)?;
        let shard = self.shards.get(shard)?;
        Some((shard, shard.header.entries.get(entry)?))
    }

    fn read(shard: &Shard, entry: &Entry, at: u64, out: &mut [u8]) -> Result<(), FileError> {
        shard.source.read_at(shard.header.data_start + entry.start + at, out)
    }

    /// Whether two tensors have the same bytes; `None` if all their elements are equal, as in a file without values.
    fn equal(&self, tensor: usize, other: usize) -> Option<bool> {
        let ((shard, entry), (other_shard, other)) = (self.entry(tensor)?, self.entry(other)?);
        let (len, size) = (entry.end - entry.start, entry.dtype.size()?);
        if entry.dtype != other.dtype || entry.shape != other.shape || len == 0 {
            return None;
        }
        let (mut own, mut others) = (vec![0; BLOCK.min(len as usize)], vec![0; BLOCK.min(len as usize)]);
        let (mut at, mut first, mut varied) = (0, Vec::new(), false);
        while at < len {
            let now = (own.len() as u64).min(len - at) as usize;
            Tensors::read(shard, entry, at, &mut own[..now]).ok()?;
            Tensors::read(other_shard, other, at, &mut others[..now]).ok()?;
            if own[..now] != others[..now] {
                return Some(false);
            }
            if first.is_empty() {
                first = own[..size.min(now)].to_vec();
            }
            varied = varied || own[..now].chunks(size).any(|element| element != first);
            at += now as u64;
        }
        varied.then_some(true)
    }
}

impl Data for Tensors<'_> {
    fn content(&self, tensor: usize) -> Content {
        let Some((shard, entry)) = self.entry(tensor) else { return Content::Missing };
        let read = |at: u64, out: &mut [u8]| Tensors::read(shard, entry, at, out);
        classify(entry.dtype, &entry.shape, entry.end - entry.start, read).unwrap_or(Content::Missing)
    }

    fn follows(&self, tensor: usize, other: usize, form: Form) -> Option<bool> {
        if form == Form::Equal { self.equal(tensor, other) } else { None }
    }
}
