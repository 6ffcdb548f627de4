//! [`Error`]: why a model is no network that runs.

/// Any failure of this crate: those of the crates it joins, each with its own message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file.
    #[error(transparent)]
    File(#[from] fanin_model::FileError),
    /// A plan.
    #[error(transparent)]
    Plan(#[from] fanin::Error),
    /// The computation.
    #[error(transparent)]
    Run(#[from] fanin_engine::Error),
    /// The data.
    #[error(transparent)]
    Data(#[from] fanin_data::DataError),
    /// Something that was asked and cannot be done.
    #[error(transparent)]
    Refused(#[from] fanin::Refusal),
    /// A folder for the drawn values.
    #[error("no place for the drawn values: {0}. Make room in the folder for temporary files.")]
    Room(std::io::Error),
}
