//! `Trilu`: the upper or lower triangle of matrices, with zeros elsewhere.

use crate::element::Element;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::rows;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_each};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// What lies on the k-th diagonal and above it (or below it) stays.
#[derive(Debug)]
pub(crate) struct Trilu {
    upper: bool,
}

/// Rows and columns of a matrix.
fn sizes(shape: &[usize]) -> Result<[usize; 2], Refusal> {
    match shape {
        [.., height, width] => Ok([*height, *width]),
        _ => Err(mismatch(format!("an operand has the shape {shape:?}"), "[…, rows, columns]")),
    }
}

fn diagonal(k: Option<&Tensor>) -> Result<i64, Refusal> {
    let Some(k) = k else { return Ok(0) };
    match k.ints()?[..] {
        [k] => Ok(k),
        _ => Err(mismatch(format!("the diagonal is {}", k.spec()), "a single integer")),
    }
}

impl Trilu {
    fn triangle(&self, x: &Tensor, k: i64) -> Result<Tensor, Refusal> {
        fn cut<T: Element>(
            x: &[T],
            [height, width]: [usize; 2],
            stays: &(dyn Fn(usize, usize) -> bool + Sync),
        ) -> Vec<T> {
            let mut out = x.to_vec();
            rows(&mut out, width, &|first, out| {
                for (i, out) in out.chunks_mut(width).enumerate() {
                    let row = (first + i) % height;
                    let gone = out.iter_mut().enumerate().filter(|&(column, _)| !stays(row, column));
                    gone.for_each(|(_, out)| *out = T::default());
                }
            });
            out
        }
        let sizes = sizes(x.shape())?;
        let stays = |row: usize, column: usize| {
            let distance = column as i64 - row as i64;
            if self.upper { distance >= k } else { distance <= k }
        };
        let plain = x.plain();
        on_each!(plain, values => Tensor::of(x.shape(), cut(values, sizes, &stays)).cast(x.dtype()))
    }
}

impl Define for Trilu {
    const NAME: &'static str = "Trilu";
    const SINCE: u64 = 14;
    const INPUTS: RangeInclusive<usize> = 1..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Trilu { upper: setup.flag("upper", true)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |values: &[f64]| Tensor::of(&[2, 3], values.to_vec());
        let of = |name: &str| Case::new(name).input(t(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let diagonal = |k: i64| Tensor::scalar(k);
        vec![
            of("upper").expect(t(&[1.0, 2.0, 3.0, 0.0, 5.0, 6.0])),
            of("above").input(diagonal(1)).expect(t(&[0.0, 2.0, 3.0, 0.0, 0.0, 6.0])),
            of("lower").int("upper", 0).expect(t(&[1.0, 0.0, 0.0, 4.0, 5.0, 0.0])),
            of("below").input(diagonal(-1)).int("upper", 0).expect(t(&[0.0, 0.0, 0.0, 4.0, 0.0, 0.0])),
            of("far away").input(diagonal(i64::MAX)).expect(t(&[0.0; 6])),
            Case::new("several").random(&[2, 3, 4, 4]).input(diagonal(-2)),
            Case::new("long").random(&[200, 150]),
            Case::new("integers")
                .input(Tensor::of(&[1, 2], vec![1i32, 2]))
                .int("upper", 0)
                .expect(Tensor::of(&[1, 2], vec![1i32, 0])),
            Case::new("a list").ints(&[1]).refused("[…, rows, columns]"),
        ]
    }
}

impl Operator for Trilu {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        sizes(x.shape())?;
        diagonal(inputs.optional(1))?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![self.triangle(inputs.get(0)?, diagonal(inputs.optional(1))?)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| self.triangle(pass.grad()?, diagonal(pass.optional_input(1))?))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1])
    }
}
