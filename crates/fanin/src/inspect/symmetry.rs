//! Units that will never part: with the same weights in and the same weights out they get the same gradient at every step.

use super::Weighed;
use super::units::mixed;
use crate::graph::consume::{is_norm, passes};
use crate::graph::{Content, Graph, NodeId, ValueId};
use crate::layer::{Layer, is_recurrent};
use crate::param::Param;
use crate::report::{Finding, Name};
use crate::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// The layers with such units, as one finding.
pub(super) fn twins(
    weighed: &[(usize, Weighed)],
    params: &[Param],
    graph: &Graph,
    layers: &[Layer],
) -> Option<Finding> {
    let seen: BTreeMap<usize, &Weighed> = weighed.iter().map(|(index, one)| (*index, one)).collect();
    let at: BTreeMap<NodeId, usize> = layers.iter().enumerate().map(|(i, layer)| (layer.node, i)).collect();
    let mut found: Vec<(&Layer, u64, u64)> = Vec::new();
    for layer in layers {
        let count = successors(graph, layer, &at).and_then(|next| {
            let after: Vec<&Layer> = next.iter().map(|&i| &layers[i]).collect();
            alike(layer, &after, params, &seen)
        });
        if let Some((twins, units)) = count.filter(|(twins, _)| *twins > 0) {
            found.push((layer, twins, units));
        }
    }
    let (first, twins, units) = *found.first()?;
    let share = |twins: u64, units: u64| twins as f64 / units as f64;
    let text = if found.len() == 1 {
        format!(
            "{twins} of the {units} units of {} have a twin with the same weights in and out: no step ever parts them.",
            first.name
        )
    } else {
        format!(
            "In {} layers units have twins with the same weights in and out ({twins} of {units} in {}): no step ever parts them.",
            found.len(),
            first.name
        )
    };
    let worst = found.iter().map(|&(_, twins, units)| share(twins, units)).fold(0.0, f64::max);
    let all = found.iter().map(|(layer, ..)| layer.name.clone()).collect();
    Some(Finding::new(Name::Symmetric, "").across(all).value(worst).text(text))
}

/// How many units have a twin, of how many; `None` if that cannot be told.
fn alike(layer: &Layer, after: &[&Layer], params: &[Param], seen: &BTreeMap<usize, &Weighed>) -> Option<(u64, u64)> {
    let weight = |layer: &Layer| match layer.weights[..] {
        [one] if params[one].role.value == Role::Weight && !is_recurrent(&layer.op) => seen.get(&one).copied(),
        _ => None,
    };
    let own = weight(layer)?.units.as_ref()?;
    let count = own.outputs.len();
    let mut prints = own.outputs.plain.clone();
    if count as u64 != layer.width || count < 2 {
        return None;
    }
    if let Some(index) = layer.bias {
        // A bias that is not all one number parts them, unless equal ones meet; that is rare enough to leave out.
        seen.get(&index).filter(|bias| bias.is_constant())?;
    }
    for next in after {
        let outgoing = weight(next)?.units.as_ref()?.inputs.grouped(count)?;
        for (print, word) in prints.iter_mut().zip(outgoing) {
            *print = mixed(*print, word);
        }
    }
    let mut classes: BTreeMap<u64, u64> = BTreeMap::new();
    for print in prints {
        *classes.entry(print).or_default() += 1;
    }
    Some((classes.values().filter(|&&size| size > 1).sum(), count as u64))
}

/// The layers that read a layer's units; `None` if anything else does, or if units meet others on the way.
fn successors(graph: &Graph, layer: &Layer, at: &BTreeMap<NodeId, usize>) -> Option<BTreeSet<usize>> {
    const REACH: usize = 256;
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut stack, mut pairs) = (vec![layer.output], Vec::new());
    while let Some(value) = stack.pop() {
        if !seen.insert(value) {
            continue;
        }
        if seen.len() > REACH || graph.outputs.contains(&value) {
            return None;
        }
        for slot in &graph.value(value).uses {
            if let Some(&next) = at.get(&slot.node) {
                found.insert(next);
                continue;
            }
            let node = graph.node(slot.node);
            let signals: Vec<ValueId> =
                node.inputs.iter().flatten().copied().filter(|&v| graph.constant(Some(v)).is_none()).collect();
            let even = node.inputs.iter().flatten().all(|&v| {
                graph
                    .constant(Some(v))
                    .is_none_or(|c| c.count() <= 1 || matches!(c.content, Content::Equal(_)) || !c.dtype.is_float())
            });
            let each = passes(&node.op) || is_norm(&node.op) || POINTWISE.contains(&node.op.as_str());
            if !each || !even {
                return None;
            }
            pairs.extend(signals);
            stack.extend(node.outputs.iter().flatten());
        }
    }
    // Where two signals meet, both must be of this layer.
    let own = pairs.iter().all(|value| seen.contains(value));
    (own && !found.is_empty()).then_some(found)
}

/// Operators that treat all units alike.
const POINTWISE: [&str; 38] = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "ThresholdedRelu",
    "Elu",
    "Celu",
    "Selu",
    "Gelu",
    "FastGelu",
    "BiasGelu",
    "QuickGelu",
    "Swish",
    "Mish",
    "HardSwish",
    "Softplus",
    "Sigmoid",
    "HardSigmoid",
    "Tanh",
    "Softsign",
    "Erf",
    "Sin",
    "Cos",
    "Exp",
    "Abs",
    "Sqrt",
    "Pow",
    "Clip",
    "Neg",
    "Mul",
    "Add",
    "Sub",
    "Div",
    "Dropout",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Max",
];
