//! The residual stream: how it grows, and how much each branch adds.

use super::{Moments, Probe};
use crate::error::Error;
use fanin::Layer;
use fanin::graph::{Graph, NodeId, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// A sum of a branch and what the branch started from.
#[derive(Clone, Debug, PartialEq)]
pub struct Summed {
    /// The node that adds.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// What goes around the branch.
    pub skip: Moments,
    /// What the branch adds.
    pub branch: Moments,
    /// The sum.
    pub sum: Moments,
    /// Whether the branch begins with a normalization.
    pub normalized: bool,
}

/// Where a branch and its skip meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    pub(crate) branch: ValueId,
    pub(crate) skip: ValueId,
    pub(crate) sum: ValueId,
    normalized: bool,
}

/// The sums of residual blocks whose branch carries a layer, in the order of the graph.
///
/// # Errors
/// The first node that cannot be run.
pub fn residuals(probe: &Probe<'_>, layers: &[Layer]) -> Result<Vec<Summed>, Error> {
    let graph = probe.program().graph();
    let places = places(graph, layers);
    let watched: BTreeSet<ValueId> = places.iter().flat_map(|p| [p.branch, p.skip, p.sum]).collect();
    if watched.is_empty() {
        return Ok(Vec::new());
    }
    let mut moments: BTreeMap<ValueId, Moments> = BTreeMap::new();
    probe.forward(&watched, &mut |id, tensor| {
        moments.insert(id, Moments::of(tensor));
    })?;
    let summed = |place: &Place| {
        let at = |id: &ValueId| moments.get(id).copied();
        let (skip, branch, sum) = (at(&place.skip)?, at(&place.branch)?, at(&place.sum)?);
        let (node, name) = (place.node, graph.label(place.node));
        Some(Summed { node, name, skip, branch, sum, normalized: place.normalized })
    };
    Ok(places.iter().filter_map(summed).collect())
}

/// Every place where a branch that carries a layer meets what it started from, in the order of the graph.
pub(crate) fn places(graph: &Graph, layers: &[Layer]) -> Vec<Place> {
    let by_node: BTreeMap<NodeId, &Layer> = layers.iter().map(|layer| (layer.node, layer)).collect();
    (0..graph.nodes.len()).filter_map(|index| place(graph, NodeId(index), &by_node)).collect()
}

fn place(graph: &Graph, id: NodeId, layers: &BTreeMap<NodeId, &Layer>) -> Option<Place> {
    let node = graph.node(id);
    let (a, b, sum) = (node.input(0)?, node.input(1)?, node.output(0)?);
    if node.op != "Add" || node.inputs.len() != 2 || a == b || [a, b].iter().any(|&v| graph.constant(Some(v)).is_some())
    {
        return None;
    }
    let [whole_a, whole_b] = [a, b].map(|value| unscaled(graph, value));
    let (branch, skip, first) = match (back(graph, a, whole_b, layers), back(graph, b, whole_a, layers)) {
        (Some(first), None) => (a, b, first),
        (None, Some(first)) => (b, a, first),
        _ => return None,
    };
    let normalized = layers.get(&first).is_some_and(|layer| layer.normalized);
    Some(Place { node: id, branch, skip, sum, normalized })
}

/// What a skip is a multiple of: some networks weigh it against the branch, by a constant or by a parameter.
fn unscaled(graph: &Graph, value: ValueId) -> ValueId {
    weighed(graph, value).map_or(value, |(signal, _)| signal)
}

/// The signal and the constant that a value is the product of, if it is one.
pub(crate) fn weighed(graph: &Graph, value: ValueId) -> Option<(ValueId, ValueId)> {
    let node = graph.node(graph.node_before(value)?);
    let (a, b) = (node.input(0)?, node.input(1).filter(|_| node.op == "Mul")?);
    let constant = |value: ValueId| graph.constant(Some(value)).is_some();
    match (constant(a), constant(b)) {
        (false, true) => Some((a, b)),
        (true, false) => Some((b, a)),
        _ => None,
    }
}

/// Whether `from` is computed from `to` by way of a layer; the first layer of that way.
fn back(graph: &Graph, from: ValueId, to: ValueId, layers: &BTreeMap<NodeId, &Layer>) -> Option<NodeId> {
    /// A branch has some dozens of nodes.
    const REACH: usize = 256;
    // The last layer that was passed on the way to a value: going back, the first of the branch.
    let (mut stack, mut seen) = (vec![(from, None)], BTreeSet::new());
    while let Some((value, passed)) = stack.pop() {
        if value == to {
            if passed.is_some() {
                return passed;
            }
            continue;
        }
        if !seen.insert(value) || seen.len() > REACH {
            continue;
        }
        let Some(id) = graph.node_before(value) else { continue };
        let passed = if layers.contains_key(&id) { Some(id) } else { passed };
        let inputs = graph.node(id).inputs.iter().flatten().filter(|&&v| graph.value(v).constant.is_none());
        stack.extend(inputs.map(|&v| (v, passed)));
    }
    None
}
