//! Which matrices write into the residual stream, as names and shapes show it.

use super::{is_beside, is_matrix};
use crate::axes::Axis;
use crate::known::Evidence;
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;
use std::collections::BTreeMap;

/// The matrices of one block, in the order of the file.
struct Row {
    tower: String,
    matrices: Vec<usize>,
    /// Whether words tell what its matrices do.
    told: bool,
    /// Whether a vector scales its branch.
    scaled: bool,
}

/// Marks those that end an attention or a feed-forward network. In a block whose matrices have no such names the last one
/// does if the block's output is as wide as its input, or a shortcut stands beside it.
pub(super) fn mark(params: &mut [Param]) {
    let rows = rows(params);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let next = rows.get(i + 1).filter(|next| next.tower == row.tower);
        if row.told {
            let ends = |i: &&usize| params[**i].sites().iter().any(|site| matches!(site, Site::Output | Site::Down));
            found.extend(row.matrices.iter().filter(ends).map(|&i| (i, "it ends a branch of its block")));
        } else if let Some((last, why)) = last(params, row, next) {
            found.push((last, why));
            found.extend(norm_behind(params, row, last).map(|norm| (norm, "the norm behind the end of its branch")));
        }
    }
    for (i, why) in found {
        params[i].place.residual = Some(Evidence::Convention(why.to_owned()));
    }
}

fn rows(params: &[Param]) -> Vec<Row> {
    let mut rows: BTreeMap<(&str, u64), Row> = BTreeMap::new();
    for (i, param) in params.iter().enumerate() {
        let Some(block) = param.place.block.as_ref().map(|known| &known.value) else { continue };
        let row = rows.entry((&block.tower, block.number)).or_insert_with(|| Row {
            tower: block.tower.clone(),
            matrices: Vec::new(),
            told: false,
            scaled: false,
        });
        let number = param.role.value == Role::Scale && param.shape == [1];
        row.scaled |= number || param.role.value == Role::BranchScale;
        if is_matrix(param) {
            row.matrices.push(i);
            row.told |= !param.sites().is_empty();
        }
    }
    rows.into_values().collect()
}

/// The last matrix of the branch of a block, if its output is added to the block's input.
fn last(params: &[Param], row: &Row, next: Option<&Row>) -> Option<(usize, &'static str)> {
    let named = row.matrices.iter().any(|&i| is_beside(&params[i].name));
    let all: Vec<usize> = row.matrices.iter().copied().filter(|&i| !is_beside(&params[i].name)).collect();
    let start = widths(&params[*all.first()?])?.0;
    // A matrix from the block's input to its output is a shortcut if the others still start there.
    let end = |all: &[usize]| widths(&params[*all.last()?]).map(|(_, out)| out);
    let maps = |i: usize| {
        let rest: Vec<usize> = all.iter().copied().filter(|&other| other != i).collect();
        let begins = rest.first().and_then(|&first| widths(&params[first])).is_some_and(|(from, _)| from == start);
        let own = widths(&params[i]);
        begins && rest.len() > 1 && own.is_some_and(|(from, to)| from == start && from != to && Some(to) == end(&rest))
    };
    let shortcut = all.iter().copied().find(|&i| maps(i));
    let branch: Vec<usize> = all.iter().copied().filter(|&i| Some(i) != shortcut).collect();
    let (&last, width) = (branch.last()?, end(&branch)?);
    if branch.len() < 2 {
        return None;
    }
    if named || shortcut.is_some() {
        return Some((last, "it ends the branch beside a shortcut"));
    }
    if row.scaled {
        return Some((last, "it ends a branch that has a scale of its own"));
    }
    let follows = next.and_then(|next| widths(&params[*next.matrices.first()?])).is_none_or(|(from, _)| from == width);
    (start == width && follows).then_some((last, "it makes as many channels as its block takes"))
}

/// The scale of the norm that stands behind a convolution in the file, before the block's next weight.
fn norm_behind(params: &[Param], row: &Row, last: usize) -> Option<usize> {
    let block = params[last].place.block.as_ref()?;
    let behind = params.iter().enumerate().skip(last + 1).take_while(|(_, param)| !is_matrix(param));
    let mut inside = behind.filter(|(_, param)| param.place.block.as_ref().is_some_and(|b| b.value == block.value));
    let out = widths(&params[last])?.1;
    let norm = inside.find(|(_, param)| param.role.value == Role::Scale && param.shape == [out])?.0;
    (!row.told).then_some(norm)
}

/// Channels that a weight takes and makes, all groups together.
fn widths(param: &Param) -> Option<(u64, u64)> {
    let axes = &param.axes.as_ref()?.value;
    let of = |kind: Axis| -> u64 {
        let sizes = axes.dims.iter().zip(&param.shape).filter(|(axis, _)| **axis == kind).map(|(_, size)| *size);
        // Beside an empty dimension the others may be of any size.
        sizes.fold(1, u64::saturating_mul)
    };
    let (input, out) = (of(Axis::In), of(Axis::Out));
    Some(if axes.transposed {
        (input, out.saturating_mul(axes.groups))
    } else {
        (input.saturating_mul(axes.groups), out)
    })
}
