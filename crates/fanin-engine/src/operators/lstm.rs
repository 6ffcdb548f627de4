//! `LSTM`: long short-term memory.

use crate::element::Float;
use crate::error::mismatch;
use crate::gemm::{View, multiply};
use crate::operator::{Define, Inputs};
use crate::recurrent::{Cell, Layer, Recurrent, Sizes, Step, StepBack, Weights};
use crate::setup::Setup;
#[cfg(test)]
use crate::tensor::Tensor;
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// With gates i, o, f and candidate c, all of x·Wᵀ + h·Rᵀ + biases, and peepholes p:
/// i = f(i + pᵢC), f = f(f + `p_f` C), C′ = f·C + i·g(c), o = f(o + pₒC′), h′ = o·h(C′).
///
/// Source: Hochreiter and Schmidhuber 1997; with peepholes, Gers and Schmidhuber 2000.
pub(crate) type Lstm = Recurrent<Memory>;

/// The cell.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The forget gate is 1 − i.
    coupled: bool,
}

/// What one unit's gates are in a step.
struct Gates<T> {
    pre: [T; 4],
    i: T,
    o: T,
    f: T,
    c: T,
}

impl Memory {
    fn gates<T: Float>(&self, weights: &Weights<'_, T>, row: &[T], unit: usize) -> Gates<T> {
        let (f, g) = (&weights.activations[0], &weights.activations[1]);
        let pre = [0, 1, 2, 3].map(|gate| row[gate * weights.hidden + unit]);
        let i = f.value(pre[0]);
        let forget = if self.coupled { T::ONE - i } else { f.value(pre[2]) };
        Gates { pre, i, o: f.value(pre[1]), f: forget, c: g.value(pre[3]) }
    }
}

/// The peephole of a gate (input, output, forget) at a unit.
fn peephole<T: Float>(weights: &Weights<'_, T>, gate: usize, unit: usize) -> T {
    weights.peepholes.get(gate * weights.hidden + unit).copied().unwrap_or(T::ZERO)
}

impl Cell for Memory {
    fn gates(&self) -> usize {
        4
    }

    fn has_memory(&self) -> bool {
        true
    }

    fn check(&self, inputs: &Inputs<'_>, sizes: &Sizes) -> Result<(), Refusal> {
        let Some(peepholes) = inputs.optional(7) else { return Ok(()) };
        inputs.same_dtype(0, 7)?;
        let expected = [sizes.directions, 3 * sizes.hidden];
        if peepholes.shape() == expected {
            return Ok(());
        }
        Err(mismatch(format!("the peepholes have the shape {:?}", peepholes.shape()), format!("{expected:?}")))
    }

    fn forward<T: Float>(&self, weights: &Weights<'_, T>, step: Step<'_, T>) {
        let (h, rows) = (weights.hidden, 4 * weights.hidden);
        let batch = step.state.len() / h.max(1);
        let recurrence = View::new(weights.recurrence, rows, h).transposed();
        multiply(T::ONE, View::new(step.state, batch, h), recurrence, T::ONE, step.gates);
        for (sequence, row) in step.gates.chunks_mut(rows.max(1)).enumerate() {
            row.iter_mut().zip(weights.bias).for_each(|(gate, &bias)| *gate += bias);
            for unit in 0..h {
                let at = sequence * h + unit;
                row[unit] += peephole(weights, 0, unit) * step.memory[at];
                row[2 * h + unit] += peephole(weights, 2, unit) * step.memory[at];
                let gates = self.gates(weights, row, unit);
                let memory = gates.f * step.memory[at] + gates.i * gates.c;
                row[h + unit] += peephole(weights, 1, unit) * memory;
                let (o, squash) = (weights.activations[0].value(row[h + unit]), &weights.activations[2]);
                step.next_memory[at] = memory;
                step.next_state[at] = o * squash.value(memory);
            }
        }
    }

    fn backward<T: Float>(&self, weights: &Weights<'_, T>, step: StepBack<'_, T>) {
        let (h, rows) = (weights.hidden, 4 * weights.hidden);
        let (gate, candidate, squash) = (&weights.activations[0], &weights.activations[1], &weights.activations[2]);
        for (sequence, _) in step.walked.iter().enumerate().filter(|(_, walked)| **walked) {
            let row = &step.gates[sequence * rows..][..rows];
            for unit in 0..h {
                let at = sequence * h + unit;
                let gates = self.gates(weights, row, unit);
                let (before, memory) = (step.memory[at], step.next_memory[at]);
                let squashed = squash.value(memory);
                let d_o = step.d_state[at] * squashed * gate.slope(gates.pre[1], gates.o);
                let d_memory = step.d_memory[at]
                    + step.d_state[at] * gates.o * squash.slope(memory, squashed)
                    + d_o * peephole(weights, 1, unit);
                let through = if self.coupled { gates.c - before } else { gates.c };
                let d_i = d_memory * through * gate.slope(gates.pre[0], gates.i);
                let d_f = if self.coupled { T::ZERO } else { d_memory * before * gate.slope(gates.pre[2], gates.f) };
                let d_c = d_memory * gates.i * candidate.slope(gates.pre[3], gates.c);
                for (k, slope) in [d_i, d_o, d_f, d_c].into_iter().enumerate() {
                    step.d_gates[sequence * rows + k * h + unit] = slope;
                }
                step.d_memory[at] =
                    d_memory * gates.f + d_i * peephole(weights, 0, unit) + d_f * peephole(weights, 2, unit);
                if !step.d_peepholes.is_empty() {
                    for (k, slope) in [d_i * before, d_o * memory, d_f * before].into_iter().enumerate() {
                        step.d_peepholes[k * h + unit] += slope;
                    }
                }
            }
        }
        let (batch, recurrence) = (step.walked.len(), View::new(weights.recurrence, rows, h));
        multiply(T::ONE, View::new(step.d_gates, batch, rows), recurrence, T::ZERO, step.d_state);
    }
}

impl Define for Recurrent<Memory> {
    const NAME: &'static str = "LSTM";
    const INPUTS: RangeInclusive<usize> = 3..=8;
    const OUTPUTS: RangeInclusive<usize> = 0..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let layer = Layer::read(setup, &["Sigmoid", "Tanh", "Tanh"])?;
        Ok(Recurrent { layer, cell: Memory { coupled: setup.flag("input_forget", false)? } })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        // One unit, one step, all weights 1: every gate sees 0.5.
        let (gate, candidate) = (0.622_459_331_201_854_6_f64, 0.5f64.tanh());
        let memory = gate * candidate;
        let one = |name: &str| {
            let ones = t(&[1, 4, 1], &[1.0; 4]);
            Case::new(name).input(t(&[1, 1, 1], &[0.5])).input(ones.clone()).input(ones).int("hidden_size", 1)
        };
        let layer = |name: &str, d: usize, x: &[usize], h: usize| {
            Case::new(name).random(x).random(&[d, 4 * h, x[2]]).random(&[d, 4 * h, h]).int("hidden_size", h as i64)
        };
        let lengths = Tensor::of(&[2], vec![3i32, 1]);
        vec![
            one("a step")
                .expect(t(&[1, 1, 1, 1], &[gate * memory.tanh()]))
                .expect(t(&[1, 1, 1], &[gate * memory.tanh()]))
                .expect(t(&[1, 1, 1], &[memory])),
            layer("many", 1, &[4, 2, 3], 2).random(&[1, 16]).outputs(3),
            layer("both ways", 2, &[3, 2, 3], 2)
                .random(&[2, 16])
                .input(lengths.clone())
                .random(&[2, 2, 2])
                .random(&[2, 2, 2])
                .random(&[2, 6])
                .text("direction", "bidirectional")
                .outputs(3),
            layer("in reverse, the batch first", 1, &[2, 3, 2], 3)
                .none()
                .input(lengths)
                .random(&[2, 1, 3])
                .random(&[2, 1, 3])
                .text("direction", "reverse")
                .int("layout", 1)
                .outputs(3),
            layer("coupled and clipped", 1, &[3, 2, 2], 2)
                .random(&[1, 16])
                .int("input_forget", 1)
                .float("clip", 0.6)
                .outputs(3),
            layer("others", 1, &[2, 2, 2], 2)
                .texts("activations", &["HardSigmoid", "Softsign", "Affine"])
                .floats("activation_alpha", &[0.3, 0.7])
                .floats("activation_beta", &[0.4, 0.1]),
            layer("no steps", 1, &[0, 2, 2], 2).none().none().random(&[1, 2, 2]).random(&[1, 2, 2]).outputs(3),
            layer("two functions", 1, &[2, 2, 2], 2)
                .texts("activations", &["Tanh", "Tanh"])
                .refused("3 for each direction"),
            layer("an unknown function", 1, &[2, 2, 2], 2)
                .texts("activations", &["Tanh", "Tan", "Tanh"])
                .refused("a function that is known"),
            layer("one direction's weights", 1, &[2, 2, 2], 2).text("direction", "bidirectional").refused("[2, 8, 2]"),
            layer("too long", 1, &[2, 2, 2], 2)
                .none()
                .input(Tensor::of(&[2], vec![3i32, 1]))
                .refused("a sequence of 3 steps"),
            one("hidden").int("hidden_size", 2).refused("hidden_size"),
        ]
    }
}
