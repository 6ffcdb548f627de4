//! Residual sums of a graph: where a branch is added to the signal that it began with.

use crate::graph::consume::{is_norm, passes};
use crate::graph::flow::source;
use crate::graph::{Graph, NodeId, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes that are looked at for one sum: more than any block has.
const REACH: usize = 2048;

/// A sum of a signal and a branch that began with it.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    /// The node that adds.
    pub(crate) node: NodeId,
    /// The value that the branch begins with.
    pub(crate) start: ValueId,
    /// The end of the branch: what is added.
    pub(crate) end: ValueId,
    /// The nodes from the start to the end.
    pub(crate) branch: BTreeSet<NodeId>,
    /// The nodes of a shortcut that has a weight of its own.
    pub(crate) shortcut: BTreeSet<NodeId>,
}

/// Every residual sum, in the order of the nodes. `weighs` says which nodes have a weight.
pub(crate) fn find(graph: &Graph, weighs: &dyn Fn(NodeId) -> bool) -> Vec<Sum> {
    let ids = (0..graph.nodes.len()).map(NodeId);
    ids.filter_map(|id| sum(graph, id, weighs)).collect()
}

fn sum(graph: &Graph, id: NodeId, weighs: &dyn Fn(NodeId) -> bool) -> Option<Sum> {
    let node = graph.node(id);
    let [Some(a), Some(b)] = node.inputs[..] else { return None };
    if !matches!(node.op.as_str(), "Add" | "Sum")
        || graph.constant(Some(a)).is_some()
        || graph.constant(Some(b)).is_some()
    {
        return None;
    }
    let plain = |start: ValueId, end: ValueId| {
        let branch = between(graph, source(graph, start), end)?;
        let sum = Sum { node: id, start: source(graph, start), end, branch, shortcut: BTreeSet::new() };
        sum.branch.iter().any(|&n| weighs(n)).then_some(sum)
    };
    plain(a, b).or_else(|| plain(b, a)).or_else(|| projected(graph, id, [a, b], weighs))
}

/// The nodes on the ways from `start` to `end`; `None` if there is no way.
fn between(graph: &Graph, start: ValueId, end: ValueId) -> Option<BTreeSet<NodeId>> {
    let first = graph.node_before(start).map_or(0, |node| node.0 + 1);
    let (mut seen, mut at, mut reached) = (BTreeSet::new(), vec![end], end == start);
    while let Some(value) = at.pop() {
        if value == start {
            reached = true;
            continue;
        }
        let Some(node) = graph.node_before(value).filter(|node| node.0 >= first) else { continue };
        if seen.len() > REACH {
            return None;
        }
        if seen.insert(node) {
            at.extend(graph.node(node).inputs.iter().flatten());
        }
    }
    (reached && end != start).then_some(seen)
}

/// A sum whose shortcut has one weight: both operands come from one value, one of them by a longer way.
fn projected(graph: &Graph, id: NodeId, ends: [ValueId; 2], weighs: &dyn Fn(NodeId) -> bool) -> Option<Sum> {
    let starts = ends.map(|end| shortcut(graph, end, weighs));
    for (i, start) in starts.into_iter().enumerate() {
        let Some((start, short)) = start else { continue };
        let end = ends[1 - i];
        let Some(branch) = between(graph, start, end) else { continue };
        let weights = branch.iter().filter(|&&n| weighs(n)).count();
        if weights >= 2 && branch.is_disjoint(&short) {
            return Some(Sum { node: id, start, end, branch, shortcut: short });
        }
    }
    None
}

/// Where a shortcut of one weight begins, and its nodes: back through norms, pools and biases, and no activation.
fn shortcut(graph: &Graph, end: ValueId, weighs: &dyn Fn(NodeId) -> bool) -> Option<(ValueId, BTreeSet<NodeId>)> {
    let (mut at, mut nodes, mut weights) = (end, BTreeSet::new(), 0);
    for _ in 0..16 {
        let id = graph.node_before(at)?;
        let node = graph.node(id);
        let signals: Vec<ValueId> =
            node.inputs.iter().flatten().copied().filter(|v| graph.constant(Some(*v)).is_none()).collect();
        let carries = weighs(id) || is_norm(&node.op) || passes(&node.op);
        let adds = matches!(node.op.as_str(), "Add" | "AveragePool" | "MaxPool");
        let [signal] = signals[..] else { return None };
        if weights == 1 && !carries && !adds {
            return None;
        }
        if !carries && !adds {
            return None;
        }
        weights += usize::from(weighs(id));
        nodes.insert(id);
        at = signal;
        if weights == 1 {
            // A pool may stand before the weight; the value where the branch parts has several uses.
            let before = graph.node_before(at).filter(|n| graph.node(*n).op == "AveragePool");
            if before.is_none() || graph.value(at).uses.len() > 1 {
                return Some((at, nodes));
            }
        }
    }
    None
}

/// The residual sum that a value comes from, through anything that has no weight.
pub(crate) fn previous(graph: &Graph, start: ValueId, index: &BTreeMap<NodeId, usize>) -> Option<usize> {
    let mut at = start;
    for _ in 0..24 {
        let node = graph.node_before(at)?;
        if let Some(&found) = index.get(&node) {
            return Some(found);
        }
        at = graph.node(node).inputs.iter().flatten().copied().find(|v| graph.constant(Some(*v)).is_none())?;
    }
    None
}

/// The nodes with a weight that end the branch of a sum, and the norms between them and the sum.
pub(crate) fn writers(
    graph: &Graph,
    sum: &Sum,
    sums: &BTreeMap<NodeId, usize>,
    weighs: &dyn Fn(NodeId) -> bool,
) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
    let (mut found, mut norms, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut at = vec![sum.end];
    while let Some(value) = at.pop() {
        let Some(id) = graph.node_before(value).filter(|id| sum.branch.contains(id) && seen.insert(*id)) else {
            continue;
        };
        let node = graph.node(id);
        if weighs(id) {
            found.insert(id);
            continue;
        }
        if sums.contains_key(&id) {
            continue;
        }
        let constant = |v: &&ValueId| graph.constant(Some(**v)).is_some();
        let signals = node.inputs.iter().flatten().filter(|v| !constant(v));
        match node.op.as_str() {
            "Add" | "Sum" => at.extend(signals),
            "Mul" | "Div" if node.inputs.iter().flatten().any(|v| constant(&v)) => at.extend(signals),
            "Dropout" => at.extend(node.input(0)),
            op if is_norm(op) => {
                norms.insert(id);
                at.extend(node.input(0));
            }
            op if passes(op) => at.extend(node.input(0)),
            _ => {}
        }
    }
    (found, norms)
}
