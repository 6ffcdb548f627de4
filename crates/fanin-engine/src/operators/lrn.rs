//! `LRN`: local response normalization, over neighbouring channels.

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::{Range, RangeInclusive};

/// x / (k + α/size · Σ x²)^β, with the sum over `size` channels around each.
#[derive(Debug)]
pub(crate) struct Lrn {
    alpha: f64,
    beta: f64,
    k: f64,
    size: usize,
}

/// `[images, channels, elements of a channel]`.
fn sizes(shape: &[usize]) -> Result<[usize; 3], Refusal> {
    match shape {
        &[images, channels, ref rest @ ..] => Ok([images, channels, rest.iter().product()]),
        _ => Err(mismatch(format!("an operand has the shape {shape:?}"), "[images, channels, …]")),
    }
}

impl Lrn {
    /// The channels around `channel`.
    fn around(&self, channel: usize, channels: usize) -> Range<usize> {
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        channel.saturating_sub(before)..channel.saturating_add(after + 1).min(channels)
    }

    /// k + α/size · Σ x² for each element of an image.
    fn bases<T: Float>(&self, x: &[T], channels: usize, plane: usize) -> Vec<T> {
        let (k, factor) = (T::from_f64(self.k), T::from_f64(self.alpha / self.size as f64));
        let mut bases = vec![T::ZERO; x.len()];
        for (channel, base) in bases.chunks_mut(plane).enumerate() {
            for other in self.around(channel, channels) {
                base.iter_mut().zip(&x[other * plane..]).for_each(|(base, &x)| *base += x * x);
            }
            for base in base {
                *base = k + factor * *base;
            }
        }
        bases
    }

    fn normalized<T: Float>(&self, x: &[T], [_, channels, plane]: [usize; 3]) -> Vec<T> {
        let (size, power) = (channels * plane, T::from_f64(-self.beta));
        let mut out = vec![T::ZERO; x.len()];
        heavy_pieces(&mut out, size.max(1), &|image, out| {
            let x = &x[image * size..][..size];
            let bases = self.bases(x, channels, plane);
            out.iter_mut().zip(x.iter().zip(&bases)).for_each(|(out, (&x, &base))| *out = x * base.powf(power));
        });
        out
    }

    /// g·base^−β of the element itself, less its part in the bases of all whose window it is in.
    fn slopes<T: Float>(&self, g: &[T], x: &[T], [_, channels, plane]: [usize; 3]) -> Vec<T> {
        let (size, power) = (channels * plane, T::from_f64(-self.beta));
        let part = T::from_f64(2.0 * self.alpha * self.beta / self.size as f64);
        let mut out = vec![T::ZERO; x.len()];
        heavy_pieces(&mut out, size.max(1), &|image, out| {
            let (g, x) = (&g[image * size..][..size], &x[image * size..][..size]);
            let bases = self.bases(x, channels, plane);
            for channel in 0..channels {
                for at in channel * plane..(channel + 1) * plane {
                    let scaled = g[at] * bases[at].powf(power);
                    out[at] += scaled;
                    let shared = part * scaled * x[at] / bases[at];
                    for other in self.around(channel, channels) {
                        let other = other * plane + at % plane;
                        out[other] += -(shared * x[other]);
                    }
                }
            }
        });
        out
    }
}

impl Define for Lrn {
    const NAME: &'static str = "LRN";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let size = setup.needed_int("size")?;
        let fits = usize::try_from(size).ok().filter(|size| (1..=1 << 30).contains(size));
        Ok(Lrn {
            alpha: setup.float("alpha", 1e-4)?,
            beta: setup.float("beta", 0.75)?,
            k: setup.float("bias", 1.0)?,
            size: fits.ok_or_else(|| Setup::refuse("size", size, "1 or more"))?,
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |values: &[f64]| Tensor::of(&[1, values.len(), 1], values.to_vec());
        let of = |name: &str| Case::new(name).float("alpha", 3.0).float("beta", 1.0);
        vec![
            // Bases 1 + 1·(sum of squares around).
            of("three").input(t(&[1.0, 2.0, 3.0])).int("size", 3).expect(t(&[1.0 / 6.0, 2.0 / 15.0, 3.0 / 14.0])),
            // An even window reaches further behind: bases 1 + 1.5·(…).
            of("two").input(t(&[1.0, 2.0])).int("size", 2).expect(t(&[1.0 / 8.5, 2.0 / 7.0])),
            of("pictures").random(&[2, 5, 3, 2]).int("size", 4).float("bias", 0.7),
            Case::new("defaults").random(&[2, 7, 4]).int("size", 5),
            of("a list").random(&[3]).int("size", 3).refused("[images, channels, …]"),
            of("no window").random(&[1, 2, 3]).int("size", 0).refused("size"),
        ]
    }
}

impl Operator for Lrn {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        sizes(x.shape())?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let sizes = sizes(x.shape())?;
        on_floats!(x, values => Ok(vec![Tensor::of(x.shape(), self.normalized(values, sizes))]))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, pass.input(0)?);
        let sizes = sizes(x.shape())?;
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(x.shape(), self.slopes(g, x.expect()?, sizes)))))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
