//! Rows of a [`super::Report`]: what was measured, one parameter or layer at a time.

use crate::dtype::Dtype;
use crate::graph::Follows;
use crate::role::Role;
use serde::{Deserialize, Serialize};

/// A parameter: what it should hold, and what it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightRow {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its element type.
    pub dtype: Dtype,
    /// What it is for.
    pub role: Role,
    /// What it should hold, where that is known.
    pub expected: Option<Expected>,
    /// Whether every bit is the one that the plan gives; `None` if that was not compared.
    pub equal: Option<bool>,
    /// Standard deviation that the plan gives; `null` if nothing is expected.
    pub expected_std: Option<f64>,
    /// Standard deviation about the mean, over finite elements.
    pub std: f64,
    /// Mean over finite elements.
    pub mean: f64,
    /// Smallest finite element.
    pub min: f64,
    /// Largest finite element.
    pub max: f64,
    /// Elements that are infinite or no numbers.
    pub non_finite: u64,
    /// Share of the elements that are zero.
    pub zeros: f64,
    /// Units whose weights are all zero; `None` where units are not known.
    pub zero_rows: Option<u64>,
    /// Units that have the weights of another unit.
    pub repeated_rows: Option<u64>,
    /// Units that have the weights of another unit with the other sign.
    pub opposite_rows: Option<u64>,
    /// How many directions carry the matrix's norm, as a share of those there are; `None` for vectors and large matrices.
    pub stable_rank: Option<f64>,
    /// How many directions the matrix passes, as a share of those there are.
    pub effective_rank: Option<f64>,
    /// Elements in sixteen equal steps from `min` to `max`.
    pub histogram: Vec<u64>,
}

/// What a parameter should hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The call.
    pub call: String,
    /// Mean of an element.
    pub mean: f64,
    /// Standard deviation of an element.
    pub std: f64,
    /// Ends of the law, where it has some.
    pub bounds: Option<[f64; 2]>,
}

/// A layer: a node that carries a weight.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LayerRow {
    /// Readable name.
    pub name: String,
    /// Operator.
    pub op: String,
    /// Units.
    pub width: u64,
    /// Activation that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// Layers since the input or the last normalization, this one included.
    pub depth: usize,
    /// Predicted second moment of the pre-activation.
    pub forward_predicted: Option<f64>,
    /// Mean square of the pre-activation over batch, units and places.
    pub forward: Option<f64>,
    /// Its mean.
    pub mean: Option<f64>,
    /// Its standard deviation.
    pub std: Option<f64>,
    /// Mean square of the value that the activation is applied to.
    pub activated: Option<f64>,
    /// Predicted mean square of the gradient with respect to the pre-activation.
    pub backward_predicted: Option<f64>,
    /// Mean square of that gradient, for an output gradient of independent standard normal numbers.
    pub backward: Option<f64>,
    /// Sum of the squares of that gradient over units and places, for one sample.
    pub gradient_energy: Option<f64>,
    /// √(mean square of the weight's gradient / mean square of the weight).
    pub update_ratio: Option<f64>,
    /// Share of rectified units that no sample turns on.
    pub dead: Option<f64>,
    /// Share of activations in the flat part.
    pub saturated: Option<f64>,
    /// Mean cosine between the pre-activations of two inputs of the batch.
    pub cosine: Option<f64>,
    /// The same where the activation is applied.
    pub cosine_activated: Option<f64>,
    /// Effective rank of the batch's pre-activations, as a share of the possible.
    pub rank: Option<f64>,
    /// Elements that are infinite or no numbers.
    pub non_finite: u64,
}

/// A sum of a residual block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Residual {
    /// The node that adds.
    pub name: String,
    /// Variance of the sum.
    pub variance: f64,
    /// Variance of the branch / variance of the skip.
    pub branch: f64,
    /// Whether the branch begins with a normalization.
    pub normalized: bool,
}

/// An attention.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attention {
    /// The node that normalizes its scores.
    pub name: String,
    /// Mean entropy of its rows / that of an even look at all places that are allowed.
    pub entropy: f64,
    /// Largest score, of those that are not masked.
    pub largest_score: f64,
}

/// Singular values of ∂output/∂input at the samples of the batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Jacobian {
    /// Number of rows: elements of one sample's output.
    pub outputs: u64,
    /// Number of columns: elements of one sample's input.
    pub inputs: u64,
    /// Samples that were looked at.
    pub samples: u64,
    /// Whether every row was computed; otherwise random combinations of rows, and the smallest value is not known.
    pub exact: bool,
    /// Mean of the squares: ‖J‖_F² / rows.
    pub mean_square: f64,
    /// Largest, averaged over samples (geometric mean).
    pub largest: Option<f64>,
    /// Smallest, averaged over samples (geometric mean).
    pub smallest: Option<f64>,
}

/// The loss where training starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// Which loss.
    pub kind: String,
    /// What the model has on the batch.
    pub measured: f64,
    /// What an answer has that does not look at the input: ln C, the entropy of the labels, the variance of the targets.
    pub uninformed: f64,
    /// Whether the targets are random, because there are no labels.
    pub random_targets: bool,
}

/// Signals at one width of the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WidthRow {
    /// The width.
    pub width: u64,
    /// Steps that were taken.
    pub steps: u64,
    /// Root mean square of the output before the first step and after each.
    pub output: Vec<f64>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Batch {
    /// Where it comes from.
    pub source: String,
    /// Samples in it.
    pub samples: u64,
    /// Whether normalizations used the batch's statistics.
    pub batch_statistics: bool,
    /// How large the user's inputs are; none where they were made up.
    pub inputs: Vec<InputRow>,
}

/// How large an input of real numbers is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRow {
    /// Its name.
    pub name: String,
    /// Features: columns of a table, channels of pictures.
    pub features: u64,
    /// The feature that is largest, counted from 0.
    pub feature: u64,
    /// Root mean square of that feature.
    pub largest: f64,
}
