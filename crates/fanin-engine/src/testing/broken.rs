//! Inputs that do not fit: left out, of another rank, size or type, or empty. Anything but a panic is right.

use super::Case;
use crate::tensor::Tensor;
use fanin::Dtype;

pub(super) fn check(case: &Case) {
    let sound = case.inputs_in(Dtype::F32);
    for i in 0..sound.len() {
        let Some(input) = &sound[i] else { continue };
        for wrong in variants(input) {
            let mut inputs = sound.clone();
            inputs[i] = wrong;
            let case = case.given(inputs.clone());
            run(&case, &inputs);
        }
    }
    let none = case.given(Vec::new());
    run(&none, &[]);
}

/// Runs forward and, if that works, backward.
fn run(case: &Case, inputs: &[Option<Tensor>]) {
    let Ok(program) = case.program() else { return };
    let Ok(mut trace) = case.trace(&program, inputs) else { return };
    let Ok(outputs) = trace.outputs() else { return };
    let floats = program.graph.outputs.iter().zip(&outputs).filter(|(_, y)| y.dtype().is_float());
    let seeds: Vec<_> = floats.map(|(&id, y)| (id, y.clone())).collect();
    let _ = trace.backward(&seeds);
}

fn variants(input: &Tensor) -> Vec<Option<Tensor>> {
    let shape = input.shape();
    let ones = |shape: Vec<usize>| Tensor::full(&crate::Spec { dtype: input.dtype(), shape }, 1.0).ok();
    let mut variants =
        vec![None, ones(vec![]), ones(vec![0]), ones([&[1], shape].concat()), ones([shape, &[2]].concat())];
    for axis in 0..shape.len() {
        for size in [0, shape[axis] + 1, shape[axis].saturating_sub(1)] {
            let mut other = shape.to_vec();
            other[axis] = size;
            variants.push(ones(other));
        }
        variants.push(ones([&shape[..axis], &shape[axis + 1..]].concat()));
    }
    for dtype in [Dtype::F64, Dtype::I64, Dtype::I32, Dtype::U8, Dtype::Bool] {
        variants.push(input.cast(dtype).ok());
    }
    if input.dtype() == Dtype::I64 {
        for value in [-1, 0, 7, i64::MIN, i64::MAX] {
            variants.push(Some(Tensor::of(shape, vec![value; input.len()])));
        }
    } else {
        variants.push(Tensor::full(&input.spec(), f64::NAN).ok());
    }
    variants
}
