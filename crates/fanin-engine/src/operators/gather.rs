//! `Gather`: rows of a table by index, as embeddings are looked up.

use crate::element::{Element, Float};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::rows;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// What stands at the indices along `axis`; their shape takes the place of that dimension.
#[derive(Debug)]
pub(crate) struct Gather {
    axis: i64,
}

/// Indices as positions below `size`; negative ones count from the end.
pub(super) fn positions(indices: &Tensor, size: usize) -> Result<Vec<usize>, Refusal> {
    let own = |index: i64| {
        let at = if index < 0 { index.saturating_add(size as i64) } else { index };
        usize::try_from(at).ok().filter(|&at| at < size)
    };
    let positions = indices.ints()?.into_iter().map(|index| {
        own(index).ok_or_else(|| {
            mismatch(format!("the index {index} is looked up among {size}"), format!("−{size} to {}", size as i64 - 1))
        })
    });
    positions.collect()
}

impl Gather {
    /// `[before, along, after]` of the table.
    fn sizes(&self, table: &[usize]) -> Result<(usize, [usize; 3]), Refusal> {
        let axis = shape::axis(self.axis, table.len())?;
        Ok((axis, [table[..axis].iter().product(), table[axis], table[axis + 1..].iter().product()]))
    }
}

fn gather<T: Element>(x: &[T], [before, along, after]: [usize; 3], positions: &[usize]) -> Vec<T> {
    let mut out = vec![T::default(); before * positions.len() * after];
    rows(&mut out, after, &|first, out| {
        for (i, out) in out.chunks_mut(after).enumerate() {
            let row = first + i;
            let from = (row / positions.len() * along + positions[row % positions.len()]) * after;
            out.copy_from_slice(&x[from..from + after]);
        }
    });
    out
}

/// The gradient: each row is added where it came from, in the order of the indices.
fn scatter<T: Float>(g: &[T], [before, along, after]: [usize; 3], positions: &[usize]) -> Vec<T> {
    let mut out = vec![T::ZERO; before * along * after];
    if after == 0 || positions.is_empty() {
        return out;
    }
    for (row, g) in g.chunks(after).enumerate() {
        let to = (row / positions.len() * along + positions[row % positions.len()]) * after;
        out[to..to + after].iter_mut().zip(g).for_each(|(out, &g)| *out += g);
    }
    out
}

impl Define for Gather {
    const NAME: &'static str = "Gather";
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Gather { axis: setup.int("axis", 0)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let of = |name: &str| Case::new(name).input(x.clone());
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let index = |i: i64| Tensor::scalar(i);
        vec![
            of("rows").ints(&[2, 0, 2]).expect(t(&[3, 2], &[5.0, 6.0, 1.0, 2.0, 5.0, 6.0])),
            of("one column").input(index(-1)).int("axis", 1).expect(t(&[3], &[2.0, 4.0, 6.0])),
            of("a matrix of rows")
                .input(Tensor::of(&[2, 1], vec![1i32, 0]))
                .expect(t(&[2, 1, 2], &[3.0, 4.0, 1.0, 2.0])),
            Case::new("middle").random(&[2, 3, 4]).ints(&[0, 2, 2, 1]).int("axis", -2),
            of("nothing").ints(&[]).expect(t(&[0, 2], &[])),
            of("beyond").ints(&[3]).refused("the index 3 is looked up among 3"),
            of("no index").random(&[1]).refused("i64"),
        ]
    }
}

impl Operator for Gather {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let (x, indices) = (inputs.get(0)?, inputs.get(1)?);
        let (axis, [_, along, _]) = self.sizes(x.shape())?;
        positions(indices, along)?;
        let shape = [&x.shape()[..axis], indices.shape(), &x.shape()[axis + 1..]].concat();
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, indices) = (inputs.get(0)?, inputs.get(1)?);
        let (axis, sizes) = self.sizes(x.shape())?;
        let positions = positions(indices, sizes[1])?;
        let shape = [&x.shape()[..axis], indices.shape(), &x.shape()[axis + 1..]].concat();
        let plain = x.plain();
        let y = on_each!(plain, values => Tensor::of(&shape, gather(values, sizes, &positions)));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let table = &pass.input_spec(0)?.shape;
        let (_, sizes) = self.sizes(table)?;
        let positions = positions(pass.input(1)?, sizes[1])?;
        let grad = pass.grad()?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(table, scatter(g, sizes, &positions)))))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
