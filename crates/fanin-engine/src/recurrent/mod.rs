//! Recurrent layers: what `LSTM`, `GRU` and `RNN` share.
//!
//! A layer runs once or twice over its sequences, forward and in reverse, each time with weights of its own. Here the
//! sequences are brought into the order in which they are walked, all inputs are multiplied by their weights at once, and a
//! [`Cell`] takes the steps; on the way back it gives the gradients of what entered each step, and those of weights and
//! inputs are again single products.

mod activation;
mod backward;
mod forward;
mod layout;

pub(crate) use activation::Activation;
pub(crate) use layout::{Layer, Sizes};

use crate::element::Float;
use crate::operator::{Backward, Forward, Inputs, Operator, Reads};
use crate::tensor::{Spec, Tensor, on_floats};
use fanin::Refusal;
use std::fmt::Debug;
use std::ops::Range;

/// What happens in one step, for all sequences of a batch.
///
/// Gates lie side by side: a row of `gates` has `GATES · hidden` numbers. Rows that are not walked any more in a step are
/// overwritten by the caller.
pub(crate) trait Cell: Debug + Send + Sync {
    /// Number of gates.
    fn gates(&self) -> usize;

    /// Whether there is a second state beside the hidden one.
    fn has_memory(&self) -> bool {
        false
    }

    /// Refuses inputs of its own that do not fit.
    fn check(&self, _: &Inputs<'_>, _: &Sizes) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether [`Step::extra`] is used.
    fn has_extra(&self) -> bool {
        false
    }

    /// Gates that the state enters changed: what it gives them has a gradient of its own, [`StepBack::d_recurrence`].
    fn has_recurrence(&self) -> bool {
        false
    }

    /// Gates of whose recurrence weights the cell itself sums the gradient, as [`StepBack::d_weights`].
    fn own_weights(&self) -> Range<usize> {
        0..0
    }

    /// Takes a step: `step.gates` holds what the inputs give and becomes what enters the activations; the states that
    /// follow are written.
    fn forward<T: Float>(&self, weights: &Weights<'_, T>, step: Step<'_, T>);

    /// The way back through a step.
    fn backward<T: Float>(&self, weights: &Weights<'_, T>, step: StepBack<'_, T>);
}

/// A recurrent layer as an operator: how sequences are walked, and the cell that takes the steps.
#[derive(Debug)]
pub(crate) struct Recurrent<C> {
    pub(crate) layer: Layer,
    pub(crate) cell: C,
}

impl<C: Cell> Operator for Recurrent<C> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let states = if self.cell.has_memory() { &forward::STATES[..] } else { &forward::STATES[..1] };
        let sizes = self.layer.sizes(inputs, self.cell.gates(), states)?;
        self.cell.check(inputs, &sizes)?;
        Ok(self.layer.specs(&sizes, inputs.get(0)?))
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, x => forward::forward(&self.cell, &self.layer, x, inputs, pass))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let x = pass.input(0)?;
        on_floats!(x, x => backward::backward(&self.cell, &self.layer, x, pass))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}

/// What a step multiplies the state by, in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a, T> {
    pub(crate) hidden: usize,
    /// `[gates · hidden, hidden]`.
    pub(crate) recurrence: &'a [T],
    /// The bias beside it, `[gates · hidden]`; empty if there is none.
    pub(crate) bias: &'a [T],
    /// Weights of the memory in the gates, `[3 · hidden]`; empty if there are none.
    pub(crate) peepholes: &'a [T],
    /// The activations of this direction.
    pub(crate) activations: &'a [Activation],
}

/// One step forward. States are `[batch, hidden]`.
#[derive(Debug)]
pub(crate) struct Step<'a, T> {
    pub(crate) gates: &'a mut [T],
    /// What a cell wants to have at hand on the way back, `[batch, hidden]`.
    pub(crate) extra: &'a mut [T],
    pub(crate) state: &'a [T],
    pub(crate) memory: &'a [T],
    pub(crate) next_state: &'a mut [T],
    pub(crate) next_memory: &'a mut [T],
}

/// One step back.
#[derive(Debug)]
pub(crate) struct StepBack<'a, T> {
    /// What entered the activations.
    pub(crate) gates: &'a [T],
    pub(crate) extra: &'a [T],
    pub(crate) state: &'a [T],
    pub(crate) memory: &'a [T],
    pub(crate) next_memory: &'a [T],
    /// Gradients of the states that followed; they become those of the states before.
    pub(crate) d_state: &'a mut [T],
    pub(crate) d_memory: &'a mut [T],
    /// To be written: the gradient of what entered the activations. It is all zeros at first, and stays so in rows that
    /// are not walked.
    pub(crate) d_gates: &'a mut [T],
    /// To be written likewise: the gradient of what the state and its bias gave to the gates.
    pub(crate) d_recurrence: &'a mut [T],
    /// To be added to: the gradient of the peepholes.
    pub(crate) d_peepholes: &'a mut [T],
    /// To be added to: see [`Cell::own_weights`].
    pub(crate) d_weights: &'a mut [T],
    /// Which rows are walked in this step.
    pub(crate) walked: &'a [bool],
}
