//! `Gather`: rows of a table by tokens, and slices of a signal by constant indices.
//!
//! # Assumes
//! Tokens are uniform over the table, so two places have the same row with probability 1/rows.

use super::super::array::{Array, Atom, MOST_ATOMS, atoms_of};
use super::super::flow::Whole;
use super::super::view::View;
use super::{Gradients, Outcome, Rule};

pub(super) const RULES: &[Rule] = &[Rule { ops: &["Gather"], forward, backward }];

fn axis(view: &View, data: &Array) -> Option<usize> {
    View::axis(view.node.int("axis").unwrap_or(0), data.rank())
}

/// The chance that two indices are the same.
fn equal(indices: &Whole, rows: u64) -> f64 {
    indices.equal.unwrap_or(1.0 / rows as f64)
}

fn forward(view: &View) -> Outcome {
    let data = view.array(0)?;
    let indices = view.whole(1).ok_or("its indices are not known")?;
    let axis = axis(view, data).ok_or("its axis is not one of its input")?;
    if let Some(part) = sliced(data, axis, indices) {
        return view.one(Some(part));
    }
    view.one(gathered(data, axis, indices))
}

/// Constant indices that follow each other: a slice, with the scale of the block it lies in.
fn sliced(data: &Array, axis: usize, indices: &Whole) -> Option<Array> {
    let values = indices.values.as_ref()?;
    let size = i64::try_from(data.size(axis)).ok()?;
    let first = *values.first()?;
    let run = values.iter().enumerate().all(|(i, &v)| v.checked_sub(first) == Some(i as i64));
    let start = if first < 0 { first.checked_add(size)? } else { first };
    let count = values.len() as u64;
    if !run || start < 0 || start as u64 + count > size as u64 || indices.shape.len() > 1 {
        return None;
    }
    let part = data.block(axis, start as u64, count)?;
    Some(if indices.shape.is_empty() { part.indexed(axis) } else { part })
}

/// The first of indices that follow each other.
fn start(data: &Array, axis: usize, indices: &Whole) -> u64 {
    let first = indices.values.as_ref().and_then(|values| values.first().copied()).unwrap_or(0);
    let size = data.size(axis);
    if first < 0 { size.saturating_sub(first.unsigned_abs()) } else { first as u64 }
}

fn gathered(data: &Array, axis: usize, indices: &Whole) -> Option<Array> {
    let rows = data.size(axis);
    let data = data.flat(axis);
    let same = equal(indices, rows);
    let (bit, wide) = (data.place(axis).0, rows > 1);
    let fresh: Vec<Vec<Atom>> = indices.shape.iter().map(|&n| atoms_of(n)).collect();
    let places: usize = fresh.iter().map(Vec::len).sum();
    let mut dims = data.dims.clone();
    dims.splice(axis..=axis, fresh);
    let atoms: usize = dims.iter().map(Vec::len).sum();
    if atoms > MOST_ATOMS || indices.shape.contains(&0) {
        return None;
    }
    let moment = |set: usize| {
        let (low, high) = (set & ((1 << bit) - 1), set >> (bit + places));
        let with =
            |agree: usize| data.table[if wide { low | agree << bit | high << (bit + 1) } else { low | high << bit }];
        let all = set >> bit & ((1 << places) - 1) == (1 << places) - 1;
        let redrawn = indices.sample && set >> atoms == 0;
        if all && !redrawn { with(1) } else { same * with(1) + (1.0 - same) * with(0) }
    };
    let table = (0..2usize << atoms).map(moment).collect();
    Some(Array { dims, mean: data.mean, table, pair: None }.without_pair())
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let data = view.array(0).ok()?;
    let indices = view.whole(1)?;
    let axis = axis(view, data)?;
    if sliced(data, axis, indices).is_some() {
        let part = if indices.shape.is_empty() { gradient.clone().unsqueezed(axis) } else { gradient.clone() };
        return Some(vec![(0, part.embedded(axis, start(data, axis, indices), data.size(axis))?)]);
    }
    // A row gets the gradients of all places that read it.
    let rows = data.size(axis) as f64;
    let places: Vec<usize> = (axis..axis + indices.shape.len()).collect();
    let count: f64 = places.iter().map(|&dim| gradient.size(dim) as f64).product();
    let (all, apart) = (gradient.second(), gradient.table[gradient.full() & !gradient.mask(&places)]);
    let second = match indices.equal {
        Some(1.0) => (count * all + count * (count - 1.0) * apart) / rows,
        _ => count / rows * all + count * (count - 1.0) / (rows * rows) * apart,
    };
    Some(vec![(0, Array::independent(&data.shape(), 0.0, second.max(0.0))?.redrawn())])
}
