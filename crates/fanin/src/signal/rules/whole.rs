//! Whole numbers and truth values: shapes, indices and masks, computed where they are few and known.

use super::super::array::Array;
use super::super::flow::{Flow, Mask, MaskKind, Whole};
use super::super::numbers::strides;
use super::super::view::View;
use super::{Outcome, Rule, none};
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) const RULES: &[Rule] = &[
    Rule { ops: &["Shape", "Size"], forward: shape, backward: none },
    Rule { ops: &["ConstantOfShape"], forward: filled, backward: none },
    Rule { ops: &["IsNaN", "IsInf"], forward: never, backward: none },
    Rule {
        ops: &["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Not", "Xor", "Trilu"],
        forward: compare,
        backward: none,
    },
    Rule {
        ops: &["Range", "ArgMax", "ArgMin", "NonZero", "GatherElements", "CumSum", "GatherND"],
        forward: some,
        backward: none,
    },
];

/// The longest list of numbers that is kept.
const LONGEST: u64 = 4096;
/// The most truth values of a comparison that are looked at.
const MOST_COMPARED: u64 = 1 << 22;

/// What an operator makes of whole numbers only; `None` if it has an input that is a signal.
pub(in super::super) fn compute(view: &View) -> Option<Flow> {
    let inputs = view.node.inputs.len();
    let whole: Vec<&Whole> = (0..inputs).filter(|&i| view.has(i)).map(|i| view.whole(i)).collect::<Option<_>>()?;
    let first = whole.first()?;
    let sample = whole.iter().any(|w| w.sample);
    if let Some(result) = exact(view, &whole) {
        return Some(Flow::Whole(Whole { sample, ..result }));
    }
    let stated = view.output(0).and_then(|id| view.graph.values.get(id)).and_then(|v| v.shape.clone());
    let shape = stated.and_then(|dims| dims.into_iter().collect::<Option<Vec<u64>>>()).or_else(|| {
        matches!(
            view.node.op.as_str(),
            "Cast" | "Identity" | "Add" | "Sub" | "Mul" | "Div" | "Neg" | "Abs" | "Clip" | "CumSum"
        )
        .then(|| first.shape.clone())
    });
    let shape = shape.or_else(|| reshaped(view, first)).or_else(|| gathered(view))?;
    Some(Flow::Whole(Whole { shape, values: None, equal: first.equal, sample }))
}

/// The shape of a slice, a reshape or a gather of indices that are not known.
fn reshaped(view: &View, first: &Whole) -> Option<Vec<u64>> {
    let count = first.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
    match view.node.op.as_str() {
        "Reshape" | "Expand" => {
            let wanted = view.ints(1, "shape")?;
            let known: u64 = wanted.iter().filter(|&&d| d > 0).map(|&d| d as u64).try_fold(1u64, u64::checked_mul)?;
            wanted.iter().map(|&d| if d == -1 { count.checked_div(known) } else { u64::try_from(d).ok() }).collect()
        }
        "Unsqueeze" => {
            let axes = view.ints(1, "axes")?;
            let rank = first.shape.len() + axes.len();
            let at: Vec<usize> = axes.iter().map(|&a| View::axis(a, rank)).collect::<Option<_>>()?;
            let mut rest = first.shape.iter();
            (0..rank).map(|d| if at.contains(&d) { Some(1) } else { rest.next().copied() }).collect()
        }
        "Squeeze" => {
            let axes = view.ints(1, "axes");
            let at: Vec<usize> =
                axes.unwrap_or_default().iter().filter_map(|&a| View::axis(a, first.shape.len())).collect();
            Some(
                (0..first.shape.len())
                    .filter(|d| if at.is_empty() { first.shape[*d] != 1 } else { !at.contains(d) })
                    .map(|d| first.shape[d])
                    .collect(),
            )
        }
        "Slice" => {
            let (starts, ends, axes) = (view.ints(1, "starts")?, view.ints(2, "ends")?, view.ints(3, "axes")?);
            let mut shape = first.shape.clone();
            for ((start, end), axis) in starts.iter().zip(&ends).zip(&axes) {
                let dim = View::axis(*axis, shape.len())?;
                let size = i64::try_from(shape[dim]).ok()?;
                let at = |i: i64| (if i < 0 { i.saturating_add(size) } else { i }).clamp(0, size);
                shape[dim] = u64::try_from(at(*end) - at(*start)).ok()?;
            }
            Some(shape)
        }
        "Transpose" => Some(first.shape.iter().rev().copied().collect()),
        _ => None,
    }
}

fn gathered(view: &View) -> Option<Vec<u64>> {
    let indices = view.whole(1)?;
    matches!(view.node.op.as_str(), "GatherElements" | "Gather").then(|| indices.shape.clone())
}

/// The numbers themselves.
fn exact(view: &View, inputs: &[&Whole]) -> Option<Whole> {
    let node = view.node;
    let list = |i: usize| inputs.get(i).and_then(|w| w.values.as_ref());
    let (a, first) = (list(0)?, inputs.first()?);
    let vector = |values: Vec<i64>| Some(Whole::of(vec![values.len() as u64], values));
    match node.op.as_str() {
        "Cast" | "Identity" => Some(Whole::of(first.shape.clone(), a.to_vec())),
        "Reshape" | "Squeeze" | "Unsqueeze" => {
            let shape = reshaped(view, first)?;
            Some(Whole::of(shape, a.to_vec()))
        }
        "Concat" => {
            let parts: Vec<&Rc<[i64]>> = (0..inputs.len()).map(list).collect::<Option<_>>()?;
            let total: usize = parts.iter().map(|p| p.len()).sum();
            if total as u64 > LONGEST {
                return None;
            }
            vector(parts.iter().flat_map(|p| p.iter().copied()).collect())
        }
        "Gather" => {
            let indices = list(1)?;
            let pick = |&i: &i64| a.get(usize::try_from(if i < 0 { i + a.len() as i64 } else { i }).ok()?).copied();
            let values: Vec<i64> = indices.iter().map(pick).collect::<Option<_>>()?;
            Some(Whole::of(inputs[1].shape.clone(), values))
        }
        "Slice" => {
            let (starts, ends) = (view.ints(1, "starts")?, view.ints(2, "ends")?);
            let ([start], [end], 1) = (&starts[..], &ends[..], first.shape.len()) else { return None };
            let size = a.len() as i64;
            let at = |i: i64| (if i < 0 { i.saturating_add(size) } else { i }).clamp(0, size) as usize;
            let step = view.ints(4, "steps").map_or(Some(1), |s| s.first().copied().filter(|&s| s > 0))? as usize;
            vector(a.get(at(*start)..at(*end).max(at(*start)))?.iter().step_by(step).copied().collect())
        }
        "Range" => {
            let (start, end, step) = (*a.first()?, *list(1)?.first()?, *list(2)?.first()?);
            let count = if step > 0 {
                (i128::from(end) - i128::from(start) + i128::from(step) - 1) / i128::from(step)
            } else {
                return None;
            };
            let count = u64::try_from(count).ok().filter(|&n| n <= LONGEST)?;
            vector((0..count as i64).map(|i| start + i * step).collect())
        }
        "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" => arithmetic(view, inputs),
        _ => None,
    }
}

fn arithmetic(view: &View, inputs: &[&Whole]) -> Option<Whole> {
    let (a, b) = (inputs.first()?, inputs.get(1)?);
    let (x, y) = (a.values.as_ref()?, b.values.as_ref()?);
    let count = x.len().max(y.len());
    if (x.len() != count && x.len() != 1) || (y.len() != count && y.len() != 1) {
        return None;
    }
    let at = |list: &Rc<[i64]>, i: usize| list[if list.len() == 1 { 0 } else { i }];
    let values: Option<Vec<i64>> = (0..count)
        .map(|i| {
            let (x, y) = (at(x, i), at(y, i));
            match view.node.op.as_str() {
                "Add" => x.checked_add(y),
                "Sub" => x.checked_sub(y),
                "Mul" => x.checked_mul(y),
                "Div" => x.checked_div(y),
                "Min" => Some(x.min(y)),
                _ => Some(x.max(y)),
            }
        })
        .collect();
    let shape = if x.len() >= y.len() { a.shape.clone() } else { b.shape.clone() };
    Some(Whole::of(shape, values?))
}

/// The shape of whatever is known of a value.
fn size(flow: &Flow) -> Option<Vec<u64>> {
    match flow {
        Flow::Signal(state) => Some(state.array.shape()),
        Flow::Whole(whole) => Some(whole.shape.clone()),
        Flow::Mask(mask) => Some(mask.shape.clone()),
        Flow::Unknown(_) => None,
    }
}

fn shape(view: &View) -> Outcome {
    let known = view.flow(0).and_then(size).or_else(|| {
        let value = view.graph.value(view.node.input(0)?);
        value.shape.as_ref()?.iter().copied().collect()
    });
    let shape = known.ok_or("the shape of its input is not known")?;
    let values: Vec<i64> = shape.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect();
    if view.node.op == "Size" {
        let total = values.iter().try_fold(1i64, |n, &d| n.checked_mul(d)).ok_or("its input is too large")?;
        return Ok(vec![Flow::Whole(Whole::of(Vec::new(), vec![total]))]);
    }
    let rank = values.len() as i64;
    let at = |i: i64| (if i < 0 { i.saturating_add(rank) } else { i }).clamp(0, rank) as usize;
    let (start, end) = (at(view.node.int("start").unwrap_or(0)), at(view.node.int("end").unwrap_or(rank)));
    let part = values[start..end.max(start)].to_vec();
    Ok(vec![Flow::Whole(Whole::of(vec![part.len() as u64], part))])
}

fn filled(view: &View) -> Outcome {
    let sizes = view.ints(0, "").ok_or("its shape is not known")?;
    let shape: Option<Vec<u64>> = sizes.iter().map(|&n| u64::try_from(n).ok()).collect();
    let shape = shape.ok_or("its shape has a negative size")?;
    let constant = view.node.output(0).and_then(|v| view.graph.value(v).constant.as_ref());
    if let (Some(constant), Some(place)) = (constant, view.output(0)) {
        return Ok(vec![super::super::weights::stored("", constant, place, None)]);
    }
    // What it is filled with is not kept by the reader: 0 where it is not said.
    Ok(vec![Flow::Whole(Whole { shape, values: None, equal: Some(1.0), sample: false })])
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a rule")]
fn never(view: &View) -> Outcome {
    let shape = view.flow(0).and_then(size).unwrap_or_default();
    Ok(vec![Flow::Mask(Mask::new(shape, MaskKind::Never))])
}

/// Queries that see the keys with a number equal to theirs, as windows that were moved do: how many each sees.
fn groups(view: &View, shape: &[u64]) -> Option<Mask> {
    let (a, b) = (view.whole(0)?, view.whole(1)?);
    let (x, y) = (a.values.as_ref()?, b.values.as_ref()?);
    let total = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n > 0 && n <= MOST_COMPARED)?;
    let keys = *shape.last().filter(|_| view.node.op == "Equal")?;
    let (left, right) = (strides(&a.shape, shape), strides(&b.shape, shape));
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for row in 0..total / keys {
        let (mut rest, mut i, mut j) = (row, 0, 0);
        for dim in (0..shape.len() - 1).rev() {
            let at = rest % shape[dim];
            rest /= shape[dim];
            i += at * left[dim];
            j += at * right[dim];
        }
        let last = shape.len() - 1;
        let same = |k: &u64| Some(x.get((i + k * left[last]) as usize)? == y.get((j + k * right[last]) as usize)?);
        let seen = (0..keys).filter(|k| same(k) == Some(true)).count();
        *counts.entry(seen as u64).or_default() += 1;
    }
    let whole = |n: u64| counts.len() == 1 && counts.contains_key(&n);
    if whole(0) || whole(keys) {
        return Some(Mask::new(shape.to_vec(), if whole(0) { MaskKind::Never } else { MaskKind::Always }));
    }
    let rows = counts.iter().map(|(&t, &count)| (t as f64, count as f64 / (total / keys) as f64)).collect();
    Some(Mask { shape: shape.to_vec(), kind: MaskKind::Some, rows: Some(rows) })
}

/// Comparisons of positions make causal masks, and those of groups masks of groups; others are not followed.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a rule")]
fn compare(view: &View) -> Outcome {
    let flows: Vec<&Flow> = (0..view.node.inputs.len()).filter_map(|i| view.flow(i)).collect();
    let masks: Vec<&Mask> =
        flows.iter().filter_map(|flow| if let Flow::Mask(mask) = flow { Some(mask) } else { None }).collect();
    let shapes: Vec<Vec<u64>> = flows.iter().filter_map(|flow| size(flow)).collect();
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let shape: Vec<u64> = (0..rank)
        .map(|d| shapes.iter().map(|s| (d + s.len()).checked_sub(rank).map_or(1, |i| s[i])).max().unwrap_or(1))
        .collect();
    let square = matches!(shape[..], [.., n, m] if n == m && n > 1);
    if let ("Not", [mask]) = (view.node.op.as_str(), &masks[..]) {
        return Ok(vec![Flow::Mask(mask.negated())]);
    }
    if let Some(mask) = groups(view, &shape) {
        return Ok(vec![Flow::Mask(mask)]);
    }
    let kind = match view.node.op.as_str() {
        "And" | "Or" => match masks[..] {
            [a, b] if a.kind == MaskKind::Always => b.kind,
            [a, b] if b.kind == MaskKind::Always || a.kind == b.kind => a.kind,
            _ if masks.iter().any(|mask| mask.kind == MaskKind::Causal) => MaskKind::Causal,
            _ => MaskKind::Some,
        },
        "Trilu" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" if square => MaskKind::Causal,
        _ => MaskKind::Some,
    };
    Ok(vec![Flow::Mask(Mask::new(shape, kind))])
}

/// Numbers at equal distances, as one draws them: places in a sequence.
fn places(view: &View) -> Option<Array> {
    if view.node.op != "Range" {
        return None;
    }
    let (start, end, step) = (view.number(0)?, view.number(1)?, view.number(2)?);
    let count = ((end - start) / step).ceil();
    if !(1.0..=LONGEST as f64).contains(&count) {
        return None;
    }
    let mean = start + step * (count - 1.0) / 2.0;
    Array::independent(&[count as u64], mean, step * step * (count * count - 1.0) / 12.0)
}

fn some(view: &View) -> Outcome {
    if let Some(places) = places(view) {
        return view.one(Some(places));
    }
    compute(view).map(|flow| vec![flow]).ok_or_else(|| "it is known for whole numbers only".into())
}
