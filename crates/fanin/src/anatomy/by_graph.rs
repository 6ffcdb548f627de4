//! The anatomy that a graph shows, whatever its tensors are called.

use super::sums::{self, Sum};
use crate::graph::flow::follows;
use crate::graph::{Graph, NodeId, ValueId};
use crate::known::{Evidence, Known};
use crate::param::{Param, Place};
use crate::role::Role;
use crate::site::{Block, Site};
use std::collections::{BTreeMap, BTreeSet};

/// Finds blocks, sites and residual writers in a graph; what names told of blocks stays where it covers the branches.
pub(crate) fn by_graph(params: &mut [Param], graph: &Graph) {
    super::by_names(params);
    let view = View::new(params, graph);
    let weighs = |id: NodeId| view.weights.contains_key(&id);
    let found = sums::find(graph, &weighs);
    let index: BTreeMap<NodeId, usize> = found.iter().enumerate().map(|(i, sum)| (sum.node, i)).collect();
    let mut ends: Vec<(BTreeSet<NodeId>, BTreeSet<NodeId>)> = Vec::new();
    for sum in &found {
        ends.push(sums::writers(graph, sum, &index, &weighs));
    }
    let blocks = blocks(graph, &found, &index, &view);
    let sites: BTreeMap<NodeId, Vec<Site>> =
        found.iter().zip(&ends).flat_map(|(sum, (writers, _))| sites(graph, sum, writers, &view)).collect();
    let branches: BTreeSet<NodeId> = found.iter().flat_map(|sum| &sum.branch).copied().collect();
    let named = named_enough(params, &branches);
    for (i, param) in params.iter_mut().enumerate() {
        let Some(node) = param.place.consumer else { continue };
        let merged = param.name.contains('@');
        if !named || merged {
            param.place.block = blocks.get(&node).cloned();
        }
        if view.is_matrix[i] || param.role.value == Role::Scale {
            let by =
                found.iter().zip(&ends).find(|(_, (writers, norms))| writers.contains(&node) || norms.contains(&node));
            param.place.residual = by.map(|(sum, _)| Evidence::Graph { node: graph.label(sum.node) });
        }
        if param.place.sites.is_none() || merged {
            let own = sites.get(&node).cloned().or_else(|| head(graph, node, &branches, &view));
            let fits = matches!(param.role.value, Role::Weight | Role::Bias);
            param.place.sites = own.filter(|_| fits).map(|sites| Known::graph(sites, graph.label(node)));
        }
    }
    biases(params, named);
}

/// A bias stands where the weight beside it does.
fn biases(params: &mut [Param], named: bool) {
    let matrices = params.iter().filter(|param| super::is_matrix(param));
    let weights: BTreeMap<String, Place> = matrices.map(|param| (param.name.clone(), param.place.clone())).collect();
    for param in params.iter_mut().filter(|param| param.role.value == Role::Bias) {
        let beside = param.place.beside.as_ref().and_then(|beside| weights.get(&beside.name));
        if let Some(beside) = beside {
            if !named {
                param.place.block.clone_from(&beside.block);
            }
            param.place.sites.clone_from(&beside.sites);
        }
    }
}

/// What is asked of the parameters again and again.
struct View {
    /// Nodes with a weight, and the parameter that it is.
    weights: BTreeMap<NodeId, usize>,
    /// Which weights hold queries, keys and values, or a gate and what goes up.
    fused: BTreeMap<NodeId, Vec<Site>>,
    is_matrix: Vec<bool>,
    /// Nodes whose weight is a convolution over several positions.
    convolves: BTreeSet<NodeId>,
    /// Nodes whose matrix stands beside a weight and has a law of its own: factors of adapters.
    adapts: BTreeSet<NodeId>,
}

impl View {
    fn new(params: &[Param], graph: &Graph) -> View {
        let is_matrix: Vec<bool> = params.iter().map(super::is_matrix).collect();
        let special = |param: &&Param| param.role.value == Role::Special && param.shape.len() > 1;
        let adapts = params.iter().filter(special).filter_map(|param| param.place.consumer).collect();
        let (weights, fused, convolves) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut view = View { weights, fused, is_matrix, convolves, adapts };
        for (i, param) in params.iter().enumerate().filter(|(i, _)| view.is_matrix[*i]) {
            let Some(node) = param.place.consumer else { continue };
            view.weights.entry(node).or_insert(i);
            let labels = param.parts().into_iter().filter_map(|p| Site::of_label(p.label.rsplit('.').next()?));
            let mut sites: Vec<Site> = labels.collect();
            sites.dedup();
            if sites.len() > 1 {
                view.fused.insert(node, sites);
            }
            if matches!(graph.node(node).op.as_str(), "Conv" | "ConvTranspose") {
                view.convolves.insert(node);
            }
        }
        view
    }
}

/// Whether names told the block of most weights that stand in branches.
fn named_enough(params: &[Param], branches: &BTreeSet<NodeId>) -> bool {
    let inside =
        params.iter().filter(|p| super::is_matrix(p) && p.place.consumer.is_some_and(|n| branches.contains(&n)));
    let (mut all, mut named) = (0, 0);
    for param in inside {
        all += 1;
        named += usize::from(param.place.block.is_some());
    }
    all == 0 || 2 * named > all
}

/// The block of each node in a branch: sums that follow each other are a tower, and where kinds of branches take turns, one
/// round of them is a block.
fn blocks(graph: &Graph, sums: &[Sum], index: &BTreeMap<NodeId, usize>, view: &View) -> BTreeMap<NodeId, Known<Block>> {
    let mut towers: Vec<Vec<usize>> = Vec::new();
    for (i, sum) in sums.iter().enumerate() {
        let before = sums::previous(graph, sum.start, index);
        match before.and_then(|before| towers.iter_mut().find(|tower| tower.last() == Some(&before))) {
            Some(tower) => tower.push(i),
            None => towers.push(vec![i]),
        }
    }
    let mut found = BTreeMap::new();
    for tower in towers.iter().filter(|tower| tower.len() > 1) {
        let kinds: Vec<_> = tower.iter().map(|&i| kind(graph, &sums[i], view)).collect();
        let period = period(&kinds);
        let of = tower.len().div_ceil(period) as u64;
        let name = format!("the sums from {}", graph.label(sums[tower[0]].node));
        for (at, &i) in tower.iter().enumerate() {
            let block = Block { tower: name.clone(), number: (at / period) as u64 + 1, of };
            let label = graph.label(sums[i].node);
            for node in sums[i].branch.iter().chain(&sums[i].shortcut) {
                found.entry(*node).or_insert_with(|| Known::graph(block.clone(), label.clone()));
            }
        }
    }
    found
}

/// What tells kinds of branches apart: how many weights there are, and whether it attends.
fn kind(graph: &Graph, sum: &Sum, view: &View) -> (usize, bool) {
    let weights = sum.branch.iter().filter(|node| view.weights.contains_key(node)).count();
    (weights, attends(graph, sum))
}

fn attends(graph: &Graph, sum: &Sum) -> bool {
    sum.branch
        .iter()
        .any(|&node| matches!(graph.node(node).op.as_str(), "Softmax" | "Attention" | "MultiHeadAttention"))
}

/// After how many branches their kinds repeat; 1 if they do not.
fn period<T: PartialEq>(kinds: &[T]) -> usize {
    let repeats = |p: &usize| kinds.iter().zip(&kinds[*p..]).all(|(a, b)| a == b);
    (1..=kinds.len() / 2).find(repeats).unwrap_or(1)
}

/// What the weights of a branch do.
fn sites(graph: &Graph, sum: &Sum, writers: &BTreeSet<NodeId>, view: &View) -> Vec<(NodeId, Vec<Site>)> {
    let weights: Vec<NodeId> = sum.branch.iter().copied().filter(|node| view.weights.contains_key(node)).collect();
    if weights.iter().any(|node| view.convolves.contains(node)) {
        return Vec::new();
    }
    let attends = attends(graph, sum);
    let inner = weights.iter().filter(|node| !writers.contains(node)).count();
    let bare = |node: NodeId| follows(graph, node).is_none();
    let of = |node: NodeId| -> Option<Vec<Site>> {
        if let Some(sites) = view.fused.get(&node) {
            return Some(sites.clone());
        }
        let one = |site| Some(vec![site]);
        match (attends, writers.contains(&node)) {
            (true, true) => one(Site::Output),
            (true, false) => one(operand(graph, node, view)?),
            (false, true) => one(Site::Down),
            (false, false) if inner == 1 || bare(node) => one(Site::Up),
            (false, false) => one(Site::Gate),
        }
    };
    weights.into_iter().filter_map(|node| Some((node, of(node)?))).collect()
}

/// Which operand of an attention a weight makes: of the product that a softmax follows, or of the one behind it.
fn operand(graph: &Graph, node: NodeId, view: &View) -> Option<Site> {
    let mut at: Vec<ValueId> = graph.node(node).outputs.iter().flatten().copied().collect();
    let mut seen = BTreeSet::new();
    while let Some(value) = at.pop() {
        for slot in &graph.value(value).uses {
            let next = graph.node(slot.node);
            if view.weights.contains_key(&slot.node) || !seen.insert((slot.node, slot.input)) || seen.len() > 64 {
                continue;
            }
            let signals = next.inputs.iter().flatten().filter(|v| graph.constant(Some(**v)).is_none()).count();
            if next.op == "MatMul" && signals == 2 {
                let scores = next.output(0).is_some_and(|v| reaches(graph, v, "Softmax"));
                return Some(match (scores, slot.input) {
                    (true, 0) => Site::Query,
                    (true, _) => Site::Key,
                    (false, _) => Site::Value,
                });
            }
            at.extend(next.outputs.iter().flatten());
        }
    }
    None
}

/// Whether a value reaches an operator before the next product.
fn reaches(graph: &Graph, value: ValueId, op: &str) -> bool {
    let (mut at, mut seen) = (vec![value], BTreeSet::new());
    while let Some(value) = at.pop() {
        for slot in &graph.value(value).uses {
            let node = graph.node(slot.node);
            if node.op == op {
                return true;
            }
            if node.op != "MatMul" && seen.len() < 32 && seen.insert(slot.node) {
                at.extend(node.outputs.iter().flatten());
            }
        }
    }
    false
}

/// A matrix outside of all branches from which a model's output is reached without another weight.
fn head(graph: &Graph, node: NodeId, branches: &BTreeSet<NodeId>, view: &View) -> Option<Vec<Site>> {
    if !view.weights.contains_key(&node) || branches.contains(&node) || view.convolves.contains(&node) {
        return None;
    }
    let mut at: Vec<ValueId> = graph.node(node).outputs.iter().flatten().copied().collect();
    let mut seen = BTreeSet::new();
    while let Some(value) = at.pop() {
        if graph.outputs.contains(&value) {
            return Some(vec![Site::Head]);
        }
        for slot in &graph.value(value).uses {
            let weighs = view.weights.contains_key(&slot.node) || view.adapts.contains(&slot.node);
            if !weighs && seen.len() < 64 && seen.insert(slot.node) {
                at.extend(graph.node(slot.node).outputs.iter().flatten());
            }
        }
    }
    None
}
