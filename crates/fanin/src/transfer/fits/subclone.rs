//! Subcloning: the units of a larger network that matter most, the same ones wherever that width occurs.
//!
//! Source: Samragh et al. 2023, arXiv:2312.09299: neurons are ranked, the first are kept in every layer, and weights are scaled
//! for the number of inputs that is left. There a rank is the mean size of activations on data; here it is the length of
//! all weights that a unit sends and receives, which needs no data. Blocks are dropped by position, as everywhere.

use super::super::{Look, Source};
use super::{Made, Pair, cuts};
use crate::axes::{Axes, Axis};
use crate::error::Error;
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;
use std::collections::BTreeMap;

/// For each width the units by what they weigh, the heaviest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Ranking(BTreeMap<u64, Vec<u64>>);

impl Ranking {
    /// Reads all matrices and kernels of a source.
    pub(in super::super) fn of(source: &Source, look: &mut dyn Look) -> Result<Ranking, Error> {
        let mut weights: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (index, param) in source.params.iter().enumerate() {
            let wanted = matches!(param.role.value, Role::Weight | Role::Recurrent) && param.dtype.is_float();
            let Some(axes) = known(param).filter(|_| wanted) else { continue };
            let array = look.values(index)?;
            for axis in (0..axes.dims.len()).filter(|&axis| matches!(axes.dims[axis], Axis::In | Axis::Out)) {
                let lengths = array.squares(axis);
                let count = equal_blocks(axes, axis, lengths.len());
                let width = lengths.len() / count;
                let sums = weights.entry(width as u64).or_insert_with(|| vec![0.0; width]);
                lengths.iter().enumerate().for_each(|(i, length)| sums[i % width] += length);
            }
        }
        let ranked = |sums: Vec<f64>| {
            let mut order: Vec<u64> = (0..sums.len() as u64).collect();
            // Equals stay in their order.
            order.sort_by(|&a, &b| sums[b as usize].total_cmp(&sums[a as usize]));
            order
        };
        Ok(Ranking(weights.into_iter().map(|(width, sums)| (width, ranked(sums))).collect()))
    }

    /// The heaviest `to` units of a width, in the order in which they stand.
    fn heaviest(&self, from: u64, to: u64) -> Option<Vec<u64>> {
        let mut chosen = self.0.get(&from)?.get(..to as usize)?.to_vec();
        chosen.sort_unstable();
        Some(chosen)
    }
}

fn known(param: &Param) -> Option<&Axes> {
    param.axes.as_ref().map(|known| &known.value).filter(|axes| axes.dims.len() == param.shape.len())
}

fn equal_blocks(axes: &Axes, axis: usize, size: usize) -> usize {
    let cut = axes.cuts.iter().find(|cut| cut.axis == axis && cut.repeat == 1);
    cut.map_or(1, |cut| cut.blocks.len()).max(1).min(size.max(1))
}

/// The heaviest units along an axis; where they are inputs, what is left of them is scaled for the sum to keep its size.
pub(super) fn chosen(pair: &Pair<'_>, axis: usize, ranking: Option<&Ranking>) -> Made {
    let (from, to, count) = (pair.shape[axis], pair.target.shape[axis], cuts::blocks(pair, axis));
    let indices = ranking.and_then(|ranking| ranking.heaviest(from / count, to / count));
    let indices = indices.ok_or_else(|| format!("no matrix of the source says which of {from} units matter"))?;
    let what = format!("the {to} heaviest of {from} along axis {axis}");
    let mut steps = cuts::within(&pair.shape, axis, count, Map::Choose { indices }, to);
    if !pair.reads(axis) {
        return Ok((steps, what));
    }
    let factor = (from as f64 / to as f64).sqrt();
    steps.push(Step::Scale { factor });
    Ok((steps, format!("{what} × {factor:.4}")))
}
