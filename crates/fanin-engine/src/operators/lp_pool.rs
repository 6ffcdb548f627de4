//! `LpPool` and `GlobalLpPool`: the length of what a window sees.

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

/// (Σ|x|ᵖ)^(1/p) of each window.
#[derive(Debug)]
pub(crate) struct Length<const GLOBAL: bool> {
    p: f64,
}

pub(crate) type LpPool = Pool<Length<false>>;
pub(crate) type GlobalLpPool = Pool<Length<true>>;

/// x to the power of p; the usual powers exactly.
fn power<T: Float>(x: T, p: f64) -> T {
    if p == 0.0 {
        T::ONE
    } else if p == 1.0 {
        x
    } else if p == 2.0 {
        x * x
    } else {
        x.powf(T::from_f64(p))
    }
}

impl<const GLOBAL: bool> Measure for Length<GLOBAL> {
    const READS: Reads = Reads::ALL;

    fn pooled<T: Float>(&self, x: &[T], geometry: &Geometry) -> Vec<T> {
        let (views, input, output) = (geometry.views(), geometry.input(), geometry.output());
        let mut out = vec![T::ZERO; x.len() / input * output];
        heavy_pieces(&mut out, output, &|plane, out| {
            let x = &x[plane * input..][..input];
            views.runs(|window, first, count, step| {
                let seen = x[first..].iter().step_by(step).take(count);
                out[window] += seen.fold(T::ZERO, |sum, x| sum + power(x.magnitude(), self.p));
            });
            let root = |sum: T| if self.p == 2.0 { sum.sqrt() } else { power(sum, 1.0 / self.p) };
            for out in out {
                *out = root(*out);
            }
        });
        out
    }

    /// g·(|x|/y)^(p−1), with the sign of x.
    fn spread<T: Float>(&self, g: &[T], [x, y]: [&[T]; 2], geometry: &Geometry) -> Vec<T> {
        let (views, input, output) = (geometry.views(), geometry.input(), geometry.output());
        let mut out = vec![T::ZERO; x.len()];
        heavy_pieces(&mut out, input, &|plane, out| {
            let x = &x[plane * input..][..input];
            views.runs(|window, first, count, step| {
                let (g, y) = (g[plane * output + window], y[plane * output + window]);
                for at in (first..).step_by(step).take(count) {
                    if x[at] != T::ZERO && y != T::ZERO {
                        let slope = power(x[at].magnitude() / y, self.p - 1.0);
                        out[at] += g * if x[at] < T::ZERO { -slope } else { slope };
                    }
                }
            });
        });
        out
    }
}

impl<const GLOBAL: bool> Define for Pool<Length<GLOBAL>> {
    const NAME: &'static str = if GLOBAL { "GlobalLpPool" } else { "LpPool" };
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let p = if setup.version() < 2 { setup.float("p", 2.0)? } else { setup.int("p", 2)? as f64 };
        if !(1.0..=1e6).contains(&p) {
            return Err(Setup::refuse("p", p, "1 or more"));
        }
        Ok(Pool { windows: Windows::read(setup, GLOBAL)?, measure: Length { p } })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let x = t(&[1, 1, 3], &[3.0, -4.0, 12.0]);
        if GLOBAL {
            return vec![
                Case::new("all").input(x.clone()).expect(t(&[1, 1, 1], &[13.0])),
                Case::new("of version 1").version(1).input(x).float("p", 1.0).expect(t(&[1, 1, 1], &[19.0])),
                Case::new("many").random(&[2, 3, 4, 2]).int("p", 3),
            ];
        }
        let two = |name: &str| Case::new(name).input(x.clone()).list("kernel_shape", &[2]);
        vec![
            two("plain").expect(t(&[1, 1, 2], &[5.0, 160f64.sqrt()])),
            two("magnitudes").int("p", 1).expect(t(&[1, 1, 2], &[7.0, 16.0])),
            two("padded").list("pads", &[1, 0]).expect(t(&[1, 1, 3], &[3.0, 5.0, 160f64.sqrt()])),
            two("not whole").list("strides", &[2]).int("ceil_mode", 1).expect(t(&[1, 1, 2], &[5.0, 12.0])),
            Case::new("many").random(&[2, 2, 5, 6]).list("kernel_shape", &[3, 2]).list("strides", &[2, 1]).int("p", 3),
            Case::new("many squares").random(&[2, 2, 5, 6]).list("kernel_shape", &[3, 2]).list("pads", &[1, 0, 1, 1]),
            two("none").int("p", 0).refused("1 or more"),
        ]
    }
}
