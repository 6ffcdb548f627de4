//! Files that lie, are cut off or were tampered with: one clear message, no panic, no output.

mod drawn;

use drawn::{Drawn, draw, keep, listing, testdata};
use fanin_model::{WriteOptions, open};
use std::fs;
use std::path::Path;

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn text(field: u64, content: &str) -> Vec<u8> {
    bytes(field, content.as_bytes())
}

/// A model with this content of its graph.
fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &number(2, 17))].concat()
}

/// An initializer `w` of `[2]` floats with these further fields.
fn tensor(dims: &[u64], code: u64, rest: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&d| number(1, d)).collect();
    bytes(5, &[dims, number(2, code), text(8, "w"), rest.concat()].concat())
}

fn entry(key: &str, value: &str) -> Vec<u8> {
    bytes(13, &[text(1, key), text(2, value)].concat())
}

fn external(location: &str, more: &[Vec<u8>]) -> Vec<u8> {
    tensor(&[2], 1, &[entry("location", location), more.concat(), number(14, 1)])
}

fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| text(1, name)).collect();
    let outputs: Vec<u8> = outputs.iter().flat_map(|name| text(2, name)).collect();
    bytes(1, &[inputs, outputs, text(4, op), attributes.concat()].concat())
}

fn refused(dir: &Path, file: &[u8]) -> String {
    let path = dir.join("model.onnx");
    fs::write(&path, file).unwrap();
    let error = open(&path).err().expect("a file like this must be refused").to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
    assert!(error.contains("expected ") && error.ends_with('.'), "{error}");
    error
}

#[test]
fn onnx_files_that_lie_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let eight = bytes(9, &[0; 8]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "the file has no version (ir_version); expected an ONNX model"),
        (number(1, 8), "the file has no graph"),
        ([number(1, 8), bytes(7, &[])].concat(), "the file has no operator set (opset_import)"),
        (
            [number(1, 8), vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
            "at byte 8: a field claims to have 4294967295 bytes; expected at most 0",
        ),
        (model(&[vec![0x0a, 200, 1, 0]]), "`graph`: a field claims to have 200 bytes; expected at most 1"),
        (
            model(&[tensor(&[3], 1, std::slice::from_ref(&eight))]),
            "`graph.initializer[0].raw_data`: the data have 8 bytes; expected 12",
        ),
        (model(&[tensor(&[2], 1, &[])]), "`graph.initializer[0].raw_data`: the tensor has no data; expected 8 bytes"),
        (
            model(&[tensor(&[2], 1, &[eight.clone(), bytes(4, &[0; 8])])]),
            "the elements stand in float_data and raw_data; expected one field",
        ),
        (model(&[tensor(&[2], 1, &[bytes(10, &[0; 16])])]), "elements of dtype f32 stand in this field"),
        (
            model(&[tensor(&[2], 10, &[bytes(5, &[1, 2, 3])])]),
            "`graph.initializer[0].int32_data`: the data have 6 bytes; expected 4",
        ),
        (
            model(&[tensor(&[2], 77, std::slice::from_ref(&eight))]),
            "`graph.initializer[0].data_type`: the type code is 77",
        ),
        (
            model(&[tensor(&[1 << 40, 1 << 40], 1, &[])]),
            "`graph.initializer[0].dims`: the shape [1099511627776, 1099511627776] has 2^58 elements or more",
        ),
        (model(&[tensor(&[u64::MAX, 0], 1, &[])]), "has 2^58 elements or more"),
        (
            model(&[tensor(&[2], 1, std::slice::from_ref(&eight)), tensor(&[2], 1, &[eight])]),
            "`graph.initializer[1]`: the name `w` is given to two values",
        ),
        (model(&[node("Relu", &["x"], &["y"], &[])]), "`graph.node[0]`: no node, input or initializer makes `x`"),
        (
            model(&[node("A", &[], &["y"], &[]), node("B", &[], &["y"], &[])]),
            "`graph.node[1]`: the name `y` is given to two values",
        ),
        (model(&[bytes(12, &text(1, "y"))]), "`graph.output[0]`: no node, input or initializer makes `y`"),
        (model(&[bytes(1, &[0x22, 2, 0xff, 0xfe])]), "`graph.node[0]`: a text is not UTF-8"),
    ];
    for (file, message) in cases {
        let error = refused(dir.path(), &file);
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut graph = Vec::new();
    for _ in 0..2000 {
        let attribute = bytes(5, &[text(1, "body"), bytes(6, &graph), number(20, 5)].concat());
        graph = node("Loop", &[], &[], &[attribute]);
    }
    let error = refused(dir.path(), &model(&[graph]));
    assert!(error.contains("graphs are nested too deeply; expected at most 32 levels"), "{error}");
    // Messages of unknown fields are not followed at all, and groups only with a counter.
    let error = refused(dir.path(), &model(&[vec![0x0b; 100_000]]));
    assert!(error.contains("groups are nested too deeply"), "{error}");
}

#[test]
fn external_data_cannot_leave_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("model");
    fs::create_dir(&dir).unwrap();
    fs::write(outer.path().join("secret"), [0; 100]).unwrap();
    for location in ["../secret", "a/../../secret", "/etc/passwd", "..\\secret", "C:\\secret", "", ".", "a/.."] {
        let error = refused(&dir, &model(&[external(location, &[])]));
        assert!(
            error.contains(&format!("`graph.initializer[0].external_data`: the location is `{location}`; expected")),
            "{error}"
        );
        assert!(error.contains("Data are only read from the model's own folder"), "{error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../secret", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("..", dir.join("up")).unwrap();
        for location in ["link", "up/secret"] {
            let error = refused(&dir, &model(&[external(location, &[])]));
            assert!(error.contains("not a link that leads out of it"), "{error}");
        }
        fs::write(dir.join("data"), [0; 100]).unwrap();
        std::os::unix::fs::symlink("data", dir.join("inside")).unwrap();
        fs::write(dir.join("model.onnx"), model(&[external("inside", &[])])).unwrap();
        open(dir.join("model.onnx")).expect("a link inside the folder is fine");
    }
}

#[test]
fn external_data_that_lie_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data"), [0; 100]).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    for (location, more, message) in [
        (
            "data",
            vec![entry("offset", "93")],
            "8 bytes at 93 of `data` were named; expected a range inside the 100 bytes",
        ),
        ("data", vec![entry("offset", "18446744073709551615")], "8 bytes at 18446744073709551615 of `data`"),
        ("data", vec![entry("offset", "-1")], "offset is `-1`; expected a number of bytes"),
        ("data", vec![entry("length", "4")], "length is 4; expected 8, by shape and type"),
        ("folder", vec![], "open for reading: it is a folder"),
    ] {
        let error = refused(dir.path(), &model(&[external(location, &more)]));
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
}

#[test]
fn a_shape_node_with_an_absurd_shape_is_refused_or_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let filled = |shape: i64| {
        let dims = [number(1, 1), number(2, 7), text(8, "s"), bytes(9, &shape.to_le_bytes())].concat();
        let used = node("MatMul", &["x", "w"], &["y"], &[]);
        model(&[bytes(5, &dims), bytes(11, &text(1, "x")), node("ConstantOfShape", &["s"], &["w"], &[]), used])
    };
    for shape in [-1, 1 << 60] {
        let error = refused(dir.path(), &filled(shape));
        assert!(error.contains(&format!("`graph.node[0]`: the shape is [{shape}]; expected sizes")), "{error}");
    }
    // Plausible as a number: opening it is free, and asking for the bytes or writing them is an error, not the end.
    let path = dir.path().join("model.onnx");
    let w = |opened: &dyn fanin_model::Model| opened.params().iter().position(|p| p.name == "w").unwrap();
    for shape in [1 << 30, 1 << 57] {
        fs::write(&path, filled(shape)).unwrap();
        let opened = open(&path).unwrap();
        let error = opened.bytes(w(opened.as_ref())).unwrap_err().to_string();
        assert!(error.contains("expected a tensor of at most 2 GiB"), "{error}");
    }
    let opened = open(&path).unwrap();
    let error =
        opened.write(&dir.path().join("out.onnx"), &Drawn::new(opened.as_ref(), draw), &WriteOptions::default());
    assert!(error.unwrap_err().to_string().contains("reserve 576460752303423488 bytes"));
    assert_eq!(listing(dir.path()), ["model.onnx"]);
}

#[test]
fn other_formats_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    for (start, message) in [
        (&b""[..], "the file is empty"),
        (b"PK\x03\x04rest", "the archive has no end record"),
        (b"\x80\x02rest", "this is a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "the HDF5 structure cannot be read"),
        (b"GGUF\x03", "`version`: 4 bytes are announced"),
        (b"hello world", "none of the formats"),
    ] {
        fs::write(&path, start).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = open(dir.path().join("nowhere.onnx")).err().unwrap().to_string();
    assert!(error.contains("nowhere.onnx: open for reading: ") && error.ends_with("Check the path."), "{error}");
}

fn small_files() -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(testdata().join("onnx")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    files
}

fn safetensors_file() -> Vec<u8> {
    let json = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"I8","shape":[3],"data_offsets":[24,27]}}"#;
    [&(json.len() as u64).to_le_bytes()[..], json, &[7; 27]].concat()
}

/// Opens what stands in `path`, and if that works writes it in two ways; nothing of it may panic.
fn exercise(dir: &Path, path: &Path) -> bool {
    let Ok(model) = open(path) else { return false };
    // Replacing a file would force it to the disk each time.
    let _ = (fs::remove_file(dir.join("kept")), fs::remove_file(dir.join("drawn")));
    let options = WriteOptions::default();
    let keep = Drawn::new(model.as_ref(), keep);
    model.write(&dir.join("kept"), &keep, &options).expect("an unchanged copy");
    assert!(fs::read(dir.join("kept")).unwrap() == fs::read(path).unwrap());
    // May be refused: a shape can have become too large for the disk, or for the patience of a test.
    let huge = model.params().iter().any(|p| p.count().is_ok_and(|n| n > 1 << 20));
    for i in 0..if huge { 0 } else { model.params().len() } {
        let _ = model.bytes(i);
    }
    if !huge {
        let _ = model.write(&dir.join("drawn"), &Drawn::new(model.as_ref(), draw), &options);
    }
    true
}

#[test]
fn every_truncation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.onnx");
    for source in small_files() {
        let whole = fs::read(&source).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let opened = open(&path).is_ok();
            // Protobuf does not say where a message ends, so a cut between the fields behind the last one that a model
            // needs cannot be seen: in one file such fields were put there.
            let unseen = source.ends_with("odd.onnx") && len + 40 >= whole.len();
            assert!(!opened || unseen, "{} cut to {len} of {}", source.display(), whole.len());
        }
    }
    let path = dir.path().join("cut.safetensors");
    let whole = safetensors_file();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(open(&path).is_err(), "cut to {len}");
    }
}

#[test]
fn flipped_bits_do_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut all) = (0, 0);
    for source in small_files() {
        let whole = fs::read(&source).unwrap();
        let path = dir.path().join("flipped.onnx");
        // A stride that no power of two divides meets every bit of a byte.
        for bit in (0..whole.len() * 8).step_by(23) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            opened += usize::from(exercise(dir.path(), &path));
            all += 1;
        }
    }
    assert!(opened > all / 10 && opened < all, "{opened} of {all}");
    let path = dir.path().join("flipped.safetensors");
    let whole = safetensors_file();
    for bit in (0..whole.len() * 8).step_by(3) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        exercise(dir.path(), &path);
    }
}
