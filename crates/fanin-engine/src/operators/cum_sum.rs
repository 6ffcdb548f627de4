//! `CumSum`: running sums along an axis.

use crate::element::Number;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// Each element plus all before it; without itself if `exclusive`, from the end if `reverse`.
#[derive(Debug)]
pub(crate) struct CumSum {
    exclusive: bool,
    reverse: bool,
}

impl CumSum {
    /// `[along, after]` of the blocks that an axis divides the tensor into.
    fn sizes(x: &[usize], axis: &Tensor) -> Result<[usize; 2], Refusal> {
        let &[axis] = &axis.ints()?[..] else {
            return Err(mismatch(format!("the axis has the shape {:?}", axis.shape()), "one number"));
        };
        let axis = shape::axis(axis, x.len())?;
        Ok([x[axis], x[axis + 1..].iter().product()])
    }

    fn run<T: Number>(&self, x: &[T], [along, after]: [usize; 2], reverse: bool) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        let block = along * after;
        if block == 0 {
            return out;
        }
        heavy_pieces(&mut out, block, &|i, out| {
            let x = &x[i * block..][..block];
            let at = |k: usize| if reverse { along - 1 - k } else { k } * after;
            // The first is itself or nothing; every other is the one before it, plus one element.
            for k in 0..along {
                let (own, before) = (at(k), at(k.max(1) - 1));
                let new = if self.exclusive { before } else { own };
                for column in 0..after {
                    let sum = if k == 0 { T::ZERO } else { out[before + column] };
                    let skipped = self.exclusive && k == 0;
                    out[own + column] = if skipped { T::ZERO } else { sum.plus(x[new + column]) };
                }
            }
        });
        out
    }
}

impl Define for CumSum {
    const NAME: &'static str = "CumSum";
    const SINCE: u64 = 11;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(CumSum { exclusive: setup.flag("exclusive", false)?, reverse: setup.flag("reverse", false)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str, axis: i64| {
            Case::new(name).input(t(&[2, 3], &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0])).input(Tensor::scalar(axis))
        };
        vec![
            of("rows", 1).expect(t(&[2, 3], &[1.0, 3.0, 7.0, 8.0, 24.0, 56.0])),
            of("columns", 0).expect(t(&[2, 3], &[1.0, 2.0, 4.0, 9.0, 18.0, 36.0])),
            of("exclusive", -1).int("exclusive", 1).expect(t(&[2, 3], &[0.0, 1.0, 3.0, 0.0, 8.0, 24.0])),
            of("from the end", 1).int("reverse", 1).expect(t(&[2, 3], &[7.0, 6.0, 4.0, 56.0, 48.0, 32.0])),
            of("both", 1).int("reverse", 1).int("exclusive", 1).expect(t(&[2, 3], &[6.0, 4.0, 0.0, 48.0, 32.0, 0.0])),
            Case::new("many").random(&[2, 5, 3]).input(Tensor::of(&[1], vec![1i64])).int("exclusive", 1),
            Case::new("integers").ints(&[1, 2]).input(Tensor::scalar(0i32)).expect(Tensor::of(&[2], vec![1i64, 3])),
            of("beyond", 2).refused("axis 2"),
        ]
    }
}

impl Operator for CumSum {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if x.dtype() == Dtype::Bool {
            return Err(wrong_dtype(x, "numbers"));
        }
        Self::sizes(x.shape(), inputs.get(1)?)?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (sizes, plain) = (Self::sizes(x.shape(), inputs.get(1)?)?, x.plain());
        let y = on_numbers!(plain, values => Tensor::of(x.shape(), self.run(values, sizes, self.reverse)));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        let sizes = Self::sizes(grad.shape(), pass.input(1)?)?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(grad.shape(), self.run(g, sizes, !self.reverse)))))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
