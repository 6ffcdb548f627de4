//! [`Objective`]: which loss, and on which value of the graph.

use crate::error::{Error, mismatch};
use crate::loss::{self, Loss};
use crate::program::Program;
use crate::tensor::Tensor;
use fanin::Graph;
use fanin::graph::ValueId;
use serde::{Deserialize, Serialize};

/// What training makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// One class of several: cross-entropy of logits.
    CrossEntropy,
    /// One symbol of several at each place, whose logits are the last dimension: cross-entropy of logits.
    Symbols,
    /// Any number of classes, or one that may be absent: binary cross-entropy of logits.
    BinaryCrossEntropy,
    /// Numbers: mean squared error.
    MeanSquaredError,
}

impl Objective {
    /// The value that the loss is taken of: the model's first output, or what stands before the squashing function that
    /// the loss has in itself.
    ///
    /// Cross-entropy takes logits. A model that ends with `Softmax`, `LogSoftmax` or `Sigmoid` is trained through what
    /// enters that node, which is the same function computed without cancellation.
    ///
    /// # Errors
    /// If the graph has no output.
    pub fn value(self, program: &Program) -> Result<ValueId, Error> {
        let graph = program.graph();
        let &output =
            graph.outputs.first().ok_or_else(|| mismatch("the graph has no output", "one to take a loss of"))?;
        let squashing: &[&str] = match self {
            Objective::CrossEntropy | Objective::Symbols => &["Softmax", "LogSoftmax"],
            Objective::BinaryCrossEntropy => &["Sigmoid"],
            Objective::MeanSquaredError => &[],
        };
        Ok(before(graph, output, squashing).unwrap_or(output))
    }

    /// The loss of a prediction. Targets are ids for [`Objective::CrossEntropy`] and [`Objective::Symbols`] (−1 is left out),
    /// numbers of the prediction's type otherwise; a trailing dimension of 1 may be missing.
    ///
    /// # Errors
    /// If shapes do not fit or labels are out of range; the message says which.
    pub fn loss(self, prediction: &Tensor, target: &Tensor) -> Result<Loss, Error> {
        match self {
            Objective::CrossEntropy => loss::cross_entropy(prediction, target, Some(-1)),
            Objective::Symbols => {
                let (flat, ids) = by_place(prediction, target)?;
                let loss = loss::cross_entropy(&flat, &ids, Some(-1))?;
                Ok(Loss { value: loss.value, gradient: loss.gradient.reshaped(prediction.shape()) })
            }
            Objective::BinaryCrossEntropy => loss::binary_cross_entropy(prediction, &fitted(prediction, target)?),
            Objective::MeanSquaredError => loss::mean_squared_error(prediction, &fitted(prediction, target)?),
        }
    }

    /// How many of a batch's predictions are right, and how many there are: the largest logit is the class, a logit above 0
    /// says yes. `None` for numbers.
    pub fn right(self, prediction: &Tensor, target: &Tensor) -> Option<[usize; 2]> {
        let numbers = || (prediction.to_f64s(), target.to_f64s());
        match self {
            Objective::Symbols => {
                let (flat, ids) = by_place(prediction, target).ok()?;
                Objective::CrossEntropy.right(&flat, &ids)
            }
            Objective::CrossEntropy => {
                let (x, t) = numbers();
                let (classes, inner) = (*prediction.shape().get(1)?, prediction.shape()[2..].iter().product::<usize>());
                let best = |place: usize| {
                    let at = |c: usize| x[(place / inner * classes + c) * inner + place % inner];
                    (1..classes).fold(0, |best, c| if at(c) > at(best) { c } else { best })
                };
                let counted: Vec<usize> = (0..t.len()).filter(|&i| t[i] >= 0.0).collect();
                let right = counted.iter().filter(|&&i| x.len() == t.len() * classes && best(i) as f64 == t[i]).count();
                Some([right, counted.len()])
            }
            Objective::BinaryCrossEntropy => {
                let (x, t) = numbers();
                let right = x.iter().zip(&t).filter(|(x, t)| (**x > 0.0) == (**t > 0.5)).count();
                Some([right, x.len()])
            }
            Objective::MeanSquaredError => None,
        }
    }
}

/// What enters the node that makes a value, if it is one of these; seen through `Identity`.
fn before(graph: &Graph, value: ValueId, ops: &[&str]) -> Option<ValueId> {
    let mut node = graph.node(graph.node_before(value)?);
    while node.op == "Identity" {
        node = graph.node(graph.node_before(node.input(0)?)?);
    }
    let last = node.int("axis").is_none_or(|axis| axis == -1 || axis == 1);
    if ops.contains(&node.op.as_str()) && last { node.input(0) } else { None }
}

/// Logits `[n, …, symbols]` and ids `[n, …]`, one row a place.
fn by_place(prediction: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor), Error> {
    let (&symbols, places) = prediction.shape().split_last().unwrap_or((&1, &[]));
    if target.shape() != places {
        let wrong = format!("logits {} and symbols {} were given", prediction.spec(), target.spec());
        return Err(mismatch(wrong, "[n, …, symbols] and [n, …]").into());
    }
    let rows = places.iter().product();
    Ok((prediction.reshaped(&[rows, symbols]), target.reshaped(&[rows])))
}

/// A target in the type and shape of the prediction, where only a trailing 1 is missing.
fn fitted(prediction: &Tensor, target: &Tensor) -> Result<Tensor, Error> {
    let target = target.cast(prediction.dtype())?;
    let short = [target.shape(), &[1]].concat();
    Ok(if short == prediction.shape() { target.reshaped(prediction.shape()) } else { target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_logit_is_the_class() {
        let x = Tensor::of(&[3, 3], vec![0.0f32, 2.0, 1.0, 5.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let t = Tensor::of(&[3], vec![1i64, 1, -1]);
        assert_eq!(Objective::CrossEntropy.right(&x, &t), Some([1, 2]));
        let x = Tensor::of(&[4, 1], vec![1.0f32, -1.0, 3.0, -0.5]);
        let t = Tensor::of(&[4], vec![1.0f32, 0.0, 0.0, 1.0]);
        assert_eq!(Objective::BinaryCrossEntropy.right(&x, &t), Some([2, 4]));
        assert!(Objective::BinaryCrossEntropy.loss(&x, &t).is_ok(), "a trailing 1 may be missing");
        assert_eq!(Objective::MeanSquaredError.right(&x, &t), None);
    }

    #[test]
    fn symbols_stand_in_the_last_dimension() {
        let x = Tensor::of(&[1, 2, 3], vec![0.0f32, 2.0, 1.0, 5.0, 0.0, 0.0]);
        let t = Tensor::of(&[1, 2], vec![1i64, 2]);
        assert_eq!(Objective::Symbols.right(&x, &t), Some([1, 2]));
        let loss = Objective::Symbols.loss(&x, &t).unwrap();
        let flat = Objective::CrossEntropy.loss(&x.reshaped(&[2, 3]), &t.reshaped(&[2])).unwrap();
        assert_eq!((loss.value, loss.gradient.shape()), (flat.value, x.shape()));
        assert!(Objective::Symbols.loss(&x, &Tensor::of(&[2, 1], vec![0i64, 0])).is_err());
    }
}
