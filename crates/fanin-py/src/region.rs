//! Which elements are wanted, as Python says it.

use pyo3::prelude::*;

/// A region: `None` for everything, `(start, stop)` of flat indices, or a list of `(start, stop)` for each dimension.
#[derive(Debug, FromPyObject)]
pub(crate) enum Region {
    Flat((u64, u64)),
    Ranges(Vec<Vec<(u64, u64)>>),
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
