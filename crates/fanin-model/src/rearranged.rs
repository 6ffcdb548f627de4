//! [`Rearranged`]: new values for tensors that do not stand row by row in their file.

use crate::error::FileError;
use crate::fill::{Change, Fill, Values};
use crate::view::View;

/// Elements that are made at once, in bytes: enough for all threads to be busy with what makes them.
const BLOCK: usize = 1 << 20;

/// Gives the values of another source in the order in which the file has them.
///
/// A tensor that is transposed in the file is made as a whole and held while it is written, one such tensor at a time.
pub(crate) struct Rearranged<'a> {
    inner: &'a dyn Fill,
    /// For each parameter its view, and the bytes of an element.
    views: Vec<(&'a View, usize)>,
}

impl<'a> Rearranged<'a> {
    pub(crate) fn new(inner: &'a dyn Fill, views: Vec<(&'a View, usize)>) -> Rearranged<'a> {
        Rearranged { inner, views }
    }
}

impl Fill for Rearranged<'_> {
    fn change(&self, param: usize) -> Change {
        self.inner.change(param)
    }

    fn values<'b>(&'b self, param: usize) -> Result<Box<dyn Values + 'b>, fanin::Error> {
        let values = self.inner.values(param)?;
        let (view, size) = self.views[param];
        if view.contiguous().is_some() {
            return Ok(values);
        }
        let mut elements = vec![0; view.len() as usize * size];
        for (i, block) in elements.chunks_mut(BLOCK / size * size).enumerate() {
            values.fill((i * (BLOCK / size)) as u64, block)?;
        }
        Ok(Box::new(Held { bytes: view.scatter(&elements, size), size }))
    }

    fn advance(&self, bytes: u64) {
        self.inner.advance(bytes);
    }

    fn finish(&self) -> Result<Option<String>, FileError> {
        self.inner.finish()
    }
}

/// Values that are there already.
struct Held {
    bytes: Vec<u8>,
    size: usize,
}

impl Values for Held {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error> {
        out.copy_from_slice(&self.bytes[start as usize * self.size..][..out.len()]);
        Ok(())
    }
}
