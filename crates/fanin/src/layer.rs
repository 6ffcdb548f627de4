//! [`Layer`]: a node that carries a weight, and how it stands to the others. What is measured is measured layer by layer.

use crate::axes::Axis;
use crate::graph::consume::{is_norm, passes};
use crate::graph::flow::{is_normalized, meets, source};
use crate::graph::route::{What, consumers};
use crate::graph::{Follows, Graph, NodeId, ValueId};
use crate::param::Param;
use crate::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// A node that multiplies a signal by a weight (or looks rows up in one), in the order of execution.
///
/// Its output is the pre-activation z: what the weight makes of the signal, with its bias, before any normalization.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Readable: the weight's name without its last word, or the node's where the exporter has lost that.
    pub name: String,
    /// The node.
    pub node: NodeId,
    /// Its operator.
    pub op: String,
    /// Its weights, as indices of the parameters: several for a recurrent cell.
    pub weights: Vec<usize>,
    /// The parameter that is added to its output.
    pub bias: Option<usize>,
    /// The signal that the weight multiplies.
    pub input: Option<ValueId>,
    /// The pre-activation.
    pub output: ValueId,
    /// Number of units.
    pub width: u64,
    /// The dimension of the output that counts units, from its end: 1 is the last.
    pub axis: UnitAxis,
    /// The value to which the activation that follows is applied, and which one that is: behind normalizations, if there
    /// are any.
    pub meets: Option<(ValueId, Follows)>,
    /// Layers whose outputs reach it, through whatever stands between them.
    pub sources: Vec<usize>,
    /// Those of them whose outputs reach it without a normalization on the way.
    pub before: Vec<usize>,
    /// Whether a normalization, a softmax or a recurrent cell stands before it: its scale is then not that of earlier
    /// layers.
    pub normalized: bool,
    /// Layers on the longest way to it since the model's input or the last normalization, itself included.
    pub depth: usize,
}

/// Where the units of a layer's output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitAxis {
    /// Dimension 1, as in convolutions.
    Second,
    /// The last dimension.
    Last,
    /// The last but one: the weight stands on the left of a product.
    LastButOne,
}

impl UnitAxis {
    /// The dimension, of as many as `rank`.
    pub fn of(self, rank: usize) -> Option<usize> {
        match self {
            UnitAxis::Second => Some(1).filter(|&axis| axis < rank),
            UnitAxis::Last => rank.checked_sub(1),
            UnitAxis::LastButOne => rank.checked_sub(2),
        }
    }
}

/// Whether an operator only rearranges or renames its first input.
pub fn rearranges(op: &str) -> bool {
    passes(op)
}

/// Whether whatever reads `value` normalizes it first, so that its scale is lost.
pub fn loses_scale(graph: &Graph, value: ValueId) -> bool {
    let (mut stack, mut seen) = (vec![value], BTreeSet::new());
    while let Some(value) = stack.pop() {
        if graph.outputs.contains(&value) || graph.value(value).uses.is_empty() {
            return false;
        }
        for slot in &graph.value(value).uses {
            let node = graph.node(slot.node);
            match node.op.as_str() {
                op if is_norm(op) && slot.input == 0 => {}
                op if passes(op) && slot.input == 0 && seen.insert(slot.node) && seen.len() < REACH => {
                    stack.extend(node.outputs.iter().flatten());
                }
                _ => return false,
            }
        }
    }
    true
}

/// How many nodes are walked from a layer back to those before it.
const REACH: usize = 4096;

/// The layers of a graph, in the order of execution.
///
/// # Example
/// ```
/// use fanin::{Graph, layer};
/// assert!(layer::layers(&Graph::default(), &[]).is_empty());
/// ```
pub fn layers(graph: &Graph, params: &[Param]) -> Vec<Layer> {
    let mut weights: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (index, param) in params.iter().enumerate() {
        for node in nodes(graph, params, param) {
            weights.entry(node).or_default().push(index);
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    let mut made_by: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (node, weights) in weights {
        let Some(mut layer) = layer(graph, params, node, weights) else { continue };
        (layer.sources, layer.before) = reach(graph, layer.input, &made_by, &layers);
        layer.normalized = layer.sources.len() > layer.before.len();
        layer.depth = 1 + layer.before.iter().map(|&at| layers[at].depth).max().unwrap_or(0);
        let taken = layers.iter().any(|other| other.name == layer.name);
        if taken {
            layer.name = format!("{} at {}", layer.name, graph.label(node));
        }
        for &value in graph.node(node).outputs.iter().flatten().chain([&layer.output]) {
            made_by.insert(value, layers.len());
        }
        layers.push(layer);
    }
    layers
}

/// The nodes that a weight makes layers of: its consumer, and for a tied tensor all of them.
fn nodes(graph: &Graph, params: &[Param], param: &Param) -> BTreeSet<NodeId> {
    let carries = |role: Role| matches!(role, Role::Weight | Role::Recurrent | Role::Embedding);
    if !carries(param.role.value) {
        return BTreeSet::new();
    }
    let mut found: BTreeSet<NodeId> = param.place.consumer.into_iter().collect();
    let Some(value) = param.place.value else { return found };
    // A stored tensor that stands for several parameters has one consumer for each.
    let alone = params.iter().filter(|other| other.place.value == Some(value)).count() == 1;
    if let (true, Some(constant)) = (alone, graph.values.get(value).and_then(|value| value.constant.as_ref())) {
        let all = consumers(graph, ValueId(value), &constant.shape).into_iter();
        found.extend(all.filter(|f| matches!(f.what, What::Param(role, _) if carries(role))).map(|f| f.slot.node));
    }
    found
}

fn layer(graph: &Graph, params: &[Param], node: NodeId, weights: Vec<usize>) -> Option<Layer> {
    let first = &params[*weights.first()?];
    let made = graph.node(node).output(0)?;
    let input = graph.node(node).inputs.iter().copied().flatten().find(|&value| is_signal(graph, value));
    let bias = params.iter().position(|p| {
        p.role.value == Role::Bias
            && p.place.beside.as_ref().is_some_and(|beside| beside.name == first.name)
            && (p.place.consumer == Some(node) || adds(graph, p, made))
    });
    let added = bias.and_then(|index| params[index].place.consumer).filter(|&consumer| consumer != node);
    let output = added.and_then(|consumer| graph.node(consumer).output(0)).unwrap_or(made);
    Some(Layer {
        name: name(graph, first, node),
        node,
        op: graph.node(node).op.clone(),
        bias,
        input,
        output,
        width: width(first),
        axis: axis(graph, node, input),
        meets: meets(graph, node).map(|(value, follows)| (value, follows.value)),
        weights,
        sources: Vec::new(),
        before: Vec::new(),
        normalized: false,
        depth: 1,
    })
}

/// Whether a bias is added to `made` itself.
fn adds(graph: &Graph, bias: &Param, made: ValueId) -> bool {
    bias.place.consumer.is_some_and(|consumer| {
        let node = graph.node(consumer);
        matches!(node.op.as_str(), "Add" | "Sum") && node.inputs.iter().flatten().any(|&v| source(graph, v) == made)
    })
}

/// Whether a value is no constant, seen through rearrangements.
fn is_signal(graph: &Graph, value: ValueId) -> bool {
    let start = graph.value(source(graph, value));
    start.constant.is_none()
        && start.producer.is_none_or(|(node, _)| {
            let node = graph.node(node);
            // Weights that are put together by the graph are no signal either.
            !node.inputs.is_empty() && node.inputs.iter().flatten().any(|&v| graph.constant(Some(v)).is_none())
        })
}

fn axis(graph: &Graph, node: NodeId, input: Option<ValueId>) -> UnitAxis {
    let node = graph.node(node);
    match node.op.as_str() {
        op if op.contains("Conv") => UnitAxis::Second,
        "MatMul" if input.is_some() && node.input(1) == input => UnitAxis::LastButOne,
        _ => UnitAxis::Last,
    }
}

/// The number of units: outputs of all groups, of one gate of a recurrent cell.
fn width(weight: &Param) -> u64 {
    let parts = weight.parts();
    let Some(part) = parts.first() else { return 0 };
    let Some(axes) = part.param.axes.as_ref().map(|known| &known.value) else { return 0 };
    let outputs = axes.dims.iter().zip(&part.param.shape).filter(|(axis, _)| **axis == Axis::Out);
    let width = outputs.fold(1u64, |n, (_, &size)| n.saturating_mul(size));
    // Fused blocks of one weight are units side by side; gates are not.
    let gates = matches!(weight.place.op.as_deref(), Some("LSTM" | "GRU" | "RNN"));
    let blocks = if gates { 1 } else { parts.len() as u64 };
    let groups = if axes.transposed { axes.groups } else { 1 };
    width.saturating_mul(groups).saturating_mul(blocks)
}

/// Words at the end of a weight's name that say only that it is one.
const LAST_WORDS: [&str; 8] =
    [".weight", ".kernel", "/kernel:0", "/kernel", ".embedding", "/embeddings:0", ".weight_ih_l0", "_weight"];

/// Starts of names that exporters make up.
const MADE_UP: [&str; 5] = ["onnx::", "val_", "const_", "initializer", "/"];

fn name(graph: &Graph, weight: &Param, node: NodeId) -> String {
    let plain = weight.name.split('@').next().unwrap_or_default();
    let made_up = plain.is_empty()
        || MADE_UP.iter().any(|start| plain.starts_with(start))
        || plain.chars().all(|c| c.is_ascii_digit() || c == '_');
    if made_up {
        return graph.node(node).scope.clone().filter(|scope| !scope.is_empty()).unwrap_or_else(|| graph.label(node));
    }
    let end = LAST_WORDS.iter().find_map(|word| plain.strip_suffix(word)).filter(|start| !start.is_empty());
    end.unwrap_or(plain).to_owned()
}

/// The layers that `value` comes from; and those of them that nothing on the way gives a new scale.
fn reach(
    graph: &Graph,
    value: Option<ValueId>,
    made_by: &BTreeMap<ValueId, usize>,
    layers: &[Layer],
) -> (Vec<usize>, Vec<usize>) {
    let (mut all, mut plain) = (BTreeSet::new(), BTreeSet::new());
    let (mut stack, mut seen) = (Vec::from_iter(value.map(|value| (value, true))), BTreeSet::new());
    while let Some((value, is_plain)) = stack.pop() {
        if !seen.insert((value, is_plain)) || seen.len() > REACH {
            continue;
        }
        if let Some(&at) = made_by.get(&value) {
            all.insert(at);
            if is_plain && !is_recurrent(&layers[at].op) {
                plain.insert(at);
            }
            continue;
        }
        let Some(id) = graph.node_before(value) else { continue };
        let node = graph.node(id);
        let rescales = match node.op.as_str() {
            // Numbers, not signals.
            "Shape" | "Size" | "ConstantOfShape" | "Range" | "NonZero" | "ArgMax" | "ArgMin" => continue,
            op if is_norm(op) || is_fused_norm(op) || op == "Softmax" => true,
            op => !passes(op) && is_normalized(graph, value),
        };
        let next = node.inputs.iter().flatten().filter(|&&v| graph.value(v).constant.is_none());
        let inner = node.bodies.iter().flat_map(|body| &body.outputs);
        stack.extend(next.chain(inner).map(|&value| (value, is_plain && !rescales)));
    }
    (all.into_iter().collect(), plain.into_iter().collect())
}

/// Normalizations that do something else as well.
fn is_fused_norm(op: &str) -> bool {
    matches!(
        op,
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" | "EmbedLayerNormalization" | "LpNormalization"
    )
}

/// Recurrent cells, whose states an activation bounds.
pub(crate) fn is_recurrent(op: &str) -> bool {
    matches!(op, "LSTM" | "GRU" | "RNN")
}
