//! `Expand`: a tensor repeated along dimensions of size 1 until it has a shape.

use super::constant_of_shape::sizes;
use crate::element::Element;
use crate::elementwise::broadcast2;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// Broadcast to the shape of the second input, which may itself have ones where the operand has not.
#[derive(Debug)]
pub(crate) struct Expand;

fn target(inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
    shape::broadcast(&[inputs.get(0)?.shape(), &sizes(inputs.get(1)?)?])
}

impl Define for Expand {
    const NAME: &'static str = "Expand";
    const SINCE: u64 = 8;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Expand)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str| Case::new(name).input(t(&[2, 1], &[1.0, 2.0]));
        vec![
            of("columns").ints(&[2, 3]).expect(t(&[2, 3], &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0])),
            of("both ways").ints(&[2, 1, 2]).expect(t(&[2, 2, 2], &[1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0])),
            of("nothing to do").ints(&[1]).expect(t(&[2, 1], &[1.0, 2.0])),
            of("to nothing").ints(&[0]).expect(t(&[2, 0], &[])),
            Case::new("integers").ints(&[3]).ints(&[2]).expect(Tensor::of(&[2], vec![3i64, 3])),
            Case::new("long").random(&[3, 1, 50]).ints(&[3, 200, 50]),
            of("other sizes").ints(&[3, 1]).refused("do not broadcast"),
            of("no room").ints(&[1 << 40]).refused("no room"),
        ]
    }
}

impl Operator for Expand {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![Spec { dtype: inputs.get(0)?.dtype(), shape: target(inputs)? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn expanded<T: Element>(x: &[T], own: &[usize], shape: &[usize]) -> Tensor {
            Tensor::of(shape, broadcast2(shape, (x, own), (&[T::default()], &[]), |x, _| x))
        }
        let (x, shape) = (inputs.get(0)?, target(inputs)?);
        let plain = x.plain();
        let y = on_each!(plain, values => expanded(values, x.shape(), &shape));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, shape) = (pass.grad()?, &pass.input_spec(0)?.shape);
        pass.only(|| on_floats!(grad, g => sum_to(g.to_vec(), grad.shape(), shape)))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
