//! A power of the position along the last dimension.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::powf;
use crate::structure::{Formula, Moments};

/// A ramp from one end of the last dimension to the other, bent by a power: no chance in it.
///
/// RWKV spreads what its channels remember this way: decay rates from −5 to 3, and mixing factors from 0 to 1 whose power
/// depends on the depth of the block; xLSTM's scalar cells the biases of their forget gates, from 5 to −7. Every other
/// dimension repeats the ramp.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PowerRamp {
    /// Value at the start.
    pub start: f64,
    /// What is added to it at the end of the ramp.
    pub rise: f64,
    /// Power of the position, between 0 and 1.
    pub power: f64,
    /// What is added to the power in the last block; the blocks between have their share of it.
    pub steeper: f64,
    /// Which block, counted from 1; only with `steeper`.
    pub layer: Option<u64>,
    /// Number of blocks; only with `steeper`.
    pub layers: Option<u64>,
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
        PowerRamp { start: 0.0, rise: 1.0, power: 1.0, steeper: 0.0, layer: None, layers: None, last: Last::Reached }
    }
}

impl PowerRamp {
    /// The power in this block.
    fn at_depth(&self) -> Result<f64, Refusal> {
        if self.steeper == 0.0 {
            return Ok(self.power);
        }
        let layer = given(self.layer, "layer", "which block this is, from 1")?;
        let layers = given(self.layers, "layers", "the number of blocks")?;
        require(layer <= layers, "layer", layer, &format!("at most `layers`, {layers}"))?;
        let depth = if layers > 1.0 { (layer - 1.0) / (layers - 1.0) } else { 0.0 };
        Ok(self.power + self.steeper * depth)
    }
}

impl Method for PowerRamp {
    const ABOUT: About = About {
        name: "power_ramp",
        formula: "w[…, i] = start + rise · (i/(n − 1))^power",
        source: Source { authors: "Peng, Alcaide, Anthony et al.", year: 2023, at: "arXiv:2305.13048", place: "RWKV-v4 `RWKV_TimeMix.__init__`" },
        when: "For the decays and mixing factors of RWKV, and the forget gates of xLSTM.",
        spellings: &[
            Spelling::of("xlstm", "slstm.fgate.bias", "power_ramp(start=5, rise=-12, power=0.3, steeper=1.3)", &[("block", "layer"), ("num_blocks", "layers")])
                .noting("`powerlaw_blockdependent`, for each head; its other gates' biases are 0. `block` is counted from 1 here"),
        ],
        cases: &[
            Case::std("power_ramp", &[3], Axes::linear, 0.408_248_290_463_863, "0, ½, 1: √(1/6)"),
            Case::std("power_ramp(last=next, power=2)", &[2], Axes::linear, 0.125, "0, ¼"),
            Case::std("power_ramp(start=-5, rise=8, power=0)", &[4], Axes::linear, 3.464_101_615_137_754_6, "−5, 3, 3, 3: 8·√3/4"),
            Case::std("xlstm:slstm.fgate.bias(block=2, num_blocks=2)", &[5], Axes::linear, 4.366_867_556_721_201, "the last block: 5 − 12 (i/4)^1.6"),
            Case::std("xlstm:slstm.fgate.bias(block=1, num_blocks=1)", &[5], Axes::linear, 4.289_881_957_587_211, "the only block: 5 − 12 (i/4)^0.3"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let finite = self.start.is_finite() && self.rise.is_finite();
        require(finite, "start", self.start, "a finite number, as `rise`")?;
        let power = self.at_depth()?;
        require((0.0..=1000.0).contains(&power), "power", power, "a number from 0 to 1000")?;
        let layout = table(param)?;
        let PowerRamp { start, rise, last, .. } = *self;
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
