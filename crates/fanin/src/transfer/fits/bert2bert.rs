//! Advanced knowledge initialization: where a block is wider, its new units are those of the block behind it.
//!
//! Source: Chen et al. 2022, arXiv:2110.07143 (AKI). Inputs are repeated and shared as by `net2net`; along the outputs the
//! first units are the block's own, and the others the next block's. The function is not kept, the paper trains faster for
//! it. The last block has none behind it, and repeats its own.

use super::super::form::orient;
use super::{Fit, Pair, resized};
use crate::axes::Axis;
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;

/// Fits a parameter and the same one of the next block; `None` where only one of them can be used.
pub(in super::super) fn next_block(
    sources: [&Param; 2],
    target: &Param,
    options: &super::Options,
) -> Option<(Vec<Step>, String)> {
    let [own, next] = sources;
    let axes = target.axes.as_ref().map(|known| &known.value).filter(|axes| axes.dims.len() == target.shape.len());
    // Tensors that stand in another form would have to be turned before they are joined.
    let plain = own.shape == next.shape
        && own.shape.len() == target.shape.len()
        && orient(own, target).is_none_or(|(steps, _)| steps.is_empty());
    let out = match target.role.value {
        Role::Weight | Role::Recurrent => axes?.dims.iter().position(|axis| *axis == Axis::Out)?,
        Role::Bias | Role::Scale | Role::Shift if target.shape.len() == 1 => 0,
        _ => return None,
    };
    let (from, to) = (own.shape[out], target.shape[out]);
    if !plain || from >= to {
        return None;
    }
    let mut shape = own.shape.clone();
    let pair = Pair { source: own, target, axes, steps: Vec::new(), shape: shape.clone(), options };
    let count = super::cuts::blocks(&pair, out);
    let mut steps = vec![Step::Join { axis: out }];
    steps.push(Step::Along { axis: out, map: Map::Choose { indices: indices(from, to, count) } });
    shape[out] = to;
    // The other axes as by `net2net`.
    let rest = Pair { source: own, target, axes, steps: Vec::new(), shape, options };
    let Fit::Steps { steps: more, what, rest: false } = resized(rest, None) else { return None };
    steps.extend(more);
    let comma = if what.is_empty() { "" } else { "; " };
    Some((steps, format!("{} new units of the next block, `{}`{comma}{what}", to - from, next.name)))
}

/// In each of `count` blocks the units of the first tensor, and behind them those of the second, in turns.
fn indices(from: u64, to: u64, count: u64) -> Vec<u64> {
    let (own, new) = (from / count, to / count);
    let unit = |block: u64, j: u64| if j < own { block * own + j } else { from + block * own + j % own };
    (0..count).flat_map(|block| (0..new).map(move |j| unit(block, j))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_units_are_the_next_blocks() {
        assert_eq!(indices(2, 3, 1), [0, 1, 2]);
        assert_eq!(indices(2, 5, 1), [0, 1, 2, 3, 2]);
        // q, k and v of two units each, for three each.
        assert_eq!(indices(6, 9, 3), [0, 1, 6, 2, 3, 8, 4, 5, 10]);
    }
}
