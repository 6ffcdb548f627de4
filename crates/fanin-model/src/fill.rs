//! [`Fill`]: where the values come from when a file is written. A file asks for bytes; what makes them it does not know.

use crate::error::FileError;
use fanin::Dtype;

/// The source of the new values of a model.
pub trait Fill: Sync {
    /// What happens to parameter `param` (its index in the model's list).
    fn change(&self, param: usize) -> Change;

    /// The values of parameter `param`, ready to be had in pieces.
    ///
    /// Called outside of any parallel section, so it may use all threads.
    fn values<'a>(&'a self, param: usize) -> Result<Box<dyn Values + 'a>, fanin::Error>;

    /// Called after every piece with the number of bytes of values written, from any thread: for progress bars.
    fn advance(&self, _bytes: u64) {}

    /// Called when all values are written and nothing has its final name yet: the last moment to refuse.
    ///
    /// Gives the id of the plan that the values came from, if it is known only now; it stands where
    /// [`WriteOptions::plan`](crate::WriteOptions::plan) stood so far, and is as long.
    ///
    /// # Errors
    /// If the values are not to be trusted after all. Nothing is left of the file then.
    fn finish(&self) -> Result<Option<String>, FileError> {
        Ok(None)
    }
}

/// What happens to one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Its bytes stay.
    Keep,
    /// It gets new values.
    Write {
        /// How they are stored.
        dtype: Dtype,
        /// The number that all elements equal, if they do: such tensors may go on sharing their storage.
        constant: Option<f64>,
        /// Whether [`Fill::values`] does heavy work for the tensor as a whole, so that it is best made alone.
        whole: bool,
    },
}

/// The values of one parameter; any piece can be had alone, from any thread.
pub trait Values: Sync {
    /// Fills `out` with the elements from flat index `start` on, as little-endian bytes of the dtype that
    /// [`Change::Write`] announced. The length of `out` is a multiple of the element size.
    ///
    /// Called from worker threads of the pool. It should not start parallel work of its own.
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error>;
}
