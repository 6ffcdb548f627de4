//! `Range`: numbers in equal steps, from a start up to a limit that is not among them.

use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// start + i·step for all i from 0 on before the limit.
#[derive(Debug)]
pub(crate) struct Range;

/// How many numbers there are.
fn count(inputs: &Inputs<'_>) -> Result<usize, Refusal> {
    let start = inputs.get(0)?;
    if start.dtype() == Dtype::Bool || start.dtype() == Dtype::U64 {
        return Err(wrong_dtype(start, "f32, f64, or integers that i64 can hold"));
    }
    inputs.same_dtype(0, 1)?;
    inputs.same_dtype(0, 2)?;
    let numbers = [inputs.get(0)?.number()?, inputs.get(1)?.number()?, inputs.get(2)?.number()?];
    let [start, limit, step] = numbers;
    if step == 0.0 || numbers.iter().any(|number| !number.is_finite()) {
        return Err(mismatch(
            format!("numbers from {start} to {limit} in steps of {step}"),
            "finite numbers, and a step",
        ));
    }
    if inputs.get(0)?.dtype().is_float() {
        return Ok(((limit - start) / step).ceil().max(0.0) as usize);
    }
    let [start, limit, step] = integers(inputs)?.map(i128::from);
    let (distance, step) = if step > 0 { (limit - start, step) } else { (start - limit, -step) };
    Ok(usize::try_from((distance.max(0) + step - 1) / step).unwrap_or(usize::MAX))
}

fn integers(inputs: &Inputs<'_>) -> Result<[i64; 3], Refusal> {
    let own = |i: usize| Ok::<_, Refusal>(inputs.get(i)?.cast(Dtype::I64)?.expect::<i64>()?[0]);
    Ok([own(0)?, own(1)?, own(2)?])
}

impl Define for Range {
    const NAME: &'static str = "Range";
    const SINCE: u64 = 11;
    const INPUTS: RangeInclusive<usize> = 3..=3;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Range)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let floats = |name: &str, numbers: [f64; 3]| {
            numbers.into_iter().fold(Case::new(name), |case, x| case.input(Tensor::scalar(x)))
        };
        let ints = |name: &str, numbers: [i64; 3]| {
            numbers.into_iter().fold(Case::new(name), |case, x| case.input(Tensor::scalar(x)))
        };
        vec![
            floats("up", [1.0, 2.2, 0.5]).expect(Tensor::of(&[3], vec![1.0, 1.5, 2.0])),
            floats("down", [1.0, -0.1, -0.5]).expect(Tensor::of(&[3], vec![1.0, 0.5, 0.0])),
            ints("integers down", [10, 4, -2]).expect(Tensor::of(&[3], vec![10i64, 8, 6])),
            ints("the limit is not reached", [0, 7, 3]).expect(Tensor::of(&[3], vec![0i64, 3, 6])),
            ints("nothing", [3, 1, 2]).expect(Tensor::of::<i64>(&[0], vec![])),
            ints("no step", [0, 1, 0]).refused("a step"),
            ints("no room", [i64::MIN, i64::MAX, 1]).refused("room"),
            floats("without end", [0.0, f64::INFINITY, 1.0]).refused("finite"),
        ]
    }
}

impl Operator for Range {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let count = count(inputs)?;
        // More than can be counted is reported like everything that has no room.
        let shape = vec![count.min(1 << 47)];
        Ok(vec![Spec { dtype: inputs.get(0)?.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (start, count) = (inputs.get(0)?, count(inputs)?);
        if start.dtype().is_float() {
            let (from, step) = (start.number()?, inputs.get(2)?.number()?);
            let numbers = (0..count).map(|i| from + i as f64 * step).collect();
            return Ok(vec![Tensor::of::<f64>(&[count], numbers).cast(start.dtype())?]);
        }
        let [from, _, step] = integers(inputs)?;
        let numbers = (0..count as i64).map(|i| from.wrapping_add(i.wrapping_mul(step))).collect();
        Ok(vec![Tensor::of::<i64>(&[count], numbers).cast(start.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        let g = grad.to_f64s();
        let weighted = g.iter().enumerate().map(|(i, g)| i as f64 * g).sum();
        let gradient =
            |i: usize, value: f64| pass.wants(i).then(|| Tensor::full(pass.input_spec(i)?, value)).transpose();
        Ok(vec![gradient(0, g.iter().sum())?, gradient(1, 0.0)?, gradient(2, weighted)?])
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
