//! [`Dataset`]: what a network is looked at with.

use crate::array::Array;
use crate::order::order;
use crate::task::Inferred;

/// An input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its name; that of the model's input where a model is at hand.
    pub name: String,
    /// Its rows.
    pub array: Array,
}

/// Inputs and targets, the rows to train and to test with, and the task.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What it is called: a built-in name or a path.
    pub name: String,
    /// Where it comes from, and under which licence, if that is known.
    pub about: String,
    /// One array for each input of the network, most often a single one; all have the same number of rows.
    pub inputs: Vec<Named>,
    /// What the network should answer to each row.
    pub targets: Array,
    /// What the targets ask for.
    pub task: Inferred,
    /// Names of the classes or labels, where they have any.
    pub labels: Vec<String>,
    /// Rows to train with.
    pub train: Vec<usize>,
    /// Rows to test with.
    pub test: Vec<usize>,
}

/// Some rows of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// One array for each input.
    pub inputs: Vec<Named>,
    /// The targets.
    pub targets: Array,
}

impl Dataset {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.targets.rows()
    }

    /// The rows with these indices.
    ///
    /// # Panics
    /// If an index is not one of a row.
    pub fn take(&self, rows: &[usize]) -> Batch {
        let inputs =
            self.inputs.iter().map(|input| Named { name: input.name.clone(), array: input.array.take(rows) }).collect();
        Batch { inputs, targets: self.targets.take(rows) }
    }

    /// The training rows of one epoch in batches of `size`, in the order of (seed, epoch); the last may be smaller.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn batches(&self, seed: u64, epoch: u64, size: usize) -> impl Iterator<Item = Vec<usize>> + use<> {
        assert!(size > 0, "a batch has rows");
        let rows = order(seed, epoch, &self.train);
        (0..rows.len().div_ceil(size)).map(move |i| rows[i * size..rows.len().min((i + 1) * size)].to_vec())
    }
}
