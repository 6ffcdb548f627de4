//! `Identity`.

use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// The operand itself.
#[derive(Debug)]
pub(crate) struct Identity;

impl Define for Identity {
    const NAME: &'static str = "Identity";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Identity)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let integers = Tensor::of(&[2], vec![1i64, 2]);
        vec![Case::new("numbers").random(&[2, 3]), Case::new("integers").ints(&[1, 2]).expect(integers)]
    }
}

impl Operator for Identity {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![inputs.get(0)?.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![inputs.get(0)?.clone()])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| pass.grad().cloned())
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
