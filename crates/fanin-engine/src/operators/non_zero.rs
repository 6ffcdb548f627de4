//! `NonZero` and `Compress`: what is chosen by values, so that the shape of the result depends on them.

use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::picks::Picks;
use crate::setup::Setup;
use crate::shape::{self, strides};
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The indices of all elements that are not 0, in order: `[rank, count]`. No gradient passes here.
#[derive(Debug)]
pub(crate) struct NonZero;

fn places(x: &Tensor) -> Vec<usize> {
    x.to_f64s().into_iter().enumerate().filter(|&(_, x)| x != 0.0).map(|(place, _)| place).collect()
}

impl Define for NonZero {
    const NAME: &'static str = "NonZero";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(NonZero)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let at = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        let x = Tensor::of(&[2, 2], vec![0.0, 1.0, -2.0, 3.0]);
        vec![
            Case::new("a matrix").input(x).expect(at(&[2, 3], &[0, 1, 1, 1, 0, 1])),
            Case::new("truth").input(Tensor::of(&[3], vec![true, false, true])).expect(at(&[1, 2], &[0, 2])),
            Case::new("nothing").ints(&[0, 0]).expect(at(&[1, 0], &[])),
        ]
    }
}

impl Operator for NonZero {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        Ok(vec![Spec::new(Dtype::I64, &[x.rank(), places(x).len()])])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (places, steps) = (places(x), strides(x.shape()));
        let along =
            steps.iter().zip(x.shape()).flat_map(|(&step, &size)| places.iter().map(move |p| (p / step % size) as i64));
        Ok(vec![Tensor::of(&[x.rank(), places.len()], along.collect())])
    }

    fn differentiable(&self) -> bool {
        false
    }
}

/// The elements, or the indices along an axis, for which a condition holds. A short condition ends with what is not taken.
#[derive(Debug)]
pub(crate) struct Compress {
    axis: Option<i64>,
}

impl Compress {
    /// Shape of what is chosen from, and the choice.
    fn picks(&self, x: &[usize], condition: &Tensor) -> Result<(Vec<usize>, Picks), Refusal> {
        let condition = condition.expect::<bool>()?;
        let (whole, axis) = match self.axis {
            Some(axis) => (x.to_vec(), shape::axis(axis, x.len())?),
            None => (vec![x.iter().product()], 0),
        };
        if condition.len() > whole[axis] {
            return Err(mismatch(
                format!("{} conditions for {} elements", condition.len(), whole[axis]),
                "at most one for each",
            ));
        }
        let chosen = condition.iter().enumerate().filter(|(_, holds)| **holds).map(|(i, _)| Some(i)).collect();
        let mut picks: Vec<Vec<Option<usize>>> = whole.iter().map(|&size| (0..size).map(Some).collect()).collect();
        picks[axis] = chosen;
        Ok((whole.clone(), Picks::new(&whole, picks)))
    }
}

impl Define for Compress {
    const NAME: &'static str = "Compress";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Compress { axis: setup.optional_int("axis")? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let of = |name: &str, holds: &[bool]| {
            Case::new(name).input(x.clone()).input(Tensor::of(&[holds.len()], holds.to_vec()))
        };
        vec![
            of("elements", &[true, false, false, true]).expect(Tensor::of(&[2], vec![1.0, 4.0])),
            of("columns", &[false, true]).int("axis", 1).expect(Tensor::of(&[2, 1], vec![2.0, 4.0])),
            of("short", &[true]).int("axis", 0).expect(Tensor::of(&[1, 2], vec![1.0, 2.0])),
            of("long", &[true; 3]).int("axis", 0).refused("at most one for each"),
        ]
    }
}

impl Operator for Compress {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let (_, picks) = self.picks(x.shape(), inputs.get(1)?)?;
        Ok(vec![Spec { dtype: x.dtype(), shape: picks.shape() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let ((_, picks), plain) = (self.picks(x.shape(), inputs.get(1)?)?, x.plain());
        let y = on_each!(plain, values => Tensor::of(&picks.shape(), picks.take(values, values.first().copied().unwrap_or_default())));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, pass.input_spec(0)?);
        let (_, picks) = self.picks(&x.shape, pass.input(1)?)?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(&x.shape, picks.give_back(g)))))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
