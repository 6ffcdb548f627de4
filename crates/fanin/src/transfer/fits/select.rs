//! Weight selection: some units of a larger network, the same ones in every layer of that width.
//!
//! Source: Xu et al. 2024, arXiv:2311.18823: uniform selection, and consecutive selection (the first).

use super::{Pair, cuts};
use crate::fit::{Map, Step};

/// Every n-th unit.
pub(super) fn evenly(pair: &Pair<'_>, axis: usize) -> (Vec<Step>, String) {
    made(pair, axis, |to| Map::Select { to })
}

/// The first units.
pub(super) fn first(pair: &Pair<'_>, axis: usize) -> (Vec<Step>, String) {
    made(pair, axis, |to| Map::Slice { start: 0, len: to })
}

fn made(pair: &Pair<'_>, axis: usize, map: impl Fn(u64) -> Map) -> (Vec<Step>, String) {
    let (from, to, count) = (pair.shape[axis], pair.target.shape[axis], cuts::blocks(pair, axis));
    let map = map(to / count);
    let blocks = if count == 1 { String::new() } else { format!(" in each of {count} blocks") };
    let what = format!("{map} of {} along axis {axis}{blocks}", from / count);
    (cuts::within(&pair.shape, axis, count, map, to), what)
}
