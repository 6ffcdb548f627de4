//! Values that are taken: read once, digested on the way, and proved before anything has its name.

use fanin::transfer::Options;
use fanin::{Action, Plan, Recipe};
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
