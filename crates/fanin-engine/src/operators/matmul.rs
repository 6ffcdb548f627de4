//! `MatMul`: products of matrices, with leading dimensions that broadcast.

use crate::element::Float;
use crate::error::mismatch;
use crate::gemm::{View, multiply};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::reduce::sum_to;
use crate::setup::Setup;
use crate::shape::{self, Loops};
use crate::spare;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// `[…, m, k] · […, k, n]`; a vector on the left is a row, on the right a column, and that dimension goes away again.
#[derive(Debug)]
pub(crate) struct MatMul;

/// How the operands are cut into matrices.
#[derive(Clone, Debug)]
struct Layout {
    /// Leading dimensions of the result.
    lead: Vec<usize>,
    /// Leading dimensions of the operands.
    leads: [Vec<usize>; 2],
    m: usize,
    k: usize,
    n: usize,
    /// Shape of the result.
    shape: Vec<usize>,
}

impl Layout {
    fn new(a: &[usize], b: &[usize]) -> Result<Layout, Refusal> {
        let refuse = || mismatch(format!("{a:?} and {b:?} cannot be multiplied"), "[…, m, k] and […, k, n]");
        let (&last, &first) = (a.last().ok_or_else(refuse)?, b.first().ok_or_else(refuse)?);
        let (row, column) = (a.len() == 1, b.len() == 1);
        let (m, inner) = if row { (1, last) } else { (a[a.len() - 2], last) };
        let (k, n) = if column { (first, 1) } else { (b[b.len() - 2], b[b.len() - 1]) };
        if inner != k {
            return Err(refuse());
        }
        let leads = [a[..a.len().saturating_sub(2)].to_vec(), b[..b.len().saturating_sub(2)].to_vec()];
        let lead = shape::broadcast(&[&leads[0], &leads[1]])?;
        let mut shape = lead.clone();
        shape.extend((!row).then_some(m));
        shape.extend((!column).then_some(n));
        Ok(Layout { lead, leads, m, k, n, shape })
    }

    /// Whether the right operand is one matrix, so that all rows on the left are multiplied by it at once.
    fn is_flat(&self) -> bool {
        self.leads[1].iter().all(|&d| d == 1) && shape::count(&self.leads[0]) == shape::count(&self.lead)
    }

    fn count(&self) -> usize {
        self.lead.iter().product()
    }

    /// Where the matrices of both operands start, for each matrix of the result.
    fn offsets(&self) -> Vec<[usize; 2]> {
        let loops = Loops::broadcast(&self.lead, [&self.leads[0], &self.leads[1]]);
        let steps = loops.steps();
        let mut all = Vec::with_capacity(self.count());
        loops.stretches(0..self.count(), |[a, b], _, length| {
            all.extend(
                (0..length).map(|i| [(a + i * steps[0]) * self.m * self.k, (b + i * steps[1]) * self.k * self.n]),
            );
        });
        all
    }
}

/// One product for each matrix of `out`, all of size `size`.
fn each<T: Float>(out: &mut [T], size: usize, offsets: &[[usize; 2]], product: &(dyn Fn([usize; 2], &mut [T]) + Sync)) {
    if size > 0 {
        heavy_pieces(out, size, &|i, out| product(offsets[i], out));
    }
}

fn forward<T: Float>(layout: &Layout, a: &[T], b: &[T]) -> Vec<T> {
    let Layout { m, k, n, .. } = *layout;
    let mut out = spare::any(layout.shape.iter().product());
    if layout.is_flat() {
        let rows = layout.count() * m;
        multiply(T::ONE, View::new(a, rows, k), View::new(b, k, n), T::ZERO, &mut out);
        return out;
    }
    each(&mut out, m * n, &layout.offsets(), &|[i, j], out| {
        multiply(T::ONE, View::new(&a[i..i + m * k], m, k), View::new(&b[j..j + k * n], k, n), T::ZERO, out);
    });
    out
}

/// G · Bᵀ, summed over what a was broadcast to.
fn left<T: Float>(layout: &Layout, g: &[T], b: &[T]) -> Result<Tensor, Refusal> {
    let Layout { m, k, n, .. } = *layout;
    let mut out = spare::any(layout.count() * m * k);
    if layout.is_flat() {
        let rows = layout.count() * m;
        multiply(T::ONE, View::new(g, rows, n), View::new(b, k, n).transposed(), T::ZERO, &mut out);
    } else {
        let offsets: Vec<_> = layout.offsets().iter().enumerate().map(|(i, &[_, b])| [i * m * n, b]).collect();
        each(&mut out, m * k, &offsets, &|[i, j], out| {
            multiply(
                T::ONE,
                View::new(&g[i..i + m * n], m, n),
                View::new(&b[j..j + k * n], k, n).transposed(),
                T::ZERO,
                out,
            );
        });
    }
    summed(out, layout, 0, [m, k])
}

/// Aᵀ · G, summed over what b was broadcast to.
fn right<T: Float>(layout: &Layout, g: &[T], a: &[T]) -> Result<Tensor, Refusal> {
    let Layout { m, k, n, .. } = *layout;
    if layout.is_flat() {
        let rows = layout.count() * m;
        let mut out = spare::any(k * n);
        multiply(T::ONE, View::new(a, rows, k).transposed(), View::new(g, rows, n), T::ZERO, &mut out);
        return Ok(Tensor::of(&[&layout.leads[1][..], &[k, n]].concat(), out));
    }
    let mut out = spare::any(layout.count() * k * n);
    let offsets: Vec<_> = layout.offsets().iter().enumerate().map(|(i, &[a, _])| [i * m * n, a]).collect();
    each(&mut out, k * n, &offsets, &|[i, j], out| {
        multiply(
            T::ONE,
            View::new(&a[j..j + m * k], m, k).transposed(),
            View::new(&g[i..i + m * n], m, n),
            T::ZERO,
            out,
        );
    });
    summed(out, layout, 1, [k, n])
}

fn summed<T: Float>(out: Vec<T>, layout: &Layout, operand: usize, size: [usize; 2]) -> Result<Tensor, Refusal> {
    let from = [&layout.lead[..], &size].concat();
    sum_to(out, &from, &[&layout.leads[operand][..], &size].concat())
}

impl Define for MatMul {
    const NAME: &'static str = "MatMul";
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(MatMul)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let a = t(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            Case::new("matrices")
                .input(a.clone())
                .input(t(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
                .expect(t(&[2, 2], &[4.0, 5.0, 10.0, 11.0])),
            Case::new("by a vector").input(a.clone()).input(t(&[3], &[1.0, 1.0, 1.0])).expect(t(&[2], &[6.0, 15.0])),
            Case::new("of a vector").input(t(&[2], &[1.0, -1.0])).input(a).expect(t(&[3], &[-3.0, -3.0, -3.0])),
            Case::new("of two vectors").random(&[4]).random(&[4]),
            Case::new("rows of many").random(&[2, 3, 4]).random(&[4, 5]),
            Case::new("stacks").random(&[2, 3, 4]).random(&[2, 4, 5]),
            Case::new("both broadcast").random(&[3, 1, 2, 4]).random(&[2, 4, 3]),
            Case::new("one matrix on the left").random(&[2, 4]).random(&[3, 4, 2]),
            Case::new("large").random(&[70, 90]).random(&[90, 80]),
            Case::new("empty sum").random(&[2, 0]).random(&[0, 3]).expect(t(&[2, 3], &[0.0; 6])),
            Case::new("inner sizes").random(&[2, 3]).random(&[2, 3]).refused("cannot be multiplied"),
            Case::new("a number").random(&[2, 3]).random(&[]).refused("cannot be multiplied"),
        ]
    }
}

impl Operator for MatMul {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        on_floats!(a, _values => ());
        Ok(vec![Spec { dtype: a.dtype(), shape: Layout::new(a.shape(), b.shape())?.shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let layout = Layout::new(a.shape(), b.shape())?;
        on_floats!(a, x => Ok(vec![Tensor::of(&layout.shape, forward(&layout, x, b.expect()?))]))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (a, b) = (pass.input_spec(0)?, pass.input_spec(1)?);
        let layout = Layout::new(&a.shape, &b.shape)?;
        let grad = pass.grad()?;
        on_floats!(grad, g => {
            let left = if pass.wants(0) { Some(left(&layout, g, pass.input(1)?.expect()?)?.reshaped(&a.shape)) } else { None };
            let right = if pass.wants(1) { Some(right(&layout, g, pass.input(0)?.expect()?)?.reshaped(&b.shape)) } else { None };
            Ok(vec![left, right])
        })
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
