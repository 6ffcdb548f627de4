//! Gradients against central differences, in `f64`.

use super::{Case, random};
use crate::backward::Gradients;
use crate::program::Program;
use crate::tensor::Tensor;
use crate::trace::Trace;
use fanin::Dtype;
use fanin::graph::ValueId;

/// Its square is the relative error of the difference, and its inverse times 2⁻⁵² that of rounding.
const STEP: f64 = 1e-5;
/// Inputs with more elements are checked at this many of them.
const MOST: usize = 48;

/// Seeds for all floating-point outputs: random numbers, so that no sum of them hides an error.
fn seeds(program: &Program, outputs: &[Tensor]) -> Vec<(ValueId, Tensor)> {
    let floats = program.graph.outputs.iter().zip(outputs).filter(|(_, y)| y.dtype().is_float());
    floats
        .enumerate()
        .map(|(i, (&id, y))| (id, random(y.shape(), 100 + i as u64).cast(y.dtype()).expect("a float")))
        .collect()
}

pub(super) fn backward(program: &Program, trace: &mut Trace<'_>, outputs: &[Tensor]) -> Gradients {
    trace.backward(&seeds(program, outputs)).unwrap_or_else(|e| panic!("backward: {e}"))
}

/// Σ ⟨seed, output⟩, whose gradient `backward` gives.
fn objective(seeds: &[(ValueId, Tensor)], program: &Program, outputs: &[Tensor]) -> f64 {
    let own = |id: ValueId| program.graph.outputs.iter().position(|&o| o == id).map(|i| outputs[i].to_f64s());
    seeds
        .iter()
        .map(|(id, seed)| seed.to_f64s().iter().zip(own(*id).expect("an output")).map(|(a, b)| a * b).sum::<f64>())
        .sum()
}

pub(super) fn check(case: &Case) {
    let Some(tolerance) = case.gradients else { return };
    let name = &case.name;
    let inputs = case.inputs_in(Dtype::F64);
    let program = case.program().unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut trace = case.trace(&program, &inputs).unwrap_or_else(|e| panic!("{name}: {e}"));
    let outputs = trace.outputs().unwrap_or_else(|e| panic!("{name}: {e}"));
    let seeds = seeds(&program, &outputs);
    if seeds.is_empty() {
        return;
    }
    let gradients = trace.backward(&seeds).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut ids = program.graph.inputs.iter();
    for (i, input) in inputs.iter().enumerate() {
        let Some(input) = input else { continue };
        let id = ids.next().expect("an id for each input");
        if !input.dtype().is_float() || case.settings.contains(&i) {
            continue;
        }
        let own = gradients.get(*id).map_or_else(|| vec![0.0; input.len()], Tensor::to_f64s);
        let at = |k: usize, by: f64| {
            let mut moved = inputs.clone();
            moved[i].as_mut().and_then(Tensor::values_mut::<f64>).expect("f64")[k] += by;
            let outputs = case.run(&moved).unwrap_or_else(|e| panic!("{name}: {e}"));
            objective(&seeds, &program, &outputs)
        };
        let scale = own.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for k in (0..input.len()).step_by(input.len().div_ceil(MOST).max(1)) {
            let difference = (at(k, STEP) - at(k, -STEP)) / (2.0 * STEP);
            let error = (difference - own[k]).abs() / scale;
            assert!(
                error <= tolerance,
                "{name}: gradient of input {i} at {k} is {}, by differences {difference}",
                own[k]
            );
        }
    }
}
