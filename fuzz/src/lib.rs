//! What every target does with its bytes.

use fanin::fit::{Array, Gather};
use fanin::generate::Taking;
use fanin::{Action, Decision, Plan, Region};
use fanin_model::{Change, Fill, Model, Values, WriteOptions, open};
use std::path::Path;

/// Elements of tensors that are read.
const MOST: u64 = 1 << 24;

struct Keep;

impl Fill for Keep {
    fn change(&self, _: usize) -> Change {
        Change::Keep
    }

    fn values<'a>(&'a self, _: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        unreachable!("everything is kept")
    }
}

/// Opens `data` as a file whose name ends with `extension`: that may be refused, never panic. What opens is read, and
/// copied byte by byte.
pub fn exercise(extension: &str, data: &[u8]) {
    // Threads of one process each have their own.
    let own = format!("fanin-fuzz-{extension}-{}-{:?}", std::process::id(), std::thread::current().id());
    let dir = std::env::temp_dir().join(own);
    std::fs::create_dir_all(&dir).unwrap();
    let (path, out) = (dir.join(format!("in.{extension}")), dir.join(format!("out.{extension}")));
    std::fs::write(&path, data).unwrap();
    let opened = open(&path);
    if let Ok(model) = &opened {
        copies(model.as_ref(), &out, data);
    }
    drop(opened);
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Opens a folder in the Hugging Face layout whose files are these: that may be refused, never panic. What opens is read.
pub fn exercise_folder(files: &[(&str, &[u8])]) {
    let own = format!("fanin-fuzz-folder-{}-{:?}", std::process::id(), std::thread::current().id());
    let dir = std::env::temp_dir().join(own);
    std::fs::create_dir_all(&dir).unwrap();
    for (name, data) in files {
        std::fs::write(dir.join(name), data).unwrap();
    }
    if let Ok(model) = open(&dir) {
        for (i, param) in model.params().iter().enumerate() {
            if param.count().is_ok_and(|count| count <= MOST) {
                let _ = model.bytes(i);
            }
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Elements of parameters that a plan makes.
const MOST_MADE: u64 = 1 << 16;

/// Reads `data` as a plan: that may be refused, never panic. What is read is the same once it is written, and makes values.
pub fn exercise_plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(plan) = Plan::from_json("plan.json", text) else { return };
    assert_eq!(Plan::from_json("again", &plan.to_json()).unwrap().id(), plan.id());
    for decision in &plan.decisions {
        let Some(count) = decision.param.count().ok().filter(|&count| count <= MOST_MADE) else { continue };
        let mut out = vec![0; count as usize * decision.dtype.size().unwrap_or(1)];
        let Action::Take(take) = &decision.action else {
            let _ = fanin::generate::fill_of(&plan, decision, &Region::Flat(0..count), &mut out);
            continue;
        };
        let held = |shape: &[u64]| {
            let count = shape.iter().try_fold(1u64, |n, &size| n.checked_mul(size)).filter(|&n| n <= MOST_MADE)?;
            Array::new(shape, (0..count).map(|i| i as f64).collect()).ok()
        };
        let tensors: Option<Vec<Array>> = take.tensors.iter().map(|tensor| held(&tensor.shape)).collect();
        if let Some(tensors) = tensors {
            let whole = fanin::generate::taken(decision, plan.seed, tensors.clone());
            in_pieces(decision, plan.seed, &Held(tensors), &mut out, whole.ok().as_deref());
        }
    }
}

struct Held(Vec<Array>);

impl Gather for Held {
    fn gather(&self, tensor: usize, indices: &mut [u64]) -> Result<(), fanin::Refusal> {
        let values = self.0[tensor].values();
        for index in indices {
            *index = values[*index as usize].to_bits();
        }
        Ok(())
    }
}

/// What can be made piece by piece is what is made as a whole, or refused like it.
fn in_pieces(decision: &Decision, seed: u64, held: &Held, out: &mut [u8], whole: Option<&[u8]>) {
    let Ok(Some(taking)) = Taking::new(decision, seed) else { return };
    let made = taking.fill(0, out, held).is_ok();
    assert_eq!(made.then_some(&*out), whole, "{}", decision.param.name);
}

fn copies(model: &dyn Model, out: &Path, data: &[u8]) {
    for (i, param) in model.params().iter().enumerate() {
        // A few bytes of a graph may truly make a tensor of gigabytes: one number, and a shape.
        if param.count().is_ok_and(|count| count <= MOST) {
            let _ = model.bytes(i);
        }
    }
    model.write(out, &Keep, &WriteOptions::default()).unwrap();
    assert!(std::fs::read(out).unwrap() == data);
}
