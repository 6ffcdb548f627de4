//! What becomes of a weight whose shape is another one in the source: one file a method.

mod bert2bert;
mod channels;
mod cuts;
mod head;
mod heads;
mod inflate;
pub(super) mod ligo;
pub(super) mod lora;
mod net2net;
mod positions;
mod select;
pub(super) mod subclone;
mod vocabulary;

pub(super) use bert2bert::next_block;
pub(super) use net2net::identity;
pub(super) use vocabulary::has_symbols;

use super::form::orient;
use super::{Options, Smaller, Source, Wider};
use crate::axes::{Axes, Axis};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;
use std::cmp::Ordering;
use subclone::Ranking;

/// What can be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fit {
    /// These steps; the words say what they are. `rest` is whether they leave elements to be drawn.
    Steps { steps: Vec<Step>, what: String, rest: bool },
    /// Nothing: it is drawn, for this reason.
    Draw(String),
}

/// A source and a target with what the fits look at.
struct Pair<'a> {
    source: &'a Param,
    target: &'a Param,
    /// The axes of the target, where they are known.
    axes: Option<&'a Axes>,
    /// What has been done to the source: its axes stand as the target's do.
    steps: Vec<Step>,
    /// Its shape after that.
    shape: Vec<u64>,
    options: &'a Options,
}

/// Fits `source` to `target`, whose shapes differ. `ranking` says which units matter, where units are left out by that.
pub(super) fn fit(source: &Param, target: &Param, from: &Source, options: &Options, ranking: Option<&Ranking>) -> Fit {
    if let Some(found) = positions::fit(source, target, from).or_else(|| inflate::fit(source, target)) {
        return found;
    }
    let Some((steps, shape)) = oriented(source, target) else {
        let (own, theirs) = (&target.shape, &source.shape);
        return Fit::Draw(format!("`{}` of {} is {theirs:?}, and nothing makes {own:?} of it", source.name, from.file));
    };
    let axes = target.axes.as_ref().map(|known| &known.value).filter(|axes| axes.dims.len() == target.shape.len());
    let pair = Pair { source, target, axes, steps, shape, options };
    vocabulary::fit(&pair)
        .or_else(|| head::fit(&pair))
        .or_else(|| channels::fit(&pair))
        .or_else(|| heads::fit(&pair))
        .unwrap_or_else(|| resized(pair, ranking))
}

fn oriented(source: &Param, target: &Param) -> Option<(Vec<Step>, Vec<u64>)> {
    let same_rank = source.shape.len() == target.shape.len();
    orient(source, target)
        .or_else(|| same_rank.then(|| (Vec::new(), source.shape.clone())))
        .filter(|(_, shape)| shape.len() == target.shape.len())
}

impl Pair<'_> {
    /// Whether the target is a matrix or a kernel that reads its inputs along this axis.
    fn reads(&self, axis: usize) -> bool {
        let weight = matches!(self.target.role.value, Role::Weight | Role::Recurrent);
        weight && self.axes.is_some_and(|axes| axes.dims[axis] == Axis::In)
    }

    /// Whether it is a matrix or a kernel whose inputs and outputs nobody knows.
    fn is_unread(&self) -> bool {
        self.axes.is_none() && matches!(self.target.role.value, Role::Weight | Role::Recurrent)
    }

    /// The steps so far and one more, by which the axis becomes that of the target.
    fn along(&self, axis: usize, map: Map) -> Vec<Step> {
        let mut steps = self.steps.clone();
        steps.push(Step::Along { axis, map });
        steps
    }
}

/// Smaller along some axes, larger along others: each as the options say.
fn resized(mut pair: Pair<'_>, ranking: Option<&Ranking>) -> Fit {
    let (mut words, mut rest) = (Vec::new(), false);
    for axis in 0..pair.shape.len() {
        let (from, to) = (pair.shape[axis], pair.target.shape[axis]);
        let made = match (from.cmp(&to), pair.options.smaller, pair.options.wider) {
            (Ordering::Equal, ..) => continue,
            (Ordering::Greater, Smaller::Select, _) => Ok(select::evenly(&pair, axis)),
            (Ordering::Greater, Smaller::First, _) => Ok(select::first(&pair, axis)),
            (Ordering::Greater, Smaller::Subclone, _) => subclone::chosen(&pair, axis, ranking),
            (Ordering::Less, _, Wider::Draw) => {
                let remedy = "`--fit wider=net2net` or `wider=pad` takes it";
                return Fit::Draw(format!("it is larger than in the source ({:?}); {remedy}", pair.source.shape));
            }
            (Ordering::Less, _, Wider::Pad) => {
                rest = true;
                Ok(net2net::padded(axis, from, to))
            }
            (Ordering::Less, _, Wider::Net2net | Wider::Aki) => net2net::repeated(&pair, axis),
        };
        match made {
            Ok((steps, what)) => {
                pair.steps.extend(steps);
                pair.shape[axis] = to;
                words.push(what);
            }
            Err(why) => return Fit::Draw(why),
        }
    }
    Fit::Steps { steps: pair.steps, what: words.join(", "), rest }
}

/// Further steps along one axis, and what they are in words; or why there are none.
type Made = Result<(Vec<Step>, String), String>;

#[cfg(test)]
mod tests;
