//! Tables of symbols for another vocabulary.
//!
//! Source: Hewitt 2021, "Initializing new word embeddings for pretrained language models": new rows begin as the mean of the
//! old ones, or as draws of the normal law with their mean and covariance, which is scaled to be small. Rows of tokens that
//! both vocabularies have are matched, as in Minixhofer et al. 2022, arXiv:2112.06598 (WECHSEL), and Dobler & de Melo 2023,
//! arXiv:2305.14481 (FOCUS), whose weights for the others need vectors of words that no model file has.

use super::super::{Options, Vocabulary};
use super::{Fit, Pair};
use crate::axes::Axis;
use crate::fit::Map;
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;
use crate::stream::name_hash;

/// The scale of the covariance in Hewitt's code.
const SPREAD: f64 = 1e-5;
/// Draws cost a multiplication for each row of the source.
const MOST_DRAWS: u64 = 1 << 28;

/// Rows that a table may have beyond its tokens: some models pad it to a round number.
const PADDING: u64 = 1024;

/// Whether tokens say which rows of a parameter belong together, so that equal shapes are no sign that they do in order.
pub(in super::super) fn has_symbols(target: &Param, options: &Options) -> bool {
    let table = target.role.value == Role::Embedding && target.shape.len() == 2;
    options.tokens.is_some() && (table || target.sites() == [Site::Head])
}

pub(super) fn fit(pair: &Pair<'_>) -> Option<Fit> {
    let axis = symbols(pair)?;
    let (from, to) = (pair.shape[axis], pair.target.shape[axis]);
    if let Some(tokens) = &pair.options.tokens {
        let padded = |size: u64, tokens: u64| (tokens..tokens + PADDING).contains(&size);
        let (theirs, own) = (tokens.source, tokens.rows.len() as u64);
        if padded(from, theirs) && padded(to, own) {
            let mut rows = tokens.rows.clone();
            rows.resize(to as usize, None);
            return Some(matched(pair, axis, &rows));
        }
        // A table of something else: positions, kinds of segments.
        return (from != to).then(|| {
            Fit::Draw(format!("the vocabularies have {theirs} and {own} tokens, and the tables {from} and {to} rows"))
        });
    }
    if pair.target.sites() == [Site::Head] && pair.target.role.value != Role::Embedding {
        // Without words for its rows it is a head as any other.
        return None;
    }
    if to < from {
        let say = "`--tokens SOURCE.json=MODEL.json` says it";
        return Some(Fit::Draw(format!(
            "the table has {to} rows, {from} in the source: which of them is not known; {say}"
        )));
    }
    if pair.options.vocabulary == Vocabulary::Mean {
        let what = format!("{from} rows, {} new ones as their mean", to - from);
        return Some(Fit::Steps { steps: pair.along(axis, Map::Mean { to }), what, rest: false });
    }
    let rows: Vec<Option<u64>> = (0..to).map(|row| (row < from).then_some(row)).collect();
    Some(matched(pair, axis, &rows))
}

/// The axis along which the symbols stand.
fn symbols(pair: &Pair<'_>) -> Option<usize> {
    let (target, shape) = (pair.target, &pair.shape);
    let differing: Vec<usize> = (0..shape.len()).filter(|&d| shape[d] != target.shape[d]).collect();
    let axis = match differing[..] {
        [axis] => axis,
        // The same size, and perhaps another order.
        [] if has_symbols(target, pair.options) => {
            let out = pair.axes.and_then(|axes| axes.dims.iter().position(|axis| *axis == Axis::Out));
            out.filter(|_| target.role.value != Role::Embedding).unwrap_or(0)
        }
        _ => return None,
    };
    let table = target.role.value == Role::Embedding && shape.len() == 2 && axis == 0;
    // The output layer of a language model has a row for each symbol too.
    let head = pair.options.tokens.is_some() && target.sites() == [Site::Head];
    let out = match pair.axes {
        Some(axes) if shape.len() == 2 => axes.dims[axis] == Axis::Out,
        _ => shape.len() == 1,
    };
    (table || head && out).then_some(axis)
}

fn matched(pair: &Pair<'_>, axis: usize, rows: &[Option<u64>]) -> Fit {
    let new = rows.iter().filter(|row| row.is_none()).count() as u64;
    let spread = if pair.options.vocabulary == Vocabulary::Covariance { SPREAD.sqrt() } else { 0.0 };
    if spread > 0.0 && new.saturating_mul(pair.shape[axis]) > MOST_DRAWS {
        return Fit::Draw(format!(
            "{new} rows are too many to draw from {}; `vocabulary=mean` takes it",
            pair.shape[axis]
        ));
    }
    let same = rows.len() as u64 - new;
    let how = if spread > 0.0 { "drawn with the mean and a part of the covariance of all" } else { "the mean of all" };
    let what = format!("{same} rows of {}, {new} new ones {how}", pair.shape[axis]);
    let map = Map::Symbols { rows: rows.to_vec(), spread, key: name_hash(&pair.target.name) };
    Fit::Steps { steps: pair.along(axis, map), what, rest: false }
}
