//! Putting signals together and taking them apart: `Concat`, `Split`, `Slice`, `Pad`, `Expand`, `Tile`.
//!
//! # Assumes
//! Parts that are joined share nothing but their means, and which indices are taken does not matter, but for blocks whose
//! weights have a law of their own.

use super::super::array::{Array, Atom};
use super::super::flow::Flow;
use super::super::profile::Profile;
use super::super::terms::reduced;
use super::super::view::View;
use super::{Gradients, Outcome, Rule};
use crate::graph::{NodeId, ValueId};

pub(super) const RULES: &[Rule] = &[
    Rule { ops: &["Concat"], forward: concat, backward: concat_back },
    Rule { ops: &["Split"], forward: split, backward: split_back },
    Rule { ops: &["Slice"], forward: slice, backward: slice_back },
    Rule { ops: &["Pad"], forward: pad, backward: pad_back },
    Rule { ops: &["Expand", "Tile"], forward: expand, backward: expand_back },
];

/// The parts of a `Concat`, one axis along the joined dimension, all others alike.
fn parts(view: &View) -> Result<(Vec<Array>, usize), super::super::view::Why> {
    let count = view.node.inputs.len();
    let first = view.array(0)?;
    let dim =
        View::axis(view.node.int("axis").unwrap_or(0), first.rank()).ok_or("its axis is not one of its inputs")?;
    let mut parts = Vec::with_capacity(count);
    for input in 0..count {
        let part = view.array(input)?;
        if part.rank() != first.rank() {
            return Err("its inputs have different numbers of dimensions".into());
        }
        parts.push(part.flat(dim));
    }
    for other in 1..parts.len() {
        for i in (0..first.rank()).filter(|&i| i != dim) {
            let (a, b) =
                super::super::regroup::alike(&parts[0], i, &parts[other], i).ok_or("its inputs do not fit together")?;
            parts[0] = a;
            parts[other] = b;
        }
    }
    // What the first was cut into last, the others must be, too.
    for other in 1..parts.len() {
        for i in (0..first.rank()).filter(|&i| i != dim) {
            let sizes: Vec<u64> = parts[0].dims[i].iter().map(|atom| atom.size).collect();
            parts[other] = parts[other].regrouped(i, &sizes).ok_or("its inputs do not fit together")?;
        }
    }
    Ok((parts, dim))
}

/// A part with an axis along the joined dimension, also where it is one index wide.
fn along(part: &Array, dim: usize) -> Option<Array> {
    if part.dims[dim].is_empty() { part.repeated(dim, &[Atom::new(2)]) } else { Some(part.clone()) }
}

fn joined(parts: &[Array], dim: usize) -> Option<Array> {
    let sizes: Vec<f64> = parts.iter().map(|part| part.size(dim) as f64).collect();
    let total: f64 = sizes.iter().sum();
    let parts: Vec<Array> = parts.iter().map(|part| along(part, dim)).collect::<Option<_>>()?;
    let bit = 1usize << parts[0].place(dim).0;
    let over = |f: &dyn Fn(&Array) -> f64| parts.iter().zip(&sizes).map(|(part, n)| n * f(part)).sum::<f64>();
    let mean = over(&|part| part.mean) / total;
    let length = parts[0].table.len();
    if parts.iter().any(|part| part.table.len() != length) {
        return None;
    }
    let across =
        (total * mean) * (total * mean) - parts.iter().zip(&sizes).map(|(p, n)| n * n * p.mean * p.mean).sum::<f64>();
    let moment = |set: usize| {
        if set & bit != 0 {
            return over(&|part| part.table[set]) / total;
        }
        let within: f64 = parts.iter().zip(&sizes).map(|(part, n)| n * (n - 1.0) * part.table[set]).sum();
        (within + across) / (total * (total - 1.0)).max(1.0)
    };
    let table: Vec<f64> = (0..length).map(moment).collect();
    let mut array = Array { dims: parts[0].dims.clone(), mean, table, pair: None }.without_pair();
    let (second, count) = (array.second(), sizes.iter().map(|&n| n as u64).sum());
    let factor = |part: &Array| if second > 0.0 { part.second() / second } else { 1.0 };
    let runs = parts.iter().zip(&sizes).flat_map(|(part, &n)| {
        let own = part.dims[dim].first().and_then(|atom| atom.profile.as_ref());
        let flat = vec![(n as u64, 1.0)];
        let runs = own.map_or(flat, |own| own.runs().to_vec());
        runs.into_iter().map(|(len, f)| (len, f * factor(part))).collect::<Vec<_>>()
    });
    array.dims[dim] = vec![Atom { profile: Profile::new(runs).0, ..Atom::new(count) }];
    Some(array)
}

fn concat(view: &View) -> Outcome {
    if let Some(Flow::Mask(mask)) = view.flow(0) {
        return Ok(vec![Flow::Mask(mask.clone())]);
    }
    if view.node.inputs.len() == 1 {
        return Ok(vec![Flow::Signal(view.signal(0)?.clone())]);
    }
    let (parts, dim) = parts(view)?;
    view.one(joined(&parts, dim))
}

fn concat_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let rank = gradient.rank();
    let dim = View::axis(view.node.int("axis").unwrap_or(0), rank)?;
    let mut start = 0;
    let mut results = Vec::new();
    for input in 0..view.node.inputs.len() {
        let size = view.array(input).ok()?.size(dim);
        results.push((input, gradient.block(dim, start, size)?));
        start += size;
    }
    Some(results)
}

/// The sizes of the pieces of a `Split`.
fn pieces(view: &View, size: u64) -> Option<Vec<u64>> {
    if let Some(sizes) = view.ints(1, "split") {
        let sizes: Vec<u64> = sizes.iter().map(|&n| u64::try_from(n).ok()).collect::<Option<_>>()?;
        return (sizes.len() == view.node.outputs.len() && sizes.iter().sum::<u64>() == size).then_some(sizes);
    }
    let count = view.node.outputs.len() as u64;
    let each = size.div_ceil(count.max(1));
    (0..count).map(|i| size.checked_sub(i * each).map(|left| left.min(each))).collect()
}

fn split(view: &View) -> Outcome {
    let x = view.array(0)?;
    let dim = View::axis(view.node.int("axis").unwrap_or(0), x.rank()).ok_or("its axis is not one of its input")?;
    let sizes = pieces(view, x.size(dim)).ok_or("its pieces do not fill its input")?;
    let mut start = 0;
    let mut flows = Vec::new();
    for (output, size) in sizes.into_iter().enumerate() {
        let part = x.block(dim, start, size).ok_or("a piece of it is empty")?;
        flows.push(view.fresh_at(output, part));
        start += size;
    }
    Ok(flows)
}

fn split_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let x = view.array(0).ok()?;
    let dim = View::axis(view.node.int("axis").unwrap_or(0), x.rank())?;
    let mut sum: Option<Array> = None;
    let mut start = 0;
    for (gradient, size) in gradients.iter().zip(pieces(view, x.size(dim))?) {
        let at = start;
        start += size;
        let Some(gradient) = gradient else { continue };
        let part = gradient.embedded(dim, at, x.size(dim))?;
        sum = Some(match sum {
            None => part,
            Some(sum) => {
                let (sum, part) = sum.aligned(&part)?;
                sum.plus(&part)?
            }
        });
    }
    Some(sum.map(|sum| (0, sum)).into_iter().collect())
}

/// Dimension, start and length of each cut that a `Slice` makes.
fn cuts(view: &View, x: &Array) -> Option<Vec<(usize, u64, u64)>> {
    let (starts, ends) = (view.ints(1, "starts")?, view.ints(2, "ends")?);
    let axes = view.ints(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = view.ints(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return None;
    }
    (0..starts.len())
        .map(|i| {
            let dim = View::axis(axes[i], x.rank())?;
            let size = i64::try_from(x.size(dim)).ok()?;
            let at = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
            let (start, count) = if steps[i] > 0 {
                let (start, end) = (at(starts[i]).clamp(0, size), at(ends[i]).clamp(0, size));
                (start, (end - start).max(0).div_euclid(steps[i]) + i64::from((end - start).max(0) % steps[i] != 0))
            } else {
                let step = steps[i].checked_neg().filter(|&s| s > 0)?;
                let (start, end) = (at(starts[i]).clamp(0, size - 1), at(ends[i]).clamp(-1, size - 1));
                (end + 1, (start - end).max(0).div_euclid(step) + i64::from((start - end).max(0) % step != 0))
            };
            Some((dim, u64::try_from(start).ok()?, u64::try_from(count).ok()?))
        })
        .collect()
}

fn slice(view: &View) -> Outcome {
    if let Some(Flow::Mask(mask)) = view.flow(0) {
        return Ok(vec![Flow::Mask(mask.clone())]);
    }
    let x = view.array(0)?;
    let cuts = cuts(view, x).ok_or("its bounds are not known")?;
    let y =
        cuts.into_iter().try_fold(
            x.clone(),
            |x, (dim, start, count)| {
                if count == x.size(dim) { Some(x) } else { x.block(dim, start, count) }
            },
        );
    view.one(y)
}

fn slice_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.clone()?;
    let x = view.array(0).ok()?;
    if let Some(back) = rolled(view, x, &gradient) {
        return Some(vec![(0, back)]);
    }
    let back =
        cuts(view, x)?.into_iter().try_fold(gradient, |g, (dim, start, _)| g.embedded(dim, start, x.size(dim)))?;
    Some(vec![(0, back)])
}

/// The share of one slice in the gradient of a value that is only cut into pieces and put together in another order, as a
/// picture that is rolled: what its places have in common holds across the pieces, too, so each hands back the moments
/// of the whole by its share of the places.
fn rolled(view: &View, x: &Array, gradient: &Array) -> Option<Array> {
    let [(dim, start, count)] = cuts(view, x)?[..] else { return None };
    let mut pieces = vec![(start, count)];
    let together = only_user(view, view.node.output(0)?)?;
    for slot in &view.graph.value(view.node.input(0)?).uses {
        let node = view.graph.node(slot.node);
        if node.op != "Slice" || only_user(view, node.output(0)?)? != together {
            return None;
        }
        if slot.node != view.id {
            let other = view.beside(slot.node);
            let [(along, start, count)] = cuts(&other, x)?[..] else { return None };
            pieces.push((start, count));
            if along != dim {
                return None;
            }
        }
    }
    let node = view.graph.node(together);
    let axis = View::axis(node.int("axis").unwrap_or(0), x.rank())?;
    pieces.sort_unstable();
    let end = pieces.iter().try_fold(0, |end, &(start, count)| (start == end).then_some(start + count))?;
    let whole = node.op == "Concat" && axis == dim && node.inputs.len() == pieces.len() && end == x.size(dim);
    if !whole || gradient.size(dim) != count {
        return None;
    }
    let share = count as f64 / end as f64;
    let mut back = gradient.flat(dim).without_pair();
    if back.dims[dim].is_empty() {
        return None;
    }
    back.dims[dim] = vec![Atom::new(end)];
    back.mean *= share;
    back.table.iter_mut().for_each(|k| *k *= share);
    Some(back)
}

/// The one node that reads a value.
fn only_user(view: &View, value: ValueId) -> Option<NodeId> {
    match view.graph.value(value).uses[..] {
        [slot] => Some(slot.node),
        _ => None,
    }
}

/// Sizes of the dimensions after padding, and whether zeros are put around.
fn padded(view: &View, x: &Array) -> Option<(Vec<u64>, bool)> {
    let pads = view.ints(1, "pads")?;
    let rank = x.rank();
    let axes: Vec<usize> = match view.ints(3, "") {
        Some(axes) => axes.iter().map(|&axis| View::axis(axis, rank)).collect::<Option<_>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return None;
    }
    let mut sizes = x.shape();
    for (i, &dim) in axes.iter().enumerate() {
        let grown = i64::try_from(sizes[dim]).ok()?.checked_add(pads[i])?.checked_add(pads[i + axes.len()])?;
        sizes[dim] = u64::try_from(grown).ok().filter(|&n| n > 0)?;
    }
    let zeros = view.node.text("mode").unwrap_or("constant") == "constant";
    let value = if view.has(2) { view.number(2)? } else { view.node.float("value").unwrap_or(0.0) };
    (!zeros || value == 0.0).then_some((sizes, zeros))
}

fn pad(view: &View) -> Outcome {
    let x = view.array(0)?;
    let (sizes, zeros) = padded(view, x).ok_or("what it pads with is not known")?;
    let y = sizes.iter().enumerate().try_fold(x.clone(), |x, (dim, &size)| {
        let now = x.size(dim);
        if size < now {
            x.taken(dim, size)
        } else if size == now {
            Some(x)
        } else if zeros {
            x.embedded(dim, (size - now) / 2, size)
        } else {
            // Reflections repeat what is there.
            let flat = x.flat(dim);
            if now == 1 {
                flat.repeated(dim, &[Atom::new(size)])
            } else {
                let mut wide = flat.without_pair();
                wide.dims[dim] = vec![Atom::new(size)];
                Some(wide)
            }
        }
    });
    view.one(y)
}

fn pad_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.clone()?;
    let x = view.array(0).ok()?;
    let back = (0..x.rank()).try_fold(gradient, |g, dim| {
        if g.size(dim) > x.size(dim) { g.taken(dim, x.size(dim)) } else { g.embedded(dim, 0, x.size(dim)) }
    })?;
    Some(vec![(0, back)])
}

fn expand(view: &View) -> Outcome {
    if let Some(Flow::Mask(mask)) = view.flow(0) {
        return Ok(vec![Flow::Mask(mask.clone())]);
    }
    let x = view.array(0)?;
    let sizes = view.ints(1, "").ok_or("its shape is not known")?;
    let sizes: Option<Vec<u64>> = sizes.iter().map(|&n| u64::try_from(n).ok()).collect();
    let sizes = sizes.ok_or("its shape has a negative size")?;
    let mut y = (x.rank()..sizes.len()).fold(x.clone(), |x, _| x.unsqueezed(0));
    let lead = y.rank().saturating_sub(sizes.len());
    for (i, &size) in sizes.iter().enumerate() {
        let dim = i + lead;
        if size == 1 || view.node.op == "Expand" && y.size(dim) != 1 {
            continue;
        }
        let next = if y.size(dim) == 1 {
            y.repeated(dim, &[Atom::new(size)])
        } else {
            // Copies behind one another: an outer axis along which all is the same.
            let inner = y.unsqueezed(dim);
            inner.repeated(dim, &[Atom::new(size)]).map(|mut wide| {
                let outer = wide.dims.remove(dim);
                wide.dims[dim].splice(0..0, outer);
                wide
            })
        };
        y = next.ok_or("it has too many axes")?;
    }
    view.one(Some(y))
}

fn expand_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.clone()?;
    let x = view.array(0).ok()?;
    if view.node.op == "Tile"
        && (0..x.rank()).any(|d| x.size(d) > 1 && gradient.size(d + gradient.rank() - x.rank()) != x.size(d))
    {
        return None;
    }
    Some(vec![(0, reduced(&gradient, x)?)])
}
