//! [`Operator`]: what a node computes. One trait, a file for each operator in [`crate::operators`].

use crate::error::mismatch;
use crate::mode::Mode;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
use fanin::{Refusal, Stream};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// A node's computation with its attributes read.
///
/// A run calls [`Operator::outputs`], then [`Operator::forward`] with the same inputs; so `forward` may rely on what
/// `outputs` has checked. Refusals need not name the node or the shapes of its inputs: the executor adds both.
pub(crate) trait Operator: Debug + Send + Sync {
    /// The rule of shapes and types: what the outputs will be, or why these inputs do not fit.
    ///
    /// Nothing of the size of an output is allocated before this: the executor checks what is returned here against the
    /// memory that may be used. Outputs that depend on values (`Reshape`) read them here.
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal>;

    /// Computes the outputs, and saves for [`Operator::backward`] what is costly to compute again.
    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal>;

    /// The gradients of the inputs, given those of the outputs; `None` for inputs that are not wanted or have none.
    ///
    /// An operator that leaves this out refuses: a gradient is never dropped in silence.
    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let _ = pass;
        Err(Refusal::new(
            "it has no gradient here",
            "operators with a gradient between the loss and what it is wanted for",
            "Ask only for gradients of values behind this node.",
        ))
    }

    /// What [`Operator::backward`] reads; everything else is released as early as possible.
    fn reads(&self) -> Reads {
        Reads::ALL
    }

    /// Whether outputs depend on the inputs' values in a way that gradients follow; not so for shapes and comparisons.
    fn differentiable(&self) -> bool {
        true
    }
}

/// How the registry makes an operator from a node; implemented by the same type as [`Operator`].
pub(crate) trait Define: Operator + Sized + 'static {
    /// The operator's name in its domain.
    const NAME: &'static str;
    /// Its domain; empty for ONNX's own.
    const DOMAIN: &'static str = "";
    /// The first version of the domain's operator set that is understood.
    const SINCE: u64 = 1;
    /// How many inputs it needs and how many it can have, in any version. A needed one may not be left out.
    const INPUTS: RangeInclusive<usize>;
    /// How many outputs it has.
    const OUTPUTS: RangeInclusive<usize> = 1..=1;

    /// Reads the attributes. One that is not read is refused by the registry, so nothing is ignored in silence.
    fn new(setup: &Setup<'_>) -> Result<Self, Refusal>;

    /// What it is tested with: see [`crate::testing::Case`].
    #[cfg(test)]
    fn cases() -> Vec<crate::testing::Case>;
}

/// The inputs of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a>(pub(crate) &'a [Option<&'a Tensor>]);

impl<'a> Inputs<'a> {
    /// Number of inputs, those left out included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Input `index`, which must be there.
    pub(crate) fn get(&self, index: usize) -> Result<&'a Tensor, Refusal> {
        self.optional(index)
            .ok_or_else(|| mismatch(format!("input {index} is left out"), format!("at least {} inputs", index + 1)))
    }

    /// Input `index`, if it is there.
    pub(crate) fn optional(&self, index: usize) -> Option<&'a Tensor> {
        self.0.get(index).copied().flatten()
    }

    /// All inputs that are there.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Tensor> {
        self.0.iter().copied().flatten()
    }

    /// Checks that inputs `a` and `b` have one element type.
    pub(crate) fn same_dtype(&self, a: usize, b: usize) -> Result<(), Refusal> {
        let (a, b) = (self.get(a)?.dtype(), self.get(b)?.dtype());
        if a == b { Ok(()) } else { Err(mismatch(format!("operands of type {a} and {b} meet"), "one element type")) }
    }
}

/// The circumstances of a forward pass.
#[derive(Debug)]
pub(crate) struct Forward<'a> {
    /// Training or not.
    pub(crate) mode: Mode,
    /// Random words of this node.
    pub(crate) stream: Stream,
    /// Whether there will be a backward pass, so that [`Forward::save`] is worth its memory.
    pub(crate) saving: bool,
    pub(crate) saved: &'a mut Vec<Tensor>,
    /// What inputs become by this step of training: see [`Forward::moves`].
    pub(crate) moved: &'a mut Vec<(usize, Tensor)>,
}

impl Forward<'_> {
    /// Keeps a tensor for the backward pass, where [`Backward::saved`] finds them in this order.
    pub(crate) fn save(&mut self, tensor: impl FnOnce() -> Tensor) {
        if self.saving {
            self.saved.push(tensor());
        }
    }

    /// Says what an input, a running statistic, becomes by this step of training. It counts only when the run is told to
    /// go on with it, and only for this node: others may have been given the same tensor.
    pub(crate) fn moves(&mut self, input: usize, tensor: Tensor) {
        self.moved.push((input, tensor));
    }
}

/// What a backward pass reads, beyond shapes and what the forward pass saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Bit `i` for input `i`.
    pub(crate) inputs: u32,
    /// Bit `i` for output `i`.
    pub(crate) outputs: u32,
}

impl Reads {
    /// Everything.
    pub(crate) const ALL: Reads = Reads { inputs: u32::MAX, outputs: u32::MAX };
    /// Only gradients and shapes.
    pub(crate) const NONE: Reads = Reads { inputs: 0, outputs: 0 };
    /// All inputs, no outputs.
    pub(crate) const INPUTS: Reads = Reads { inputs: u32::MAX, outputs: 0 };
    /// All outputs, no inputs.
    pub(crate) const OUTPUTS: Reads = Reads { inputs: 0, outputs: u32::MAX };

    /// Only some inputs, by index.
    pub(crate) const fn only(inputs: &[u32]) -> Reads {
        let (mut bits, mut i) = (0, 0);
        while i < inputs.len() {
            bits |= 1 << inputs[i];
            i += 1;
        }
        Reads { inputs: bits, outputs: 0 }
    }

    /// Whether input `index` is read; those beyond the bits always are.
    pub(crate) fn input(self, index: usize) -> bool {
        index >= 32 || self.inputs >> index & 1 == 1
    }

    /// Whether output `index` is read.
    pub(crate) fn output(self, index: usize) -> bool {
        index >= 32 || self.outputs >> index & 1 == 1
    }
}

/// A value as a backward pass sees it: its elements may have been released.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) tensor: Option<&'a Tensor>,
}

/// What a backward pass has at hand.
#[derive(Debug)]
pub(crate) struct Backward<'a> {
    pub(crate) inputs: Vec<Option<Seen<'a>>>,
    pub(crate) outputs: Vec<Option<Seen<'a>>>,
    pub(crate) saved: &'a [Tensor],
    pub(crate) grads: Vec<Option<Tensor>>,
    pub(crate) wants: Vec<bool>,
}

impl<'a> Backward<'a> {
    /// Input `index`, which must be there and among what [`Operator::reads`] names.
    pub(crate) fn input(&self, index: usize) -> Result<&'a Tensor, Refusal> {
        seen(&self.inputs, index).and_then(|seen| seen.tensor).ok_or_else(|| unread("input", index))
    }

    /// Input `index` if it is there.
    pub(crate) fn optional_input(&self, index: usize) -> Option<&'a Tensor> {
        seen(&self.inputs, index).and_then(|seen| seen.tensor)
    }

    /// Shape and type of input `index`.
    pub(crate) fn input_spec(&self, index: usize) -> Result<&'a Spec, Refusal> {
        seen(&self.inputs, index).map(|seen| seen.spec).ok_or_else(|| unread("input", index))
    }

    /// Output `index`, as [`Backward::input`].
    pub(crate) fn output(&self, index: usize) -> Result<&'a Tensor, Refusal> {
        seen(&self.outputs, index).and_then(|seen| seen.tensor).ok_or_else(|| unread("output", index))
    }

    /// What the forward pass saved as number `index`.
    pub(crate) fn saved(&self, index: usize) -> Result<&'a Tensor, Refusal> {
        self.saved.get(index).ok_or_else(|| unread("saved tensor", index))
    }

    /// The gradient of the first output, for operators with one.
    pub(crate) fn grad(&self) -> Result<&Tensor, Refusal> {
        self.grads.first().and_then(Option::as_ref).ok_or_else(|| unread("gradient", 0))
    }

    /// Whether the gradient of input `index` is wanted.
    pub(crate) fn wants(&self, index: usize) -> bool {
        self.wants.get(index).copied().unwrap_or(false)
    }

    /// The gradient of the only input, if it is wanted.
    pub(crate) fn only(
        &self,
        gradient: impl FnOnce() -> Result<Tensor, Refusal>,
    ) -> Result<Vec<Option<Tensor>>, Refusal> {
        let mut grads = vec![None; self.inputs.len()];
        if self.wants(0) {
            grads[0] = Some(gradient()?);
        }
        Ok(grads)
    }
}

fn seen<'a>(values: &[Option<Seen<'a>>], index: usize) -> Option<Seen<'a>> {
    values.get(index).copied().flatten()
}

fn unread(what: &str, index: usize) -> Refusal {
    Refusal::new(
        format!("{what} {index} is not at hand in the backward pass"),
        "one that the operator names in `reads`, and that the node has",
        "This is a mistake in the operator; please report it with the model.",
    )
}
