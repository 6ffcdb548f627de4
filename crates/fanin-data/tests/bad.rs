//! Bad data: each kind is refused where it stands, and no bytes make the program end.

use fanin_data::{DataSpec, Input, Task, Wanted, open, prepare, read};
use proptest::prelude::*;
use std::path::Path;

fn said(spec: &str, bytes: &[u8]) -> String {
    let spec: DataSpec = spec.parse().unwrap();
    let name = spec.origin.to_string();
    let made = read(&name, bytes, &spec.options).and_then(|raw| prepare(&name, raw, &spec.options, None));
    made.expect_err("bad data are refused").to_string()
}

#[test]
fn bad_tables_are_refused_with_row_and_column() {
    for (spec, text, expected) in [
        ("t.csv", "", "there are no rows; expected one or more"),
        ("t.csv", "a,b\n", "there are no rows"),
        ("t.csv", "a,b\n1,nan\n2,0\n", "row 1 (line 2), column 2 (`b`): the value is nan; expected a finite number"),
        ("t.csv", "a,b\n1,0\ninf,1\n", "row 2 (line 3), column 1 (`a`): the value is inf"),
        ("t.csv", "1,0\n1e300,1\n", "row 2 (line 2), column 1: the value is 1e300"),
        ("t.csv", "a,b\n1,0\n\n,1\n", "row 2 (line 4), column 1 (`a`): the cell is empty"),
        ("t.csv", "a,b\n1,0\nred,1\n", "row 2 (line 3), column 1 (`a`): `red` is no number"),
        ("t.csv", "a,b\n1,x\n2,\n3,y\n", "row 2 (line 3), column 2 (`b`): the label is empty"),
        ("t.csv", "a,b\n1,0\n2,1,3\n", "line 3: there are 3 columns; expected 2, as in line 1"),
        ("t.csv#task=classification", "a,b\n1,5\n2,5\n3,5\n", "all 3 labels are 5; expected two classes or more"),
        (
            "t.csv#task=classification",
            "a,b\n1,0\n2,-1\n3,1\n",
            "row 2, target (`b`): the label is -1; expected whole numbers from 0 to 1",
        ),
        (
            "t.csv#task=classification",
            "a,b\n1,0\n2,0.5\n3,1\n4,0.5\n",
            "row 2, target (`b`): the label is 0.5, and 1 more are out of range",
        ),
        (
            "t.csv#task=binary",
            "a,b\n1,0\n2,2\n3,1\n",
            "row 2, target (`b`): the label is 2; expected whole numbers from 0 to 1",
        ),
        ("t.csv#label=c", "a,b\n1,0\n2,1\n", "there is no column `c`; expected one of a, b"),
        ("t.csv#label=7", "1,0\n2,1\n", "there is no column `7`; expected a number from 1 to 2"),
        ("t.csv#label=a+b", "a,b\n1,0\n2,1\n", "all of them are targets"),
        ("t.txt", "short", "the text has 5 characters; expected 129 or more"),
        ("t.xls", "1,2", "the ending of `t.xls` is not known"),
    ] {
        let shown = said(spec, text.as_bytes());
        assert!(shown.contains(expected), "{spec} {text:?}: {shown}");
    }
    assert!(said("t.csv", b"a,b\n1,\xff\n").contains("line 2, column 2: the text is not UTF-8"));
    assert!(said("t.txt", b"one\ntw\xc3\xa4\xff").contains("line 2, column 4: the byte 0xff is not part of UTF-8"));
    assert!(said("t.csv.gz", b"no gzip").contains("cannot be unpacked"));
}

/// A column of whole numbers beside a model that gives several answers says which is right.
#[test]
fn labels_out_of_a_models_range_are_refused_where_they_stand() {
    let input = Input { name: "x".into(), shape: vec![Some(1)], whole: false, choices: None };
    let three = Wanted { inputs: vec![input], output: vec![Some(3)], is_probability: false };
    let made = |text: &str| {
        let spec: DataSpec = "t.csv".parse().unwrap();
        let raw = read("t.csv", text.as_bytes(), &spec.options).unwrap();
        prepare("t.csv", raw, &spec.options, Some(&three)).map_err(|error| error.to_string())
    };
    for (label, expected) in [("3", "0 to 2"), ("-1", "0 to 2"), ("700", "0 to 2")] {
        let said = made(&format!("a,b\n1,0\n2,{label}\n3,1\n4,2\n")).unwrap_err();
        assert!(
            said.contains(&format!("row 2, target (`b`): the label is {label}")) && said.contains(expected),
            "{said}"
        );
    }
    // A class that never occurs is no reason to take labels for numbers.
    let data = made("a,b\n1,0\n2,2\n3,0\n").unwrap();
    assert_eq!(data.task.task, Task::Classification { classes: 3 });
    assert!(data.task.because.contains("the model gives 3 answers"), "{}", data.task.because);
    assert!(made("a,b\n1,0.5\n2,2\n").unwrap_err().contains("a row has 1 targets, and the model gives 3"));
}

#[test]
fn one_class_only_is_refused() {
    assert!(said("t.csv#task=binary", b"a,b\n1,1\n2,1\n").contains("all 2 labels are 1; expected two classes"));
    assert!(said("t.csv", b"a,b\n1,x\n2,x\n").contains("all 2 labels are 0"));
}

/// An `.npy` file.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), data].concat()
}

#[test]
fn bad_arrays_are_refused() {
    let nan: Vec<u8> = [1.0f32, 2.0, f32::NAN, f32::INFINITY].iter().flat_map(|v| v.to_le_bytes()).collect();
    for (bytes, expected) in [
        (npy("<f4", "(2, 2)", &nan), "row 2, column 1: the value is NaN, and 1 more values are not finite"),
        (npy("<f4", "(1, 2, 2)", &nan), "row 1, place 2, 1: the value is NaN"),
        (npy("<f4", "(2, 3)", &nan), "there are 16 bytes of data; expected 24, as the shape [2, 3] says"),
        (npy("<f4", "(0, 2)", &[]), "there are no rows"),
        (npy("<f4", "(2, 0)", &[]), "there are no rows"),
        (npy("<f4", "()", &nan[..4]), "the array is a single number; expected rows"),
        (npy("<f4", "(99999999999, 99999999999)", &nan), "has more elements than can be held"),
        (npy("<f4", "(18446744073709551615, 2)", &nan), "has more elements than can be held"),
        (npy("<c8", "(2,)", &nan), "the element type is `<c8`"),
        (npy("?f4", "(4,)", &nan), "the byte order is `?`"),
        (npy("|O", "(4,)", &nan), "the element type is `|O`"),
        (b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(), "the header is cut off"),
        (b"\x93NUMPY\x01\x00\x02\x00{}".to_vec(), "the header is `{}`"),
        (b"no array".to_vec(), "the file does not begin as .npy does"),
    ] {
        let shown = said("a.npy", &bytes);
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(said("a.npz", b"PK\x03\x04").contains("the archive cannot be read"));
    assert!(said("a.safetensors", &[255; 40]).contains("it cannot be read"));
}

#[test]
fn whole_numbers_that_are_no_labels_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.npy"), npy("|u1", "(4, 1)", &[1, 2, 3, 4])).unwrap();
    std::fs::write(dir.path().join("y.npy"), npy("|i1", "(4,)", &[0, 1, 255, 1])).unwrap();
    std::fs::write(dir.path().join("short.npy"), npy("|i1", "(3,)", &[0, 1, 1])).unwrap();
    let shown = |options: &str| {
        let spec = format!("{}/x.npy#{options}", dir.path().display());
        open(&spec.parse().unwrap(), None).unwrap_err().to_string()
    };
    assert!(shown("y=y.npy,task=classification").contains("x.npy: row 3, target: the label is -1"));
    assert!(shown("y=short.npy").contains("`input` has 4 rows and the targets have 3"));
    assert!(shown("y=missing.npy").contains("it cannot be read"));
}

#[test]
fn bad_folders_and_paths_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shown = || open(&dir.path().display().to_string().parse().unwrap(), None).unwrap_err().to_string();
    assert!(shown().contains("the folder has no file `train-images…`"));
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", &[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]);
    write("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 1]);
    assert!(shown().contains("`input` has 2 rows and the targets have 3"));
    write("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 9, 0, 1, 1]);
    assert!(shown().contains("there are 3 bytes of data; expected 9, as the shape [9] says"));
    write("train-labels-idx1-ubyte", &[0, 0, 7, 1]);
    assert!(shown().contains("the type is 7"));
    write("train-labels-idx1-ubyte", &[0, 0, 8, 200, 0]);
    assert!(shown().contains("200 sizes do not fit"));
    write("train-labels-idx1-ubyte", &[0, 0]);
    assert!(shown().contains("does not begin with two zeros"));
    let missing = open(&"/nowhere/at/all.csv".parse().unwrap(), None).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/at/all.csv: it cannot be read"), "{missing}");
}

/// Good files, to be damaged.
fn good() -> Vec<(&'static str, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/data");
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    vec![
        ("a.npz", file("pair.npz")),
        ("a.npz", file("odd.npz")),
        ("a.npy", file("x.npy")),
        ("a.safetensors", file("pair.safetensors")),
        ("a.csv", b"a,b,c\n1,2,x\n3,4,y\n5,\"6\",x\n".to_vec()),
        ("a.csv.gz", file("idx/train-images-idx3-ubyte.gz")),
        ("a.txt", "ein Text mit Zeichen, länger als zwei Zeilen zusammen; ".repeat(4).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_never_end_the_program(which in 0usize..7, at: prop::sample::Index, byte: u8, cut: Option<prop::sample::Index>) {
        let (name, mut bytes) = good()[which].clone();
        let i = at.index(bytes.len());
        bytes[i] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let spec: DataSpec = "a.csv#standardize".parse().unwrap();
        if let Ok(raw) = read(name, &bytes, &spec.options) {
            let _ = prepare(name, raw, &spec.options, None);
        }
    }

    #[test]
    fn any_bytes_never_end_the_program(which in 0usize..7, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (name, _) = good()[which];
        if let Ok(raw) = read(name, &bytes, &DataSpec { origin: "digits".parse().unwrap(), options: fanin_data::Options::default() }.options) {
            let _ = prepare(name, raw, &fanin_data::Options::default(), None);
        }
    }
}
