//! Data to look at a network with: built-in sets, synthetic ones, and files.
//!
//! A [`DataSpec`] says what is wanted, as a user writes it (`digits`, `houses.csv#label=price,standardize`); [`open`] makes a
//! [`Dataset`] of it: inputs and targets as arrays, the rows for training and for testing, and what kind of task the targets
//! set. What a file claims is checked before it is believed, and every value is looked at: a bad one is refused with its
//! row and column.
//!
//! Which row goes where is a pure function of (seed, epoch), the same on every machine; see [`order`].
//!
//! # Example
//! ```
//! let data = fanin_data::open(&"digits#standardize".parse()?, None)?;
//! assert_eq!(data.inputs[0].array.shape, [1797, 64]);
//! assert_eq!((data.train.len(), data.test.len()), (1438, 359));
//! let first = data.batches(0, 0, 32).next().unwrap();
//! assert_eq!(data.take(&first).targets.shape, [32]);
//! # Ok::<(), fanin_data::DataError>(())
//! ```

mod array;
mod builtin;
mod check;
mod dataset;
mod error;
mod file;
mod fit;
mod open;
mod order;
mod spec;
mod standard;
mod statistics;
mod targets;
mod task;
mod wanted;

pub use array::{Array, Values};
pub use builtin::{BUILTIN, Builtin};
pub use dataset::{Batch, Dataset, Named};
pub use error::DataError;
pub use file::read;
pub use open::{Raw, open, prepare};
pub use order::{order, split};
pub use spec::{DataSpec, OPTIONS, Options, Origin};
pub use standard::{Standard, Standardization};
pub use statistics::{Statistics, TokenStatistics, statistics};
pub use targets::{Targets, targets};
pub use task::{Inferred, Task, TaskKind};
pub use wanted::{Input, Wanted};
