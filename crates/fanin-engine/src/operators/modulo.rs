//! `Mod`: what a division leaves over.

use crate::element::Float;
use crate::elementwise::broadcast2;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The remainder, with the sign of the divisor as in Python, or (`fmod`) that of the dividend as in C. A division of integers
/// by 0 leaves 0.
#[derive(Debug)]
pub(crate) struct Mod {
    fmod: bool,
}

impl Mod {
    fn integer(&self, a: i64, b: i64) -> i64 {
        if b == 0 {
            return 0;
        }
        let rest = a.wrapping_rem(b);
        if !self.fmod && rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
    }

    fn integers(&self, a: &Tensor, b: &Tensor, shape: &[usize]) -> Result<Tensor, Refusal> {
        let dtype = a.dtype();
        if dtype == Dtype::U64 {
            let (x, y) = (a.expect::<u64>()?, b.expect::<u64>()?);
            let rest = |a: u64, b: u64| a.checked_rem(b).unwrap_or(0);
            return Ok(Tensor::of(shape, broadcast2(shape, (x, a.shape()), (y, b.shape()), rest)));
        }
        let (x, y) = (a.plain(), b.plain());
        let (x, y) = ((x.expect()?, a.shape()), (y.expect()?, b.shape()));
        Tensor::of(shape, broadcast2(shape, x, y, |a, b| self.integer(a, b))).cast(dtype)
    }
}

impl Mod {
    fn float<T: Float>(&self, a: T, b: T) -> T {
        let (b, rest) = (b.to_f64(), a.to_f64() % b.to_f64());
        let other_side = !self.fmod && rest != 0.0 && (rest < 0.0) != (b < 0.0);
        T::from_f64(if other_side { rest + b } else { rest })
    }

    fn floats<T: Float>(&self, a: &[T], b: &[T], [whole, own, other]: [&[usize]; 3]) -> Tensor {
        Tensor::of(whole, broadcast2(whole, (a, own), (b, other), |a, b| self.float(a, b)))
    }

    /// The gradients of both operands; that of the divisor is −a/b, rounded as the remainder has it, times that of the
    /// result.
    fn gradients<T: Float>(
        &self,
        g: &[T],
        whole: &[usize],
        pass: &Backward<'_>,
    ) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (a, b) = (pass.input(0)?, pass.input(1)?);
        let left = if pass.wants(0) { Some(sum_to(g.to_vec(), whole, a.shape())?) } else { None };
        if !pass.wants(1) {
            return Ok(vec![left, None]);
        }
        let operands = [(a.expect::<T>()?, a.shape()), (b.expect::<T>()?, b.shape())];
        let whole_times = |a: T, b: T| {
            let times = a.to_f64() / b.to_f64();
            T::from_f64(-if self.fmod { times.trunc() } else { times.floor() })
        };
        let times = broadcast2(whole, operands[0], operands[1], whole_times);
        let right = crate::parallel::zip(g, &times, |g, times| g * times);
        Ok(vec![left, Some(sum_to(right, whole, b.shape())?)])
    }
}

impl Define for Mod {
    const NAME: &'static str = "Mod";
    const SINCE: u64 = 10;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Mod { fmod: setup.flag("fmod", false)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let ints = |name: &str| Case::new(name).ints(&[7, -7, 7, -7, 6, 5]).ints(&[3, 3, -3, -3, 3, 0]);
        let t = |values: &[i64]| Tensor::of(&[values.len()], values.to_vec());
        let floats = |name: &str| Case::new(name).input(Tensor::of(&[2], vec![5.5, -5.5])).input(Tensor::scalar(2.0));
        let large = |value: u64| Tensor::of(&[1], vec![value]);
        vec![
            ints("as Python").expect(t(&[1, 2, -2, -1, 0, 0])),
            ints("as C").int("fmod", 1).expect(t(&[1, -1, 1, -1, 0, 0])),
            floats("floats").int("fmod", 1).expect(Tensor::of(&[2], vec![1.5, -1.5])),
            Case::new("matrices").between(2.1, 2.9, &[2, 3]).between(0.95, 1.0, &[3]).int("fmod", 1),
            Case::new("the least integer").ints(&[i64::MIN]).ints(&[-1]).expect(t(&[0])),
            Case::new("large").input(large(u64::MAX)).input(large(10)).expect(large(5)),
            floats("floats as Python").expect(Tensor::of(&[2], vec![1.5, 0.5])),
            Case::new("matrices as Python").between(2.1, 2.9, &[2, 3]).between(-1.0, -0.98, &[3]),
            Case::new("two types").ints(&[1]).random(&[1]).refused("type"),
        ]
    }
}

impl Operator for Mod {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        if a.dtype() == Dtype::Bool {
            return Err(wrong_dtype(a, "numbers"));
        }
        Ok(vec![Spec { dtype: a.dtype(), shape: shape::broadcast(&[a.shape(), b.shape()])? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let shape = shape::broadcast(&[a.shape(), b.shape()])?;
        if !a.dtype().is_float() {
            return Ok(vec![self.integers(a, b, &shape)?]);
        }
        Ok(vec![on_floats!(a, values => self.floats(values, b.expect()?, [&shape, a.shape(), b.shape()]))])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        on_floats!(grad, g => self.gradients(g, grad.shape(), pass))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
