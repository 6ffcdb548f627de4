//! [`Failure`]: what can go wrong, as the exceptions of `fanin.errors`, always in the five parts of a message.

use fanin::{Error, Refusal};
use fanin_model::FileError;
use pyo3::prelude::*;
use std::path::Path;

/// Anything that a call from Python can end in.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something that cannot be done: `fanin.Refused`.
    Refused(Vec<Refusal>),
    /// A file: `fanin.FileError`.
    File(Refusal),
    /// Python's own.
    Python(PyErr),
}

impl Failure {
    /// What cannot happen unless fanin has a mistake.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` passes it")]
    pub(crate) fn bug(wrong: impl ToString) -> Failure {
        Refusal::new(wrong.to_string(), "no such failure", "Please report this with what you called.")
            .of("fanin", "run")
            .into()
    }

    /// What ended a command of the program, whose options `verb` has.
    pub(crate) fn of_command(verb: &str, error: anyhow::Error) -> Failure {
        let told = |failure| match failure {
            Failure::Refused(refusals) => Failure::Refused(refusals.into_iter().map(|r| r.of("", verb)).collect()),
            other => other,
        };
        let unknown = |error: anyhow::Error| {
            let text = format!("{error:#}");
            let said = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
            let wrong = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let remedy = format!("`fanin {verb} --help` and docs/cli.md list them.");
            Refusal::new(wrong, format!("the options of `fanin {verb}`"), remedy).of("arguments", verb).into()
        };
        known(error).map_or_else(unknown, told)
    }
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
            Error::Text { what, problem } => {
                Refusal::new(problem, "a text that fanin can read", "Mend the text there, or write it again.")
                    .of(&what, "read")
                    .into()
            }
            other => Failure::bug(other),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        let of = |path: &Path, asked: &str, wrong: String, expected: &str, remedy: &str| {
            Failure::File(Refusal::new(wrong, expected, remedy).of(&path.display().to_string(), asked))
        };
        match error {
            FileError::Values(error) => error.into(),
            FileError::Architecture(misread) => Failure::Refused(misread.refusals()),
            FileError::Content(problem) => {
                let place = problem.offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default();
                let field = if problem.field.is_empty() { String::new() } else { format!(" `{}`", problem.field) };
                let asked = format!("read{field}{place}");
                of(&problem.path, &asked, problem.wrong.clone(), &problem.expected, &problem.remedy)
            }
            FileError::Io { path, doing, source, remedy } => {
                of(&path, &doing, source.to_string(), "a file that can be read and written", &remedy)
            }
            FileError::Exists(path) => {
                let remedy = "Say `overwrite=True` to replace it, or name another.";
                of(&path, "write", "this file exists already".to_owned(), "a name that is free", remedy)
            }
            FileError::Busy(path) => {
                let remedy = "Wait until it has ended, or name another.";
                of(&path, "write", "another run is writing this file now".to_owned(), "a file of one's own", remedy)
            }
            other => Failure::bug(other),
        }
    }
}

impl From<fanin_engine::Error> for Failure {
    fn from(error: fanin_engine::Error) -> Failure {
        match error {
            fanin_engine::Error::Refused(refusal) => refusal.into(),
            fanin_engine::Error::Program(refusals) => Failure::Refused(refusals),
            other => Failure::bug(other),
        }
    }
}

impl From<fanin_data::DataError> for Failure {
    fn from(error: fanin_data::DataError) -> Failure {
        let asked = if error.place.is_empty() { "data".to_owned() } else { format!("data, {}", error.place) };
        Refusal::new(error.wrong, error.expected, error.remedy).of(&error.source_name, &asked).into()
    }
}

impl From<fanin_network::Error> for Failure {
    fn from(error: fanin_network::Error) -> Failure {
        match error {
            fanin_network::Error::File(error) => (*error).into(),
            fanin_network::Error::Plan(error) => (*error).into(),
            fanin_network::Error::Refused(refusal) => (*refusal).into(),
            fanin_network::Error::Run(error) => (*error).into(),
            fanin_network::Error::Data(error) => (*error).into(),
            fanin_network::Error::Room(error) => {
                let remedy = "Make room in the folder for temporary files.";
                let refusal = Refusal::new(error.to_string(), "a place for the drawn values", remedy);
                Failure::File(refusal.of("temporary files", "write"))
            }
            other => Failure::bug(other),
        }
    }
}

impl From<fanin_compare::Error> for Failure {
    fn from(error: fanin_compare::Error) -> Failure {
        match error {
            fanin_compare::Error::Network(error) => (*error).into(),
            fanin_compare::Error::Refused(refusal) => refusal.into(),
            fanin_compare::Error::Io { path, doing, source } => {
                let expected = "a folder that can be read and written";
                let refusal = Refusal::new(source.to_string(), expected, "Check the folder and its rights.");
                Failure::File(refusal.of(&path.display().to_string(), doing))
            }
            other => Failure::bug(other),
        }
    }
}

/// A failure of one of fanin's crates, whatever it was told with.
fn known(error: anyhow::Error) -> Result<Failure, anyhow::Error> {
    let error = match error.downcast::<Error>() {
        Ok(error) => return Ok(error.into()),
        Err(error) => error,
    };
    let error = match error.downcast::<Refusal>() {
        Ok(refusal) => return Ok(refusal.into()),
        Err(error) => error,
    };
    let error = match error.downcast::<fanin_compare::Error>() {
        Ok(error) => return Ok(error.into()),
        Err(error) => error,
    };
    let error = match error.downcast::<fanin_network::Error>() {
        Ok(error) => return Ok(error.into()),
        Err(error) => error,
    };
    let error = match error.downcast::<fanin_engine::Error>() {
        Ok(error) => return Ok(error.into()),
        Err(error) => error,
    };
    let error = match error.downcast::<fanin_data::DataError>() {
        Ok(error) => return Ok(error.into()),
        Err(error) => error,
    };
    error.downcast::<FileError>().map(Failure::from)
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
    let (class, refusals) = match failure {
        Failure::Python(error) => return Ok(error),
        Failure::Refused(refusals) => ("Refused", refusals),
        Failure::File(refusal) => ("FileError", vec![refusal]),
    };
    let parts: Vec<_> = refusals.into_iter().map(|r| (r.param, r.asked, r.wrong, r.expected, r.remedy)).collect();
    let raised = py.import("fanin.errors")?.getattr(class)?.call_method1("of", (parts,))?;
    Ok(PyErr::from_value(raised))
}
