//! What stands in for a constant of the computation whose external data is missing, where the graph says what it must be.

use super::{Graph, Node, Use, ValueId};

/// The call that makes a stand-in for the constant used at `slot`, or `None` where only the file can tell.
pub(crate) fn stand_in(graph: &Graph, slot: Use, is_mask: bool) -> Option<String> {
    let node = graph.node(slot.node);
    let zeros = matches!(node.op.as_str(), "LSTM" | "GRU" | "RNN") || is_mask;
    if zeros {
        return Some("zeros".to_owned());
    }
    let part = rotary(graph, node, slot.input)?;
    Some(format!("rotary(part={part})"))
}

/// Rotary positions: x · cos + rotate(x) · sin, where rotate joins the negated second half to the first.
fn rotary(graph: &Graph, node: &Node, input: usize) -> Option<&'static str> {
    let product = node.output(0).filter(|_| node.op == "Mul")?;
    let [sum] = &graph.value(product).uses[..] else { return None };
    let sum = graph.node(sum.node);
    let other = sum.inputs.iter().flatten().find(|&&v| v != product).filter(|_| sum.op == "Add")?;
    if rotates(graph, node.input(1 - input.min(1))?) {
        return Some("sin");
    }
    let beside = graph.node_before(*other).map(|id| graph.node(id)).filter(|n| n.op == "Mul")?;
    beside.inputs.iter().flatten().any(|&v| rotates(graph, v)).then_some("cos")
}

fn rotates(graph: &Graph, value: ValueId) -> bool {
    let Some(join) = graph.node_before(value).map(|id| graph.node(id)).filter(|n| n.op == "Concat") else {
        return false;
    };
    let negated = |v: &ValueId| graph.node_before(*v).is_some_and(|id| graph.node(id).op == "Neg");
    join.inputs.iter().flatten().any(negated)
}
