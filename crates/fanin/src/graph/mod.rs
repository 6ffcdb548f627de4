//! [`Graph`]: a model's computation as data, in whatever format it came. It gives a parameter its place.
//!
//! Nodes and values of all nested bodies (`If`, `Loop`, `Scan`) live in two flat lists; the reader has resolved every
//! name by its scope, so an id means one value. Nothing here runs anything.

pub(crate) mod consume;
pub(crate) mod flow;
pub(crate) mod fused;
pub(crate) mod missing;
mod recurrent;
pub(crate) mod route;

pub use flow::Follows;

use crate::dtype::Dtype;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Index of a value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub usize);

/// Index of a node in [`Graph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// One input slot of a node: where a value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Use {
    /// The node.
    pub node: NodeId,
    /// Which of its inputs, from 0.
    pub input: usize,
}

/// A computation: nodes, the values between them, inputs and outputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All values, of all bodies.
    pub values: Vec<Value>,
    /// All nodes, of all bodies; those of one body in an order in which they can run.
    pub nodes: Vec<Node>,
    /// Inputs of the model that are not constants.
    pub inputs: Vec<ValueId>,
    /// Outputs of the model.
    pub outputs: Vec<ValueId>,
    /// Version of each operator set that the nodes are written in, by domain; the standard one is `""`.
    pub opsets: BTreeMap<String, u64>,
}

/// A tensor that flows along edges.
#[derive(Clone, Debug, Default)]
pub struct Value {
    /// Name, unique in its scope; empty only for values that the format leaves unnamed.
    pub name: String,
    /// Shape where it is known; an unknown dimension is `None`.
    pub shape: Option<Vec<Option<u64>>>,
    /// Element type where it is known.
    pub dtype: Option<Dtype>,
    /// Set if the value is stored in the file.
    pub constant: Option<Constant>,
    /// The node that makes it, and as which output.
    pub producer: Option<(NodeId, usize)>,
    /// Where it is used, in node order.
    pub uses: Vec<Use>,
}

/// A tensor stored in the file.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Shape.
    pub shape: Vec<u64>,
    /// Element type.
    pub dtype: Dtype,
    /// What is known of the elements.
    pub content: Content,
    /// The elements, if they are few integers: shapes, axes, starts and ends of slices.
    pub ints: Option<Vec<i64>>,
}

impl Constant {
    /// Number of elements, saturating.
    pub fn count(&self) -> u64 {
        self.shape.iter().fold(1, |n: u64, &d| n.saturating_mul(d))
    }
}

/// What is known of a constant's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// The file that holds them is missing.
    Missing,
    /// All elements are this number. Exporters merge such tensors although they are not tied.
    Equal(f64),
    /// They differ.
    Varied,
    /// They are 0 and a very large negative number (or −∞) only.
    Mask,
    /// They are a windowed cosine basis: row f is row 0 times cos(2πfn/N).
    Basis,
    /// They are a table of sines and cosines of positions, one wavelength a pair of columns.
    Sinusoids,
}

/// An operation.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Name; may be empty.
    pub name: String,
    /// Operator: `Conv`, `MatMul`, …
    pub op: String,
    /// Operator set; empty for the standard one.
    pub domain: String,
    /// Inputs; `None` where an optional one is left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs; `None` where an optional one is left out.
    pub outputs: Vec<Option<ValueId>>,
    /// Attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// Nested graphs, by the name of the attribute that holds them.
    pub bodies: Vec<Body>,
    /// Path of the module that the node was exported from: `layers.0.attn`, outermost first.
    pub scope: Option<String>,
}

/// A nested graph of a node.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The attribute that holds it: `then_branch`, `body`.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<NodeId>,
    /// Its formal inputs.
    pub inputs: Vec<ValueId>,
    /// Its outputs.
    pub outputs: Vec<ValueId>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// Integers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
    /// A small tensor that is no value of the graph: the element of a `ConstantOfShape`.
    Tensor(Literal),
    /// Anything else: large tensors, graphs, types.
    Other,
}

/// A small tensor written out.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Shape.
    pub shape: Vec<u64>,
    /// Element type.
    pub dtype: Dtype,
    /// The elements, little-endian.
    pub bytes: Vec<u8>,
}

impl Graph {
    /// The value with this id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The node that makes a value.
    pub fn node_before(&self, id: ValueId) -> Option<NodeId> {
        self.value(id).producer.map(|(node, _)| node)
    }

    /// The constant behind an input of a node, seen through `Identity`.
    pub fn constant(&self, id: Option<ValueId>) -> Option<&Constant> {
        let mut value = self.value(id?);
        for _ in 0..16 {
            if value.constant.is_some() {
                return value.constant.as_ref();
            }
            let node = self.node(value.producer?.0);
            if node.op != "Identity" {
                return None;
            }
            value = self.value(*node.inputs.first()?.as_ref()?);
        }
        None
    }

    /// The node's name as messages show it: its own, or its operator and first output.
    pub fn label(&self, id: NodeId) -> String {
        let node = self.node(id);
        if !node.name.is_empty() {
            return node.name.clone();
        }
        let output = node.outputs.iter().flatten().next().map_or("?", |&v| self.value(v).name.as_str());
        format!("{}({output})", node.op)
    }

    /// Fills [`Value::producer`] and [`Value::uses`] from the nodes; a reader calls it last.
    pub fn connect(&mut self) {
        for value in &mut self.values {
            value.producer = None;
            value.uses.clear();
        }
        for (n, node) in self.nodes.iter().enumerate() {
            for (input, value) in node.inputs.iter().enumerate() {
                if let Some(value) = value {
                    self.values[value.0].uses.push(Use { node: NodeId(n), input });
                }
            }
            for (output, value) in node.outputs.iter().enumerate() {
                if let Some(value) = value {
                    self.values[value.0].producer = Some((NodeId(n), output));
                }
            }
        }
    }
}

impl Node {
    /// An integer attribute.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A number attribute.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.attributes.get(name) {
            Some(Attribute::Float(value)) => Some(*value),
            _ => None,
        }
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }

    /// A text attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Attribute::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// Input `index`, if it is there.
    pub fn input(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    /// Output `index`, if it is there.
    pub fn output(&self, index: usize) -> Option<ValueId> {
        self.outputs.get(index).copied().flatten()
    }
}
