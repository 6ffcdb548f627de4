//! [`Role`]: what a parameter is for. Recipes ask for it before anything else.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Multiplies a signal: linear maps, convolutions, input weights of recurrent cells.
    Weight,
    /// Multiplies the hidden state of a recurrent cell.
    Recurrent,
    /// Is added to a signal after a weight.
    Bias,
    /// A row per symbol, looked up.
    Embedding,
    /// Is added to a signal by position.
    Position,
    /// Multiplies a normalized signal (γ).
    Scale,
    /// Is added to a normalized signal (β).
    Shift,
    /// Multiplies a branch, by channel or as one number (`LayerScale`, `ReZero`).
    BranchScale,
    /// Slope of a parametric rectifier for negative inputs.
    Slope,
    /// Has a law of its own that follows from what it is: the decay rates of a state-space model, a logit scale.
    Special,
    /// Running mean or variance: measured while training, never drawn.
    Statistic,
    /// A constant of the computation: shapes, index tables, masks, filters, quantization scales, integers.
    Fixed,
    /// A floating-point tensor of which nothing is known.
    Unknown,
}

impl Role {
    /// Every role, in the order of the enum.
    pub const ALL: [Role; 13] = [
        Role::Weight,
        Role::Recurrent,
        Role::Bias,
        Role::Embedding,
        Role::Position,
        Role::Scale,
        Role::Shift,
        Role::BranchScale,
        Role::Slope,
        Role::Special,
        Role::Statistic,
        Role::Fixed,
        Role::Unknown,
    ];

    /// The name used in recipes, plans and tables.
    pub fn name(self) -> &'static str {
        match self {
            Role::Weight => "weight",
            Role::Recurrent => "recurrent",
            Role::Bias => "bias",
            Role::Embedding => "embedding",
            Role::Position => "position",
            Role::Scale => "scale",
            Role::Shift => "shift",
            Role::BranchScale => "branch_scale",
            Role::Slope => "slope",
            Role::Special => "special",
            Role::Statistic => "statistic",
            Role::Fixed => "fixed",
            Role::Unknown => "unknown",
        }
    }

    /// Whether such a tensor is a constant of the computation, which no recipe may draw without being told to.
    pub fn is_kept(self) -> bool {
        matches!(self, Role::Statistic | Role::Fixed)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
