//! `ArgMax` and `ArgMin`: where along an axis the extremes stand. No gradient passes here.

use crate::element::Number;
use crate::error::mismatch;
use crate::operator::{Define, Forward, Inputs, Operator};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The index of the first (or last) largest or least element along `axis`; a NaN counts as extreme, as in NumPy.
#[derive(Debug)]
pub(crate) struct ArgExtreme<const LARGEST: bool> {
    axis: i64,
    keep: bool,
    last: bool,
}

pub(crate) type ArgMax = ArgExtreme<true>;
pub(crate) type ArgMin = ArgExtreme<false>;

impl<const LARGEST: bool> ArgExtreme<LARGEST> {
    /// Whether the element at hand takes the place of the best one before it.
    fn beats<T: Number>(&self, x: T, best: T) -> bool {
        let better = if LARGEST { x > best } else { x < best };
        let equal = x == best || x.is_nan() && best.is_nan();
        better || x.is_nan() && !best.is_nan() || equal && self.last
    }

    fn find<T: Number>(&self, x: &[T], [before, along, after]: [usize; 3]) -> Vec<i64> {
        let mut out = vec![0i64; before * after];
        // One piece is some work, whatever the axis.
        let some = (4096 / along.max(1)).max(1);
        heavy_pieces(&mut out, some, &|piece, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let place = piece * some + i;
                let start = place / after * along * after + place % after;
                let mut best = 0;
                for k in 1..along {
                    if self.beats(x[start + k * after], x[start + best * after]) {
                        best = k;
                    }
                }
                *out = best as i64;
            }
        });
        out
    }
}

impl<const LARGEST: bool> Define for ArgExtreme<LARGEST> {
    const NAME: &'static str = if LARGEST { "ArgMax" } else { "ArgMin" };
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let last = setup.version() >= 12 && setup.flag("select_last_index", false)?;
        Ok(ArgExtreme { axis: setup.int("axis", 0)?, keep: setup.flag("keepdims", true)?, last })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let sign = if LARGEST { 1.0 } else { -1.0 };
        let x = Tensor::of(&[2, 3], [1.0, 5.0, 5.0, 7.0, 0.0, 5.0].map(|x| sign * x).to_vec());
        let of = |name: &str| Case::new(name).input(x.clone());
        let t = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        vec![
            of("columns").expect(t(&[1, 3], &[1, 0, 0])),
            of("rows").int("axis", -1).int("keepdims", 0).expect(t(&[2], &[1, 0])),
            of("the last of equals").int("axis", 1).int("select_last_index", 1).expect(t(&[2, 1], &[2, 0])),
            Case::new("NaN").input(Tensor::of(&[3], vec![1.0, f64::NAN, -1.0])).expect(t(&[1], &[1])),
            Case::new("integers").input(Tensor::of(&[2], vec![3u8, 3])).expect(t(&[1], &[0])),
            Case::new("long").random(&[40, 500]).int("axis", 1),
            Case::new("no rows").random(&[0, 2]).int("axis", 1).expect(t(&[0, 1], &[])),
            Case::new("of nothing").random(&[2, 0]).int("axis", 1).refused("one element or more"),
        ]
    }
}

impl<const LARGEST: bool> Operator for ArgExtreme<LARGEST> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if matches!(x.dtype(), Dtype::Bool | Dtype::U64) {
            return Err(wrong_dtype(x, "numbers, and integers that i64 can hold"));
        }
        let axis = shape::axis(self.axis, x.rank())?;
        let mut shape = x.shape().to_vec();
        if shape[axis] == 0 {
            return Err(mismatch(format!("an extreme along axis {axis} of {shape:?}"), "one element or more"));
        }
        if self.keep {
            shape[axis] = 1;
        } else {
            shape.remove(axis);
        }
        Ok(vec![Spec { dtype: Dtype::I64, shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let shape = self.outputs(inputs)?.remove(0).shape;
        let x = inputs.get(0)?.plain();
        let axis = shape::axis(self.axis, x.rank())?;
        let own = x.shape();
        let sizes = [own[..axis].iter().product(), own[axis], own[axis + 1..].iter().product()];
        Ok(vec![on_numbers!(x, values => Tensor::of(&shape, self.find(values, sizes)))])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
