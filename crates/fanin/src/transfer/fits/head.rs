//! The head for another number of outputs: drawn, or its rows kept.

use super::super::Head;
use super::{Fit, Pair};
use crate::axes::Axis;
use crate::fit::Map;
use crate::role::Role;
use crate::site::Site;

pub(super) fn fit(pair: &Pair<'_>) -> Option<Fit> {
    is_head(pair).then(|| fitted(pair))
}

/// Whether this is the model's head with another number of outputs.
fn is_head(pair: &Pair<'_>) -> bool {
    let Pair { target, axes, shape, .. } = pair;
    let head = target.place.sites.as_ref().is_some_and(|sites| sites.value == [Site::Head]);
    let differs = |d: &usize| shape[*d] != target.shape[*d];
    let outputs = |d: usize| match axes {
        Some(axes) if target.role.value != Role::Bias => axes.dims[d] == Axis::Out,
        _ => target.shape.len() == 1,
    };
    head && (0..shape.len()).filter(differs).all(outputs)
}

fn fitted(pair: &Pair<'_>) -> Fit {
    let Pair { target, shape, .. } = pair;
    let Some(axis) = (0..shape.len()).find(|&d| shape[d] != target.shape[d]) else {
        return Fit::Steps { steps: pair.steps.clone(), what: String::new(), rest: false };
    };
    let (from, to) = (shape[axis], target.shape[axis]);
    if pair.options.head == Head::Draw {
        return Fit::Draw(format!(
            "the head has {to} outputs, {from} in the source; `--fit head=rows` keeps the first"
        ));
    }
    let (map, what) = if to <= from {
        (Map::Slice { start: 0, len: to }, format!("the first {to} of {from} outputs"))
    } else {
        (Map::Pad { before: 0, after: to - from }, format!("{from} outputs, {} drawn", to - from))
    };
    Fit::Steps { steps: pair.along(axis, map), what, rest: to > from }
}
