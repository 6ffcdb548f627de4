//! [`run`]: cells on the cores of this machine.

use crate::cell::Cell;
use crate::error::Error;
use crate::outcome::{Outcome, Point};
use crate::store::Store;
use crate::train::{self, Run};
use fanin_network::Feed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What happens while cells run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A cell begins.
    Begin {
        /// Its id.
        id: &'a str,
        /// Its case.
        case: &'a str,
        /// Its strategy.
        strategy: &'a str,
        /// Its seed.
        seed: u64,
        /// Its learning rate.
        rate: f64,
    },
    /// A cell was evaluated.
    Point {
        /// Its id.
        id: &'a str,
        /// Its strategy.
        strategy: &'a str,
        /// Its seed.
        seed: u64,
        /// How it stands.
        #[serde(flatten)]
        point: &'a Point,
    },
    /// A cell has its outcome.
    End {
        /// Its id.
        id: &'a str,
        /// Its strategy.
        strategy: &'a str,
        /// Its seed.
        seed: u64,
        /// Loss on the test rows.
        loss: Option<f64>,
        /// Accuracy on the test rows.
        accuracy: Option<f64>,
        /// Seconds of training.
        seconds: f64,
    },
    /// A cell had its outcome already, or another process has made it.
    Known {
        /// Its id.
        id: &'a str,
        /// Its strategy.
        strategy: &'a str,
    },
    /// The outcome of a cell was damaged; it is run again.
    Damaged {
        /// Its id.
        id: &'a str,
        /// Its strategy.
        strategy: &'a str,
        /// What is wrong with the file.
        what: &'a str,
    },
    /// A cell cannot be run.
    Failed {
        /// Its id.
        id: &'a str,
        /// Its strategy.
        strategy: &'a str,
        /// Why.
        why: &'a str,
    },
}

/// Somebody who is told what happens, from any thread, and who may end it.
pub struct Watch<'a> {
    see: Box<dyn Fn(&Event<'_>) + Sync + 'a>,
    stop: Option<&'a AtomicBool>,
}

impl<'a> Watch<'a> {
    /// Tells every event to `see`.
    pub fn new(see: impl Fn(&Event<'_>) + Sync + 'a) -> Watch<'a> {
        Watch { see: Box::new(see), stop: None }
    }

    /// Begins no other cell once `stop` is true; those that run are finished.
    #[must_use]
    pub fn until(self, stop: &'a AtomicBool) -> Watch<'a> {
        Watch { stop: Some(stop), ..self }
    }

    fn is_over(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Tells nobody.
    pub fn silent() -> Watch<'a> {
        Watch::new(|_| {})
    }
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// What came of a call of [`run`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Cells that were run.
    pub finished: usize,
    /// Cells that had their outcome.
    pub known: usize,
    /// Strategies that cannot be run, and why; each message once.
    pub failed: Vec<(String, String)>,
}

/// Runs the cells that have no outcome yet, `jobs` at a time.
///
/// The cores are divided among the cells that run, so there are never more threads at work than cores. Cells that another
/// process is at are left to it, and waited for at the end; if it does not finish them, they are run here.
///
/// # Errors
/// If the folder cannot be written. A cell that cannot be run is told in the result, and stops no other.
pub fn run(store: &Store, cells: &[Cell], jobs: usize, watch: &Watch<'_>) -> Result<Done, Error> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = jobs.clamp(1, cells.len().max(1));
    let crew =
        Crew { store, cells, watch, feeds: Mutex::default(), next: AtomicUsize::new(0), state: Mutex::default() };
    let threads = (cores / jobs).max(1);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| crew.work(threads));
        }
    });
    let State { done, broken, left } = crew.state.into_inner().unwrap_or_default();
    if let Some(error) = broken {
        return Err(error);
    }
    let rest = Crew {
        state: Mutex::new(State { done, ..State::default() }),
        feeds: crew.feeds,
        next: AtomicUsize::new(0),
        ..crew
    };
    for at in left {
        if rest.watch.is_over() {
            break;
        }
        let _claim = store.wait(&cells[at].id())?;
        rest.settle(&cells[at], threads)?;
    }
    Ok(rest.state.into_inner().unwrap_or_default().done)
}

/// Those who run cells together.
struct Crew<'a> {
    store: &'a Store,
    cells: &'a [Cell],
    watch: &'a Watch<'a>,
    /// Data that were opened, by model and data.
    feeds: Mutex<BTreeMap<(String, String), Arc<Feed>>>,
    next: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    done: Done,
    broken: Option<Error>,
    /// Cells that another process is at.
    left: Vec<usize>,
}

impl Crew<'_> {
    fn work(&self, threads: usize) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = self.cells.get(at).filter(|_| !self.watch.is_over()) else { return };
            let went = match self.store.claim(&cell.id()) {
                Ok(Some(_claim)) => self.settle(cell, threads),
                Ok(None) => {
                    self.change(|state| state.left.push(at));
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = went {
                self.change(|state| state.broken = Some(error));
                // Nobody begins another.
                self.next.store(self.cells.len(), Ordering::Relaxed);
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if let Ok(mut state) = self.state.lock() {
            change(&mut state);
        }
    }

    /// Gives a cell that is claimed its outcome, if it has none.
    fn settle(&self, cell: &Cell, threads: usize) -> Result<(), Error> {
        let (id, strategy) = (cell.id(), cell.strategy.name.as_str());
        match self.store.get(&id)? {
            Some(Ok(_)) => {
                self.tell(&Event::Known { id: &id, strategy });
                self.change(|state| state.done.known += 1);
                return Ok(());
            }
            Some(Err(fault)) => self.tell(&Event::Damaged { id: &id, strategy, what: &fault.what }),
            None => {}
        }
        let (case, seed, rate) = (cell.case.as_str(), cell.seed, cell.training.rate);
        self.tell(&Event::Begin { id: &id, case, strategy, seed, rate });
        match self.attempt(cell, &id, threads) {
            Ok(outcome) => {
                self.store.put(&id, &outcome)?;
                let (test, seconds) = (outcome.test, outcome.seconds);
                let (loss, accuracy) = (test.loss, test.accuracy);
                self.tell(&Event::End { id: &id, strategy, seed: cell.seed, loss, accuracy, seconds });
                self.change(|state| state.done.finished += 1);
            }
            Err(error) => {
                let why = error.to_string();
                self.tell(&Event::Failed { id: &id, strategy, why: &why });
                let failure = (strategy.to_owned(), why);
                self.change(|state| {
                    if !state.done.failed.contains(&failure) {
                        state.done.failed.push(failure);
                    }
                });
            }
        }
        Ok(())
    }

    fn tell(&self, event: &Event<'_>) {
        (self.watch.see)(event);
    }

    fn attempt(&self, cell: &Cell, id: &str, threads: usize) -> Result<Outcome, Error> {
        let (strategy, seed) = (cell.strategy.name.as_str(), cell.seed);
        let see = |point: &Point| self.tell(&Event::Point { id, strategy, seed, point });
        attempt(cell, threads, || self.feed(cell), see)
    }

    /// The data of a cell, opened once for all that share them.
    fn feed(&self, cell: &Cell) -> Result<Arc<Feed>, Error> {
        let key = (cell.model.clone(), cell.data.clone());
        let known = self.feeds.lock().ok().and_then(|feeds| feeds.get(&key).cloned());
        if let Some(feed) = known {
            return Ok(feed);
        }
        let feed = Arc::new(train::feed(cell)?);
        if let Ok(mut feeds) = self.feeds.lock() {
            feeds.insert(key, Arc::clone(&feed));
        }
        Ok(feed)
    }
}

/// What a cell gives, on threads of its own.
pub(crate) fn attempt(
    cell: &Cell,
    threads: usize,
    feed: impl FnOnce() -> Result<Arc<Feed>, Error> + Send,
    mut see: impl FnMut(&Point) + Send,
) -> Result<Outcome, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Error::Broken(e.to_string()))?;
    let whole = || {
        let feed = feed()?;
        let run = Run::of(cell, &feed)?;
        train::train(cell, &run, &feed, &mut see).map(|(outcome, _)| outcome)
    };
    // A slip in one operator shall not cost the other cells.
    catch_unwind(AssertUnwindSafe(|| pool.install(whole))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Error::Broken(text.to_owned()))
    })
}
