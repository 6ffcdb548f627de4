//! Axes along which several tensors lie behind one another: q, k and v, or the gates of a cell. Each is fitted by itself.

use super::Pair;
use crate::fit::{Map, Step};

/// The number of equal blocks along an axis of the pair; 1 where it is not cut, or its blocks take turns.
pub(super) fn blocks(pair: &Pair<'_>, axis: usize) -> u64 {
    let cut = pair.axes.and_then(|axes| axes.cuts.iter().find(|cut| cut.axis == axis && cut.repeat == 1));
    let Some(cut) = cut else { return 1 };
    let count = cut.blocks.len() as u64;
    let equal = cut.blocks.iter().all(|block| block.size == cut.blocks[0].size);
    let divides = pair.shape[axis].is_multiple_of(count) && pair.target.shape[axis].is_multiple_of(count);
    if equal && divides { count } else { 1 }
}

/// The steps that do to each of `count` blocks along an axis what `map` does to one; `shape` is that before.
pub(super) fn within(shape: &[u64], axis: usize, count: u64, map: Map, to: u64) -> Vec<Step> {
    if count == 1 {
        return vec![Step::Along { axis, map }];
    }
    let mut apart = shape.to_vec();
    apart.splice(axis..=axis, [count, shape[axis] / count]);
    let mut whole = shape.to_vec();
    whole[axis] = to;
    vec![Step::Reshape { shape: apart }, Step::Along { axis: axis + 1, map }, Step::Reshape { shape: whole }]
}
