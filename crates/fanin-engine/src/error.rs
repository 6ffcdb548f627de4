//! [`Error`]: why a graph cannot be run. Every message names node, operator and shapes.

use fanin::Refusal;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One node, or one input of the graph, was refused while it was run.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The graph was refused before anything ran: every problem it has, reported together.
    #[error("the graph cannot be run; it has {} problem(s):\n{}", .0.len(), list(.0))]
    Program(Vec<Refusal>),
    /// The elements of a constant could not be had.
    #[error(transparent)]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

fn list(refusals: &[Refusal]) -> String {
    refusals.iter().map(|r| format!("  - {r}")).collect::<Vec<_>>().join("\n")
}

/// What to do about shapes that do not fit: the graph came from a program, and the data from the user.
pub(crate) const CHECK_SHAPES: &str = "Check the shapes of the data that is given, or export the model again.";

/// A refusal about shapes or types of operands; the executor adds the node, its operator and its operands.
pub(crate) fn mismatch(wrong: impl Into<String>, expected: impl Into<String>) -> Refusal {
    Refusal::new(wrong, expected, CHECK_SHAPES)
}
