//! ONNX's own backend tests: every case whose operators there are, but for those that `list.txt` gives a reason for.

mod suite;

use fanin_engine::{Constants, Options, Program, Tensor};
use fanin_model::TensorFile;
use std::collections::{BTreeMap, BTreeSet};
use suite::Case;

/// Largest difference from the expected output, relative to its largest element.
const TOLERANCE: f64 = 1e-4;

#[test]
fn every_case_of_the_operators_there_are_passes() {
    let excused = suite::excused();
    let operators: BTreeSet<(String, String)> =
        Program::operators().into_iter().map(|(domain, name, _)| (domain.to_owned(), name.to_owned())).collect();
    let (mut passed, mut used, mut failures) = (0, BTreeSet::new(), Vec::new());
    for case in suite::cases() {
        let Some(outcome) = run(&case, &operators) else { continue };
        let excuse = excused.iter().find(|excuse| excuse.covers(&case.name));
        match (outcome, excuse) {
            (Ok(()), None) => passed += 1,
            (Err(error), None) => failures.push(format!("{}: {error}", case.name)),
            (Ok(()), Some(_)) => failures.push(format!("{}: it passes; take it off list.txt", case.name)),
            (Err(_), Some(excuse)) => drop(used.insert(&excuse.pattern)),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        passed + failures.len(),
        failures.join("\n")
    );
    // The packed cases alone are many; fewer would mean that they are not found or not understood.
    assert!(passed >= FEWEST, "only {passed} cases ran");
    let idle = excused.iter().find(|excuse| !used.contains(&excuse.pattern));
    assert!(idle.is_none(), "no case of an operator that there is has the name {:?}", idle.map(|e| &e.pattern));
}

/// Cases that passed when this was last looked at; a floor that only rises.
const FEWEST: usize = 994;

/// Runs a case; `None` if it has operators that are not there.
fn run(case: &Case, operators: &BTreeSet<(String, String)>) -> Option<Result<(), String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, &case.model).expect("a file");
    // Types that are no tensors are not read.
    let model = fanin_model::open(&path).ok()?;
    let graph = model.graph()?.clone();
    let there = |node: &fanin::graph::Node| {
        let built_in = node.domain.is_empty() && matches!(node.op.as_str(), "If" | "Loop" | "Scan" | "Constant");
        built_in || operators.contains(&(node.domain.clone(), node.op.clone()))
    };
    if !graph.nodes.iter().all(there) || graph.outputs.len() != case.outputs.len() {
        return None;
    }
    Some(outputs(case, model.as_ref(), graph))
}

fn outputs(case: &Case, model: &dyn fanin_model::Model, graph: fanin::Graph) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let program = Program::compile(graph).map_err(|e| text(&e))?;
    let constants = Constants::load(&program, |id, constant| {
        let bytes = model.constant(id).map_err(|e| fanin_engine::Error::Source(e.into()))?.unwrap_or_default();
        Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
    });
    let constants = constants.map_err(|e| text(&e))?;
    let inputs = program.graph().inputs.iter().zip(&case.inputs);
    let inputs: BTreeMap<_, _> = inputs.map(|(&id, bytes)| Ok((id, tensor(bytes)?))).collect::<Result<_, String>>()?;
    let mut trace = program.run(&constants, &inputs, Options::default()).map_err(|e| text(&e))?;
    let outputs = trace.outputs().map_err(|e| text(&e))?;
    for (i, (own, expected)) in outputs.iter().zip(&case.outputs).enumerate() {
        compare(own, &tensor(expected)?).map_err(|e| format!("output {i}: {e}"))?;
    }
    Ok(())
}

fn tensor(bytes: &[u8]) -> Result<Tensor, String> {
    let file = TensorFile::read(bytes).map_err(|e| e.to_string())?;
    Tensor::from_bytes(file.dtype, &file.shape, &file.bytes).map_err(|e| e.to_string())
}

fn compare(own: &Tensor, expected: &Tensor) -> Result<(), String> {
    let floats = own.dtype().is_float() && expected.dtype().is_float();
    if own.shape() != expected.shape() || own.dtype() != expected.dtype() && !floats {
        return Err(format!("{} instead of {}", own.spec(), expected.spec()));
    }
    let (own, expected) = (own.to_f64s(), expected.to_f64s());
    let scale = expected.iter().filter(|v| v.is_finite()).fold(1e-30f64, |m, v| m.max(v.abs()));
    let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= TOLERANCE * scale;
    match own.iter().zip(&expected).position(|(&a, &b)| !same(a, b)) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {} instead of {}", own[i], expected[i])),
    }
}
