//! Trains one model from several initializations, and says which is best and whether that can be told.
//!
//! # The model in your head
//!
//! A [`Study`] is what is asked: models, data, strategies, seeds, how to train. It expands to [`Cell`]s, one for each strategy,
//! learning rate and seed, each named by the hash of its content. A [`Store`] is a folder of cells and of their [`Outcome`]s:
//! any number of processes may run cells of one folder, a process that is killed loses the cells it was at, and a result is
//! there as a whole or not at all. [`summarize`] reads whatever is there, as a [`Comparison`] that renderers show.
//!
//! # The design of the comparison
//! Runs of one seed are a pair: they have the same rows for training and testing, the same order of batches, the same masks of
//! dropout, and the same uniform random numbers under their weights, so that two strategies that differ in scale differ in
//! nothing else. Differences are taken within seeds and tested with a correction for the number of pairs; with one seed
//! there is no verdict.
//!
//! # Example
//! ```
//! use fanin_compare::{Store, Study, Watch, run, summarize};
//!
//! let study = Study {
//!     model: "mlp:64-32-10:relu".into(),
//!     strategies: vec!["zero".into(), "he".into()],
//!     seeds: 3,
//!     steps: 30,
//!     ..Study::default()
//! };
//! let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path())?;
//! store.expand(&study.cells()?)?;
//! let done = run(&store, &store.cells()?, 2, &Watch::silent())?;
//! assert_eq!(done.finished, 6);
//! let case = &summarize(&store, None)?.cases[0];
//! assert_eq!(case.rows[0].strategy, "he");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod comparison;
mod digest;
mod duel;
mod error;
mod outcome;
mod pool;
mod profile;
mod solo;
mod standing;
pub mod statistics;
mod store;
mod strategy;
mod study;
mod summarize;
mod table;
mod tensorboard;
mod train;
mod tuned;

pub use cell::{Cell, Training};
pub use comparison::{CaseSummary, Comparison, Metric, Row, Spot};
pub use duel::{Duel, Pair};
pub use error::Error;
pub use outcome::{Figures, Outcome, Point};
pub use pool::{Done, Event, Watch, run};
pub use profile::LayerProfile;
pub use solo::solo;
pub use standing::{Standing, Verdict};
pub use store::{Fault, Store};
pub use strategy::{DEFAULT, Strategy};
pub use study::{Arm, Case, Study};
pub use summarize::summarize;
pub use table::csv;
pub use tensorboard::write as tensorboard;
pub use train::{Run, feed, train};
