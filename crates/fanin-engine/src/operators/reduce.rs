//! Reductions along axes: sums, means, extremes, norms.

use super::reshape::Axes;
use crate::element::{Float, Number};
use crate::elementwise::{broadcast2, broadcast3};
use crate::operator::{Backward, Define, Forward, Inputs, Operator};
use crate::reduce::{Fold, fold};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// A reduction: a transformation of each element, a sum or an extreme of these, and a transformation of the result.
pub(crate) trait Reduction: Debug + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// From which version on the axes are an input.
    const AXES_INPUT: u64 = 18;
    /// Whether it is for floating-point numbers alone.
    const OF_FLOATS: bool = false;

    /// Of no elements.
    fn empty<T: Number>() -> T {
        T::ZERO
    }
    /// An element before it is accumulated.
    fn before<T: Number>(x: T) -> T {
        x
    }
    /// Two partial results as one.
    fn merge<T: Number>(a: T, b: T) -> T {
        a.plus(b)
    }
    /// The result, from what was accumulated over `count` elements.
    fn after<T: Number>(sum: T, count: usize) -> T {
        let _ = count;
        sum
    }
    /// ∂y/∂x of one element, given y and the number of elements.
    fn slope<T: Float>(x: T, y: T, count: usize) -> T;
}

macro_rules! reductions {
    ($($operator:ident $reduction:ident { $($rest:tt)* })*) => {$(
        pub(crate) type $operator = Reduce<$reduction>;

        #[derive(Debug)]
        pub(crate) struct $reduction;

        impl Reduction for $reduction {
            const NAME: &'static str = stringify!($operator);
            $($rest)*
        }
    )*};
}

/// A function of the platform on a number that is known to be a float; integers never come here.
fn through<T: Number>(x: T, f: fn(f64) -> f64) -> T {
    T::from_f64(f(x.to_f64()))
}

fn count_of<T: Number>(count: usize) -> T {
    T::from_f64(count as f64)
}

reductions! {
    ReduceSum SumOf {
        const AXES_INPUT: u64 = 13;

        fn slope<T: Float>(_: T, _: T, _: usize) -> T {
            T::ONE
        }
    }
    ReduceMean MeanOf {
        fn after<T: Number>(sum: T, count: usize) -> T {
            sum.over(count_of(count))
        }

        fn slope<T: Float>(_: T, _: T, count: usize) -> T {
            T::ONE / count_of(count)
        }
    }
    ReduceSumSquare SumSquareOf {
        fn before<T: Number>(x: T) -> T {
            x.times(x)
        }

        fn slope<T: Float>(x: T, _: T, _: usize) -> T {
            T::from_f64(2.0) * x
        }
    }
    ReduceL1 L1Of {
        fn before<T: Number>(x: T) -> T {
            x.magnitude()
        }

        fn slope<T: Float>(x: T, _: T, _: usize) -> T {
            if x == T::ZERO { T::ZERO } else { x / x.magnitude() }
        }
    }
    ReduceL2 L2Of {
        fn before<T: Number>(x: T) -> T {
            x.times(x)
        }

        fn after<T: Number>(sum: T, _: usize) -> T {
            through(sum, f64::sqrt)
        }

        fn slope<T: Float>(x: T, y: T, _: usize) -> T {
            if y == T::ZERO { T::ZERO } else { x / y }
        }
    }
    ReduceLogSum LogSumOf {
        fn after<T: Number>(sum: T, _: usize) -> T {
            through(sum, f64::ln)
        }

        fn slope<T: Float>(_: T, y: T, _: usize) -> T {
            (-y).exp()
        }
    }
    ReduceProd ProdOf {
        fn empty<T: Number>() -> T {
            T::ONE
        }

        fn merge<T: Number>(a: T, b: T) -> T {
            a.times(b)
        }

        // Where an element is 0, the others' product is not y/x: see `Reduce::slopes`.
        fn slope<T: Float>(x: T, y: T, _: usize) -> T {
            y / x
        }
    }
    ReduceMax MaxOf {
        fn empty<T: Number>() -> T {
            T::LEAST
        }

        fn merge<T: Number>(a: T, b: T) -> T {
            // A NaN wins.
            if a > b || a.is_nan() { a } else { b }
        }

        fn slope<T: Float>(x: T, y: T, _: usize) -> T {
            if x == y { T::ONE } else { T::ZERO }
        }
    }
    ReduceMin MinOf {
        fn empty<T: Number>() -> T {
            T::LARGEST
        }

        fn merge<T: Number>(a: T, b: T) -> T {
            if a < b || a.is_nan() { a } else { b }
        }

        fn slope<T: Float>(x: T, y: T, _: usize) -> T {
            if x == y { T::ONE } else { T::ZERO }
        }
    }
    ReduceLogSumExp LogSumExpOf {
        const OF_FLOATS: bool = true;

        // Shifted by the largest element first: see `Reduce::compute`.
        fn before<T: Number>(x: T) -> T {
            through(x, f64::exp)
        }

        fn after<T: Number>(sum: T, _: usize) -> T {
            through(sum, f64::ln)
        }

        fn slope<T: Float>(x: T, y: T, _: usize) -> T {
            (x - y).exp()
        }
    }
}

/// A [`Reduction`] as an operator.
#[derive(Debug)]
pub(crate) struct Reduce<R> {
    axes: Axes,
    keep: bool,
    /// Whether no axes mean none rather than all.
    noop: bool,
    reduction: PhantomData<R>,
}

/// The accumulation of a [`Reduction`].
struct Accumulate<R>(PhantomData<R>);

impl<T: Number, R: Reduction> Fold<T> for Accumulate<R> {
    type Acc = T;

    fn empty(&self) -> T {
        R::empty()
    }

    #[inline]
    fn push(&self, acc: T, x: T) -> T {
        R::merge(acc, R::before(x))
    }

    #[inline]
    fn merge(&self, first: T, second: T) -> T {
        R::merge(first, second)
    }
}

impl<R: Reduction> Reduce<R> {
    fn axes(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
        let rank = inputs.get(0)?.rank();
        match self.axes.of(inputs)? {
            Some(axes) if !axes.is_empty() => shape::axes(&axes, rank),
            _ if self.noop => Ok(Vec::new()),
            _ => Ok((0..rank).collect()),
        }
    }

    fn shape(&self, shape: &[usize], axes: &[usize]) -> Vec<usize> {
        let kept = |(i, &size): (usize, &usize)| if axes.contains(&i) { self.keep.then_some(1) } else { Some(size) };
        shape.iter().enumerate().filter_map(kept).collect()
    }

    fn compute<T: Number>(x: &[T], shape: &[usize], axes: &[usize]) -> Vec<T> {
        let count = axes.iter().map(|&axis| shape[axis]).product();
        let shift = if R::OF_FLOATS { Some(fold(x, shape, axes, &Accumulate::<MaxOf>(PhantomData))) } else { None };
        let Some(mut shift) = shift else {
            let sums = fold(x, shape, axes, &Accumulate::<R>(PhantomData));
            return sums.into_iter().map(|sum| R::after(sum, count)).collect();
        };
        // An infinite largest element would make ∞ − ∞.
        shift.iter_mut().filter(|v| !v.to_f64().is_finite()).for_each(|v| *v = T::ZERO);
        let kept = keeping(shape, axes);
        let shifted = broadcast2(shape, (x, shape), (&shift, &kept), T::minus);
        let sums = fold(&shifted, shape, axes, &Accumulate::<R>(PhantomData));
        sums.into_iter().zip(shift).map(|(sum, shift)| R::after(sum, count).plus(shift)).collect()
    }

    /// g · ∂y/∂x for every x.
    fn slopes<T: Float>(g: &[T], x: &[T], y: &[T], shape: &[usize], axes: &[usize]) -> Vec<T> {
        let kept = keeping(shape, axes);
        let count = axes.iter().map(|&axis| shape[axis]).product();
        let (g, wide) = ((g, &kept[..]), (x, shape));
        if R::NAME == "ReduceProd" && x.contains(&T::ZERO) {
            return products(g, wide, axes);
        }
        if matches!(R::NAME, "ReduceMax" | "ReduceMin") {
            // Equal extremes share the gradient, as in PyTorch.
            let is_extreme = broadcast2(shape, wide, (y, &kept), |x, y| if x == y { T::ONE } else { T::ZERO });
            let ties = fold(&is_extreme, shape, axes, &crate::reduce::Sum);
            return broadcast3(shape, (&is_extreme, shape), (&ties, &kept), g, |own, ties, g| {
                if own == T::ZERO { own } else { g / ties }
            });
        }
        broadcast3(shape, g, wide, (y, &kept), |g, x, y| g * R::slope(x, y, count))
    }
}

/// The gradient of a product by leaving each element out, which also holds where elements are 0.
fn products<T: Float>((g, kept): (&[T], &[usize]), (x, shape): (&[T], &[usize]), axes: &[usize]) -> Vec<T> {
    // Zeros are counted and left out; with one zero only its own slope is not 0, with more none is.
    let zeros: Vec<T> = x.iter().map(|&x| if x == T::ZERO { T::ONE } else { T::ZERO }).collect();
    let others: Vec<T> = x.iter().map(|&x| if x == T::ZERO { T::ONE } else { x }).collect();
    let zeros_in = fold(&zeros, shape, axes, &crate::reduce::Sum);
    let product = fold(&others, shape, axes, &Accumulate::<ProdOf>(PhantomData));
    let factor = broadcast3(shape, (&zeros, shape), (&zeros_in, kept), (&others, shape), |own, all, x| {
        if own == all { T::ONE / x } else { T::ZERO }
    });
    broadcast3(shape, (g, kept), (&factor, shape), (&product, kept), |g, factor, product| g * factor * product)
}

/// The shape with 1 in place of the reduced dimensions.
fn keeping(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().map(|(i, &size)| if axes.contains(&i) { 1 } else { size }).collect()
}

impl<R: Reduction> Define for Reduce<R> {
    const NAME: &'static str = R::NAME;
    const INPUTS: RangeInclusive<usize> = 1..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let axes = Axes::new(setup, R::AXES_INPUT)?;
        let noop = matches!(axes, Axes::Input) && setup.flag("noop_with_empty_axes", false)?;
        Ok(Reduce { axes, keep: setup.flag("keepdims", true)?, noop, reduction: PhantomData })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let of = |name: &str| Case::new(name).between(0.2, 1.5, &[3, 2, 4]);
        let long = |name: &str, shape: &[usize]| Case::new(name).between(0.9, 1.1, shape).without_gradients();
        let point =
            |y: f64| Case::new("point").input(Tensor::of(&[1, 2], vec![3.0, 4.0])).expect(Tensor::of(&[1, 1], vec![y]));
        let own = point(match R::NAME {
            "ReduceSum" | "ReduceL1" => 7.0,
            "ReduceMean" => 3.5,
            "ReduceSumSquare" => 25.0,
            "ReduceL2" => 5.0,
            "ReduceLogSum" => 7f64.ln(),
            "ReduceProd" => 12.0,
            "ReduceMax" => 4.0,
            "ReduceMin" => 3.0,
            _ => 4.0 + (1.0 + (-1f64).exp()).ln(),
        });
        let mut cases = vec![
            own,
            of("all"),
            of("last").ints(&[-1]),
            of("first, gone").ints(&[0]).int("keepdims", 0),
            of("outer").ints(&[0, 2]),
            of("none").ints(&[]).int("noop_with_empty_axes", 1),
            of("twice").ints(&[0, -3]).refused("each axis once"),
            of("beyond").ints(&[3]).refused("axis 3"),
            of("by attribute").version(11).list("axes", &[1]),
            long("rows", &[3, 30_000]).ints(&[1]),
            long("columns", &[9000, 3]).ints(&[0]),
        ];
        if let Some(any) = [("ReduceMax", true), ("ReduceMin", false)].iter().find(|(name, _)| *name == R::NAME) {
            let x = Tensor::of(&[2, 2], vec![true, false, any.1, any.1]);
            cases.push(Case::new("truth values").input(x).ints(&[1]).expect(Tensor::of(&[2, 1], vec![any.1, any.1])));
            let none = Tensor::of::<bool>(&[0, 2], Vec::new());
            cases.push(Case::new("of nothing").input(none).ints(&[0]).expect(Tensor::of(&[1, 2], vec![!any.1; 2])));
        }
        if R::NAME == "ReduceProd" {
            let x = Tensor::of(&[3, 2], vec![0.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
            cases.push(Case::new("with zeros").input(x).ints(&[1]).expect(Tensor::of(&[3, 1], vec![0.0, 12.0, 0.0])));
        }
        if R::OF_FLOATS {
            let x = Tensor::of(&[2], vec![1000.0, 1000.0]);
            cases.push(Case::new("no overflow").input(x).expect(Tensor::of(&[1], vec![1000.0 + 2f64.ln()])));
        }
        cases
    }
}

impl<R: Reduction> Operator for Reduce<R> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let extreme = matches!(R::NAME, "ReduceMax" | "ReduceMin");
        if x.dtype() == Dtype::Bool && !extreme || R::OF_FLOATS && !x.dtype().is_float() {
            return Err(wrong_dtype(x, "numbers"));
        }
        Ok(vec![Spec { dtype: x.dtype(), shape: self.shape(x.shape(), &self.axes(inputs)?) }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let axes = self.axes(inputs)?;
        let shape = self.shape(x.shape(), &axes);
        if x.dtype() == Dtype::Bool {
            let x = x.cast(Dtype::I64)?;
            // The extreme of nothing is no truth value.
            let y = Self::compute(x.expect::<i64>()?, x.shape(), &axes).into_iter().map(|y| y > 0).collect();
            return Ok(vec![Tensor::of::<bool>(&shape, y)]);
        }
        let x = x.plain();
        let y = on_numbers!(x, values => Tensor::of(&shape, Self::compute(values, x.shape(), &axes)));
        Ok(vec![y.cast(inputs.get(0)?.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (x, y) = (pass.input(0)?, pass.output(0)?);
        let given = [Some(x), pass.optional_input(1)];
        let axes = self.axes(&Inputs(&given))?;
        let grad = pass.grad()?;
        pass.only(|| {
            on_floats!(grad, g => {
                let slopes = Self::slopes(g, x.expect()?, y.expect()?, x.shape(), &axes);
                Ok(Tensor::of(x.shape(), slopes))
            })
        })
    }
}
