//! PyTorch checkpoints (`.pt`, `.pth`, `.bin`, `.ckpt`): zip archives, and the plain pickles of before torch 1.6.
//!
//! A pickle is a program. Here it is read, not run: see [`machine`]. Values are written in place, so the result is as
//! loadable as the original was, with `weights_only=True` too.

mod globals;
mod machine;
mod opcode;
mod place;
mod rebuild;
mod share;
mod tree;
mod value;

use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::model::{Format, Model, WriteOptions};
use crate::output::{self, OutputFile, Piece, patch};
use crate::rearranged::Rearranged;
use crate::source::Source;
use crate::view::{View, swap_bytes};
use crate::zip::{self, Archive};
use fanin::{Dtype, Graph, Param, convention};
use place::{Parts, Place};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use value::{Id, Node};

/// An open checkpoint.
#[derive(Debug)]
pub(crate) struct Torch {
    source: Source,
    archive: Option<Archive>,
    /// For each parameter where its elements are.
    tensors: Vec<Stored>,
    /// For each parameter the one whose elements it has under another name.
    homes: Vec<Option<usize>>,
    params: Vec<Param>,
    skipped: Vec<String>,
    /// The elements are big-endian.
    swapped: bool,
}

/// The elements of a tensor.
#[derive(Clone, Debug)]
struct Stored {
    place: Place,
    view: View,
    /// Bytes of an element.
    size: usize,
}

impl Stored {
    /// The bytes of the file between the first element and the last.
    fn span(&self) -> Range<u64> {
        let (elements, start, size) = (self.view.span(), self.place.bytes.start as u64, self.size as u64);
        start + elements.start * size..start + elements.end * size
    }

    /// The bytes of the file that the elements fill, if they fill a stretch of it.
    fn dense(&self) -> Option<Range<u64>> {
        let elements = self.view.dense()?;
        let (start, size) = (self.place.bytes.start as u64, self.size as u64);
        Some(start + elements.start * size..start + elements.end * size)
    }
}

/// Whether a checkpoint from before torch 1.6 starts here.
pub(crate) fn is_old(start: &[u8]) -> bool {
    place::is_old(start)
}

/// Whether an archive is a checkpoint.
pub(crate) fn is_archive(archive: &Archive) -> bool {
    place::folder(archive).is_some()
}

impl Torch {
    /// Opens an archive.
    pub(crate) fn open_archive(source: Source, archive: Archive) -> Result<Torch, FileError> {
        let folder = place::folder(&archive).unwrap_or_default();
        let parts = place::in_archive(source.bytes(), &archive, folder).map_err(|p| p.of(&source.path))?;
        Torch::new(source, Some(archive), &parts)
    }

    /// Opens a file from before torch 1.6.
    pub(crate) fn open_old(source: Source) -> Result<Torch, FileError> {
        let parts = place::in_old(source.bytes()).map_err(|p| p.of(&source.path))?;
        Torch::new(source, None, &parts)
    }

    fn new(source: Source, archive: Option<Archive>, parts: &Parts) -> Result<Torch, FileError> {
        let found = tree::find(&parts.heap, parts.root).map_err(|p| p.of(&source.path))?;
        if found.tensors.is_empty() {
            let note =
                if found.skipped.is_empty() { String::new() } else { format!(" ({})", found.skipped.join("; ")) };
            let problem = Problem::new("", format!("there are no tensors in it{note}"), "a state dict");
            return Err(problem.remedy("Save the model with `torch.save(model.state_dict(), …)`.").of(&source.path));
        }
        let (mut tensors, mut named) = (Vec::new(), Vec::new());
        for (name, id) in &found.tensors {
            let (stored, shape, dtype) = stored(parts, *id).map_err(|p| p.within(name).of(&source.path))?;
            tensors.push(stored);
            named.push((name.clone(), shape, dtype));
        }
        let mut params = convention::params(&named);
        let homes = share::homes(&tensors);
        share::mark(&mut params, &homes);
        Ok(Torch { source, archive, tensors, homes, params, skipped: found.skipped, swapped: parts.swapped })
    }

    fn failed(&self, param: usize, problem: Box<Problem>) -> FileError {
        problem.within(&self.params[param].name).of(&self.source.path)
    }

    /// An error about the content of this file.
    fn located(&self, error: FileError) -> FileError {
        match error {
            FileError::Content(problem) => problem.of(&self.source.path),
            other => other,
        }
    }

    /// The new elements of `param`, and where they go.
    fn change(&self, param: usize, dtype: Dtype, whole: bool) -> Result<(Range<u64>, Piece), FileError> {
        let stored = &self.tensors[param];
        let about = &self.params[param];
        if dtype != about.dtype {
            let wrong = format!("values of dtype {dtype} were asked for a tensor of {}", about.dtype);
            let problem = Problem::new(&about.name, wrong, format!("{} values", about.dtype));
            let remedy = "The pickle that names the types stays as it is: convert the model with torch first, or save \
                          it as safetensors.";
            return Err(problem.remedy(remedy).of(&self.source.path));
        }
        let Some(range) = stored.dense().filter(|_| !self.swapped) else {
            let wrong =
                if self.swapped { "its elements are big-endian" } else { "its elements lie apart in a larger storage" };
            let problem = Problem::new(&about.name, wrong, "elements that fill a stretch of the file");
            return Err(problem.remedy("Save it with torch after `.contiguous()`.").of(&self.source.path));
        };
        let count = about.count().map_err(fanin::Error::from)?;
        let whole = whole || stored.view.contiguous().is_none();
        Ok((range, Piece::values(param, count, dtype, whole)))
    }
}

/// The elements of a tensor, with shape and type.
fn stored(parts: &Parts, id: Id) -> Result<(Stored, Vec<u64>, Dtype), Box<Problem>> {
    let Node::Tensor(tensor) = parts.heap.at(id) else { return Err(Problem::new("", "no tensor", "a tensor")) };
    let Node::Storage(storage) = parts.heap.at(tensor.storage) else {
        return Err(Problem::new("", "a tensor without a storage", "a storage"));
    };
    let place = parts.places.get(&storage.key).cloned().ok_or_else(|| {
        Problem::new("", format!("storage {} is not in the file", storage.key), "a storage for each tensor")
    })?;
    // A part of a storage, in old files: its start counts in elements of the storage.
    let elements = place.bytes.len() as u64 / tensor.size.max(1);
    let offset = storage.start.saturating_add(tensor.offset);
    let view = View::new(&tensor.shape, &tensor.strides, offset, elements)?;
    let shape = tensor.shape.clone();
    if shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).is_none_or(|n| n >= 1 << 58) {
        return Err(Problem::new("", format!("the shape {shape:?} has 2^58 elements or more"), "fewer"));
    }
    Ok((Stored { place, view, size: tensor.size as usize }, shape, tensor.dtype))
}

impl Model for Torch {
    fn format(&self) -> Format {
        Format::PyTorch
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        None
    }

    fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let stored = &self.tensors[param];
        let Some(size) = self.params[param].dtype.size() else { return Ok(None) };
        let storage = &self.source.bytes()[stored.place.bytes.clone()];
        if let (Some(range), false) = (stored.view.contiguous(), self.swapped && size > 1) {
            return Ok(Some(Cow::Borrowed(&storage[range.start as usize * size..range.end as usize * size])));
        }
        let mut bytes = stored.view.gather(storage, size).map_err(|p| self.failed(param, p))?;
        if self.swapped {
            let complex = matches!(self.params[param].dtype, Dtype::C64 | Dtype::C128);
            swap_bytes(&mut bytes, if complex { size / 2 } else { size });
        }
        Ok(Some(Cow::Owned(bytes)))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let (stored, size) = (&self.tensors[param], self.params[param].dtype.size().unwrap_or(1));
        let plain = stored.view.contiguous().filter(|_| !self.swapped || size == 1);
        let Some(range) = plain.filter(|_| self.params[param].dtype.size().is_some()) else { return Ok(false) };
        let first = stored.place.bytes.start as u64;
        self.source.read_in(&(first + range.start * size as u64..first + range.end * size as u64), start, out)
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        share::check(&self.params, &self.tensors, &self.homes, fill).map_err(|e| self.located(e))?;
        let mut changes: BTreeMap<Option<usize>, Vec<(Range<u64>, Piece)>> = BTreeMap::new();
        for param in (0..self.params.len()).filter(|&param| self.homes[param].is_none()) {
            if let Change::Write { dtype, whole, .. } = fill.change(param) {
                changes.entry(self.tensors[param].place.entry).or_default().push(self.change(param, dtype, whole)?);
            }
        }
        let pieces = match &self.archive {
            Some(archive) => {
                let patched = |(entry, changes): (Option<usize>, _)| {
                    let data = &archive.entries[entry?].data;
                    Some((entry?, patch(0, data.start as u64..data.end as u64, changes)))
                };
                zip::rewrite(archive, self.source.bytes(), changes.into_iter().filter_map(patched).collect())
            }
            None => patch(0, 0..self.source.len(), changes.remove(&None).unwrap_or_default()),
        };
        let file = OutputFile { path: out.into(), pieces };
        let views = self.tensors.iter().map(|t| (&t.view, t.size)).collect();
        output::write(&[file], &[&self.source], &Rearranged::new(fill, views), options.overwrite)
    }
}
