//! [`Error`]: what can go wrong in a comparison.

use std::path::{Path, PathBuf};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model, its plan, its data, or its computation.
    #[error(transparent)]
    Network(Box<fanin_network::Error>),
    /// Something that was asked and cannot be done.
    #[error(transparent)]
    Refused(#[from] fanin::Refusal),
    /// A file of the comparison.
    #[error("{}: {doing}: {source}. Check the folder and its rights.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A run ended where it should not have.
    #[error("the run broke off: {0}. Please report this with the command.")]
    Broken(String),
}

impl Error {
    /// An error of the system about a file.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { path, doing, source }
    }
}

macro_rules! by_way_of_network {
    ($($from:ty),+) => {
        $(impl From<$from> for Error {
            fn from(error: $from) -> Error {
                Error::Network(Box::new(error.into()))
            }
        })+
    };
}
by_way_of_network!(
    fanin_network::Error,
    fanin::Error,
    fanin_model::FileError,
    fanin_data::DataError,
    fanin_engine::Error
);
