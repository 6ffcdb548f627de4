//! What passes each layer of a network, forward and backward, for the gradient of its own loss.

use crate::error::Error;
use fanin::Layer;
use fanin::graph::ValueId;
use fanin_engine::Constants;
use fanin_engine::probe::{Moments, Probe};
use fanin_network::{Batch, Feed, Network};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What passes a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerProfile {
    /// Its name.
    pub name: String,
    /// Root mean square of the pre-activation.
    pub forward: Option<f64>,
    /// Root mean square of the loss's gradient with respect to it, times the number of rows: of one row's own loss.
    pub backward: Option<f64>,
}

/// The profile of a network with these values on a batch.
///
/// # Errors
/// If a node cannot be run, or has no gradient.
pub(crate) fn of(
    network: &Network,
    constants: &Constants,
    layers: &[Layer],
    feed: &Feed,
    batch: &Batch,
) -> Result<Vec<LayerProfile>, Error> {
    let probe = Probe::new(network.program(), constants.clone(), batch.inputs.clone());
    let head = feed.objective.value(network.program())?;
    let outputs: BTreeSet<ValueId> = layers.iter().map(|layer| layer.output).collect();
    let (mut forward, mut logits) = (BTreeMap::new(), None);
    let watched = outputs.iter().copied().chain([head]).collect();
    probe.forward(&watched, &mut |id, tensor| {
        if id == head {
            logits = Some(tensor.clone());
        }
        forward.insert(id, Moments::of(tensor).second);
    })?;
    let mut backward = BTreeMap::new();
    if let Some(logits) = logits {
        let loss = feed.objective.loss(&logits, &batch.targets)?;
        // A saturated loss may have no finite gradient; then there is no profile of it.
        if loss.value.is_finite() {
            probe.backward(&[(head, loss.gradient)], &outputs, &mut |id, gradient| {
                backward.insert(id, Moments::of(gradient).second);
            })?;
        }
    }
    let rows = probe.samples() as f64;
    let root = |found: &BTreeMap<ValueId, f64>, id: ValueId, by: f64| {
        found.get(&id).map(|second| second.sqrt() * by).filter(|value| value.is_finite())
    };
    Ok(layers
        .iter()
        .map(|layer| LayerProfile {
            name: layer.name.clone(),
            forward: root(&forward, layer.output, 1.0),
            backward: root(&backward, layer.output, rows),
        })
        .collect())
}
