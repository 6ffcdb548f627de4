//! [`Model`]: an open file, and [`open`], which makes one.

use crate::architecture;
use crate::error::{FileError, Problem};
use crate::fill::Fill;
use crate::gguf::{self, Gguf};
use crate::keras::{self, Keras};
use crate::numpy::{self, Numpy};
use crate::onnx::Onnx;
use crate::safetensors::Safetensors;
use crate::source::Source;
use crate::torch::{self, Torch};
use crate::zip::{self, Archive};
use fanin::graph::ValueId;
use fanin::{Graph, Param};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What kind of file a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// One safetensors file.
    Safetensors,
    /// A folder in the Hugging Face layout, with safetensors files.
    HuggingFace,
    /// An ONNX file, with external data or without.
    Onnx,
    /// A PyTorch checkpoint: a zip archive, or a pickle from before torch 1.6.
    #[serde(rename = "pytorch")]
    PyTorch,
    /// A Keras model: a `.keras` archive, or an HDF5 file of weights.
    Keras,
    /// A GGUF file.
    Gguf,
    /// A NumPy file: a `.npz` archive of arrays, or a single `.npy`.
    Numpy,
}

/// How a model is written.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Whether a file that is there already may be replaced.
    pub overwrite: bool,
    /// Id of the plan that the values come from, recorded where the format has a place for it (safetensors metadata).
    /// A [`Fill`] that learns more while it is written gives the final one in [`Fill::finish`].
    pub plan: Option<String>,
}

/// An open model file.
pub trait Model: Send + Sync {
    /// What kind of file it is.
    fn format(&self) -> Format;

    /// Its parameters and constants, in the file's order.
    fn params(&self) -> &[Param];

    /// Its computation, if the format has one.
    fn graph(&self) -> Option<&Graph>;

    /// What the file holds beside the model and was passed over, in words: other dictionaries, objects of unknown
    /// classes. It stays as it is.
    fn skipped(&self) -> &[String] {
        &[]
    }

    /// The bytes of parameter `param`, little-endian in its dtype; `None` if the file that holds them is missing, or if
    /// its elements have no such form.
    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError>;

    /// Fills `out` with the bytes of parameter `param` from byte `start` on, read from the file, so that memory does not grow
    /// with it; `false` if they do not stand there one behind the other as [`Model::bytes`] gives them, or end before.
    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let _ = (param, start, out);
        Ok(false)
    }

    /// The bytes of a constant of the graph, as [`Model::bytes`] gives those of a parameter; `None` also if the value is
    /// no constant.
    ///
    /// One constant may feed several parameters; whoever runs the graph asks for values, whoever plans it for parameters.
    fn constant(&self, value: ValueId) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let _ = value;
        Ok(None)
    }

    /// Writes the model to `out` with the values that `fill` gives; everything else is copied byte by byte.
    ///
    /// Nothing appears under the final names before everything is written. If nothing changes, neither do the bytes.
    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError>;
}

/// Opens a model: an ONNX, safetensors, PyTorch, Keras, NumPy or GGUF file, a folder in the Hugging Face layout, or a short
/// architecture such as `mlp:784-256x20-10:relu` ([`architecture`](crate::architecture)).
///
/// The kind is told by the content first and by the name second. A file goes before a short architecture of its name.
///
/// # Errors
/// If the file cannot be read, is none of these, or does not fit together.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Model>, FileError> {
    let path = path.as_ref();
    if let Some(text) = path.to_str().filter(|text| architecture::looks_like(text) && !path.exists()) {
        let source = Source::memory(text, architecture::onnx(text)?);
        return Ok(Box::new(Onnx::read(source)?));
    }
    if path.is_dir() {
        return Ok(Box::new(Safetensors::open_folder(path)?));
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| FileError::io(path, "open for reading", e))?;
    file.take(START).read_to_end(&mut start).map_err(|e| FileError::io(path, "read", e))?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match (extension.as_str(), start.as_slice()) {
        ("safetensors", _) => Ok(Box::new(Safetensors::open_file(path)?)),
        // A length of less than 16 MiB and an opening brace; an ONNX file never has such a start.
        (ext, [_, _, _, 0, 0, 0, 0, 0, b'{', ..]) if ext != "onnx" => Ok(Box::new(Safetensors::open_file(path)?)),
        // A message that starts with its version, as every writer puts it.
        ("onnx", _) | (_, [0x08, 1..=99, ..]) => Ok(Box::new(Onnx::open(path)?)),
        (_, start) if zip::is_archive(start) => open_archive(Source::open(path)?),
        (_, start) if torch::is_old(start) => Ok(Box::new(Torch::open_old(Source::open(path)?)?)),
        (_, start) if keras::is_hdf5(start) => Ok(Box::new(Keras::open_hdf5(Source::open(path)?)?)),
        (_, start) if gguf::is_gguf(start) => Ok(Box::new(Gguf::open(Source::open(path)?)?)),
        (_, start) if numpy::is_array(start) => Ok(Box::new(Numpy::open_array(Source::open(path)?)?)),
        _ => Err(unknown(path, &start)),
    }
}

/// Several formats are zip archives; what is in them tells which.
fn open_archive(source: Source) -> Result<Box<dyn Model>, FileError> {
    let archive = Archive::open(&source).map_err(|problem| problem.of(&source.path))?;
    if torch::is_archive(&archive) {
        return Ok(Box::new(Torch::open_archive(source, archive)?));
    }
    if keras::is_archive(&archive) {
        return Ok(Box::new(Keras::open_archive(source, archive)?));
    }
    if numpy::is_archive(&archive) {
        return Ok(Box::new(Numpy::open_archive(source, archive)?));
    }
    let names: Vec<_> = archive.entries.iter().take(4).map(|entry| entry.name.as_str()).collect();
    let wrong = format!("this is a zip archive of {} entries: {} …", archive.entries.len(), names.join(", "));
    Err(Problem::new("", wrong, READ).remedy(EXPORT).of(&source.path))
}

/// As many bytes of a file as tell its kind.
const START: u64 = 32;

/// What can be opened, and what to do with the rest.
const READ: &str = "an ONNX, safetensors, PyTorch, Keras, NumPy or GGUF file, or a folder of safetensors files";
const EXPORT: &str = "Export the model to ONNX, or save its weights as safetensors.";

fn unknown(path: &Path, start: &[u8]) -> FileError {
    let wrong = match start {
        [] => "the file is empty".to_owned(),
        [0x80, 2..=5, ..] => "this is a Python pickle that `torch.save` did not write".to_owned(),
        _ => "the file is none of the formats that are read".to_owned(),
    };
    Problem::new("", wrong, READ).remedy(EXPORT).of(path)
}
