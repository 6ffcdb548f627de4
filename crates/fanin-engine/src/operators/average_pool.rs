//! `AveragePool` and `GlobalAveragePool`: the mean of what a window sees.

use super::pool::{Measure, Pool, Windows};
use crate::element::Float;
use crate::operator::{Define, Reads};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
#[cfg(test)]
use crate::tensor::Tensor;
#[cfg(test)]
use crate::testing::Case;
use crate::window::Geometry;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// The mean of each window.
#[derive(Debug)]
pub(crate) struct Mean<const GLOBAL: bool> {
    /// Whether padding counts, as zeros.
    padding: bool,
}

pub(crate) type AveragePool = Pool<Mean<false>>;
pub(crate) type GlobalAveragePool = Pool<Mean<true>>;

impl<const GLOBAL: bool> Mean<GLOBAL> {
    /// What each window's sum is multiplied by; a window that sees nothing has the mean 0.
    fn factors<T: Float>(&self, geometry: &Geometry) -> Vec<T> {
        let counts = geometry.views().counts(self.padding);
        counts.into_iter().map(|count| T::from_f64(1.0 / count.max(1) as f64)).collect()
    }
}

impl<const GLOBAL: bool> Measure for Mean<GLOBAL> {
    const READS: Reads = Reads::NONE;

    fn pooled<T: Float>(&self, x: &[T], geometry: &Geometry) -> Vec<T> {
        let (views, factors) = (geometry.views(), self.factors::<T>(geometry));
        let (input, output) = (geometry.input(), geometry.output());
        let mut out = vec![T::ZERO; x.len() / input * output];
        heavy_pieces(&mut out, output, &|plane, out| {
            let x = &x[plane * input..][..input];
            views.runs(|window, first, count, step| {
                out[window] += x[first..].iter().step_by(step).take(count).fold(T::ZERO, |sum, &x| sum + x);
            });
            out.iter_mut().zip(&factors).for_each(|(out, &factor)| *out = *out * factor);
        });
        out
    }

    fn spread<T: Float>(&self, g: &[T], _: [&[T]; 2], geometry: &Geometry) -> Vec<T> {
        let (views, factors) = (geometry.views(), self.factors::<T>(geometry));
        let (input, output) = (geometry.input(), geometry.output());
        let mut out = vec![T::ZERO; g.len() / output * input];
        heavy_pieces(&mut out, input, &|plane, out| {
            let g = &g[plane * output..][..output];
            views.runs(|window, first, count, step| {
                let share = g[window] * factors[window];
                out[first..].iter_mut().step_by(step).take(count).for_each(|out| *out += share);
            });
        });
        out
    }
}

impl<const GLOBAL: bool> Define for Pool<Mean<GLOBAL>> {
    const NAME: &'static str = if GLOBAL { "GlobalAveragePool" } else { "AveragePool" };
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let padding = !GLOBAL && setup.flag("count_include_pad", false)?;
        Ok(Pool { windows: Windows::read(setup, GLOBAL)?, measure: Mean { padding } })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        if GLOBAL {
            return vec![
                Case::new("a picture")
                    .input(t(&[1, 2, 2, 1], &[1.0, 2.0, 3.0, 5.0]))
                    .expect(t(&[1, 2, 1, 1], &[1.5, 4.0])),
                Case::new("many").random(&[3, 4, 5, 2]),
                Case::new("one dimension").random(&[2, 3, 7]),
                Case::new("no picture").random(&[2, 3, 0]).refused("one element or more"),
            ];
        }
        let x = t(&[1, 1, 3], &[2.0, 4.0, 9.0]);
        let two = |name: &str| Case::new(name).input(x.clone()).list("kernel_shape", &[2]);
        let random =
            |name: &str, shape: &[usize], kernel: &[i64]| Case::new(name).random(shape).list("kernel_shape", kernel);
        vec![
            two("plain").expect(t(&[1, 1, 2], &[3.0, 6.5])),
            two("padded").list("pads", &[1, 0]).expect(t(&[1, 1, 3], &[2.0, 3.0, 6.5])),
            two("padding counts")
                .list("pads", &[1, 0])
                .int("count_include_pad", 1)
                .expect(t(&[1, 1, 3], &[1.0, 3.0, 6.5])),
            // The second window stands over one element, and over one place that is not even padding.
            two("not whole").list("strides", &[2]).int("ceil_mode", 1).expect(t(&[1, 1, 2], &[3.0, 9.0])),
            two("not whole, padding counts")
                .list("strides", &[2])
                .int("ceil_mode", 1)
                .int("count_include_pad", 1)
                .expect(t(&[1, 1, 2], &[3.0, 9.0])),
            two("dilated").list("dilations", &[2]).expect(t(&[1, 1, 1], &[5.5])),
            random("same", &[2, 2, 5, 4], &[2, 3]).text("auto_pad", "SAME_LOWER").list("strides", &[2, 2]),
            random("with steps", &[2, 2, 7, 6], &[3, 2]).list("strides", &[2, 3]).list("pads", &[1, 1, 0, 0]),
            random("three dimensions", &[1, 2, 4, 3, 4], &[2, 2, 2])
                .list("pads", &[1, 0, 0, 0, 1, 0])
                .int("count_include_pad", 1),
            random("many", &[6, 20, 14, 14], &[2, 2]).list("strides", &[2, 2]),
            random("padding of a whole window", &[1, 1, 4], &[2])
                .list("pads", &[2, 0])
                .refused("smaller than the window"),
        ]
    }
}
