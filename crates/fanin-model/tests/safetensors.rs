//! safetensors files and Hugging Face folders: opened, rewritten, read back, also by the reference reader.

mod drawn;

use drawn::{Drawn, Want, draw, keep, listing};
use fanin::Dtype;
use fanin_model::{FileError, Format, Model, WriteOptions, open};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

type Tensor = (&'static str, safetensors::Dtype, Vec<usize>);

fn bytes_of(tensors: &[Tensor], metadata: &[(&str, &str)]) -> Vec<u8> {
    let data: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, dtype, shape)| (0..shape.iter().product::<usize>() * dtype.bitsize() / 8).map(|i| i as u8).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, dtype, shape), data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    let metadata: HashMap<String, String> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    safetensors::serialize(views, (!metadata.is_empty()).then_some(metadata)).unwrap()
}

fn first() -> Vec<Tensor> {
    use safetensors::Dtype::{F16, F32, I64};
    vec![
        ("a.weight", F32, vec![8, 4]),
        ("a.bias", F32, vec![8]),
        ("ids", I64, vec![3]),
        ("h", F16, vec![5]),
        ("none", F32, vec![0, 4]),
    ]
}

fn second() -> Vec<Tensor> {
    use safetensors::Dtype::{BF16, F32};
    vec![("b.weight", BF16, vec![4, 8]), ("scalar", F32, vec![])]
}

fn folder(dir: &Path) {
    fs::write(dir.join("model-00001-of-00002.safetensors"), bytes_of(&first(), &[("format", "pt")])).unwrap();
    fs::write(dir.join("model-00002-of-00002.safetensors"), bytes_of(&second(), &[("format", "pt")])).unwrap();
    let map: serde_json::Map<_, _> = first()
        .iter()
        .map(|t| (t.0, 1))
        .chain(second().iter().map(|t| (t.0, 2)))
        .map(|(name, shard)| (name.to_owned(), format!("model-0000{shard}-of-00002.safetensors").into()))
        .collect();
    let index = serde_json::json!({ "metadata": { "total_size": 262 }, "weight_map": map });
    fs::write(dir.join("model.safetensors.index.json"), serde_json::to_string_pretty(&index).unwrap()).unwrap();
    fs::write(dir.join("config.json"), "{\"n\": 1}").unwrap();
    fs::write(dir.join("pytorch_model.bin"), "old weights").unwrap();
}

fn check(before: &dyn Model, after: &dyn Model, fill: &Drawn) {
    assert_eq!(before.params().len(), after.params().len());
    for (i, param) in before.params().iter().enumerate() {
        let j = after.params().iter().position(|p| p.name == param.name).unwrap();
        let kept = fill.wants[i] == Want::Keep;
        let expected =
            if kept { before.bytes(i).unwrap().unwrap().into_owned() } else { fill.bytes(i, param.count().unwrap()) };
        assert!(after.bytes(j).unwrap().unwrap() == expected, "{}", param.name);
    }
}

#[test]
fn nothing_changed_is_byte_identical() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
    fs::write(&path, bytes_of(&first(), &[("b", "2"), ("a", "1")])).unwrap();
    let model = open(&path).unwrap();
    assert_eq!(model.format(), Format::Safetensors);
    model.write(&out, &Drawn::new(model.as_ref(), keep), &WriteOptions::default()).unwrap();
    assert!(fs::read(&out).unwrap() == fs::read(&path).unwrap());
}

#[test]
fn values_plan_and_metadata_are_read_back_by_the_reference_reader() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
    for metadata in [&[("format", "pt"), ("z", "1")][..], &[]] {
        fs::write(&path, bytes_of(&first(), metadata)).unwrap();
        let model = open(&path).unwrap();
        let fill = Drawn::new(model.as_ref(), |p| if p.name == "a.weight" { Want::Whole } else { draw(p) });
        let options = WriteOptions { overwrite: true, plan: Some("0123".into()) };
        model.write(&out, &fill, &options).unwrap();
        check(model.as_ref(), open(&out).unwrap().as_ref(), &fill);
        let bytes = fs::read(&out).unwrap();
        let (size, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!((size + 8) % 64, 0);
        let kept = header.metadata().clone().unwrap();
        assert_eq!((kept["fanin.plan"].as_str(), kept["format"].as_str()), ("0123", "pt"));
        // The same model and plan give the same bytes.
        model.write(&dir.path().join("again"), &fill, &options).unwrap();
        assert!(fs::read(dir.path().join("again")).unwrap() == bytes);
    }
}

#[test]
fn another_dtype_moves_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
    fs::write(&path, bytes_of(&first(), &[])).unwrap();
    let model = open(&path).unwrap();
    let fill = Drawn::new(model.as_ref(), draw).with_dtype(Dtype::Bf16);
    model.write(&out, &fill, &WriteOptions::default()).unwrap();
    let after = open(&out).unwrap();
    check(model.as_ref(), after.as_ref(), &fill);
    assert!(after.params().iter().all(|p| p.dtype == if p.name == "ids" { Dtype::I64 } else { Dtype::Bf16 }));
    SafeTensors::deserialize(&fs::read(&out).unwrap()).unwrap();
    let complex = Drawn::new(model.as_ref(), draw).with_dtype(Dtype::C64);
    let options = WriteOptions { overwrite: true, plan: None };
    let error = model.write(&out, &complex, &options).unwrap_err().to_string();
    assert!(error.contains("values of dtype c64 were asked for; expected a floating-point dtype"), "{error}");
}

#[test]
fn a_folder_is_written_as_a_folder() {
    let (from, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(from.path());
    let model = open(from.path()).unwrap();
    assert_eq!((model.format(), model.params().len()), (Format::HuggingFace, 7));
    // Unchanged: every file is the same, the old weights in another format stay behind.
    let same = dir.path().join("same");
    model.write(&same, &Drawn::new(model.as_ref(), keep), &WriteOptions::default()).unwrap();
    let names = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ];
    assert_eq!(listing(&same), names);
    for name in names {
        assert!(fs::read(same.join(name)).unwrap() == fs::read(from.path().join(name)).unwrap(), "{name}");
    }
    // Drawn in half the size: the index says so.
    let half = dir.path().join("deep/half");
    let fill = Drawn::new(model.as_ref(), draw).with_dtype(Dtype::Bf16);
    model.write(&half, &fill, &WriteOptions { overwrite: false, plan: Some("id".into()) }).unwrap();
    check(model.as_ref(), open(&half).unwrap().as_ref(), &fill);
    let index: serde_json::Value = serde_json::from_slice(&fs::read(half.join(names[3])).unwrap()).unwrap();
    assert_eq!(index["metadata"]["total_size"], 2 * (32 + 8 + 5 + 32 + 1) + 24);
    // A second run is refused as a whole, and one into the source's own folder works when it is asked for.
    assert!(matches!(model.write(&half, &fill, &WriteOptions::default()), Err(FileError::Exists(_))));
    model.write(from.path(), &fill, &WriteOptions { overwrite: true, plan: None }).unwrap();
    assert_eq!(listing(from.path()).len(), 5);
}

#[test]
fn folders_that_lie_are_refused() {
    let spoil = |file: &str, from: &str, to: &str| {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path());
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(text.contains(from));
        fs::write(dir.path().join(file), text.replacen(from, to, 1)).unwrap();
        open(dir.path()).err().unwrap().to_string()
    };
    let index = "model.safetensors.index.json";
    for (from, to, message) in [
        (
            "\"a.bias\"",
            "\"gone\"",
            "`weight_map.gone`: the index says that the tensor is in model-00001-of-00002.safetensors, but it is nowhere",
        ),
        (
            "model-00002",
            "../model-00002",
            "`weight_map.b.weight`: the file is `../model-00002-of-00002.safetensors`; expected the plain name",
        ),
        ("model-00002", "model-00001", "but it is in model-00002"),
        ("model-00002", "model-00003", "open for reading"),
        ("\"a.bias\"", "\"ids\"", "the name `ids` appears twice"),
        ("\"weight_map\"", "\"weights\"", "missing field `weight_map`"),
    ] {
        let error = spoil(index, from, to);
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
    let empty = tempfile::tempdir().unwrap();
    let error = open(empty.path()).err().unwrap().to_string();
    assert!(error.contains("the folder has no weights; expected model.safetensors or its index file"), "{error}");
    // The same tensor in two files.
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    fs::copy(dir.path().join("model-00001-of-00002.safetensors"), dir.path().join("model-00002-of-00002.safetensors"))
        .unwrap();
    let error = open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("`a.weight`: the tensor is also in") || error.contains("the tensor is also in"), "{error}");
}

#[test]
fn a_failure_in_the_middle_leaves_no_folder() {
    let (from, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(from.path());
    let model = open(from.path()).unwrap();
    let out = dir.path().join("out");
    let fill = Drawn::new(model.as_ref(), draw).with_dtype(Dtype::C64);
    assert!(model.write(&out, &fill, &WriteOptions::default()).is_err());
    assert!(!out.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn any_file_is_read_back_after_any_changes(
        shapes in prop::collection::vec((prop::collection::vec(0usize..6, 0..4), 0usize..5, 0u8..4), 0..9),
        plan: bool, large: bool,
    ) {
        use safetensors::Dtype::{BF16, F16, F32, F64, I8};
        let names: [&'static str; 9] = ["a", "b", "c.weight", "c.bias", "é\n\"", "", "0", "x.y", "z"];
        let mut tensors: Vec<Tensor> = shapes.iter().zip(names).map(|((shape, d, _), name)| (name, [F32, F16, BF16, F64, I8][*d], shape.clone())).collect();
        if large && let Some(tensor) = tensors.first_mut() {
            tensor.2 = vec![777, 1001];
        }
        let dir = tempfile::tempdir().unwrap();
        let (path, out) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
        fs::write(&path, bytes_of(&tensors, &[])).unwrap();
        let model = open(&path).unwrap();
        let wanted: HashMap<&str, u8> = names.iter().copied().zip(shapes.iter().map(|s| s.2)).collect();
        let fill = Drawn::new(model.as_ref(), |p| match wanted[p.name.as_str()] {
            _ if !p.dtype.is_float() => Want::Keep,
            0 => Want::Keep,
            1 => Want::Whole,
            2 => Want::Constant(0.5),
            _ => Want::Draw,
        });
        model.write(&out, &fill, &WriteOptions { overwrite: false, plan: plan.then(|| "id".to_owned()) }).unwrap();
        check(model.as_ref(), open(&out).unwrap().as_ref(), &fill);
        SafeTensors::deserialize(&fs::read(&out).unwrap()).unwrap();
    }
}
