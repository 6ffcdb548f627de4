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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::{Change, Values};
    use crate::model::Model as _;
    use crate::onnx::schema::{graph, model, node, tensor};
    use crate::onnx::wire::{put_bytes, put_number};

    /// Draws every tensor of real numbers; only what would be written is looked at.
    struct Draw<'a>(&'a Onnx);

    impl Fill for Draw<'_> {
        fn change(&self, param: usize) -> Change {
            let dtype = self.0.params[param].dtype;
            if dtype.is_float() { Change::Write { dtype, constant: None, whole: false } } else { Change::Keep }
        }

        fn values<'a>(&'a self, _: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
            unreachable!("nothing is written here")
        }
    }

    fn put_node(op: &str, inputs: &[&str], output: &str, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        for input in inputs {
            put_bytes(node::INPUT, input.as_bytes(), &mut bytes);
        }
        put_bytes(node::OUTPUT, output.as_bytes(), &mut bytes);
        put_bytes(node::OP_TYPE, op.as_bytes(), &mut bytes);
        put_bytes(graph::NODE, &bytes, out);
    }

    /// A model of two weights of these shapes, both made by `ConstantOfShape`, so that the file itself is small.
    fn filled(dir: &Path, shapes: [[u64; 2]; 2]) -> Onnx {
        let mut content = Vec::new();
        for (i, shape) in shapes.iter().enumerate() {
            let mut bytes = Vec::new();
            put_number(tensor::DIMS, 2, &mut bytes);
            put_number(tensor::DATA_TYPE, 7, &mut bytes);
            put_bytes(tensor::NAME, format!("s{i}").as_bytes(), &mut bytes);
            put_bytes(tensor::RAW_DATA, &shape.map(u64::to_le_bytes).concat(), &mut bytes);
            put_bytes(graph::INITIALIZER, &bytes, &mut content);
            put_node("ConstantOfShape", &[&format!("s{i}")], &format!("w{i}"), &mut content);
        }
        put_bytes(graph::INPUT, &[0x0a, 1, b'x'], &mut content);
        put_node("MatMul", &["x", "w0"], "h", &mut content);
        put_node("MatMul", &["h", "w1"], "y", &mut content);
        let mut file = Vec::new();
        put_number(model::IR_VERSION, 8, &mut file);
        put_bytes(model::GRAPH, &content, &mut file);
        put_bytes(model::OPSET, &[0x10, 17], &mut file);
        std::fs::write(dir.join("in.onnx"), file).unwrap();
        Onnx::open(&dir.join("in.onnx")).unwrap()
    }

    #[test]
    fn values_beyond_the_limit_of_protobuf_go_into_a_second_file() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.onnx");
        // 1.7 GB fit, 1.9 GB do not; tensors above 4 GB neither overflow nor wrap.
        for (rows, beside) in [(17_000, false), (19_000, true), (5_000_000, true)] {
            let model = filled(dir.path(), [[rows, 25_000], [8, 16]]);
            assert_eq!(model.params().iter().filter(|p| p.dtype.is_float()).count(), 2);
            let files = files(&model, &out, &Draw(&model)).unwrap();
            assert_eq!(files.len(), 1 + usize::from(beside));
            let file = files.last().unwrap();
            assert_eq!(file.path, out);
            if beside {
                assert_eq!(files[0].path, dir.path().join("out.onnx.data"));
                assert_eq!(files[0].len(), rows * 100_000);
                // The small tensor stays at hand.
                assert!(file.len() > 512 && file.len() < 1200, "{}", file.len());
            } else {
                assert!(file.len() > rows * 100_000);
            }
        }
    }
}
