//! `cargo xtask tidy`: what the compiler does not check. Every rule has its file, and reports all it finds.

mod generated;
mod layers;
mod math;
mod order;
mod shape;
mod source;

use anyhow::bail;
use std::fmt;

/// Something that is not as it should be.
pub(super) struct Problem {
    file: String,
    line: usize,
    text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

impl Problem {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), line, text: text.into() }
    }
}

/// Checks all rules.
#[expect(clippy::print_stderr, reason = "problems go to standard error")]
pub(crate) fn run() -> anyhow::Result<()> {
    let rules: [fn() -> anyhow::Result<Vec<Problem>>; 5] =
        [order::check, layers::check, shape::check, generated::check, math::check];
    let mut problems = Vec::new();
    for rule in rules {
        problems.extend(rule()?);
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("tidy: {} problems", problems.len())
}
