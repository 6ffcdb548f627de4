//! [`FileError`]: what can be wrong with a model file, with the place in the file, what was expected and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Any failure of opening or writing a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file is not what it says it is, or asks for what cannot be done.
    #[error(transparent)]
    Content(#[from] Box<Problem>),
    /// The text of a short architecture has mistakes.
    #[error(transparent)]
    Architecture(#[from] crate::architecture::Misread),
    /// The operating system refused.
    #[error("{}: {doing}: {source}. {remedy}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done: `write 1048576 bytes at 4096`.
        doing: String,
        /// What the system said.
        source: io::Error,
        /// What to do.
        remedy: String,
    },
    /// The target is there already, and overwriting was not asked for.
    #[error("{}: this file exists already; it is replaced only when overwriting is asked for (`--force`)", .0.display())]
    Exists(PathBuf),
    /// Another run is writing the same file at this moment.
    #[error("{}: another run is writing this file now; wait until it has ended, or give another output", .0.display())]
    Busy(PathBuf),
    /// The values that were to be written could not be made.
    #[error(transparent)]
    Values(#[from] fanin::Error),
}

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Where in the file, in bytes from its start.
    pub offset: Option<u64>,
    /// Where in the file's structure: `graph.initializer[12].dims`, or a tensor's name.
    pub field: String,
    /// What is wrong, with the value that is wrong.
    pub wrong: String,
    /// What would have been right.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

/// What to do about a file whose bytes do not fit together.
const DAMAGED: &str = "The file is damaged or was cut off: download or export it again.";

impl Problem {
    /// A problem that does not know its file yet; the file is added where it is known.
    pub(crate) fn new(field: impl Into<String>, wrong: impl Into<String>, expected: impl Into<String>) -> Box<Problem> {
        Box::new(Problem {
            path: PathBuf::new(),
            offset: None,
            field: field.into(),
            wrong: wrong.into(),
            expected: expected.into(),
            remedy: DAMAGED.into(),
        })
    }

    pub(crate) fn at(mut self: Box<Self>, offset: usize) -> Box<Problem> {
        self.offset = Some(offset as u64);
        self
    }

    /// The same problem seen from further outside: `outer` goes before the field.
    pub(crate) fn within(mut self: Box<Self>, outer: &str) -> Box<Problem> {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{outer}{dot}{}", self.field);
        self
    }

    pub(crate) fn remedy(mut self: Box<Self>, remedy: impl Into<String>) -> Box<Problem> {
        self.remedy = remedy.into();
        self
    }

    pub(crate) fn of(mut self: Box<Self>, path: &Path) -> FileError {
        if self.path.as_os_str().is_empty() {
            path.clone_into(&mut self.path);
        }
        FileError::Content(self)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, "at byte {offset}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "`{}`: ", self.field)?;
        }
        write!(f, "{}; expected {}. {}", self.wrong, self.expected, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl FileError {
    pub(crate) fn io(path: &Path, doing: impl Into<String>, source: io::Error) -> FileError {
        let remedy = match source.kind() {
            io::ErrorKind::NotFound => "Check the path.",
            io::ErrorKind::PermissionDenied => "Check the permissions of the file and its folder.",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "Make room on the disk, or write to another one; nothing was left behind."
            }
            io::ErrorKind::FileTooLarge => {
                "The file system or a limit of this process does not allow a file of this size; write to another one."
            }
            _ => "Check the disk and try again.",
        };
        FileError::Io { path: path.into(), doing: doing.into(), source, remedy: remedy.into() }
    }
}
