//! Random impulses for depthwise convolutions.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::structure::{Formula, Moments, unit};

/// Each filter of a convolution is one tap at a random place, zero elsewhere: it moves its channel.
///
/// Depthwise convolutions of random impulses mix places as well as trained ones do, as long as the layers between mix channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Impulse {
    /// The value of the tap.
    pub gain: f64,
}

impl Default for Impulse {
    fn default() -> Impulse {
        Impulse { gain: 1.0 }
    }
}

impl Method for Impulse {
    const ABOUT: About = About {
        name: "impulse",
        formula: "w[o, i, tap] = gain at one random tap of each (o, i), 0 elsewhere",
        source: Source { authors: "Zheng, Li, Lucey", year: 2024, at: "Structured initialization for attention in vision transformers, arXiv:2404.01139", place: "the impulse filters; the authors' `impulse_init`" },
        when: "For depthwise convolutions between layers that mix channels.",
        spellings: &[Spelling::of("impulse_init", "impulse", "impulse(gain=0.5773502691896257)", &[]).noting("the tap is √(1/3) in the authors' code")],
        cases: &[
            Case::std("impulse", &[8, 1, 2, 2], conv, 0.4330127018922193, "√(1/4 · 3/4)"),
            Case::std("impulse_init:impulse", &[64, 1, 3, 3], conv, 0.18144368465060579, "√(1/3 · 1/9 · 8/9)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain.is_finite(), "gain", self.gain, "a finite number")?;
        let [_, _, field] = super::matrix::dims(param)?;
        let taps = field.iter().map(|&d| param.shape[d]).product::<u64>().max(1);
        let (layout, gain) = (layout(param)?, self.gain);
        let inputs = layout.cols() / taps;
        let share = 1.0 / taps as f64;
        let moments = Moments { mean: gain * share, variance: gain * gain * share * (1.0 - share) };
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            let place = (unit(stream, row * inputs + col / taps) * taps as f64) as u64;
            if col % taps == place { gain } else { 0.0 }
        })))
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
