//! Random-walk initialization: the correction of a finite width.

use super::prelude::*;
use crate::numerics::exp;

/// Normal weights whose gain makes up for a layer's finite width, by which the logarithm of a gradient's norm drifts.
///
/// For deep plain networks of one width N; the correction matters where layers × 1/N exceeds some ½.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SussilloAbbott {
    /// What follows: `relu` or `linear`.
    pub kind: Kind,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

/// The activations of the paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rectifier.
    #[default]
    Relu,
    /// None.
    Linear,
}

impl Method for SussilloAbbott {
    const ABOUT: About = About {
        name: "sussillo_abbott",
        formula: "std = g/√N; linear g = e^(1/2N), ReLU g = √2 e^(1.2/(max(N, 6) − 2.4))",
        source: Source { authors: "Sussillo, Abbott", year: 2014, at: "Random walk initialization for training very deep feedforward networks", place: "its gains for linear and rectified units" },
        when: "For deep plain networks of narrow layers.",
        spellings: &[Spelling::same("random_walk", "sussillo_abbott")],
        cases: &[
            Case::std("sussillo_abbott", &[64, 64], Axes::linear, 0.18025415857728758, "√(2/64) · e^(1.2/61.6)"),
            Case::std("random_walk(kind=linear)", &[25, 25], Axes::linear, 0.20404026800535116, "e^(1/50)/5"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let width = param.fan(Fan::In, Count::True)?;
        let gain = match self.kind {
            Kind::Linear => exp(0.5 / width),
            Kind::Relu => std::f64::consts::SQRT_2 * exp(1.2 / (width.max(6.0) - 2.4)),
        };
        self.draw.with_variance(gain * gain / width)
    }
}
