//! `Gemm`: a linear layer, α·A·B + β·C.

use crate::element::Float;
use crate::error::mismatch;
use crate::gemm::{View, multiply};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::{Sum, fold, sum_to};
use crate::setup::Setup;
use crate::shape::{self, Loops};
use crate::spare;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// α·A·B + β·C, with A and B transposed on request and C broadcast; C may be left out.
#[derive(Debug)]
pub(crate) struct Gemm {
    alpha: f64,
    beta: f64,
    transposed: [bool; 2],
}

impl Gemm {
    /// Rows, inner size and columns.
    fn sizes(&self, a: &[usize], b: &[usize]) -> Result<[usize; 3], Refusal> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            return Err(mismatch(format!("operands of shapes {a:?} and {b:?}"), "two matrices"));
        };
        let (m, inner) = if self.transposed[0] { (a1, a0) } else { (a0, a1) };
        let (k, n) = if self.transposed[1] { (b1, b0) } else { (b0, b1) };
        if inner != k {
            return Err(mismatch(format!("[{m}, {inner}] is multiplied by [{k}, {n}]"), "equal inner sizes"));
        }
        Ok([m, k, n])
    }

    /// A matrix as the product sees it, from how it is stored.
    fn view<'a, T: Float>(&self, values: &'a [T], shape: &[usize], which: usize) -> View<'a, T> {
        View::new(values, shape[0], shape[1]).transposed_if(self.transposed[which])
    }

    fn compute<T: Float>(&self, inputs: &Inputs<'_>) -> Result<Tensor, Refusal> {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let [m, _, n] = self.sizes(a.shape(), b.shape())?;
        let mut out = spare::any(m * n);
        let mut before = T::ZERO;
        if let Some(c) = inputs.optional(2).filter(|_| self.beta != 0.0) {
            let (c, loops) = (c.expect::<T>()?, Loops::broadcast(&[m, n], [c.shape()]));
            let [step] = loops.steps();
            crate::parallel::fill(&mut out, &|start, out| {
                loops.stretches(start..start + out.len(), |[from], at, length| match step {
                    1 => out[at..at + length].copy_from_slice(&c[from..from + length]),
                    _ => out[at..at + length].fill(c[from]),
                });
            });
            before = T::from_f64(self.beta);
        }
        let (a, b) = (self.view(a.expect()?, a.shape(), 0), self.view(b.expect()?, b.shape(), 1));
        multiply(T::from_f64(self.alpha), a, b, before, &mut out);
        Ok(Tensor::of(&[m, n], out))
    }

    fn gradients<T: Float>(&self, pass: &Backward<'_>, g: &[T]) -> Result<Vec<Option<Tensor>>, Refusal> {
        let specs = [pass.input_spec(0)?, pass.input_spec(1)?];
        let [m, _, n] = self.sizes(&specs[0].shape, &specs[1].shape)?;
        let g_view = View::new(g, m, n);
        let mut grads = vec![None; pass.inputs.len()];
        for i in (0..2).filter(|&i| pass.wants(i)) {
            let other = pass.input(1 - i)?;
            let other = self.view(other.expect()?, other.shape(), 1 - i);
            // ∂A = G·Bᵀ and ∂B = Aᵀ·G; of what is stored transposed, the transpose.
            let (x, y) = if i == 0 { (g_view, other.transposed()) } else { (other.transposed(), g_view) };
            let (x, y) = if self.transposed[i] { (y.transposed(), x.transposed()) } else { (x, y) };
            let mut out = spare::any(specs[i].len());
            multiply(T::from_f64(self.alpha), x, y, T::ZERO, &mut out);
            grads[i] = Some(Tensor::of(&specs[i].shape, out));
        }
        if pass.wants(2) {
            let (beta, shape) = (T::from_f64(self.beta), &pass.input_spec(2)?.shape);
            grads[2] = Some(if self.beta == 1.0 && shape[..] == [n] && m != 1 {
                Tensor::of(shape, fold(g, &[m, n], &[0], &Sum))
            } else {
                sum_to(crate::parallel::map(g, |g| beta * g), &[m, n], shape)?
            });
        }
        Ok(grads)
    }
}

impl Define for Gemm {
    const NAME: &'static str = "Gemm";
    const INPUTS: RangeInclusive<usize> = 2..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // Early versions broadcast C only on request; what they refused is not refused here.
        if setup.version() < 7 {
            setup.ignore("broadcast");
        }
        Ok(Gemm {
            alpha: setup.float("alpha", 1.0)?,
            beta: setup.float("beta", 1.0)?,
            transposed: [setup.flag("transA", false)?, setup.flag("transB", false)?],
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let (a, b) = (t(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), t(&[2, 2], &[1.0, 0.0, 1.0, 1.0]));
        vec![
            Case::new("plain").input(a.clone()).input(b.clone()).expect(t(&[2, 2], &[3.0, 2.0, 7.0, 4.0])),
            Case::new("all attributes")
                .input(a)
                .input(b)
                .input(t(&[2], &[1.0, 10.0]))
                .float("alpha", 0.5)
                .float("beta", 2.0)
                .int("transA", 1)
                .int("transB", 1)
                .expect(t(&[2, 2], &[2.5, 22.0, 3.0, 23.0])),
            Case::new("a linear layer").random(&[5, 3]).random(&[4, 3]).random(&[4]).int("transB", 1),
            Case::new("first transposed").random(&[3, 5]).random(&[3, 4]).random(&[5, 1]).int("transA", 1),
            Case::new("both transposed").random(&[3, 5]).random(&[4, 3]).random(&[]).int("transA", 1).int("transB", 1),
            Case::new("full bias").random(&[2, 3]).random(&[3, 4]).random(&[2, 4]).float("beta", -0.5),
            Case::new("large").random(&[60, 70]).random(&[80, 70]).random(&[80]).int("transB", 1),
            Case::new("a stack").random(&[2, 2, 2]).random(&[2, 2]).refused("two matrices"),
            Case::new("inner sizes").random(&[2, 3]).random(&[2, 3]).refused("equal inner sizes"),
            Case::new("long bias").random(&[2, 3]).random(&[3, 4]).random(&[3]).refused("do not broadcast"),
        ]
    }
}

impl Operator for Gemm {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        on_floats!(a, _values => ());
        let [m, _, n] = self.sizes(a.shape(), b.shape())?;
        if let Some(c) = inputs.optional(2) {
            inputs.same_dtype(0, 2)?;
            if shape::broadcast(&[c.shape(), &[m, n]])? != [m, n] {
                return Err(mismatch(
                    format!("the bias has shape {:?}", c.shape()),
                    format!("one that broadcasts to [{m}, {n}]"),
                ));
            }
        }
        Ok(vec![Spec::new(a.dtype(), &[m, n])])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn of<T: Float>(gemm: &Gemm, _: &[T], inputs: &Inputs<'_>) -> Result<Tensor, Refusal> {
            gemm.compute::<T>(inputs)
        }
        let a = inputs.get(0)?;
        Ok(vec![on_floats!(a, x => of(self, x, inputs)?)])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        on_floats!(grad, g => self.gradients(pass, g))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
