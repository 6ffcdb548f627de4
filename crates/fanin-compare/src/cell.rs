//! [`Cell`]: one training run, as a line of text that says everything it depends on.

use crate::digest;
use crate::strategy::Strategy;
use fanin_engine::train::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};

/// One training run of a comparison.
///
/// Whatever its outcome depends on stands in it, so its id, the hash of its text, names the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Version of fanin that it was made for.
    pub fanin: String,
    /// What it is compared within: cells of one case stand in one table.
    pub case: String,
    /// The model: a path or a short architecture.
    pub model: String,
    /// SHA-256 of the model's file, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// The data, as a user writes them.
    pub data: String,
    /// SHA-256 of the files with the data, where they are files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// How the model is initialized.
    pub strategy: Strategy,
    /// Seed of the initial values, of the order of the rows, and of dropout.
    pub seed: u64,
    /// How it is trained.
    pub training: Training,
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The rule of steps.
    pub optimizer: Optimizer,
    /// The peak of the learning rate.
    pub rate: f64,
    /// How the rate goes.
    pub schedule: Schedule,
    /// Steps.
    pub steps: u64,
    /// Rows in a batch.
    pub batch: u64,
    /// The norm that all gradients together are cut to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// How often it is evaluated on the way.
    pub evaluations: u64,
    /// Test accuracy (loss, where there is none) at which training stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<f64>,
    /// Share of the training rows that are held out to choose the learning rate by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
}

impl Cell {
    /// The 16 digits that name it: the start of the SHA-256 of its text.
    pub fn id(&self) -> String {
        digest::of_bytes(self.text().as_bytes())[..16].to_owned()
    }

    /// It as JSON in one line.
    pub(crate) fn text(&self) -> String {
        // Numbers and strings can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::study::Study;

    #[test]
    fn every_field_changes_the_id_and_none_is_lost() {
        let cells = Study { seeds: 1, strategies: vec!["he".into()], ..Study::default() }.cells().unwrap();
        let cell = &cells[0];
        let read: crate::Cell = serde_json::from_str(&cell.text()).unwrap();
        assert_eq!((&read, read.id()), (cell, cell.id()));
        let fields = serde_json::to_value(cell).unwrap();
        let mut ids = vec![cell.id()];
        for (name, value) in fields.as_object().unwrap() {
            let mut other = fields.clone();
            other[name] = match value {
                serde_json::Value::String(text) => format!("{text}x").into(),
                serde_json::Value::Number(_) => 77.into(),
                value => {
                    let mut value = value.clone();
                    let key = if name == "strategy" { "name" } else { "rate" };
                    value[key] = if name == "strategy" { "other".into() } else { 0.5.into() };
                    value
                }
            };
            ids.push(serde_json::from_value::<crate::Cell>(other).unwrap().id());
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
