//! Values that are taken: read once, digested on the way, and proved before anything has its name.

use fanin::fit::{Map, Step, Take, Taken};
use fanin::transfer::Options;
use fanin::{Action, Dtype, Plan, Recipe};
use fanin_model::{Model, Planned, Sources, WriteOptions, open, transfer, transfer_unread};
use std::path::{Path, PathBuf};

/// A file of every kind; the last has its bytes made by the test.
const SAMPLES: [&str; 10] = [
    "torch/state.pt",
    "torch/views.pt",
    "torch/state_old.pth",
    "numpy/plain.npz",
    "numpy/packed.npz",
    "keras/conv.keras",
    "keras/conv3.h5",
    "gguf/plain.gguf",
    "torch/state.safetensors",
    "mlp:40-300x2-3:relu",
];

fn sample(name: &str, dir: &Path) -> PathBuf {
    if name.contains(':') {
        let path = dir.join("made.onnx");
        std::fs::write(&path, fanin_model::architecture::onnx(name).unwrap()).unwrap();
        return path;
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

fn fresh(model: &dyn Model) -> Plan {
    fanin::plan::plan(model.params(), &Recipe::named("zero").unwrap(), &fanin::plan::Options::default()).unwrap()
}

#[test]
fn a_file_that_takes_all_of_itself_is_itself_and_another_one_is_refused() {
    for name in SAMPLES {
        let dir = tempfile::tempdir().unwrap();
        let path = sample(name, dir.path());
        let model = open(&path).unwrap();
        let (mut found, sources) = transfer_unread(fresh(model.as_ref()), &path, &Options::default()).unwrap();
        let out = dir.path().join("out");
        let taken = found.plan.takes().count();
        assert!(taken > 0, "{name}");
        // Written first, proved after: the same digests as those of a reading beforehand.
        let planned = Planned::new(model.params(), &found.plan).unwrap().taking(&sources);
        model.write(&out, &planned, &WriteOptions::default()).unwrap();
        // NumPy's arrays of other orders are written in its usual one, so tensors are compared, not files.
        let again = open(&out).unwrap();
        for i in 0..model.params().len() {
            assert!(again.bytes(i).unwrap() == model.bytes(i).unwrap(), "{name}: {}", model.params()[i].name);
        }
        sources.prove(&mut found.plan).unwrap();
        let ahead = transfer(fresh(model.as_ref()), &path, &Options::default()).unwrap().0.plan;
        assert_eq!(found.plan.to_json(), ahead.to_json(), "{name}");

        // A plan that was made with another file: nothing is left of what was written.
        std::fs::remove_file(&out).unwrap();
        drop(again);
        let last = found.plan.decisions.iter_mut().rev().find_map(|decision| match &mut decision.action {
            Action::Take(take) => take.tensors.last_mut(),
            _ => None,
        });
        let last = last.unwrap();
        last.digest = last.digest.chars().rev().collect();
        let wrong = last.name.clone();
        let sources = Sources::open(&found.plan, &[].into()).unwrap();
        let planned = Planned::new(model.params(), &found.plan).unwrap().taking(&sources);
        let error = model.write(&out, &planned, &WriteOptions::default()).unwrap_err().to_string();
        assert!(error.contains(&wrong) && error.contains("its digest is"), "{name}: {error}");
        let left = std::fs::read_dir(dir.path()).unwrap().filter(|e| e.as_ref().unwrap().path() != path).count();
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn what_was_read_in_part_or_twice_is_read_again_for_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let path = sample("mlp:40-300x2-3:relu", dir.path());
    let model = open(&path).unwrap();
    let (found, sources) = transfer_unread(fresh(model.as_ref()), &path, &Options::default()).unwrap();
    let ahead = transfer(fresh(model.as_ref()), &path, &Options::default()).unwrap().0.plan;
    for (times, part) in [(0, 1), (1, 2), (2, 1), (1, 1)] {
        let mut plan = found.plan.clone();
        for decision in &found.plan.decisions {
            let Action::Take(take) = &decision.action else { continue };
            let values = sources.values(decision, take, 0).unwrap();
            let count = decision.param.count().unwrap() as usize / part;
            for _ in 0..times {
                values.fill(0, &mut vec![0; 4 * count]).unwrap();
            }
        }
        sources.prove(&mut plan).unwrap();
        assert_eq!(plan.to_json(), ahead.to_json(), "{times} times, one part of {part}");
    }
}

#[test]
fn the_id_in_a_file_is_that_of_the_completed_plan() {
    let dir = tempfile::tempdir().unwrap();
    let path = sample("torch/state.safetensors", dir.path());
    let model = open(&path).unwrap();
    let (mut found, sources) = transfer_unread(fresh(model.as_ref()), &path, &Options::default()).unwrap();
    let before = found.plan.id();
    let out = dir.path().join("out.safetensors");
    let planned = Planned::new(model.params(), &found.plan).unwrap().taking(&sources);
    let options = WriteOptions { overwrite: false, plan: Some(before.clone()) };
    model.write(&out, &planned, &options).unwrap();
    sources.prove(&mut found.plan).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(&format!("\"fanin.plan\":\"{}\"", found.plan.id())) && !text.contains(&before));
    open(&out).unwrap();
    // A plan without digests is never mistaken for one that can be applied.
    let told = Plan::from_json(
        "p",
        &transfer_unread(fresh(model.as_ref()), &path, &Options::default()).unwrap().0.plan.to_json(),
    );
    assert!(told.unwrap_err().to_string().contains("has no digest"));
}

/// A safetensors file of one matrix, element `i` of which is `i`.
fn counted(path: &Path, rows: u64, columns: u64) {
    let len = rows * columns * 4;
    let header = format!(r#"{{"w":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[0,{len}]}}}}"#);
    let data = (0..rows * columns).flat_map(|i| (i as f32).to_le_bytes());
    std::fs::write(
        path,
        (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).chain(data).collect::<Vec<_>>(),
    )
    .unwrap();
}

#[test]
fn scattered_elements_are_those_of_the_whole_tensor() {
    // Several windows of what is read, the last one not full; parts of pages at both ends.
    let (rows, columns) = (1300, 1101);
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["source", "target"].map(|name| dir.path().join(format!("{name}.safetensors")));
    counted(&source, rows, columns);
    counted(&target, columns, 2 * rows);
    let mut plan = fresh(open(&target).unwrap().as_ref());
    let tensor = Taken { name: "w".into(), shape: vec![rows, columns], dtype: Dtype::F32, digest: String::new() };
    let twice = Map::Choose { indices: (0..2 * rows).map(|i| i / 2).collect() };
    let steps =
        vec![Step::Permute { order: vec![1, 0] }, Step::Along { axis: 1, map: twice }, Step::Scale { factor: 0.5 }];
    let file = source.display().to_string();
    plan.decisions[0].action = Action::Take(Take { file, tensors: vec![tensor], steps, rest: None, noise: None });
    let sources = Sources::open(&plan, &[].into()).unwrap();
    let Action::Take(take) = &plan.decisions[0].action else { panic!() };
    let values = sources.values(&plan.decisions[0], take, 0).unwrap();
    let total = (columns * 2 * rows) as usize;
    for (start, count) in [(0, total), (0, 1), (total - 1, 1), (12345, 98765), (2 * rows as usize * 700 + 3, 5)] {
        let mut out = vec![0; 4 * count];
        values.fill(start as u64, &mut out).unwrap();
        for (at, element) in out.as_chunks::<4>().0.iter().enumerate() {
            let (row, column) = ((start + at) as u64 / (2 * rows), (start + at) as u64 % (2 * rows));
            assert_eq!(f32::from_le_bytes(*element), (column / 2 * columns + row) as f32 / 2.0, "{start} + {at}");
        }
    }
    assert!(values.fill(total as u64 - 1, &mut [0; 8]).is_err(), "one element too many");
    drop(values);
    // Its digest is that of a reading in order.
    let mut proved = plan.clone();
    sources.prove(&mut proved).unwrap();
    let own = transfer(fresh(open(&source).unwrap().as_ref()), &source, &Options::default()).unwrap().0.plan;
    let digest = |plan: &Plan| plan.takes().next().unwrap().1.tensors[0].digest.clone();
    assert!(!digest(&proved).is_empty() && digest(&proved) == digest(&own));
}
