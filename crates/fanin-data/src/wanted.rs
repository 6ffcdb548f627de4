//! [`Wanted`]: what a model takes and gives, so that data can be made for it or held against it.

use fanin::Dtype;
use fanin::graph::{Graph, ValueId};
use std::collections::BTreeSet;

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Shape of one sample; `None` where the model takes any size.
    pub shape: Vec<Option<usize>>,
    /// Whether it takes whole numbers.
    pub whole: bool,
    /// For whole numbers that choose rows of a table: how many rows it has.
    pub choices: Option<usize>,
}

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Shape of its first output for one sample; `None` where it may have any size, empty where nothing is known.
    pub output: Vec<Option<usize>>,
    /// Whether its output is a probability: a sigmoid is the last operator.
    pub is_probability: bool,
}

impl Wanted {
    /// What the graph of a model says; the first dimension of inputs and outputs is taken for the samples.
    pub fn of(graph: &Graph) -> Wanted {
        let shape = |id: ValueId| -> Vec<Option<usize>> {
            let dims = graph.value(id).shape.as_deref().unwrap_or_default();
            dims.iter().skip(1).map(|dim| dim.and_then(|n| usize::try_from(n).ok())).collect()
        };
        let input = |&id: &ValueId| {
            let value = graph.value(id);
            let whole = value.dtype.is_some_and(|dtype| matches!(dtype, Dtype::I64 | Dtype::I32));
            let choices = if whole { choices(graph, id) } else { None };
            Input { name: value.name.clone(), shape: shape(id), whole, choices }
        };
        let output = graph.outputs.first().map_or(Vec::new(), |&id| shape(id));
        let is_probability = graph.outputs.first().is_some_and(|&id| ends_in(graph, id, "Sigmoid"));
        Wanted { inputs: graph.inputs.iter().map(input).collect(), output, is_probability }
    }

    /// Numbers in one answer: size of the last dimension of the output.
    pub fn outputs(&self) -> Option<usize> {
        self.output.last().copied().flatten()
    }

    /// Whether it answers at every place of a sequence of tokens.
    pub fn models_language(&self) -> bool {
        self.output.len() == 2 && self.inputs.first().is_some_and(|input| input.whole && input.shape.len() == 1)
    }
}

/// Whether `op` makes the value, seen through `Identity`.
fn ends_in(graph: &Graph, value: ValueId, op: &str) -> bool {
    let Some(node) = graph.node_before(value).map(|id| graph.node(id)) else { return false };
    node.op == op || node.op == "Identity" && node.input(0).is_some_and(|before| ends_in(graph, before, op))
}

/// How many rows the table has of which the tokens choose, seen through casts and rearrangements.
fn choices(graph: &Graph, input: ValueId) -> Option<usize> {
    let (mut seen, mut at) = (BTreeSet::new(), vec![input]);
    while let Some(value) = at.pop() {
        for slot in graph.value(value).uses.iter().filter(|slot| seen.insert(**slot)) {
            let node = graph.node(slot.node);
            match (node.op.as_str(), slot.input) {
                ("Gather", 1) => {
                    let table = graph.constant(node.input(0)).and_then(|table| table.shape.first());
                    if let Some(rows) = table.and_then(|&rows| usize::try_from(rows).ok()) {
                        return Some(rows);
                    }
                }
                ("Identity" | "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Transpose" | "Flatten", 0) => {
                    at.extend(node.output(0));
                }
                _ => {}
            }
        }
    }
    None
}
