//! [`Store`]: a folder of cells and of their outcomes, for any number of processes at a time.
//!
//! `cells.jsonl` has a line for each cell; `results/ID` its outcome, and below it the SHA-256 of that line, renamed into place
//! when it is whole; `locks/ID` is locked by whoever runs it, and the system frees it when a process ends, however it ends.

use crate::cell::Cell;
use crate::digest;
use crate::error::Error;
use crate::outcome::Outcome;
use fanin::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// More than any list of cells or outcome has, in bytes.
const MOST: u64 = 1 << 30;

/// A folder with a comparison.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// What is wrong with the outcome of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The cell.
    pub id: String,
    /// What is wrong.
    pub what: String,
}

/// A line of the list of cells.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    cell: Cell,
}

impl Store {
    /// Opens a folder, and makes it where there is none.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Store, Error> {
        let folder = folder.into();
        for inner in ["results", "locks"] {
            let path = folder.join(inner);
            fs::create_dir_all(&path).map_err(Error::io(&path, "make the folder"))?;
        }
        Ok(Store { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds cells to the list; those that are in it stay where they are. Gives the number of new ones.
    ///
    /// # Errors
    /// If the list cannot be read or written.
    pub fn expand(&self, cells: &[Cell]) -> Result<usize, Error> {
        let path = self.folder.join("locks/cells");
        let lock = File::create(&path).map_err(Error::io(&path, "open the lock"))?;
        lock.lock().map_err(Error::io(&path, "lock"))?;
        let mut all = if self.list().exists() { self.cells()? } else { Vec::new() };
        let mut known: BTreeSet<String> = all.iter().map(Cell::id).collect();
        let before = all.len();
        for cell in cells {
            if known.insert(cell.id()) {
                all.push(cell.clone());
            }
        }
        if all.len() > before {
            let lines: Vec<String> = all.iter().map(line).collect();
            self.write(&self.list(), (lines.join("\n") + "\n").as_bytes())?;
        }
        Ok(all.len() - before)
    }

    fn list(&self) -> PathBuf {
        self.folder.join("cells.jsonl")
    }

    /// All cells, in the order of the list.
    ///
    /// # Errors
    /// If the list cannot be read, or a line is no cell: the message tells which.
    pub fn cells(&self) -> Result<Vec<Cell>, Error> {
        let path = self.list();
        let refuse = |wrong: String| {
            let remedy = "Write the list anew: `fanin compare expand`, after removing that file.";
            Refusal::new(wrong, "a cell in every line, with the id of its content", remedy)
                .of(&path.display().to_string(), "")
        };
        if !path.exists() {
            let remedy = "Make one: `fanin compare expand … -o DIR`.";
            let what = Refusal::new("there is no list of cells", "a folder with a comparison", remedy);
            return Err(what.of(&path.display().to_string(), "").into());
        }
        let mut cells = Vec::new();
        for (at, text) in read(&path)?.lines().enumerate() {
            let found: Line = serde_json::from_str(text).map_err(|e| refuse(format!("line {}: {e}", at + 1)))?;
            if found.id != found.cell.id() {
                let id = found.cell.id();
                return Err(refuse(format!("line {} says {} and its content has {id}", at + 1, found.id)).into());
            }
            cells.push(found.cell);
        }
        Ok(cells)
    }

    /// Claims a cell for this process until the claim is dropped; `None` where another has it.
    ///
    /// # Errors
    /// If the lock cannot be opened.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>, Error> {
        let (path, file) = self.lock(id)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io(&path, "lock")(error)),
        }
    }

    /// Claims a cell, after waiting for whoever has it.
    ///
    /// # Errors
    /// If the lock cannot be opened.
    pub fn wait(&self, id: &str) -> Result<Claim, Error> {
        let (path, file) = self.lock(id)?;
        file.lock().map_err(Error::io(&path, "lock"))?;
        Ok(Claim { _lock: file })
    }

    fn lock(&self, id: &str) -> Result<(PathBuf, File), Error> {
        let path = self.folder.join("locks").join(id);
        let file = File::create(&path).map_err(Error::io(&path, "open the lock"))?;
        Ok((path, file))
    }

    fn result(&self, id: &str) -> PathBuf {
        self.folder.join("results").join(id)
    }

    /// Stores an outcome: as a whole, or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, id: &str, outcome: &Outcome) -> Result<(), Error> {
        let text = serde_json::to_string(outcome).map_err(|e| Error::Broken(e.to_string()))?;
        let check = digest::of_bytes(text.as_bytes());
        self.write(&self.result(id), format!("{text}\n{check}\n").as_bytes())
    }

    /// The outcome of a cell: `None` where there is none, a fault where it is damaged.
    ///
    /// # Errors
    /// If the file is there and the system does not give it.
    pub fn get(&self, id: &str) -> Result<Option<Result<Outcome, Fault>>, Error> {
        let path = self.result(id);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = read_bytes(&path)?;
        Ok(Some(parse(&bytes).map_err(|what| Fault { id: id.to_owned(), what })))
    }

    /// Whether a cell has an outcome that is whole.
    ///
    /// # Errors
    /// If a file is there and the system does not give it.
    pub fn has(&self, id: &str) -> Result<bool, Error> {
        Ok(matches!(self.get(id)?, Some(Ok(_))))
    }

    /// Adds a line to the events of this folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&self, event: &impl Serialize) -> Result<(), Error> {
        let path = self.folder.join("events.jsonl");
        let text = serde_json::to_string(event).map_err(|e| Error::Broken(e.to_string()))?;
        // One write of one line: what several processes append does not mix.
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes())).map_err(Error::io(&path, "append to"))
    }

    /// Writes a file beside its place and renames it there.
    ///
    /// # Errors
    /// If there is no room, or no right.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(&self.folder);
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(path, "write"))?;
        file.write_all(bytes).map_err(Error::io(path, "write"))?;
        file.persist(path).map_err(|error| Error::io(path, "rename into place")(error.error))?;
        Ok(())
    }
}

/// A cell that this process has for itself.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

fn line(cell: &Cell) -> String {
    // The cell's own text, so that the id is the hash of what stands there.
    format!("{{\"id\":\"{}\",\"cell\":{}}}", cell.id(), cell.text())
}

fn parse(bytes: &[u8]) -> Result<Outcome, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("it is no text: {e}"))?;
    let mut lines = text.lines();
    let (Some(outcome), Some(check)) = (lines.next(), lines.next()) else { return Err("it was cut off".to_owned()) };
    if digest::of_bytes(outcome.as_bytes()) != check {
        return Err("its content is not what was written".to_owned());
    }
    serde_json::from_str(outcome).map_err(|e| format!("it is of another version: {e}"))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(path).map_err(Error::io(path, "read"))?.len();
    if size > MOST {
        let wrong = format!("it has {size} bytes");
        return Err(Refusal::new(wrong, format!("at most {MOST}"), "Remove it.")
            .of(&path.display().to_string(), "")
            .into());
    }
    fs::read(path).map_err(Error::io(path, "read"))
}

fn read(path: &Path) -> Result<String, Error> {
    String::from_utf8(read_bytes(path)?).map_err(|error| {
        Refusal::new(format!("it is no text: {error}"), "lines of JSON", "Remove it.")
            .of(&path.display().to_string(), "")
            .into()
    })
}
