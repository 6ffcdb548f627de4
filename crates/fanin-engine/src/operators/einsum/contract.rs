//! Sums of products, two terms at a time, each as products of matrices.

use super::equation::Label;
use crate::element::Float;
use crate::error::mismatch;
use crate::gemm::{View, multiply};
use crate::parallel::{build, heavy_pieces};
use crate::reduce::{Sum, fold};
use crate::shape::{self, Loops, strides};
use fanin::Refusal;
use std::collections::BTreeMap;

type Sizes = BTreeMap<Label, usize>;

/// A tensor whose dimensions have different names, each of its full size.
#[derive(Debug)]
pub(super) struct Term<T> {
    values: Vec<T>,
    labels: Vec<Label>,
}

/// The names that an operand has in truth: one that occurs twice stands for a diagonal, and a dimension that is stretched
/// is none.
pub(super) fn distinct(operand: &[usize], labels: &[Label], sizes: &Sizes) -> Vec<Label> {
    let mut own = Vec::new();
    for (label, &size) in labels.iter().zip(operand) {
        if sizes.get(label) == Some(&size) && !own.contains(label) {
            own.push(*label);
        }
    }
    own
}

/// Steps through an operand along its distinct names.
fn steps(operand: &[usize], labels: &[Label], own: &[Label]) -> Vec<usize> {
    let steps = strides(operand);
    let of = |label: &Label| {
        let along = labels.iter().zip(&steps).zip(operand).filter(|((name, _), size)| *name == label && **size != 1);
        along.map(|((_, step), _)| step).sum()
    };
    own.iter().map(of).collect()
}

fn shape_of(labels: &[Label], sizes: &Sizes) -> Vec<usize> {
    labels.iter().map(|label| sizes.get(label).copied().unwrap_or(1)).collect()
}

/// Elements of a row-major tensor, with a step of its own along each dimension.
fn strided<T: Float>(x: &[T], shape: &[usize], steps: Vec<usize>) -> Vec<T> {
    let loops = Loops::new(shape, &[steps]);
    let [step] = loops.steps();
    build(shape.iter().product(), &|start, out| {
        loops.stretches(start..start + out.len(), |[from], at, length| {
            let out = &mut out[at..at + length];
            match step {
                1 => out.copy_from_slice(&x[from..from + length]),
                _ => out.iter_mut().enumerate().for_each(|(i, out)| *out = x[from + i * step]),
            }
        });
    })
}

/// The gradient of reading an operand: values of its distinct names, written to where they were read.
pub(super) fn written<T: Float>(values: &[T], operand: &[usize], labels: &[Label], sizes: &Sizes) -> Vec<T> {
    let own = distinct(operand, labels, sizes);
    let (loops, mut out) =
        (Loops::new(&shape_of(&own, sizes), &[steps(operand, labels, &own)]), vec![T::ZERO; operand.iter().product()]);
    let [step] = loops.steps();
    loops.stretches(0..values.len(), |[to], at, length| {
        (0..length).for_each(|i| out[to + i * step] = values[at + i]);
    });
    out
}

impl<T: Float> Term<T> {
    /// An operand of the equation.
    pub(super) fn read(x: &[T], operand: &[usize], labels: &[Label], sizes: &Sizes) -> Result<Term<T>, Refusal> {
        let own = distinct(operand, labels, sizes);
        let steps = steps(operand, labels, &own);
        Ok(Term { values: strided(x, &counted(&own, sizes)?, steps), labels: own })
    }

    /// The dimensions in this order; those that it has not are stretched.
    fn ordered(&self, order: &[Label], sizes: &Sizes) -> Result<Vec<T>, Refusal> {
        let own = strides(&shape_of(&self.labels, sizes));
        let step = |label: &Label| self.labels.iter().position(|own| own == label).map_or(0, |at| own[at]);
        Ok(strided(&self.values, &counted(order, sizes)?, order.iter().map(step).collect()))
    }

    /// The sums over all names that are not kept.
    fn summed(self, kept: &dyn Fn(&Label) -> bool, sizes: &Sizes) -> Term<T> {
        let axes: Vec<usize> = (0..self.labels.len()).filter(|&i| !kept(&self.labels[i])).collect();
        if axes.is_empty() {
            return self;
        }
        let values = fold(&self.values, &shape_of(&self.labels, sizes), &axes, &Sum);
        Term { values, labels: self.labels.into_iter().filter(|label| kept(label)).collect() }
    }

    /// The product with another term, summed over the names of both that are not kept.
    fn times(self, other: Term<T>, kept: &dyn Fn(&Label) -> bool, sizes: &Sizes) -> Result<Term<T>, Refusal> {
        let (in_a, in_b) = (self.labels.clone(), other.labels.clone());
        let a = self.summed(&|label| kept(label) || in_b.contains(label), sizes);
        let b = other.summed(&|label| kept(label) || in_a.contains(label), sizes);
        let only =
            |own: &[Label], of: &dyn Fn(&Label) -> bool| own.iter().copied().filter(|l| of(l)).collect::<Vec<_>>();
        let batch = only(&a.labels, &|label| b.labels.contains(label) && kept(label));
        let inner = only(&a.labels, &|label| b.labels.contains(label) && !kept(label));
        let left = only(&a.labels, &|label| !b.labels.contains(label));
        let right = only(&b.labels, &|label| !a.labels.contains(label));
        let [m, n, k] = [&left, &right, &inner].map(|labels| shape_of(labels, sizes).iter().product::<usize>());
        let x = a.ordered(&[&batch[..], &left, &inner].concat(), sizes)?;
        let y = b.ordered(&[&batch[..], &right, &inner].concat(), sizes)?;
        let labels = [batch, left, right].concat();
        let mut values = vec![T::ZERO; counted(&labels, sizes)?.iter().product()];
        if !values.is_empty() {
            heavy_pieces(&mut values, m * n, &|i, out| {
                let (x, y) = (View::new(&x[i * m * k..][..m * k], m, k), View::new(&y[i * n * k..][..n * k], n, k));
                multiply(T::ONE, x, y.transposed(), T::ZERO, out);
            });
        }
        Ok(Term { values, labels })
    }
}

/// The sizes, if a tensor can have them.
fn counted(labels: &[Label], sizes: &Sizes) -> Result<Vec<usize>, Refusal> {
    let own = shape_of(labels, sizes);
    match shape::count(&own) {
        Some(_) => Ok(own),
        None => Err(mismatch(format!("a product on the way has the shape {own:?}"), "fewer elements")),
    }
}

/// The sum of the products of all terms over the names that the result has not; in the order of the result's.
pub(super) fn contract<T: Float>(terms: Vec<Term<T>>, output: &[Label], sizes: &Sizes) -> Result<Vec<T>, Refusal> {
    let mut rest = terms.into_iter();
    let mut product = rest.next().ok_or_else(|| mismatch("no operand", "one or more"))?;
    while let Some(next) = rest.next() {
        let later: Vec<Label> = rest.as_slice().iter().flat_map(|term| term.labels.iter().copied()).collect();
        product = product.times(next, &|label| output.contains(label) || later.contains(label), sizes)?;
    }
    product.summed(&|label| output.contains(label), sizes).ordered(output, sizes)
}
