//! [`solo`]: one cell without a folder, for whoever carries cells and outcomes himself.

use crate::cell::Cell;
use crate::digest;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::pool;
use crate::train;
use fanin::Refusal;
use fanin_data::{DataSpec, Origin};
use std::path::Path;
use std::sync::Arc;

/// Runs one cell on so many threads, and gives its outcome: the one that [`run`](crate::run) would have stored.
///
/// The cell may come from another machine, so what it says of its files is looked at before anything runs.
///
/// # Errors
/// If the cell is another version's, if a file is missing or has another content, or if the cell cannot be run.
pub fn solo(cell: &Cell, threads: usize) -> Result<Outcome, Error> {
    let here = env!("CARGO_PKG_VERSION");
    if cell.fanin != here {
        let wrong = format!("it is of version {}, and this is {here}", cell.fanin);
        let remedy = "Install the same version on every machine.";
        return Err(Refusal::new(wrong, "a cell of this version", remedy).of(&cell.id(), "cell").into());
    }
    check(&cell.model, Path::new(&cell.model), cell.model_sha256.as_deref())?;
    if let Origin::Path(path) = cell.data.parse::<DataSpec>()?.origin {
        check(&cell.data, &path, cell.data_sha256.as_deref())?;
    }
    pool::attempt(cell, threads.max(1), || Ok(Arc::new(train::feed(cell)?)), |_| ())
}

/// Whether a file has the content that the cell was made for.
fn check(name: &str, path: &Path, expected: Option<&str>) -> Result<(), Error> {
    let Some(expected) = expected else { return Ok(()) };
    let wrong = match digest::of_path(path)? {
        Some(found) if found == expected => return Ok(()),
        Some(found) => format!("its content has the SHA-256 {}…", &found[..16]),
        None => "it is not on this machine".to_owned(),
    };
    let remedy = "Put it where every machine finds it under the same path, unchanged.";
    Err(Refusal::new(wrong, format!("the SHA-256 {}…", &expected[..expected.len().min(16)]), remedy)
        .of(name, "cell")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, Study, Watch, run};
    use std::sync::atomic::{AtomicBool, Ordering};

    fn cells() -> Vec<Cell> {
        let strategies = vec!["zero".into(), "he".into()];
        let study = Study { model: "mlp:64-16-10:relu".into(), strategies, seeds: 2, steps: 20, ..Study::default() };
        study.cells().unwrap()
    }

    /// An outcome but for what a clock says.
    fn timeless(mut outcome: Outcome) -> Outcome {
        outcome.seconds = 0.0;
        outcome.curve.iter_mut().for_each(|point| point.seconds = 0.0);
        outcome
    }

    #[test]
    fn a_cell_alone_gives_what_the_folder_gets() {
        let cells = cells();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        run(&store, &cells, 1, &Watch::silent()).unwrap();
        for cell in &cells {
            let stored = store.get(&cell.id()).unwrap().unwrap().unwrap();
            assert_eq!(timeless(solo(cell, 2).unwrap()), timeless(stored));
        }
    }

    #[test]
    fn a_run_that_is_stopped_begins_no_other_cell() {
        let cells = cells();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let stop = AtomicBool::new(false);
        let watch = Watch::new(|event| {
            if matches!(event, crate::Event::End { .. }) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        let done = run(&store, &cells, 1, &watch.until(&stop)).unwrap();
        assert_eq!(done.finished, 1);
        assert_eq!(run(&store, &cells, 1, &Watch::silent()).unwrap().finished, cells.len() - 1);
    }

    #[test]
    fn files_that_changed_and_other_versions_are_refused() {
        let mut cell = cells().remove(0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        cell.model = path.display().to_string();
        cell.model_sha256 = Some(digest::of_bytes(b"one"));
        let told = |cell: &Cell| solo(cell, 1).unwrap_err().to_string();
        assert!(told(&cell).contains("it is not on this machine"));
        std::fs::write(&path, "two").unwrap();
        assert!(told(&cell).contains("unchanged"));
        std::fs::write(&path, "one").unwrap();
        assert!(!told(&cell).contains("SHA-256"));
        cell.fanin = "0.0.0".to_owned();
        assert!(told(&cell).contains("Install the same version"));
    }
}
