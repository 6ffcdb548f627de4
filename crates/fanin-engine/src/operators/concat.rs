//! `Concat`: tensors one behind the other along an axis.

use crate::element::Element;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// All operands one behind the other along `axis`.
#[derive(Debug)]
pub(crate) struct Concat {
    axis: i64,
}

/// The part of `x` from `start` on, `size` long along `axis`.
pub(crate) fn part(x: &Tensor, axis: usize, start: usize, size: usize) -> Result<Tensor, Refusal> {
    fn copy<T: Element>(x: &[T], [before, along, after]: [usize; 3], start: usize, size: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(before * size * after);
        for row in 0..before {
            let from = (row * along + start) * after;
            out.extend_from_slice(&x[from..from + size * after]);
        }
        out
    }
    let (dtype, x) = (x.dtype(), x.plain());
    let old = x.shape();
    let sizes = [old[..axis].iter().product(), old[axis], old[axis + 1..].iter().product()];
    let mut shape = old.to_vec();
    shape[axis] = size;
    on_each!(x, values => Tensor::of(&shape, copy(values, sizes, start, size)).cast(dtype))
}

/// Tensors of one type one behind the other along `axis`, as a result of this shape.
pub(crate) fn join<T: Element>(parts: &[Tensor], axis: usize, shape: &[usize]) -> Result<Tensor, Refusal> {
    let before: usize = shape[..axis].iter().product();
    let parts = parts.iter().map(|part| Ok((part.expect::<T>()?, part.shape()[axis..].iter().product())));
    let parts: Vec<(&[T], usize)> = parts.collect::<Result<_, Refusal>>()?;
    let mut out = Vec::with_capacity(shape.iter().product());
    for row in 0..before {
        for &(values, width) in &parts {
            out.extend_from_slice(&values[row * width..(row + 1) * width]);
        }
    }
    Ok(Tensor::of(shape, out))
}

impl Define for Concat {
    const NAME: &'static str = "Concat";
    // Before, the axis could be left out.
    const SINCE: u64 = 4;
    const INPUTS: RangeInclusive<usize> = 1..=usize::MAX;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Concat { axis: setup.needed_int("axis")? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let (a, b) = (t(&[2, 1], &[1.0, 2.0]), t(&[2, 2], &[3.0, 4.0, 5.0, 6.0]));
        let both = t(&[2, 3], &[1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
        vec![
            Case::new("columns").input(a.clone()).input(b.clone()).int("axis", 1).expect(both.clone()),
            Case::new("from the end").input(a.clone()).input(b.clone()).int("axis", -1).expect(both),
            Case::new("three").random(&[2, 3]).random(&[1, 3]).random(&[0, 3]).int("axis", 0),
            Case::new("integers").ints(&[1]).ints(&[2, 3]).int("axis", 0).expect(Tensor::of(&[3], vec![1i64, 2, 3])),
            Case::new("rows of two widths").input(a.clone()).input(b.clone()).int("axis", 0).refused("equal sizes"),
            Case::new("two types").input(a).ints(&[1]).int("axis", 0).refused("type"),
            Case::new("nowhere").input(b).refused("axis is missing"),
        ]
    }
}

impl Operator for Concat {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let first = inputs.get(0)?;
        let axis = shape::axis(self.axis, first.rank())?;
        let mut shape = first.shape().to_vec();
        for i in 1..inputs.len() {
            inputs.same_dtype(0, i)?;
            let other = inputs.get(i)?.shape();
            let fits = other.len() == shape.len() && (0..shape.len()).all(|d| d == axis || other[d] == shape[d]);
            if !fits {
                let wrong = format!("{other:?} is joined to {:?} along axis {axis}", first.shape());
                return Err(mismatch(wrong, "equal sizes in all other dimensions"));
            }
            shape[axis] = shape[axis].saturating_add(other[axis]);
        }
        Ok(vec![Spec { dtype: first.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn of<T: Element>(_: &[T], parts: &[Tensor], axis: usize, shape: &[usize]) -> Result<Tensor, Refusal> {
            join::<T>(parts, axis, shape)
        }
        let parts: Vec<Tensor> = inputs.all().map(Tensor::plain).collect();
        let (dtype, first) = (inputs.get(0)?.dtype(), &parts[0]);
        let axis = shape::axis(self.axis, first.rank())?;
        let mut shape = first.shape().to_vec();
        shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
        let joined = on_each!(first, values => of(values, &parts, axis, &shape)?);
        Ok(vec![joined.cast(dtype)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        let axis = shape::axis(self.axis, grad.rank())?;
        let (mut start, mut grads) = (0, Vec::with_capacity(pass.inputs.len()));
        for i in 0..pass.inputs.len() {
            let size = pass.input_spec(i)?.shape[axis];
            grads.push(if pass.wants(i) { Some(part(grad, axis, start, size)?) } else { None });
            start += size;
        }
        Ok(grads)
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
