//! Normalizations that an exporter spells out: `x − mean(x)`, `x / √(mean(x²) + ε)`, `x · (mean(x²) + ε)^(−½)`.
//!
//! # Assumes
//! The root divides every element of a group by the same number, so the second moment becomes 1 exactly, as in the
//! operators of [`super::normalization`].

use super::super::array::Array;
use super::super::flow::Flow;
use super::super::view::{View, Why};
use super::normalization::{centred, divided, scaled, share};
use crate::graph::{Content, Graph, Node, NodeId, ValueId};

/// What a node does, if it is the last of a spelt-out normalization.
enum Step {
    /// Subtracts the mean over these dimensions.
    Centre(Vec<usize>),
    /// Divides input by its root mean square over dimensions, with ε, times a factor.
    Scale { input: usize, dims: Vec<usize>, eps: f64, factor: f64 },
}

/// The moments after the step, if the node is one.
pub(super) fn forward(view: &View) -> Result<Option<Array>, Why> {
    Ok(match step(view) {
        Some(Step::Centre(dims)) => {
            let array = view.array(0)?;
            Some(centred(array, array.mask(&dims)))
        }
        Some(Step::Scale { input, dims, eps, factor }) => {
            let array = view.array(input)?;
            Some(scaled(array, array.mask(&dims), eps).affine(factor, 0.0))
        }
        None => None,
    })
}

/// The gradient of the signal that the step normalizes; what it is divided by hands nothing back on its own.
pub(super) fn backward(view: &View, total: &Array) -> Option<Vec<(usize, Array)>> {
    match step(view)? {
        Step::Centre(dims) => Some(vec![(0, centred(total, total.mask(&dims)))]),
        Step::Scale { input, dims, eps, factor } => {
            let array = view.array(input).ok()?;
            let over = array.mask(&dims);
            let share = factor * factor * share(array, total, over, eps, None);
            Some(vec![(input, divided(total, array, over, eps, share)?)])
        }
    }
}

fn step(view: &View) -> Option<Step> {
    let rank = match view.flow(0)? {
        Flow::Signal(state) => state.array.rank(),
        _ => return None,
    };
    let graph = view.graph;
    match view.node.op.as_str() {
        "Sub" => {
            let mean = made_by(graph, view.node.input(1)?, &["ReduceMean"])?;
            let same = same(graph, graph.node(mean).input(0)?, view.node.input(0)?);
            same.then(|| dims(view, mean, rank))?.map(Step::Centre)
        }
        "Div" => norm(view, 0, view.node.input(1)?, true),
        "Mul" => (0..2).find_map(|input| norm(view, input, view.node.input(1 - input)?, false)),
        _ => None,
    }
}

/// The node that makes a value, seen through casts, if it is one of these.
fn made_by(graph: &Graph, value: ValueId, ops: &[&str]) -> Option<NodeId> {
    let id = graph.node_before(seen(graph, value))?;
    ops.contains(&graph.node(id).op.as_str()).then_some(id)
}

/// A value, seen through nodes that only rename or repeat it.
fn seen(graph: &Graph, value: ValueId) -> ValueId {
    let mut at = value;
    for _ in 0..8 {
        let before = graph.node_before(at).map(|id| graph.node(id));
        let Some(input) =
            before.filter(|n| matches!(n.op.as_str(), "Identity" | "Cast" | "Expand")).and_then(|n| n.input(0))
        else {
            break;
        };
        at = input;
    }
    at
}

/// Whether two values are the same, or made by equal nodes from the same inputs.
fn same(graph: &Graph, a: ValueId, b: ValueId) -> bool {
    let (a, b) = (seen(graph, a), seen(graph, b));
    if a == b {
        return true;
    }
    let (Some(m), Some(n)) = (graph.node_before(a), graph.node_before(b)) else { return false };
    let (m, n) = (graph.node(m), graph.node(n));
    m.op == n.op
        && m.op == "Sub"
        && m.inputs.len() == n.inputs.len()
        && m.inputs.iter().zip(&n.inputs).all(|(a, b)| {
            a.zip(*b).is_some_and(|(a, b)| {
                a == b
                    || graph.node_before(a).zip(graph.node_before(b)).is_some_and(|(a, b)| {
                        graph.node(a).op == "ReduceMean"
                            && graph.node(b).op == "ReduceMean"
                            && graph.node(a).inputs == graph.node(b).inputs
                    })
            })
        })
}

/// The dimensions over which a reduction runs.
fn dims(view: &View, id: NodeId, rank: usize) -> Option<Vec<usize>> {
    let node = view.graph.node(id);
    let stored = view.graph.constant(node.input(1)).and_then(|c| c.ints.clone());
    let axes = stored.or_else(|| node.ints("axes").map(<[i64]>::to_vec));
    match axes {
        Some(axes) => axes.iter().map(|&axis| View::axis(axis, rank)).collect(),
        None => Some((0..rank).collect()),
    }
}

fn number(graph: &Graph, value: Option<ValueId>) -> Option<f64> {
    match graph.constant(value)?.content {
        Content::Equal(value) => Some(value),
        _ => None,
    }
}

/// Whether `by` is the root mean square of the signal at `input` (or, unless `divides`, one over it).
fn norm(view: &View, input: usize, by: ValueId, divides: bool) -> Option<Step> {
    let graph = view.graph;
    let signal = view.node.input(input)?;
    let mut id = graph.node_before(seen(graph, by))?;
    let node = |id: NodeId| graph.node(id);
    let mut inverse = !divides;
    // 1/√: as a reciprocal, a quotient, or a power.
    if inverse && matches!(node(id).op.as_str(), "Reciprocal" | "Div") {
        let of = if node(id).op == "Div" {
            number(graph, node(id).input(0)).filter(|&one| one == 1.0)?;
            node(id).input(1)?
        } else {
            node(id).input(0)?
        };
        id = graph.node_before(seen(graph, of))?;
        inverse = false;
    }
    if node(id).op == "ReduceL2" && !inverse {
        return square_sum(view, input, id, 0.0);
    }
    let root = match node(id).op.as_str() {
        "Sqrt" => !inverse,
        "Pow" => number(graph, node(id).input(1)) == Some(if inverse { -0.5 } else { 0.5 }),
        "Clip" | "Max" | "Add" if !inverse => {
            let of = made_by(graph, node(id).input(0)?, &["ReduceL2"])?;
            return square_sum(view, input, of, 0.0);
        }
        _ => false,
    };
    if !root {
        return None;
    }
    let mut mean = graph.node_before(seen(graph, node(id).input(0)?))?;
    let mut eps = 0.0;
    if node(mean).op == "Add" {
        let (a, b) = (node(mean).input(0)?, node(mean).input(1)?);
        let (of, added) = if graph.constant(Some(b)).is_some() { (a, b) } else { (b, a) };
        eps = number(graph, Some(added))?;
        mean = graph.node_before(seen(graph, of))?;
    }
    let node = node(mean);
    match node.op.as_str() {
        "ReduceMean" => {
            squares(graph, node.input(0)?, signal).then_some(())?;
            let rank = view.array(input).ok()?.rank();
            Some(Step::Scale { input, dims: dims(view, mean, rank)?, eps, factor: 1.0 })
        }
        "ReduceSumSquare" => square_sum(view, input, mean, eps),
        "ReduceSum" => {
            squares(graph, node.input(0)?, signal).then_some(())?;
            summed(view, input, mean, eps)
        }
        _ => None,
    }
}

/// Division by the root of a sum of squares that the node itself takes.
fn square_sum(view: &View, input: usize, id: NodeId, eps: f64) -> Option<Step> {
    same(view.graph, view.graph.node(id).input(0)?, view.node.input(input)?).then(|| summed(view, input, id, eps))?
}

fn summed(view: &View, input: usize, id: NodeId, eps: f64) -> Option<Step> {
    let array = view.array(input).ok()?;
    let dims = dims(view, id, array.rank())?;
    let count: f64 = dims.iter().map(|&dim| array.size(dim) as f64).product();
    Some(Step::Scale { input, dims, eps: eps / count, factor: 1.0 / count.sqrt() })
}

/// Whether a value is the square of another.
fn squares(graph: &Graph, value: ValueId, of: ValueId) -> bool {
    let Some(id) = graph.node_before(seen(graph, value)) else { return false };
    let node: &Node = graph.node(id);
    let is = |input: usize| node.input(input).is_some_and(|v| same(graph, v, of));
    match node.op.as_str() {
        "Pow" => is(0) && number(graph, node.input(1)) == Some(2.0) || is(0) && power_is_two(graph, node),
        "Mul" => is(0) && is(1),
        _ => false,
    }
}

/// The exponent may be stored as a whole number.
fn power_is_two(graph: &Graph, node: &Node) -> bool {
    graph.constant(node.input(1)).and_then(|c| c.ints.as_ref()).is_some_and(|ints| ints[..] == [2])
}
