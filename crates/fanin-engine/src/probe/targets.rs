//! [`Targets`]: what should come out for a batch, with the loss that measures it and what an uninformed answer has.

use crate::error::Error;
use crate::loss::{self, Loss};
use crate::tensor::{Data, Tensor};
use fanin::graph::{Graph, ValueId};
use fanin::{Dtype, Refusal, Stream};

/// Targets of a batch, and so the task.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One of the classes that the logits `[n, classes, …]` stand for, as integers `[n, …]`.
    Classes(Tensor),
    /// One of the symbols at each place: logits `[n, …, symbols]`, integers `[n, …]`.
    Symbols(Tensor),
    /// Yes or no for each logit, as numbers between 0 and 1 of the logits' shape.
    Answers(Tensor),
    /// Numbers of the output's shape.
    Numbers(Tensor),
}

/// The value that a loss reads: the first output that is made of numbers, before the softmax or sigmoid that ends it; and
/// whether that was a softmax, a sigmoid, or nothing.
pub fn head(graph: &Graph) -> Option<(ValueId, Option<&str>)> {
    let float = |id: &&ValueId| graph.value(**id).dtype.is_none_or(Dtype::is_float);
    let &output = graph.outputs.iter().find(float)?;
    let mut at = output;
    for _ in 0..4 {
        let Some(id) = graph.node_before(at) else { break };
        let node = graph.node(id);
        match node.op.as_str() {
            op @ ("Softmax" | "LogSoftmax" | "Sigmoid" | "HardSigmoid") => {
                return node.input(0).map(|logits| (logits, Some(op)));
            }
            "Identity" | "Squeeze" | "Flatten" | "Cast" => at = node.input(0)?,
            _ => break,
        }
    }
    Some((output, None))
}

impl Targets {
    /// Random targets for logits of this kind, as the output's shape and its last function tell the task; `None` where
    /// they do not.
    pub fn random(logits: &Tensor, ending: Option<&str>, symbols: bool, seed: u64) -> Option<Targets> {
        let stream = Stream::new(seed, "targets");
        let pick = |i: usize, of: usize| ((u64::from(stream.word(i as u64)) * of as u64) >> 32) as i64;
        let shape = logits.shape();
        match (ending, shape) {
            (Some("Sigmoid" | "HardSigmoid"), _) => {
                let answers = (0..logits.len()).map(|i| pick(i, 2) as f32).collect();
                Some(Targets::Answers(Tensor::of(shape, answers)))
            }
            (_, [rows @ .., classes]) if symbols && shape.len() >= 2 && *classes > 1 => {
                let count = rows.iter().product::<usize>();
                Some(Targets::Symbols(Tensor::of(rows, (0..count).map(|i| pick(i, *classes)).collect::<Vec<_>>())))
            }
            (_, &[n, classes]) if classes > 1 => {
                Some(Targets::Classes(Tensor::of(&[n], (0..n).map(|i| pick(i, classes)).collect::<Vec<_>>())))
            }
            _ => None,
        }
    }

    /// The name of its loss.
    pub fn name(&self) -> &'static str {
        match self {
            Targets::Classes(_) | Targets::Symbols(_) => "cross entropy",
            Targets::Answers(_) => "binary cross entropy",
            Targets::Numbers(_) => "mean squared error",
        }
    }

    /// The loss of some logits.
    ///
    /// # Errors
    /// If they do not fit the targets.
    pub fn loss(&self, logits: &Tensor) -> Result<Loss, Error> {
        match self {
            Targets::Classes(classes) => loss::cross_entropy(logits, classes, None),
            Targets::Symbols(symbols) => {
                let count = logits.shape().last().copied().unwrap_or(1);
                let rows = logits.len() / count.max(1);
                if symbols.len() != rows {
                    let wrong = format!("logits {} and symbols {} were given", logits.spec(), symbols.spec());
                    let refusal = Refusal::new(wrong, "[n, …, symbols] and [n, …]", "Check the shapes of the data.");
                    return Err(refusal.of("loss", "cross_entropy").into());
                }
                let flat = loss::cross_entropy(&logits.reshaped(&[rows, count]), &symbols.reshaped(&[rows]), None)?;
                Ok(Loss { value: flat.value, gradient: flat.gradient.reshaped(logits.shape()) })
            }
            Targets::Answers(answers) => loss::binary_cross_entropy(logits, &answers.cast(logits.dtype())?),
            Targets::Numbers(numbers) => loss::mean_squared_error(logits, &numbers.cast(logits.dtype())?),
        }
    }

    /// The loss of the best answer that does not look at the input: the entropy of the labels' shares, or the variance of
    /// the numbers (each output with its own mean). Random labels are taken as even: ln of the number of classes.
    pub fn uninformed(&self, logits: &Tensor, random: bool) -> f64 {
        match self {
            Targets::Classes(ids) | Targets::Symbols(ids) => {
                let axis = if matches!(self, Targets::Classes(_)) { 1 } else { logits.rank().saturating_sub(1) };
                let classes = logits.shape().get(axis).copied().unwrap_or(1);
                if random { (classes as f64).ln() } else { label_entropy(ids) }
            }
            Targets::Answers(_) if random => 2f64.ln(),
            Targets::Answers(answers) => {
                let columns = super::by_index(answers, answers.rank().saturating_sub(1));
                let entropy =
                    |p: f64| if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() };
                columns.iter().map(|m| entropy(m.mean)).sum::<f64>() / columns.len().max(1) as f64
            }
            Targets::Numbers(numbers) => {
                let columns = super::by_index(numbers, numbers.rank().saturating_sub(1));
                columns.iter().map(super::Moments::variance).sum::<f64>() / columns.len().max(1) as f64
            }
        }
    }
}

/// Entropy of the shares of integers.
fn label_entropy(ids: &Tensor) -> f64 {
    let Data::I64(values) = ids.data() else { return f64::NAN };
    let mut counts = std::collections::BTreeMap::new();
    for &id in values.iter() {
        *counts.entry(id).or_insert(0u64) += 1;
    }
    let n = values.len() as f64;
    counts.values().map(|&count| count as f64 / n).map(|p| -p * p.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_logits_have_the_uninformed_loss_of_random_targets() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let logits = Tensor::of(&[6, 5], vec![0f32; 30]);
        let classes = Targets::random(&logits, None, false, 1).unwrap();
        assert!(close(classes.loss(&logits).unwrap().value, classes.uninformed(&logits, true)));
        assert!(close(classes.uninformed(&logits, true), 5f64.ln()));
        let text = Tensor::of(&[2, 3, 7], vec![0f32; 42]);
        let symbols = Targets::random(&text, None, true, 1).unwrap();
        let loss = symbols.loss(&text).unwrap();
        assert!(close(loss.value, 7f64.ln()) && loss.gradient.shape() == text.shape());
        let answer = Tensor::of(&[4, 1], vec![0f32; 4]);
        let answers = Targets::random(&answer, Some("Sigmoid"), false, 1).unwrap();
        assert!(close(answers.loss(&answer).unwrap().value, answers.uninformed(&answer, true)));
        assert_eq!(Targets::random(&Tensor::of(&[4, 1], vec![0f32; 4]), None, false, 1), None);
    }

    #[test]
    fn labels_that_are_known_have_the_entropy_of_their_shares() {
        let logits = Tensor::of(&[4, 3], vec![0f32; 12]);
        let classes = Targets::Classes(Tensor::of(&[4], vec![0i64, 0, 0, 2]));
        let expected = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((classes.uninformed(&logits, false) - expected).abs() < 1e-15);
        let numbers = Targets::Numbers(Tensor::of(&[2, 2], vec![1.0f32, 5.0, 3.0, 5.0]));
        assert_eq!(numbers.uninformed(&logits, false), 0.5);
    }
}
