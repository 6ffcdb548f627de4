//! Which elements are wanted, as Python says it.

use crate::failure::Failure;
use fanin::Refusal;
use pyo3::prelude::*;

/// A region: `None` for everything, `(start, stop)` of flat indices, or a list of `(start, stop)` for each dimension.
#[derive(Debug)]
pub(crate) enum Region {
    Flat((u64, u64)),
    Ranges(Vec<Vec<(u64, u64)>>),
}

impl<'py> FromPyObject<'_, 'py> for Region {
    type Error = PyErr;

    fn extract(said: Borrowed<'_, 'py, PyAny>) -> PyResult<Region> {
        if let Ok(flat) = said.extract() {
            return Ok(Region::Flat(flat));
        }
        said.extract().map(Region::Ranges).map_err(|_| {
            let expected =
                "`(start, stop)` of flat indices, or a list of `(start, stop)` for each dimension, none below 0";
            let refusal =
                Refusal::new(format!("it is {}", said.to_owned()), expected, "Say `region=None` for all elements.");
            Failure::from(refusal.of("region", "fill")).into()
        })
    }
}

/// The region that was said.
pub(crate) fn said(region: Option<Region>) -> fanin::Region {
    match region {
        None => fanin::Region::All,
        Some(Region::Flat((start, stop))) => fanin::Region::Flat(start..stop),
        Some(Region::Ranges(dims)) => {
            let ranges = |dim: Vec<(u64, u64)>| dim.into_iter().map(|(start, stop)| start..stop).collect();
            fanin::Region::ranges(dims.into_iter().map(ranges).collect())
        }
    }
}
