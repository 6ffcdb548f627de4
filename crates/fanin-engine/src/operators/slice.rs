//! `Slice`: every n-th index of some dimensions, from a start to an end.

use crate::element::{Element, Float};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::build;
use crate::setup::Setup;
use crate::shape::{self, strides};
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// Starts, ends, axes and steps: attributes before version 10, inputs since.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Starts, ends and axes, where they are attributes.
    fixed: Option<[Option<Vec<i64>>; 3]>,
}

/// One dimension of a slice: where it starts, its step, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    start: usize,
    step: i64,
    count: usize,
}

impl Cut {
    /// Ends beyond the dimension are at its end, as in Python.
    fn new(start: i64, end: i64, step: i64, size: usize) -> Result<Cut, Refusal> {
        if step == 0 {
            return Err(mismatch("a slice has step 0", "another step"));
        }
        let size = size as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let (start, end) = (from_end(start).clamp(low, high), from_end(end).clamp(low, high));
        let distance = if step > 0 { end - start } else { start - end };
        let count = if distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) as usize };
        Ok(Cut { start: start.max(0) as usize, step, count })
    }
}

impl Slice {
    fn cuts(&self, inputs: &Inputs<'_>, shape: &[usize]) -> Result<Vec<Cut>, Refusal> {
        let list = |i: usize| match &self.fixed {
            Some(fixed) => Ok(fixed.get(i - 1).cloned().flatten()),
            None => inputs.optional(i).map(Tensor::ints).transpose(),
        };
        let missing = || mismatch("starts or ends are left out", "both");
        let (starts, ends) = (list(1)?.ok_or_else(missing)?, list(2)?.ok_or_else(missing)?);
        let axes = list(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list(4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(mismatch(
                format!("{} starts, {} ends, {} axes, {} steps", starts.len(), ends.len(), axes.len(), steps.len()),
                "as many of each",
            ));
        }
        shape::axes(&axes, shape.len())?;
        let mut cuts: Vec<Cut> = shape.iter().map(|&count| Cut { start: 0, step: 1, count }).collect();
        for i in 0..starts.len() {
            let axis = shape::axis(axes[i], shape.len())?;
            cuts[axis] = Cut::new(starts[i], ends[i], steps[i], shape[axis])?;
        }
        Ok(cuts)
    }
}

/// Calls `run(from, step, at, length)` for each stretch: elements of the whole and of the slice.
fn walk(cuts: &[Cut], whole: &[usize], range: std::ops::Range<usize>, mut run: impl FnMut(usize, i64, usize, usize)) {
    let old = strides(whole);
    let shape: Vec<usize> = cuts.iter().map(|cut| cut.count).collect();
    let base: usize = cuts.iter().zip(&old).map(|(cut, stride)| cut.start * stride).sum();
    let Some((last, outer)) = cuts.split_last() else { return run(0, 1, 0, range.len()) };
    let own = strides(&shape);
    let inner = last.count.max(1);
    let mut position = range.start;
    while position < range.end {
        let (row, column) = (position / inner, position % inner);
        let length = (inner - column).min(range.end - position);
        let mut from = base as i64 + column as i64 * last.step;
        for (i, cut) in outer.iter().enumerate() {
            let index = row * inner / own[i] % cut.count.max(1);
            from += index as i64 * cut.step * old[i] as i64;
        }
        run(from as usize, last.step, position - range.start, length);
        position += length;
    }
}

fn cut<T: Element>(x: &[T], whole: &[usize], cuts: &[Cut], count: usize) -> Vec<T> {
    build(count, &|start, out| {
        walk(cuts, whole, start..start + out.len(), |from, step, at, length| {
            let out = &mut out[at..at + length];
            if step == 1 {
                out.copy_from_slice(&x[from..from + length]);
            } else {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = x[(from as i64 + i as i64 * step) as usize];
                }
            }
        });
    })
}

/// The gradient: what was cut out in its place, zeros around it.
fn spread<T: Float>(g: &[T], whole: &[usize], cuts: &[Cut]) -> Vec<T> {
    let mut out = vec![T::ZERO; whole.iter().product()];
    walk(cuts, whole, 0..g.len(), |from, step, at, length| {
        for (i, &g) in g[at..at + length].iter().enumerate() {
            out[(from as i64 + i as i64 * step) as usize] = g;
        }
    });
    out
}

impl Define for Slice {
    const NAME: &'static str = "Slice";
    const INPUTS: RangeInclusive<usize> = 1..=5;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        if setup.version() >= 10 {
            return Ok(Slice { fixed: None });
        }
        let list = |name| Ok::<_, Refusal>(setup.ints(name)?.map(<[i64]>::to_vec));
        Ok(Slice { fixed: Some([list("starts")?, list("ends")?, list("axes")?]) })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[2, 4], (0..8).map(f64::from).collect());
        let of = |name: &str| Case::new(name).input(x.clone());
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        vec![
            of("box").ints(&[0, 1]).ints(&[1, 3]).expect(t(&[1, 2], &[1.0, 2.0])),
            of("axis and step").ints(&[0]).ints(&[9]).ints(&[1]).ints(&[3]).expect(t(&[2, 2], &[0.0, 3.0, 4.0, 7.0])),
            of("backwards").ints(&[-1]).ints(&[-9]).ints(&[-1]).ints(&[-2]).expect(t(&[2, 2], &[3.0, 1.0, 7.0, 5.0])),
            of("nothing").ints(&[3]).ints(&[1]).ints(&[1]).expect(t(&[2, 0], &[])),
            of("by attributes")
                .version(9)
                .list("starts", &[1])
                .list("ends", &[i64::MAX])
                .list("axes", &[0])
                .expect(t(&[1, 4], &[4.0, 5.0, 6.0, 7.0])),
            Case::new("outer backwards").random(&[3, 2, 4]).ints(&[2, 1]).ints(&[-9, 3]).ints(&[0, 2]).ints(&[-2, 1]),
            Case::new("long").random(&[60, 400]).ints(&[1]).ints(&[399]).ints(&[1]),
            of("no step").ints(&[0]).ints(&[1]).ints(&[0]).ints(&[0]).refused("step 0"),
            of("too few ends").ints(&[0, 1]).ints(&[1]).refused("as many of each"),
            of("one axis twice").ints(&[0, 1]).ints(&[1, 1]).ints(&[0, -2]).refused("each axis once"),
        ]
    }
}

impl Operator for Slice {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let cuts = self.cuts(inputs, x.shape())?;
        Ok(vec![Spec { dtype: x.dtype(), shape: cuts.iter().map(|cut| cut.count).collect() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let cuts = self.cuts(inputs, x.shape())?;
        let shape: Vec<usize> = cuts.iter().map(|cut| cut.count).collect();
        let count = shape.iter().product();
        let plain = x.plain();
        let y = on_each!(plain, values => Tensor::of(&shape, cut(values, x.shape(), &cuts, count)));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let whole = &pass.input_spec(0)?.shape;
        let given: Vec<Option<&Tensor>> = (0..pass.inputs.len()).map(|i| pass.optional_input(i)).collect();
        let cuts = self.cuts(&Inputs(&given), whole)?;
        let grad = pass.grad()?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(whole, spread(g, whole, &cuts)))))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1, 2, 3, 4])
    }
}
