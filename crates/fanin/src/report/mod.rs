//! [`Report`]: what a diagnosis found, as data. Text, JSON and HTML are renderers of it.

mod command;
mod finding;
mod name;
mod row;

pub use command::{Commands, quoted};
pub use finding::{Finding, Healthy, Severity};
pub use name::Name;
pub use row::{Attention, Batch, Expected, InputRow, Jacobian, LayerRow, Loss, Residual, WeightRow, WidthRow};

use crate::signal::Kept;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of a model where it starts: its weights against what they should be, and its signals against what lets
/// a network learn.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The model, as the user named it.
    pub model: String,
    /// Where the values come from: the file, or a recipe and a seed.
    pub values: String,
    /// What was run; `None` if only weights were looked at.
    pub batch: Option<Batch>,
    /// What is wrong, gravest first.
    pub findings: Vec<Finding>,
    /// One row for each parameter that holds drawn numbers.
    pub weights: Vec<WeightRow>,
    /// One row for each node that carries a weight, in the order of execution.
    pub layers: Vec<LayerRow>,
    /// The sums of residual blocks, in the order of execution.
    pub residuals: Vec<Residual>,
    /// The attentions, in the order of execution.
    pub attention: Vec<Attention>,
    /// Singular values of the derivative of the output with respect to the input.
    pub jacobian: Option<Jacobian>,
    /// The loss where training starts.
    pub loss: Option<Loss>,
    /// How signals move with the width of the network.
    pub widths: Vec<WidthRow>,
    /// What was assumed, and what could not be measured.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds findings, and keeps the gravest first; those of one severity stay in the order of the cause.
    pub fn add(&mut self, findings: Vec<Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by_key(|finding| (finding.severity, finding.name));
    }

    /// Moments of the weights as they are, for a prediction to start from.
    pub fn kept(&self) -> BTreeMap<String, Kept> {
        let sound = self.weights.iter().filter(|row| row.non_finite == 0);
        sound
            .map(|row| {
                (
                    row.name.clone(),
                    Kept { mean: row.mean, second: row.std * row.std + row.mean * row.mean, values: None },
                )
            })
            .collect()
    }

    /// The findings of this name.
    pub fn named(&self, name: Name) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.name == name)
    }
}
