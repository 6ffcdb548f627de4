//! [`View`]: one node with what is known of its inputs, as a rule sees it.

use super::array::Array;
use super::flow::{Flow, Mask, State, Unknown, Whole};
use super::program::Program;
use super::series::Store;
use super::weights::Weights;
use crate::graph::{Graph, Node, NodeId, Use, ValueId};
use crate::law::Acts;
use std::rc::Rc;

/// Why a rule gives nothing.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// An input is not known.
    Before(Rc<Unknown>),
    /// The node itself is the reason.
    Here(String),
}

impl From<&str> for Why {
    fn from(why: &str) -> Why {
        Why::Here(why.to_owned())
    }
}

/// What is known while a graph is walked: places `0 ..` are the graph's values, those after them its parameters.
pub(super) type Flows = Vec<Option<Flow>>;

/// One node, and what is known of its inputs.
pub(super) struct View<'a> {
    pub(super) graph: &'a Graph,
    pub(super) id: NodeId,
    pub(super) node: &'a Node,
    /// Where each input's flow is; `None` for one that is left out.
    pub(super) slots: Vec<Option<usize>>,
    pub(super) flows: &'a Flows,
    pub(super) store: &'a Store,
    pub(super) weights: &'a Weights<'a>,
    /// In the backward walk of a normalization: moments of its output times the gradient of it.
    pub(super) weighed: Option<Array>,
    /// Whether batch normalization measures.
    pub(super) batch_statistics: bool,
    /// Whether dropout drops.
    pub(super) dropout: bool,
}

/// Where the flow of each input of a node is.
pub(super) fn slots(graph: &Graph, weights: &Weights, id: NodeId) -> Vec<Option<usize>> {
    let place = |(input, value): (usize, &Option<ValueId>)| {
        let value = (*value)?;
        let stored = graph.value(value).constant.is_some();
        let own = weights.at(Use { node: id, input }).filter(|_| stored);
        Some(own.map_or(value.0, |index| graph.values.len() + index))
    };
    graph.node(id).inputs.iter().enumerate().map(place).collect()
}

impl<'a> View<'a> {
    /// Another node of the graph, with what is known by now.
    pub(super) fn beside(&self, id: NodeId) -> View<'a> {
        View {
            graph: self.graph,
            id,
            node: self.graph.node(id),
            slots: slots(self.graph, self.weights, id),
            flows: self.flows,
            store: self.store,
            weights: self.weights,
            weighed: None,
            batch_statistics: self.batch_statistics,
            dropout: self.dropout,
        }
    }

    /// What is known of an input.
    pub(super) fn flow(&self, input: usize) -> Option<&'a Flow> {
        self.flows.get(self.slots.get(input).copied().flatten()?)?.as_ref()
    }

    /// Whether the input is there.
    pub(super) fn has(&self, input: usize) -> bool {
        self.slots.get(input).copied().flatten().is_some()
    }

    /// The moments of an input.
    pub(super) fn signal(&self, input: usize) -> Result<&'a State, Why> {
        match self.flow(input) {
            Some(Flow::Signal(state)) => Ok(state),
            Some(Flow::Unknown(unknown)) => Err(Why::Before(unknown.clone())),
            Some(Flow::Whole(_) | Flow::Mask(_)) => Err(format!("input {input} is no signal").as_str().into()),
            None => Err(format!("input {input} is missing").as_str().into()),
        }
    }

    pub(super) fn array(&self, input: usize) -> Result<&'a Array, Why> {
        Ok(&self.signal(input)?.array)
    }

    /// Whole numbers at an input.
    pub(super) fn whole(&self, input: usize) -> Option<&'a Whole> {
        match self.flow(input)? {
            Flow::Whole(whole) => Some(whole),
            _ => None,
        }
    }

    pub(super) fn mask(&self, input: usize) -> Option<&'a Mask> {
        match self.flow(input)? {
            Flow::Mask(mask) => Some(mask),
            _ => None,
        }
    }

    /// Whole numbers at an input, or in the attribute that older versions of the operator have in its place.
    pub(super) fn ints(&self, input: usize, attribute: &str) -> Option<Vec<i64>> {
        let stored = self.whole(input).and_then(|whole| whole.values.as_ref().map(|values| values.to_vec()));
        stored.or_else(|| self.node.ints(attribute).map(<[i64]>::to_vec))
    }

    /// The one number that an input holds.
    pub(super) fn number(&self, input: usize) -> Option<f64> {
        match self.flow(input)? {
            Flow::Signal(state) => state.array.value(),
            Flow::Whole(whole) => whole.values.as_ref().and_then(|v| v.first()).map(|&v| v as f64),
            _ => None,
        }
    }

    /// An axis, counted from the end if negative.
    pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
        crate::graph::route::wrap(axis, rank)
    }

    /// The place of the node's output.
    pub(super) fn output(&self, index: usize) -> Option<usize> {
        self.node.output(index).map(|value| value.0)
    }

    /// The moments of an output, in the backward walk.
    pub(super) fn made(&self, index: usize) -> Option<&'a Array> {
        match self.flows.get(self.output(index)?)?.as_ref()? {
            Flow::Signal(state) => Some(&state.array),
            _ => None,
        }
    }

    /// A signal that is a function of no other.
    pub(super) fn fresh(&self, array: Array) -> Flow {
        self.fresh_at(0, array)
    }

    /// The same for another output.
    pub(super) fn fresh_at(&self, output: usize, array: Array) -> Flow {
        let root = self.output(output).unwrap_or(usize::MAX);
        Flow::Signal(State { array, root, program: Program::root(), acts: Acts::Freely, law: None })
    }

    /// A signal that is an element-wise function of the same root as `of`.
    pub(super) fn image(&self, of: &State, program: Program) -> State {
        let array = match self.flows.get(of.root) {
            Some(Some(Flow::Signal(root))) => self.store.image_of(&root.array, root.law.as_deref(), &program),
            // A bare number has no root in the store.
            _ => self.store.image(&of.array, &program),
        };
        State { array, root: of.root, program, acts: Acts::Freely, law: None }
    }

    /// The flow of one output.
    pub(super) fn one(&self, array: Option<Array>) -> Result<Vec<Flow>, Why> {
        let array = array.ok_or("its shapes do not fit together")?;
        Ok(vec![self.fresh(array)])
    }
}
