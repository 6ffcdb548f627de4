//! Fingerprints of arrays, whose parts add up.

use crate::buffer;
use crate::call::dtype;
use crate::failure::Failure;
use crate::region::{self, Region};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

/// A fingerprint of values that does not depend on how they are laid out or split: those of the parts add up.
#[pyclass(frozen, eq, hash, module = "fanin")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Digest {
    sum: fanin::digest::Digest,
}

#[pymethods]
impl Digest {
    /// No elements yet, or the digest with these bytes.
    #[new]
    #[pyo3(signature = (state=None))]
    fn new(state: Option<[u8; 24]>) -> Digest {
        Digest { sum: state.map(fanin::digest::Digest::from_bytes).unwrap_or_default() }
    }

    /// The digest of an array's bytes, which are those of a region of the tensor.
    #[staticmethod]
    #[pyo3(signature = (buffer, name, dtype, shape, region=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
    fn of(
        py: Python<'_>,
        buffer: PyBuffer<u8>,
        name: &str,
        dtype: &str,
        shape: Vec<u64>,
        region: Option<Region>,
    ) -> Result<Digest, Failure> {
        let (dtype, region) = (self::dtype(dtype)?, region::said(region));
        let digest = |bytes: &[u8]| fanin::digest::Digest::of(name, dtype, &shape, &region, bytes);
        Ok(Digest { sum: buffer::read(py, &buffer, digest)?? })
    }

    fn __add__(&self, other: &Digest) -> Digest {
        Digest { sum: self.sum + other.sum }
    }

    fn __str__(&self) -> String {
        self.sum.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Digest({})", self.sum)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, ([u8; 24],)) {
        (py.get_type::<Digest>().into_any(), (self.sum.to_bytes(),))
    }

    /// Number of elements that went in.
    #[getter]
    fn count(&self) -> u64 {
        self.sum.count()
    }
}
