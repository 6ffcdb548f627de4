//! Embeddings that are stored twice: exporters fold the transpose of a shared matrix into a second tensor.

use super::Onnx;
use crate::model::Model;
use fanin::doubt::About;
use fanin::graph::Content;
use fanin::{Axis, Doubt, Evidence, Form, Known, Param, Place, Role, Tied};
use std::borrow::Cow;

/// What is known of a tensor that may be a copy.
pub(super) enum Link {
    /// It has another one's values.
    Tied(Tied),
    /// Nothing tells whether it has.
    Asked(Doubt),
}

impl Link {
    /// Writes it down.
    pub(super) fn tell(self, place: &mut Place) {
        match self {
            Link::Tied(tied) => place.tied = Some(Known { value: tied, from: Evidence::Content }),
            Link::Asked(doubt) => place.doubts.push(doubt),
        }
    }
}

/// The parameters that may follow from an embedding, by their index.
pub(super) fn find(model: &Onnx) -> Vec<(usize, Link)> {
    let params = model.params();
    let is_table = |param: &Param| param.role.value == Role::Embedding && param.shape.len() == 2;
    let tables: Vec<usize> = (0..params.len()).filter(|&i| is_table(&params[i])).take(MOST_TABLES).collect();
    let symbols = tables.iter().map(|&i| params[i].shape[0]).max().unwrap_or(0);
    let mut links = Vec::new();
    for (index, param) in params.iter().enumerate() {
        let mut doubt = None;
        for &table in tables.iter().filter(|&&table| table < index || param.role.value == Role::Weight) {
            let Some(form) = form(param, &params[table]) else { continue };
            let tied = Tied { to: params[table].name.clone(), form };
            match same(model, index, table, form) {
                Some(true) => {
                    links.push((index, Link::Tied(tied)));
                    doubt = None;
                    break;
                }
                None if param.role.value == Role::Weight && params[table].shape[0] == symbols => {
                    let (what, say) = (format!("whether it is {form} `{}`", tied.to), format!("tied:{}", tied.to));
                    doubt = doubt.or(Some(Doubt::new(About::Tie, what, "taken as not tied", say)));
                }
                Some(false) | None => {}
            }
        }
        links.extend(doubt.map(|doubt| (index, Link::Asked(doubt))));
    }
    links
}

/// How many embeddings are compared; no model has more that are shared.
const MOST_TABLES: usize = 64;

/// How the parameter could follow from the table: another table, or an output with one row for each of its symbols.
fn form(param: &Param, table: &Param) -> Option<Form> {
    if param.dtype != table.dtype || param.place.tied.is_some() || param.shape.len() != 2 {
        return None;
    }
    let dims = param.axes.as_ref().map(|axes| &axes.value).filter(|axes| axes.cuts.is_empty())?;
    match (param.role.value, &dims.dims[..]) {
        (Role::Embedding, _) | (Role::Weight, [Axis::Out, Axis::In]) if param.shape == table.shape => Some(Form::Equal),
        (Role::Weight, [Axis::In, Axis::Out]) if Form::Transposed.fits(&param.shape, &table.shape) => {
            Some(Form::Transposed)
        }
        _ => None,
    }
}

/// Whether two tensors have the same values; `None` where they cannot tell: they are missing, or all equal.
fn same(model: &Onnx, copy: usize, table: usize, form: Form) -> Option<bool> {
    let varied = |index: usize| {
        let value = model.params()[index].place.value?;
        let constant = model.document.graph.values[value].constant.as_ref()?;
        (constant.content == Content::Varied).then_some(())
    };
    varied(copy).and(varied(table))?;
    let (own, other) = (stored(model, copy)?, stored(model, table)?);
    let size = model.params()[table].dtype.size()?;
    let columns = usize::try_from(model.params()[table].shape[1]).ok()?;
    if own.len() != other.len() || columns == 0 {
        return Some(false);
    }
    Some(match form {
        Form::Transposed => is_transpose(&own, &other, columns, size),
        _ => own == other,
    })
}

fn stored(model: &Onnx, index: usize) -> Option<Cow<'_, [u8]>> {
    model.bytes(index).ok().flatten()
}

/// Side of the squares in which two matrices are compared, so that the lines of both stay in the cache.
const TILE: usize = 64;

/// Whether `own` is the transpose of `other`, a matrix of so many columns of elements of `size` bytes.
fn is_transpose(own: &[u8], other: &[u8], columns: usize, size: usize) -> bool {
    let rows = other.len() / size / columns;
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for r in top..rows.min(top + TILE) {
                for c in left..columns.min(left + TILE) {
                    let (here, there) = ((c * rows + r) * size, (r * columns + c) * size);
                    if own[here..here + size] != other[there..there + size] {
                        return false;
                    }
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transpose_is_told_from_its_neighbours() {
        let (rows, columns) = (70u32, 130u32);
        let value = |r: u32, c: u32| (r * 1000 + c).to_le_bytes();
        let table: Vec<u8> = (0..rows * columns).flat_map(|i| value(i / columns, i % columns)).collect();
        let copy: Vec<u8> = (0..rows * columns).flat_map(|i| value(i % rows, i / rows)).collect();
        assert!(is_transpose(&copy, &table, columns as usize, 4));
        assert!(!is_transpose(&table, &table, columns as usize, 4));
        for at in [0, copy.len() / 2, copy.len() - 1] {
            let mut other = copy.clone();
            other[at] ^= 1;
            assert!(!is_transpose(&other, &table, columns as usize, 4));
        }
    }
}
