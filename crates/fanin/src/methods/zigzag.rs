//! Values that take turns.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::{Formula, Moments};

/// Centre, above it, below it, and again, along the last dimension: no chance in it.
///
/// RWKV's bonus for the present token starts so, about ln 0.3, to make neighbouring channels differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Zigzag {
    /// Value of every third element.
    pub centre: f64,
    /// How far the others lie above and below it.
    pub amplitude: f64,
}

impl Default for Zigzag {
    fn default() -> Zigzag {
        Zigzag { centre: 0.0, amplitude: 0.5 }
    }
}

impl Method for Zigzag {
    const ABOUT: About = About {
        name: "zigzag",
        formula: "w[…, i] = centre + amplitude · ((i + 1) mod 3 − 1)",
        source: Source { authors: "Peng, Alcaide, Anthony et al.", year: 2023, at: "arXiv:2305.13048", place: "RWKV-v4 `time_first`" },
        when: "For RWKV's `time_first`.",
        spellings: &[],
        cases: &[
            Case::std("zigzag", &[3], Axes::linear, 0.408_248_290_463_863, "0, ½, −½: √(1/6)"),
            Case::std("zigzag(centre=-1.2039728043259361)", &[6], Axes::linear, 0.408_248_290_463_863, "ln 0.3 ± ½, RWKV's: √(1/6)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let finite = self.centre.is_finite() && self.amplitude.is_finite();
        require(finite, "centre", self.centre, "a finite number, as `amplitude`")?;
        let (layout, Zigzag { centre, amplitude }) = (table(param)?, *self);
        let value = move |i: u64| centre + amplitude * ((i + 1) % 3) as f64 - amplitude;
        let moments = Moments::of((0..layout.cols()).map(value));
        Ok(whole(Formula::new(layout, moments, move |_, i, _| value(i))))
    }
}
