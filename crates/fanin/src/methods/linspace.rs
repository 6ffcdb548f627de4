//! Evenly spaced numbers.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// Numbers that rise evenly from `low` to `high` along the last dimension, both ends among them.
///
/// xLSTM's forget gates have their biases so: the units of a layer then forget over many scales of time, from e³ to e⁶ steps
/// and more. Not drawn: every seed gives the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Linspace {
    /// The first number.
    pub low: f64,
    /// The last number.
    pub high: f64,
}

impl Default for Linspace {
    fn default() -> Linspace {
        Linspace { low: 0.0, high: 1.0 }
    }
}

impl Method for Linspace {
    const ABOUT: About = About {
        name: "linspace",
        formula: "w[…, i] = low + (high − low) i / (n − 1)",
        source: Source { authors: "Beck, Pöppel, Spanring et al.", year: 2024, at: "xLSTM, arXiv:2405.04517", place: "the code's `bias_linspace_init_`" },
        when: "For the forget-gate biases of xLSTM, and wherever units shall cover a range.",
        spellings: &[
            Spelling::of("xlstm", "bias_linspace_init_", "linspace(low=3.4, high=6)", &[("start", "low"), ("end", "high")]),
            Spelling::of("xlstm", "mlstm.fgate.bias", "linspace(low=3, high=6)", &[])
                .noting("its input gates' biases are N(0, 0.1²), and the weights of both gates are 0"),
        ],
        cases: &[
            Case::std("linspace", &[5], Axes::linear, 0.3535533905932738, "0, ¼, ½, ¾, 1"),
            Case::std("xlstm:mlstm.fgate.bias", &[4], Axes::linear, 1.118033988749895, "3, 4, 5, 6"),
            Case::std("xlstm:bias_linspace_init_(start=-1, end=1)", &[3], Axes::linear, 0.816496580927726, "−1, 0, 1"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let Linspace { low, high } = *self;
        for (name, value) in [("low", low), ("high", high)] {
            require(value.is_finite(), name, value, "a finite number")?;
        }
        let layout = table(param)?;
        let steps = layout.cols().saturating_sub(1).max(1) as f64;
        Ok(whole(Formula::fixed(layout, move |_, i| low + (high - low) * (i as f64 / steps))))
    }
}
