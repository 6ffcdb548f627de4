//! Keys and values for another number of heads.
//!
//! Source: Ainslie et al. 2023, arXiv:2305.13245: the heads of a group are pooled by their mean. The other way round
//! every head gets a copy of its group's, which keeps the function.

use super::{Fit, Pair};
use crate::axes::Axis;
use crate::fit::Map;
use crate::role::Role;
use crate::site::Site;

pub(super) fn fit(pair: &Pair<'_>) -> Option<Fit> {
    let Pair { target, shape, .. } = pair;
    let place = target.sites();
    if !(place == [Site::Key] || place == [Site::Value]) {
        return None;
    }
    let axis = match target.role.value {
        Role::Bias => Some(0).filter(|_| target.shape.len() == 1),
        _ => pair.axes?.dims.iter().position(|axis| *axis == Axis::Out),
    }?;
    // Where the width of the model is another one too, it is another change.
    let others = (0..shape.len()).all(|d| d == axis || shape[d] == target.shape[d]);
    let (from, to) = (shape[axis], target.shape[axis]);
    if !others || from == to || from.max(to) % from.min(to).max(1) != 0 {
        return None;
    }
    let Some(count) = pair.options.heads else {
        let say = "say how many heads the source's keys and values have: `--fit heads=N`";
        return Some(Fit::Draw(format!("its heads are {to} wide together, {from} in the source; {say}")));
    };
    let Some(size) = from.checked_div(count).filter(|size| *size > 0 && size * count == from && to % size == 0) else {
        return Some(Fit::Draw(format!("{count} heads do not divide {from}, or their size not {to}")));
    };
    let heads = to / size;
    let (map, what) = if heads < count {
        (Map::Pool { size, to: heads }, format!("{count} heads pooled to {heads}, each the mean of {}", count / heads))
    } else {
        let times = heads / count;
        let indices = (0..heads).flat_map(|head| (0..size).map(move |i| head / times * size + i)).collect();
        (Map::Choose { indices }, format!("each of {count} heads {times} times"))
    };
    Some(Fit::Steps { steps: pair.along(axis, map), what, rest: false })
}
