//! A folder in the Hugging Face layout: weights in one or several files, an index, and small files beside them.

use super::header::{Pairs, json_problem};
use super::{OutputFile, Piece, Shard};
use crate::error::{FileError, Problem};
use crate::fill::Fill;
use crate::model::WriteOptions;
use crate::output;
use crate::source::Source;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the index of a sharded model is called.
const INDEX_SUFFIX: &str = ".safetensors.index.json";

/// Files that hold weights in some format: they are not carried along, because they would not fit the new ones.
const WEIGHT_SUFFIXES: [&str; 13] =
    ["safetensors", "bin", "pt", "pth", "ckpt", "h5", "keras", "msgpack", "onnx", "gguf", "npz", "ot", "index.json"];

/// A folder that was opened.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Names of the weight files, sorted.
    pub(super) weights: Vec<String>,
    index: Option<Index>,
    /// Names of the files that are copied along.
    beside: Vec<String>,
}

#[derive(Debug)]
struct Index {
    name: String,
    bytes: Vec<u8>,
    /// Which file each tensor is in.
    map: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawIndex {
    weight_map: Pairs<String>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Folder, FileError> {
        let names = file_names(path)?;
        let indices: Vec<&String> = names.iter().filter(|name| name.ends_with(INDEX_SUFFIX)).collect();
        let singles: Vec<&String> = names.iter().filter(|name| name.ends_with(".safetensors")).collect();
        let index = choose(path, &indices, "model.safetensors.index.json")?;
        let (weights, index) = if let Some(name) = index {
            let index = Index::open(path, name)?;
            (index.map.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(), Some(index))
        } else if let Some(name) = choose(path, &singles, "model.safetensors")? {
            (vec![name.clone()], None)
        } else {
            let problem = Problem::new("", "the folder has no weights", "model.safetensors or its index file");
            return Err(problem.remedy("Give the folder that the model was saved in, or a single file.").of(path));
        };
        let weight = |name: &String| WEIGHT_SUFFIXES.iter().any(|suffix| name.ends_with(&format!(".{suffix}")));
        let beside = names.iter().filter(|name| !name.starts_with('.') && !weight(name)).cloned().collect();
        Ok(Folder { path: path.into(), weights, index, beside })
    }

    /// Whether every tensor of the index is where the index says.
    pub(super) fn check(&self, homes: &BTreeMap<&str, usize>) -> Result<(), FileError> {
        let Some(index) = &self.index else { return Ok(()) };
        for (tensor, file) in &index.map {
            let home = homes.get(tensor.as_str()).map(|&shard| &self.weights[shard]);
            if home != Some(file) {
                let wrong = match home {
                    Some(home) => format!("the index says that the tensor is in {file}, but it is in {home}"),
                    None => format!("the index says that the tensor is in {file}, but it is nowhere"),
                };
                let problem = Problem::new(format!("weight_map.{tensor}"), wrong, "an index that fits its files");
                return Err(problem.remedy("Save or download the folder again.").of(&self.path.join(&index.name)));
            }
        }
        Ok(())
    }

    /// Writes all weight files, the index and the files beside them into the folder `out`.
    pub(super) fn write(
        &self,
        out: &Path,
        options: &WriteOptions,
        fill: &dyn Fill,
        shards: &[Shard],
        output: impl Fn(usize, &Path) -> Result<OutputFile, FileError>,
    ) -> Result<(), FileError> {
        let mut files = Vec::new();
        for (shard, name) in self.weights.iter().enumerate() {
            files.push(output(shard, &out.join(name))?);
        }
        let extra: Vec<Source> = if same(out, &self.path) {
            Vec::new()
        } else {
            self.beside.iter().map(|name| Source::open(&self.path.join(name))).collect::<Result<_, _>>()?
        };
        for (i, (source, name)) in extra.iter().zip(&self.beside).enumerate() {
            let piece = Piece::Source { file: shards.len() + i, offset: 0, len: source.len() };
            files.push(OutputFile { path: out.join(name), pieces: vec![piece] });
        }
        if let Some(index) = &self.index {
            // What is copied from the start of a file is its header.
            let is_data = |piece: &&Piece| match piece {
                Piece::Source { offset, .. } => *offset > 0,
                other => matches!(other, Piece::Values { .. }),
            };
            let data = |file: &OutputFile| file.pieces.iter().filter(is_data).map(Piece::len).sum::<u64>();
            let total = files[..shards.len()].iter().map(data).sum();
            files.push(OutputFile { path: out.join(&index.name), pieces: vec![Piece::Bytes(index.with_total(total))] });
        }
        let sources: Vec<&Source> = shards.iter().map(|shard| &shard.source).chain(&extra).collect();
        let made = if out.exists() {
            false
        } else {
            fs::create_dir_all(out).map_err(|e| FileError::io(out, "create the folder", e))?;
            true
        };
        let result = output::write(&files, &sources, fill, options.overwrite);
        if result.is_err() && made {
            // Only an empty folder goes, so nothing can be lost; if it does not go, the error below says more.
            let _ = fs::remove_dir(out);
        }
        result
    }
}

impl Index {
    fn open(folder: &Path, name: &str) -> Result<Index, FileError> {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(|e| FileError::io(&path, "read", e))?;
        let raw: RawIndex =
            serde_json::from_slice(&bytes).map_err(|e| json_problem(&e, &bytes, 0, "index").of(&path))?;
        for (tensor, file) in &raw.weight_map.0 {
            let plain = !file.is_empty() && Path::new(file).file_name().is_some_and(|name| name == file.as_str());
            if !plain || file.contains('\\') {
                let problem = Problem::new(
                    format!("weight_map.{tensor}"),
                    format!("the file is `{file}`"),
                    "the plain name of a file in the same folder",
                );
                let remedy = "Such a path would lead out of the model's folder; get the model from a source you trust.";
                return Err(problem.remedy(remedy).of(&path));
            }
        }
        Ok(Index { name: name.into(), bytes, map: raw.weight_map.0.into_iter().collect() })
    }

    /// The index's text, with the total size in it set right if it is not.
    fn with_total(&self, total: u64) -> Vec<u8> {
        let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&self.bytes) else { return self.bytes.clone() };
        match json.pointer_mut("/metadata/total_size") {
            Some(size) if size.as_u64() != Some(total) => *size = total.into(),
            _ => return self.bytes.clone(),
        }
        serde_json::to_vec_pretty(&json).unwrap_or_else(|_| self.bytes.clone())
    }
}

/// Names of the regular files (or links to such: download caches are made of links) in a folder, sorted.
fn file_names(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = |e| FileError::io(folder, "list the folder", e);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_file()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The only candidate, or among several the usual name.
fn choose<'a>(folder: &Path, names: &[&'a String], usual: &str) -> Result<Option<&'a String>, FileError> {
    match names {
        [] => Ok(None),
        [name] => Ok(Some(name)),
        _ => names.iter().find(|name| name.as_str() == usual).copied().map(Some).ok_or_else(|| {
            let list = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            Problem::new(
                "",
                format!("the folder has several weight files: {list}"),
                format!("one of them to be {usual}"),
            )
            .remedy("Give one of the files instead of the folder.")
            .of(folder)
        }),
    }
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
