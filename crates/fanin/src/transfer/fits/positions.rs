//! Tables of positions for other lengths and grids.
//!
//! Source: Dosovitskiy et al. 2021, arXiv:2010.11929 (grids are interpolated).

use super::{Fit, Source};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;

/// A table of positions: those of a square grid are interpolated, with class tokens in front if the numbers ask for them.
/// Beside a table of symbols they are places in a text, whatever their number.
pub(super) fn fit(source: &Param, target: &Param, from: &Source) -> Option<Fit> {
    let relative = target.name.contains("relative_position_bias_table");
    if (target.role.value != Role::Position && !relative) || source.shape.len() != target.shape.len() {
        return None;
    }
    let differing: Vec<usize> = (0..target.shape.len()).filter(|&d| source.shape[d] != target.shape[d]).collect();
    // The last axis is the width of the model, or the heads: that is no other grid.
    let [axis] = differing[..] else { return None };
    if axis + 1 == target.shape.len() {
        return None;
    }
    let beside = |param: &Param| param.role.value == Role::Embedding && module(&param.name) == module(&source.name);
    let text = from.params.iter().any(beside);
    let (from, to) = (source.shape[axis], target.shape[axis]);
    let square = |places: u64| Some(places.isqrt()).filter(|side| !text && *side > 1 && side * side == places);
    // None, a class token, one for distillation beside it.
    let grid = [0, 1, 2]
        .into_iter()
        .find_map(|prefix| Some((prefix, square(from.checked_sub(prefix)?)?, square(to.checked_sub(prefix)?)?)));
    Some(match grid {
        Some((prefix, from, to)) => {
            let map = Map::Grid { prefix, from: vec![from, from], to: vec![to, to] };
            let what = format!("positions of a {from}×{from} grid interpolated to {to}×{to}");
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: false }
        }
        None if to <= from => {
            let map = Map::Slice { start: 0, len: to };
            let what = format!("the first {to} of {from} positions");
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: false }
        }
        None => {
            let map = Map::Pad { before: 0, after: to - from };
            let what = format!("{from} positions, {} drawn", to - from);
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: true }
        }
    })
}

/// The module that holds a table, or the layer whose table it is: `text.embeddings` of `text.embeddings.position_embedding.weight`.
fn module(name: &str) -> &str {
    let own = name.split('@').next().unwrap_or(name);
    let layer = own.strip_suffix(".weight").unwrap_or(own);
    layer.rfind(['.', '/']).map_or("", |at| &layer[..at])
}
