//! [`Targets`]: how the targets are distributed, and what loss a network has that knows nothing of the inputs.

use crate::array::Values;
use crate::dataset::Dataset;
use crate::task::Task;
use fanin::numerics::ln;
use serde::Serialize;

/// The targets of some rows in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Targets {
    /// How often each class or token occurs, or each label is 1; empty for regression.
    pub counts: Vec<u64>,
    /// Mean of each output, for regression.
    pub mean: Vec<f64>,
    /// Variance of each output, for regression.
    pub variance: Vec<f64>,
    /// Loss of a network that gives every answer the same chance: ln C, or ln 2 for yes or no; for regression the mean of
    /// the squared targets, the loss of an output of zero.
    pub blind_loss: f64,
    /// The least loss without looking at the inputs: the entropy of the frequencies, or the mean variance of the outputs.
    pub uninformed_loss: f64,
}

/// The targets of the given rows in figures; losses are cross-entropy in nats, or mean squared error.
pub fn targets(data: &Dataset, rows: &[usize]) -> Targets {
    let part = data.targets.take(rows);
    let none = Targets { counts: vec![], mean: vec![], variance: vec![], blind_loss: 0.0, uninformed_loss: 0.0 };
    let whole = || match &part.values {
        Values::I64(values) => values.clone(),
        Values::F32(values) => values.iter().map(|&v| v as i64).collect(),
    };
    match data.task.task {
        Task::Classification { classes: n } | Task::LanguageModel { vocabulary: n } => {
            let mut counts = vec![0u64; n];
            for class in whole() {
                counts[class as usize] += 1;
            }
            let uninformed_loss = entropy(&counts);
            Targets { counts, blind_loss: ln(n as f64), uninformed_loss, ..none }
        }
        Task::Binary | Task::MultiLabel { .. } => {
            let labels = data.task.task.outputs();
            let mut counts = vec![0u64; labels];
            for (i, truth) in whole().into_iter().enumerate() {
                counts[i % labels] += truth as u64;
            }
            let each = counts.iter().map(|&yes| entropy(&[yes, (rows.len() as u64).saturating_sub(yes)]));
            let uninformed_loss = each.sum::<f64>() / labels as f64;
            Targets { counts, blind_loss: std::f64::consts::LN_2, uninformed_loss, ..none }
        }
        Task::Regression { outputs } => regression(&part.to_f32(), outputs.max(1), none),
    }
}

fn regression(values: &[f32], outputs: usize, none: Targets) -> Targets {
    let count = (values.len() / outputs).max(1) as f64;
    let (mut mean, mut variance) = (vec![0.0; outputs], vec![0.0; outputs]);
    for (i, &value) in values.iter().enumerate() {
        mean[i % outputs] += f64::from(value) / count;
    }
    for (i, &value) in values.iter().enumerate() {
        let away = f64::from(value) - mean[i % outputs];
        variance[i % outputs] += away * away / count;
    }
    let square = |(mean, variance): (&f64, &f64)| mean * mean + variance;
    let blind_loss = mean.iter().zip(&variance).map(square).sum::<f64>() / outputs as f64;
    let uninformed_loss = variance.iter().sum::<f64>() / outputs as f64;
    Targets { mean, variance, blind_loss, uninformed_loss, ..none }
}

/// −Σ p ln p.
fn entropy(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let terms = counts.iter().filter(|&&n| n > 0).map(|&n| n as f64 / total);
    -terms.map(|p| p * ln(p)).sum::<f64>()
}
