//! [`Source`]: where the data of a calibration come from.

use crate::error::Error;
use crate::probe::Targets;
use crate::tensor::Tensor;
use fanin::graph::ValueId;
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
