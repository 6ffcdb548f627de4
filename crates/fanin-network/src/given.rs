//! [`given`] and [`kept`]: what a plan is told of data and of constants, as a few numbers.

use crate::scales::scales;
use fanin::auto::{Fed, Given, Task};
use fanin::graph::{Content, ValueId};
use fanin::report::Commands;
use fanin::signal::Kept;
use fanin::{Param, Role};
use fanin_data::{Dataset, Task as Asked};
use fanin_engine::Tensor;
use fanin_model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// What the training rows of some data tell a plan: the task with its shares or means, the moments of every input, and a warning
/// where these are of a scale that no weights are made for.
///
/// # Example
/// ```
/// let data = fanin_data::open(&"digits".parse()?, None)?;
/// assert!(fanin_network::given(&data).task.is_some());
/// # Ok::<(), fanin_data::DataError>(())
/// ```
pub fn given(data: &Dataset) -> Given {
    let warnings = fanin::judge::inputs(&scales(data), &Commands::default())
        .map(|finding| format!("{}: {} Add `#standardize` to the data.", data.name, finding.text));
    Given {
        source: data.name.clone(),
        task: Some(asked(data)),
        inputs: inputs(data),
        warnings: warnings.into_iter().collect(),
        ..Given::default()
    }
}

fn asked(data: &Dataset) -> Task {
    let targets = fanin_data::targets(data, &data.train);
    let total = targets.counts.iter().sum::<u64>().max(1) as f64;
    let rows = data.train.len().max(1) as f64;
    match data.task.task {
        Asked::Classification { .. } | Asked::LanguageModel { .. } => {
            Task::Classes { shares: targets.counts.iter().map(|&n| n as f64 / total).collect() }
        }
        Asked::Binary | Asked::MultiLabel { .. } => {
            Task::Labels { rates: targets.counts.iter().map(|&n| n as f64 / rows).collect() }
        }
        Asked::Regression { .. } => {
            let variance = targets.variance.iter().sum::<f64>() / targets.variance.len().max(1) as f64;
            Task::Numbers { means: targets.mean, variance }
        }
    }
}

fn inputs(data: &Dataset) -> BTreeMap<String, Fed> {
    let one = |array: &fanin_data::Array| {
        let own = fanin_data::statistics(array, &data.train);
        Fed {
            mean: own.mean,
            std: own.std,
            sparsity: own.sparsity,
            cosine: own.row_cosine,
            tokens: own.tokens.map(|tokens| tokens.entropy),
        }
    };
    data.inputs.iter().map(|input| (input.name.clone(), one(&input.array))).collect()
}

/// The most elements of a constant that are looked at.
const MOST: u64 = 1 << 20;

/// Moments of the constants of a model that no plan of `params` draws, as far as they are small.
pub fn kept(model: &dyn Model, params: &[Param]) -> BTreeMap<String, Kept> {
    let Some(graph) = model.graph() else { return BTreeMap::new() };
    let drawn = |role: Role| !role.is_kept() && role != Role::Unknown;
    let weights: BTreeSet<usize> =
        params.iter().filter(|p| drawn(p.role.value)).filter_map(|p| p.place.value).collect();
    let constants = graph.values.iter().enumerate().filter(|(id, _)| !weights.contains(id));
    constants
        .filter_map(|(id, value)| {
            let constant = value.constant.as_ref().filter(|c| c.content == Content::Varied && c.dtype.is_float())?;
            let bytes = (constant.count() <= MOST).then(|| model.constant(ValueId(id)).ok().flatten())??;
            let numbers = Tensor::from_bytes(constant.dtype, &constant.shape, &bytes).ok()?.to_f64s();
            Some((value.name.clone(), Kept::of(&numbers)))
        })
        .collect()
}
