//! `Einsum`: sums of products over named dimensions.

mod contract;
mod equation;

use crate::element::Float;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use contract::{Term, contract};
use equation::{Equation, Named};
use fanin::Refusal;
use std::ops::RangeInclusive;

/// The result that an equation such as `bij,bjk->bik` says.
#[derive(Debug)]
pub(crate) struct Einsum {
    equation: Equation,
}

impl Einsum {
    fn named(&self, shapes: &[&[usize]]) -> Result<Named, Refusal> {
        self.equation.named(shapes)
    }

    fn compute<T: Float>(&self, _: &[T], inputs: &Inputs<'_>) -> Result<Tensor, Refusal> {
        let operands: Vec<&Tensor> = inputs.all().collect();
        let named = self.named(&operands.iter().map(|t| t.shape()).collect::<Vec<_>>())?;
        let terms = operands.iter().zip(&named.operands);
        let terms =
            terms.map(|(tensor, labels)| Term::read(tensor.expect::<T>()?, tensor.shape(), labels, &named.sizes));
        let values = contract(terms.collect::<Result<Vec<_>, Refusal>>()?, &named.output, &named.sizes)?;
        Ok(Tensor::of(&named.shape(), values))
    }

    /// The gradient of an operand is the sum of products of the others and the result's gradient.
    fn gradient<T: Float>(pass: &Backward<'_>, g: &[T], index: usize, named: &Named) -> Result<Tensor, Refusal> {
        let shape = &pass.input_spec(index)?.shape;
        let mut terms = vec![Term::read(g, &named.shape(), &named.output, &named.sizes)?];
        for (i, labels) in named.operands.iter().enumerate().filter(|&(i, _)| i != index) {
            let other = pass.input(i)?;
            terms.push(Term::read(other.expect::<T>()?, other.shape(), labels, &named.sizes)?);
        }
        let labels = &named.operands[index];
        let own = contract::distinct(shape, labels, &named.sizes);
        let values = contract(terms, &own, &named.sizes)?;
        Ok(Tensor::of(shape, contract::written(&values, shape, labels, &named.sizes)))
    }
}

impl Define for Einsum {
    const NAME: &'static str = "Einsum";
    const SINCE: u64 = 12;
    const INPUTS: RangeInclusive<usize> = 1..=usize::MAX;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let text = setup.text("equation", "")?;
        let equation = Equation::read(text).ok_or_else(|| {
            Setup::refuse("equation", text, "letters for dimensions, `,` between operands, `->` before the result's")
        })?;
        Ok(Einsum { equation })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let (a, b) = (t(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), t(&[2, 2], &[1.0, 0.0, 1.0, 1.0]));
        let of = |equation: &str| Case::new(equation).text("equation", equation);
        let one = |equation: &str| of(equation).input(a.clone());
        let random =
            |equation: &str, shapes: &[&[usize]]| shapes.iter().fold(of(equation), |case, shape| case.random(shape));
        vec![
            one("ij,jk->ik").input(b.clone()).expect(t(&[2, 2], &[3.0, 2.0, 7.0, 4.0])),
            one("ij , jk").input(b).expect(t(&[2, 2], &[3.0, 2.0, 7.0, 4.0])),
            one("ij->ji").expect(t(&[2, 2], &[1.0, 3.0, 2.0, 4.0])),
            one("ij->i").expect(t(&[2], &[3.0, 7.0])),
            one("ii->i").expect(t(&[2], &[1.0, 4.0])),
            one("ii").expect(t(&[], &[5.0])),
            one("...i->...").expect(t(&[2], &[3.0, 7.0])),
            random("bhid,bhjd->bhij", &[&[2, 3, 4, 5], &[2, 3, 2, 5]]),
            random("...ij,...jk->...ik", &[&[2, 1, 3, 4], &[5, 4, 2]]),
            random("i,j,k->kji", &[&[2], &[3], &[4]]),
            random("ij,j,kj->ik", &[&[3, 4], &[4], &[2, 4]]),
            random("iij,jk->ik", &[&[3, 3, 2], &[2, 4]]),
            random("ij,kl->ik", &[&[2, 3], &[4, 5]]),
            random("a...,a...->...", &[&[3, 2], &[3, 1]]),
            random("ij,jk->ik", &[&[2, 3], &[4, 2]]).refused("the dimension j"),
            random("ij,jk->ik", &[&[2, 3]]).refused("2 operands"),
            random("ij->i", &[&[2, 3, 4]]).refused("dimensions"),
            random("ij->ik", &[&[2, 3]]).refused("equation"),
            random("i.j->i", &[&[2, 3]]).refused("equation"),
        ]
    }
}

impl Operator for Einsum {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let first = inputs.get(0)?;
        on_floats!(first, _values => ());
        for i in 1..inputs.len() {
            inputs.same_dtype(0, i)?;
        }
        let named = self.named(&inputs.all().map(Tensor::shape).collect::<Vec<_>>())?;
        Ok(vec![Spec { dtype: first.dtype(), shape: named.shape() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let first = inputs.get(0)?;
        Ok(vec![on_floats!(first, values => self.compute(values, inputs)?)])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let shapes =
            (0..pass.inputs.len()).map(|i| Ok(&pass.input_spec(i)?.shape[..])).collect::<Result<Vec<_>, Refusal>>()?;
        let (named, grad) = (self.named(&shapes)?, pass.grad()?);
        let gradient =
            |i: usize| pass.wants(i).then(|| on_floats!(grad, g => Self::gradient(pass, g, i, &named))).transpose();
        (0..pass.inputs.len()).map(gradient).collect()
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
