//! GGUF files: tensors behind a head of facts. Quantized tensors are named and kept.

mod header;
mod kind;

use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::model::{Format, Model, WriteOptions};
use crate::output::{self, OutputFile, Piece, patch};
use crate::source::Source;
use fanin::{Dtype, Graph, Param, convention};
use header::{Entry, MAGIC};
use std::borrow::Cow;
use std::path::Path;

/// An open GGUF file.
#[derive(Debug)]
pub(crate) struct Gguf {
    source: Source,
    entries: Vec<Entry>,
    params: Vec<Param>,
}

/// Whether a GGUF file starts here.
pub(crate) fn is_gguf(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

impl Gguf {
    pub(crate) fn open(source: Source) -> Result<Gguf, FileError> {
        let entries = header::read(source.bytes()).map_err(|p| p.of(&source.path))?;
        let tensors: Vec<_> = entries.iter().map(|e| (e.name.clone(), e.shape.clone(), e.kind.dtype)).collect();
        let mut params = convention::params(&tensors);
        for (param, entry) in params.iter_mut().zip(&entries).filter(|(_, entry)| entry.kind.dtype == Dtype::Other) {
            param.place.note = Some(format!("quantized as {}", entry.kind.name));
        }
        Ok(Gguf { source, entries, params })
    }
}

impl Model for Gguf {
    fn format(&self) -> Format {
        Format::Gguf
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        None
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let entry = &self.entries[param];
        let plain = entry.kind.dtype != Dtype::Other;
        Ok(plain.then(|| Cow::Borrowed(&self.source.bytes()[entry.bytes.clone()])))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let entry = &self.entries[param];
        let range = entry.bytes.start as u64..entry.bytes.end as u64;
        Ok(entry.kind.dtype != Dtype::Other && self.source.read_in(&range, start, out)?)
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        let mut changes = Vec::new();
        for (param, entry) in self.entries.iter().enumerate() {
            let Change::Write { dtype, whole, .. } = fill.change(param) else { continue };
            if dtype != entry.kind.dtype {
                let wrong = format!("values of dtype {dtype} were asked for a tensor of {}", entry.kind.name);
                let problem = Problem::new(&entry.name, wrong, format!("{} values", entry.kind.dtype));
                let remedy =
                    "Programs expect certain types of a GGUF file: convert the model first, then initialize it.";
                return Err(problem.remedy(remedy).of(out));
            }
            let count = self.params[param].count().map_err(fanin::Error::from)?;
            let range = entry.bytes.start as u64..entry.bytes.end as u64;
            changes.push((range, Piece::values(param, count, dtype, whole)));
        }
        let pieces = patch(0, 0..self.source.len(), changes);
        let file = OutputFile { path: out.into(), pieces };
        output::write(&[file], &[&self.source], fill, options.overwrite)
    }
}
