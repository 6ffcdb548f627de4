//! [`Given`]: what is known of task and data, as a few numbers.

use crate::numerics::{exp, ln};
use crate::signal::Kept;
use std::collections::BTreeMap;

use super::target::HEAD;

/// What a model is to be trained on, as far as initial values depend on it.
///
/// Nothing here holds data: whoever has some takes these numbers from it (`fanin-data` does).
///
/// # Example
/// ```
/// use fanin::auto::{Given, Task};
/// let rare = Given { task: Some(Task::Labels { rates: vec![0.01] }), ..Given::default() };
/// assert!(rare.entropy(1) < 0.06);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Where the numbers come from, for reasons: `digits`.
    pub source: String,
    /// What the model is asked for.
    pub task: Option<Task>,
    /// What is fed in, by input; an entry of the name `""` is for every input.
    pub inputs: BTreeMap<String, Fed>,
    /// Moments of tensors that stay as they are, by name: frequencies, windows.
    pub kept: BTreeMap<String, Kept>,
    /// Longest lag that has to be remembered, in steps; gates of recurrent cells are opened for it.
    pub memory: Option<u64>,
    /// What is to be told of the data, whatever is planned: it becomes warnings of the plan.
    pub warnings: Vec<String>,
}

/// What a model is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// One of several classes, with the share of each; no shares where they are not known.
    Classes {
        /// Shares, which sum to 1.
        shares: Vec<f64>,
    },
    /// Labels that hold or not, with how often each does.
    Labels {
        /// Rates between 0 and 1.
        rates: Vec<f64>,
    },
    /// Numbers.
    Numbers {
        /// The mean of each.
        means: Vec<f64>,
        /// Their variance, averaged.
        variance: f64,
    },
}

/// What is fed into an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fed {
    /// Mean of all elements.
    pub mean: f64,
    /// Standard deviation of all elements.
    pub std: f64,
    /// Share of elements that are 0.
    pub sparsity: f64,
    /// Mean cosine of two rows.
    pub cosine: f64,
    /// For tokens: the entropy of their frequencies, in nats.
    pub tokens: Option<f64>,
}

impl Given {
    /// The same, where something brings inputs of real numbers to mean 0 and standard deviation 1 before the weights see them.
    #[must_use]
    pub fn standardized(mut self) -> Given {
        for fed in self.inputs.values_mut().filter(|fed| fed.tokens.is_none()) {
            *fed = Fed { mean: 0.0, std: 1.0, sparsity: 0.0, ..fed.clone() };
        }
        Given { warnings: Vec::new(), ..self }
    }

    /// The mean square that the output should start with, for a head of `width` units: small against the uninformed loss.
    ///
    /// # Formula
    /// With logits of variance v the cross-entropy starts v/2 above the entropy H, so v = 0.02·H puts it 1 % above. For
    /// numbers 0.02 of their variance does the same to the squared error, twice as far.
    pub fn output(&self, width: u64) -> f64 {
        HEAD * self.entropy(width)
    }

    /// What an answer that knows nothing but how often each is right costs: entropy in nats, or variance.
    pub fn entropy(&self, width: u64) -> f64 {
        let tokens = self.inputs.values().find_map(|fed| fed.tokens);
        match &self.task {
            Some(Task::Classes { shares }) if !shares.is_empty() => {
                shares.iter().filter(|&&p| p > 0.0).map(|&p| -p * ln(p)).sum()
            }
            Some(Task::Labels { rates }) if !rates.is_empty() => {
                let one = |p: f64| if p > 0.0 && p < 1.0 { -p * ln(p) - (1.0 - p) * ln(1.0 - p) } else { 0.0 };
                rates.iter().map(|&p| one(p)).sum::<f64>() / rates.len() as f64
            }
            Some(Task::Numbers { variance, .. }) => *variance,
            Some(Task::Labels { .. }) => std::f64::consts::LN_2,
            _ => tokens.filter(|h| exp(*h) <= width as f64).unwrap_or_else(|| ln(width.max(2) as f64)).max(1e-3),
        }
    }

    /// The same in words.
    pub(super) fn why_output(&self, width: u64) -> String {
        let h = self.entropy(width);
        match &self.task {
            Some(Task::Numbers { .. }) => format!("H4: the output starts at 2 % of the targets' variance {h:.3}"),
            Some(_) => format!("H1, H2: the loss starts within 2 % of the entropy {h:.3} of the answers"),
            None => format!("H1: the loss of {} classes starts within 2 % of ln {}", width.max(2), width.max(2)),
        }
    }

    /// The biases with which the head says the prior, and why.
    pub(super) fn biases(&self, width: u64) -> Option<(Vec<f64>, String)> {
        let n = usize::try_from(width).ok()?;
        let from = if self.source.is_empty() { String::new() } else { format!(" in {}", self.source) };
        let (values, why) = match self.task.as_ref()? {
            Task::Classes { shares } if shares.len() == n && n > 1 => {
                // A class that never occurs is as rare as one that was missed by a half.
                let least = shares.iter().copied().filter(|&p| p > 0.0).fold(1.0, f64::min) / 2.0;
                let logs: Vec<f64> = shares.iter().map(|&p| ln(p.max(least))).collect();
                let mean = logs.iter().sum::<f64>() / n as f64;
                let values: Vec<f64> = logs.iter().map(|l| l - mean).collect();
                let (low, high) =
                    (shares.iter().copied().fold(1.0, f64::min), shares.iter().copied().fold(0.0, f64::max));
                (values, format!("H1: shares of the {n} classes{from} are {low:.3} to {high:.3}: ln p, centred"))
            }
            Task::Labels { rates } if rates.len() == n => {
                let odds = |p: f64| {
                    let p = p.clamp(1e-6, 1.0 - 1e-6);
                    ln(p / (1.0 - p))
                };
                let mean = rates.iter().sum::<f64>() / n as f64;
                (
                    rates.iter().map(|&p| odds(p)).collect(),
                    format!("H2: labels hold at a rate of {mean:.4}{from}: ln p/(1 − p)"),
                )
            }
            Task::Numbers { means, .. } if means.len() == n => {
                let mean = means.iter().sum::<f64>() / n as f64;
                (means.clone(), format!("H4: the mean of the targets{from} is {mean:.4}"))
            }
            _ => return None,
        };
        // Numbers that say nothing make a plan harder to read.
        values.iter().any(|value| value.abs() > 1e-3).then_some((values, why))
    }

    /// What is fed into an input.
    pub(super) fn fed(&self, input: &str) -> Option<&Fed> {
        self.inputs.get(input).or_else(|| self.inputs.get(""))
    }
}

impl Fed {
    /// What it means for the first weights, in words; `None` if it is as assumed.
    pub(super) fn why(&self, source: &str) -> Option<String> {
        if let Some(entropy) = self.tokens {
            return Some(format!("the tokens of {source} are as varied as {:.0} equally frequent ones", exp(entropy)));
        }
        let second = self.mean * self.mean + self.std * self.std;
        let mut parts = vec![format!("the inputs of {source} have mean {:.3} and std {:.3}", self.mean, self.std)];
        if self.sparsity > 0.5 {
            parts.push(format!("H9: {:.0} % of them are 0", 100.0 * self.sparsity));
        }
        if self.cosine > 0.5 {
            parts.push(format!("H10: two rows have cosine {:.2}; subtract the mean", self.cosine));
        }
        let odd = !(0.5..=2.0).contains(&second) || parts.len() > 1;
        odd.then(|| format!("{}: second moment {second:.3} instead of 1", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(task: Task) -> Given {
        Given { task: Some(task), source: "a set".into(), ..Given::default() }
    }

    #[test]
    fn biases_say_the_prior() {
        let (values, why) = of(Task::Classes { shares: vec![0.5, 0.25, 0.25] }).biases(3).unwrap();
        let sum: f64 = values.iter().map(|b| exp(*b)).sum();
        for (value, share) in values.iter().zip([0.5, 0.25, 0.25]) {
            assert!((exp(*value) / sum - share).abs() < 1e-12);
        }
        assert!(why.contains("0.250 to 0.500"), "{why}");
        let (values, _) = of(Task::Labels { rates: vec![0.01] }).biases(1).unwrap();
        assert!((values[0] + 99f64.ln()).abs() < 1e-12);
        assert_eq!(of(Task::Numbers { means: vec![3.0], variance: 2.0 }).biases(1).unwrap().0, [3.0]);
        assert!(of(Task::Classes { shares: vec![0.1; 10] }).biases(10).is_none(), "nothing to say");
        assert!(of(Task::Classes { shares: vec![0.5, 0.5] }).biases(3).is_none(), "another head");
    }

    #[test]
    fn heads_start_small_against_the_uninformed_loss() {
        assert!((Given::default().output(10) - 0.02 * 10f64.ln()).abs() < 1e-12);
        assert!((of(Task::Numbers { means: vec![], variance: 9.0 }).output(1) - 0.18).abs() < 1e-12);
        let half = of(Task::Labels { rates: vec![0.5, 0.5] });
        assert!((half.entropy(2) - std::f64::consts::LN_2).abs() < 1e-12);
    }
}
