//! What is wrong with the text of a short architecture, and at which character.

use fanin::Refusal;
use std::fmt;

/// One mistake, at a stretch of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// First character, from 0.
    pub(crate) at: usize,
    /// How many characters; 0 where something is missing.
    pub(crate) len: usize,
    /// What is wrong with which value.
    pub(crate) wrong: String,
    /// What would have been right.
    pub(crate) expected: String,
}

impl Fault {
    pub(crate) fn new(at: usize, len: usize, wrong: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault { at, len, wrong: wrong.into(), expected: expected.into() }
    }
}

/// The text of a short architecture with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    text: String,
    faults: Vec<Fault>,
    remedy: String,
}

impl Misread {
    pub(crate) fn new(text: &str, faults: Vec<Fault>, remedy: impl Into<String>) -> Misread {
        Misread { text: text.to_owned(), faults, remedy: remedy.into() }
    }

    /// Each mistake in the five parts of a message.
    pub fn refusals(&self) -> Vec<Refusal> {
        let refusal = |fault: &Fault| {
            let wrong = format!("character {}: {}", fault.at + 1, fault.wrong);
            Refusal::new(wrong, fault.expected.clone(), self.remedy.clone()).of(&self.text, "build")
        };
        self.faults.iter().map(refusal).collect()
    }

    /// The first wrong character of each mistake, from 1.
    pub fn characters(&self) -> Vec<usize> {
        self.faults.iter().map(|fault| fault.at + 1).collect()
    }
}

/// Longer texts are shown from shortly before the mistake on.
const SHOWN: usize = 96;

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this short architecture cannot be built:")?;
        for fault in &self.faults {
            let start = if self.text.chars().count() > SHOWN { fault.at.saturating_sub(SHOWN / 2) } else { 0 };
            // A control character would spoil the line, or the terminal.
            let shown = self.text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
            let shown: String = shown.skip(start).take(SHOWN).collect();
            let marks = "^".repeat(fault.len.clamp(1, SHOWN));
            write!(f, "\n  {shown}\n  {}{marks}\n", " ".repeat(fault.at - start))?;
            write!(f, "  character {}: {}; expected {}", fault.at + 1, fault.wrong, fault.expected)?;
        }
        write!(f, "\n{}", self.remedy)
    }
}

impl std::error::Error for Misread {}
