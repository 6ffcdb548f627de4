//! `IsNaN` and `IsInf`: which elements are not numbers, or infinite. No gradient passes here.

use crate::element::{Float, Number};
use crate::operator::{Define, Forward, Inputs, Operator};
use crate::parallel::map;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// Whether each element is NaN.
#[derive(Debug)]
pub(crate) struct IsNan;

impl Define for IsNan {
    const NAME: &'static str = "IsNaN";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(IsNan)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[4], vec![0.0, f64::NAN, f64::INFINITY, -f64::NAN]);
        vec![
            Case::new("infinity is a number").input(x).expect(Tensor::of(&[4], vec![false, true, false, true])),
            Case::new("integers").ints(&[1]).refused("f32 or f64"),
        ]
    }
}

impl Operator for IsNan {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        Ok(vec![Spec { dtype: Dtype::Bool, shape: x.shape().to_vec() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn nans<T: Float>(x: &[T]) -> Vec<bool> {
            map(x, Number::is_nan)
        }
        let x = inputs.get(0)?;
        Ok(vec![on_floats!(x, values => Tensor::of(x.shape(), nans(values)))])
    }

    fn differentiable(&self) -> bool {
        false
    }
}

/// Whether each element is infinite.
#[derive(Debug)]
pub(crate) struct IsInf {
    negative: bool,
    positive: bool,
}

impl Define for IsInf {
    const NAME: &'static str = "IsInf";
    const SINCE: u64 = 10;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(IsInf { negative: setup.flag("detect_negative", true)?, positive: setup.flag("detect_positive", true)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = || Tensor::of(&[4], vec![0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        let of = |name: &str, holds: [bool; 4]| Case::new(name).input(x()).expect(Tensor::of(&[4], holds.to_vec()));
        vec![
            of("both", [false, false, true, true]),
            of("above", [false, false, true, false]).int("detect_negative", 0),
            of("below", [false, false, false, true]).int("detect_positive", 0),
        ]
    }
}

impl Operator for IsInf {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        Ok(vec![Spec { dtype: Dtype::Bool, shape: x.shape().to_vec() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn infinite<T: Float>(x: &[T], own: &IsInf) -> Vec<bool> {
            map(x, |x| x == T::LARGEST && own.positive || x == T::LEAST && own.negative)
        }
        let x = inputs.get(0)?;
        Ok(vec![on_floats!(x, values => Tensor::of(x.shape(), infinite(values, self)))])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
