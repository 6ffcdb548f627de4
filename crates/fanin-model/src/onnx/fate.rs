//! What happens to each stored tensor: nothing, new values where it stands, or a tensor of its own for each consumer.

use super::Onnx;
use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use fanin::graph::Use;
use std::collections::BTreeMap;
use std::path::Path;

/// What happens to one stored tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Keep,
    /// It gets the values of this parameter where it stands.
    Rewrite(usize),
    /// Its consumers part ways.
    Split {
        /// What the tensor itself becomes.
        resident: Resident,
        /// The parameters that get a tensor of their own, under their own name.
        fresh: Vec<usize>,
    },
}

/// What becomes of a tensor that some consumers leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resident {
    /// Nobody is left: it goes.
    Gone,
    /// The others go on with the old values.
    Kept,
    /// The others get these values.
    Rewritten(usize),
}

/// The fate of every stored tensor, by index of its value.
pub(super) fn fates(model: &Onnx, out: &Path, fill: &dyn Fill) -> Result<BTreeMap<usize, Fate>, FileError> {
    let mut by_value: BTreeMap<usize, Vec<usize>> = model.document.stored.keys().map(|&v| (v, Vec::new())).collect();
    for (index, param) in model.params.iter().enumerate() {
        let change = fill.change(index);
        if let Change::Write { dtype, .. } = change
            && (dtype != param.dtype || super::schema::code(dtype).is_none())
        {
            let wrong = format!("values of dtype {dtype} were asked for a tensor of {}", param.dtype);
            let problem = Problem::new(&param.name, wrong, format!("{} values", param.dtype));
            let remedy =
                "The types of an ONNX graph depend on each other: convert the model first, then initialize it.";
            return Err(problem.remedy(remedy).of(out));
        }
        if let Some(params) = param.place.value.and_then(|value| by_value.get_mut(&value)) {
            params.push(index);
        }
    }
    let fate = |(value, params): (usize, Vec<usize>)| Ok((value, fate(model, fill, value, &params)?));
    by_value.into_iter().map(fate).collect::<Result<_, Box<Problem>>>().map_err(|p| p.of(out))
}

fn fate(model: &Onnx, fill: &dyn Fill, value: usize, params: &[usize]) -> Result<Fate, Box<Problem>> {
    let changes: Vec<(usize, Change)> = params.iter().map(|&p| (p, fill.change(p))).collect();
    if changes.iter().all(|(_, change)| *change == Change::Keep) || model.document.stored[&value].count() == 0 {
        return Ok(Fate::Keep);
    }
    if let [(param, _)] = changes.as_slice() {
        return Ok(Fate::Rewrite(*param));
    }
    // A slot that no parameter speaks for goes on as it was.
    let uses = &model.document.graph.values[value].uses;
    let covered = |slot: &Use| params.iter().any(|&p| model.params[p].place.uses.contains(slot));
    let others = !uses.iter().all(covered) || model.document.leaving.contains(&value);
    let kept: Vec<usize> = changes.iter().filter(|(_, c)| *c == Change::Keep).map(|(p, _)| *p).collect();
    let (resident, stay) = if others || kept.len() > 1 {
        (Resident::Kept, kept)
    } else {
        // Equal constants may go on sharing: read back, they are told apart again by their consumers.
        let sharing = largest_constant(&changes);
        match sharing.as_slice() {
            [first, _, ..] if sharing.len() == params.len() => return Ok(Fate::Rewrite(*first)),
            [first, _, ..] => (Resident::Rewritten(*first), sharing),
            // One that is left alone takes the name of its parameter like the rest.
            _ => (Resident::Gone, Vec::new()),
        }
    };
    let fresh: Vec<usize> = params.iter().copied().filter(|p| !stay.contains(p)).collect();
    if let Some(slot) = contested(model, params, &fresh) {
        let node = model.document.graph.label(slot.node);
        let wrong = format!("input {} of node {node} would get different values for different consumers", slot.input);
        let problem = Problem::new(&model.document.graph.values[value].name, wrong, "one parameter for it");
        return Err(problem.remedy("Give these parameters the same constant, or export the model without merging."));
    }
    Ok(Fate::Split { resident, fresh })
}

/// The largest group of parameters that get the same constant; the first of several.
fn largest_constant(changes: &[(usize, Change)]) -> Vec<usize> {
    let mut groups: Vec<(u64, Vec<usize>)> = Vec::new();
    for (param, change) in changes {
        let Change::Write { constant: Some(number), .. } = change else { continue };
        match groups.iter_mut().find(|(bits, _)| *bits == number.to_bits()) {
            Some((_, group)) => group.push(*param),
            None => groups.push((number.to_bits(), vec![*param])),
        }
    }
    groups.into_iter().map(|(_, group)| group).rev().max_by_key(Vec::len).unwrap_or_default()
}

/// A slot through which two parameters are reached of which one has to leave.
fn contested(model: &Onnx, params: &[usize], fresh: &[usize]) -> Option<Use> {
    let slots = |p: &usize| model.params[*p].place.uses.iter();
    fresh.iter().find_map(|p| {
        slots(p).copied().find(|slot| params.iter().any(|other| other != p && slots(other).any(|s| s == slot)))
    })
}
