//! The walk through the sequences.

use super::layout::{Order, Sizes};
use super::{Cell, Layer, Step, Weights};
use crate::element::Float;
use crate::gemm::{View, multiply};
use crate::operator::{Forward, Inputs};
use crate::tensor::Tensor;
use fanin::Refusal;

/// Where the peepholes stand among the inputs, and the first states.
pub(super) const PEEPHOLES: usize = 7;
pub(super) const STATES: [usize; 2] = [5, 6];

/// What one direction multiplies by; everything is `[directions, …]`.
#[derive(Debug)]
pub(super) struct Side<'a, T> {
    pub(super) input: &'a [T],
    pub(super) input_bias: &'a [T],
    pub(super) weights: Weights<'a, T>,
}

/// Element by element: a part of a tensor for each direction, if it is there.
fn share<T: Float>(tensor: Option<&Tensor>, direction: usize, directions: usize) -> Result<&[T], Refusal> {
    let Some(tensor) = tensor else { return Ok(&[]) };
    let (values, size) = (tensor.expect::<T>()?, tensor.len() / directions);
    Ok(&values[direction * size..][..size])
}

/// The weights of a direction, with input `get(i)` of the node.
pub(super) fn side<'a, T: Float, C: Cell>(
    cell: &C,
    layer: &'a Layer,
    sizes: &Sizes,
    direction: usize,
    get: &dyn Fn(usize) -> Option<&'a Tensor>,
) -> Result<Side<'a, T>, Refusal> {
    let part = |index: usize| share::<T>(get(index), direction, sizes.directions);
    let (rows, bias) = (cell.gates() * sizes.hidden, part(3)?);
    let (input_bias, own_bias) = bias.split_at(if bias.is_empty() { 0 } else { rows });
    let each = layer.activations.len() / sizes.directions;
    let weights = Weights {
        hidden: sizes.hidden,
        recurrence: part(2)?,
        bias: own_bias,
        peepholes: if cell.has_memory() { part(PEEPHOLES)? } else { &[] },
        activations: &layer.activations[direction * each..][..each],
    };
    Ok(Side { input: part(1)?, input_bias, weights })
}

/// One direction, walked.
#[derive(Debug)]
pub(super) struct Walk<T> {
    pub(super) gates: Vec<T>,
    pub(super) extra: Vec<T>,
    /// `[steps + 1, batch, hidden]`: before each step, and after the last.
    pub(super) states: Vec<T>,
    pub(super) memories: Vec<T>,
}

impl<T: Float> Walk<T> {
    /// As many tensors as [`Walk::saved`] reads.
    fn save(self, pass: &mut Forward<'_>) {
        for values in [self.gates, self.extra, self.states, self.memories] {
            pass.save(|| Tensor::of(&[values.len()], values));
        }
    }
}

/// What one node computes: all states, the last ones, the last memories.
pub(super) fn forward<T: Float, C: Cell>(
    cell: &C,
    layer: &Layer,
    x: &[T],
    inputs: &Inputs<'_>,
    pass: &mut Forward<'_>,
) -> Result<Vec<Tensor>, Refusal> {
    let sizes = layer.sizes(inputs, cell.gates(), &STATES)?;
    let specs = layer.specs(&sizes, inputs.get(0)?);
    let hidden = sizes.hidden;
    let mut outputs: Vec<Vec<T>> = specs.iter().map(|spec| vec![T::ZERO; spec.len()]).collect();
    for direction in 0..sizes.directions {
        let order = layer.order(direction, inputs.optional(4), &sizes)?;
        let side = side(cell, layer, &sizes, direction, &|i| inputs.optional(i))?;
        let first = |which: usize| first(inputs.optional(STATES[which]), &order, &sizes);
        let walk = walk(cell, &side, &order.gather(x), [first(0)?, first(1)?], &order, &sizes);
        let mut put = |output: usize, row: usize, values: &[T]| {
            if let Some(output) = outputs.get_mut(output) {
                output[row * hidden..][..hidden].copy_from_slice(values);
            }
        };
        let row = |values: &[T], row: usize| values[row * hidden..][..hidden].to_vec();
        for at in 0..sizes.steps * sizes.batch {
            if let Some(to) = order.output(at) {
                put(0, to, &row(&walk.states, sizes.batch + at));
            }
        }
        for sequence in 0..sizes.batch {
            let last = sizes.steps * sizes.batch + sequence;
            put(1, order.state(sequence), &row(&walk.states, last));
            if cell.has_memory() {
                put(2, order.state(sequence), &row(&walk.memories, last));
            }
        }
        walk.save(pass);
    }
    Ok(specs.iter().zip(outputs).map(|(spec, values)| Tensor::of(&spec.shape, values)).collect())
}

/// The first states of a direction, `[batch, hidden]`.
fn first<T: Float>(given: Option<&Tensor>, order: &Order, sizes: &Sizes) -> Result<Vec<T>, Refusal> {
    let hidden = sizes.hidden;
    let Some(given) = given else { return Ok(vec![T::ZERO; sizes.batch * hidden]) };
    let values = given.expect::<T>()?;
    Ok((0..sizes.batch).flat_map(|sequence| &values[order.state(sequence) * hidden..][..hidden]).copied().collect())
}

fn walk<T: Float, C: Cell>(
    cell: &C,
    side: &Side<'_, T>,
    x: &[T],
    [state, memory]: [Vec<T>; 2],
    order: &Order,
    sizes: &Sizes,
) -> Walk<T> {
    let (rows, count) = (cell.gates() * sizes.hidden, sizes.steps * sizes.batch);
    let mut gates = vec![T::ZERO; count * rows];
    if !side.input_bias.is_empty() {
        for gates in gates.chunks_mut(rows.max(1)) {
            gates.copy_from_slice(side.input_bias);
        }
    }
    let weights = View::new(side.input, rows, sizes.inputs).transposed();
    multiply(T::ONE, View::new(x, count, sizes.inputs), weights, T::ONE, &mut gates);
    let each = sizes.batch * sizes.hidden;
    let longer = |first: Vec<T>, is: bool| {
        let mut all = if is { first } else { Vec::new() };
        all.resize(if is { (sizes.steps + 1) * each } else { 0 }, T::ZERO);
        all
    };
    let mut walk = Walk {
        gates,
        extra: vec![T::ZERO; if cell.has_extra() { sizes.steps * each } else { 0 }],
        states: longer(state, true),
        memories: longer(memory, cell.has_memory()),
    };
    for step in 0..sizes.steps {
        let (state, next_state) = neighbours(&mut walk.states, step, each);
        let (memory, next_memory) = neighbours(&mut walk.memories, step, each);
        let extra = if cell.has_extra() { &mut walk.extra[step * each..][..each] } else { &mut [] };
        let gates = &mut walk.gates[step * sizes.batch * rows..][..sizes.batch * rows];
        cell.forward(&side.weights, Step { gates, extra, state, memory, next_state, next_memory });
        // A sequence that has ended keeps its states.
        for (sequence, _) in order.walked(step).iter().enumerate().filter(|(_, walked)| !**walked) {
            let own = step * each + sequence * sizes.hidden;
            walk.states.copy_within(own..own + sizes.hidden, own + each);
            if cell.has_memory() {
                walk.memories.copy_within(own..own + sizes.hidden, own + each);
            }
        }
    }
    walk
}

/// The part of a step and that of the next one.
fn neighbours<T>(all: &mut [T], step: usize, each: usize) -> (&[T], &mut [T]) {
    if all.is_empty() {
        return (&[], &mut []);
    }
    let (before, behind) = all.split_at_mut((step + 1) * each);
    (&before[step * each..], &mut behind[..each])
}
