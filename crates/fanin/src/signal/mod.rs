//! [`Signal`]: the second moment of every activation and every gradient of a network, predicted from its graph and the
//! laws of its parameters, before a single value is drawn.
//!
//! # What it assumes
//!
//! Widths are large: units of a layer are alike, and a sum of many terms is normal. Weights of different layers are
//! independent, and so are the gradients that come back from the signals that went forward. A value is then described by
//! its mean and by the second moments of two of its elements, which depend only on the axes along which they agree
//! (`array`): the same unit for two samples, two units for one sample, two places. Every operator has a rule for these, in
//! `rules`, one file a family; what a rule assumes besides stands there. An operator without a rule ends the prediction at
//! that node, by name.
//!
//! What averages over weights cannot say: how much one draw of a narrow and deep network differs from the next.

mod array;
mod backward;
mod contract;
mod flow;
mod forward;
mod function;
mod mirror;
mod mixture;
mod numbers;
mod profile;
mod program;
mod regroup;
mod rules;
mod series;
mod terms;
#[cfg(test)]
mod tests;
mod view;
mod weights;

pub(crate) use forward::{Seen, Tuner};

use crate::graph::{Graph, ValueId};
use crate::param::Param;
use crate::plan::Plan;
use backward::Gradients;
use flow::Flow;
use forward::{Untuned, Walk};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use weights::Weights;

/// What a prediction is made for, besides graph and plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// What inputs are fed with, by name; others get standard normal numbers, ones if they are masks, or tokens.
    pub inputs: BTreeMap<String, Input>,
    /// Samples in a batch, where the graph leaves that open: it counts for batch normalization and for gradients of
    /// parameters.
    pub batch: u64,
    /// Size of other open dimensions of inputs.
    pub length: u64,
    /// Whether batch normalization normalizes by the batch, as it does in training; running statistics otherwise.
    pub batch_statistics: bool,
    /// Whether dropout drops.
    pub dropout: bool,
    /// Moments of tensors that the plan keeps, by name.
    pub kept: BTreeMap<String, Kept>,
    /// Which output the gradient starts from.
    pub output: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            inputs: BTreeMap::new(),
            batch: 32,
            length: 16,
            batch_statistics: true,
            dropout: false,
            kept: BTreeMap::new(),
            output: 0,
        }
    }
}

/// What an input of the model is fed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// Independent normal numbers.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Tokens, uniform over whatever table they look up.
    Tokens,
    /// Ones everywhere.
    Ones,
}

/// Moments of the elements of a tensor that stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Mean.
    pub mean: f64,
    /// Mean square.
    pub second: f64,
    /// The elements themselves, where they are few: what follows from them alone is then computed as it is.
    pub values: Option<Arc<[f64]>>,
}

impl Kept {
    /// The most elements that are held.
    const LISTED: usize = 1 << 12;

    /// The moments of these numbers, and the numbers where they are few.
    pub fn of(numbers: &[f64]) -> Kept {
        let n = numbers.len().max(1) as f64;
        let (mean, second) = (numbers.iter().sum::<f64>() / n, numbers.iter().map(|x| x * x).sum::<f64>() / n);
        Kept { mean, second, values: (numbers.len() <= Kept::LISTED).then(|| numbers.into()) }
    }
}

/// What is predicted of one value or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Mean of an element.
    pub mean: f64,
    /// Mean square of an element.
    pub second: f64,
    /// E\[x x′\] / E\[x²\] of one element for two inputs of the model: 0 if they have nothing in common, 1 if the network
    /// cannot tell them apart.
    pub correlation: f64,
    /// Number of elements, of a whole batch.
    pub elements: u64,
    /// Mean square of the gradient, for a loss whose gradient at the output has independent elements of variance 1; `None`
    /// where no gradient comes to, or none is known.
    pub gradient: Option<f64>,
}

/// Where a prediction ends, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct End {
    /// The node or the tensor.
    pub at: String,
    /// Why nothing is known from there on.
    pub why: String,
}

/// The predicted moments of every value of a graph and of every parameter.
///
/// # Example: what is known without a graph of one's own
/// ```
/// use fanin::{Graph, Recipe, plan, signal};
/// let (graph, params) = (Graph::default(), Vec::new());
/// let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
/// let signal = signal::predict(&graph, &params, &plan, &signal::Options::default());
/// assert!(signal.ends.is_empty());
/// # Ok::<(), fanin::Error>(())
/// ```
///
/// # Source
/// B. Poole et al., arXiv:1606.05340; S. Schoenholz et al., arXiv:1611.01232 (dense networks); G. Yang, "Tensor Programs",
/// arXiv:1910.12478 (any architecture); A. Daniely, R. Frostig, Y. Singer, arXiv:1602.05897 (graphs of kernels). The
/// rules for means, placement of pairs and spelt-out operators are ours.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Signal {
    /// By value of the graph; `None` for what is no signal or is not known.
    pub values: Vec<Option<Moment>>,
    /// By parameter, in the order of the parameters.
    pub params: Vec<Option<Moment>>,
    /// Where the prediction ended: one entry for each node or tensor that is the first without an answer.
    pub ends: Vec<End>,
}

impl Signal {
    /// What is predicted of a value.
    pub fn at(&self, value: ValueId) -> Option<&Moment> {
        self.values.get(value.0)?.as_ref()
    }
}

/// Predicts every signal of `graph` with the parameters that `plan` gives it.
///
/// `params` are those that the plan was made for, with their places in this graph.
///
/// # Precision
/// What is measured on many networks stands in `docs/signal.md`.
pub fn predict(graph: &Graph, params: &[Param], plan: &Plan, options: &Options) -> Signal {
    let weights = Weights::new(graph, params, plan, options);
    let walk = Walk::new(graph, weights, options, &mut Untuned);
    let seed = graph.outputs.get(options.output).map_or(usize::MAX, |value| value.0);
    let gradients = Gradients::new(&walk, seed);
    let moment = |place: usize| match walk.flows.get(place)?.as_ref()? {
        Flow::Signal(state) => Some(Moment {
            mean: state.array.mean,
            second: state.array.second(),
            correlation: state.array.correlation(),
            elements: state.array.shape().iter().fold(1, |n: u64, &d| n.saturating_mul(d)),
            gradient: gradients.at(&walk, place).map(|array| array.second()),
        }),
        _ => None,
    };
    let values = graph.values.len();
    let mut ends: Vec<End> = walk.ends.iter().map(|u| End { at: u.at.clone(), why: u.why.clone() }).collect();
    ends.sort();
    Signal {
        values: (0..values).map(moment).collect(),
        params: (0..params.len()).map(|i| moment(values + i)).collect(),
        ends,
    }
}

/// Walks forward with a tuner that may change the scale of weights as soon as what they make is known.
pub(crate) fn tune(graph: &Graph, params: &[Param], plan: &Plan, options: &Options, tuner: &mut dyn Tuner) {
    let weights = Weights::new(graph, params, plan, options);
    Walk::new(graph, weights, options, tuner);
}
