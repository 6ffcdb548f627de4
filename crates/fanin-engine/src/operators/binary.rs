//! Arithmetic of two operands that broadcast.

use crate::element::{Float, Number};
use crate::elementwise::{Operand, broadcast2, broadcast3};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// An operation of two numbers of one type.
pub(crate) trait Operation: Debug + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// The gradients of both operands are ± the result's.
    const SIGNS: Option<(f64, f64)> = None;
    /// Which operands the gradients read.
    const READS: Reads;
    /// Whether only the second operand may be broadcast.
    const ONE_WAY: bool = false;

    /// The result.
    fn value<T: Number>(a: T, b: T) -> T;
    /// The gradient of a, given that of the result.
    fn left<T: Float>(g: T, a: T, b: T) -> T;
    /// The gradient of b.
    fn right<T: Float>(g: T, a: T, b: T) -> T;
}

/// An [`Operation`] as an operator.
#[derive(Debug)]
pub(crate) struct Binary<O> {
    aligned: Aligned,
    operation: PhantomData<O>,
}

/// How the second operand is broadcast.
#[derive(Clone, Copy, Debug)]
enum Aligned {
    /// From the last dimension on, as everywhere since version 7.
    Last,
    /// Before, its first dimension stood at an axis of the first operand, if one was named.
    At(Option<i64>),
}

impl<O: Operation> Binary<O> {
    /// The shape that the second operand has for broadcasting: dimensions of size 1 may stand behind its own.
    fn second(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Refusal> {
        // A list of slopes has one for each channel.
        let axis = match self.aligned {
            Aligned::At(None) if O::ONE_WAY && b.len() == 1 && a.len() > 1 && b[0] != 1 => 1,
            Aligned::At(Some(axis)) => shape::axis(axis, a.len())?,
            _ => return Ok(b.to_vec()),
        };
        let behind = a.len().checked_sub(axis + b.len());
        let behind =
            behind.ok_or_else(|| mismatch(format!("{b:?} stands at axis {axis} of {a:?}"), "fewer dimensions"))?;
        Ok([b, &vec![1; behind]].concat())
    }
}

pub(crate) type Add = Binary<AddOf>;
pub(crate) type Sub = Binary<SubOf>;
pub(crate) type Mul = Binary<MulOf>;
pub(crate) type Div = Binary<DivOf>;
pub(crate) type PRelu = Binary<PReluOf>;

/// a + b.
#[derive(Debug)]
pub(crate) struct AddOf;

impl Operation for AddOf {
    const NAME: &'static str = "Add";
    const SIGNS: Option<(f64, f64)> = Some((1.0, 1.0));
    const READS: Reads = Reads::NONE;

    fn value<T: Number>(a: T, b: T) -> T {
        a.plus(b)
    }

    fn left<T: Float>(g: T, _: T, _: T) -> T {
        g
    }

    fn right<T: Float>(g: T, _: T, _: T) -> T {
        g
    }
}

/// a − b.
#[derive(Debug)]
pub(crate) struct SubOf;

impl Operation for SubOf {
    const NAME: &'static str = "Sub";
    const SIGNS: Option<(f64, f64)> = Some((1.0, -1.0));
    const READS: Reads = Reads::NONE;

    fn value<T: Number>(a: T, b: T) -> T {
        a.minus(b)
    }

    fn left<T: Float>(g: T, _: T, _: T) -> T {
        g
    }

    fn right<T: Float>(g: T, _: T, _: T) -> T {
        -g
    }
}

/// a · b.
#[derive(Debug)]
pub(crate) struct MulOf;

impl Operation for MulOf {
    const NAME: &'static str = "Mul";
    const READS: Reads = Reads::INPUTS;

    fn value<T: Number>(a: T, b: T) -> T {
        a.times(b)
    }

    fn left<T: Float>(g: T, _: T, b: T) -> T {
        g * b
    }

    fn right<T: Float>(g: T, a: T, _: T) -> T {
        g * a
    }
}

/// a / b.
#[derive(Debug)]
pub(crate) struct DivOf;

impl Operation for DivOf {
    const NAME: &'static str = "Div";
    const READS: Reads = Reads::INPUTS;

    fn value<T: Number>(a: T, b: T) -> T {
        a.over(b)
    }

    fn left<T: Float>(g: T, _: T, b: T) -> T {
        g / b
    }

    fn right<T: Float>(g: T, a: T, b: T) -> T {
        -(g * a) / (b * b)
    }
}

/// a, or a · b where a is negative: a slope that is learned.
#[derive(Debug)]
pub(crate) struct PReluOf;

impl Operation for PReluOf {
    const NAME: &'static str = "PRelu";
    const READS: Reads = Reads::INPUTS;
    const ONE_WAY: bool = true;

    fn value<T: Number>(a: T, b: T) -> T {
        if a < T::ZERO { a.times(b) } else { a }
    }

    fn left<T: Float>(g: T, a: T, b: T) -> T {
        if a > T::ZERO { g } else { g * b }
    }

    fn right<T: Float>(g: T, a: T, _: T) -> T {
        if a < T::ZERO { g * a } else { T::ZERO }
    }
}

impl<O: Operation> Define for Binary<O> {
    const NAME: &'static str = O::NAME;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("consumed_inputs");
        let aligned = match setup.version() {
            7.. => Aligned::Last,
            _ if O::ONE_WAY => Aligned::At(None),
            _ if setup.flag("broadcast", false)? => Aligned::At(setup.optional_int("axis")?),
            _ => Aligned::Last,
        };
        Ok(Binary { aligned, operation: PhantomData })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let points = |f: fn(f64, f64) -> f64| {
            let (a, b) = ([1.5, -2.0, 3.0, -0.5], [2.0, 4.0, -0.5, 0.25]);
            let y = a.iter().zip(b).map(|(&a, b)| f(a, b)).collect();
            let [a, b, y] = [a.to_vec(), b.to_vec(), y].map(|values| Tensor::of(&[4], values));
            Case::new("points").input(a).input(b).expect(y)
        };
        let own = match O::NAME {
            "Add" => points(|a, b| a + b),
            "Sub" => points(|a, b| a - b),
            "Mul" => points(|a, b| a * b),
            "Div" => points(|a, b| a / b),
            _ => points(|a, b| if a < 0.0 { a * b } else { a }),
        };
        let mut cases = vec![
            own,
            Case::new("row").random(&[3, 4]).random(&[4]),
            Case::new("column").random(&[3, 4]).random(&[3, 1]),
            Case::new("number").random(&[3, 4]).random(&[]),
            Case::new("middle").random(&[2, 3, 4]).random(&[1, 3, 1]),
            Case::new("long").random(&[40, 700]).random(&[700]),
            Case::new("empty").random(&[0, 4]).random(&[4]),
            Case::new("no broadcast").random(&[3]).random(&[4]).refused("do not broadcast"),
            Case::new("two types").random(&[3]).ints(&[1, 2, 3]).refused("operands of type"),
        ];
        let early = Case::new("at an axis").version(6).random(&[2, 3, 4]).random(&[3]);
        cases.push(if O::ONE_WAY { early } else { early.int("axis", 1).int("broadcast", 1) });
        let both = Case::new("both are broadcast").random(&[3, 1]).random(&[1, 4]);
        cases.push(if O::ONE_WAY { both.refused("broadcast to the first") } else { both });
        cases
    }
}

impl<O: Operation> Operator for Binary<O> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        if a.dtype() == Dtype::Bool {
            return Err(wrong_dtype(a, "numbers"));
        }
        let shape = shape::broadcast(&[a.shape(), &self.second(a.shape(), b.shape())?])?;
        if O::ONE_WAY && shape != a.shape() {
            return Err(mismatch(
                format!("the slope has shape {:?}", b.shape()),
                "one that can be broadcast to the first operand's",
            ));
        }
        // Floats may be divided by 0.
        if O::NAME == "Div" && !b.dtype().is_float() && b.plain().expect::<i64>()?.contains(&0) {
            return Err(mismatch("an integer is divided by 0", "divisors that are not 0"));
        }
        Ok(vec![Spec { dtype: a.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let dtype = inputs.get(0)?.dtype();
        let (a, b) = (inputs.get(0)?.plain(), inputs.get(1)?.plain());
        let b_shape = self.second(a.shape(), b.shape())?;
        let shape = shape::broadcast(&[a.shape(), &b_shape])?;
        let y = on_numbers!(a, x => {
            Tensor::of(&shape, broadcast2(&shape, (x, a.shape()), (b.expect()?, &b_shape), O::value))
        });
        Ok(vec![y.cast(dtype)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        let first = &pass.input_spec(0)?.shape;
        let second = self.second(first, &pass.input_spec(1)?.shape)?;
        on_floats!(grad, g => gradients::<O, _>(pass, (g, grad.shape()), [first, &second]))
    }

    fn reads(&self) -> Reads {
        O::READS
    }
}

fn gradients<O: Operation, T: Float>(
    pass: &Backward<'_>,
    (g, shape): Operand<'_, T>,
    shapes: [&[usize]; 2],
) -> Result<Vec<Option<Tensor>>, Refusal> {
    let specs = [pass.input_spec(0)?, pass.input_spec(1)?];
    let mut grads = [None, None];
    for (i, grad) in grads.iter_mut().enumerate().filter(|(i, _)| pass.wants(*i)) {
        let own = if let Some(signs) = O::SIGNS {
            let sign = T::from_f64(if i == 0 { signs.0 } else { signs.1 });
            if sign == T::ONE && shapes[i] == shape {
                *grad = Some(pass.grad()?.clone());
                continue;
            }
            crate::parallel::map(g, |g| sign * g)
        } else {
            let (a, b) = (pass.input(0)?, pass.input(1)?);
            let (a, b) = ((a.expect()?, shapes[0]), (b.expect()?, shapes[1]));
            let of = if i == 0 { O::left::<T> } else { O::right::<T> };
            broadcast3(shape, (g, shape), a, b, of)
        };
        *grad = Some(sum_to(own, shape, shapes[i])?.reshaped(&specs[i].shape));
    }
    Ok(grads.into())
}
