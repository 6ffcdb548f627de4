//! Comparisons: the cells of a study, run here or carried elsewhere, and what they show.

use crate::failure::Failure;
use fanin::Refusal;
use fanin_cli::{Asked, Told};
use fanin_compare::{Cell, Outcome};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often Python is asked whether somebody has pressed Ctrl-C.
const ASKED: Duration = Duration::from_millis(20);

/// A comparison that was asked for, in its folder.
#[pyclass(frozen, module = "fanin._fanin")]
pub(crate) struct Comparing {
    asked: Asked,
}

/// The comparison that arguments of `fanin compare` ask for; its cells are listed in its folder, and none is run.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn compare(py: Python<'_>, args: Vec<String>) -> Result<Comparing, Failure> {
    let asked = py.detach(|| fanin_cli::compare(&args)).map_err(|error| Failure::of_command("compare", error))?;
    Ok(Comparing { asked })
}

/// The outcome of a cell, both as JSON, on so many threads.
#[pyfunction]
pub(crate) fn cell(py: Python<'_>, cell: &str, threads: usize) -> Result<String, Failure> {
    let cell: Cell = read("cell", cell)?;
    let outcome = py.detach(|| fanin_compare::solo(&cell, threads))?;
    written(&outcome)
}

fn read<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let remedy = "Install the same version of fanin on every machine.";
        Refusal::new(error.to_string(), format!("a {what} of this version"), remedy).of(what, "compare").into()
    })
}

fn written(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(Failure::bug)
}

#[pymethods]
impl Comparing {
    /// The folder of its cells and outcomes.
    #[getter]
    fn folder(&self) -> String {
        self.asked.store.folder().display().to_string()
    }

    /// The cells without an outcome: id, strategy, and the cell as JSON.
    fn left(&self, py: Python<'_>) -> Result<Vec<(String, String, String)>, Failure> {
        py.detach(|| {
            let mut left = Vec::new();
            for cell in &self.asked.cells {
                if !self.asked.store.has(&cell.id())? {
                    left.push((cell.id(), cell.strategy.name.clone(), written(cell)?));
                }
            }
            Ok(left)
        })
    }

    /// Runs these cells on the cores of this machine, until all are done or Ctrl-C is pressed; gives the strategies that
    /// cannot be run, and why.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
    fn run(&self, py: Python<'_>) -> Result<Vec<(String, String)>, Failure> {
        let stop = AtomicBool::new(false);
        let mut pressed = None;
        let done = py.detach(|| {
            thread::scope(|scope| {
                let run = scope.spawn(|| self.asked.run(false, Some(&stop)));
                while !run.is_finished() {
                    thread::sleep(ASKED);
                    if pressed.is_none()
                        && let Err(signal) = Python::attach(|py| py.check_signals())
                    {
                        stop.store(true, Ordering::Relaxed);
                        pressed = Some(signal);
                    }
                }
                run.join()
            })
        });
        if let Some(signal) = pressed {
            return Err(signal.into());
        }
        let done = done.map_err(|_| Failure::bug("the comparison broke off"))?;
        Ok(done?.failed)
    }

    /// Stores the outcome of a cell that was run elsewhere.
    fn put(&self, py: Python<'_>, id: &str, outcome: &str) -> Result<(), Failure> {
        let outcome: Outcome = read("outcome", outcome)?;
        Ok(py.detach(|| self.asked.store.put(id, &outcome))?)
    }

    /// What the folder shows: as JSON, as text and as a page of HTML, which shows `command`.
    fn report(&self, py: Python<'_>, command: &str) -> Result<(String, String, String), Failure> {
        let Told { found, text, page } =
            py.detach(|| self.asked.report(command)).map_err(|error| Failure::of_command("compare", error))?;
        Ok((written(&found)?, text, page))
    }
}
