//! Mirrored ("looks-linear") orthogonal weights.

use super::matrix::{Tap, kernel, whole};
use super::prelude::*;
use crate::structure;

/// Orthogonal weights in opposite pairs, with which a deep network is exactly linear where it starts.
///
/// Units come in pairs that see z and −z, and the next layer reads their difference: for every activation with
/// f(z) − f(−z) = k·z (ReLU, leaky ReLU, GELU, SiLU, hard swish, softplus) the network is then an isometry at any depth.
/// Biases must be zero. All layers between two normalizations or skip connections should get it, or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mirrored {
    /// Where the layer stands: `first` (reads the data), `hidden`, `head` (no activation follows), or `auto` as the graph
    /// shows.
    pub part: Part,
    /// Which taps of a convolution carry the matrix: the `centre` (an isometry at every place) or `all`.
    pub taps: Taps,
    /// Slope a of the leaky rectifier before the layer: k = 1 + a.
    pub slope: f64,
    /// Factor: all singular values.
    pub gain: f64,
}

/// Where a mirrored layer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// As the graph shows.
    #[default]
    Auto,
    /// It reads the data.
    First,
    /// It reads and writes pairs.
    Hidden,
    /// It writes the output.
    Head,
}

/// Which taps carry the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Taps {
    /// The centre.
    #[default]
    Centre,
    /// All.
    All,
}

impl Default for Mirrored {
    fn default() -> Mirrored {
        Mirrored { part: Part::Auto, taps: Taps::Centre, slope: 0.0, gain: 1.0 }
    }
}

impl Mirrored {
    fn part(&self, param: &Param) -> structure::Part {
        match self.part {
            Part::First => structure::Part::First,
            Part::Head => structure::Part::Head,
            Part::Auto if param.place.first => structure::Part::First,
            Part::Auto if param.place.op.is_some() && param.place.follows.is_none() => structure::Part::Head,
            Part::Hidden | Part::Auto => structure::Part::Hidden,
        }
    }
}

impl Method for Mirrored {
    const ABOUT: About = About {
        name: "mirrored",
        formula: "first [W; −W], hidden [[W, −W], [−W, W]] / k, head [W, −W] / k; W orthogonal, k = 1 + slope",
        source: Source {
            authors: "Balduzzi, Frean, Leary, Lewis, Ma, McWilliams",
            year: 2017,
            at: "arXiv:1702.08591",
            place: "the looks-linear initialization (k = 1; other k and odd widths are ours)",
        },
        when: "For deep plain networks of ReLU, GELU or SiLU without normalization and skip connections.",
        spellings: &[Spelling::same("looks_linear", "mirrored")],
        cases: &[
            Case::std("mirrored(part=first)", &[200, 100], Axes::linear, 0.1, "W is 100×100: 1/√100"),
            Case::std("mirrored(part=hidden, slope=1)", &[200, 200], Axes::linear, 0.05, "half of 1/√100"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let taps = match self.taps {
            Taps::Centre => structure::Taps::Centre,
            Taps::All => structure::Taps::All,
        };
        let kernel = kernel(param, Tap::Lower.into())?;
        Ok(whole(structure::Mirrored::new(kernel, self.part(param), taps, 1.0 + self.slope, self.gain)?))
    }
}
