//! Writing by splicing: new values go where the old ones stood, and every other byte is copied.

use super::Onnx;
use super::build::Builder;
use super::fate::{Fate, fates};
use super::tensor::Data;
use crate::error::{FileError, Problem};
use crate::fill::Fill;
use crate::output::{OutputFile, Piece};
use std::path::Path;

/// Above this size values go into a second file. Protobuf's readers stop at 2^31 bytes; the rest is left for what other
/// tools may add to the file.
const EMBED_LIMIT: u64 = 1_800_000_000;

/// The largest message that protobuf's readers accept.
const PROTOBUF_LIMIT: u64 = i32::MAX as u64;

/// The files that make up the model after the changes of `fill`.
pub(super) fn files(model: &Onnx, out: &Path, fill: &dyn Fill) -> Result<Vec<OutputFile>, FileError> {
    let fates = fates(model, out, fill)?;
    if fates.values().all(|fate| *fate == Fate::Keep) {
        return unchanged(model, out);
    }
    let name = out.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Problem::new("", "the name of the output is not UTF-8", "a name that can stand in the file").of(out)
    })?;
    let side_name = format!("{name}.data");
    let beside = model.externals().any(|external| external.file.is_some());
    if !beside {
        let files = Builder::new(model, fill, None).build(&fates, out)?;
        let limit = EMBED_LIMIT.max(model.source.len()).min(PROTOBUF_LIMIT);
        if files[0].len() <= limit {
            return Ok(files);
        }
    }
    let mut files = Builder::new(model, fill, Some(side_name)).build(&fates, out)?;
    if files[0].len() > PROTOBUF_LIMIT {
        let wrong = format!("the model without its external data would have {} bytes", files[0].len());
        let problem = Problem::new("", wrong, format!("at most {PROTOBUF_LIMIT}, the limit of protobuf"));
        return Err(problem.remedy("Export the model with external data first.").of(out));
    }
    // The second file gets its name first, so that no model stands there without its data.
    files.reverse();
    Ok(files)
}

/// A plain copy, with the files beside the model where it goes to another folder.
fn unchanged(model: &Onnx, out: &Path) -> Result<Vec<OutputFile>, FileError> {
    let mut files = Vec::new();
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.canonicalize(),
        _ => Path::new(".").canonicalize(),
    };
    let moves = match (folder(out), folder(&model.source.path)) {
        (Ok(to), Ok(from)) => to != from,
        _ => true,
    };
    for (location, file) in model.document.side.locations() {
        let (Some(file), true) = (file, moves) else { continue };
        let path = out.with_file_name(location);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| FileError::io(parent, "create the folder", e))?;
        }
        let piece = Piece::Source { file: 1 + file, offset: 0, len: model.document.side.files[file].len() };
        files.push(OutputFile { path, pieces: vec![piece] });
    }
    let piece = Piece::Source { file: 0, offset: 0, len: model.source.len() };
    files.push(OutputFile { path: out.into(), pieces: vec![piece] });
    Ok(files)
}

impl Onnx {
    /// What the file says about data in other files.
    fn externals(&self) -> impl Iterator<Item = &super::tensor::External> {
        self.document.stored.values().filter_map(|stored| match &stored.home {
            super::document::Home::Tensor { data: Data::External(external), .. } => Some(external),
            _ => None,
        })
    }
}
