//! Files that other programs wrote, of every format that is a table of tensors: read as those programs read them,
//! copied, written and read back.
//!
//! `testdata/FORMAT/make.py` wrote them, and beside each one a safetensors file with what it holds.

mod drawn;

use drawn::{Drawn, Want, draw, draw_weights, keep, testdata};
use fanin::{Dtype, Param};
use fanin_model::{Format, Model, WriteOptions, open};
use std::fs;
use std::path::{Path, PathBuf};

/// Every such file, with what it is.
fn files() -> Vec<(PathBuf, Format)> {
    let mut files = Vec::new();
    for (folder, format) in FORMATS {
        let entries = fs::read_dir(testdata().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let is_ours = |path: &PathBuf| path.extension().is_some_and(|e| e != "py" && e != "safetensors");
        files.extend(entries.filter(is_ours).map(|path| (path, format)));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

const FORMATS: [(&str, Format); 4] =
    [("gguf", Format::Gguf), ("keras", Format::Keras), ("numpy", Format::Numpy), ("torch", Format::PyTorch)];

fn reference(path: &Path) -> Box<dyn Model> {
    open(path.with_extension("safetensors")).unwrap()
}

fn find<'a>(model: &'a dyn Model, name: &str) -> (usize, &'a Param) {
    model.params().iter().enumerate().find(|(_, p)| p.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn files_are_read_as_their_programs_read_them() {
    for (path, format) in files() {
        let (model, expected) = (open(&path).unwrap(), reference(&path));
        assert_eq!(model.format(), format, "{}", path.display());
        for (i, param) in expected.params().iter().enumerate() {
            let place = format!("{} {}", path.display(), param.name);
            let (j, read) = find(model.as_ref(), &param.name);
            assert_eq!((&read.shape, read.dtype), (&param.shape, param.dtype), "{place}");
            assert!(model.bytes(j).unwrap() == expected.bytes(i).unwrap(), "{place}");
        }
        let readable = (0..model.params().len()).filter(|&i| model.bytes(i).unwrap().is_some()).count();
        assert_eq!(readable, expected.params().len(), "{}: {:?}", path.display(), names(model.as_ref()));
    }
}

fn names(model: &dyn Model) -> Vec<&str> {
    model.params().iter().map(|p| p.name.as_str()).collect()
}

#[test]
fn nothing_changed_is_byte_identical() {
    let dir = tempfile::tempdir().unwrap();
    for (path, _) in files() {
        let model = open(&path).unwrap();
        let out = dir.path().join(path.file_name().unwrap());
        model.write(&out, &Drawn::new(model.as_ref(), keep), &WriteOptions::default()).unwrap();
        assert!(fs::read(&out).unwrap() == fs::read(&path).unwrap(), "{}", path.display());
    }
}

/// Writes the file with new values where `want` says so, into a folder that `FANIN_WRITTEN` may name, and checks every
/// tensor of the result. Returns its bytes.
fn written(path: &Path, want: impl Fn(&Param) -> Want, dtype: Option<Dtype>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("FANIN_WRITTEN").map_or(dir.path().to_owned(), PathBuf::from);
    let out = folder.join(path.file_name().unwrap());
    let before = open(path).unwrap();
    let mut fill = Drawn::new(before.as_ref(), want).tying(before.as_ref());
    if let Some(dtype) = dtype {
        fill = fill.with_dtype(dtype);
    }
    before.write(&out, &fill, &WriteOptions { overwrite: true, plan: None }).unwrap();
    let after = open(&out).unwrap();
    assert_eq!(names(before.as_ref()), names(after.as_ref()));
    for (i, param) in before.params().iter().enumerate() {
        let place = format!("{} {}", path.display(), param.name);
        let changed = after.bytes(i).unwrap();
        match fill.wants[i] {
            Want::Keep => assert!(changed == before.bytes(i).unwrap(), "{place}"),
            _ => assert!(changed.unwrap() == fill.bytes(i, param.count().unwrap()), "{place}"),
        }
        assert_eq!(after.params()[i].shape, param.shape, "{place}");
    }
    if folder != dir.path() {
        let name = format!("{}.read.safetensors", out.file_name().unwrap().display());
        fs::write(folder.join(name), as_safetensors(after.as_ref())).unwrap();
    }
    fs::read(out).unwrap()
}

/// Everything that is read from a model, for `check.py`.
fn as_safetensors(model: &dyn Model) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (i, param) in model.params().iter().enumerate() {
        let Some(bytes) = model.bytes(i).unwrap() else { continue };
        let start = data.len();
        data.extend_from_slice(&bytes);
        let dtype = param.dtype.name().to_uppercase();
        let entry = serde_json::json!({ "dtype": dtype, "shape": param.shape, "data_offsets": [start, data.len()] });
        header.insert(param.name.clone(), entry);
    }
    let json = serde_json::to_vec(&header).unwrap();
    [&(json.len() as u64).to_le_bytes()[..], &json, &data].concat()
}

/// Files of which every tensor can be written.
fn writable() -> Vec<PathBuf> {
    files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !path.ends_with("apart.pt") && !path.ends_with("overlap.pt"))
        .collect()
}

#[test]
fn everything_can_be_drawn_and_read_back() {
    for path in writable() {
        written(&path, draw_weights, None);
    }
}

#[test]
fn one_tensor_changes_only_its_own_bytes_and_checksums() {
    for path in writable() {
        let model = open(&path).unwrap();
        let before = fs::read(&path).unwrap();
        for param in model.params().iter().filter(|p| draw_weights(p) == Want::Draw && p.count().unwrap() > 0) {
            let bytes = model.bytes(find(model.as_ref(), &param.name).0).unwrap().unwrap();
            // What does not stand in the file as it is has to be moved.
            let mut found = (0..=before.len() - bytes.len()).filter(|&at| before[at..].starts_with(&bytes));
            let (Some(at), None) = (found.next(), found.next()) else { continue };
            let after = written(&path, |p| if p.name == param.name { Want::Draw } else { Want::Keep }, None);
            assert_eq!(after.len(), before.len(), "{} {}", path.display(), param.name);
            let differs = (0..before.len()).filter(|&i| before[i] != after[i]);
            let outside = differs.filter(|i| !(at..at + bytes.len()).contains(i)).count();
            assert!(outside <= 12, "{} {}: {outside} bytes outside", path.display(), param.name);
        }
    }
}

#[test]
fn a_whole_matrix_is_written_alone() {
    for path in writable() {
        written(
            &path,
            |p| if draw_weights(p) == Want::Draw && p.shape.len() == 2 { Want::Whole } else { Want::Keep },
            None,
        );
    }
}

#[test]
fn numpy_arrays_change_their_type() {
    for name in ["plain.npz", "packed.npz", "streamed.npz", "columns.npy"] {
        let path = testdata().join("numpy").join(name);
        for dtype in [Dtype::F64, Dtype::F16] {
            written(&path, draw, Some(dtype));
        }
        let model = open(&path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let fill = Drawn::new(model.as_ref(), draw).with_dtype(Dtype::Bf16);
        let error = model.write(&dir.path().join("out"), &fill, &WriteOptions::default()).unwrap_err().to_string();
        assert!(error.contains("values of dtype bf16 were asked for"), "{error}");
        assert!(error.ends_with("Give `--dtype` one of f64, f32, f16."), "{error}");
        assert_eq!(drawn::listing(dir.path()), [""; 0]);
    }
}

fn refused(path: &Path, fill: impl Fn(&dyn Model) -> Drawn) -> String {
    let (model, dir) = (open(path).unwrap(), tempfile::tempdir().unwrap());
    let result = model.write(&dir.path().join("out"), &fill(model.as_ref()), &WriteOptions::default());
    assert_eq!(drawn::listing(dir.path()), [""; 0]);
    result.unwrap_err().to_string()
}

#[test]
fn what_cannot_be_written_in_place_is_refused_by_name() {
    let torch = |name: &str| testdata().join("torch").join(name);
    let only = |name: &'static str| {
        move |m: &dyn Model| Drawn::new(m, |p| if p.name == name { Want::Draw } else { Want::Keep })
    };
    for name in ["apart.weight", "same.weight"] {
        let error = refused(&torch("apart.pt"), only(name));
        assert!(error.contains(&format!("`{name}`: its elements lie apart in a larger storage")), "{error}");
    }
    let error = refused(&torch("state.pt"), |m| Drawn::new(m, draw).with_dtype(Dtype::F16));
    assert!(error.contains("`fc1.weight`: values of dtype f16 were asked for a tensor of f32"), "{error}");
    let views = torch("views.pt");
    let error = refused(&views, |m| Drawn::new(m, |_| Want::Draw));
    assert!(error.contains("`out.weight`: it is the same tensor as emb.weight and gets other values"), "{error}");
    for name in ["emb.weight", "out.weight"] {
        let error = refused(&views, only(name));
        assert!(
            error.contains("`out.weight`: it is the same tensor as emb.weight, and one of the two is kept"),
            "{error}"
        );
    }
    for name in ["q.weight", "fused.weight"] {
        let error = refused(&torch("overlap.pt"), only(name));
        assert!(error.contains("it has elements in common with fused.weight; expected one source"), "{error}");
    }
}

#[test]
fn quantized_tensors_are_named_and_kept() {
    let path = testdata().join("gguf/quantized.gguf");
    let model = open(&path).unwrap();
    for (name, kind) in [("blk.0.attn_q.weight", "Q4_0"), ("blk.0.attn_k.weight", "Q8_0")] {
        let (index, param) = find(model.as_ref(), name);
        assert_eq!(param.role.value, fanin::Role::Fixed);
        assert_eq!(param.place.note, Some(format!("quantized as {kind}")));
        assert_eq!(model.bytes(index).unwrap(), None);
    }
    let error = refused(&testdata().join("gguf/plain.gguf"), |m| Drawn::new(m, draw).with_dtype(Dtype::F32));
    assert!(error.contains("`blk.0.attn_q.weight`: values of dtype f32 were asked for a tensor of F16"), "{error}");
}

#[test]
fn what_is_beside_the_model_is_named() {
    let skipped = |name: &str| open(testdata().join("torch").join(name)).unwrap().skipped().join("; ");
    let said = skipped("checkpoint.ckpt");
    assert!(said.contains("`optimizer` (18 tensors) is not part of the model `model_state`"), "{said}");
    assert!(said.contains("`argparse.Namespace` is not understood (1 objects stay as they are)"), "{said}");
    let said = skipped("unknown.pt");
    assert!(said.contains("`acme_config.Config`") && said.contains("`acme_config.Slots`"), "{said}");
    for name in ["state.pt", "state_old.pth", "module.pt", "script.pt", "tree.pt", "kinds.pt"] {
        assert_eq!(skipped(name), "", "{name}");
    }
}

#[test]
fn ties_are_drawn_once() {
    for name in ["views.pt", "views_old.pt"] {
        let model = open(testdata().join("torch").join(name)).unwrap();
        let (_, tied) = find(model.as_ref(), "out.weight");
        assert_eq!(tied.place.tied.as_ref().unwrap().value.to, "emb.weight");
        assert_eq!(model.params().iter().filter(|p| p.place.tied.is_some()).count(), 1);
        let plan =
            fanin::plan::plan(model.params(), &fanin::Recipe::named("auto").unwrap(), &fanin::plan::Options::default())
                .unwrap();
        let planned = fanin_model::Planned::new(model.params(), &plan).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join(name);
        model.write(&out, &planned, &WriteOptions::default()).unwrap();
        let after = open(&out).unwrap();
        let bytes = |name: &str| after.bytes(find(after.as_ref(), name).0).unwrap().unwrap();
        assert!(bytes("out.weight") == bytes("emb.weight") && bytes("q.weight") != bytes("k.weight"));
    }
}

/// Opens what stands in `path`, and if that works reads and writes it; nothing of it may panic.
fn exercise(dir: &Path, path: &Path) -> bool {
    let Ok(model) = open(path) else { return false };
    let huge = model.params().iter().any(|p| p.count().is_ok_and(|n| n > 1 << 20));
    for i in 0..if huge { 0 } else { model.params().len() } {
        let _ = model.bytes(i);
    }
    let out = dir.join("drawn");
    let _ = fs::remove_file(&out);
    if !huge {
        let _ = model.write(&out, &Drawn::new(model.as_ref(), draw), &WriteOptions::default());
    }
    true
}

#[test]
fn every_truncation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut");
    for (source, _) in files() {
        let whole = fs::read(&source).unwrap();
        fs::write(&path, &whole).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        // Of larger files some lengths, in a stride that meets every remainder.
        let step = [1, 7, 19][usize::from(whole.len() > 2000) + usize::from(whole.len() > 20_000)];
        for len in (0..whole.len()).rev().step_by(step) {
            file.set_len(len as u64).unwrap();
            let Err(error) = open(&path) else { panic!("{} cut to {len} of {}", source.display(), whole.len()) };
            let error = error.to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
            assert!(error.contains("expected ") && error.ends_with('.'), "{error}");
        }
    }
    assert_eq!(drawn::listing(dir.path()), ["cut"]);
}

#[test]
fn flipped_bits_do_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped");
    let (mut opened, mut all) = (0, 0);
    for (source, _) in files() {
        let whole = fs::read(&source).unwrap();
        // A few hundred bits of each file, in an odd stride that meets every bit of a byte.
        for bit in (0..whole.len() * 8).step_by((whole.len() / 16) | 1) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            opened += usize::from(exercise(dir.path(), &path));
            all += 1;
        }
    }
    // Most bits are values; of the others many make the file unreadable.
    assert!(opened > all / 10 && opened < all, "{opened} of {all}");
}
