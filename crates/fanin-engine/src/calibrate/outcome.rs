//! [`Outcome`]: what a calibration did, as data.

use serde::Serialize;

/// What a calibration did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The call.
    pub call: String,
    /// What it looked at, in words.
    pub data: String,
    /// Runs of the network, or of a part of it, forward (and back, where gradients are asked for).
    pub passes: u64,
    /// What is measured, in words.
    pub quantity: String,
    /// What was changed, in the order of execution.
    pub changes: Vec<Change>,
    /// What was left alone, and why; what was not reached.
    pub notes: Vec<String>,
    /// Whether all that it aims for was reached.
    pub reached: bool,
}

/// What was changed in one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Change {
    /// The layer.
    pub at: String,
    /// The parameters that were changed.
    pub params: Vec<String>,
    /// What was measured before.
    pub before: f64,
    /// What was measured after.
    pub after: f64,
    /// The factor of the weights; their mean where each unit has its own.
    pub factor: f64,
    /// Runs that it took.
    pub passes: u64,
}
