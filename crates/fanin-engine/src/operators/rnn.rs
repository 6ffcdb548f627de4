//! `RNN`: a plain recurrent layer.

use crate::element::Float;
use crate::gemm::{View, multiply};
use crate::operator::Define;
use crate::recurrent::{Cell, Layer, Recurrent, Step, StepBack, Weights};
use crate::setup::Setup;
#[cfg(test)]
use crate::tensor::Tensor;
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// h′ = f(x·Wᵀ + h·Rᵀ + biases).
pub(crate) type Rnn = Recurrent<Plain>;

/// The cell.
#[derive(Debug)]
pub(crate) struct Plain;

impl Cell for Plain {
    fn gates(&self) -> usize {
        1
    }

    fn forward<T: Float>(&self, weights: &Weights<'_, T>, step: Step<'_, T>) {
        let h = weights.hidden;
        let batch = step.state.len() / h.max(1);
        let recurrence = View::new(weights.recurrence, h, h).transposed();
        multiply(T::ONE, View::new(step.state, batch, h), recurrence, T::ONE, step.gates);
        for (at, (gate, next)) in step.gates.iter_mut().zip(step.next_state).enumerate() {
            *gate += weights.bias.get(at % h).copied().unwrap_or(T::ZERO);
            *next = weights.activations[0].value(*gate);
        }
    }

    fn backward<T: Float>(&self, weights: &Weights<'_, T>, step: StepBack<'_, T>) {
        let (h, f) = (weights.hidden, &weights.activations[0]);
        for (at, &pre) in step.gates.iter().enumerate().filter(|(at, _)| step.walked[at / h]) {
            step.d_gates[at] = step.d_state[at] * f.slope(pre, f.value(pre));
        }
        let (batch, recurrence) = (step.walked.len(), View::new(weights.recurrence, h, h));
        multiply(T::ONE, View::new(step.d_gates, batch, h), recurrence, T::ZERO, step.d_state);
    }
}

impl Define for Recurrent<Plain> {
    const NAME: &'static str = "RNN";
    const INPUTS: RangeInclusive<usize> = 3..=6;
    const OUTPUTS: RangeInclusive<usize> = 0..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Recurrent { layer: Layer::read(setup, &["Tanh"])?, cell: Plain })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let one = |shape: &[usize], value: f64| t(shape, &[value]);
        let (first, weights) = (0.5f64.tanh(), one(&[1, 1, 1], 1.0));
        let second = (0.25 + first).tanh();
        let two =
            Case::new("two steps").input(t(&[2, 1, 1], &[0.5, 0.25])).input(weights.clone()).input(weights.clone());
        let relu = Case::new("a rectifier").input(t(&[2, 1, 1], &[0.5, -2.0])).input(weights.clone()).input(weights);
        let layer = |name: &str, d: usize, x: &[usize], h: usize| {
            Case::new(name).random(x).random(&[d, h, x[2]]).random(&[d, h, h])
        };
        let lengths = Tensor::of(&[3], vec![2i32, 0, 3]);
        vec![
            two.expect(t(&[2, 1, 1, 1], &[first, second])).expect(one(&[1, 1, 1], second)),
            relu.texts("activations", &["Relu"]).expect(t(&[2, 1, 1, 1], &[0.5, 0.0])),
            layer("many", 1, &[4, 2, 3], 2).random(&[1, 4]).outputs(2),
            layer("both ways", 2, &[3, 3, 2], 2)
                .random(&[2, 4])
                .input(lengths.clone())
                .random(&[2, 3, 2])
                .text("direction", "bidirectional")
                .texts("activations", &["Tanh", "Sigmoid"])
                .outputs(2),
            layer("in reverse, the batch first", 1, &[3, 3, 2], 2)
                .none()
                .input(lengths)
                .random(&[3, 1, 2])
                .text("direction", "reverse")
                .int("layout", 1)
                .outputs(2),
            layer("larger", 1, &[5, 40, 30], 70).outputs(2),
            layer("short state", 1, &[2, 2, 2], 2).none().none().random(&[1, 2, 3]).refused("[1, 2, 2]"),
            Case::new("a matrix").random(&[2, 2]).random(&[1, 2, 2]).random(&[1, 2, 2]).refused("three dimensions"),
        ]
    }
}
