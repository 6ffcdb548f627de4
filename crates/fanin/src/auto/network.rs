//! [`Network`]: layers, residual sums and the chains between them, as the choice of laws sees them.

use super::end::{End, Ends};
use crate::anatomy::sums::{self, Sum};
use crate::graph::consume::is_norm;
use crate::graph::{Graph, NodeId};
use crate::layer::{Layer, layers};
use crate::param::Param;
use crate::role::Role;
use std::collections::BTreeMap;

/// A residual sum in its tower: sums of which each begins where another ended.
#[derive(Debug)]
pub(super) struct Residual {
    pub(super) sum: Sum,
    /// Branches of the longest way through its tower.
    pub(super) of: usize,
    /// Weights that write its branch's end, side by side.
    pub(super) writers: usize,
    /// Whether its branch averages over places by a softmax.
    pub(super) attends: bool,
    /// Whether a weight of its branch reads what a normalization makes.
    pub(super) normed: bool,
}

/// What the graph shows.
pub(super) struct Network<'a> {
    pub(super) graph: &'a Graph,
    pub(super) params: &'a [Param],
    pub(super) layers: Vec<Layer>,
    /// What the output of each layer comes to.
    pub(super) ends: Vec<End>,
    pub(super) residuals: Vec<Residual>,
    /// The layer of a node.
    pub(super) of_node: BTreeMap<NodeId, usize>,
    /// Layers that read each layer's output, in order.
    pub(super) readers: Vec<Vec<usize>>,
    /// Normalizations with a scale: node, parameter, and what their output comes to.
    pub(super) norms: Vec<(NodeId, usize, End)>,
}

impl<'a> Network<'a> {
    pub(super) fn new(graph: &'a Graph, params: &'a [Param]) -> Network<'a> {
        let layers = layers(graph, params);
        let of_node: BTreeMap<NodeId, usize> = layers.iter().enumerate().map(|(i, layer)| (layer.node, i)).collect();
        let residuals = residuals(graph, &layers, &of_node);
        let mut readers = vec![Vec::new(); layers.len()];
        for (i, layer) in layers.iter().enumerate() {
            for &source in &layer.sources {
                readers[source].push(i);
            }
        }
        let finder = Ends::new(graph, params, &residuals, &of_node);
        let ends = layers.iter().map(|layer| finder.of(layer.output)).collect();
        let norm = |(index, param): (usize, &Param)| {
            let node = param.place.consumer.filter(|_| is_scale(param))?;
            let made = graph.node(node).output(0).filter(|_| is_norm(&graph.node(node).op))?;
            Some((node, index, finder.of(made)))
        };
        let norms = params.iter().enumerate().filter_map(norm).collect();
        Network { graph, params, layers, ends, residuals, of_node, readers, norms }
    }

    /// Whether a layer looks rows up in a table.
    pub(super) fn looks_up(&self, layer: usize) -> bool {
        matches!(self.layers[layer].op.as_str(), "Gather" | "EmbedLayerNormalization")
    }

    /// Whether a layer multiplies its input by a weight.
    pub(super) fn multiplies(&self, layer: usize) -> bool {
        matches!(self.layers[layer].op.as_str(), "Conv" | "Gemm" | "MatMul") && !self.looks_up(layer)
    }

    /// The weight that a layer multiplies, if it has one and no more.
    pub(super) fn weight(&self, layer: usize) -> Option<usize> {
        match self.layers[layer].weights[..] {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Whether a parameter multiplies what a normalization made. A running variance that is set to 1 is none.
pub(super) fn is_scale(param: &Param) -> bool {
    let uses = &param.place.uses;
    param.role.value == Role::Scale && (uses.is_empty() || uses.iter().any(|slot| slot.input < 2))
}

fn residuals(graph: &Graph, layers: &[Layer], of_node: &BTreeMap<NodeId, usize>) -> Vec<Residual> {
    let weighs = |id: NodeId| of_node.get(&id).is_some_and(|&i| layers[i].op != "Gather");
    let found = sums::find(graph, &weighs);
    let index: BTreeMap<NodeId, usize> = found.iter().enumerate().map(|(i, sum)| (sum.node, i)).collect();
    let before: Vec<Option<usize>> = found.iter().map(|sum| sums::previous(graph, sum.start, &index)).collect();
    // The number of each sum in its tower, and then the largest number behind it.
    let mut number = vec![1usize; found.len()];
    for i in 0..found.len() {
        number[i] = 1 + before[i].filter(|&b| b < i).map_or(0, |b| number[b]);
    }
    let mut of = number.clone();
    for i in (0..found.len()).rev() {
        if let Some(b) = before[i].filter(|&b| b < i) {
            of[b] = of[b].max(of[i]);
        }
    }
    // Those before a fork have the longer arm; those behind it their own.
    let attends = |sum: &Sum| sum.branch.iter().any(|&n| matches!(graph.node(n).op.as_str(), "Softmax" | "Attention"));
    let writers: Vec<usize> =
        found.iter().map(|sum| sums::writers(graph, sum, &index, &weighs).0.len().max(1)).collect();
    let normed = |sum: &Sum| sum.branch.iter().any(|n| of_node.get(n).is_some_and(|&i| layers[i].normalized));
    let residual = |((sum, of), writers): ((Sum, usize), usize)| {
        let (attends, normed) = (attends(&sum), normed(&sum));
        Residual { sum, of, writers, attends, normed }
    };
    found.into_iter().zip(of).zip(writers).map(residual).collect()
}
