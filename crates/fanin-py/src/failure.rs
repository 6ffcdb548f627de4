//! [`Failure`]: what can go wrong, as the exceptions of `fanin.errors`.

use fanin::{Error, Refusal};
use fanin_model::FileError;
use pyo3::prelude::*;

/// Anything that a call from Python can end in.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refusals with their five parts: `fanin.Refused`.
    Refused(Vec<Refusal>),
    /// A text that cannot be read: `fanin.Refused` with a text only.
    Text(String),
    /// A file: `fanin.FileError`.
    File(String),
    /// Python's own.
    Python(PyErr),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(vec![refusal])
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Plan(refusals) => Failure::Refused(refusals),
            other => Failure::Text(other.to_string()),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        match error {
            FileError::Values(error) => error.into(),
            FileError::Architecture(misread) => Failure::Text(misread.to_string()),
            other => Failure::File(other.to_string()),
        }
    }
}

impl From<fanin_network::Error> for Failure {
    fn from(error: fanin_network::Error) -> Failure {
        match error {
            fanin_network::Error::File(error) => (*error).into(),
            fanin_network::Error::Plan(error) => (*error).into(),
            fanin_network::Error::Refused(refusal) => (*refusal).into(),
            other => Failure::Text(other.to_string()),
        }
    }
}

impl From<fanin_compare::Error> for Failure {
    fn from(error: fanin_compare::Error) -> Failure {
        match error {
            fanin_compare::Error::Network(error) => (*error).into(),
            fanin_compare::Error::Refused(refusal) => refusal.into(),
            fanin_compare::Error::Io { .. } => Failure::File(error.to_string()),
            other => Failure::Text(other.to_string()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        let error = match error.downcast::<Error>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<Refusal>() {
            Ok(refusal) => return refusal.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<fanin_compare::Error>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<fanin_network::Error>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        match error.downcast::<FileError>() {
            Ok(error) => error.into(),
            Err(error) => Failure::Text(format!("{error:#}")),
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        Python::attach(|py| raised(py, failure).unwrap_or_else(|error| error))
    }
}

fn raised(py: Python<'_>, failure: Failure) -> PyResult<PyErr> {
    let errors = py.import("fanin.errors")?;
    let raised = match failure {
        Failure::Python(error) => return Ok(error),
        Failure::Refused(refusals) => {
            let parts: Vec<_> =
                refusals.into_iter().map(|r| (r.param, r.asked, r.wrong, r.expected, r.remedy)).collect();
            errors.getattr("Refused")?.call_method1("of", (parts,))?
        }
        Failure::Text(text) => errors.getattr("Refused")?.call1((text,))?,
        Failure::File(text) => errors.getattr("FileError")?.call1((text,))?,
    };
    Ok(PyErr::from_value(raised))
}
