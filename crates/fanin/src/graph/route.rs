//! From a constant to the slots that consume it, through every rearrangement, with the axes carried back.

use super::consume::{self, Slot};
use super::{Content, Graph, Node, Use, ValueId, flow};
use crate::axes::{Axes, Axis, Cut};
use crate::role::Role;

/// One consumer of a constant.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The slots of the constant itself through which the consumer is reached.
    pub(crate) entries: Vec<Use>,
    /// The slot that gives the role.
    pub(crate) slot: Use,
    /// What the consumer makes of it.
    pub(crate) what: What,
    /// Only these indices of this axis are consumed: `(axis, start, end)`.
    pub(crate) slice: Option<(usize, u64, u64)>,
    /// What is added to the constant on the way: 1 for a norm that multiplies by 1 + w.
    pub(crate) offset: f64,
}

/// What a consumer makes of a constant.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Param(Role, Option<Axes>),
    Fixed(&'static str),
    /// Element by element with a signal; the shape is the one that meets it.
    Signal(Vec<u64>),
    /// An operator nobody knows.
    Unknown,
}

/// How far a constant is followed; exporters chain at most a handful of rearrangements.
const DEPTH: usize = 12;

/// Every consumer of the constant `value`.
pub(crate) fn consumers(graph: &Graph, value: ValueId, shape: &[u64]) -> Vec<Found> {
    join(follow(graph, value, shape, DEPTH))
}

fn follow(graph: &Graph, value: ValueId, shape: &[u64], depth: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for &slot in &graph.value(value).uses {
        if let Some(scales) = offset_scales(graph, slot, shape, depth) {
            found.extend(scales);
            continue;
        }
        let what = match consume::slot(graph, slot, shape) {
            Slot::Param(role, axes) => What::Param(role, axes),
            Slot::Fixed(why) => What::Fixed(why),
            Slot::Signal if !joins_constants(graph, slot) => What::Signal(shape.to_vec()),
            Slot::Pass | Slot::Signal if depth > 0 => {
                found.extend(pass(graph, slot, shape, depth));
                continue;
            }
            Slot::Pass | Slot::Signal | Slot::Unknown => What::Unknown,
        };
        found.push(Found { entries: vec![slot], slot, what, slice: None, offset: 0.0 });
    }
    found
}

/// The norms that multiply by a vector and a number added to it, if `slot` is that sum and leads nowhere else.
fn offset_scales(graph: &Graph, slot: Use, shape: &[u64], depth: usize) -> Option<Vec<Found>> {
    let node = graph.node(slot.node);
    let (2, "Add", 0 | 1) = (node.inputs.len(), node.op.as_str(), slot.input) else { return None };
    let number = flow::source(graph, node.input(1 - slot.input)?);
    let number = graph.constant(Some(number)).filter(|c| c.count() == 1)?;
    let Content::Equal(by) = number.content else { return None };
    if depth == 0 || shape.iter().all(|&size| size <= 1) {
        return None;
    }
    let mut scales = follow(graph, node.output(0)?, shape, depth - 1);
    for next in &mut scales {
        next.entries = vec![slot];
        next.offset += by;
    }
    (!scales.is_empty() && scales.iter().all(|next| is_scale(graph, next))).then_some(scales)
}

/// Whether a consumer is a normalization, or the product that follows one.
fn is_scale(graph: &Graph, found: &Found) -> bool {
    let node = graph.node(found.slot.node);
    match found.what {
        What::Param(role, _) => role == Role::Scale,
        What::Signal(_) if node.op == "Mul" => {
            let others = node.inputs.iter().enumerate().filter(|(i, _)| *i != found.slot.input);
            others.filter_map(|(_, value)| *value).any(|value| flow::is_normalized(graph, value))
        }
        _ => false,
    }
}

/// Whether a `Concat`, or an arithmetic node, has no operand that depends on the model's input: then it only prepares a
/// weight (gates put into another order, an equalized learning rate's factor).
fn joins_constants(graph: &Graph, slot: Use) -> bool {
    let node = graph.node(slot.node);
    (node.op == "Concat" || matches!(node.op.as_str(), "Mul" | "Div"))
        && node.inputs.iter().flatten().all(|&v| is_prepared(graph, v, DEPTH))
}

fn is_prepared(graph: &Graph, value: ValueId, depth: usize) -> bool {
    let value = graph.value(value);
    if value.constant.is_some() {
        return true;
    }
    let Some((node, _)) = value.producer.filter(|_| depth > 0) else { return false };
    let node = graph.node(node);
    let prepares = consume::passes(&node.op) || matches!(node.op.as_str(), "Concat" | "Split" | "Mul" | "Div");
    prepares && node.inputs.iter().flatten().all(|&v| is_prepared(graph, v, depth - 1))
}

fn pass(graph: &Graph, slot: Use, shape: &[u64], depth: usize) -> Vec<Found> {
    let node = graph.node(slot.node);
    if matches!(node.op.as_str(), "Loop" | "Scan") {
        return body_inputs(graph, node, slot, shape, depth);
    }
    let mut found = Vec::new();
    for (index, output) in node.outputs.iter().enumerate() {
        let Some(output) = *output else { continue };
        let Some(step) = Rearranged::new(graph, node, slot.input, index, shape) else { continue };
        for mut next in follow(graph, output, &step.shape, depth - 1) {
            if let What::Param(_, axes) = &mut next.what {
                *axes = axes.take().and_then(|axes| step.back(&axes, shape));
            }
            next.slice = step.slice.or(next.slice.filter(|_| step.keeps_axes()));
            next.entries = vec![slot];
            found.push(next);
        }
    }
    found
}

/// `Loop` hands input `i` to its body's input `i`; `Scan` likewise.
fn body_inputs(graph: &Graph, node: &Node, slot: Use, shape: &[u64], depth: usize) -> Vec<Found> {
    let Some(body) = node.bodies.first() else { return Vec::new() };
    let Some(&inner) = body.inputs.get(slot.input) else { return Vec::new() };
    let mut found = follow(graph, inner, shape, depth - 1);
    for next in &mut found {
        next.entries = vec![slot];
    }
    found
}

/// What one rearranging node does to shape and axes.
struct Rearranged {
    shape: Vec<u64>,
    /// For each dimension of the input, the dimension of the output that it becomes.
    map: Vec<Option<usize>>,
    /// The part of the input that goes on.
    slice: Option<(usize, u64, u64)>,
    /// The output is put together along this axis, and the input starts at this index.
    offset: Option<(usize, u64)>,
}

impl Rearranged {
    fn same(shape: &[u64]) -> Rearranged {
        Rearranged { shape: shape.to_vec(), map: (0..shape.len()).map(Some).collect(), slice: None, offset: None }
    }

    fn keeps_axes(&self) -> bool {
        self.map.iter().enumerate().all(|(i, &to)| to == Some(i))
    }

    fn new(graph: &Graph, node: &Node, input: usize, output: usize, shape: &[u64]) -> Option<Rearranged> {
        let rank = shape.len();
        let mut step = Rearranged::same(shape);
        match node.op.as_str() {
            "Transpose" => {
                let perm: Vec<usize> = match node.ints("perm") {
                    Some(perm) => perm.iter().map(|&p| usize::try_from(p).ok()).collect::<Option<_>>()?,
                    None => (0..rank).rev().collect(),
                };
                if perm.len() != rank || perm.iter().any(|&p| p >= rank) {
                    return None;
                }
                step.shape = perm.iter().map(|&p| shape[p]).collect();
                for (to, &from) in perm.iter().enumerate() {
                    step.map[from] = Some(to);
                }
            }
            "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => step = step.reshaped(graph, node, shape)?,
            "Slice" => {
                let (axis, start, end) = slice(graph, node, shape)?;
                step.shape[axis] = end - start;
                step.slice = Some((axis, start, end));
            }
            "Split" => {
                let axis = wrap(node.int("axis").unwrap_or(0), rank)?;
                let count = node.outputs.len() as u64;
                let size = shape[axis].checked_div(count).filter(|size| size * count == shape[axis])?;
                let start = size * output as u64;
                step.shape[axis] = size;
                step.slice = Some((axis, start, start + size));
            }
            "Concat" => {
                let axis = wrap(node.int("axis")?, rank)?;
                let size = |value: &Option<ValueId>| static_shape(graph, (*value)?, DEPTH)?.get(axis).copied();
                let sizes: Vec<u64> = node.inputs.iter().map(size).collect::<Option<_>>()?;
                step.offset = Some((axis, sizes[..input].iter().sum()));
                step.shape[axis] = sizes.iter().sum();
            }
            _ => {}
        }
        Some(step)
    }

    /// A new shape with the same elements: dimensions of size one come and go, the others stay or the axes are lost.
    fn reshaped(mut self, graph: &Graph, node: &Node, shape: &[u64]) -> Option<Rearranged> {
        let output = graph.value(node.output(0)?);
        let known = output.shape.as_ref().and_then(|dims| dims.iter().copied().collect::<Option<Vec<u64>>>());
        self.shape = match known {
            Some(shape) => shape,
            None => new_shape(graph, node, shape)?,
        };
        self.map = vec![None; shape.len()];
        let wide = |shape: &[u64]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
        if wide(shape) != wide(&self.shape) {
            return Some(self);
        }
        let mut to = 0;
        for (from, &size) in shape.iter().enumerate() {
            if size != 1 {
                while self.shape[to] == 1 {
                    to += 1;
                }
                self.map[from] = Some(to);
                to += 1;
            }
        }
        Some(self)
    }

    /// Axes of the input, from those of the output.
    fn back(&self, axes: &Axes, shape: &[u64]) -> Option<Axes> {
        let mut dims = Vec::with_capacity(shape.len());
        for (from, to) in self.map.iter().enumerate() {
            match to {
                Some(to) => dims.push(*axes.dims.get(*to)?),
                None if shape[from] == 1 => dims.push(Axis::Field),
                None => return None,
            }
        }
        let mut cuts = Vec::new();
        for cut in &axes.cuts {
            let Some(axis) = self.map.iter().position(|to| *to == Some(cut.axis)) else { continue };
            match self.offset {
                Some((along, start)) if along == cut.axis => cuts.extend(within(cut, axis, start, shape[axis])),
                _ => cuts.push(Cut { axis, ..cut.clone() }),
            }
        }
        Some(Axes { dims, cuts, ..axes.clone() })
    }
}

/// The shape of a value that is prepared from constants, or that the file states.
fn static_shape(graph: &Graph, id: ValueId, depth: usize) -> Option<Vec<u64>> {
    let value = graph.value(id);
    if let Some(constant) = &value.constant {
        return Some(constant.shape.clone());
    }
    if let Some(shape) = value.shape.as_ref().and_then(|dims| dims.iter().copied().collect()) {
        return Some(shape);
    }
    let (node, output) = value.producer.filter(|_| depth > 0)?;
    let node = graph.node(node);
    let shape = static_shape(graph, node.input(0)?, depth - 1)?;
    Some(Rearranged::new(graph, node, 0, output, &shape)?.shape)
}

/// The blocks of `cut` that lie whole in `start .. start + len`.
fn within(cut: &Cut, axis: usize, start: u64, len: u64) -> Option<Cut> {
    let mut at = 0;
    let mut blocks = Vec::new();
    for block in &cut.blocks {
        if at >= start && at + block.size <= start + len {
            blocks.push(block.clone());
        }
        at += block.size;
    }
    (!blocks.is_empty()).then_some(Cut { axis, repeat: 1, blocks })
}

pub(crate) fn wrap(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&a| a < rank)
}

/// The one axis that a `Slice` with step 1 cuts, with its bounds.
fn slice(graph: &Graph, node: &Node, shape: &[u64]) -> Option<(usize, u64, u64)> {
    let ints = |input: usize, name: &str| -> Option<Vec<i64>> {
        let constant = graph.constant(node.input(input)).and_then(|c| c.ints.clone());
        constant.or_else(|| node.ints(name).map(<[i64]>::to_vec))
    };
    let (starts, ends) = (ints(1, "starts")?, ints(2, "ends")?);
    let axes = ints(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = ints(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
    let ([start], [end], [axis], [1]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else { return None };
    let axis = wrap(*axis, shape.len())?;
    let size = i64::try_from(shape[axis]).ok()?;
    let bound = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(0, size) as u64;
    (bound(*start) <= bound(*end)).then(|| (axis, bound(*start), bound(*end)))
}

/// Number of elements, if there is one: shapes come from files.
fn total(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))
}

/// The shape that `Unsqueeze`, `Squeeze`, `Flatten` or `Reshape` makes, from their constants.
fn new_shape(graph: &Graph, node: &Node, shape: &[u64]) -> Option<Vec<u64>> {
    let ints =
        graph.constant(node.input(1)).and_then(|c| c.ints.clone()).or_else(|| node.ints("axes").map(<[i64]>::to_vec));
    match node.op.as_str() {
        "Unsqueeze" => {
            let axes = ints?;
            let rank = shape.len() + axes.len();
            let at: Vec<usize> = axes.iter().map(|&a| wrap(a, rank)).collect::<Option<_>>()?;
            let mut rest = shape.iter();
            (0..rank).map(|d| if at.contains(&d) { Some(1) } else { rest.next().copied() }).collect()
        }
        "Squeeze" => {
            let axes = match ints {
                Some(axes) => axes.iter().map(|&a| wrap(a, shape.len())).collect::<Option<Vec<_>>>()?,
                None => (0..shape.len()).filter(|&d| shape[d] == 1).collect(),
            };
            Some((0..shape.len()).filter(|d| !axes.contains(d)).map(|d| shape[d]).collect())
        }
        "Flatten" => {
            let axis = usize::try_from(node.int("axis").unwrap_or(1)).ok().filter(|&a| a <= shape.len())?;
            Some(vec![total(&shape[..axis])?, total(&shape[axis..])?])
        }
        _ => {
            let wanted = ints?;
            let all = total(shape)?;
            let mut sizes: Vec<u64> = Vec::with_capacity(wanted.len());
            for (d, &size) in wanted.iter().enumerate() {
                sizes.push(match size {
                    -1 => 1,
                    0 => *shape.get(d)?,
                    size => u64::try_from(size).ok()?,
                });
            }
            if let Some(free) = wanted.iter().position(|&size| size == -1) {
                sizes[free] = all.checked_div(total(&sizes)?)?;
            }
            Some(sizes)
        }
    }
}

/// Slices of one constant that together go to one place (gates put into another order) become one consumer again.
fn join(found: Vec<Found>) -> Vec<Found> {
    let mut joined: Vec<Found> = Vec::new();
    let mut groups: Vec<Vec<Found>> = Vec::new();
    for next in found {
        let along = |f: &Found| f.slice.map(|(axis, ..)| (f.slot, axis));
        match (along(&next), groups.iter_mut().find(|group| along(&group[0]) == along(&next))) {
            (Some(_), Some(group)) => group.push(next),
            (Some(_), None) => groups.push(vec![next]),
            (None, _) => joined.push(next),
        }
    }
    for mut group in groups {
        group.sort_by_key(|found| found.slice);
        match merged(&group) {
            Some(one) => joined.push(one),
            None => joined.append(&mut group),
        }
    }
    joined
}

/// The slices as one, if each begins where the one before it ends.
fn merged(group: &[Found]) -> Option<Found> {
    let mut one = group.first()?.clone();
    let (axis, _, mut end) = one.slice?;
    let (role, mut axes) = parameter(&one)?;
    let mut blocks = Vec::new();
    for (i, next) in group.iter().enumerate() {
        let (_, from, to) = next.slice?;
        let (again, more) = parameter(next)?;
        if role != again || axes.dims != more.dims || (i > 0 && from != end) {
            return None;
        }
        end = to;
        blocks.extend(more.cuts.iter().filter(|cut| cut.axis == axis).flat_map(|cut| cut.blocks.clone()));
        if i > 0 {
            one.entries.extend(&next.entries);
        }
    }
    axes.cuts.retain(|cut| cut.axis != axis);
    if !blocks.is_empty() {
        axes.cuts.push(Cut { axis, repeat: 1, blocks });
    }
    one.slice = one.slice.map(|(axis, start, _)| (axis, start, end));
    one.what = What::Param(role, Some(axes));
    Some(one)
}

fn parameter(found: &Found) -> Option<(Role, Axes)> {
    match &found.what {
        What::Param(role, Some(axes)) => Some((*role, axes.clone())),
        _ => None,
    }
}
