//! What the exported graph of a model shows of the tensors that its modules hold.
//!
//! The classes know roles and fans; where a tensor stands only a graph shows. With its place there the calculation of `auto`
//! walks the graph with the model's own parameters, as it does with those of the file.

use crate::graph::plain;
use crate::model::Model;
use fanin::param::Place;
use fanin::tied::Form;
use fanin::{Graph, Param, Role};
use std::collections::BTreeMap;

/// Gives each parameter its place in the graph, and its role where no class tells (`by_class`, by its index).
pub(crate) fn surround(params: &mut [Param], by_class: impl Fn(usize) -> bool, model: &Model) {
    let Some(graph) = model.graph() else { return };
    let index: BTreeMap<&str, usize> = params.iter().enumerate().map(|(i, p)| (p.name.as_str(), i)).collect();
    // An exporter names a tensor that several modules share by any of them; the first name is the one that is drawn.
    let drawn = |at: usize| match &params[at].place.tied {
        Some(tied) if tied.value.form == Form::Equal => index.get(tied.value.to.as_str()).copied().unwrap_or(at),
        _ => at,
    };
    // A stored tensor that feeds several nodes is several parameters there, and one here: the first that is drawn speaks.
    let mut found: BTreeMap<usize, &Param> = BTreeMap::new();
    for seen in model.seen() {
        let Some(at) = index.get(plain(&seen.name)).map(|&at| drawn(at)) else { continue };
        if seen.shape == params[at].shape && !found.get(&at).is_some_and(|other| is_drawn(other)) {
            found.insert(at, seen);
        }
    }
    for (at, seen) in found {
        place(&mut params[at], by_class(at), seen, graph);
    }
}

fn is_drawn(param: &Param) -> bool {
    !param.role.value.is_kept() && param.role.value != Role::Unknown
}

fn place(param: &mut Param, by_class: bool, seen: &Param, graph: &Graph) {
    let has_law = param.place.customary.is_some() || param.place.tied.is_some();
    if is_drawn(seen) && (param.role.value == Role::Unknown || !by_class && !has_law) {
        (param.role, param.axes) = (seen.role.clone(), seen.axes.clone());
        param.place.doubts.clear();
    }
    if param.role.value == Role::Embedding && seen.role.value == Role::Position {
        // A table that is looked up by numbers in a row, and not by tokens: no class tells that.
        param.role = seen.role.clone();
    }
    let (own, there) = (std::mem::take(&mut param.place), &seen.place);
    let uses = there.value.map_or_else(|| there.uses.clone(), |value| graph.values[value].uses.clone());
    param.place = Place {
        uses,
        op: own.op.or_else(|| there.op.clone()),
        follows: there.follows.clone().or(own.follows),
        beside: own.beside.or_else(|| there.beside.clone()),
        tied: own.tied,
        block: there.block.clone().or(own.block),
        sites: there.sites.clone().or(own.sites),
        offset: if own.offset == 0.0 { there.offset } else { own.offset },
        customary: own.customary,
        doubts: own.doubts,
        stand_in: own.stand_in,
        note: own.note.or_else(|| there.note.clone()),
        ..there.clone()
    };
}
