//! Operators that only rearrange: reshapes, transposes, casts; dropout, which thins; and resizing, which repeats or mixes
//! neighbours.
//!
//! # Assumes
//! Dropout keeps an element with probability 1 − p and divides by it. Bilinear resizing mixes neighbours that have in
//! common what any two places have.

use super::super::array::{Array, Atom};
use super::super::flow::{Flow, State};
use super::super::view::View;
use super::{Gradients, Outcome, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule { ops: &["Identity", "Cast", "CastLike"], forward: same, backward: same_back },
    Rule {
        ops: &["Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Transpose"],
        forward: rearrange,
        backward: rearrange_back,
    },
    Rule { ops: &["Dropout"], forward: dropout, backward: dropout_back },
    Rule { ops: &["Resize", "Upsample"], forward: resize, backward: resize_back },
];

fn same(view: &View) -> Outcome {
    match view.flow(0) {
        Some(Flow::Signal(_)) => Ok(vec![Flow::Signal(view.signal(0)?.clone())]),
        Some(Flow::Unknown(unknown)) => Err(super::super::view::Why::Before(unknown.clone())),
        Some(other) => Ok(vec![other.clone()]),
        None => Err("its input is missing".into()),
    }
}

fn same_back(_: &View, gradients: &[Option<Array>]) -> Gradients {
    Some(vec![(0, gradients.first()?.clone()?)])
}

/// Number of elements.
fn total(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))
}

/// The shape that a reshaping node makes.
fn shape(view: &View, old: &[u64]) -> Option<Vec<u64>> {
    let rank = old.len();
    let dim = |axis: i64, rank: usize| View::axis(axis, rank);
    match view.node.op.as_str() {
        "Flatten" => {
            let axis = view.node.int("axis").unwrap_or(1);
            let axis = usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok().filter(|&a| a <= rank)?;
            Some(vec![total(&old[..axis])?, total(&old[axis..])?])
        }
        "Squeeze" => {
            let axes: Vec<usize> = match view.ints(1, "axes") {
                Some(axes) => axes.iter().map(|&axis| dim(axis, rank)).collect::<Option<_>>()?,
                None => (0..rank).filter(|&d| old[d] == 1).collect(),
            };
            Some((0..rank).filter(|d| !axes.contains(d)).map(|d| old[d]).collect())
        }
        "Unsqueeze" => {
            let axes = view.ints(1, "axes")?;
            let all = rank.checked_add(axes.len())?;
            let axes: Vec<usize> = axes.iter().map(|&axis| dim(axis, all)).collect::<Option<_>>()?;
            let mut rest = old.iter();
            (0..all).map(|d| if axes.contains(&d) { Some(1) } else { rest.next().copied() }).collect()
        }
        _ => {
            let wanted = view.ints(1, "shape")?;
            let zero = view.node.int("allowzero").unwrap_or(0) == 0;
            let mut sizes: Vec<u64> = Vec::with_capacity(wanted.len());
            for (d, &size) in wanted.iter().enumerate() {
                sizes.push(match size {
                    -1 => 1,
                    0 if zero => *old.get(d)?,
                    size => u64::try_from(size).ok()?,
                });
            }
            if let Some(free) = wanted.iter().position(|&size| size == -1) {
                let known = total(&sizes)?;
                sizes[free] = total(old)?.checked_div(known)?;
            }
            Some(sizes)
        }
    }
}

fn order(view: &View, rank: usize) -> Option<Vec<usize>> {
    match view.node.ints("perm") {
        Some(perm) => perm.iter().map(|&p| usize::try_from(p).ok()).collect(),
        None => Some((0..rank).rev().collect()),
    }
}

/// The steps of `DepthToSpace` (or back): shape, order, shape.
fn blocks(view: &View, x: &Array) -> Option<Array> {
    let size = u64::try_from(view.node.int("blocksize")?).ok().filter(|&n| n > 0)?;
    let [b, c, h, w] = x.shape()[..] else { return None };
    if view.node.op == "SpaceToDepth" {
        let cut = x.reshaped(&[b, c, h.checked_div(size)?, size, w.checked_div(size)?, size])?;
        return cut.permuted(&[0, 3, 5, 1, 2, 4])?.reshaped(&[b, c * size * size, h / size, w / size]);
    }
    let inner = c.checked_div(size * size)?;
    let crd = view.node.text("mode") == Some("CRD");
    let (cut, order) = if crd {
        (x.reshaped(&[b, inner, size, size, h, w])?, [0, 1, 4, 2, 5, 3])
    } else {
        (x.reshaped(&[b, size, size, inner, h, w])?, [0, 3, 4, 1, 5, 2])
    };
    cut.permuted(&order)?.reshaped(&[b, inner, h * size, w * size])
}

fn moved(view: &View, x: &Array) -> Option<Array> {
    match view.node.op.as_str() {
        "Transpose" => x.permuted(&order(view, x.rank())?),
        "DepthToSpace" | "SpaceToDepth" => blocks(view, x),
        _ => x.reshaped(&shape(view, &x.shape())?),
    }
}

fn rearrange(view: &View) -> Outcome {
    if let Some(Flow::Mask(mask)) = view.flow(0) {
        return Ok(vec![Flow::Mask(mask.clone())]);
    }
    let state = view.signal(0)?;
    let array = moved(view, &state.array).ok_or("its shapes do not fit together")?;
    let root = view.output(0).unwrap_or(usize::MAX);
    // A weight acts the same way however it is stored.
    let acts = state.acts;
    Ok(vec![Flow::Signal(State { array, root, program: super::super::program::Program::root(), acts, law: None })])
}

fn rearrange_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let x = view.array(0).ok()?;
    let back = match view.node.op.as_str() {
        "Transpose" => {
            let order = order(view, x.rank())?;
            let inverse: Option<Vec<usize>> = (0..order.len()).map(|d| order.iter().position(|&o| o == d)).collect();
            gradient.permuted(&inverse?)
        }
        "DepthToSpace" | "SpaceToDepth" => {
            let array = gradient.coarse();
            let labels = Array::independent(&x.shape(), 0.0, array.second())?.redrawn();
            Some(labels)
        }
        _ => gradient.reshaped(&x.shape()),
    }?;
    Some(vec![(0, back)])
}

/// The share of elements that dropout keeps, if it drops any.
fn keep(view: &View) -> Option<f64> {
    if !view.dropout {
        return None;
    }
    let ratio = view.number(1).or_else(|| view.node.float("ratio")).unwrap_or(0.5);
    (ratio > 0.0 && ratio < 1.0).then_some(1.0 - ratio)
}

fn dropout(view: &View) -> Outcome {
    let state = view.signal(0)?;
    let mut flows = match keep(view) {
        None => vec![Flow::Signal(state.clone())],
        Some(keep) => {
            let mut array = state.array.clone().without_pair();
            let full = array.full();
            array.table[full] /= keep;
            vec![view.fresh(array)]
        }
    };
    if view.node.outputs.len() > 1 {
        let shape = state.array.shape();
        flows.push(Flow::Mask(super::super::flow::Mask::new(shape, super::super::flow::MaskKind::Some)));
    }
    Ok(flows)
}

fn dropout_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let mut gradient = gradients.first()?.clone()?;
    if let Some(keep) = keep(view) {
        let full = gradient.full();
        gradient.table[full] /= keep;
    }
    Some(vec![(0, gradient)])
}

/// Whole factors by which each dimension grows; 1 where it stays.
fn growth(view: &View, x: &Array) -> Option<Vec<u64>> {
    let rank = x.rank();
    let stated = view.output(0).and_then(|id| view.graph.values.get(id)).and_then(|v| v.shape.clone());
    let stated: Option<Vec<u64>> = stated.and_then(|dims| dims.into_iter().collect());
    let sizes = view.ints(3, "").map(|sizes| sizes.iter().map(|&n| u64::try_from(n).unwrap_or(0)).collect::<Vec<_>>());
    let scales = view.node.attributes.get("scales").and_then(|a| match a {
        crate::graph::Attribute::Floats(list) => Some(list.clone()),
        _ => None,
    });
    // All scales equal in the fields: the one number that the file's reader keeps of them.
    let equal = [2, 1].iter().find_map(|&i| view.number(i).filter(|n| view.array(i).is_ok() && *n >= 1.0));
    let wanted = sizes.filter(|s| s.len() == rank).or(stated.filter(|s| s.len() == rank));
    let factors: Vec<u64> = match (wanted, scales, equal) {
        (Some(sizes), ..) => (0..rank)
            .map(|d| sizes[d].checked_div(x.size(d)).filter(|f| f * x.size(d) == sizes[d]))
            .collect::<Option<_>>()?,
        (None, Some(scales), _) if scales.len() == rank => scales.iter().map(|&s| s as u64).collect(),
        (None, None, Some(scale)) => vec![scale as u64; rank],
        _ => return None,
    };
    factors.iter().all(|&f| f >= 1).then_some(factors)
}

fn resize(view: &View) -> Outcome {
    let x = view.array(0)?;
    let factors = growth(view, x).ok_or("how much it grows is not known, or is no whole number")?;
    let mode = view.node.text("mode").unwrap_or("nearest");
    let mut y = x.clone();
    for (dim, &factor) in factors.iter().enumerate().filter(|(_, f)| **f > 1) {
        y = (if mode == "nearest" { repeated(&y, dim, factor) } else { mixed(&y, dim, factor) })
            .ok_or("it has too many axes")?;
    }
    view.one(Some(y))
}

/// Every index `factor` times.
fn repeated(x: &Array, dim: usize, factor: u64) -> Option<Array> {
    let wide = x.clone().unsqueezed(dim + 1).repeated(dim + 1, &[Atom::new(factor)])?;
    let mut wide = wide;
    let inner = wide.dims.remove(dim + 1);
    wide.dims[dim].extend(inner);
    Some(wide)
}

/// Linear interpolation between neighbours: w and 1 − w with w at the middles of `factor` steps.
fn mixed(x: &Array, dim: usize, factor: u64) -> Option<Array> {
    let mut flat = x.flat(dim).without_pair();
    let bit = flat.mask(&[dim]);
    let weights = (0..factor).map(|i| ((i as f64 + 0.5) / factor as f64 - 0.5).abs());
    let own = weights.map(|w| (1.0 - w) * (1.0 - w) + w * w).sum::<f64>() / factor as f64;
    if bit == 0 {
        return repeated(x, dim, factor);
    }
    let old = flat.table.clone();
    for (set, k) in flat.table.iter_mut().enumerate().filter(|(set, _)| set & bit != 0) {
        *k = own * old[set] + (1.0 - own) * old[set & !bit];
    }
    let size = flat.size(dim).checked_mul(factor)?;
    flat.dims[dim] = vec![Atom::new(size)];
    Some(flat)
}

fn resize_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let x = view.array(0).ok()?;
    let linear = view.node.text("mode").unwrap_or("nearest") != "nearest";
    let mut back = gradient.clone();
    for (dim, &factor) in growth(view, x)?.iter().enumerate().filter(|(_, f)| **f > 1) {
        let cut = back.regrouped(dim, &[x.size(dim), factor].into_iter().filter(|&n| n > 1).collect::<Vec<_>>())?;
        let mut shape = x.shape();
        shape[dim] = x.size(dim);
        let mut split = cut;
        let inner = split.dims[dim].pop()?;
        split.dims.insert(dim + 1, vec![inner]);
        back = split.summed(&[dim + 1]);
        back.dims.remove(dim + 1);
        if linear {
            let weights = (0..factor).map(|i| ((i as f64 + 0.5) / factor as f64 - 0.5).abs());
            let own = weights.map(|w| (1.0 - w) * (1.0 - w) + w * w).sum::<f64>() / factor as f64;
            back = back.with(0.0, |k| k * own);
        }
    }
    Some(vec![(0, back)])
}
