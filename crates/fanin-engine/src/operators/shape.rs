//! Shapes as values: `Shape` and `Size`.

use crate::operator::{Define, Forward, Inputs, Operator};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The sizes of the dimensions from `start` to `end`.
#[derive(Debug)]
pub(crate) struct Shape {
    start: i64,
    end: Option<i64>,
}

impl Shape {
    fn sizes<'a>(&self, shape: &'a [usize]) -> &'a [usize] {
        let rank = shape.len() as i64;
        // Beyond the ends is at the ends.
        let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize;
        let (start, end) = (place(self.start), self.end.map_or(shape.len(), place));
        &shape[start..end.max(start)]
    }
}

impl Define for Shape {
    const NAME: &'static str = "Shape";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        if setup.version() < 15 {
            return Ok(Shape { start: 0, end: None });
        }
        Ok(Shape { start: setup.int("start", 0)?, end: setup.optional_int("end")? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let sizes = |values: &[i64]| Tensor::of(&[values.len()], values.to_vec());
        let of = |name: &str| Case::new(name).random(&[2, 3, 4]);
        vec![
            of("all").expect(sizes(&[2, 3, 4])),
            of("part").int("start", 1).int("end", -1).expect(sizes(&[3])),
            of("beyond").int("start", -9).int("end", 9).expect(sizes(&[2, 3, 4])),
            of("nothing").int("start", 2).int("end", 1).expect(sizes(&[])),
            of("before there were ends").version(13).int("start", 1).refused("start is not known"),
        ]
    }
}

impl Operator for Shape {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![Spec::new(Dtype::I64, &[self.sizes(inputs.get(0)?.shape()).len()])])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let sizes: Vec<i64> = self.sizes(inputs.get(0)?.shape()).iter().map(|&d| d as i64).collect();
        Ok(vec![Tensor::of(&[sizes.len()], sizes)])
    }

    fn differentiable(&self) -> bool {
        false
    }
}

/// The number of elements.
#[derive(Debug)]
pub(crate) struct Size;

impl Define for Size {
    const NAME: &'static str = "Size";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Size)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![Case::new("of a matrix").random(&[2, 3]).expect(Tensor::scalar(6i64))]
    }
}

impl Operator for Size {
    fn outputs(&self, _: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![Spec::new(Dtype::I64, &[])])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![Tensor::scalar(inputs.get(0)?.len() as i64)])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
