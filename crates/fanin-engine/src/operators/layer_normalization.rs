//! `LayerNormalization` and `RMSNormalization`: each row normalized by itself, then a scale and a bias for each place in it.

use crate::element::Float;
use crate::elementwise::{Operand, broadcast2};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::{heavy_pieces, rows};
use crate::reduce::{Sum, fold, sum_to};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// γ·x̂ + β over the dimensions from `axis` on, a row: x̂ is (x − mean)/√(variance + ε), or, where rows are not centred,
/// x/√(mean of x² + ε). Further outputs are mean and 1/√(variance + ε); they have the type of x.
#[derive(Debug)]
pub(crate) struct PerRow<const CENTRED: bool> {
    axis: i64,
    epsilon: f64,
    outputs: usize,
}

pub(crate) type LayerNormalization = PerRow<true>;
pub(crate) type RmsNormalization = PerRow<false>;

/// Rows of equal length.
struct Rows<'a> {
    count: usize,
    size: usize,
    /// The dimensions of a row.
    shape: &'a [usize],
}

/// Mean and 1/√(variance + ε) of a row.
type Moments = [f64; 2];

/// The shape of scale or bias without the leading ones that a row does not have.
fn trimmed(shape: &[usize], rank: usize) -> &[usize] {
    let extra = shape.len().saturating_sub(rank);
    if shape[..extra].iter().all(|&d| d == 1) { &shape[extra..] } else { shape }
}

impl Rows<'_> {
    /// An operand that broadcasts to a row, in full.
    fn wide<T: Float>(&self, values: &[T], shape: &[usize]) -> Vec<T> {
        let one: Operand<'_, T> = (&[T::ZERO], &[]);
        broadcast2(self.shape, (values, trimmed(shape, self.shape.len())), one, |value, _| value)
    }

    fn moments<T: Float>(&self, x: &[T], centred: bool, epsilon: f64) -> Vec<Moments> {
        let mut all = vec![[0.0; 2]; self.count];
        let some = (4096 / self.size).max(1);
        heavy_pieces(&mut all, some, &|i, all| {
            let first = i * some;
            for (row, own) in all.iter_mut().enumerate() {
                let x = &x[(first + row) * self.size..][..self.size];
                let mean_of = |f: &dyn Fn(f64) -> f64| x.iter().map(|x| f(x.to_f64())).sum::<f64>() / self.size as f64;
                let mean = if centred { mean_of(&|x| x) } else { 0.0 };
                *own = [mean, 1.0 / (mean_of(&|x| (x - mean) * (x - mean)) + epsilon).sqrt()];
            }
        });
        all
    }

    fn normalized<T: Float>(&self, x: &[T], moments: &[Moments]) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        rows(&mut out, self.size, &|first, out| {
            let x = &x[first * self.size..];
            for (i, (out, x)) in out.chunks_mut(self.size).zip(x.chunks(self.size)).enumerate() {
                let [mean, scale] = moments[first + i];
                out.iter_mut().zip(x).for_each(|(out, x)| *out = T::from_f64((x.to_f64() - mean) * scale));
            }
        });
        out
    }

    /// The gradient of x: ((γg − a) − b·x̂)·scale, with the means a of γg and b of γg·x̂, and what the further outputs add.
    fn input<T: Float>(&self, own: &[T], hat: &[T], moments: &[Moments], more: [&[f64]; 2], centred: bool) -> Vec<T> {
        let count = self.size as f64;
        let mut out = vec![T::ZERO; hat.len()];
        rows(&mut out, self.size, &|first, out| {
            for (i, out) in out.chunks_mut(self.size).enumerate() {
                let row = first + i;
                let [own, hat] = [own, hat].map(|values| &values[row * self.size..][..self.size]);
                let pairs = || own.iter().zip(hat).map(|(own, hat)| (own.to_f64(), hat.to_f64()));
                let scale = moments[row][1];
                let a = if centred { pairs().map(|(own, _)| own).sum::<f64>() / count } else { 0.0 };
                let b = pairs().map(|(own, hat)| own * hat).sum::<f64>() / count;
                // ∂mean/∂x = 1/n, and ∂scale/∂x = −scale²·x̂/n.
                let (shift, tilt) = (more[0][row] / count, scale * scale * more[1][row] / count);
                for (out, (own, hat)) in out.iter_mut().zip(pairs()) {
                    *out = T::from_f64((own - a - b * hat) * scale + shift - tilt * hat);
                }
            }
        });
        out
    }
}

impl<const CENTRED: bool> PerRow<CENTRED> {
    fn rows<'a>(&self, shape: &'a [usize]) -> Result<Rows<'a>, Refusal> {
        let axis = shape::axis(self.axis, shape.len())?;
        let own =
            Rows { count: shape[..axis].iter().product(), size: shape[axis..].iter().product(), shape: &shape[axis..] };
        if own.size == 0 {
            return Err(mismatch(format!("an operand has the shape {shape:?}"), "rows of one element or more"));
        }
        Ok(own)
    }

    /// The shape of the further outputs.
    fn kept(&self, shape: &[usize]) -> Result<Vec<usize>, Refusal> {
        let axis = shape::axis(self.axis, shape.len())?;
        Ok(shape.iter().enumerate().map(|(i, &d)| if i < axis { d } else { 1 }).collect())
    }

    fn compute<T: Float>(&self, x: &[T], inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let whole = inputs.get(0)?.shape();
        let own = self.rows(whole)?;
        let moments = own.moments(x, CENTRED, self.epsilon);
        let wide = |tensor: &Tensor| Ok::<_, Refusal>(own.wide::<T>(tensor.expect()?, tensor.shape()));
        let gamma = wide(inputs.get(1)?)?;
        let beta = inputs.optional(2).map(wide).transpose()?.unwrap_or_else(|| vec![T::ZERO; own.size]);
        let mut y = own.normalized(x, &moments);
        rows(&mut y, own.size, &|_, out| {
            for row in out.chunks_mut(own.size) {
                row.iter_mut().zip(gamma.iter().zip(&beta)).for_each(|(y, (&gamma, &beta))| *y = *y * gamma + beta);
            }
        });
        let mut outputs = vec![Tensor::of(whole, y)];
        for k in 0..self.outputs - 1 {
            let values = moments.iter().map(|own| T::from_f64(own[k])).collect();
            outputs.push(Tensor::of(&self.kept(whole)?, values));
        }
        pass.save(|| Tensor::of(&[moments.len(), 2], moments.concat()));
        Ok(outputs)
    }

    fn gradients<T: Float>(&self, pass: &Backward<'_>, x: &[T]) -> Result<Vec<Option<Tensor>>, Refusal> {
        let whole = &pass.input_spec(0)?.shape;
        let own = self.rows(whole)?;
        let moments = pass.saved(0)?.expect::<f64>()?.as_chunks().0;
        let zeros;
        let g: &[T] = if let Some(g) = &pass.grads[0] {
            g.expect()?
        } else {
            zeros = vec![T::ZERO; x.len()];
            &zeros
        };
        let further = |k: usize| match pass.grads.get(k).and_then(Option::as_ref) {
            Some(grad) => grad.to_f64s(),
            None => vec![0.0; own.count],
        };
        let hat = own.normalized(x, moments);
        let flat = [own.count, own.size];
        let mut grads = vec![None; pass.inputs.len()];
        if pass.wants(0) {
            let gamma = own.wide::<T>(pass.input(1)?.expect()?, pass.input(1)?.shape());
            let scaled = broadcast2(&flat, (g, &flat), (&gamma, &flat[1..]), |g, gamma| g * gamma);
            grads[0] = Some(Tensor::of(whole, own.input(&scaled, &hat, moments, [&further(1), &further(2)], CENTRED)));
        }
        let parameter = |i: usize, each: &[T]| {
            let shape = &pass.input_spec(i)?.shape;
            let row = fold(each, &flat, &[0], &Sum);
            Ok::<_, Refusal>(sum_to(row, own.shape, trimmed(shape, own.shape.len()))?.reshaped(shape))
        };
        if pass.wants(1) {
            grads[1] = Some(parameter(1, &crate::parallel::zip(g, &hat, |g, hat| g * hat))?);
        }
        if pass.wants(2) {
            grads[2] = Some(parameter(2, g)?);
        }
        Ok(grads)
    }
}

impl<const CENTRED: bool> Define for PerRow<CENTRED> {
    const NAME: &'static str = if CENTRED { "LayerNormalization" } else { "RMSNormalization" };
    const SINCE: u64 = if CENTRED { 17 } else { 23 };
    const INPUTS: RangeInclusive<usize> = if CENTRED { 2..=3 } else { 2..=2 };
    const OUTPUTS: RangeInclusive<usize> = if CENTRED { 1..=3 } else { 1..=1 };

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // The statistics are in f64 in any case.
        setup.ignore("stash_type");
        Ok(PerRow { axis: setup.int("axis", -1)?, epsilon: setup.float("epsilon", 1e-5)?, outputs: setup.outputs() })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        // Mean 2 and variance 1, mean square 5: with an ε of 3 or 4, a half or a third is left.
        let (epsilon, y) = if CENTRED { (3.0, [-0.5, 1.0]) } else { (4.0, [1.0 / 3.0, 2.0]) };
        let plain = Case::new("a row").input(t(&[1, 2], &[1.0, 3.0])).input(t(&[2], &[1.0, 2.0]));
        let mut cases = vec![
            plain.clone().float("epsilon", epsilon).expect(t(&[1, 2], &y)),
            Case::new("from the middle").random(&[3, 2, 4]).random(&[2, 4]).int("axis", 1),
            Case::new("all").random(&[2, 5]).random(&[2, 5]).int("axis", 0),
            Case::new("long").random(&[50, 700]).random(&[700]),
            Case::new("one scale").random(&[2, 3, 4]).random(&[1, 1, 4]).int("axis", -2),
            Case::new("no rows").random(&[0, 3]).random(&[3]),
            Case::new("no elements").random(&[2, 0]).random(&[0]).refused("one element or more"),
            Case::new("a long scale").random(&[2, 3]).random(&[4]).refused("scale or bias"),
            Case::new("a wide scale").random(&[2, 3]).random(&[2, 3]).refused("scale or bias"),
        ];
        if CENTRED {
            let all = plain.input(t(&[2], &[0.0, 10.0])).float("epsilon", 3.0);
            cases.push(all.expect(t(&[1, 2], &[-0.5, 11.0])).expect(t(&[1, 1], &[2.0])).expect(t(&[1, 1], &[0.5])));
            let of = |name: &str| Case::new(name).random(&[3, 2, 4]).random(&[2, 4]).random(&[4]).int("axis", 1);
            cases.push(of("with a bias and all outputs").outputs(3).float("epsilon", 0.1));
        }
        cases
    }
}

impl<const CENTRED: bool> Operator for PerRow<CENTRED> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        let own = self.rows(x.shape())?;
        for i in 1..inputs.len() {
            let Some(tensor) = inputs.optional(i) else { continue };
            inputs.same_dtype(0, i)?;
            let shape = trimmed(tensor.shape(), own.shape.len());
            if shape::broadcast(&[own.shape, shape]).ok().as_deref() != Some(own.shape) {
                let wrong = format!("scale or bias has the shape {:?}", tensor.shape());
                return Err(mismatch(wrong, format!("{:?}, or one that broadcasts to it", own.shape)));
            }
        }
        let further = Spec { dtype: x.dtype(), shape: self.kept(x.shape())? };
        let mut specs = vec![further; self.outputs];
        specs[0] = x.spec();
        Ok(specs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, values => self.compute(values, inputs, pass))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let x = pass.input(0)?;
        on_floats!(x, values => self.gradients(pass, values))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
