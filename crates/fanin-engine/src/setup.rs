//! [`Setup`]: a node's attributes as an operator reads them, once, when the graph is compiled.

use crate::tensor::Tensor;
use fanin::Refusal;
use fanin::graph::{Attribute, Node};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The attributes of a node, with the version of the operator set that gives them their meaning.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    node: &'a Node,
    version: u64,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(node: &'a Node, version: u64) -> Setup<'a> {
        Setup { node, version, read: RefCell::default() }
    }

    /// Version of the operator set of the node's domain.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Number of inputs, those left out included.
    pub(crate) fn inputs(&self) -> usize {
        self.node.inputs.len()
    }

    /// Number of outputs, those left out included.
    pub(crate) fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.read.borrow_mut().insert(name.to_owned());
        self.node.attributes.get(name)
    }

    /// Declares that an attribute has no influence on what is computed.
    pub(crate) fn ignore(&self, name: &str) {
        self.read.borrow_mut().insert(name.to_owned());
    }

    /// An integer.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// An integer, if it is given.
    pub(crate) fn optional_int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Int(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong_kind(name, other, "an integer")),
        }
    }

    /// An integer that must be given.
    pub(crate) fn needed_int(&self, name: &str) -> Result<i64, Refusal> {
        self.optional_int(name)?.ok_or_else(|| missing(name))
    }

    /// A truth value, written as 0 or 1.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    /// A number.
    pub(crate) fn float(&self, name: &str, default: f64) -> Result<f64, Refusal> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    /// A number, if it is given.
    pub(crate) fn optional_float(&self, name: &str) -> Result<Option<f64>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Float(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong_kind(name, other, "a number")),
        }
    }

    /// Integers, if they are given.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(other) => Err(wrong_kind(name, other, "a list of integers")),
        }
    }

    /// Numbers, if they are given.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'a [f64]>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(other) => Err(wrong_kind(name, other, "a list of numbers")),
        }
    }

    /// Words, if they are given.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<&'a [String]>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Texts(values)) => Ok(Some(values)),
            Some(other) => Err(wrong_kind(name, other, "a list of words")),
        }
    }

    /// A word.
    pub(crate) fn text(&self, name: &str, default: &'a str) -> Result<&'a str, Refusal> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(other) => Err(wrong_kind(name, other, "a text")),
        }
    }

    /// A small tensor, if it is given.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, Refusal> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Tensor(literal)) => {
                Tensor::from_bytes(literal.dtype, &literal.shape, &literal.bytes).map(Some)
            }
            Some(other) => Err(wrong_kind(name, other, "a small tensor")),
        }
    }

    /// Attributes that nothing has read.
    pub(crate) fn unread(&self) -> Vec<&'a str> {
        let read = self.read.borrow();
        self.node.attributes.keys().map(String::as_str).filter(|name| !read.contains(*name)).collect()
    }

    /// A refusal of an attribute's value.
    pub(crate) fn refuse(name: &str, value: impl std::fmt::Debug, expected: impl Into<String>) -> Refusal {
        Refusal::new(format!("the attribute {name} is {value:?}"), expected, "Export the model again.")
    }
}

fn wrong_kind(name: &str, value: &Attribute, expected: &str) -> Refusal {
    Setup::refuse(name, value, expected)
}

fn missing(name: &str) -> Refusal {
    Refusal::new(format!("the attribute {name} is missing"), "the operator's settings", "Export the model again.")
}
