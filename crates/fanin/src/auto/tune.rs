//! Scales: a walk from the input to the output that gives each layer's output the second moment it should have, given what
//! all layers before it make of the signal.

use super::network::Network;
use super::target::{Goal, Targets};
use crate::graph::{NodeId, ValueId};
use crate::signal::{Seen, Tuner};
use std::collections::BTreeMap;

/// A second moment this near its goal is left alone.
const NEAR: f64 = 0.05;
/// Once it is changed, how near it should come.
const DONE: f64 = 2e-3;
/// Factors of the second moment beyond which something else is wrong.
const MOST: f64 = 1e12;

/// What was changed at one layer.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Second moment before.
    pub(super) before: f64,
    pub(super) goal: Goal,
    /// Factor of the values.
    pub(super) factor: f64,
}

/// The walk's view of what may be changed.
pub(super) struct Tuning<'a> {
    net: &'a Network<'a>,
    targets: Targets<'a>,
    free: &'a dyn Fn(usize) -> bool,
    /// Normalizations, by node.
    norms: BTreeMap<NodeId, usize>,
    /// Changes, by parameter.
    pub(super) changes: BTreeMap<usize, Change>,
    /// Parameters that a later use must not change again.
    settled: BTreeMap<usize, NodeId>,
}

impl<'a> Tuning<'a> {
    pub(super) fn new(net: &'a Network<'a>, targets: Targets<'a>, free: &'a dyn Fn(usize) -> bool) -> Tuning<'a> {
        let norms = net.norms.iter().enumerate().map(|(i, (node, ..))| (*node, i)).collect();
        Tuning { net, targets, free, norms, changes: BTreeMap::new(), settled: BTreeMap::new() }
    }

    fn goal(&self, node: NodeId, seen: &Seen) -> Option<(usize, usize, ValueId, Goal)> {
        let made = self.net.graph.node(node).output(0)?;
        if let Some(&norm) = self.norms.get(&node) {
            return Some((self.net.norms[norm].1, 1, made, self.targets.scale(norm, seen)?));
        }
        let &layer = self.net.of_node.get(&node)?;
        if matches!(self.net.layers[layer].op.as_str(), "LSTM" | "GRU" | "RNN") {
            return None;
        }
        let param = self.net.weight(layer)?;
        Some((param, self.slot(layer)?, made, self.targets.of(layer, seen)?))
    }

    /// The input of the node that holds the weight.
    fn slot(&self, layer: usize) -> Option<usize> {
        let own = &self.net.layers[layer];
        if self.net.looks_up(layer) {
            return Some(0).filter(|_| own.op == "Gather");
        }
        let inputs = &self.net.graph.node(own.node).inputs;
        (0..inputs.len().min(2)).find(|&i| inputs[i].is_some() && inputs[i] != own.input)
    }
}

impl Tuner for Tuning<'_> {
    fn tune(&mut self, node: NodeId, seen: &Seen<'_>) -> Option<(usize, f64)> {
        let (param, slot, made, goal) = self.goal(node, seen)?;
        if !(self.free)(param) || *self.settled.entry(param).or_insert(node) != node {
            return None;
        }
        let (_, now) = seen.moments(made)?;
        let ratio = goal.second / now;
        let within = if self.changes.contains_key(&param) { DONE } else { NEAR };
        if !(1.0 / MOST..=MOST).contains(&ratio) || (ratio - 1.0).abs() <= within {
            return None;
        }
        let before = self.changes.get(&param).map_or(1.0, |change| change.factor);
        // Four digits: a plan is read by people.
        let factor = digits(before * ratio.sqrt());
        if factor == before {
            return None;
        }
        let first = self.changes.get(&param).map_or(now, |change| change.before);
        self.changes.insert(param, Change { before: first, goal, factor });
        Some((slot, factor / before))
    }
}

/// The number with four significant digits.
fn digits(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    #[test]
    fn factors_have_four_digits() {
        assert_eq!((super::digits(0.123_456), super::digits(98_765.4)), (0.1235, 98_770.0));
    }
}
