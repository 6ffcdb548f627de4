//! `ConstantOfShape`: one number in every place.

use crate::error::mismatch;
use crate::operator::{Define, Forward, Inputs, Operator};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// A tensor of the shape that the input gives, filled with the attribute `value` (0 in `f32` without it).
#[derive(Debug)]
pub(crate) struct ConstantOfShape {
    value: Tensor,
}

/// Sizes from a list of integers.
pub(super) fn sizes(shape: &Tensor) -> Result<Vec<usize>, Refusal> {
    let sizes = shape.ints()?;
    if shape.rank() != 1 {
        return Err(mismatch(format!("the shape is {}", shape.spec()), "a list of sizes"));
    }
    let own: Option<Vec<usize>> = sizes.iter().map(|&d| usize::try_from(d).ok()).collect();
    own.filter(|own| crate::shape::count(own).is_some())
        .ok_or_else(|| mismatch(format!("the shape is {sizes:?}"), "sizes from 0 on, of a tensor that could be"))
}

impl Define for ConstantOfShape {
    const NAME: &'static str = "ConstantOfShape";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let value = setup.tensor("value")?.unwrap_or_else(|| Tensor::scalar(0f32));
        if value.len() != 1 {
            return Err(Setup::refuse("value", value.spec(), "one number"));
        }
        Ok(ConstantOfShape { value })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        use fanin::{Dtype, graph::Literal};
        let seven = Literal { shape: vec![1], dtype: Dtype::I32, bytes: vec![7, 0, 0, 0] };
        let two = Literal { shape: vec![2], dtype: Dtype::U8, bytes: vec![1, 2] };
        vec![
            Case::new("zeros").ints(&[2, 3]).expect(Tensor::of(&[2, 3], vec![0f32; 6])),
            Case::new("integers").ints(&[2]).literal("value", seven).expect(Tensor::of(&[2], vec![7i32, 7])),
            Case::new("a number").ints(&[]).expect(Tensor::scalar(0f32)),
            Case::new("nothing").ints(&[0, 5]).expect(Tensor::of::<f32>(&[0, 5], vec![])),
            Case::new("several values").ints(&[2]).literal("value", two).refused("one number"),
            Case::new("negative").ints(&[-1]).refused("sizes from 0"),
            Case::new("too large").ints(&[1 << 40, 1 << 40]).refused("could be"),
            Case::new("no room").ints(&[1 << 40]).refused("no room"),
        ]
    }
}

impl Operator for ConstantOfShape {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![Spec { dtype: self.value.dtype(), shape: sizes(inputs.get(0)?)? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let shape = sizes(inputs.get(0)?)?;
        let count = shape.iter().product();
        let one = self.value.plain();
        let y = crate::tensor::on_each!(one, one => Tensor::of(&shape, vec![one[0]; count]));
        Ok(vec![y.cast(self.value.dtype())?])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
