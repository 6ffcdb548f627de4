//! Weights that are several side by side: an output that is cut into q, k and v, or into gate and value, right after it
//! is made.

use super::route::wrap;
use super::{Graph, Node, NodeId, ValueId};
use crate::axes::{Axes, Axis, Block, Cut};

/// How far the output is followed until it is cut.
const REACH: usize = 8;

/// The axes of a weight (or of the bias beside it) consumed by `node`, with a cut where its output is taken apart.
///
/// An output axis counts as fused if, over nothing but biases and rearrangements, every piece of it is taken out by a
/// `Split`, by `Slice`s or by `Gather`s. A reshape into heads alone is no such sign.
pub(crate) fn cut(graph: &Graph, node: NodeId, axes: Axes, shape: &[u64]) -> Axes {
    let out = axes.out_dims();
    let plain = axes.cuts.is_empty() && axes.groups == 1 && !axes.transposed && axes.dims.len() == shape.len();
    let (Some(&axis), true) = (out.last(), plain) else {
        return axes;
    };
    // The output's last axis for matrix products; a convolution's channels are its axis 1.
    let convolves = axes.dims.contains(&Axis::Field) && matches!(graph.node(node).op.as_str(), "Conv" | "FusedConv");
    let wide = shape.iter().filter(|&&d| d > 1).count() <= usize::from(axes.dims.len() > 1) + 1 || convolves;
    let Some(output) = graph.node(node).output(0).filter(|_| wide && shape[axis] > 1) else { return axes };
    let place = if convolves { Place::Axis(1) } else { Place::Last };
    match taken_apart(graph, output, place, shape[axis], REACH) {
        Some((repeat, sizes)) => Axes { cuts: vec![Cut { axis, repeat, blocks: blocks(&sizes) }], ..axes },
        None => axes,
    }
}

/// Three pieces are q, k and v; others are numbered.
fn blocks(sizes: &[u64]) -> Vec<Block> {
    let label = |i: usize| if sizes.len() == 3 { ["q", "k", "v"][i].to_owned() } else { i.to_string() };
    sizes.iter().enumerate().map(|(i, &size)| Block { label: label(i), size }).collect()
}

/// Which axis of a value holds the fused units; the last one before its rank is known.
#[derive(Clone, Copy, Debug)]
enum Place {
    Last,
    Axis(usize),
}

impl Place {
    fn is(self, axis: i64, rank: Option<usize>) -> bool {
        match (self, rank) {
            (Place::Last, Some(rank)) => wrap(axis, rank) == Some(rank - 1),
            (Place::Last, None) => axis == -1,
            (Place::Axis(own), Some(rank)) => wrap(axis, rank) == Some(own),
            (Place::Axis(own), None) => axis == own as i64,
        }
    }
}

/// How the axis `place` of `value`, which has `size` indices, is taken apart: how often the pieces repeat, and their
/// sizes.
fn taken_apart(graph: &Graph, value: ValueId, place: Place, size: u64, reach: usize) -> Option<(u64, Vec<u64>)> {
    let uses = &graph.value(value).uses;
    let rank = graph.value(value).shape.as_ref().map(Vec::len);
    if let Some(sizes) = pieces(graph, value, place, rank, size) {
        return Some((1, sizes));
    }
    let [only] = &uses[..] else { return None };
    let node = graph.node(only.node);
    let output = node.output(0).filter(|_| reach > 0)?;
    match node.op.as_str() {
        "Add" if node.inputs.iter().any(|v| graph.constant(*v).is_some()) => {
            taken_apart(graph, output, place, size, reach - 1)
        }
        "Identity" | "Cast" | "Dropout" => taken_apart(graph, output, place, size, reach - 1),
        "Reshape" => reshaped(graph, node, output, size, reach - 1),
        _ => None,
    }
}

/// The sizes of the pieces that a `Split`, or several `Slice`s, take out of the axis.
fn pieces(graph: &Graph, value: ValueId, place: Place, rank: Option<usize>, size: u64) -> Option<Vec<u64>> {
    let uses = &graph.value(value).uses;
    let rank = rank.or(if let Place::Axis(own) = place { Some(own + 1) } else { None });
    if let [only] = &uses[..] {
        let node = graph.node(only.node);
        if node.op == "Split" && place.is(node.int("axis").unwrap_or(0), rank) {
            return split_sizes(graph, node, size);
        }
    }
    let mut bounds: Vec<(u64, u64)> = Vec::new();
    for slot in uses {
        let node = graph.node(slot.node);
        bounds.push(selected(graph, node, place, rank, size)?);
    }
    bounds.sort_unstable();
    bounds.dedup();
    let covers = bounds.len() > 1
        && bounds.first()?.0 == 0
        && bounds.last()?.1 == size
        && bounds.windows(2).all(|pair| pair[0].1 == pair[1].0);
    covers.then(|| bounds.iter().map(|(start, end)| end - start).collect())
}

fn split_sizes(graph: &Graph, node: &Node, size: u64) -> Option<Vec<u64>> {
    let stated =
        graph.constant(node.input(1)).and_then(|c| c.ints.clone()).or_else(|| node.ints("split").map(<[i64]>::to_vec));
    let sizes: Vec<u64> = match stated {
        Some(sizes) => sizes.iter().map(|&s| u64::try_from(s).ok()).collect::<Option<_>>()?,
        None => vec![size.checked_div(node.outputs.len() as u64)?; node.outputs.len()],
    };
    (sizes.len() > 1 && sizes.iter().sum::<u64>() == size).then_some(sizes)
}

/// The indices that one `Slice` or `Gather` takes out of the axis.
fn selected(graph: &Graph, node: &Node, place: Place, rank: Option<usize>, size: u64) -> Option<(u64, u64)> {
    let ints = |input: usize, name: &str| -> Option<Vec<i64>> {
        graph.constant(node.input(input)).and_then(|c| c.ints.clone()).or_else(|| node.ints(name).map(<[i64]>::to_vec))
    };
    let at =
        |index: i64| (if index < 0 { index.saturating_add(size as i64) } else { index }).clamp(0, size as i64) as u64;
    match node.op.as_str() {
        "Gather" if place.is(node.int("axis").unwrap_or(0), rank) => match ints(1, "")?.as_slice() {
            [index] => Some((at(*index), at(*index) + 1)),
            _ => None,
        },
        "Slice" => match (ints(1, "starts")?.as_slice(), ints(2, "ends")?.as_slice(), ints(3, "axes")?.as_slice()) {
            ([start], [end], [axis]) if place.is(*axis, rank) => Some((at(*start), at(*end))),
            _ => None,
        },
        _ => None,
    }
}

/// A reshape of the last axis into several, one of which is then taken apart: `[…, 3, heads, width]` has whole blocks,
/// `[…, heads, 3, width]` or `[…, heads, 3·width]` has them once for each head.
fn reshaped(graph: &Graph, node: &Node, output: ValueId, size: u64, reach: usize) -> Option<(u64, Vec<u64>)> {
    let shape: Vec<i64> = graph.constant(node.input(1))?.ints.clone()?;
    let mut tail = 1u64;
    for (axis, &dim) in shape.iter().enumerate().rev() {
        let dim = u64::try_from(dim).ok().filter(|&d| d > 0)?;
        tail = tail.checked_mul(dim)?;
        if let Some(sizes) = taken_along(graph, output, axis, shape.len(), dim, reach) {
            let inner = tail / dim;
            let repeat = size.checked_div(tail)?;
            return (repeat * tail == size).then(|| (repeat, sizes.iter().map(|s| s * inner).collect()));
        }
        if tail >= size {
            break;
        }
    }
    None
}

/// Whether the axis `axis` is taken apart after transposes and unit dimensions.
fn taken_along(graph: &Graph, value: ValueId, axis: usize, rank: usize, size: u64, reach: usize) -> Option<Vec<u64>> {
    if size < 2 {
        return None;
    }
    if let Some(sizes) = pieces(graph, value, Place::Axis(axis), Some(rank), size) {
        return Some(sizes);
    }
    let [only] = &graph.value(value).uses[..] else { return None };
    let node = graph.node(only.node);
    let output = node.output(0).filter(|_| reach > 0)?;
    let ints = || {
        graph.constant(node.input(1)).and_then(|c| c.ints.clone()).or_else(|| node.ints("axes").map(<[i64]>::to_vec))
    };
    let (axis, rank) = match node.op.as_str() {
        "Transpose" => (node.ints("perm")?.iter().position(|&p| p == axis as i64)?, rank),
        "Unsqueeze" => {
            let added: Vec<usize> = ints()?.iter().map(|&a| wrap(a, rank + 1)).collect::<Option<_>>()?;
            let [at] = &added[..] else { return None };
            (axis + usize::from(*at <= axis), rank + 1)
        }
        "Squeeze" => {
            let gone: Vec<usize> = ints()?.iter().map(|&a| wrap(a, rank)).collect::<Option<_>>()?;
            (axis - gone.iter().filter(|&&g| g < axis).count(), rank - gone.len())
        }
        "Identity" | "Cast" => (axis, rank),
        _ => return None,
    };
    taken_along(graph, output, axis, rank, size, reach - 1)
}
