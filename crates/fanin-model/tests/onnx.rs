//! ONNX files of every form: opened, rewritten, read back.

mod drawn;

use drawn::{Drawn, Want, draw, draw_weights, keep, listing, onnx_files, testdata};
use fanin::graph::Content;
use fanin_model::{FileError, Format, Model, WriteOptions, open};
use std::fs;
use std::path::{Path, PathBuf};

fn rewrite(model: &dyn Model, out: &Path, fill: &Drawn) -> Result<Box<dyn Model>, FileError> {
    model.write(out, fill, &WriteOptions::default())?;
    open(out)
}

fn count(model: &dyn Model, index: usize) -> u64 {
    model.params()[index].count().unwrap()
}

/// Every drawn parameter has its values under its name, and every kept one the bytes it had.
fn check(before: &dyn Model, after: &dyn Model, fill: &Drawn) {
    for (i, param) in before.params().iter().enumerate() {
        let name = &param.name;
        let found = after.params().iter().position(|p| p.name == *name);
        let j = found.unwrap_or_else(|| {
            panic!("{name} is not in {:?}", after.params().iter().map(|p| &p.name).collect::<Vec<_>>())
        });
        assert_eq!(after.params()[j].shape, param.shape, "{name}");
        let bytes = after.bytes(j).unwrap();
        let expected = if fill.wants[i] == Want::Keep {
            before.bytes(i).unwrap().map(Into::into)
        } else {
            Some(fill.bytes(i, count(before, i)))
        };
        assert!(bytes.as_deref() == expected.as_deref(), "{name}: other bytes than expected");
    }
}

#[test]
fn a_graph_has_all_that_running_it_needs() {
    let model = open(testdata().join("graphs/lstm_lm.graph.onnx")).unwrap();
    assert_eq!(model.graph().unwrap().opsets.get(""), Some(&20));
    let model = open(testdata().join("onnx/constants.onnx")).unwrap();
    let graph = model.graph().unwrap();
    let mut read = 0;
    for (i, value) in graph.values.iter().enumerate() {
        let bytes = model.constant(fanin::graph::ValueId(i)).unwrap();
        let Some(constant) = &value.constant else {
            assert!(bytes.is_none(), "{}", value.name);
            continue;
        };
        let size = constant.dtype.size().unwrap_or(0) as u64;
        assert_eq!(bytes.map(|bytes| bytes.len() as u64), Some(constant.count() * size), "{}", value.name);
        read += 1;
    }
    assert!(read > 3);
}

#[test]
fn nothing_changed_means_nothing_written_differently() {
    for path in onnx_files() {
        let dir = tempfile::tempdir().unwrap();
        let model = open(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(model.format(), Format::Onnx);
        let out = dir.path().join("out.onnx");
        rewrite(model.as_ref(), &out, &Drawn::new(model.as_ref(), keep)).unwrap();
        assert!(fs::read(&out).unwrap() == fs::read(&path).unwrap(), "{}", path.display());
    }
}

#[test]
fn every_drawn_tensor_is_read_back_from_every_file() {
    for path in onnx_files() {
        for whole in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let model = open(&path).unwrap();
            let want = |p: &fanin::Param| if whole && draw(p) == Want::Draw { Want::Whole } else { draw(p) };
            let fill = Drawn::new(model.as_ref(), want);
            let after = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill);
            check(model.as_ref(), after.unwrap_or_else(|e| panic!("{e}")).as_ref(), &fill);
        }
    }
}

/// Where `FANIN_WRITTEN` names a folder, the outputs stay there for `check.py`, which runs them.
#[test]
fn weights_are_drawn_and_constants_kept_in_every_file() {
    let stay = std::env::var_os("FANIN_WRITTEN").map(PathBuf::from);
    for path in onnx_files() {
        let dir = tempfile::tempdir().unwrap();
        let folder = stay.as_deref().unwrap_or(dir.path());
        let out = folder.join(path.file_name().unwrap());
        let model = open(&path).unwrap();
        // Masks, position tables and initial states whose file is missing cannot be kept: they get zeros.
        let lost = |p: &fanin::Param| {
            let constant = p.place.value.and_then(|v| model.graph().unwrap().values[v].constant.as_ref());
            constant.is_some_and(|c| c.content == Content::Missing)
        };
        let want = |p: &fanin::Param| match draw_weights(p) {
            Want::Keep if lost(p) => Want::Constant(0.0),
            want => want,
        };
        let fill = Drawn::new(model.as_ref(), want);
        let after = rewrite(model.as_ref(), &out, &fill);
        check(model.as_ref(), after.unwrap_or_else(|e| panic!("{e}")).as_ref(), &fill);
    }
}

#[test]
fn bytes_that_are_no_weights_stay() {
    // Same sizes: every byte outside of the weights is where it was.
    let path = testdata().join("onnx/constants.onnx");
    let model = open(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.onnx");
    let fill = Drawn::new(model.as_ref(), |p| if p.name == "w" { Want::Draw } else { Want::Keep });
    let after = rewrite(model.as_ref(), &out, &fill).unwrap();
    let (old, new) = (fs::read(&path).unwrap(), fs::read(&out).unwrap());
    assert_eq!(old.len(), new.len());
    let differing: Vec<usize> = (0..old.len()).filter(|&i| old[i] != new[i]).collect();
    let (first, last) = (differing[0], differing[differing.len() - 1]);
    assert!(last - first < 4 * 8 * 4, "{differing:?}");
    check(model.as_ref(), after.as_ref(), &fill);
}

#[test]
fn unknown_fields_and_split_graphs_survive_edits() {
    let model = open(testdata().join("onnx/odd.onnx")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.onnx");
    rewrite(model.as_ref(), &out, &Drawn::new(model.as_ref(), draw)).unwrap();
    let bytes = fs::read(&out).unwrap();
    assert_eq!(bytes.windows(7).filter(|w| w == b"unknown").count(), 5);
    // Its floats stood one by one; now they stand as raw data, and the length of three bytes became a plain one.
    let old = fs::read(testdata().join("onnx/odd.onnx")).unwrap();
    assert_eq!(bytes.len(), old.len() - 4 * 5 + 2 + 16 - 2);
}

#[test]
fn a_shared_tensor_parts_only_where_values_differ() {
    for ir in [3, 8] {
        let model = open(testdata().join(format!("onnx/shared_ir{ir}.onnx"))).unwrap();
        let names: Vec<_> = model.params().iter().map(|p| p.name.clone()).filter(|n| n.starts_with("zeros")).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        let initializers = |model: &dyn Model| {
            let graph = model.graph().unwrap();
            graph.values.iter().filter(|v| v.constant.is_some()).map(|v| v.name.clone()).collect::<Vec<_>>()
        };
        let write = |want: &dyn Fn(&fanin::Param) -> Want| {
            let dir = tempfile::tempdir().unwrap();
            let fill = Drawn::new(model.as_ref(), want);
            let after = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill).unwrap();
            check(model.as_ref(), after.as_ref(), &fill);
            assert_eq!(after.graph().unwrap().inputs.len(), 1);
            (initializers(after.as_ref()), after)
        };
        // The same constant everywhere: nothing has to part.
        let (all, _) = write(&|p| if p.name.starts_with("zeros") { Want::Constant(0.25) } else { Want::Keep });
        assert_eq!(all, ["w0", "w1", "w2", "zeros", "ones"]);
        // One differs: it parts, the two others stay together.
        let one = names[1].clone();
        let (all, _) = write(&|p| if p.name == one { Want::Draw } else { Want::Keep });
        assert_eq!(all, ["w0", "w1", "w2", "zeros", "ones", one.as_str()]);
        // Two get the same constant and go on sharing, the third parts.
        let (all, _) = write(&|p| match &p.name {
            n if *n == one => Want::Draw,
            n if n.starts_with("zeros") => Want::Constant(1.5),
            _ => Want::Keep,
        });
        assert_eq!(all, ["w0", "w1", "w2", "zeros", "ones", one.as_str()]);
        // All differ: each has its own, and the shared one is gone.
        let (all, _) = write(&|p| if p.name.starts_with("zeros") { Want::Draw } else { Want::Keep });
        assert_eq!(all.len(), 7);
        assert!(!all.contains(&"zeros".to_owned()) && names.iter().all(|n| all.contains(n)), "{all:?}");
    }
}

#[test]
fn a_use_that_no_parameter_speaks_for_keeps_the_old_values() {
    let model = open(testdata().join("onnx/shared_guard.onnx")).unwrap();
    for want in [Want::Draw, Want::Constant(0.25)] {
        let dir = tempfile::tempdir().unwrap();
        let fill = Drawn::new(model.as_ref(), |p| if p.name.starts_with("zeros") { want } else { Want::Keep });
        assert_eq!(fill.wants.iter().filter(|w| **w == want).count(), 3);
        let after = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill).unwrap();
        let graph = after.graph().unwrap();
        let floor = graph.nodes.iter().find(|n| n.name == "floor").unwrap();
        let zeros = graph.value(floor.inputs[1].unwrap());
        assert_eq!(zeros.name, "zeros");
        assert_eq!(zeros.constant.as_ref().unwrap().content, Content::Equal(0.0));
        let fresh = graph.values.iter().filter(|v| v.constant.is_some() && v.name.starts_with("zeros@")).count();
        assert_eq!(fresh, 3);
    }
}

#[test]
fn a_filled_tensor_becomes_an_initializer() {
    for ir in [3, 8] {
        let model = open(testdata().join(format!("onnx/filled_ir{ir}.onnx"))).unwrap();
        let contents: Vec<_> = model
            .graph()
            .unwrap()
            .values
            .iter()
            .filter_map(|v| Some((v.name.as_str(), v.constant.as_ref()?.content)))
            .collect();
        assert!(
            contents.contains(&("w", Content::Equal(f64::from(0.02f32))))
                && contents.contains(&("b", Content::Equal(0.0))),
            "{contents:?}"
        );
        let dir = tempfile::tempdir().unwrap();
        let fill = Drawn::new(model.as_ref(), |p| if p.name == "w" { Want::Draw } else { Want::Keep });
        let after = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill).unwrap();
        check(model.as_ref(), after.as_ref(), &fill);
        let ops: Vec<_> = after.graph().unwrap().nodes.iter().map(|n| n.op.as_str()).collect();
        assert_eq!(ops, ["ConstantOfShape", "ConstantOfShape", "Gemm", "Relu", "MatMul"]);
    }
}

#[test]
fn nested_graphs_resolve_names_by_scope() {
    let model = open(testdata().join("onnx/nested.onnx")).unwrap();
    let graph = model.graph().unwrap();
    let node = |op: &str| graph.nodes.iter().find(|n| n.op == op).unwrap();
    assert_eq!(node("If").bodies.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(), ["else_branch", "then_branch"]);
    assert_eq!(node("Loop").bodies[0].inputs.len(), 3);
    let shared = graph.values.iter().find(|v| v.name == "shared").unwrap();
    assert_eq!(shared.uses.len(), 2, "once in the loop's body, once outside");
    let names: Vec<_> = model.params().iter().map(|p| p.name.as_str()).collect();
    for weight in ["w_then", "w_else", "b_else", "w_loop", "w_scan"] {
        assert!(names.contains(&weight), "{names:?}");
    }
}

#[test]
fn external_data_stay_external_under_the_outputs_name() {
    let dir = tempfile::tempdir().unwrap();
    let model = open(testdata().join("onnx/external.onnx")).unwrap();
    let fill = Drawn::new(model.as_ref(), draw);
    let after = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill).unwrap();
    check(model.as_ref(), after.as_ref(), &fill);
    assert_eq!(listing(dir.path()), ["out.onnx", "out.onnx.data"]);
    let old = fs::metadata(testdata().join("onnx/external.onnx")).unwrap().len();
    assert!(fs::metadata(dir.path().join("out.onnx")).unwrap().len() < old + 100);
    // A kept table came along; the new file does not need the old folder.
    let moved = tempfile::tempdir().unwrap();
    for name in ["out.onnx", "out.onnx.data"] {
        fs::rename(dir.path().join(name), moved.path().join(name)).unwrap();
    }
    check(model.as_ref(), open(moved.path().join("out.onnx")).unwrap().as_ref(), &fill);
}

#[test]
fn unchanged_external_data_come_along_to_another_folder() {
    let dir = tempfile::tempdir().unwrap();
    let model = open(testdata().join("onnx/external.onnx")).unwrap();
    rewrite(model.as_ref(), &dir.path().join("out.onnx"), &Drawn::new(model.as_ref(), keep)).unwrap();
    assert_eq!(listing(dir.path()), ["external.bin", "out.onnx"]);
    assert!(
        fs::read(dir.path().join("external.bin")).unwrap() == fs::read(testdata().join("onnx/external.bin")).unwrap()
    );
}

#[test]
fn missing_external_data_can_be_planned_and_drawn_but_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.onnx");
    let model = open(testdata().join("onnx/external_missing.onnx")).unwrap();
    let w = model.params().iter().position(|p| p.name == "w").unwrap();
    assert!(model.bytes(w).unwrap().is_none());
    let fill = Drawn::new(model.as_ref(), |p| if p.name == "w" { Want::Keep } else { draw(p) });
    let error = rewrite(model.as_ref(), &out, &fill).err().unwrap().to_string();
    assert!(
        error.contains("`w.external_data`: the tensor is kept, but the file `missing.bin` that holds it is missing; expected that file beside the model"),
        "{error}"
    );
    assert!(listing(dir.path()).is_empty());
    // Everything drawn: the output stands alone.
    let fill = Drawn::new(model.as_ref(), draw);
    let after = rewrite(model.as_ref(), &out, &fill).unwrap();
    check(model.as_ref(), after.as_ref(), &fill);
    assert_eq!(listing(dir.path()), ["out.onnx"]);
}

#[test]
fn another_dtype_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let model = open(testdata().join("onnx/typed.onnx")).unwrap();
    let fill = Drawn::new(model.as_ref(), draw).with_dtype(fanin::Dtype::Bf16);
    let error = rewrite(model.as_ref(), &dir.path().join("out.onnx"), &fill).err().unwrap().to_string();
    assert!(error.contains("values of dtype bf16 were asked for a tensor of f32"), "{error}");
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn module_paths_and_carried_kinds_are_read() {
    let model = open(testdata().join("onnx/kinds.onnx")).unwrap();
    let graph = model.graph().unwrap();
    assert_eq!(graph.nodes[0].scope.as_deref(), Some("block.0.proj"));
    let value = |name: &str| graph.values.iter().find(|v| v.name == name).unwrap();
    assert!(value("sparse").constant.is_none());
    assert_eq!(value("sparse").shape, Some(vec![Some(8)]));
    assert_eq!(value("empty").constant.as_ref().unwrap().count(), 0);
}

#[test]
fn the_output_may_replace_its_own_source() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["external.onnx", "external.bin"] {
        fs::copy(testdata().join("onnx").join(name), dir.path().join(name)).unwrap();
    }
    let path = dir.path().join("external.onnx");
    let before = open(testdata().join("onnx/external.onnx")).unwrap();
    let model = open(&path).unwrap();
    let fill = Drawn::new(model.as_ref(), |p| if p.name == "w" { Want::Draw } else { Want::Keep });
    assert!(matches!(model.write(&path, &fill, &WriteOptions::default()), Err(FileError::Exists(_))));
    model.write(&path, &fill, &WriteOptions { overwrite: true, plan: None }).unwrap();
    check(before.as_ref(), open(&path).unwrap().as_ref(), &fill);
}
