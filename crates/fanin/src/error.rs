//! What can go wrong, as data: [`Refusal`] for one parameter, [`Error`] for everything.

use std::fmt;

/// Why one parameter cannot get what was asked for, in the five parts that every message of fanin has.
///
/// [`fmt::Display`] writes them as one sentence: the parameter, what was asked, what is wrong with which value, what was
/// expected, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The parameter, or what stands in its place (`plan`, a file, a rule).
    pub param: String,
    /// What was asked, as the user would write it: `he(fan=in)`.
    pub asked: String,
    /// What is wrong, with the value that is wrong.
    pub wrong: String,
    /// What would have been right.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    /// A refusal that does not know its parameter and its call yet; [`Refusal::of`] adds them.
    pub fn new(wrong: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal {
            param: String::new(),
            asked: String::new(),
            wrong: wrong.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    /// The same refusal with its parameter and the call that was asked, where these are not set yet.
    #[must_use]
    pub fn of(mut self, param: &str, asked: &str) -> Refusal {
        if self.param.is_empty() {
            param.clone_into(&mut self.param);
        }
        if self.asked.is_empty() {
            asked.clone_into(&mut self.asked);
        }
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.param.is_empty() {
            write!(f, "`{}`: ", self.param)?;
        }
        if !self.asked.is_empty() {
            write!(f, "{}: ", self.asked)?;
        }
        write!(f, "{}; expected {}. {}", self.wrong, self.expected, self.remedy)
    }
}

impl std::error::Error for Refusal {}

/// Any failure of this crate.
///
/// There is one type, so that failures compose; what a caller may want to tell apart are its variants.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One parameter was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A plan was refused: every problem it has, reported together.
    #[error("the plan has {} problem(s):\n{}", .0.len(), list(.0))]
    Plan(Vec<Refusal>),
    /// A text (call, recipe, plan) could not be read.
    #[error("{what}: {problem}")]
    Text {
        /// Which text: the call itself, or the recipe's name or path.
        what: String,
        /// What is wrong, where, and what was expected.
        problem: String,
    },
}

fn list(refusals: &[Refusal]) -> String {
    refusals.iter().map(|r| format!("  - {r}")).collect::<Vec<_>>().join("\n")
}
