//! [`Known`]: a value together with the evidence for it. No fact enters a plan without its source.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value and where it was learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub from: Evidence,
}

/// Where a fact about a parameter comes from, strongest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The user said so.
    User,
    /// A node of the model's graph shows it.
    Graph {
        /// The node's name, or its operator and first output where it has none.
        node: String,
    },
    /// A naming or layout convention, named here: `torch: Linear is [out, in]`.
    Convention(String),
    /// The stored values show it.
    Content,
    /// The shape alone allows nothing else.
    Shape,
    /// Nothing is known; this is the customary assumption.
    Default,
}

impl<T> Known<T> {
    /// A value that the node `node` of the graph shows.
    pub fn graph(value: T, node: impl Into<String>) -> Known<T> {
        Known { value, from: Evidence::Graph { node: node.into() } }
    }

    /// A value that follows from the convention `text`.
    pub fn convention(value: T, text: impl Into<String>) -> Known<T> {
        Known { value, from: Evidence::Convention(text.into()) }
    }

    /// A value that the user gave.
    pub fn user(value: T) -> Known<T> {
        Known { value, from: Evidence::User }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::User => f.write_str("you said so"),
            Evidence::Graph { node } => write!(f, "node {node}"),
            Evidence::Convention(text) => f.write_str(text),
            Evidence::Content => f.write_str("its stored values show it"),
            Evidence::Shape => f.write_str("by its shape"),
            Evidence::Default => f.write_str("by default"),
        }
    }
}
