//! [`Comparison`]: what was found, as data for renderers.

use crate::bought::Bought;
use crate::cell::Training;
use crate::duel::Pair;
use crate::profile::LayerProfile;
use crate::standing::{Standing, Verdict};
use crate::statistics::{Interval, Paired};
use crate::store::Fault;
use serde::Serialize;

/// Everything that a folder of cells shows.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// A table for each model and data.
    pub cases: Vec<CaseSummary>,
    /// Cells of the list.
    pub cells: usize,
    /// Ids of cells without an outcome.
    pub missing: Vec<String>,
    /// Outcomes that are damaged.
    pub damaged: Vec<Fault>,
    /// Seconds of training in all cells together.
    pub seconds: f64,
    /// Rows that were trained on, per second of training on one core.
    pub rows_per_second: f64,
}

/// What is compared: the figure that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right answers on the test rows; more is better.
    Accuracy,
    /// Mean loss on the test rows; less is better.
    Loss,
}

impl Metric {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "test accuracy",
            Metric::Loss => "test loss",
        }
    }

    /// 1 where more is better, −1 where less is.
    pub fn sign(self) -> f64 {
        match self {
            Metric::Accuracy => 1.0,
            Metric::Loss => -1.0,
        }
    }
}

/// One model on one set of data.
#[derive(Clone, Debug, Serialize)]
pub struct CaseSummary {
    /// Its name.
    pub name: String,
    /// The model.
    pub model: String,
    /// The data.
    pub data: String,
    /// How it was trained; the learning rate is that of the first cell.
    pub training: Training,
    /// Which figure decides.
    pub metric: Metric,
    /// Seeds that any strategy has.
    pub seeds: Vec<u64>,
    /// Numbers that are trained.
    pub parameters: u64,
    /// Loss of the best answer that does not look at the input.
    pub uninformed: Option<f64>,
    /// What `Row::steps_to_target` is the way to.
    pub target: Option<f64>,
    /// Whether each strategy has a learning rate of its own.
    pub tuned: bool,
    /// What is to be said.
    pub verdict: Verdict,
    /// Every pair of strategies that was tested.
    pub pairs: Vec<Pair>,
    /// What strategies that take values from another model have over the best that takes none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bought: Vec<Bought>,
    /// The strategies, the best first.
    pub rows: Vec<Row>,
}

/// One strategy.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub strategy: String,
    /// Its model: the case's, but for an arm that has another.
    pub model: String,
    /// How it stands.
    pub standing: Standing,
    /// The strategy whose initial values it has, number for number.
    pub same_as: Option<String>,
    /// Seeds with an outcome.
    pub seeds: usize,
    /// Seeds that learned anything.
    pub learned: usize,
    /// Seeds that left the numbers.
    pub diverged: usize,
    /// Learning rates that were used; the one of most seeds first.
    pub rates: Vec<f64>,
    /// The figure that decides.
    pub score: Option<Interval>,
    /// Accuracy on the test rows.
    pub test_accuracy: Option<Interval>,
    /// Loss on the test rows.
    pub test_loss: Option<Interval>,
    /// Accuracy on the training rows.
    pub train_accuracy: Option<Interval>,
    /// Loss on the training rows.
    pub train_loss: Option<Interval>,
    /// How much worse it is on test rows than on those it was trained with: overfitting.
    pub gap: Option<Interval>,
    /// Steps to the case's target, of the seeds that reached it.
    pub steps_to_target: Option<Interval>,
    /// Seconds to it.
    pub seconds_to_target: Option<Interval>,
    /// Seeds that reached it.
    pub reached: usize,
    /// Seconds of training.
    pub seconds: Option<Interval>,
    /// Its difference to the best, seed by seed; more is better. The probability is corrected for the number of pairs.
    pub to_best: Option<Paired>,
    /// How it went, on average.
    pub curve: Vec<Spot>,
    /// Each layer before the first step, on average.
    pub before: Vec<LayerProfile>,
    /// Each layer after the last step, on average.
    pub after: Vec<LayerProfile>,
    /// Ids of the plans, seed by seed.
    pub plans: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// Where a strategy stood after some steps.
#[derive(Clone, Debug, Serialize)]
pub struct Spot {
    /// Steps.
    pub step: u64,
    /// Loss of the batches since the spot before.
    pub loss: Option<Interval>,
    /// Loss on the test rows.
    pub test_loss: Option<Interval>,
    /// Accuracy on the test rows.
    pub test_accuracy: Option<Interval>,
}
