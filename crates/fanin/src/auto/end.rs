//! [`End`]: what the output of a layer comes to, and so which scale it should have.

use super::network::Residual;
use crate::graph::consume::{is_norm, passes};
use crate::graph::flow::{activation, source};
use crate::graph::{Content, Follows, Graph, NodeId, Use, ValueId};
use crate::param::Param;
use crate::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes that are walked before the search gives up.
const REACH: usize = 64;

/// What a signal comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// An activation; and the residual sum that its output is added to, if one is.
    Activated(Follows, Option<usize>),
    /// A normalization, which gives it a scale of its own.
    Normed,
    /// The end of the branch of a residual sum.
    Written(usize),
    /// The shortcut of a residual sum.
    Shortcut(usize),
    /// The signal that a residual sum adds to.
    Stream,
    /// A product with another signal: a gate.
    Gated,
    /// An operand of attention.
    Attended,
    /// The next weight.
    Weighed,
    /// An output of the model.
    Output,
    /// Nothing that is known.
    Nowhere,
}

/// A fate with what happens on the way to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    pub(super) fate: Fate,
    /// Signals that are added up before it.
    pub(super) ways: f64,
    /// Factor of the second moment by constants on the way.
    pub(super) factor: f64,
    /// A learned scale of the branch stands on the way.
    pub(super) scaled: bool,
    /// The model's output is reached, and no other weight or norm on any way.
    pub(super) is_head: bool,
}

/// Finds ends.
pub(super) struct Ends<'a> {
    graph: &'a Graph,
    residuals: &'a [Residual],
    sums: BTreeMap<NodeId, usize>,
    layers: &'a BTreeMap<NodeId, usize>,
    /// Nodes that multiply by a learned scale of a branch.
    scales: BTreeSet<NodeId>,
}

/// One step on the way.
enum Step {
    On(ValueId),
    Added(ValueId),
    Times(ValueId, f64),
    Scaled(ValueId),
    Is(Fate),
    Skip,
}

impl<'a> Ends<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        params: &[Param],
        residuals: &'a [Residual],
        layers: &'a BTreeMap<NodeId, usize>,
    ) -> Ends<'a> {
        let sums = residuals.iter().enumerate().map(|(i, residual)| (residual.sum.node, i)).collect();
        let scales = params.iter().filter(|p| p.role.value == Role::BranchScale).filter_map(|p| p.place.consumer);
        Ends { graph, residuals, sums, layers, scales: scales.collect() }
    }

    /// The end of `value`.
    pub(super) fn of(&self, value: ValueId) -> End {
        let mut end = End { fate: Fate::Nowhere, ways: 1.0, factor: 1.0, scaled: false, is_head: self.is_head(value) };
        let mut at = value;
        for _ in 0..REACH {
            match self.step(at) {
                Step::On(next) => at = next,
                Step::Added(next) => {
                    end.ways += 1.0;
                    at = next;
                }
                Step::Times(next, factor) => {
                    end.factor *= factor * factor;
                    at = next;
                }
                Step::Scaled(next) => {
                    end.scaled = true;
                    at = next;
                }
                Step::Is(fate) => {
                    end.fate = fate;
                    return end;
                }
                Step::Skip => return end,
            }
        }
        end
    }

    fn step(&self, at: ValueId) -> Step {
        if let Some(fate) = self.residual(at) {
            return Step::Is(fate);
        }
        if let Some(follows) = activation(self.graph, at) {
            return Step::Is(Fate::Activated(follows.value, self.behind(at)));
        }
        let uses = &self.graph.value(at).uses;
        if uses.is_empty() {
            return Step::Is(if self.graph.outputs.contains(&at) { Fate::Output } else { Fate::Nowhere });
        }
        if self.is_normed(at) {
            return Step::Is(Fate::Normed);
        }
        uses.iter().map(|slot| self.through(slot)).find(|step| !matches!(step, Step::Skip)).unwrap_or(Step::Skip)
    }

    /// What a value is to a residual sum that it feeds.
    fn residual(&self, at: ValueId) -> Option<Fate> {
        self.graph.value(at).uses.iter().find_map(|slot| {
            let &i = self.sums.get(&slot.node)?;
            let sum = &self.residuals[i].sum;
            if source(self.graph, at) == sum.start {
                return Some(Fate::Stream);
            }
            let made = self.graph.node_before(at)?;
            if sum.shortcut.contains(&made) {
                return Some(Fate::Shortcut(i));
            }
            sum.branch.contains(&made).then_some(Fate::Written(i))
        })
    }

    /// The residual sum that the activation of a value is added to.
    fn behind(&self, at: ValueId) -> Option<usize> {
        let (mut stack, mut seen) = (vec![at], BTreeSet::new());
        while let Some(value) = stack.pop() {
            for slot in &self.graph.value(value).uses {
                if let Some(&i) = self.sums.get(&slot.node)
                    && value != at
                {
                    let made = self.graph.node_before(value);
                    return Some(i).filter(|&i| made.is_some_and(|made| self.residuals[i].sum.branch.contains(&made)));
                }
                let ends = self.layers.contains_key(&slot.node) || self.is_normed(value);
                if !ends && seen.insert(slot.node) && seen.len() < 12 {
                    stack.extend(self.graph.node(slot.node).outputs.iter().flatten());
                }
            }
        }
        None
    }

    /// Whether a normalization takes it, as an operator or spelt out.
    fn is_normed(&self, at: ValueId) -> bool {
        let uses = &self.graph.value(at).uses;
        let by = |ops: &[&str]| uses.iter().any(|slot| ops.contains(&self.graph.node(slot.node).op.as_str()));
        let squared = || {
            uses.iter().any(|slot| {
                let node = self.graph.node(slot.node);
                let square = node.op == "Pow" || node.op == "Mul" && node.input(0) == node.input(1);
                let next = node.output(0).map(|v| &self.graph.value(v).uses);
                square && next.is_some_and(|n| n.iter().any(|s| self.graph.node(s.node).op == "ReduceMean"))
            })
        };
        uses.iter().any(|slot| {
            let op = self.graph.node(slot.node).op.as_str();
            slot.input == 0 && (is_norm(op) || op.ends_with("LayerNormalization") || op == "LpNormalization")
        }) || by(&["ReduceMean"]) && by(&["Sub"])
            || by(&["Mul", "Div"]) && squared()
    }

    /// What a node does with the value at one of its inputs.
    fn through(&self, slot: &Use) -> Step {
        let node = self.graph.node(slot.node);
        if self.layers.contains_key(&slot.node) || matches!(node.op.as_str(), "LSTM" | "GRU" | "RNN") {
            return Step::Is(Fate::Weighed);
        }
        let Some(output) = node.output(0) else { return Step::Skip };
        let other = |i: usize| node.inputs.iter().enumerate().filter(move |(at, _)| *at != i).filter_map(|(_, v)| *v);
        let signals = other(slot.input).filter(|&v| !self.is_fixed(v)).count();
        match node.op.as_str() {
            "Shape" | "Size" => Step::Skip,
            "Add" | "Sub" | "Sum" if signals > 0 => Step::Added(output),
            "Mul" | "Div" if signals > 0 => Step::Is(Fate::Gated),
            "Mul" | "Div" if self.scales.contains(&slot.node) => Step::Scaled(output),
            "Mul" | "Div" => {
                let number = other(slot.input).find_map(|v| match self.graph.constant(Some(v))?.content {
                    Content::Equal(value) if value != 0.0 && value.is_finite() => Some(value),
                    _ => None,
                });
                let number = number.unwrap_or(1.0);
                Step::Times(output, if node.op == "Div" { 1.0 / number } else { number })
            }
            "MatMul" | "Einsum" | "Gemm" if signals > 0 => Step::Is(Fate::Attended),
            "Add" | "Sub" | "Sum" | "Where" | "Concat" | "MaxPool" | "AveragePool" | "GlobalAveragePool"
            | "GlobalMaxPool" | "Dropout" | "Pad" | "ReduceMean" | "ReduceSum" | "ReduceMax" | "Split" | "Resize"
            | "Upsample" | "DepthToSpace" | "SpaceToDepth" | "LRN" | "LpPool" => Step::On(output),
            "Gather" if slot.input == 0 => Step::On(output),
            op if slot.input == 0 && passes(op) => Step::On(output),
            _ => Step::Skip,
        }
    }

    /// Whether a value comes from constants alone.
    fn is_fixed(&self, value: ValueId) -> bool {
        let mut stack = vec![(value, 0)];
        while let Some((value, depth)) = stack.pop() {
            let known = self.graph.value(value);
            if known.constant.is_some() {
                continue;
            }
            match known.producer {
                Some((node, _)) if depth < 8 => {
                    stack.extend(self.graph.node(node).inputs.iter().flatten().map(|&v| (v, depth + 1)));
                }
                _ => return false,
            }
        }
        true
    }

    /// Whether the model's first output is reached, on every way without another weight, norm or attention.
    fn is_head(&self, value: ValueId) -> bool {
        let (mut stack, mut seen, mut reached) = (vec![value], BTreeSet::new(), false);
        while let Some(value) = stack.pop() {
            reached |= self.graph.outputs.first() == Some(&value);
            if self.is_normed(value) || seen.len() > REACH {
                return false;
            }
            for slot in &self.graph.value(value).uses {
                let node = self.graph.node(slot.node);
                let attends = node.op == "MatMul" && node.inputs.iter().flatten().all(|&v| !self.is_fixed(v));
                if self.layers.contains_key(&slot.node) || self.sums.contains_key(&slot.node) || attends {
                    return false;
                }
                if node.op != "Shape" && seen.insert(slot.node) {
                    stack.extend(node.outputs.iter().flatten());
                }
            }
        }
        reached
    }
}
