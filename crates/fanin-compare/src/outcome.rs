//! [`Outcome`]: what one training run gave.

use crate::profile::LayerProfile;
use serde::{Deserialize, Serialize};

/// What one training run gave. Numbers that are not finite are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Id of the plan that drew the initial values.
    pub plan: String,
    /// SHA-256 of the model and of the initial values of everything that is trained: strategies that give the same are one.
    pub start_sha256: String,
    /// How many numbers are trained.
    pub parameters: u64,
    /// Rows that test figures are taken over.
    pub test_rows: u64,
    /// Loss of the best answer that does not look at the input.
    pub uninformed: Option<f64>,
    /// How it went.
    pub curve: Vec<Point>,
    /// On the rows it was trained with, after the last step.
    pub train: Figures,
    /// On rows held out for the choice of the learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Figures>,
    /// On rows it has never seen.
    pub test: Figures,
    /// The step whose loss or gradient was no number, where training ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<u64>,
    /// Steps that were done.
    pub steps: u64,
    /// Seconds of training, evaluations not counted.
    pub seconds: f64,
    /// Each layer before the first step.
    pub profile_before: Vec<LayerProfile>,
    /// Each layer after the last.
    pub profile_after: Vec<LayerProfile>,
    /// What else is worth knowing: what was taken from where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where a run stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Mean loss of the batches since the point before; of the first batch at step 0.
    pub loss: Option<f64>,
    /// On the test rows.
    pub test: Figures,
}

/// Loss and accuracy on some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Mean loss.
    pub loss: Option<f64>,
    /// Share of right answers; absent where answers are numbers.
    pub accuracy: Option<f64>,
}

impl Outcome {
    /// Whether it has learned anything: it kept to the numbers, and its loss on the training rows is clearly below that of an
    /// answer that does not look at the input.
    pub fn learned(&self) -> bool {
        /// A constant answer wanders by a few tenths of a percent of its loss about the best one.
        const CLEARLY: f64 = 0.95;
        let below = self.train.loss.zip(self.uninformed).is_some_and(|(loss, bar)| loss < CLEARLY * bar);
        self.diverged.is_none() && below
    }

    /// The first step at whose evaluation the test accuracy reached `target` (or the loss fell to it), and the seconds.
    pub fn reached(&self, target: f64, by_accuracy: bool) -> Option<(u64, f64)> {
        let there = |test: &Figures| {
            if by_accuracy {
                test.accuracy.is_some_and(|accuracy| accuracy >= target)
            } else {
                test.loss.is_some_and(|loss| loss <= target)
            }
        };
        self.curve.iter().find(|point| there(&point.test)).map(|point| (point.step, point.seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_is_more_than_a_constant_answer() {
        let outcome = |loss: Option<f64>, diverged| Outcome {
            uninformed: Some(2.3),
            train: Figures { loss, accuracy: None },
            diverged,
            ..Outcome::default()
        };
        assert!(outcome(Some(1.0), None).learned());
        assert!(!outcome(Some(2.29), None).learned());
        assert!(!outcome(Some(1.0), Some(3)).learned());
        assert!(!outcome(None, None).learned());
    }

    #[test]
    fn a_target_is_reached_at_its_first_evaluation() {
        let point = |step, accuracy, loss| Point {
            step,
            seconds: step as f64 / 10.0,
            loss: None,
            test: Figures { loss: Some(loss), accuracy: Some(accuracy) },
        };
        let outcome =
            Outcome { curve: vec![point(0, 0.1, 2.0), point(5, 0.9, 0.5), point(9, 0.8, 0.6)], ..Outcome::default() };
        assert_eq!(outcome.reached(0.9, true), Some((5, 0.5)));
        assert_eq!(outcome.reached(0.95, true), None);
        assert_eq!(outcome.reached(0.5, false), Some((5, 0.5)));
    }
}
