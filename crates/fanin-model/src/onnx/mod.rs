//! ONNX files: read with a wire-format reader that keeps byte spans, written by splicing.

mod attribute;
mod build;
mod bytes;
mod constant;
mod document;
pub(crate) mod emit;
mod external;
mod fate;
mod literal;
mod node;
mod read;
mod schema;
mod splice;
mod tensor;
mod tensor_file;
mod tie;
mod wire;
mod write;

use crate::error::FileError;
use crate::fill::Fill;
use crate::model::{Format, Model, WriteOptions};
use crate::output;
use crate::source::Source;
use document::{Document, Home};
use fanin::graph::ValueId;
use fanin::{Graph, Param};
use std::borrow::Cow;
use std::path::Path;
use tensor::{Data, External};

pub use tensor_file::TensorFile;

/// An open ONNX model.
#[derive(Debug)]
pub(crate) struct Onnx {
    source: Source,
    document: Document,
    params: Vec<Param>,
}

impl Onnx {
    pub(crate) fn open(path: &Path) -> Result<Onnx, FileError> {
        Onnx::read(Source::open(path)?)
    }

    /// Reads a model from wherever its bytes are.
    pub(crate) fn read(source: Source) -> Result<Onnx, FileError> {
        let document = read::read(&source).map_err(|problem| problem.of(&source.path))?;
        let params = fanin::discover::params(&document.graph);
        let mut model = Onnx { source, document, params };
        let ties = tie::find(&model);
        for (copy, link) in ties {
            link.tell(&mut model.params[copy].place);
        }
        Ok(model)
    }
}

impl Model for Onnx {
    fn format(&self) -> Format {
        Format::Onnx
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        Some(&self.document.graph)
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        self.params[param].place.value.map_or(Ok(None), |value| self.constant(ValueId(value)))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let stored = self.params[param].place.value.and_then(|value| self.document.stored.get(&value));
        match stored.map(|stored| &stored.home) {
            Some(Home::Tensor { data: Data::Plain(range), .. }) => {
                self.source.read_in(&(range.start as u64..range.end as u64), start, out)
            }
            Some(Home::Tensor { data: Data::External(External { file: Some(file), offset, len, .. }), .. }) => {
                self.document.side.files[*file].read_in(&(*offset..offset + len), start, out)
            }
            _ => Ok(false),
        }
    }

    fn constant(&self, value: ValueId) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let Some(stored) = self.document.stored.get(&value.0) else { return Ok(None) };
        let name = &self.document.graph.values[value.0].name;
        let file = self.source.bytes();
        let failed = |p: Box<crate::error::Problem>| p.within(name).of(&self.source.path);
        Ok(match &stored.home {
            Home::Tensor { data: Data::Opaque, .. } => None,
            Home::Tensor { data: Data::Plain(range), .. } => Some(Cow::Borrowed(&file[range.clone()])),
            Home::Tensor { data: Data::External(external), .. } => external.file.map(|index| {
                let bytes = self.document.side.files[index].bytes();
                Cow::Borrowed(&bytes[external.offset as usize..][..external.len as usize])
            }),
            Home::Filled { element, .. } => Some(Cow::Owned(bytes::filled(stored, element).map_err(failed)?)),
            home => {
                let decoded = bytes::owned(file, &self.document.frames, stored.dtype, home).map_err(failed)?;
                Some(Cow::Owned(decoded))
            }
        })
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        let files = write::files(self, out, fill)?;
        let sources: Vec<&Source> = std::iter::once(&self.source).chain(&self.document.side.files).collect();
        output::write(&files, &sources, fill, options.overwrite)
    }
}
