//! What becomes of a weight whose shape is another one in the source.

use super::form::orient;
use super::{Head, Options, Source, Wider};
use crate::axes::{Axes, Axis};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;

/// What can be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fit {
    /// These steps; the words say what they are. `rest` is whether they leave elements to be drawn.
    Steps { steps: Vec<Step>, what: String, rest: bool },
    /// Nothing: it is drawn, for this reason.
    Draw(String),
}

/// Channels of the pictures that a first convolution may be made for.
const MOST_CHANNELS: u64 = 16;

/// Fits `source` to `target`, whose shapes differ.
pub(super) fn fit(source: &Param, target: &Param, from: &Source, options: &Options) -> Fit {
    if let Some(found) = position(source, target).or_else(|| inflated(source, target)) {
        return found;
    }
    let Some((steps, shape)) = oriented(source, target) else {
        let (own, theirs) = (&target.shape, &source.shape);
        return Fit::Draw(format!("`{}` of {} is {theirs:?}, and nothing makes {own:?} of it", source.name, from.file));
    };
    let axes = target.axes.as_ref().map(|known| &known.value).filter(|axes| axes.dims.len() == target.shape.len());
    if is_head(target, axes, &shape) {
        return head(target, steps, &shape, options);
    }
    if let Some(found) = channels(target, axes, &steps, &shape) {
        return found;
    }
    if target.role.value == Role::Embedding
        && shape.len() == 2
        && shape[0] != target.shape[0]
        && shape[1] == target.shape[1]
    {
        return vocabulary(target, steps, &shape);
    }
    resized(target, axes, steps, &shape, options)
}

fn oriented(source: &Param, target: &Param) -> Option<(Vec<Step>, Vec<u64>)> {
    let same_rank = source.shape.len() == target.shape.len();
    orient(source, target)
        .or_else(|| same_rank.then(|| (Vec::new(), source.shape.clone())))
        .filter(|(_, shape)| shape.len() == target.shape.len())
}

/// A table of positions: those of a square grid are interpolated, with class tokens in front if the numbers ask for them.
fn position(source: &Param, target: &Param) -> Option<Fit> {
    let relative = target.name.contains("relative_position_bias_table");
    if (target.role.value != Role::Position && !relative) || source.shape.len() != target.shape.len() {
        return None;
    }
    let differing: Vec<usize> = (0..target.shape.len()).filter(|&d| source.shape[d] != target.shape[d]).collect();
    let [axis] = differing[..] else { return None };
    let (from, to) = (source.shape[axis], target.shape[axis]);
    let square = |places: u64| Some(places.isqrt()).filter(|side| *side > 1 && side * side == places);
    // None, a class token, one for distillation beside it.
    let grid = [0, 1, 2]
        .into_iter()
        .find_map(|prefix| Some((prefix, square(from.checked_sub(prefix)?)?, square(to.checked_sub(prefix)?)?)));
    Some(match grid {
        Some((prefix, from, to)) => {
            let map = Map::Grid { prefix, from: vec![from, from], to: vec![to, to] };
            let what = format!("positions of a {from}×{from} grid interpolated to {to}×{to}");
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: false }
        }
        None if to <= from => {
            let map = Map::Slice { start: 0, len: to };
            let what = format!("the first {to} of {from} positions");
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: false }
        }
        None => {
            let map = Map::Pad { before: 0, after: to - from };
            let what = format!("{from} positions, {} drawn", to - from);
            Fit::Steps { steps: vec![Step::Along { axis, map }], what, rest: true }
        }
    })
}

/// A kernel of pictures for films: repeated along the new axis, and divided by its length.
///
/// Source: Carreira & Zisserman 2017, arXiv:1705.07750, §2.4.
fn inflated(source: &Param, target: &Param) -> Option<Fit> {
    let axes = target.axes.as_ref().map(|known| &known.value)?;
    let fields: Vec<usize> = (0..axes.dims.len()).filter(|&d| axes.dims[d] == Axis::Field).collect();
    let at = *fields.first().filter(|_| fields.len() == 3 && source.shape.len() + 1 == target.shape.len())?;
    let mut flat = target.shape.clone();
    let depth = flat.remove(at);
    if flat != source.shape {
        return None;
    }
    flat.insert(at, 1);
    let steps =
        vec![Step::Reshape { shape: flat }, Step::Along { axis: at, map: Map::Repeat { to: depth, share: true } }];
    let what = format!("repeated {depth} times along the new axis, and divided by {depth}");
    Some(Fit::Steps { steps, what, rest: false })
}

/// Whether this is the model's head with another number of outputs.
fn is_head(target: &Param, axes: Option<&Axes>, shape: &[u64]) -> bool {
    let head = target.place.sites.as_ref().is_some_and(|sites| sites.value == [Site::Head]);
    let differs = |d: &usize| shape[*d] != target.shape[*d];
    let outputs = |d: usize| match axes {
        Some(axes) if target.role.value != Role::Bias => axes.dims[d] == Axis::Out,
        _ => target.shape.len() == 1,
    };
    head && (0..shape.len()).filter(differs).all(outputs)
}

fn head(target: &Param, mut steps: Vec<Step>, shape: &[u64], options: &Options) -> Fit {
    let Some(axis) = (0..shape.len()).find(|&d| shape[d] != target.shape[d]) else {
        return Fit::Steps { steps, what: String::new(), rest: false };
    };
    let (from, to) = (shape[axis], target.shape[axis]);
    if options.head == Head::Draw {
        return Fit::Draw(format!(
            "the head has {to} outputs, {from} in the source; `--fit head=rows` keeps the first"
        ));
    }
    let (map, what) = if to <= from {
        (Map::Slice { start: 0, len: to }, format!("the first {to} of {from} outputs"))
    } else {
        (Map::Pad { before: 0, after: to - from }, format!("{from} outputs, {} drawn", to - from))
    };
    steps.push(Step::Along { axis, map });
    Fit::Steps { steps, what, rest: to > from }
}

/// A first convolution for pictures with another number of channels.
fn channels(target: &Param, axes: Option<&Axes>, steps: &[Step], shape: &[u64]) -> Option<Fit> {
    let axes = axes.filter(|axes| axes.dims.contains(&Axis::Field) && axes.groups == 1)?;
    let axis = axes.dims.iter().position(|axis| *axis == Axis::In)?;
    let (from, to) = (shape[axis], target.shape[axis]);
    let others = (0..shape.len()).all(|d| d == axis || shape[d] == target.shape[d]);
    if !others || from == to || from > MOST_CHANNELS || to > MOST_CHANNELS || !target.place.first {
        return None;
    }
    let mut steps = steps.to_vec();
    steps.push(Step::Along { axis, map: Map::Channels { to } });
    Some(Fit::Steps {
        steps,
        what: format!("input channels from {from} to {to}, so that grey gives what it gave"),
        rest: false,
    })
}

/// A table of symbols with more rows: new ones begin as the mean. Which ones to leave out nothing tells.
///
/// Source: Hewitt 2021, "Initializing new word embeddings for pretrained language models" (the mean).
fn vocabulary(target: &Param, mut steps: Vec<Step>, shape: &[u64]) -> Fit {
    let (from, to) = (shape[0], target.shape[0]);
    if to < from {
        return Fit::Draw(format!("the table has {to} rows, {from} in the source: which of them is not known"));
    }
    steps.push(Step::Along { axis: 0, map: Map::Mean { to } });
    Fit::Steps { steps, what: format!("{from} rows, {} new ones as their mean", to - from), rest: false }
}

/// Smaller along some axes: selected evenly. Larger along some: as the options say.
fn resized(target: &Param, axes: Option<&Axes>, mut steps: Vec<Step>, shape: &[u64], options: &Options) -> Fit {
    let (mut words, mut rest) = (Vec::new(), false);
    for (axis, (&from, &to)) in shape.iter().zip(&target.shape).enumerate() {
        let map = match (from.cmp(&to), options.wider) {
            (std::cmp::Ordering::Equal, _) => continue,
            (std::cmp::Ordering::Greater, _) => Map::Select { to },
            (std::cmp::Ordering::Less, Wider::Draw) => {
                let remedy = "`--fit wider=net2net` or `wider=pad` takes it";
                return Fit::Draw(format!("it is larger than in the source ({shape:?}); {remedy}"));
            }
            (std::cmp::Ordering::Less, Wider::Pad) => {
                rest = true;
                Map::Pad { before: 0, after: to - from }
            }
            (std::cmp::Ordering::Less, Wider::Net2net) => {
                let reads = axes.is_some_and(|axes| axes.dims[axis] == Axis::In);
                let weight = matches!(target.role.value, Role::Weight | Role::Recurrent);
                if axes.is_none() && weight {
                    return Fit::Draw(
                        "which of its axes are inputs is not known, so units cannot be repeated".to_owned(),
                    );
                }
                Map::Repeat { to, share: reads && weight }
            }
        };
        words.push(format!("{map} of {from} along axis {axis}"));
        steps.push(Step::Along { axis, map });
    }
    Fit::Steps { steps, what: words.join(", "), rest }
}

#[cfg(test)]
mod tests;
