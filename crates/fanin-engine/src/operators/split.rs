//! `Split`: a tensor cut into parts along an axis.

use super::concat::{join, part};
use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// As many parts as there are outputs: of the sizes given, or equal, with the last one shorter from version 18 on.
#[derive(Debug)]
pub(crate) struct Split {
    axis: i64,
    /// The sizes, where they are an attribute.
    sizes: Option<Vec<i64>>,
    outputs: usize,
    /// Whether the last part may be shorter.
    uneven: bool,
}

impl Split {
    /// The axis and the sizes of the parts along it.
    fn parts(&self, shape: &[usize], sizes: Option<&Tensor>) -> Result<(usize, Vec<usize>), Refusal> {
        let axis = shape::axis(self.axis, shape.len())?;
        let whole = shape[axis];
        let given = match (&self.sizes, sizes) {
            (Some(sizes), _) => Some(sizes.clone()),
            (None, sizes) => sizes.map(Tensor::ints).transpose()?,
        };
        let Some(given) = given else { return Ok((axis, self.equal(whole)?)) };
        let own: Option<Vec<usize>> = given.iter().map(|&size| usize::try_from(size).ok()).collect();
        let sum = |own: &Vec<usize>| own.iter().try_fold(0usize, |sum, &size| sum.checked_add(size));
        match own.filter(|own| own.len() == self.outputs && sum(own) == Some(whole)) {
            Some(own) => Ok((axis, own)),
            None => Err(mismatch(
                format!("{whole} are cut into parts of {given:?} for {} outputs", self.outputs),
                "a size for each output, whose sum is the whole",
            )),
        }
    }

    fn equal(&self, whole: usize) -> Result<Vec<usize>, Refusal> {
        let each = whole.div_ceil(self.outputs);
        if !self.uneven && each * self.outputs != whole {
            return Err(mismatch(format!("{whole} are cut into {} equal parts", self.outputs), "a multiple of that"));
        }
        Ok((0..self.outputs).map(|i| each.min(whole.saturating_sub(i * each))).collect())
    }

    fn gradient<T: Float>(&self, _: &[T], pass: &Backward<'_>) -> Result<Tensor, Refusal> {
        let spec = pass.input_spec(0)?;
        let (axis, sizes) = self.parts(&spec.shape, pass.optional_input(1))?;
        let parts = sizes.iter().enumerate().map(|(i, &size)| {
            if let Some(grad) = pass.grads.get(i).and_then(Option::as_ref) {
                return Ok(grad.clone());
            }
            let mut shape = spec.shape.clone();
            shape[axis] = size;
            Tensor::zeros(&Spec { dtype: spec.dtype, shape })
        });
        join::<T>(&parts.collect::<Result<Vec<_>, Refusal>>()?, axis, &spec.shape)
    }
}

impl Define for Split {
    const NAME: &'static str = "Split";
    // Before, the sizes could be both an input and an attribute.
    const SINCE: u64 = 2;
    const INPUTS: RangeInclusive<usize> = 1..=2;
    const OUTPUTS: RangeInclusive<usize> = 1..=usize::MAX;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let version = setup.version();
        let outputs = setup.outputs();
        let sizes = if version < 13 { setup.ints("split")?.map(<[i64]>::to_vec) } else { None };
        if version >= 18 {
            let count = setup.optional_int("num_outputs")?;
            if count.is_some_and(|count| usize::try_from(count) != Ok(outputs)) {
                return Err(Setup::refuse("num_outputs", count, format!("{outputs}, as many as there are")));
            }
        }
        Ok(Split { axis: setup.int("axis", 0)?, sizes, outputs, uneven: version >= 18 })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let x = t(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let of = |name: &str| Case::new(name).input(x.clone());
        let columns =
            |case: Case| case.int("axis", 1).expect(t(&[2, 1], &[1.0, 4.0])).expect(t(&[2, 2], &[2.0, 3.0, 5.0, 6.0]));
        let uneven =
            |case: Case| case.int("axis", -1).expect(t(&[2, 2], &[1.0, 2.0, 4.0, 5.0])).expect(t(&[2, 1], &[3.0, 6.0]));
        vec![
            columns(of("sizes").ints(&[1, 2])),
            columns(of("sizes by attribute").version(11).list("split", &[1, 2])),
            uneven(of("the last is shorter").int("num_outputs", 2)),
            of("rows").version(13).expect(t(&[1, 3], &[1.0, 2.0, 3.0])).expect(t(&[1, 3], &[4.0, 5.0, 6.0])),
            Case::new("middle").random(&[2, 5, 3]).ints(&[2, 0, 3]).int("axis", 1).outputs(3),
            Case::new("integers").ints(&[7, 8]).outputs(2).expect(Tensor::of(&[1], vec![7i64])),
            Case::new("many").random(&[5]).int("num_outputs", 4).outputs(4),
            of("unequal").version(13).int("axis", 1).outputs(2).refused("equal parts"),
            of("too short").ints(&[1, 1]).int("axis", 1).outputs(2).refused("whose sum is the whole"),
            of("too few").ints(&[3]).int("axis", 1).outputs(2).refused("a size for each output"),
            of("another number").int("num_outputs", 3).outputs(2).refused("num_outputs"),
        ]
    }
}

impl Operator for Split {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let (axis, sizes) = self.parts(x.shape(), inputs.optional(1))?;
        let spec = |size: usize| {
            let mut spec = x.spec();
            spec.shape[axis] = size;
            spec
        };
        Ok(sizes.into_iter().map(spec).collect())
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (axis, sizes) = self.parts(x.shape(), inputs.optional(1))?;
        let mut start = 0;
        let mut next = |size: usize| {
            start += size;
            part(x, axis, start - size, size)
        };
        sizes.into_iter().map(&mut next).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| {
            let Some(grad) = pass.grads.iter().flatten().next() else { return Tensor::zeros(pass.input_spec(0)?) };
            on_floats!(grad, values => self.gradient(values, pass))
        })
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
