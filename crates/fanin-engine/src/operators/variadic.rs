//! `Sum`, `Mean`, `Max` and `Min` of any number of operands that broadcast.

use crate::element::{Float, Number};
use crate::elementwise::{broadcast2, broadcast3};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::map;
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

/// What is taken of all operands.
pub(crate) trait Kind: Debug + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// Whether every operand counts, with 1 or one over their number; otherwise, only those that are the result.
    const LINEAR: bool;
    /// Whether the sum is divided by the number of operands.
    const MEAN: bool = false;

    /// Of two.
    fn merge<T: Number>(a: T, b: T) -> T;
}

macro_rules! kinds {
    ($($operator:ident $kind:ident { $($rest:tt)* })*) => {$(
        pub(crate) type $operator = Variadic<$kind>;

        #[derive(Debug)]
        pub(crate) struct $kind;

        impl Kind for $kind {
            const NAME: &'static str = stringify!($operator);
            $($rest)*
        }
    )*};
}

kinds! {
    Sum SumOf {
        const LINEAR: bool = true;

        fn merge<T: Number>(a: T, b: T) -> T {
            a.plus(b)
        }
    }
    Mean MeanOf {
        const LINEAR: bool = true;
        const MEAN: bool = true;

        fn merge<T: Number>(a: T, b: T) -> T {
            a.plus(b)
        }
    }
    Max MaxOf {
        const LINEAR: bool = false;

        fn merge<T: Number>(a: T, b: T) -> T {
            if a > b || a.is_nan() { a } else { b }
        }
    }
    Min MinOf {
        const LINEAR: bool = false;

        fn merge<T: Number>(a: T, b: T) -> T {
            if a < b || a.is_nan() { a } else { b }
        }
    }
}

/// All operands, from the first on.
#[derive(Debug)]
pub(crate) struct Variadic<K>(PhantomData<K>);

fn compute<K: Kind, T: Number>(first: &[T], operands: &[Tensor]) -> Result<Tensor, Refusal> {
    let (mut y, mut shape) = (first.to_vec(), operands[0].shape().to_vec());
    for operand in &operands[1..] {
        let joint = shape::broadcast(&[&shape, operand.shape()])?;
        y = broadcast2(&joint, (&y, &shape), (operand.expect()?, operand.shape()), K::merge);
        shape = joint;
    }
    if K::MEAN {
        let count = T::from_f64(operands.len() as f64);
        y = map(&y, |y| y.over(count));
    }
    Ok(Tensor::of(&shape, y))
}

/// Where an extreme is reached by several operands, they share the gradient.
fn extreme<T: Float>(pass: &Backward<'_>, g: &[T], shape: &[usize]) -> Result<Vec<Option<Tensor>>, Refusal> {
    let y = pass.output(0)?.expect::<T>()?;
    let mut ties = vec![T::ZERO; y.len()];
    for i in 0..pass.inputs.len() {
        let x = pass.input(i)?;
        ties = broadcast3(shape, (&ties, shape), (y, shape), (x.expect()?, x.shape()), |n: T, y: T, x: T| {
            if x == y { n + T::ONE } else { n }
        });
    }
    let shares = crate::parallel::zip(g, &ties, |g, n| if n > T::ZERO { g / n } else { T::ZERO });
    let mut grads = vec![None; pass.inputs.len()];
    for (i, grad) in grads.iter_mut().enumerate().filter(|(i, _)| pass.wants(*i)) {
        let x = pass.input(i)?;
        let own =
            broadcast3(
                shape,
                (&shares, shape),
                (y, shape),
                (x.expect()?, x.shape()),
                |g: T, y: T, x: T| if x == y { g } else { T::ZERO },
            );
        *grad = Some(sum_to(own, shape, x.shape())?);
    }
    Ok(grads)
}

/// Every operand's gradient is the result's, times a factor.
fn linear<T: Float>(pass: &Backward<'_>, g: &[T], shape: &[usize], factor: T) -> Result<Vec<Option<Tensor>>, Refusal> {
    let scaled = if factor == T::ONE { g.to_vec() } else { map(g, |g| g * factor) };
    let mut grads = vec![None; pass.inputs.len()];
    for (i, grad) in grads.iter_mut().enumerate().filter(|(i, _)| pass.wants(*i)) {
        *grad = Some(sum_to(scaled.clone(), shape, &pass.input_spec(i)?.shape)?);
    }
    Ok(grads)
}

impl<K: Kind> Define for Variadic<K> {
    const NAME: &'static str = K::NAME;
    const INPUTS: RangeInclusive<usize> = 1..=usize::MAX;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("consumed_inputs");
        Ok(Variadic(PhantomData))
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |values: [f64; 3]| Tensor::of(&[3], values.to_vec());
        let y = match K::NAME {
            "Sum" => [5.0, 1.0, 6.5],
            "Mean" => [5.0 / 3.0, 1.0 / 3.0, 6.5 / 3.0],
            "Max" => [3.0, 2.0, 4.0],
            _ => [0.0, -1.0, 0.5],
        };
        let ties = [[1.0; 3]; 3].map(t);
        let [a, b, c] = ties;
        let mut cases = vec![
            Case::new("three")
                .input(t([0.0, 2.0, 4.0]))
                .input(t([3.0, 0.0, 2.0]))
                .input(t([2.0, -1.0, 0.5]))
                .expect(t(y)),
            Case::new("one").random(&[2, 3]).expect(crate::testing::random(&[2, 3], 1)),
            Case::new("broadcast").random(&[3, 1]).random(&[2, 1, 4]).random(&[]),
            Case::new("many").random(&[40, 700]).random(&[700]),
            Case::new("ties").input(a).input(b).input(c).without_gradients(),
            Case::new("no broadcast").random(&[2]).random(&[3]).refused("do not broadcast"),
            Case::new("two types").random(&[1]).ints(&[1]).refused("operands of type"),
        ];
        if !K::LINEAR {
            let bytes = |v: [u8; 2]| Tensor::of(&[2], v.to_vec());
            let y = if K::NAME == "Max" { [3, 200] } else { [2, 7] };
            cases.push(Case::new("bytes").input(bytes([3, 7])).input(bytes([2, 200])).expect(bytes(y)));
        }
        cases
    }
}

impl<K: Kind> Operator for Variadic<K> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let first = inputs.get(0)?;
        if first.dtype() == Dtype::Bool || K::MEAN && !first.dtype().is_float() {
            return Err(wrong_dtype(first, "numbers"));
        }
        for i in 1..inputs.len() {
            inputs.same_dtype(0, i)?;
        }
        let shapes: Vec<&[usize]> = inputs.all().map(Tensor::shape).collect();
        Ok(vec![Spec { dtype: first.dtype(), shape: shape::broadcast(&shapes)? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let operands: Vec<Tensor> = inputs.all().map(Tensor::plain).collect();
        let y = on_numbers!(operands[0], first => compute::<K, _>(first, &operands)?);
        Ok(vec![y.cast(inputs.get(0)?.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        fn of<K: Kind, T: Float>(
            pass: &Backward<'_>,
            g: &[T],
            shape: &[usize],
        ) -> Result<Vec<Option<Tensor>>, Refusal> {
            if !K::LINEAR {
                return extreme(pass, g, shape);
            }
            let count = if K::MEAN { pass.inputs.len() } else { 1 };
            linear(pass, g, shape, T::from_f64(1.0 / count as f64))
        }
        let grad = pass.grad()?;
        on_floats!(grad, g => of::<K, _>(pass, g, grad.shape()))
    }

    fn reads(&self) -> Reads {
        if K::LINEAR { Reads::NONE } else { Reads::ALL }
    }
}
