//! [`Error`]: why a model is no network that runs.

/// Any failure of this crate: those of the crates it joins, each with its own message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file.
    #[error(transparent)]
    File(Box<fanin_model::FileError>),
    /// A plan.
    #[error(transparent)]
    Plan(Box<fanin::Error>),
    /// The computation.
    #[error(transparent)]
    Run(Box<fanin_engine::Error>),
    /// The data.
    #[error(transparent)]
    Data(Box<fanin_data::DataError>),
    /// Something that was asked and cannot be done.
    #[error(transparent)]
    Refused(Box<fanin::Refusal>),
    /// A folder for the drawn values.
    #[error("no place for the drawn values: {0}. Make room in the folder for temporary files.")]
    Room(std::io::Error),
}

macro_rules! joined {
    ($($variant:ident: $from:ty),+ $(,)?) => {
        $(impl From<$from> for Error {
            fn from(error: $from) -> Error {
                Error::$variant(Box::new(error))
            }
        })+
    };
}
joined![
    File: fanin_model::FileError,
    Plan: fanin::Error,
    Run: fanin_engine::Error,
    Data: fanin_data::DataError,
    Refused: fanin::Refusal,
];
