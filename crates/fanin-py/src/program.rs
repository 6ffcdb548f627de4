//! What the program `fanin` does, from Python.

use crate::failure::Failure;
use crate::threads;
use pyo3::prelude::*;

/// Runs the program with these arguments, and gives its exit code.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn main(py: Python<'_>, args: Vec<String>) -> u8 {
    py.detach(|| fanin_cli::run(&args))
}

/// A method, spelling, recipe, activation or architecture in full, as text or as JSON.
#[pyfunction]
pub(crate) fn explain(name: &str, json: bool) -> Result<String, Failure> {
    fanin_cli::explain(name, json).map_err(|error| Failure::of_command("explain", error))
}

/// A diagnosis with the options of `fanin diagnose`: as JSON, as text and as a page of HTML, and whether nothing is wrong.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn diagnose(py: Python<'_>, args: Vec<String>) -> Result<(String, String, String, bool), Failure> {
    let report = py.detach(|| threads::run(|| fanin_cli::diagnose(&args)));
    let report = report.map_err(|error| Failure::of_command("diagnose", error))?;
    let json = serde_json::to_string(&report).map_err(Failure::bug)?;
    Ok((json, fanin_cli::text(&report), fanin_cli::page(&report), report.is_healthy()))
}

/// The names of the built-in recipes, as JSON.
#[pyfunction]
pub(crate) fn recipes() -> String {
    serde_json::json!(fanin::recipe::BUILTIN.iter().map(|(name, _)| *name).collect::<Vec<_>>()).to_string()
}
