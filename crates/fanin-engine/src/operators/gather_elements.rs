//! `GatherElements` and `GatherND`: elements or blocks by the places that indices point to.

use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::places::{along, give_back, spread, take, tuples};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// One element for each index: along `axis` it is the index that says where, along all others its own place.
#[derive(Debug)]
pub(crate) struct GatherElements {
    axis: i64,
}

/// One block for each tuple of indices in the last dimension; the first `batch` dimensions are walked together.
#[derive(Debug)]
pub(crate) struct GatherNd {
    batch: usize,
}

/// What both do: the shape of the result, where its blocks begin, and how long they are.
trait Places {
    fn places(&self, x: &[usize], indices: &Tensor) -> Result<(Vec<usize>, Vec<usize>, usize), Refusal>;
}

impl Places for GatherElements {
    fn places(&self, x: &[usize], indices: &Tensor) -> Result<(Vec<usize>, Vec<usize>, usize), Refusal> {
        Ok((indices.shape().to_vec(), along(indices, x, self.axis)?, 1))
    }
}

impl Places for GatherNd {
    fn places(&self, x: &[usize], indices: &Tensor) -> Result<(Vec<usize>, Vec<usize>, usize), Refusal> {
        let (places, block) = tuples(indices, x, self.batch)?;
        let own = indices.shape();
        let depth = own.last().copied().unwrap_or(0);
        let shape = [&own[..own.len() - 1], &x[self.batch + depth..]].concat();
        crate::shape::count(&shape)
            .ok_or_else(|| mismatch(format!("a result of shape {shape:?}"), "fewer elements"))?;
        Ok((shape, places, block))
    }
}

fn outputs(own: &dyn Places, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
    let (x, indices) = (inputs.get(0)?, inputs.get(1)?);
    Ok(vec![Spec { dtype: x.dtype(), shape: own.places(x.shape(), indices)?.0 }])
}

fn forward(own: &dyn Places, inputs: &Inputs<'_>) -> Result<Vec<Tensor>, Refusal> {
    let (x, indices) = (inputs.get(0)?, inputs.get(1)?);
    let (shape, places, block) = own.places(x.shape(), indices)?;
    let (places, plain) = (spread(&places, block), x.plain());
    let y = on_each!(plain, values => Tensor::of(&shape, take(values, &places)));
    Ok(vec![y.cast(x.dtype())?])
}

fn backward(own: &dyn Places, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
    let (grad, x) = (pass.grad()?, pass.input_spec(0)?);
    let (_, places, block) = own.places(&x.shape, pass.input(1)?)?;
    let places = spread(&places, block);
    pass.only(|| on_floats!(grad, g => Ok(Tensor::of(&x.shape, give_back(g, &places, x.len())))))
}

/// Both operators are the same but for their places.
macro_rules! operator {
    ($name:ident) => {
        impl Operator for $name {
            fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
                outputs(self, inputs)
            }

            fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
                forward(self, inputs)
            }

            fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
                backward(self, pass)
            }

            fn reads(&self) -> Reads {
                Reads::only(&[1])
            }
        }
    };
}

operator!(GatherElements);
operator!(GatherNd);

impl Define for GatherElements {
    const NAME: &'static str = "GatherElements";
    const SINCE: u64 = 11;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(GatherElements { axis: setup.int("axis", 0)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let indices = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str| Case::new(name).input(x.clone());
        vec![
            of("columns")
                .input(indices(&[2, 2], &[0, 0, 1, 0]))
                .int("axis", 1)
                .expect(Tensor::of(&[2, 2], vec![1.0, 1.0, 4.0, 3.0])),
            of("rows").input(indices(&[1, 2], &[-1, 0])).expect(Tensor::of(&[1, 2], vec![3.0, 2.0])),
            Case::new("middle")
                .random(&[2, 3, 4])
                .input(indices(&[2, 2, 3], &[0, 1, 2, 2, 1, 0, 1, 1, 1, 0, 2, 0]))
                .int("axis", -2),
            of("beyond").input(indices(&[1, 1], &[2])).refused("the index 2 is looked up among 2"),
            of("larger").input(indices(&[1, 3], &[0, 0, 0])).refused("none larger"),
        ]
    }
}

impl Define for GatherNd {
    const NAME: &'static str = "GatherND";
    const SINCE: u64 = 11;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let batch = setup.int("batch_dims", 0)?;
        let own = usize::try_from(batch).map_err(|_| Setup::refuse("batch_dims", batch, "0 or more"))?;
        Ok(GatherNd { batch: own })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let indices = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str| Case::new(name).input(x.clone());
        vec![
            of("elements").input(indices(&[3, 2], &[0, 0, 1, 1, 0, 0])).expect(Tensor::of(&[3], vec![1.0, 4.0, 1.0])),
            of("rows").input(indices(&[2, 1], &[1, 0])).expect(Tensor::of(&[2, 2], vec![3.0, 4.0, 1.0, 2.0])),
            of("one in each")
                .input(indices(&[2, 1], &[1, 0]))
                .int("batch_dims", 1)
                .expect(Tensor::of(&[2], vec![2.0, 3.0])),
            Case::new("many").random(&[2, 3, 4]).input(indices(&[2, 2, 1], &[0, 2, 1, -1])).int("batch_dims", 1),
            Case::new("whole").random(&[2, 3]).input(indices(&[2, 0], &[])),
            of("beyond").input(indices(&[1, 2], &[0, 5])).refused("the index 5"),
            of("long tuples").input(indices(&[1, 3], &[0, 0, 0])).refused("no longer"),
            of("a number").input(Tensor::scalar(0i64)).refused("one tuple each"),
        ]
    }
}
