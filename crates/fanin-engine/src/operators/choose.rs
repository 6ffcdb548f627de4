//! `Where`: one of two operands, element by element.

use crate::element::{Element, Float};
use crate::elementwise::broadcast3;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// x where the condition holds, y elsewhere; all three broadcast.
#[derive(Debug)]
pub(crate) struct Where;

impl Define for Where {
    const NAME: &'static str = "Where";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Where)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let truth = |shape: &[usize], values: &[bool]| Tensor::of(shape, values.to_vec());
        vec![
            Case::new("row and column")
                .input(truth(&[2, 1], &[true, false]))
                .input(Tensor::of(&[2], vec![1.0, 2.0]))
                .input(Tensor::of(&[], vec![9.0]))
                .expect(Tensor::of(&[2, 2], vec![1.0, 2.0, 9.0, 9.0])),
            Case::new("gradients").input(truth(&[3], &[true, false, true])).random(&[2, 3]).random(&[2, 1]),
            Case::new("numbers as condition").ints(&[1]).random(&[1]).random(&[1]).refused("bool"),
        ]
    }
}

impl Operator for Where {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(1, 2)?;
        let (condition, x, y) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        condition.expect::<bool>()?;
        let shape = shape::broadcast(&[condition.shape(), x.shape(), y.shape()])?;
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn choose<T: Element>(condition: bool, x: T, y: T) -> T {
            if condition { x } else { y }
        }
        let dtype = inputs.get(1)?.dtype();
        let (condition, x, y) = (inputs.get(0)?, inputs.get(1)?.plain(), inputs.get(2)?.plain());
        let shape = shape::broadcast(&[condition.shape(), x.shape(), y.shape()])?;
        let when = (condition.expect()?, condition.shape());
        let chosen = on_each!(x, values => {
            Tensor::of(&shape, broadcast3(&shape, when, (values, x.shape()), (y.expect()?, y.shape()), choose))
        });
        Ok(vec![chosen.cast(dtype)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        fn masked<T: Float>(
            g: &Tensor,
            values: &[T],
            when: &Tensor,
            which: bool,
            to: &Spec,
        ) -> Result<Tensor, Refusal> {
            let when = (when.expect::<bool>()?, when.shape());
            let own = crate::elementwise::broadcast2(g.shape(), (values, g.shape()), when, |g, c| {
                if c == which { g } else { T::ZERO }
            });
            sum_to(own, g.shape(), &to.shape)
        }
        let (grad, when) = (pass.grad()?, pass.input(0)?);
        let mut grads = vec![None; 3];
        for (i, which) in [(1, true), (2, false)].into_iter().filter(|(i, _)| pass.wants(*i)) {
            let to = pass.input_spec(i)?;
            grads[i] = Some(on_floats!(grad, values => masked(grad, values, when, which, to)?));
        }
        Ok(grads)
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0])
    }
}
