//! `OneHot`: one of two numbers at each index along a new dimension, the other elsewhere.

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// `[off, on]`, with `on` where the new dimension's index is the one given. Indices out of range have no `on` anywhere.
#[derive(Debug)]
pub(crate) struct OneHot {
    axis: i64,
}

impl OneHot {
    /// Number of classes, `[before, after]` the new dimension, and the shape.
    fn sizes(&self, indices: &Tensor, depth: &Tensor) -> Result<(usize, [usize; 2], Vec<usize>), Refusal> {
        let depth = depth.number()?;
        if !(0.0..=1e9).contains(&depth) {
            return Err(mismatch(format!("the depth is {depth}"), "the number of classes"));
        }
        let own = indices.shape();
        let axis = shape::axis(self.axis, own.len() + 1)?;
        let shape = [&own[..axis], &[depth as usize], &own[axis..]].concat();
        Ok((depth as usize, [own[..axis].iter().product(), own[axis..].iter().product()], shape))
    }

    /// Places of the `on` elements.
    fn places(indices: &Tensor, depth: usize, after: usize) -> Vec<usize> {
        let own = |(place, index): (usize, f64)| {
            let index = if index < 0.0 { index + depth as f64 } else { index };
            let inside = index >= 0.0 && index < depth as f64;
            inside.then(|| (place / after * depth + index as usize) * after + place % after)
        };
        indices.to_f64s().into_iter().enumerate().filter_map(own).collect()
    }
}

impl Define for OneHot {
    const NAME: &'static str = "OneHot";
    const SINCE: u64 = 9;
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(OneHot { axis: setup.int("axis", -1)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let values = |case: Case| case.input(Tensor::of(&[2], vec![0.5, 2.0]));
        let of = |name: &str, indices: &[i64], depth: i64| {
            values(Case::new(name).ints(indices).input(Tensor::scalar(depth)))
        };
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        vec![
            of("rows", &[1, -1], 3).expect(t(&[2, 3], &[0.5, 2.0, 0.5, 0.5, 0.5, 2.0])),
            of("columns", &[0, 1], 2).int("axis", 0).expect(t(&[2, 2], &[2.0, 0.5, 0.5, 2.0])),
            of("out of range", &[5, -4], 2).expect(t(&[2, 2], &[0.5; 4])),
            values(Case::new("floats").setting(Tensor::of(&[1], vec![1.0])).setting(Tensor::of(&[1], vec![2.0])))
                .expect(t(&[1, 2], &[0.5, 2.0])),
            of("negative", &[0], -1).refused("the depth is -1"),
            Case::new("three").ints(&[0]).input(Tensor::scalar(2i64)).random(&[3]).refused("[off, on]"),
        ]
    }
}

impl Operator for OneHot {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let (indices, values) = (inputs.get(0)?, inputs.get(2)?);
        if indices.dtype() == Dtype::Bool {
            return Err(wrong_dtype(indices, "numbers"));
        }
        if values.shape() != [2] {
            return Err(mismatch(format!("the two numbers have the shape {:?}", values.shape()), "[2]: [off, on]"));
        }
        Ok(vec![Spec { dtype: values.dtype(), shape: self.sizes(indices, inputs.get(1)?)?.2 }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (indices, values) = (inputs.get(0)?, inputs.get(2)?);
        let (depth, [before, after], shape) = self.sizes(indices, inputs.get(1)?)?;
        let (places, plain) = (Self::places(indices, depth, after), values.plain());
        let y = on_each!(plain, values => {
            let mut out = vec![values[0]; before * depth * after];
            for place in places {
                out[place] = values[1];
            }
            Tensor::of(&shape, out)
        });
        Ok(vec![y.cast(values.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        fn sums<T: Float>(g: &[T], places: &[usize]) -> Tensor {
            let mut on = vec![false; g.len()];
            for &place in places {
                on[place] = true;
            }
            let mut sums = vec![T::ZERO; 2];
            g.iter().zip(on).for_each(|(&g, on)| sums[usize::from(on)] += g);
            Tensor::of(&[2], sums)
        }
        let (grad, indices) = (pass.grad()?, pass.input(0)?);
        let (depth, [_, after], _) = self.sizes(indices, pass.input(1)?)?;
        let places = Self::places(indices, depth, after);
        let values = if pass.wants(2) { Some(on_floats!(grad, g => sums(g, &places))) } else { None };
        Ok(vec![None, None, values])
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
