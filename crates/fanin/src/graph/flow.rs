//! Where a signal goes next: the activation that a weight's output meets first, and what a value was made by.

use super::consume::{is_norm, passes};
use super::{Graph, Node, NodeId, ValueId};
use crate::gain::Activation;
use crate::known::Known;
use serde::{Deserialize, Serialize};

/// The activation that follows a weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Follows {
    /// Which one.
    pub activation: Activation,
    /// Its parameter, where it has one: the slope of a leaky rectifier, α of an ELU.
    #[serde(default, alias = "slope")]
    pub parameter: f64,
}

impl From<Activation> for Follows {
    fn from(activation: Activation) -> Follows {
        Follows { activation, parameter: activation.default_parameter() }
    }
}

/// How many nodes are walked before the search gives up.
const REACH: usize = 48;

/// The activation that the output of `node` meets first: through biases, normalizations, pooling, reshapes and residual
/// sums, up to the next weight.
pub(crate) fn follows(graph: &Graph, node: NodeId) -> Option<Known<Follows>> {
    meets(graph, node).map(|(_, follows)| follows)
}

/// The same, with the value that the activation is applied to.
pub(crate) fn meets(graph: &Graph, node: NodeId) -> Option<(ValueId, Known<Follows>)> {
    let mut queue = std::collections::VecDeque::from([graph.node(node).output(0)?]);
    let mut seen = Vec::new();
    while let Some(value) = queue.pop_front() {
        if seen.contains(&value) || seen.len() > REACH {
            continue;
        }
        seen.push(value);
        if let Some(found) = activation(graph, value) {
            return Some((value, found));
        }
        for slot in &graph.value(value).uses {
            let node = graph.node(slot.node);
            if carries(graph, node, slot.input) {
                queue.extend(node.outputs.iter().flatten());
            }
        }
    }
    None
}

/// Whether the node hands the signal on without being an activation or a weight.
fn carries(graph: &Graph, node: &Node, input: usize) -> bool {
    let with_constant = || node.inputs.iter().enumerate().all(|(i, v)| i == input || graph.constant(*v).is_some());
    match node.op.as_str() {
        "Add" | "Sum" | "Concat" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool" | "Dropout"
        | "Pad" | "ReduceMean" | "Split" | "Resize" | "Upsample" | "DepthToSpace" | "SpaceToDepth" | "LRN"
        | "LpPool" => true,
        "Mul" | "Div" | "Sub" => with_constant(),
        op => input == 0 && (is_norm(op) || passes(op)),
    }
}

/// The activation applied to `value`, if one is.
pub(crate) fn activation(graph: &Graph, value: ValueId) -> Option<Known<Follows>> {
    composite(graph, value).or_else(|| {
        graph.value(value).uses.iter().find_map(|slot| {
            let follows = single(graph, graph.node(slot.node), slot.input)?;
            Some(Known::graph(follows, graph.label(slot.node)))
        })
    })
}

/// Activations that are one operator.
pub(crate) fn single(graph: &Graph, node: &Node, input: usize) -> Option<Follows> {
    use Activation as A;
    if input != 0 {
        return None;
    }
    let bound = |input: usize, name: &str| {
        let stored = graph.constant(node.input(input)).and_then(|c| match c.content {
            super::Content::Equal(value) => Some(value),
            _ => None,
        });
        stored.or_else(|| node.float(name))
    };
    // A parameter with which the activation is no function is not believed.
    let alpha = |activation: Activation| node.float("alpha").filter(|&alpha| activation.check(alpha).is_ok());
    let with = |activation: Activation| Follows {
        activation,
        parameter: alpha(activation).unwrap_or(activation.default_parameter()),
    };
    Some(match node.op.as_str() {
        "Relu" | "ThresholdedRelu" => A::Relu.into(),
        "LeakyRelu" => with(A::LeakyRelu),
        "PRelu" => Follows { activation: A::LeakyRelu, parameter: 0.25 },
        "Elu" => with(A::Elu),
        "Celu" => with(A::Celu),
        "Selu" => A::Selu.into(),
        "Gelu" | "BiasGelu" if node.text("approximate") != Some("tanh") => A::Gelu.into(),
        "Gelu" | "FastGelu" => A::GeluTanh.into(),
        "QuickGelu" => A::QuickGelu.into(),
        "Swish" => with(A::Silu),
        "Mish" => A::Mish.into(),
        "HardSwish" => A::HardSwish.into(),
        "Softplus" => A::Softplus.into(),
        "Sigmoid" => A::Sigmoid.into(),
        "HardSigmoid" => A::HardSigmoid.into(),
        "Tanh" => A::Tanh.into(),
        "Softsign" => A::Softsign.into(),
        "Atan" => A::Atan.into(),
        "Erf" => A::Erf.into(),
        "Sin" => A::Sin.into(),
        "Softmax" | "LogSoftmax" => A::Softmax.into(),
        "Clip" => match (bound(1, "min"), bound(2, "max")) {
            (Some(-1.0), Some(1.0)) => A::HardTanh.into(),
            (Some(0.0), Some(6.0)) => A::Relu6.into(),
            (Some(0.0), _) => A::Relu.into(),
            _ => return None,
        },
        _ => return None,
    })
}

/// Activations that exporters spell out as x · g(x): the value goes both into a product and, over few nodes, into g.
fn composite(graph: &Graph, value: ValueId) -> Option<Known<Follows>> {
    use Activation as A;
    let product = graph.value(value).uses.iter().any(|slot| graph.node(slot.node).op == "Mul");
    if !product || graph.value(value).uses.len() < 2 {
        return None;
    }
    let gates: &[(&[&str], Activation)] = &[
        (&["Softplus", "Tanh"], A::Mish),
        (&["Sigmoid"], A::Silu),
        (&["Mul", "Sigmoid"], A::QuickGelu),
        (&["HardSigmoid"], A::HardSwish),
        (&["Add", "Clip"], A::HardSwish),
        (&["Div", "Erf", "Add"], A::Gelu),
        (&["Mul", "Erf", "Add"], A::Gelu),
        (&["Pow", "Mul", "Add", "Mul", "Tanh"], A::GeluTanh),
        (&["Mul", "Mul", "Mul", "Add", "Mul", "Tanh"], A::GeluTanh),
    ];
    gates.iter().find_map(|(ops, activation)| {
        let end = chain(graph, value, ops)?;
        let gated = meets_in_product(graph, value, end, 4);
        let follows = Follows::from(*activation);
        gated
            .then(|| Known::graph(follows, graph.value(end).producer.map_or_else(String::new, |(n, _)| graph.label(n))))
    })
}

/// The value at the end of the chain of operators `ops` that starts at `value`.
fn chain(graph: &Graph, value: ValueId, ops: &[&str]) -> Option<ValueId> {
    let Some((op, rest)) = ops.split_first() else { return Some(value) };
    graph.value(value).uses.iter().find_map(|slot| {
        let node = graph.node(slot.node);
        (node.op == *op).then(|| chain(graph, node.output(0)?, rest)).flatten()
    })
}

/// Whether `a` and `b`, each over at most `reach` further element-wise nodes with constants, are factors of one product.
fn meets_in_product(graph: &Graph, a: ValueId, b: ValueId, reach: usize) -> bool {
    let ahead = |from: ValueId| {
        let mut values = vec![from];
        for _ in 0..reach {
            let last = values.clone();
            for value in last {
                for slot in &graph.value(value).uses {
                    let node = graph.node(slot.node);
                    let scaled = matches!(node.op.as_str(), "Mul" | "Add" | "Div")
                        && node.inputs.iter().enumerate().all(|(i, v)| i == slot.input || graph.constant(*v).is_some());
                    if let (true, Some(output)) = (scaled, node.output(0))
                        && !values.contains(&output)
                    {
                        values.push(output);
                    }
                }
            }
        }
        values
    };
    let (a, b) = (ahead(a), ahead(b));
    let factor = |node: &Node, of: &[ValueId]| node.inputs.iter().flatten().any(|v| of.contains(v));
    b.iter().flat_map(|&v| &graph.value(v).uses).any(|slot| {
        let node = graph.node(slot.node);
        node.op == "Mul" && factor(node, &a) && factor(node, &b) && node.input(0) != node.input(1)
    })
}

/// The value that `value` is, seen through rearrangements.
pub(crate) fn source(graph: &Graph, value: ValueId) -> ValueId {
    let mut at = value;
    for _ in 0..REACH {
        let before = graph.node_before(at).map(|id| graph.node(id)).filter(|node| passes(&node.op));
        let Some(input) = before.and_then(|node| node.input(0)) else { break };
        at = input;
    }
    at
}

/// The node that made `value`, seen through rearrangements.
pub(crate) fn origin(graph: &Graph, value: ValueId) -> Option<NodeId> {
    graph.node_before(source(graph, value))
}

/// Whether `value` is a signal divided by its own scale: the output of a normalization, spelled out or not, before its
/// scale and shift.
pub(crate) fn is_normalized(graph: &Graph, value: ValueId) -> bool {
    let Some(id) = origin(graph, value) else { return false };
    let node = graph.node(id);
    let made_by = |input: usize, ops: &[&str]| {
        node.input(input).and_then(|v| origin(graph, v)).is_some_and(|n| ops.contains(&graph.node(n).op.as_str()))
    };
    match node.op.as_str() {
        op if is_norm(op) || op == "LpNormalization" => true,
        "Div" => made_by(1, &["Sqrt", "Add", "ReduceL2", "Max", "Clip"]) && !made_by(1, &["Softmax"]),
        "Mul" => (0..2).any(|i| made_by(i, &["Reciprocal", "Pow"])),
        // TensorFlow multiplies the scale into 1/σ before the signal comes in.
        "Reciprocal" | "Rsqrt" => made_by(0, &["Sqrt"]),
        _ => false,
    }
}

/// Whether `value` reaches a softmax before the next weight: attention scores, to which masks and position biases are
/// added.
pub(crate) fn reaches_softmax(graph: &Graph, value: ValueId) -> bool {
    let mut at = vec![value];
    for _ in 0..6 {
        let mut next = Vec::new();
        for slot in at.iter().flat_map(|&v| &graph.value(v).uses) {
            let node = graph.node(slot.node);
            if node.op == "Softmax" {
                return true;
            }
            if matches!(node.op.as_str(), "Add" | "Where") || passes(&node.op) {
                next.extend(node.output(0));
            }
        }
        at = next;
    }
    false
}
