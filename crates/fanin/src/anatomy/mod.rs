//! The anatomy of a model: which parameters belong to which block, what they do there, and which of them write into the
//! residual stream.
//!
//! Recipes of deep models are formulas of these: how many blocks there are, which one this is, whether a matrix reads the
//! stream or writes it. They are found once, for every source of parameters, and each fact keeps its evidence. Nothing here
//! knows a model by its name.

mod blocks;
mod sites;

pub(crate) use sites::is_beside;

use crate::known::Known;
use crate::param::Param;
use crate::role::Role;
use crate::site::{Block, Site};
use crate::{Evidence, axes::Axis};
use std::collections::BTreeMap;

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
    writers(params);
}

fn is_matrix(param: &Param) -> bool {
    matches!(param.role.value, Role::Weight | Role::Recurrent) && param.shape.len() >= 2
}

/// Marks the matrices whose output is added to the stream: those that end an attention or a feed-forward network, and the
/// last convolution of a block that has neither.
fn writers(params: &mut [Param]) {
    let ends = |site: &Site| matches!(site, Site::Output | Site::Down);
    let mut last: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for (i, param) in params.iter().enumerate() {
        let Some(block) = param.place.block.as_ref().map(|known| &known.value) else { continue };
        if !is_matrix(param) {
            continue;
        }
        let key = (block.tower.clone(), block.number);
        // A block with an attention or a feed-forward network is no stack of convolutions.
        match last.get(&key) {
            _ if !param.sites().is_empty() => {
                last.insert(key, usize::MAX);
            }
            Some(&usize::MAX) => {}
            _ if is_spatial(param) && !is_beside(&param.name) => {
                last.insert(key, i);
            }
            _ => {}
        }
    }
    for param in params.iter_mut().filter(|p| p.place.block.is_some() && is_matrix(p)) {
        if param.sites().iter().any(ends) {
            param.place.residual = Some(Evidence::Convention("it ends a branch of its block".to_owned()));
        }
    }
    for index in last.into_values().filter(|index| *index != usize::MAX) {
        let text = "the last convolution of its block".to_owned();
        params[index].place.residual = Some(Evidence::Convention(text));
    }
}

fn is_spatial(param: &Param) -> bool {
    param.axes.as_ref().is_some_and(|axes| axes.value.dims.contains(&Axis::Field))
}

/// A block with what its name is made of.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    block: Block,
    /// Length of the name up to the block's number.
    prefix: usize,
}
