//! `ScatterElements` (once `Scatter`) and `ScatterND`: a copy with some elements or blocks replaced, or added to.

use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::places::{Reduction, along, spread, tuples};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// What indices point to.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// Elements, along an axis.
    Elements(i64),
    /// Blocks, by tuples.
    Blocks,
}

/// All three operators.
#[derive(Debug)]
pub(crate) struct Scattered<const KIND: u8> {
    target: Target,
    reduction: Reduction,
}

pub(crate) type ScatterElements = Scattered<0>;
pub(crate) type Scatter = Scattered<1>;
pub(crate) type ScatterNd = Scattered<2>;

impl<const KIND: u8> Scattered<KIND> {
    /// The places of all updates.
    fn places(&self, x: &[usize], indices: &Tensor, updates: &[usize]) -> Result<Vec<usize>, Refusal> {
        let (expected, places, block) = match self.target {
            Target::Elements(axis) => (indices.shape().to_vec(), along(indices, x, axis)?, 1),
            Target::Blocks => {
                let (places, block) = tuples(indices, x, 0)?;
                let own = indices.shape();
                let depth = own.last().copied().unwrap_or(0);
                ([&own[..own.len() - 1], &x[depth..]].concat(), places, block)
            }
        };
        if updates == expected {
            return Ok(spread(&places, block));
        }
        Err(mismatch(format!("the updates have the shape {updates:?}"), format!("{expected:?}, one for each place")))
    }
}

impl<const KIND: u8> Define for Scattered<KIND> {
    const NAME: &'static str = ["ScatterElements", "Scatter", "ScatterND"][KIND as usize];
    const SINCE: u64 = if KIND == 1 { 9 } else { 11 };
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let target = if KIND == 2 { Target::Blocks } else { Target::Elements(setup.int("axis", 0)?) };
        let name = if setup.version() >= 16 { setup.text("reduction", "none")? } else { "none" };
        let reduction =
            Reduction::named(name).ok_or_else(|| Setup::refuse("reduction", name, "none, add, mul, max or min"))?;
        Ok(Scattered { target, reduction })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let at = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        if KIND == 2 {
            let of = |name: &str| Case::new(name).input(t(&[4], &[1.0, 2.0, 3.0, 4.0])).input(at(&[3, 1], &[1, 3, 1]));
            let by = |name: &str, y: &[f64]| {
                of(name).input(t(&[3], &[5.0, -1.0, 0.5])).text("reduction", name).expect(t(&[4], y))
            };
            return vec![
                by("none", &[1.0, 0.5, 3.0, -1.0]),
                by("add", &[1.0, 7.5, 3.0, 3.0]),
                by("mul", &[1.0, 5.0, 3.0, -4.0]),
                by("max", &[1.0, 5.0, 3.0, 4.0]),
                by("min", &[1.0, 0.5, 3.0, -1.0]),
                Case::new("rows").random(&[3, 2, 2]).input(at(&[2, 1], &[2, 0])).random(&[2, 2, 2]),
                Case::new("tuples")
                    .random(&[3, 2, 2])
                    .input(at(&[2, 2], &[2, 0, -1, 1]))
                    .random(&[2, 2])
                    .text("reduction", "mul"),
                of("short").input(t(&[2], &[1.0, 1.0])).refused("one for each place"),
                of("of another kind")
                    .input(t(&[3], &[1.0; 3]))
                    .text("reduction", "mean")
                    .refused("none, add, mul, max or min"),
                Case::new("truth")
                    .input(Tensor::of(&[2], vec![false, false]))
                    .input(at(&[1, 1], &[1]))
                    .input(Tensor::of(&[1], vec![true]))
                    .expect(Tensor::of(&[2], vec![false, true])),
            ];
        }
        let version = if KIND == 1 { 10 } else { 24 };
        let of = |name: &str| Case::new(name).version(version).input(t(&[2, 2], &[1.0, 2.0, 3.0, 4.0]));
        let mut cases = vec![
            of("columns")
                .input(at(&[1, 2], &[1, 0]))
                .input(t(&[1, 2], &[9.0, 8.0]))
                .int("axis", 1)
                .expect(t(&[2, 2], &[8.0, 9.0, 3.0, 4.0])),
            Case::new("middle")
                .version(version)
                .random(&[2, 3, 2])
                .input(at(&[2, 2, 1], &[0, -1, 1, 2]))
                .random(&[2, 2, 1])
                .int("axis", 1),
            of("beyond").input(at(&[1, 1], &[7])).input(t(&[1, 1], &[1.0])).refused("the index 7"),
        ];
        if KIND == 0 {
            let twice = |name: &str| {
                of(name).input(at(&[2, 1], &[0, 0])).input(t(&[2, 1], &[0.5, 5.0])).text("reduction", name)
            };
            cases.push(twice("add").expect(t(&[2, 2], &[6.5, 2.0, 3.0, 4.0])));
            cases.push(twice("mul").expect(t(&[2, 2], &[2.5, 2.0, 3.0, 4.0])));
            cases.push(twice("max").expect(t(&[2, 2], &[5.0, 2.0, 3.0, 4.0])));
            cases.push(twice("min").expect(t(&[2, 2], &[0.5, 2.0, 3.0, 4.0])));
        }
        cases
    }
}

impl<const KIND: u8> Operator for Scattered<KIND> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        inputs.same_dtype(0, 2)?;
        self.places(x.shape(), inputs.get(1)?, inputs.get(2)?.shape())?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, updates) = (inputs.get(0)?, inputs.get(2)?);
        let places = self.places(x.shape(), inputs.get(1)?, updates.shape())?;
        // Truth values are numbers here: sums and products are "or" and "and".
        let number = |t: &Tensor| if t.dtype() == Dtype::Bool { t.cast(Dtype::I64) } else { Ok(t.plain()) };
        let (plain, updates) = (number(x)?, number(updates)?);
        let y = on_numbers!(plain, values => {
            Tensor::of(x.shape(), self.reduction.scatter(values, &places, updates.expect()?))
        });
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x, updates) = (pass.grad()?, pass.input(0)?, pass.input(2)?);
        let places = self.places(x.shape(), pass.input(1)?, updates.shape())?;
        on_floats!(grad, g => {
            let [own, new] = self.reduction.gradients(g, x.expect()?, &places, updates.expect()?);
            let of = |i: usize, shape: &[usize], values| pass.wants(i).then(|| Tensor::of(shape, values));
            Ok(vec![of(0, x.shape(), own), None, of(2, updates.shape(), new)])
        })
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
