//! `GRU`: gated recurrent units.

use crate::element::Float;
use crate::gemm::{Threads, View, multiply, multiply_into};
use crate::operator::Define;
use crate::recurrent::{Cell, Layer, Recurrent, Step, StepBack, Weights};
use crate::setup::Setup;
#[cfg(test)]
use crate::tensor::Tensor;
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::{Range, RangeInclusive};

/// With gates z and r: h̃ = g(x·Wᵀ + (r·h)·Rᵀ + biases), or g(x·Wᵀ + bias + r·(h·Rᵀ + bias)) if `linear_before_reset`;
/// h′ = (1 − z)·h̃ + z·h.
///
/// Source: Cho et al. 2014, arXiv:1406.1078.
pub(crate) type Gru = Recurrent<Gated>;

/// The cell.
#[derive(Debug)]
pub(crate) struct Gated {
    /// The state is multiplied before it is reset.
    multiplied_first: bool,
}

impl Gated {
    /// Rows of a block of gates in the recurrence weights, transposed for a state on the left.
    fn rows<'a, T: Float>(weights: &Weights<'a, T>, gates: Range<usize>) -> View<'a, T> {
        let h = weights.hidden;
        View::new(&weights.recurrence[gates.start * h * h..gates.end * h * h], gates.len() * h, h)
    }

    /// r·h, for all rows.
    fn reset<T: Float>(weights: &Weights<'_, T>, gates: &[T], state: &[T]) -> Vec<T> {
        let (h, f) = (weights.hidden, &weights.activations[0]);
        let one = |(at, &state): (usize, &T)| f.value(gates[at / h * 3 * h + h + at % h]) * state;
        state.iter().enumerate().map(one).collect()
    }
}

/// Columns of a block of gates.
fn columns<T: Float>(gates: &[T], batch: usize, h: usize, block: Range<usize>) -> View<'_, T> {
    View::strided(&gates[block.start * h..], [batch, block.len() * h], [3 * h, 1])
}

impl Cell for Gated {
    fn gates(&self) -> usize {
        3
    }

    fn has_extra(&self) -> bool {
        self.multiplied_first
    }

    fn has_recurrence(&self) -> bool {
        true
    }

    fn own_weights(&self) -> Range<usize> {
        if self.multiplied_first { 0..0 } else { 2..3 }
    }

    fn forward<T: Float>(&self, weights: &Weights<'_, T>, step: Step<'_, T>) {
        let h = weights.hidden;
        if step.state.is_empty() {
            return;
        }
        let (batch, bias) = (step.state.len() / h, |at: usize| weights.bias.get(at).copied().unwrap_or(T::ZERO));
        let state = View::new(step.state, batch, h);
        multiply_into(T::ONE, state, Self::rows(weights, 0..2).transposed(), T::ONE, step.gates, 3 * h, Threads::All);
        for row in step.gates.chunks_mut(3 * h) {
            row[..2 * h].iter_mut().enumerate().for_each(|(at, gate)| *gate += bias(at));
        }
        let candidate = Self::rows(weights, 2..3).transposed();
        if self.multiplied_first {
            multiply(T::ONE, state, candidate, T::ZERO, step.extra);
            step.extra.iter_mut().enumerate().for_each(|(at, u)| *u += bias(2 * h + at % h));
            let f = &weights.activations[0];
            for (at, &u) in step.extra.iter().enumerate() {
                let row = &mut step.gates[at / h * 3 * h..][..3 * h];
                row[2 * h + at % h] += f.value(row[h + at % h]) * u;
            }
        } else {
            let reset = Self::reset(weights, step.gates, step.state);
            let reset = View::new(&reset, batch, h);
            multiply_into(T::ONE, reset, candidate, T::ONE, &mut step.gates[2 * h..], 3 * h, Threads::All);
            for row in step.gates.chunks_mut(3 * h) {
                row[2 * h..].iter_mut().enumerate().for_each(|(at, gate)| *gate += bias(2 * h + at));
            }
        }
        let [f, g] = [&weights.activations[0], &weights.activations[1]];
        for (at, next) in step.next_state.iter_mut().enumerate() {
            let row = &step.gates[at / h * 3 * h..][..3 * h];
            let (z, candidate) = (f.value(row[at % h]), g.value(row[2 * h + at % h]));
            *next = (T::ONE - z) * candidate + z * step.state[at];
        }
    }

    fn backward<T: Float>(&self, weights: &Weights<'_, T>, step: StepBack<'_, T>) {
        let (h, batch) = (weights.hidden, step.walked.len());
        if step.state.is_empty() {
            return;
        }
        let [f, g] = [&weights.activations[0], &weights.activations[1]];
        let place = |at: usize, gate: usize| at / h * 3 * h + gate * h + at % h;
        let walked: Vec<usize> = (0..step.state.len()).filter(|at| step.walked[at / h]).collect();
        // What reaches the state of the step before without a product.
        let mut direct = vec![T::ZERO; step.state.len()];
        for &at in &walked {
            let (pre_z, pre_h) = (step.gates[place(at, 0)], step.gates[place(at, 2)]);
            let (z, candidate, slope) = (f.value(pre_z), g.value(pre_h), step.d_state[at]);
            step.d_gates[place(at, 0)] = slope * (step.state[at] - candidate) * f.slope(pre_z, z);
            step.d_gates[place(at, 2)] = slope * (T::ONE - z) * g.slope(pre_h, candidate);
            direct[at] = slope * z;
        }
        let mut reset = vec![T::ZERO; step.state.len()];
        if !self.multiplied_first {
            let slopes = columns(step.d_gates, batch, h, 2..3);
            multiply(T::ONE, slopes, Self::rows(weights, 2..3), T::ZERO, &mut reset);
        }
        for &at in &walked {
            let pre = step.gates[place(at, 1)];
            let (r, slope) = (f.value(pre), step.d_gates[place(at, 2)]);
            // The gradient of r: of r·u, or of r·h.
            let d_r = if self.multiplied_first { slope * step.extra[at] } else { reset[at] * step.state[at] };
            step.d_gates[place(at, 1)] = d_r * f.slope(pre, r);
            if self.multiplied_first {
                step.d_recurrence[place(at, 2)] = slope * r;
            } else {
                step.d_recurrence[place(at, 2)] = slope;
                direct[at] += reset[at] * r;
            }
            for gate in 0..2 {
                step.d_recurrence[place(at, gate)] = step.d_gates[place(at, gate)];
            }
        }
        let multiplied = if self.multiplied_first { 0..3 } else { 0..2 };
        let slopes = columns(step.d_recurrence, batch, h, multiplied.clone());
        multiply(T::ONE, slopes, Self::rows(weights, multiplied), T::ZERO, step.d_state);
        step.d_state.iter_mut().zip(direct).for_each(|(state, direct)| *state += direct);
        if !self.multiplied_first {
            let (slopes, reset) = (columns(step.d_gates, batch, h, 2..3), Self::reset(weights, step.gates, step.state));
            let own = &mut step.d_weights[2 * h * h..];
            multiply(T::ONE, slopes.transposed(), View::new(&reset, batch, h), T::ONE, own);
        }
    }
}

impl Define for Recurrent<Gated> {
    const NAME: &'static str = "GRU";
    const SINCE: u64 = 3;
    const INPUTS: RangeInclusive<usize> = 3..=6;
    const OUTPUTS: RangeInclusive<usize> = 0..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let layer = Layer::read(setup, &["Sigmoid", "Tanh"])?;
        Ok(Recurrent { layer, cell: Gated { multiplied_first: setup.flag("linear_before_reset", false)? } })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        // One unit, all weights 1, x = 0.5 and h = 1: z and r see 1.5.
        let z = 1.0 / (1.0 + (-1.5f64).exp());
        let one = |name: &str| {
            let ones = t(&[1, 3, 1], &[1.0; 3]);
            let case = Case::new(name).input(t(&[1, 1, 1], &[0.5])).input(ones.clone()).input(ones);
            case.none().none().input(t(&[1, 1, 1], &[1.0])).outputs(2)
        };
        let next = (1.0 - z) * (0.5 + z).tanh() + z;
        let biased = |name: &str| {
            let case = Case::new(name)
                .input(t(&[1, 1, 1], &[0.0]))
                .input(t(&[1, 3, 1], &[0.0; 3]))
                .input(t(&[1, 3, 1], &[0.0; 3]));
            case.input(t(&[1, 6], &[0.0, 0.0, 0.25, 0.0, 0.0, 0.5]))
        };
        let layer = |name: &str, d: usize, x: &[usize], h: usize| {
            Case::new(name).random(x).random(&[d, 3 * h, x[2]]).random(&[d, 3 * h, h]).int("hidden_size", h as i64)
        };
        let lengths = Tensor::of(&[2], vec![1i32, 3]);
        let both = |case: Case| {
            case.random(&[2, 12])
                .input(lengths.clone())
                .random(&[2, 2, 2])
                .text("direction", "bidirectional")
                .outputs(2)
        };
        vec![
            one("a step").expect(t(&[1, 1, 1, 1], &[next])).expect(t(&[1, 1, 1], &[next])),
            biased("bias").expect(t(&[1, 1, 1, 1], &[0.5 * 0.75f64.tanh()])),
            // The bias of the state is reset, too: 0.25 + 0.5 · 0.5.
            biased("bias, multiplied first")
                .int("linear_before_reset", 1)
                .expect(t(&[1, 1, 1, 1], &[0.5 * 0.5f64.tanh()])),
            layer("many", 1, &[4, 2, 3], 2).random(&[1, 12]).outputs(2),
            layer("many, multiplied first", 1, &[4, 2, 3], 2).random(&[1, 12]).int("linear_before_reset", 1).outputs(2),
            both(layer("both ways", 2, &[3, 2, 3], 2)),
            both(layer("both ways, multiplied first", 2, &[3, 2, 3], 2)).int("linear_before_reset", 1),
            layer("in reverse, the batch first", 1, &[2, 3, 2], 3)
                .text("direction", "reverse")
                .int("layout", 1)
                .outputs(2),
            layer("clipped, of others", 1, &[3, 2, 2], 2)
                .float("clip", 0.5)
                .texts("activations", &["sigmoid", "LeakyRelu"])
                .floats("activation_alpha", &[0.2]),
            layer("no steps", 1, &[0, 2, 2], 2).outputs(2),
            layer("sideways", 1, &[2, 2, 2], 2).text("direction", "sideways").refused("bidirectional"),
        ]
    }
}
