//! `Tile`: a tensor repeated along each dimension.

use crate::element::{Element, Float};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::build;
use crate::reduce::{Sum, fold};
use crate::setup::Setup;
use crate::shape::{Loops, strides};
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// Dimension i stands as often behind itself as the second input says in place i.
#[derive(Debug)]
pub(crate) struct Tile;

fn repeats(repeats: &Tensor, rank: usize) -> Result<Vec<usize>, Refusal> {
    let given = repeats.ints()?;
    let own: Option<Vec<usize>> = given.iter().map(|&n| usize::try_from(n).ok()).collect();
    own.filter(|own| own.len() == rank && repeats.rank() == 1).ok_or_else(|| {
        mismatch(format!("{rank} dimensions are repeated {given:?} times"), "a number from 0 on for each")
    })
}

/// Each dimension as two: its repetitions, and itself.
fn pairs(shape: &[usize], repeats: &[usize]) -> Vec<usize> {
    repeats.iter().zip(shape).flat_map(|(&n, &size)| [n, size]).collect()
}

fn tiled<T: Element>(x: &[T], shape: &[usize], repeats: &[usize]) -> Vec<T> {
    let wide = pairs(shape, repeats);
    let steps = strides(shape).into_iter().flat_map(|stride| [0, stride]).collect();
    let loops = Loops::new(&wide, &[steps]);
    let [step] = loops.steps();
    build(wide.iter().product(), &|start, out| {
        loops.stretches(start..start + out.len(), |[from], at, length| {
            let out = &mut out[at..at + length];
            out.iter_mut().enumerate().for_each(|(i, out)| *out = x[from + i * step]);
        });
    })
}

/// The gradient: the sum over all repetitions.
fn gathered<T: Float>(g: &[T], shape: &[usize], repeats: &[usize]) -> Vec<T> {
    let axes: Vec<usize> = (0..shape.len()).map(|i| 2 * i).collect();
    fold(g, &pairs(shape, repeats), &axes, &Sum)
}

impl Define for Tile {
    const NAME: &'static str = "Tile";
    // Before, one dimension was repeated, and which was an input.
    const SINCE: u64 = 6;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Tile)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str| Case::new(name).input(t(&[2, 2], &[1.0, 2.0, 3.0, 4.0]));
        vec![
            of("rows").ints(&[2, 1]).expect(t(&[4, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0])),
            of("columns").ints(&[1, 2]).expect(t(&[2, 4], &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0])),
            of("nothing").ints(&[0, 1]).expect(t(&[0, 2], &[])),
            Case::new("all").random(&[2, 1, 3]).ints(&[2, 3, 2]),
            Case::new("long").random(&[30, 40]).ints(&[3, 7]),
            Case::new("a number").input(Tensor::scalar(2.0)).ints(&[]).expect(Tensor::scalar(2.0)),
            Case::new("integers").ints(&[1, 2]).ints(&[2]).expect(Tensor::of(&[4], vec![1i64, 2, 1, 2])),
            of("too few").ints(&[2]).refused("for each"),
            of("negative").ints(&[1, -1]).refused("from 0 on"),
            of("no room").ints(&[1 << 40, 1]).refused("no room"),
        ]
    }
}

impl Operator for Tile {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let repeats = repeats(inputs.get(1)?, x.rank())?;
        let shape = x.shape().iter().zip(repeats).map(|(size, n)| size.saturating_mul(n)).collect();
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let repeats = repeats(inputs.get(1)?, x.rank())?;
        let shape: Vec<usize> = x.shape().iter().zip(&repeats).map(|(size, n)| size * n).collect();
        let plain = x.plain();
        let y = on_each!(plain, values => Tensor::of(&shape, tiled(values, x.shape(), &repeats)));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let shape = &pass.input_spec(0)?.shape;
        let repeats = repeats(pass.input(1)?, shape.len())?;
        let grad = pass.grad()?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(shape, gathered(g, shape, &repeats)))))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
