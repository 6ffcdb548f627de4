//! The anatomy of a model: which parameters belong to which block, what they do there, and which of them write into the
//! residual stream.
//!
//! Recipes of deep models are formulas of these: how many blocks there are, which one this is, whether a matrix reads the
//! stream or writes it. They are found once, for every source of parameters, and each fact keeps its evidence. Nothing here
//! knows a model by its name.

mod blocks;
mod by_graph;
mod sites;
pub(crate) mod sums;
mod writers;

pub(crate) use by_graph::by_graph;
pub(crate) use sites::is_beside;

use crate::known::Known;
use crate::param::Param;
use crate::role::Role;
use crate::site::{Block, Site};

/// Finds blocks, sites and residual writers where there are only names, shapes and roles.
pub(crate) fn by_names(params: &mut [Param]) {
    let tensors: Vec<(&str, bool)> = params.iter().map(|p| (p.name.as_str(), is_matrix(p))).collect();
    let found = blocks::find(&tensors);
    let sites: Vec<Option<Vec<Site>>> = sites::find(params, &found);
    for ((param, block), sites) in params.iter_mut().zip(&found).zip(sites) {
        param.place.block = block.as_ref().map(|found| {
            let text = format!("{} blocks named alike", found.block.of);
            Known::convention(found.block.clone(), text)
        });
        param.place.sites = sites.map(|sites| Known::convention(sites, "by the words of its name"));
    }
    writers::mark(params);
    first(params);
}

/// The model's input meets the first weight of the file first, unless an embedding stands before it.
fn first(params: &mut [Param]) {
    let reads = |param: &&mut Param| matches!(param.role.value, Role::Embedding) || is_matrix(param);
    if let Some(param) = params.iter_mut().find(reads).filter(|param| param.role.value != Role::Embedding) {
        param.place.first = true;
    }
}

fn is_matrix(param: &Param) -> bool {
    matches!(param.role.value, Role::Weight | Role::Recurrent) && param.shape.len() >= 2
}

/// A block with what its name is made of.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    block: Block,
    /// Length of the name up to the block's number.
    prefix: usize,
}
