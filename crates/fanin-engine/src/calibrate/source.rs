//! [`Source`]: where the data of a calibration come from.

use crate::error::Error;
use crate::probe::{Targets, synthetic};
use crate::tensor::Tensor;
use fanin::graph::{Graph, ValueId};
use std::collections::BTreeMap;

/// Batches of inputs, with what should come out.
///
/// The same index gives the same batch, however often it is asked for.
pub trait Source {
    /// What the data are, in words: `digits`, `Gaussian noise`.
    fn name(&self) -> String;

    /// The inputs of a batch.
    ///
    /// # Errors
    /// If they cannot be had.
    fn inputs(&mut self, index: u64) -> Result<BTreeMap<ValueId, Tensor>, Error>;

    /// What should come out of a batch, for logits of this shape, whose model ends with this function; random if the data
    /// have no targets. `None` if nothing tells the task.
    ///
    /// # Errors
    /// If they cannot be had.
    fn targets(&mut self, index: u64, logits: &Tensor, ending: Option<&str>) -> Result<Option<Targets>, Error>;

    /// The targets of all training data: classes `[n]`, or numbers `[n, outputs]`; `None` if there are none of their own.
    ///
    /// # Errors
    /// If they cannot be had.
    fn answers(&mut self) -> Result<Option<Targets>, Error>;
}

/// Is told how many steps of how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Made-up data: normal numbers or tokens, with random answers.
#[derive(Clone, Debug)]
pub struct Synthetic<'g> {
    /// The graph whose inputs are made.
    pub graph: &'g Graph,
    /// Samples in a batch.
    pub samples: usize,
    /// Size of other dimensions that the graph leaves open.
    pub length: usize,
    /// What they are drawn by.
    pub seed: u64,
    /// Whether the model answers with a symbol at each place of a sequence.
    pub symbols: bool,
}

impl Source for Synthetic<'_> {
    fn name(&self) -> String {
        let whole = |id: &ValueId| self.graph.value(*id).dtype.is_some_and(|dtype| !dtype.is_float());
        let tokens = !self.graph.inputs.is_empty() && self.graph.inputs.iter().all(whole);
        format!("{} samples of {}", self.samples, if tokens { "random tokens" } else { "Gaussian noise" })
    }

    fn inputs(&mut self, index: u64) -> Result<BTreeMap<ValueId, Tensor>, Error> {
        synthetic(self.graph, self.samples, self.length, self.seed.wrapping_add(index))
    }

    fn targets(&mut self, index: u64, logits: &Tensor, ending: Option<&str>) -> Result<Option<Targets>, Error> {
        let symbols = self.symbols && logits.rank() == 3;
        Ok(Targets::random(logits, ending, symbols, self.seed.wrapping_add(index)))
    }

    fn answers(&mut self) -> Result<Option<Targets>, Error> {
        Ok(None)
    }
}
