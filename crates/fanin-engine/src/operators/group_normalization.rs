//! `GroupNormalization` and `InstanceNormalization`: each image normalized by itself, some channels together or each alone.

use crate::element::Float;
use crate::error::mismatch;
use crate::normalize::{Planes, Share, Statistics, check_affine, gradients, inverse};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// Both operators: γ·x̂ + β with the statistics of a group of channels, or, where there are no groups, of one channel.
#[derive(Debug)]
pub(crate) struct PerImage<const GROUPED: bool> {
    epsilon: f64,
    groups: Option<i64>,
    /// Whether scale and bias have an element for each group; from version 21 on, they have one for each channel.
    grouped_affine: bool,
}

pub(crate) type GroupNormalization = PerImage<true>;
pub(crate) type InstanceNormalization = PerImage<false>;

impl<const GROUPED: bool> PerImage<GROUPED> {
    fn planes(&self, shape: &[usize]) -> Result<Planes, Refusal> {
        let mut planes = Planes::of(shape, Share::Channels(1), 1)?;
        if planes.channels == 0 || planes.size == 0 {
            return Err(mismatch(format!("an operand has the shape {shape:?}"), "channels of one element or more"));
        }
        if let Some(groups) = self.groups {
            let each =
                usize::try_from(groups).ok().filter(|&groups| groups > 0 && planes.channels.is_multiple_of(groups));
            let each = each.map(|groups| planes.channels / groups).ok_or_else(|| {
                mismatch(format!("{} channels are put in {groups} groups", planes.channels), "groups of equal size")
            })?;
            planes.share = Share::Channels(each);
            planes.affine = if self.grouped_affine { each } else { 1 };
        }
        Ok(planes)
    }

    fn compute<T: Float>(&self, x: &[T], inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let shape = inputs.get(0)?.shape();
        let planes = self.planes(shape)?;
        let (mean, variance) = planes.moments(x);
        let statistics = Statistics { mean, scale: inverse(&variance, self.epsilon) };
        let y = planes.apply(x, &statistics, inputs.get(1)?.expect()?, inputs.get(2)?.expect()?);
        pass.save(|| statistics.tensor());
        Ok(vec![Tensor::of(shape, y)])
    }
}

impl<const GROUPED: bool> Define for PerImage<GROUPED> {
    const NAME: &'static str = if GROUPED { "GroupNormalization" } else { "InstanceNormalization" };
    const SINCE: u64 = if GROUPED { 18 } else { 1 };
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("consumed_inputs");
        if GROUPED {
            // The statistics are in f64 in any case.
            setup.ignore("stash_type");
        }
        let groups = if GROUPED { Some(setup.needed_int("num_groups")?) } else { None };
        Ok(PerImage { epsilon: setup.float("epsilon", 1e-5)?, groups, grouped_affine: setup.version() < 21 })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let groups = |case: Case, n: i64| if GROUPED { case.int("num_groups", n) } else { case };
        // Mean 2 and variance 1 for each half; with an ε of 3, half of the distance is left.
        let plain = Case::new("two halves")
            .input(t(&[1, 2, 2], &[1.0, 3.0, 11.0, 13.0]))
            .input(t(&[2], &[1.0, 2.0]))
            .input(t(&[2], &[0.0, 10.0]))
            .float("epsilon", 3.0)
            .expect(t(&[1, 2, 2], &[-0.5, 0.5, 9.0, 11.0]));
        let of = |name: &str, shape: &[usize]| Case::new(name).random(shape).random(&[shape[1]]).random(&[shape[1]]);
        let mut cases = vec![
            groups(plain, 2),
            groups(of("pictures", &[3, 4, 5, 3]), 2),
            groups(of("large", &[5, 6, 30, 20]), 3),
            groups(of("no images", &[0, 2, 3]), 2),
            groups(of("no elements", &[2, 2, 0]), 2).refused("one element or more"),
            groups(Case::new("a long scale").random(&[1, 2, 3]).random(&[3]).random(&[2]), 2).refused("scale or bias"),
        ];
        if GROUPED {
            cases.push(
                Case::new("a scale for each group")
                    .version(18)
                    .random(&[2, 6, 3])
                    .random(&[2])
                    .random(&[2])
                    .int("num_groups", 2),
            );
            cases.push(groups(of("groups of two sizes", &[1, 4, 2]), 3).refused("groups of equal size"));
            cases.push(groups(of("no groups", &[1, 4, 2]), 0).refused("groups of equal size"));
        }
        cases
    }
}

impl<const GROUPED: bool> Operator for PerImage<GROUPED> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        let planes = self.planes(x.shape())?;
        check_affine(inputs, planes.channels / planes.affine)?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, values => self.compute(values, inputs, pass))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, pass.input(0)?);
        let (planes, statistics) = (self.planes(x.shape())?, Statistics::saved(pass.saved(0)?)?);
        on_floats!(grad, g => Ok(gradients(&planes, g, x, &statistics, pass.input(1)?.expect()?)?.map(Some).into()))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
