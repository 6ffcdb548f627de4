//! `Clip`: elements held between two bounds.

use crate::element::{Float, Number};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::{map, zip};
use crate::reduce::{Sum, fold};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// min(max(x, low), high). The bounds are attributes before version 11, and inputs since.
#[derive(Debug)]
pub(crate) struct Clip {
    attributes: Option<[Option<f64>; 2]>,
}

/// Which of the three operands an element of the result is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    X,
    Low,
    High,
}

fn source<T: Number>(x: T, low: T, high: T) -> From {
    let (raised, from) = if x < low { (low, From::Low) } else { (x, From::X) };
    if raised > high { From::High } else { from }
}

impl Clip {
    /// Both bounds; those that are not given are never reached.
    fn bounds<T: Number>(&self, given: [Option<&Tensor>; 2]) -> Result<[T; 2], Refusal> {
        let mut bounds = [T::LEAST, T::LARGEST];
        for (i, bound) in bounds.iter_mut().enumerate() {
            match (self.attributes, given[i]) {
                (Some(values), _) => *bound = values[i].map_or(*bound, T::from_f64),
                (None, Some(tensor)) => *bound = tensor.expect::<T>()?.first().copied().unwrap_or(*bound),
                (None, None) => {}
            }
        }
        Ok(bounds)
    }

    fn compute<T: Number>(&self, x: &[T], shape: &[usize], given: [Option<&Tensor>; 2]) -> Result<Tensor, Refusal> {
        let [low, high] = self.bounds::<T>(given)?;
        let y = map(x, |x| match source(x, low, high) {
            From::X => x,
            From::Low => low,
            From::High => high,
        });
        Ok(Tensor::of(shape, y))
    }

    fn gradients<T: Float>(&self, pass: &Backward<'_>, g: &[T]) -> Result<Vec<Option<Tensor>>, Refusal> {
        let x = pass.input(0)?;
        let values = x.expect::<T>()?;
        let [low, high] = self.bounds::<T>([pass.optional_input(1), pass.optional_input(2)])?;
        let of = |from: From| zip(g, values, |g, x| if source(x, low, high) == from { g } else { T::ZERO });
        let mut grads = vec![None; pass.inputs.len()];
        if pass.wants(0) {
            grads[0] = Some(Tensor::of(x.shape(), of(From::X)));
        }
        for (i, from) in [(1, From::Low), (2, From::High)] {
            if pass.wants(i) {
                let sum = fold(&of(from), &[g.len()], &[0], &Sum);
                grads[i] = Some(Tensor::of(&pass.input_spec(i)?.shape, sum));
            }
        }
        Ok(grads)
    }
}

impl Define for Clip {
    const NAME: &'static str = "Clip";
    const INPUTS: RangeInclusive<usize> = 1..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("consumed_inputs");
        if setup.version() >= 11 {
            return Ok(Clip { attributes: None });
        }
        Ok(Clip { attributes: Some([setup.optional_float("min")?, setup.optional_float("max")?]) })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[5], vec![-2.0, -0.5, 0.25, 1.5, 3.0]);
        let bound = |value: f64| Tensor::scalar(value);
        let of = |name: &str| Case::new(name).input(x.clone());
        let expect = |case: Case, y: [f64; 5]| case.expect(Tensor::of(&[5], y.to_vec()));
        vec![
            expect(of("both").input(bound(-1.0)).input(bound(2.0)), [-1.0, -0.5, 0.25, 1.5, 2.0]),
            expect(of("low").input(bound(0.0)), [0.0, 0.0, 0.25, 1.5, 3.0]),
            expect(of("high").none().input(bound(0.0)), [-2.0, -0.5, 0.0, 0.0, 0.0]),
            expect(of("neither"), [-2.0, -0.5, 0.25, 1.5, 3.0]),
            expect(of("crossed: the high one holds").input(bound(2.0)).input(bound(1.0)), [1.0; 5]),
            expect(of("attributes").version(6).float("min", 0.0).float("max", 1.0), [0.0, 0.0, 0.25, 1.0, 1.0]),
            Case::new("integers").ints(&[-3, 4]).input(Tensor::scalar(0i64)).expect(Tensor::of(&[2], vec![0i64, 4])),
            Case::new("bytes")
                .input(Tensor::of(&[2], vec![3u8, 200]))
                .none()
                .input(Tensor::scalar(7u8))
                .expect(Tensor::of(&[2], vec![3u8, 7])),
            Case::new("many").random(&[6, 9]).input(bound(-0.5)).input(bound(0.4)),
            of("bounds").input(Tensor::of(&[2], vec![0.0, 1.0])).refused("a single number"),
            of("another type").input(Tensor::scalar(1i64)).refused("operands of type"),
        ]
    }
}

impl Operator for Clip {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if x.dtype() == Dtype::Bool {
            return Err(wrong_dtype(x, "numbers"));
        }
        for i in (1..3).filter(|&i| inputs.optional(i).is_some()) {
            inputs.same_dtype(0, i)?;
            let shape = inputs.get(i)?.shape();
            if inputs.get(i)?.len() != 1 || self.attributes.is_some() {
                return Err(mismatch(
                    format!("a bound is given with the shape {shape:?}"),
                    "a single number, from version 11 on",
                ));
            }
        }
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let given = [1, 2].map(|i| inputs.optional(i).map(Tensor::plain));
        let (dtype, x) = (x.dtype(), x.plain());
        let y = on_numbers!(x, values => self.compute(values, x.shape(), [given[0].as_ref(), given[1].as_ref()])?);
        Ok(vec![y.cast(dtype)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        on_floats!(grad, g => self.gradients(pass, g))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
