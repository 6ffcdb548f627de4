//! The way back through the sequences.

use super::forward::{STATES, Side, side};
use super::layout::{Order, Sizes};
use super::{Cell, Layer, StepBack};
use crate::element::Float;
use crate::gemm::{View, multiply};
use crate::operator::{Backward, Inputs};
use crate::reduce::{Sum, fold};
use crate::tensor::Tensor;
use fanin::Refusal;

/// Inputs that have gradients: X, W, R, B, both first states, and the peepholes.
const WITH_GRADIENTS: [usize; 7] = [0, 1, 2, 3, 5, 6, 7];

/// What the forward pass left of one direction.
struct Saved<'a, T> {
    gates: &'a [T],
    extra: &'a [T],
    states: &'a [T],
    memories: &'a [T],
}

/// Gradients of one direction.
struct Slopes<T> {
    gates: Vec<T>,
    recurrence: Vec<T>,
    peepholes: Vec<T>,
    weights: Vec<T>,
    state: Vec<T>,
    memory: Vec<T>,
}

/// The gradients of all inputs.
pub(super) fn backward<T: Float, C: Cell>(
    cell: &C,
    layer: &Layer,
    x: &[T],
    pass: &Backward<'_>,
) -> Result<Vec<Option<Tensor>>, Refusal> {
    let tensors: Vec<Option<&Tensor>> = (0..pass.inputs.len()).map(|i| pass.optional_input(i)).collect();
    let inputs = Inputs(&tensors);
    let sizes = layer.sizes(&inputs, cell.gates(), &STATES)?;
    let there = |i: usize| WITH_GRADIENTS.contains(&i) && pass.wants(i);
    let mut grads: Vec<Vec<T>> = (0..pass.inputs.len())
        .map(|i| Ok(if there(i) { vec![T::ZERO; pass.input_spec(i)?.len()] } else { Vec::new() }))
        .collect::<Result<_, Refusal>>()?;
    for direction in 0..sizes.directions {
        let order = layer.order(direction, inputs.optional(4), &sizes)?;
        let side = side(cell, layer, &sizes, direction, &|i| inputs.optional(i))?;
        let saved = |k: usize| pass.saved(4 * direction + k)?.expect::<T>();
        let saved = Saved { gates: saved(0)?, extra: saved(1)?, states: saved(2)?, memories: saved(3)? };
        let slopes = walk_back(cell, &side, &saved, pass, &order, &sizes)?;
        let gathered = order.gather(x);
        for (i, grad) in grads.iter_mut().enumerate().filter(|(_, grad)| !grad.is_empty()) {
            let own = grad.len() / sizes.directions;
            match i {
                0 => order.give_back(&of_input(&slopes, &side, &sizes), grad),
                1 => grad[direction * own..][..own].copy_from_slice(&of_weights(
                    &slopes.gates,
                    &gathered,
                    sizes.inputs,
                    cell,
                    &sizes,
                )),
                2 => {
                    grad[direction * own..][..own].copy_from_slice(&of_recurrence(cell, &slopes, saved.states, &sizes));
                }
                3 => {
                    let (input, state) = grad[direction * own..][..own].split_at_mut(own / 2);
                    input.copy_from_slice(&of_bias(&slopes.gates, own / 2, &sizes));
                    state.copy_from_slice(&of_bias(slopes.through(), own / 2, &sizes));
                }
                7 => grad[direction * own..][..own].copy_from_slice(&slopes.peepholes),
                _ => {
                    let states = if i == 5 { &slopes.state } else { &slopes.memory };
                    for (sequence, state) in states.chunks(sizes.hidden.max(1)).enumerate() {
                        grad[order.state(sequence) * sizes.hidden..][..sizes.hidden].copy_from_slice(state);
                    }
                }
            }
        }
    }
    let grads = grads.into_iter().enumerate();
    grads.map(|(i, grad)| there(i).then(|| Ok(Tensor::of(&pass.input_spec(i)?.shape, grad))).transpose()).collect()
}

impl<T> Slopes<T> {
    /// The gradient of what the state and its bias gave to the gates.
    fn through(&self) -> &[T] {
        if self.recurrence.is_empty() { &self.gates } else { &self.recurrence }
    }
}

/// A gradient of last states, in the order of the batch.
fn last<T: Float>(pass: &Backward<'_>, output: usize, order: &Order, sizes: &Sizes) -> Result<Vec<T>, Refusal> {
    let hidden = sizes.hidden;
    let Some(grad) = pass.grads.get(output).and_then(Option::as_ref) else {
        return Ok(vec![T::ZERO; sizes.batch * hidden]);
    };
    let grad = grad.expect::<T>()?;
    Ok((0..sizes.batch).flat_map(|sequence| &grad[order.state(sequence) * hidden..][..hidden]).copied().collect())
}

fn walk_back<T: Float, C: Cell>(
    cell: &C,
    side: &Side<'_, T>,
    saved: &Saved<'_, T>,
    pass: &Backward<'_>,
    order: &Order,
    sizes: &Sizes,
) -> Result<Slopes<T>, Refusal> {
    let (hidden, each) = (sizes.hidden, sizes.batch * sizes.hidden);
    let (rows, block) = (cell.gates() * hidden, sizes.batch * cell.gates() * hidden);
    let all = vec![T::ZERO; sizes.steps * block];
    let mut slopes = Slopes {
        recurrence: if cell.has_recurrence() { all.clone() } else { Vec::new() },
        gates: all,
        peepholes: vec![T::ZERO; side.weights.peepholes.len()],
        weights: vec![T::ZERO; if cell.own_weights().is_empty() { 0 } else { rows * hidden }],
        state: last(pass, 1, order, sizes)?,
        memory: if cell.has_memory() { last(pass, 2, order, sizes)? } else { Vec::new() },
    };
    let outputs = pass.grads.first().and_then(Option::as_ref).map(Tensor::expect::<T>).transpose()?;
    for step in (0..sizes.steps).rev() {
        let walked = order.walked(step);
        for sequence in 0..sizes.batch {
            if let (Some(g), Some(from)) = (outputs, order.output(step * sizes.batch + sequence)) {
                let own = &mut slopes.state[sequence * hidden..][..hidden];
                own.iter_mut().zip(&g[from * hidden..][..hidden]).for_each(|(own, &g)| *own += g);
            }
        }
        let before = [slopes.state.clone(), slopes.memory.clone()];
        let recurrence: &mut [T] = &mut slopes.recurrence;
        let through = if recurrence.is_empty() { recurrence } else { &mut recurrence[step * block..][..block] };
        cell.backward(
            &side.weights,
            StepBack {
                gates: part(saved.gates, step, block),
                extra: part(saved.extra, step, each),
                state: part(saved.states, step, each),
                memory: part(saved.memories, step, each),
                next_memory: part(saved.memories, step + 1, each),
                d_state: &mut slopes.state,
                d_memory: &mut slopes.memory,
                d_gates: &mut slopes.gates[step * block..][..block],
                d_recurrence: through,
                d_peepholes: &mut slopes.peepholes,
                d_weights: &mut slopes.weights,
                walked: &walked,
            },
        );
        // What is not walked any more hands its gradient on.
        for (sequence, _) in walked.iter().enumerate().filter(|(_, walked)| !**walked) {
            let own = sequence * hidden..(sequence + 1) * hidden;
            slopes.state[own.clone()].copy_from_slice(&before[0][own.clone()]);
            if cell.has_memory() {
                slopes.memory[own.clone()].copy_from_slice(&before[1][own]);
            }
        }
    }
    Ok(slopes)
}

/// The part of one step, where there are any.
fn part<T>(values: &[T], step: usize, size: usize) -> &[T] {
    if values.is_empty() { values } else { &values[step * size..][..size] }
}

fn of_input<T: Float>(slopes: &Slopes<T>, side: &Side<'_, T>, sizes: &Sizes) -> Vec<T> {
    let (count, rows) = (sizes.steps * sizes.batch, side.weights.recurrence.len() / sizes.hidden.max(1));
    let mut out = vec![T::ZERO; count * sizes.inputs];
    let weights = View::new(side.input, rows, sizes.inputs);
    multiply(T::ONE, View::new(&slopes.gates, count, rows), weights, T::ZERO, &mut out);
    out
}

/// Gᵀ · X, where X has `width` columns.
fn of_weights<T: Float, C: Cell>(g: &[T], x: &[T], width: usize, cell: &C, sizes: &Sizes) -> Vec<T> {
    let (count, rows) = (sizes.steps * sizes.batch, cell.gates() * sizes.hidden);
    let mut out = vec![T::ZERO; rows * width];
    multiply(T::ONE, View::new(g, count, rows).transposed(), View::new(x, count, width), T::ZERO, &mut out);
    out
}

fn of_recurrence<T: Float, C: Cell>(cell: &C, slopes: &Slopes<T>, states: &[T], sizes: &Sizes) -> Vec<T> {
    let before = &states[..sizes.steps * sizes.batch * sizes.hidden];
    let mut out = of_weights(slopes.through(), before, sizes.hidden, cell, sizes);
    let own = cell.own_weights();
    let own = own.start * sizes.hidden * sizes.hidden..own.end * sizes.hidden * sizes.hidden;
    if !own.is_empty() {
        out[own.clone()].copy_from_slice(&slopes.weights[own]);
    }
    out
}

fn of_bias<T: Float>(g: &[T], rows: usize, sizes: &Sizes) -> Vec<T> {
    fold(g, &[sizes.steps * sizes.batch, rows], &[0], &Sum)
}
