//! Adaptive initialization of post-normalized transformers.

use super::units::weight;
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{Moments, Place, places};
use fanin::graph::ValueId;
use fanin::{Layer, layer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Makes branches weigh less the later they come, where each sum of skip and branch is normalized (post-norm): by as much as
/// all branches before them have added.
///
/// The paper multiplies the skip by ω. A graph without such a parameter gets the same function by dividing the end of the
/// branch by ω, since the normalization behind the sum takes the common scale away. What later updates do differs: the
/// branch's weights are smaller, so a step of Adam moves them by more of themselves.
///
/// Formula: ωᵢ² = 1 + Σ Var fⱼ over the branches j < i, from one pass; end of branch i: W ← W/ωᵢ, b ← b/ωᵢ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {}

impl Calibration for Admin {
    const ABOUT: About = About {
        name: "admin",
        formula: "end of branch i: W ← W/ωᵢ, ωᵢ² = 1 + Σ Var f over the branches before",
        source: fanin::methods::Source {
            authors: "Liu, Liu, Gao, Chen, Han",
            year: 2020,
            at: "arXiv:2004.08249",
            place: "profiling; its ω",
        },
        when: "For transformers of more than six layers that normalize after each sum (post-norm).",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let graph = network.graph();
        let all = places(graph, network.layers());
        let sums: Vec<Place> = all.iter().copied().filter(|sum| layer::loses_scale(graph, sum.sum)).collect();
        // What ends a pre-norm transformer is normalized, too: one sum does not make it another kind.
        if 2 * sums.len() <= all.len() {
            let wrong =
                format!("{} of {} sums of a branch and its skip are normalized right behind", sums.len(), all.len());
            let remedy = "For pre-norm transformers take the method `depth_scaled`, for residual networks without \
                          normalization `--recipe fixup`.";
            return Err(network.refuse("", wrong, "a post-norm transformer", remedy));
        }
        let variances = profile(network, data, &sums)?;
        let mut outcome =
            Outcome { quantity: "variance of the branch".to_owned(), reached: true, passes: 1, ..Outcome::default() };
        let mut added = 1.0;
        for (at, sum) in sums.iter().enumerate() {
            progress(at + 1, sums.len());
            let before = variances.get(&sum.branch).copied().unwrap_or(f64::NAN);
            if !before.is_finite() {
                let wrong = format!("its branch has the variance {before}");
                let name = graph.label(sum.node);
                return Err(network.refuse(&name, wrong, "finite signals", "Look at the data: `fanin diagnose`."));
            }
            let omega = f64::sqrt(added);
            added += before;
            match end(network, sum.branch) {
                Ok((layer, weight)) => {
                    outcome.changes.push(divide(network, &layer, weight, omega, before, &data.name())?);
                }
                Err(why) => outcome.notes.push(format!("left alone: {} ({why})", graph.label(sum.node))),
            }
        }
        if outcome.changes.is_empty() {
            let wrong = format!("no branch ends with a layer: {}", outcome.notes.join("; "));
            return Err(network.refuse("", wrong, "branches whose last weight is drawn", "Draw it with `--set`."));
        }
        Ok(outcome)
    }
}

/// The variance of each branch, in one pass.
fn profile(network: &Network<'_>, data: &mut dyn Source, sums: &[Place]) -> Result<BTreeMap<ValueId, f64>, Error> {
    let branches: BTreeSet<ValueId> = sums.iter().map(|sum| sum.branch).collect();
    let mut variances = BTreeMap::new();
    network.run_back(&data.inputs(0)?, BTreeSet::new())?.watch(&branches, &mut |id, tensor| {
        let moments = Moments::of(tensor);
        variances.insert(id, if moments.non_finite > 0 { f64::NAN } else { moments.variance() });
    })?;
    Ok(variances)
}

/// The layer that a branch ends with, and its weight.
fn end(network: &Network<'_>, branch: ValueId) -> Result<(Layer, usize), String> {
    let graph = network.graph();
    let mut at = branch;
    loop {
        if let Some(layer) = network.layers().iter().find(|layer| layer.output == at) {
            let weight = weight(network, layer)?;
            return Ok((layer.clone(), weight));
        }
        let node = graph.node_before(at).map(|id| graph.node(id));
        let node = node.filter(|node| layer::rearranges(&node.op) || node.op == "Dropout");
        at = node.and_then(|node| node.input(0)).ok_or("its branch does not end with a layer")?;
    }
}

fn divide(
    network: &mut Network<'_>,
    layer: &Layer,
    weight: usize,
    omega: f64,
    before: f64,
    data: &str,
) -> Result<Change, Error> {
    let text = format!(
        "admin: divided by ω = {}, what the branches before {} add, measured in 1 pass over {data}",
        figure(omega),
        layer.name
    );
    let bias = layer.bias.filter(|&bias| network.drawn(bias).is_some() && !network.is_zero(bias));
    let mut params = Vec::new();
    for param in [Some(weight), bias].into_iter().flatten() {
        network.adjust(None, param, |adjust| Ok(adjust.scaled(1.0 / omega)))?;
        network.because(param, text.clone(), omega);
        params.push(network.params()[param].name.clone());
    }
    let after = before / (omega * omega);
    Ok(Change { at: layer.name.clone(), params, before, after, factor: 1.0 / omega, passes: 1 })
}
