//! `Dropout`: elements left out at random, the others scaled up.

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::{build, zip};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal, Stream};
use std::ops::RangeInclusive;

/// x/(1 − ratio) or 0, each element by itself; x while the model is used. The second output says what was kept.
#[derive(Debug)]
pub(crate) struct Dropout {
    /// The ratio, where it is an attribute.
    ratio: Option<f64>,
    mask: bool,
}

impl Dropout {
    /// The share that is left out; 0 unless this is training.
    fn ratio(&self, inputs: &Inputs<'_>, mode: crate::Mode) -> Result<f64, Refusal> {
        let asked = match inputs.optional(2) {
            Some(flag) if self.ratio.is_none() => matches!(flag.expect::<bool>()?, [true]),
            _ => false,
        };
        if !mode.dropout.unwrap_or(asked) {
            return Ok(0.0);
        }
        let ratio = match (self.ratio, inputs.optional(1)) {
            (Some(ratio), _) => ratio,
            (None, Some(ratio)) => ratio.number()?,
            (None, None) => 0.5,
        };
        if (0.0..1.0).contains(&ratio) {
            Ok(ratio)
        } else {
            Err(mismatch(format!("the ratio is {ratio}"), "0 to 1, 1 excluded"))
        }
    }
}

/// Whether element `index` is kept: one random word decides.
fn keeps(stream: Stream, index: usize, ratio: f64) -> bool {
    // 2⁻³²: a word as a number between 0 and 1.
    f64::from(stream.word(index as u64)) * 2.328_306_436_538_696_3e-10 >= ratio
}

fn scaled<T: Float>(x: &[T], mask: &[bool], ratio: f64) -> Vec<T> {
    let scale = T::from_f64(1.0 / (1.0 - ratio));
    zip(x, mask, |x, keep| if keep { x * scale } else { T::ZERO })
}

impl Define for Dropout {
    const NAME: &'static str = "Dropout";
    // Before, use or training was an attribute.
    const SINCE: u64 = 7;
    const INPUTS: RangeInclusive<usize> = 1..=3;
    const OUTPUTS: RangeInclusive<usize> = 1..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let ratio = if setup.version() < 12 { Some(setup.float("ratio", 0.5)?) } else { None };
        // Masks are drawn from the seed of the run.
        setup.ignore("seed");
        Ok(Dropout { ratio, mask: setup.outputs() > 1 })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        use crate::Mode;
        let x = crate::testing::random(&[3, 4], 1);
        let ratio = |r: f64| Tensor::scalar(r);
        vec![
            Case::new("in use").random(&[3, 4]).expect(x.clone()),
            Case::new("in use, with a mask")
                .random(&[3, 4])
                .expect(x.clone())
                .expect(Tensor::of(&[3, 4], vec![true; 12])),
            Case::new("asked for by the graph")
                .random(&[40, 300])
                .setting(ratio(0.3))
                .input(Tensor::scalar(true))
                .outputs(2),
            Case::new("asked for without a ratio").random(&[5, 5]).none().input(Tensor::scalar(true)),
            Case::new("asked for by the mode").random(&[5, 5]).mode(Mode::training()),
            Case::new("forbidden by the mode")
                .random(&[3, 4])
                .setting(ratio(0.3))
                .input(Tensor::scalar(true))
                .mode(Mode::inference())
                .expect(x),
            Case::new("by attribute").version(10).random(&[5, 5]).float("ratio", 0.2).mode(Mode::training()),
            Case::new("everything").random(&[3]).setting(ratio(1.0)).mode(Mode::training()).refused("the ratio is 1"),
        ]
    }
}

impl Operator for Dropout {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        let mut specs = vec![x.spec()];
        specs.extend(self.mask.then(|| Spec::new(Dtype::Bool, x.shape())));
        Ok(specs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let ratio = self.ratio(inputs, pass.mode)?;
        let (y, mask) = if ratio == 0.0 {
            (x.clone(), self.mask.then(|| vec![true; x.len()]))
        } else {
            let stream = pass.stream;
            let mask = build(x.len(), &|start, out| {
                out.iter_mut().enumerate().for_each(|(i, keep)| *keep = keeps(stream, start + i, ratio));
            });
            (on_floats!(x, values => Tensor::of(x.shape(), scaled(values, &mask, ratio))), Some(mask))
        };
        let mask = mask.map(|mask| Tensor::of(x.shape(), mask));
        if ratio > 0.0 {
            pass.save(|| mask.clone().unwrap_or_else(|| Tensor::scalar(true)));
            pass.save(|| Tensor::scalar(ratio));
        }
        Ok(std::iter::once(y).chain(mask.filter(|_| self.mask)).collect())
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| {
            let grad = pass.grad()?;
            if pass.saved.is_empty() {
                return Ok(grad.clone());
            }
            let (mask, ratio) = (pass.saved(0)?.expect()?, pass.saved(1)?.number()?);
            on_floats!(grad, g => Ok(Tensor::of(grad.shape(), scaled(g, mask, ratio))))
        })
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_dropped_is_the_ratio() {
        const N: usize = 100_000;
        for (ratio, meant) in [(0.1, true), (0.5, true), (0.105, false)] {
            let stream = Stream::new(3, "dropout");
            let dropped = (0..N).filter(|&i| !keeps(stream, i, ratio)).count() as f64;
            let expected = if ratio == 0.5 { 0.5 } else { 0.1 };
            // Five standard deviations of a binomial share.
            let bound = 5.0 * (expected * (1.0 - expected) / N as f64).sqrt();
            assert_eq!((dropped / N as f64 - expected).abs() < bound, meant, "{ratio}");
        }
    }
}
