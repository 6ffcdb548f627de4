//! [`Asked`]: a comparison that was asked for, in its folder: to be run here, or wherever its cells are carried.

use super::live::Live;
use super::study::study;
use crate::args::compare::{Comparing, Telling};
use crate::print::{comparison, html};
use fanin_compare::{Cell, Comparison, Done, Store, Watch};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// A comparison that was asked for, its cells in the list of its folder.
#[derive(Debug)]
pub struct Asked {
    /// The folder.
    pub store: Store,
    /// The cells that were asked for.
    pub cells: Vec<Cell>,
    /// Cells that were not in the list before.
    pub(crate) new: usize,
    jobs: usize,
    /// What is written beside the report.
    pub(crate) telling: Telling,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Told {
    /// As data.
    pub found: Comparison,
    /// As `fanin compare` prints it.
    pub text: String,
    /// As one page of HTML that needs nothing else.
    pub page: String,
}

impl Asked {
    /// What the options ask for; the cells are listed in the folder.
    pub(crate) fn of(options: &Comparing) -> anyhow::Result<Asked> {
        let cells = study(options)?.cells()?;
        let store = Store::open(folder(options, &cells))?;
        let new = store.expand(&cells)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let jobs = options.jobs.unwrap_or(cores);
        Ok(Asked { store, cells, new, jobs, telling: options.telling.clone() })
    }

    /// Runs the cells that have no outcome yet on the cores of this machine; begins no other once `stop` is true. On a
    /// terminal it shows how far it is, if it is not to be `quiet`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn run(&self, quiet: bool, stop: Option<&AtomicBool>) -> Result<Done, fanin_compare::Error> {
        watched(&self.store, &self.cells, self.jobs, quiet, stop)
    }

    /// Writes report, page and table into the folder, and gives them. `command` is shown in them.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn report(&self, command: &str) -> anyhow::Result<Told> {
        report(&self.store, &self.telling, command)
    }
}

/// The folder that was given, or one named after the cells, so that the same command goes on where it was.
fn folder(options: &Comparing, cells: &[Cell]) -> PathBuf {
    let ids = cells.iter().fold(0u64, |sum, cell| sum.rotate_left(7) ^ fanin::stream::name_hash(&cell.id()));
    options.out.clone().unwrap_or_else(|| PathBuf::from(format!("compare-{:08x}", ids as u32)))
}

/// Runs cells of a folder, and notes there what happens.
pub(crate) fn watched(
    store: &Store,
    cells: &[Cell],
    jobs: usize,
    quiet: bool,
    stop: Option<&AtomicBool>,
) -> Result<Done, fanin_compare::Error> {
    let live = Live::new(cells, quiet);
    let watch = Watch::new(|event| {
        live.see(event);
        // A line that cannot be written is told when the results cannot be.
        let _ = store.note(event);
    });
    let watch = match stop {
        Some(stop) => watch.until(stop),
        None => watch,
    };
    let done = fanin_compare::run(store, cells, jobs, &watch);
    live.end();
    done
}

/// Writes what a folder shows into it, and gives it.
pub(crate) fn report(store: &Store, telling: &Telling, command: &str) -> anyhow::Result<Told> {
    let found = fanin_compare::summarize(store, telling.target)?;
    let folder = store.folder();
    let page = html::comparison::page(&found, command);
    store.write(&folder.join("report.json"), serde_json::to_string_pretty(&found)?.as_bytes())?;
    store.write(&folder.join("results.csv"), fanin_compare::csv(store)?.as_bytes())?;
    store.write(&folder.join("report.html"), page.as_bytes())?;
    if telling.tensorboard {
        fanin_compare::tensorboard(store)?;
    }
    let text = comparison::text(&found);
    Ok(Told { found, text, page })
}
