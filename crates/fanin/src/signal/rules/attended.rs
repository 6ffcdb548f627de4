//! What attention's weights have to do with what they weigh: keys, values and queries are made of the same few numbers.
//!
//! # Formula
//! A query looks along one direction of the d numbers that keys and values are made of. Exponentials of scores of variance
//! τ² move the mean along it by τ, so a value's second moment is E\[v²\]·(Σp² + (1 − Σp²)·τ²/d). On the way back, keys and
//! values of one place are alike in the same way: the gradient of a query is larger by 1 + 1/(d Σp²).
//!
//! # Assumes
//! Places are independent but for what they have in common, and no direction is preferred.

use super::super::array::Array;
use super::super::flow::Flow;
use super::super::profile::Profile;
use super::super::view::View;
use crate::graph::consume::passes;
use crate::graph::{Node, ValueId};

/// Nodes that are walked from a product to a softmax, or to a weight.
const REACH: usize = 12;

/// Values that a softmax averages, with what it finds among them, and with what all of them have in common: that is as much
/// for a query that sees few keys as for one that sees many.
pub(super) fn averaged(view: &View, mut y: Array) -> Array {
    let found = || {
        let node = softmax_before(view)?;
        let scores = signal(view, node.input(0)?)?;
        let dim = View::axis(node.int("axis").unwrap_or(-1), scores.rank())?;
        let x = scores.flat(dim);
        let spread = (x.second() - x.table[x.full() & !x.mask(&[dim])]).max(0.0);
        let p = view.array(0).ok()?;
        let squares = (p.size(p.rank().checked_sub(1)?) as f64 * p.second()).min(1.0);
        let v = view.array(1).ok()?;
        let v = v.flat(v.rank().checked_sub(2)?);
        let own = (v.second() - v.table[v.full() & !v.mask(&[v.rank() - 2])]).max(0.0);
        let tilt = width(view, 1).map_or(0.0, |d| (1.0 - squares) * spread.min(1.0 / squares) / d);
        Some((own * squares, own * tilt))
    };
    let Some((own, tilt)) = found() else { return y };
    let full = y.full();
    y.table[full] += tilt;
    let rest = (y.second() - own).max(0.0);
    if let Some(atom) = y.rank().checked_sub(2).and_then(|dim| y.dims[dim].first_mut()) {
        atom.profile = Profile::sum(atom.profile.as_ref(), None, atom.size, (own, rest));
    }
    y
}

/// The factor of the gradient of queries, where this is the product of queries and keys.
pub(super) fn queried(view: &View) -> f64 {
    let found = || {
        let p = signal(view, softmax_behind(view)?)?;
        let squares = p.size(p.rank().checked_sub(1)?) as f64 * p.second();
        Some(1.0 + 1.0 / (width(view, 1)? * squares))
    };
    found().unwrap_or(1.0)
}

fn signal<'a>(view: &View<'a>, value: ValueId) -> Option<&'a Array> {
    match view.flows.get(value.0)?.as_ref()? {
        Flow::Signal(state) => Some(&state.array),
        _ => None,
    }
}

/// The softmax that makes the first operand.
fn softmax_before<'a>(view: &View<'a>) -> Option<&'a Node> {
    let mut value = view.node.input(0)?;
    for _ in 0..REACH {
        let node = view.graph.node(view.graph.node_before(value)?);
        match node.op.as_str() {
            "Softmax" => return Some(node),
            "Dropout" | "Cast" | "Identity" | "Where" => {
                value = node.inputs.iter().flatten().copied().find(|&v| signal(view, v).is_some())?;
            }
            _ => return None,
        }
    }
    None
}

/// What a softmax makes of the product.
fn softmax_behind(view: &View) -> Option<ValueId> {
    let mut value = view.node.output(0)?;
    for _ in 0..REACH {
        let [slot] = view.graph.value(value).uses[..] else { return None };
        let node = view.graph.node(slot.node);
        value = node.output(0)?;
        match node.op.as_str() {
            "Softmax" => return Some(value),
            "Mul" | "Div" | "Add" | "Sub" | "Where" | "Cast" | "Identity" | "Reshape" => {}
            _ => return None,
        }
    }
    None
}

/// The numbers that an operand is made of: inputs of the weight behind which it stands.
fn width(view: &View, input: usize) -> Option<f64> {
    let mut value = view.node.input(input)?;
    for _ in 0..2 * REACH {
        let node = view.graph.node(view.graph.node_before(value)?);
        match node.op.as_str() {
            "MatMul" | "Gemm" | "Einsum" => {
                let x = signal(view, node.input(0)?)?;
                return Some(x.size(x.rank().checked_sub(1)?) as f64).filter(|&d| d >= 1.0);
            }
            "Mul" | "Div" | "Add" | "Sub" | "Split" | "Slice" | "Gather" | "Concat" => {
                value = node.inputs.iter().flatten().copied().find(|&v| view.graph.constant(Some(v)).is_none())?;
            }
            op if passes(op) => value = node.input(0)?,
            _ => return None,
        }
    }
    None
}
