//! A power of the position along the last dimension.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::powf;
use crate::structure::{Formula, Moments};

/// A ramp from one end of the last dimension to the other, bent by a power: no chance in it.
///
/// RWKV spreads what its channels remember this way: decay rates from −5 to 3, and mixing factors from 0 to 1 whose power
/// depends on the depth of the block. Every other dimension repeats the ramp.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PowerRamp {
    /// Value at the start.
    pub start: f64,
    /// What is added to it at the end of the ramp.
    pub rise: f64,
    /// Power of the position, between 0 and 1.
    pub power: f64,
    /// Whether the last element is at the end of the ramp (`reached`) or the one after it would be (`next`).
    pub last: Last,
}

/// Where the ramp ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// At the last element: positions i/(n − 1).
    #[default]
    Reached,
    /// One step behind it: positions i/n.
    Next,
}

impl Default for PowerRamp {
    fn default() -> PowerRamp {
        PowerRamp { start: 0.0, rise: 1.0, power: 1.0, last: Last::Reached }
    }
}

impl Method for PowerRamp {
    const ABOUT: About = About {
        name: "power_ramp",
        formula: "w[…, i] = start + rise · (i/(n − 1))^power",
        source: Source { authors: "Peng, Alcaide, Anthony et al.", year: 2023, at: "arXiv:2305.13048", place: "appendix E; RWKV-v4 `RWKV_TimeMix.__init__`" },
        when: "For the decays and mixing factors of RWKV.",
        spellings: &[],
        cases: &[
            Case::std("power_ramp", &[3], Axes::linear, 0.408_248_290_463_863, "0, ½, 1: √(1/6)"),
            Case::std("power_ramp(last=next, power=2)", &[2], Axes::linear, 0.125, "0, ¼"),
            Case::std("power_ramp(start=-5, rise=8, power=0)", &[4], Axes::linear, 3.464_101_615_137_754_6, "−5, 3, 3, 3: 8·√3/4"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let finite = self.start.is_finite() && self.rise.is_finite();
        require(finite, "start", self.start, "a finite number, as `rise`")?;
        require((0.0..=1000.0).contains(&self.power), "power", self.power, "a number from 0 to 1000")?;
        let layout = table(param)?;
        let PowerRamp { start, rise, power, last } = *self;
        let steps = if last == Last::Reached { (layout.cols().saturating_sub(1)).max(1) } else { layout.cols() } as f64;
        let value = move |i: u64| match i {
            // Zero to any power: a ramp starts at its start.
            0 => start,
            i => start + rise * powf(i as f64 / steps, power),
        };
        let moments = Moments::of((0..layout.cols()).map(value));
        Ok(whole(Formula::new(layout, moments, move |_, i, _| value(i))))
    }
}
