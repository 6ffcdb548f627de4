//! `Transpose`: the dimensions in another order.

use crate::element::Element;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::build;
use crate::setup::Setup;
use crate::shape::{Loops, strides};
use crate::tensor::{Spec, Tensor, on_each};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// Dimension i of the result is dimension `order[i]` of the operand; without an order, they are reversed.
#[derive(Debug)]
pub(crate) struct Transpose {
    order: Option<Vec<i64>>,
}

impl Transpose {
    fn order(&self, rank: usize) -> Result<Vec<usize>, Refusal> {
        let Some(order) = &self.order else { return Ok((0..rank).rev().collect()) };
        let mut seen = vec![false; rank];
        let mut own = Vec::with_capacity(rank);
        for &axis in order {
            let axis = usize::try_from(axis).ok().filter(|&a| a < rank && !std::mem::replace(&mut seen[a], true));
            own.extend(axis);
        }
        if own.len() == rank && order.len() == rank {
            return Ok(own);
        }
        Err(mismatch(format!("{rank} dimensions are put in the order {order:?}"), "each dimension once"))
    }
}

/// A copy with the dimensions in this order, which is a permutation.
pub(super) fn permuted(x: &Tensor, order: &[usize]) -> Result<Tensor, Refusal> {
    fn copy<T: Element>(x: &[T], shape: &[usize], own: Vec<usize>) -> Vec<T> {
        let loops = Loops::new(shape, &[own]);
        let [step] = loops.steps();
        build(x.len(), &|start, out| {
            loops.stretches(start..start + out.len(), |[from], at, length| {
                let out = &mut out[at..at + length];
                if step == 1 {
                    out.copy_from_slice(&x[from..from + length]);
                } else {
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = x[from + i * step];
                    }
                }
            });
        })
    }
    let dtype = x.dtype();
    let x = x.plain();
    let old = strides(x.shape());
    let shape: Vec<usize> = order.iter().map(|&axis| x.shape()[axis]).collect();
    let own: Vec<usize> = order.iter().map(|&axis| old[axis]).collect();
    on_each!(x, values => Tensor::of(&shape, copy(values, &shape, own)).cast(dtype))
}

impl Define for Transpose {
    const NAME: &'static str = "Transpose";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Transpose { order: setup.ints("perm")?.map(<[i64]>::to_vec) })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let of = |name: &str| Case::new(name).random(&[2, 3, 4]);
        vec![
            Case::new("reversed").input(x).expect(Tensor::of(&[3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])),
            of("a cycle").list("perm", &[2, 0, 1]),
            of("a swap").list("perm", &[0, 2, 1]),
            of("nothing").list("perm", &[0, 1, 2]).expect(crate::testing::random(&[2, 3, 4], 1)),
            Case::new("integers").ints(&[1, 2]).expect(Tensor::of(&[2], vec![1i64, 2])),
            Case::new("long").random(&[130, 150]),
            of("one twice").list("perm", &[0, 1, 1]).refused("each dimension once"),
            of("too few").list("perm", &[1, 0]).refused("each dimension once"),
        ]
    }
}

impl Operator for Transpose {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let order = self.order(x.rank())?;
        Ok(vec![Spec { dtype: x.dtype(), shape: order.iter().map(|&axis| x.shape()[axis]).collect() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        Ok(vec![permuted(x, &self.order(x.rank())?)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| {
            let grad = pass.grad()?;
            let order = self.order(grad.rank())?;
            let mut back = vec![0; order.len()];
            for (i, &axis) in order.iter().enumerate() {
                back[axis] = i;
            }
            permuted(grad, &back)
        })
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
