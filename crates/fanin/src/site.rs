//! [`Site`] and [`Block`]: where in a deep model a parameter stands. Recipes for families ask for it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a parameter does in its block, or in the model where it is in no block.
///
/// Every family has its own names for these; what they do is the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// Makes the queries of an attention.
    Query,
    /// Makes its keys.
    Key,
    /// Makes its values.
    Value,
    /// Maps what an attention or another mixer gives back into the stream.
    Output,
    /// First matrix of a feed-forward network.
    Up,
    /// The matrix beside it whose activation is multiplied with the other's.
    Gate,
    /// Second matrix of a feed-forward network.
    Down,
    /// Chooses among experts.
    Router,
    /// Makes the model's output.
    Head,
}

impl Site {
    /// Every site, in the order of the enum.
    pub const ALL: [Site; 9] =
        [Site::Query, Site::Key, Site::Value, Site::Output, Site::Up, Site::Gate, Site::Down, Site::Router, Site::Head];

    /// The name used in recipes and plans.
    pub fn name(self) -> &'static str {
        match self {
            Site::Query => "query",
            Site::Key => "key",
            Site::Value => "value",
            Site::Output => "output",
            Site::Up => "up",
            Site::Gate => "gate",
            Site::Down => "down",
            Site::Router => "router",
            Site::Head => "head",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Site::Query => "makes the queries of an attention",
            Site::Key => "makes its keys",
            Site::Value => "makes its values",
            Site::Output => "maps what an attention or another mixer gives back into the stream",
            Site::Up => "first matrix of a feed-forward network",
            Site::Gate => "the matrix beside it, whose activation is multiplied with the other's",
            Site::Down => "second matrix of a feed-forward network",
            Site::Router => "chooses among experts",
            Site::Head => "makes the model's output",
        }
    }

    /// The site of a fused block by its label.
    pub fn of_label(label: &str) -> Option<Site> {
        Some(match label {
            "q" => Site::Query,
            "k" => Site::Key,
            "v" => Site::Value,
            "gate" => Site::Gate,
            "up" => Site::Up,
            _ => return None,
        })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One block of a tower of like ones: a transformer's layer, a residual block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The tower, as the pattern of its blocks' names: `encoder.layer.*`.
    pub tower: String,
    /// Which block it is, from 1, in the order of the numbers in the names.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in {}", self.number, self.of, self.tower)
    }
}
