//! From a graph to a [`Program`]: which nodes are needed, in which order, by which operators.

use crate::error::Error;
use crate::iteration::Iteration;
use crate::operators;
use crate::program::{Action, Program, Step};
use fanin::graph::{Body, Graph, Node, NodeId, ValueId};
use fanin::{Refusal, graph};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bodies inside bodies that are followed.
const DEPTH: usize = 32;

pub(crate) fn compile(graph: &Arc<Graph>) -> Result<Program, Error> {
    let mut compiler = Compiler::new(graph, None);
    let outputs = graph.outputs.clone();
    compiler.demand(&outputs, &Scope { within: None, depth: 0 });
    let Compiler { steps, refusals, .. } = compiler;
    if !refusals.is_empty() {
        return Err(Error::Program(refusals));
    }
    Ok(program(graph, steps))
}

fn program(graph: &Arc<Graph>, steps: Vec<Step>) -> Program {
    let mut made_by = vec![None; graph.values.len()];
    for (index, step) in steps.iter().enumerate() {
        for id in step.outputs.iter().flatten() {
            made_by[id.0] = Some(index);
        }
    }
    Program { graph: Arc::clone(graph), steps, made_by }
}

struct Compiler<'a> {
    graph: &'a Arc<Graph>,
    /// Nodes of the body that is compiled, if it is one: all others stand outside.
    inside: Option<BTreeSet<NodeId>>,
    steps: Vec<Step>,
    state: BTreeMap<NodeId, State>,
    refusals: Vec<Refusal>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// What it depends on is being put in order.
    Entered,
    /// It has its place.
    Placed,
}

/// Where steps are put.
struct Scope {
    within: Option<(usize, usize)>,
    depth: usize,
}

impl<'a> Compiler<'a> {
    fn new(graph: &'a Arc<Graph>, inside: Option<BTreeSet<NodeId>>) -> Compiler<'a> {
        Compiler { graph, inside, steps: Vec::new(), state: BTreeMap::new(), refusals: Vec::new() }
    }

    /// Puts all nodes in order that `values` need. Depth first, with a stack of its own: graphs are long.
    fn demand(&mut self, values: &[ValueId], scope: &Scope) {
        let mut stack: Vec<NodeId> = values.iter().rev().filter_map(|&id| self.maker(id)).collect();
        while let Some(&id) = stack.last() {
            match self.state.get(&id) {
                Some(State::Placed) => {
                    stack.pop();
                }
                Some(State::Entered) => {
                    stack.pop();
                    self.place(id, scope);
                    self.state.insert(id, State::Placed);
                }
                None => {
                    self.state.insert(id, State::Entered);
                    for value in self.dependencies(id).into_iter().rev() {
                        let Some(maker) = self.maker(value) else { continue };
                        match self.state.get(&maker) {
                            None => stack.push(maker),
                            Some(State::Entered) => self.cycle(maker),
                            Some(State::Placed) => {}
                        }
                    }
                }
            }
        }
    }

    /// The node that has to run for a value; none for constants and inputs.
    fn maker(&self, id: ValueId) -> Option<NodeId> {
        let value = self.graph.value(id);
        let inside = |node: &NodeId| self.inside.as_ref().is_none_or(|inside| inside.contains(node));
        value.producer.map(|(node, _)| node).filter(|_| value.constant.is_none()).filter(inside)
    }

    /// What a node needs from outside of itself.
    fn dependencies(&self, id: NodeId) -> Vec<ValueId> {
        let node = self.graph.node(id);
        let mut needed: Vec<ValueId> = node.inputs.iter().copied().flatten().collect();
        for body in &node.bodies {
            self.captured(body, &mut needed, 0);
        }
        needed
    }

    /// What the nodes of a body, and of bodies in it, use that stands outside of it.
    fn captured(&self, body: &Body, needed: &mut Vec<ValueId>, depth: usize) {
        let nodes: BTreeSet<NodeId> = body.nodes.iter().copied().collect();
        let own = |id: ValueId| body.inputs.contains(&id) || self.maker(id).is_some_and(|node| nodes.contains(&node));
        let mut used: Vec<ValueId> = body.outputs.clone();
        for &node in &body.nodes {
            let node = self.graph.node(node);
            used.extend(node.inputs.iter().flatten());
            for inner in node.bodies.iter().filter(|_| depth < DEPTH) {
                self.captured(inner, &mut used, depth + 1);
            }
        }
        needed.extend(used.into_iter().filter(|&id| !own(id)));
    }

    fn cycle(&mut self, id: NodeId) {
        let refusal = Refusal::new("it depends on its own output", "a graph without cycles", "Export the model again.");
        self.refusals.push(refusal.of(&self.graph.label(id), &self.graph.node(id).op));
    }

    fn place(&mut self, id: NodeId, scope: &Scope) {
        let node = self.graph.node(id);
        let label = self.graph.label(id);
        let refused = match node.op.as_str() {
            "If" if node.domain.is_empty() => self.branch(node, &label, scope),
            "Loop" | "Scan" if node.domain.is_empty() => self.iteration(node, &label, scope),
            _ => self.operator(node, &label, scope),
        };
        if let Err(refusal) = refused {
            self.refusals.push(refusal.of(&label, &asked(node)));
        }
    }

    fn operator(&mut self, node: &Node, label: &str, scope: &Scope) -> Result<(), Refusal> {
        // Files before the operator sets had versions are of version 1.
        let version = self.graph.opsets.get(&node.domain).copied().unwrap_or(1);
        let operator = operators::make(node, version)?;
        self.steps.push(step(node, label, scope, Action::Compute(operator)));
        Ok(())
    }

    /// The body of a `Loop` or `Scan`, as a program of its own.
    fn iteration(&mut self, node: &Node, label: &str, scope: &Scope) -> Result<(), Refusal> {
        let Some(body) = node.bodies.iter().find(|body| body.name == "body").filter(|_| scope.depth < DEPTH) else {
            return Err(malformed("its body is missing, or it is nested too deeply", "a body"));
        };
        let mut inside = BTreeSet::new();
        self.nodes(body, &mut inside, 0);
        let mut inner = Compiler::new(self.graph, Some(inside));
        inner.demand(&body.outputs, &Scope { within: None, depth: scope.depth + 1 });
        let Compiler { steps, refusals, .. } = inner;
        self.refusals.extend(refusals);
        let inner = program(self.graph, steps);
        let used = inner.steps.iter().flat_map(Step::dependencies).chain(body.outputs.iter().copied());
        let outside: BTreeSet<ValueId> =
            used.filter(|id| inner.made_by[id.0].is_none() && !body.inputs.contains(id)).collect();
        let version = self.graph.opsets.get("").copied().unwrap_or(1);
        let values = [body.inputs.clone(), body.outputs.clone(), outside.into_iter().collect()];
        let iteration = Iteration::new(node, version, inner, values)?;
        self.steps.push(step(node, label, scope, Action::Iterate(Box::new(iteration))));
        Ok(())
    }

    /// All nodes of a body, and of bodies in it.
    fn nodes(&self, body: &Body, all: &mut BTreeSet<NodeId>, depth: usize) {
        for &id in &body.nodes {
            all.insert(id);
            for inner in self.graph.node(id).bodies.iter().filter(|_| depth < DEPTH) {
                self.nodes(inner, all, depth + 1);
            }
        }
    }

    /// Both branches of an `If`, and behind them the step that chooses.
    fn branch(&mut self, node: &Node, label: &str, scope: &Scope) -> Result<(), Refusal> {
        let body = |name: &str| node.bodies.iter().find(|body| body.name == name);
        let (Some(yes), Some(no)) = (body("then_branch"), body("else_branch")) else {
            return Err(malformed("a branch is missing", "then_branch and else_branch"));
        };
        for branch in [yes, no] {
            if branch.outputs.len() != node.outputs.len() || !branch.inputs.is_empty() {
                let wrong = format!("a branch has {} inputs and {} outputs", branch.inputs.len(), branch.outputs.len());
                return Err(malformed(wrong, format!("0 and {}", node.outputs.len())));
            }
        }
        if node.input(0).is_none() || scope.depth == DEPTH {
            return Err(malformed("its condition is missing, or it is nested too deeply", "a condition"));
        }
        // The place of the choice is not known before both branches have theirs: they are told afterwards.
        let first = self.steps.len();
        for (which, branch) in [yes, no].into_iter().enumerate() {
            let from = self.steps.len();
            self.demand(&branch.outputs, &Scope { within: None, depth: scope.depth + 1 });
            for step in &mut self.steps[from..] {
                step.within.get_or_insert((usize::MAX, which));
            }
        }
        let choice = self.steps.len();
        for step in &mut self.steps[first..] {
            if let Some((within @ usize::MAX, _)) = &mut step.within {
                *within = choice;
            }
        }
        let branches = [yes.outputs.clone(), no.outputs.clone()];
        self.steps.push(step(node, label, scope, Action::Choose(branches)));
        Ok(())
    }
}

fn step(node: &Node, label: &str, scope: &Scope, action: Action) -> Step {
    Step {
        label: label.to_owned(),
        op: node.op.clone(),
        action,
        inputs: node.inputs.clone(),
        outputs: node.outputs.clone(),
        within: scope.within,
    }
}

fn malformed(wrong: impl Into<String>, expected: impl Into<String>) -> Refusal {
    Refusal::new(wrong, expected, "Export the model again.")
}

/// The operator with its domain, where that is not ONNX's own.
fn asked(node: &graph::Node) -> String {
    if node.domain.is_empty() { node.op.clone() } else { format!("{}:{}", node.domain, node.op) }
}
