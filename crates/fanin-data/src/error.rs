//! [`DataError`]: what is wrong with data, where, what was expected and what to do.

use std::fmt;

/// Why data cannot be used, in the five parts that every message of fanin has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DataError {
    /// The data: a built-in name, a path, or the text of the option.
    pub source_name: String,
    /// Where in it: `row 17, column 3 (`age`)`; empty if it is the whole.
    pub place: String,
    /// What is wrong, with the value that is wrong.
    pub wrong: String,
    /// What would have been right.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl DataError {
    pub(crate) fn new(wrong: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> DataError {
        DataError {
            source_name: String::new(),
            place: String::new(),
            wrong: wrong.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    /// A file whose bytes do not fit together.
    pub(crate) fn damaged(wrong: impl Into<String>, expected: impl Into<String>) -> DataError {
        DataError::new(wrong, expected, "The file is damaged or was cut off: make or download it again.")
    }

    /// The same error with its place, where that is not set yet.
    pub(crate) fn at(mut self, place: impl Into<String>) -> DataError {
        if self.place.is_empty() {
            self.place = place.into();
        }
        self
    }

    /// The same error with its source, where that is not set yet.
    pub(crate) fn of(mut self, source: &str) -> DataError {
        if self.source_name.is_empty() {
            source.clone_into(&mut self.source_name);
        }
        self
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.source_name, &self.place] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        write!(f, "{}; expected {}. {}", self.wrong, self.expected, self.remedy)
    }
}
