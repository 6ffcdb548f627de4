//! safetensors: single files and Hugging Face directories of them.

mod config;
mod data;
mod directory;
mod header;

pub use config::configuration;

use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::model::{Format, Model, WriteOptions};
use crate::output::{self, OutputFile, Piece};
use crate::source::Source;
use directory::Folder;
use fanin::{Graph, Param, convention};
use header::{Entry, Header};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Key under which the plan's id stands in the metadata.
const PLAN_KEY: &str = "fanin.plan";

/// An open model: one file, or several with what belongs to them in a folder.
#[derive(Debug)]
pub(crate) struct Safetensors {
    shards: Vec<Shard>,
    folder: Option<Folder>,
    params: Vec<Param>,
    /// Shard and entry of each parameter.
    places: Vec<(usize, usize)>,
}

/// One file.
#[derive(Debug)]
struct Shard {
    source: Source,
    header: Header,
}

impl Shard {
    fn open(path: &Path) -> Result<Shard, FileError> {
        let source = Source::open(path)?;
        let header = Header::parse(source.bytes()).map_err(|problem| problem.of(path))?;
        Ok(Shard { source, header })
    }
}

impl Safetensors {
    /// Opens a single file.
    pub(crate) fn open_file(path: &Path) -> Result<Safetensors, FileError> {
        Safetensors::new(vec![Shard::open(path)?], None)
    }

    /// Opens a folder in the Hugging Face layout.
    pub(crate) fn open_folder(path: &Path) -> Result<Safetensors, FileError> {
        let folder = Folder::open(path)?;
        let mut shards = Vec::new();
        for name in &folder.weights {
            shards.push(Shard::open(&path.join(name))?);
        }
        Safetensors::new(shards, Some(folder))
    }

    fn new(shards: Vec<Shard>, folder: Option<Folder>) -> Result<Safetensors, FileError> {
        let (mut places, mut tensors) = (Vec::new(), Vec::new());
        let mut homes: BTreeMap<&str, usize> = BTreeMap::new();
        for (s, shard) in shards.iter().enumerate() {
            for (e, entry) in shard.header.entries.iter().enumerate() {
                if let Some(first) = homes.insert(&entry.name, s) {
                    let wrong = format!("the tensor is also in {}", shards[first].source.path.display());
                    return Err(Problem::new(&entry.name, wrong, "each tensor in one file").of(&shard.source.path));
                }
                places.push((s, e));
                tensors.push((entry.name.clone(), entry.shape.clone(), entry.dtype));
            }
        }
        if let Some(folder) = &folder {
            folder.check(&homes)?;
        }
        let beside = shards.first().and_then(|shard| shard.source.path.parent());
        let config = beside.map_or_else(convention::Config::default, config::read);
        let data = data::Tensors { shards: &shards, places: &places };
        let params = convention::params_with(&tensors, &convention::Hints { config, data: Some(&data) });
        Ok(Safetensors { shards, folder, params, places })
    }

    fn entry(&self, param: usize) -> (&Shard, &Entry) {
        let (shard, entry) = self.places[param];
        (&self.shards[shard], &self.shards[shard].header.entries[entry])
    }

    /// The file that `shard` becomes.
    fn output(
        &self,
        shard: usize,
        path: &Path,
        fill: &dyn Fill,
        options: &WriteOptions,
    ) -> Result<OutputFile, FileError> {
        let Shard { source, header } = &self.shards[shard];
        let mut header = header.clone();
        let (mut pieces, mut retyped, mut at) = (Vec::new(), false, 0);
        for param in (0..self.params.len()).filter(|&p| self.places[p].0 == shard) {
            let entry = &mut header.entries[self.places[param].1];
            let piece = match fill.change(param) {
                Change::Keep => {
                    let offset = header.data_start + entry.start;
                    Piece::Source { file: shard, offset, len: entry.end - entry.start }
                }
                Change::Write { dtype, whole, .. } => {
                    let word = header::word_of(dtype)
                        .filter(|_| dtype.is_float() || dtype == self.params[param].dtype)
                        .ok_or_else(|| unwritable(entry, dtype).of(path))?;
                    retyped |= word != entry.word;
                    word.clone_into(&mut entry.word);
                    let count = self.params[param].count().map_err(fanin::Error::from)?;
                    Piece::values(param, count, dtype, whole)
                }
            };
            (entry.start, entry.end) = (at, at + piece.len());
            at = entry.end;
            pieces.push(piece);
        }
        let head = if retyped || options.plan.is_some() {
            if let Some(plan) = &options.plan {
                // Readers take a file without metadata for PyTorch's, but refuse metadata that do not name a format.
                let metadata =
                    header.metadata.get_or_insert_with(|| BTreeMap::from([("format".to_owned(), "pt".to_owned())]));
                metadata.insert(PLAN_KEY.into(), plan.clone());
            }
            let bytes = header.to_bytes();
            let bytes = bytes.map_err(|e| Problem::new("header", e.to_string(), "plain JSON").of(path))?;
            identified(bytes, options.plan.as_deref())
        } else {
            vec![Piece::Source { file: shard, offset: 0, len: header.data_start }]
        };
        pieces.splice(0..0, head);
        debug_assert!(
            pieces.iter().all(|p| !matches!(p, Piece::Source { offset, len, .. } if offset + len > source.len()))
        );
        Ok(OutputFile { path: path.into(), pieces })
    }
}

/// A header with the place of the plan's id apart.
fn identified(header: Vec<u8>, id: Option<&str>) -> Vec<Piece> {
    let key = id.map(|id| (format!("\"{PLAN_KEY}\":\""), id));
    let place = key.and_then(|(key, id)| {
        let wanted = [key.as_bytes(), id.as_bytes(), b"\""].concat();
        let at = header.windows(wanted.len()).position(|text| text == wanted)?;
        Some((at + key.len(), id))
    });
    match place {
        Some((at, id)) => {
            let after = header[at + id.len()..].to_vec();
            vec![Piece::Bytes(header[..at].to_vec()), Piece::Plan(id.to_owned()), Piece::Bytes(after)]
        }
        None => vec![Piece::Bytes(header)],
    }
}

fn unwritable(entry: &Entry, dtype: fanin::Dtype) -> Box<Problem> {
    Problem::new(&entry.name, format!("values of dtype {dtype} were asked for"), "a floating-point dtype of the format")
        .remedy("Give `--dtype` one of f64, f32, f16, bf16, f8_e4m3, f8_e5m2.")
}

impl Model for Safetensors {
    fn format(&self) -> Format {
        if self.folder.is_some() { Format::HuggingFace } else { Format::Safetensors }
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        None
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        let (shard, entry) = self.entry(param);
        let start = shard.header.data_start;
        let range = (start + entry.start) as usize..(start + entry.end) as usize;
        Ok(Some(Cow::Borrowed(&shard.source.bytes()[range])))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let (shard, entry) = self.entry(param);
        let data = shard.header.data_start;
        shard.source.read_in(&(data + entry.start..data + entry.end), start, out)
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        let Some(folder) = &self.folder else {
            let file = self.output(0, out, fill, options)?;
            return output::write(&[file], &[&self.shards[0].source], fill, options.overwrite);
        };
        folder.write(out, options, fill, &self.shards, |shard, path| self.output(shard, path, fill, options))
    }
}
