//! [`Program`]: a graph that is known to be runnable, its steps in order.

use crate::constants::Constants;
use crate::error::Error;
use crate::iteration::Iteration;
use crate::operator::Operator;
use crate::operators;
use crate::tensor::Tensor;
use crate::trace::{Options, Trace};
use fanin::Graph;
use fanin::graph::ValueId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A compiled graph.
///
/// Compiling resolves every operator by domain and version, reads all attributes, and puts the nodes in an order in which
/// they can run. Whatever is wrong with the graph is reported here, all of it together, before anything runs.
#[derive(Debug)]
pub struct Program {
    pub(crate) graph: Arc<Graph>,
    pub(crate) steps: Vec<Step>,
    /// The step that makes each value.
    pub(crate) made_by: Vec<Option<usize>>,
}

/// A node at its place in the order.
#[derive(Debug)]
pub(crate) struct Step {
    /// As messages name it.
    pub(crate) label: String,
    /// Operator's name.
    pub(crate) op: String,
    pub(crate) action: Action,
    pub(crate) inputs: Vec<Option<ValueId>>,
    pub(crate) outputs: Vec<Option<ValueId>>,
    /// The `If` step and which of its branches this step belongs to. The `If` stands behind its branches.
    pub(crate) within: Option<(usize, usize)>,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Computes.
    Compute(Box<dyn Operator>),
    /// Passes on the values of one of two branches: then, else.
    Choose([Vec<ValueId>; 2]),
    /// Runs a body many times.
    Iterate(Box<Iteration>),
}

impl Step {
    /// All values that the step depends on.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = ValueId> {
        let (branches, captured): (&[Vec<ValueId>], &[ValueId]) = match &self.action {
            Action::Compute(_) => (&[], &[]),
            Action::Choose(branches) => (branches, &[]),
            Action::Iterate(iteration) => (&[], &iteration.captured),
        };
        self.inputs.iter().copied().flatten().chain(branches.iter().flatten().copied()).chain(captured.iter().copied())
    }

    /// Whether gradients pass through it.
    pub(crate) fn differentiable(&self) -> bool {
        match &self.action {
            Action::Compute(operator) => operator.differentiable(),
            Action::Choose(_) | Action::Iterate(_) => true,
        }
    }
}

impl Program {
    /// Compiles what the graph's outputs need.
    ///
    /// # Errors
    /// [`Error::Program`] with every node that cannot be run: an operator or a version that is missing, attributes that
    /// are not understood, values that depend on themselves.
    pub fn compile(graph: impl Into<Arc<Graph>>) -> Result<Program, Error> {
        crate::compile::compile(&graph.into())
    }

    /// The graph it was compiled from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The constants that running it needs.
    pub fn constants(&self) -> Vec<ValueId> {
        let mut needed: Vec<ValueId> = self.steps.iter().flat_map(Step::dependencies).collect();
        needed.extend(&self.graph.outputs);
        needed.retain(|&id| self.graph.value(id).constant.is_some());
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    /// The value with this name in the main graph.
    pub fn value(&self, name: &str) -> Option<ValueId> {
        self.graph.values.iter().position(|value| value.name == name).map(ValueId)
    }

    /// Begins a run with these constants and inputs. Nothing is computed before it is asked for: see [`Trace`].
    ///
    /// # Errors
    /// If an input does not fit what the graph says of it. The first dimension, the batch, may differ.
    pub fn run(
        &self,
        constants: &Constants,
        inputs: &BTreeMap<ValueId, Tensor>,
        options: Options,
    ) -> Result<Trace<'_>, Error> {
        Trace::new(self, constants, inputs, options)
    }

    /// The operators that can be run, as `domain:name` or `name`, and the first version of their operator set.
    pub fn operators() -> Vec<(&'static str, &'static str, u64)> {
        operators::all().map(|about| (about.domain, about.name, about.since)).collect()
    }
}
