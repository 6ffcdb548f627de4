//! What stands last before a head: the scales that decide how strong a signal it reads.

use super::edge;
use super::end::Fate;
use super::network::Network;
use crate::graph::consume::passes;
use crate::graph::flow::single;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes between the head and what it reads.
const REACH: usize = 256;

/// Whether a head's weight is also looked up in, or used elsewhere.
pub(super) fn is_tied(net: &Network, head: usize) -> bool {
    net.layers[head].weights.iter().any(|&weight| {
        let place = &net.params[weight].place;
        place.tied.is_some() || place.uses.len() > 1
    })
}

/// Walks from a head back to the `last` normalizations, and to the layers that begin the stream it reads, or write it with a
/// projected shortcut.
pub(super) fn walk(net: &Network, head: usize, last: &mut BTreeSet<usize>, writers: &mut BTreeSet<usize>) {
    let sums: BTreeMap<_, _> = net.residuals.iter().map(|residual| (residual.sum.node, &residual.sum)).collect();
    let norms: BTreeMap<_, _> = net.norms.iter().enumerate().map(|(i, (node, ..))| (*node, i)).collect();
    let mut stack: Vec<_> = net.layers[head].input.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(value) = stack.pop() {
        let Some(id) = net.graph.node_before(value) else { continue };
        if !seen.insert(id) || seen.len() > REACH {
            continue;
        }
        let node = net.graph.node(id);
        if let Some(&norm) = norms.get(&id) {
            let saturates = matches!(net.norms[norm].2.fate, Fate::Activated(follows, _) if !edge::is_open(follows));
            if !saturates {
                last.insert(norm);
            }
        } else if let Some(&layer) = net.of_node.get(&id) {
            // What is relative to the stream rises with it.
            let end = net.ends[layer].fate;
            let relative = |i: usize| net.residuals[i].sum.shortcut.is_empty();
            if !matches!(end, Fate::Written(i) | Fate::Activated(_, Some(i)) if relative(i)) {
                writers.insert(layer);
            }
        } else if let Some(sum) = sums.get(&id) {
            // A bare stream has only the scale of what wrote into it before, which other branches read as well.
            let on = !sum.shortcut.is_empty() || net.norms.is_empty();
            stack.push(sum.end);
            stack.extend(node.inputs.iter().flatten().copied().filter(|&v| v != sum.end && on));
        } else if keeps(&node.op) || single(net.graph, node, 0).is_some() {
            stack.extend(node.input(0));
        }
    }
}

/// Whether a node between a head and what it reads leaves a signal about as strong as it was.
fn keeps(op: &str) -> bool {
    passes(op) || matches!(op, "GlobalAveragePool" | "AveragePool" | "MaxPool" | "ReduceMean" | "Gather" | "Dropout")
}
