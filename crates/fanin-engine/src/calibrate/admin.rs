//! Adaptive initialization of post-normalized transformers.

use super::units::{axis_of_size, weight};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{Moments, Place, places, weighed};
use crate::tensor::Tensor;
use fanin::graph::ValueId;
use fanin::plan::Adjust;
use fanin::{Layer, layer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Makes branches weigh less the later they come, where each sum of skip and branch is normalized (post-norm): by as much as
/// all branches before them have added.
///
/// The paper multiplies the skip by ω. Where the model does so too, by a parameter that the plan draws (`Mul` before the
/// sum), that parameter becomes ω. Where it does not, the end of the branch is divided by ω, which gives the same function
/// exactly, since the normalization behind the sum takes the common scale away; a note says which ω such parameters would
/// have, and the plan's reasons hold each. Only what later updates do differs: the branch's weights are smaller, so a step of
/// Adam moves them by more of themselves. A skip that is multiplied by a constant c (as by DeepNorm's α) keeps it, and the
/// end of its branch is multiplied by c/ω.
///
/// Formula: ωᵢ² = 1 + Σ Var fⱼ over the branches j < i, from one pass; skip i: ωᵢ·x, or end of branch i: W ← W·c/ωᵢ,
/// b ← b·c/ωᵢ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {}

impl Calibration for Admin {
    const ABOUT: About = About {
        name: "admin",
        formula: "skip i times ωᵢ (or end of branch i: W ← W/ωᵢ), ωᵢ² = 1 + Σ Var f over the branches before",
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
        let (mut added, mut folded) = (1.0, Vec::new());
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
            let own = match skip(network, sum.skip) {
                Skip::Parameter(param) => {
                    outcome.changes.push(set(network, param, omega, before, &data.name())?);
                    continue;
                }
                Skip::Times(constant) => constant,
                Skip::Kept(why) => {
                    outcome.notes.push(format!("left alone: {} ({why})", graph.label(sum.node)));
                    continue;
                }
            };
            match end(network, sum.branch) {
                Ok((layer, weight)) => {
                    let by = Divided { omega, own, before };
                    outcome.changes.push(divide(network, &layer, weight, &by, &data.name())?);
                    folded.push(format!("{} {}", graph.label(sum.node), figure(omega)));
                }
                Err(why) => outcome.notes.push(format!("left alone: {} ({why})", graph.label(sum.node))),
            }
        }
        outcome.notes.extend((!folded.is_empty()).then(|| {
            format!(
                "no parameter multiplies these skips, so the ends of their branches are divided by ω, which computes the \
                 same; a model with one would have ω at {}",
                folded.join(", ")
            )
        }));
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

/// What goes around a branch.
enum Skip {
    /// It is multiplied by this parameter, which is drawn.
    Parameter(usize),
    /// It is multiplied by this number; 1 if by nothing.
    Times(f64),
    /// It is multiplied by what cannot be changed, and why.
    Kept(String),
}

fn skip(network: &Network<'_>, value: ValueId) -> Skip {
    let Some((_, constant)) = weighed(network.graph(), value) else { return Skip::Times(1.0) };
    let param = (0..network.params().len()).find(|&param| network.value(param) == Some(constant));
    if let Some(param) = param.filter(|&param| network.drawn(param).is_some()) {
        return Skip::Parameter(param);
    }
    let elements = network.constants().get(constant).map(Tensor::to_f64s).unwrap_or_default();
    match elements.split_first() {
        Some((&first, rest)) if first > 0.0 && rest.iter().all(|&x| x == first) => Skip::Times(first),
        _ => Skip::Kept("its skip is multiplied by several numbers, which are kept".to_owned()),
    }
}

/// Gives the parameter of a skip the value ω.
fn set(network: &mut Network<'_>, param: usize, omega: f64, before: f64, data: &str) -> Result<Change, Error> {
    let shape = network.params()[param].shape.clone();
    let count = shape.iter().product::<u64>().max(1) as usize;
    let zero = network.is_zero(param);
    let axis = axis_of_size(&shape, count).unwrap_or(0);
    network.adjust(None, param, |_| {
        // What was drawn is replaced.
        let plain = Adjust { factor: if zero { 1.0 } else { 0.0 }, ..Adjust::default() };
        plain.shifted_along(axis, &vec![omega; count])
    })?;
    let name = network.params()[param].name.clone();
    let text = format!("admin: ω = {}, what the branches before add, measured in 1 pass over {data}", figure(omega));
    network.because(param, text, omega);
    Ok(Change { at: name.clone(), params: vec![name], before, after: before, factor: omega, passes: 1 })
}

/// By what the end of a branch is divided.
struct Divided {
    omega: f64,
    /// What its skip is multiplied by already.
    own: f64,
    /// The variance of the branch.
    before: f64,
}

fn divide(network: &mut Network<'_>, layer: &Layer, weight: usize, by: &Divided, data: &str) -> Result<Change, Error> {
    let (omega, factor) = (by.omega, by.own / by.omega);
    let against = if by.own == 1.0 { String::new() } else { format!(" against a skip of {}", figure(by.own)) };
    let text = format!(
        "admin: divided by ω = {}{against}, what the branches before {} add, measured in 1 pass over {data}",
        figure(omega),
        layer.name
    );
    let bias = layer.bias.filter(|&bias| network.drawn(bias).is_some() && !network.is_zero(bias));
    let mut params = Vec::new();
    for param in [Some(weight), bias].into_iter().flatten() {
        network.adjust(None, param, |adjust| Ok(adjust.scaled(factor)))?;
        network.because(param, text.clone(), omega);
        params.push(network.params()[param].name.clone());
    }
    let (before, after) = (by.before, by.before * factor * factor);
    Ok(Change { at: layer.name.clone(), params, before, after, factor, passes: 1 })
}
