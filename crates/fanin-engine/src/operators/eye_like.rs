//! `EyeLike`: ones on a diagonal of a matrix of zeros. No gradient passes here.

use super::cast::dtype;
use crate::error::mismatch;
use crate::operator::{Define, Forward, Inputs, Operator};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// A matrix of the operand's shape, with ones where the column is the row plus `offset`.
#[derive(Debug)]
pub(crate) struct EyeLike {
    dtype: Option<Dtype>,
    offset: i64,
}

impl Define for EyeLike {
    const NAME: &'static str = "EyeLike";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let dtype = setup.optional_int("dtype")?.map(dtype).transpose()?;
        Ok(EyeLike { dtype, offset: setup.int("k", 0)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let of = |name: &str| Case::new(name).random(&[2, 3]);
        vec![
            of("the main one").expect(Tensor::of(&[2, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0])),
            of("above").int("k", 2).int("dtype", 7).expect(Tensor::of(&[2, 3], vec![0i64, 0, 1, 0, 0, 0])),
            of("below")
                .int("k", -1)
                .int("dtype", 9)
                .expect(Tensor::of(&[2, 3], vec![false, false, false, true, false, false])),
            Case::new("a list").random(&[2]).refused("a matrix"),
        ]
    }
}

impl Operator for EyeLike {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if x.rank() != 2 {
            return Err(mismatch(format!("an operand of the shape {:?}", x.shape()), "a matrix"));
        }
        Ok(vec![Spec::new(self.dtype.unwrap_or(x.dtype()), x.shape())])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (columns, offset) = (x.shape()[1], self.offset);
        let one =
            |i: usize| i64::from((i / columns) as i64 + offset.clamp(-(1 << 50), 1 << 50) == (i % columns) as i64);
        let ones = Tensor::of(x.shape(), (0..x.len()).map(one).collect());
        Ok(vec![ones.cast(self.dtype.unwrap_or(x.dtype()))?])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
