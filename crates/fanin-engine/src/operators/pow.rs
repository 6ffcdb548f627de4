//! `Pow`: x to the power of y, whose types may differ.

use crate::element::Float;
use crate::elementwise::{broadcast2, broadcast3};
use crate::operator::{Backward, Define, Forward, Inputs, Operator};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// x^y of x's type. Powers of integers are computed in `f64` and exact up to 2⁵³.
#[derive(Debug)]
pub(crate) struct Pow;

impl Define for Pow {
    const NAME: &'static str = "Pow";
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // Exponents of early versions are numbers or have x's shape; along a named axis they are refused.
        if setup.version() < 7 {
            setup.ignore("broadcast");
        }
        Ok(Pow)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |values: &[f64]| Tensor::of(&[values.len()], values.to_vec());
        vec![
            Case::new("points").input(t(&[2.0, 4.0, 0.5])).input(t(&[3.0, 0.5, -1.0])).expect(t(&[8.0, 2.0, 2.0])),
            Case::new("integers").ints(&[2, -3]).ints(&[10, 3]).expect(Tensor::of(&[2], vec![1024i64, -27])),
            Case::new("squares of negative numbers").input(t(&[-3.0, 0.0])).ints(&[2]).expect(t(&[9.0, 0.0])),
            Case::new("broadcast").between(0.5, 2.0, &[2, 3]).random(&[3]),
            Case::new("of a number").between(0.5, 2.0, &[]).random(&[3, 2]),
            Case::new("truth").input(Tensor::scalar(true)).ints(&[1]).refused("elements of type bool"),
        ]
    }
}

impl Operator for Pow {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let (x, y) = (inputs.get(0)?, inputs.get(1)?);
        if let Some(wrong) = [x, y].into_iter().find(|t| t.dtype() == Dtype::Bool) {
            return Err(wrong_dtype(wrong, "numbers"));
        }
        Ok(vec![Spec { dtype: x.dtype(), shape: shape::broadcast(&[x.shape(), y.shape()])? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, y) = (inputs.get(0)?, inputs.get(1)?);
        let shape = shape::broadcast(&[x.shape(), y.shape()])?;
        if !x.dtype().is_float() {
            let (base, exponent) = (x.to_f64s(), y.to_f64s());
            let powers = broadcast2(&shape, (&base, x.shape()), (&exponent, y.shape()), f64::powf);
            return Ok(vec![Tensor::of(&shape, powers).cast(x.dtype())?]);
        }
        let y = y.cast(x.dtype())?;
        on_floats!(x, base => {
            let powers = broadcast2(&shape, (base, x.shape()), (y.expect()?, y.shape()), power);
            Ok(vec![Tensor::of(&shape, powers)])
        })
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        on_floats!(grad, g => gradients(pass, g, grad.shape()))
    }
}

fn gradients<T: Float>(pass: &Backward<'_>, g: &[T], shape: &[usize]) -> Result<Vec<Option<Tensor>>, Refusal> {
    let (x, y) = (pass.input(0)?, pass.input(1)?.cast(T::DTYPE)?);
    let operands: [(&[T], &[usize]); 2] = [(x.expect()?, x.shape()), (y.expect()?, y.shape())];
    let own = |i: usize, slope: fn(T, T) -> T| {
        let grads = broadcast3(shape, (g, shape), operands[0], operands[1], |g, x, y| g * slope(x, y));
        sum_to(grads, shape, operands[i].1)?.cast(pass.input_spec(i)?.dtype).map(Some)
    };
    let left = if pass.wants(0) { own(0, base_slope)? } else { None };
    let right = if pass.wants(1) { own(1, exponent_slope)? } else { None };
    Ok(vec![left, right])
}

/// xʸ, with the usual exponents of normalizations as products.
fn power<T: Float>(x: T, y: T) -> T {
    if y == T::from_f64(2.0) {
        x * x
    } else if y == T::from_f64(3.0) {
        x * x * x
    } else {
        x.powf(y)
    }
}

/// y·xʸ⁻¹.
fn base_slope<T: Float>(x: T, y: T) -> T {
    if y == T::ZERO { T::ZERO } else { y * power(x, y - T::ONE) }
}

/// xʸ·ln x, and its limit 0 where x is 0.
fn exponent_slope<T: Float>(x: T, y: T) -> T {
    if x == T::ZERO && y >= T::ZERO { T::ZERO } else { x.powf(y) * x.ln() }
}
