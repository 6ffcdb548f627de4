//! A first convolution for pictures with another number of channels: grey pictures give what they gave.

use super::{Fit, Pair};
use crate::axes::Axis;
use crate::fit::Map;

/// Channels of the pictures that a first convolution may be made for.
const MOST_CHANNELS: u64 = 16;

pub(super) fn fit(pair: &Pair<'_>) -> Option<Fit> {
    let Pair { target, shape, .. } = pair;
    let axes = pair.axes.filter(|axes| axes.dims.contains(&Axis::Field) && axes.groups == 1)?;
    let axis = axes.dims.iter().position(|axis| *axis == Axis::In)?;
    let (from, to) = (shape[axis], target.shape[axis]);
    let others = (0..shape.len()).all(|d| d == axis || shape[d] == target.shape[d]);
    if !others || from == to || from > MOST_CHANNELS || to > MOST_CHANNELS || !target.place.first {
        return None;
    }
    Some(Fit::Steps {
        steps: pair.along(axis, Map::Channels { to }),
        what: format!("input channels from {from} to {to}, so that grey gives what it gave"),
        rest: false,
    })
}
