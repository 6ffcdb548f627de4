//! What a probe finds of a network, as the rows of a report.

use fanin::Layer;
use fanin::graph::{Graph, ValueId};
use fanin::report::{Attention, Jacobian, Residual};
use fanin::signal::Input;
use fanin_engine::probe::{self, Moments, Probe};
use fanin_engine::{Error, Tensor};
use std::collections::BTreeMap;

/// Samples that Jacobians are taken at.
const JACOBIANS: usize = 8;

/// The sums of residual blocks, in the order of execution.
///
/// # Errors
/// If a node cannot be run.
pub fn residuals(probe: &Probe<'_>, layers: &[Layer]) -> Result<Vec<Residual>, Error> {
    let row = |sum: &probe::Summed| Residual {
        name: sum.name.clone(),
        variance: sum.sum.variance(),
        branch: Moments::variance(&sum.branch) / sum.skip.variance(),
        normalized: sum.normalized,
    };
    Ok(probe::residuals(probe, layers)?.iter().map(row).collect())
}

/// How even every attention is.
///
/// # Errors
/// If a node cannot be run.
pub fn attention(probe: &Probe<'_>) -> Result<Vec<Attention>, Error> {
    let row = |a: probe::Attended| Attention { name: a.name, entropy: a.entropy, largest_score: a.largest_score };
    Ok(probe::attention(probe)?.into_iter().map(row).collect())
}

/// The Jacobian of `output` with respect to the first input of numbers, at a few samples; tokens have no derivative, but
/// what they look up has. `None` if there is nothing to derive by.
///
/// # Errors
/// If a node cannot be run, or passes no gradient.
pub fn jacobian(probe: &Probe<'_>, layers: &[Layer], output: ValueId, seed: u64) -> Result<Option<Jacobian>, Error> {
    let is_float = |id: &&ValueId| probe.batch().get(id).is_some_and(|tensor| tensor.dtype().is_float());
    let input = probe.program().graph().inputs.iter().find(is_float).copied();
    let Some(input) = input.or_else(|| layers.first().map(|layer| layer.output)) else { return Ok(None) };
    let found = probe::jacobian(&probe.first(JACOBIANS), input, output, seed)?;
    Ok(Some(Jacobian {
        outputs: found.rows as u64,
        inputs: found.columns as u64,
        samples: found.samples as u64,
        exact: found.exact,
        mean_square: found.mean_square,
        largest: found.largest,
        smallest: found.smallest,
    }))
}

/// Mean and standard deviation of every input that holds numbers: what a prediction for this batch starts from.
pub fn moments(graph: &Graph, batch: &BTreeMap<ValueId, Tensor>) -> BTreeMap<String, Input> {
    let floats = batch.iter().filter(|(_, tensor)| tensor.dtype().is_float());
    floats
        .map(|(&id, tensor)| {
            let moments = Moments::of(tensor);
            (graph.value(id).name.clone(), Input::Normal { mean: moments.mean, std: moments.std() })
        })
        .collect()
}
