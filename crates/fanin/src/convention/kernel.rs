//! Weights of Keras, Flax and Haiku, which keep inputs and outputs last: `[field…, in, out]`.

use super::names::{Name, Names};
use super::{Reading, convolution, doubtful_axes};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Whether a tensor is named as a kernel. Haiku says `w`, in a path of slashes.
pub(super) fn is_kernel(name: &Name) -> bool {
    name.last == "kernel" || name.last.ends_with("_kernel") || (name.last == "w" && name.full.contains('/'))
}

pub(super) fn kernel(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let weight = |because: &'static str| Reading::new(Role::Weight, because);
    match shape.len() {
        2 => weight("Keras: Dense is [in, out]").with(Axes::matmul()),
        3 | 4 if let Some(axes) = scanned(name, shape, names) => {
            weight("Flax: one layer above the other, as its norms have them").with(axes)
        }
        3 if let Some(axes) = dense(name, shape, names) => {
            weight("Keras: a dense map of several dimensions").with(axes)
        }
        3 if name.module.contains("einsum") => {
            let axes = Axes::of(&[Axis::In, Axis::Out, Axis::Out]);
            let doubt = doubtful_axes("[in, out, out]", "in,in,out");
            weight("Keras: a dense map of several dimensions").with(axes).doubting([doubt])
        }
        3..=5 => convolution(name, shape, names),
        _ => Reading::new(Role::Unknown, "no convention has so many dimensions"),
    }
}

/// How many modules around a kernel are asked for norms of all layers at once.
const AROUND: usize = 3;

/// Kernels of layers that run in a loop have a dimension for the layer, `[layer, in, out]` or `[in, layer, out]`; so have the
/// norms beside them, or their bias.
fn scanned(name: &Name, shape: &[u64], names: &Names) -> Option<Axes> {
    let among = |size: u64, but: usize| shape.iter().enumerate().any(|(at, &own)| at != but && own == size);
    let layer = |scale: &[u64]| match *scale {
        // There are fewer layers than channels.
        [layers, width] if layers < width && layers == shape[0] && among(width, 0) => Some(0),
        [width, layers] if layers < width && layers == shape[1] && among(width, 1) => Some(1),
        _ => None,
    };
    let mut module = name.parent();
    let mut at = None;
    for _ in 0..AROUND {
        let scale = |path: &str, index: usize| path.ends_with("scale") && names.name(index).normalizes();
        at = names
            .beneath(module)
            .find_map(|(path, index)| if scale(path, index) { layer(names.shape(index)) } else { None });
        if at.is_some() || module.is_empty() {
            break;
        }
        module = super::names::stem(module.trim_end_matches(['.', '/']));
    }
    let mut rest = match (shape.len(), matches!(name.module.as_str(), "query" | "key" | "value")) {
        (3, _) => vec![Axis::In, Axis::Out],
        (_, true) => vec![Axis::In, Axis::Out, Axis::Out],
        (_, false) => vec![Axis::In, Axis::In, Axis::Out],
    };
    rest.insert(at?, Axis::Stack);
    Some(Axes::of(&rest))
}

/// Dense maps whose outputs are heads and their width, `[in, head, width]`, or whose inputs are: `[head, width, out]`.
fn dense(name: &Name, shape: &[u64], names: &Names) -> Option<Axes> {
    let spread = Axes::of(&[Axis::In, Axis::Out, Axis::Out]);
    let joined = Axes::of(&[Axis::In, Axis::In, Axis::Out]);
    let bias = names.bias(name);
    if bias == Some(&shape[1..]) {
        return Some(spread);
    }
    let around = |path: &str| {
        let found = ["/kernel", ".kernel"].iter().find_map(|end| names.cousin(name, &format!("{path}{end}")));
        found.filter(|shape| shape.len() == 3)
    };
    if let Some(query) = around("query").or_else(|| around("query_dense")).or_else(|| around("_query_dense")) {
        if matches!(name.module.trim_start_matches('_').trim_end_matches("_dense"), "query" | "key" | "value") {
            return Some(spread);
        }
        if query[1..] == shape[..2] {
            return Some(joined);
        }
    }
    let general = ["dense", "einsum", "linear"].iter().any(|word| name.module.contains(word));
    // What the map before spreads over heads and their width is what this one joins.
    let spreads = names.before(name).map(|before| names.shape(before));
    let joins = matches!(spreads, Some([_, heads @ ..]) if *heads == shape[..2]);
    (general && (joins || bias.is_some_and(|bias| bias.len() == 1))).then_some(joined)
}

fn convolution(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let spatial = shape.len() - 2;
    let (last, before) = (shape[shape.len() - 1], shape[shape.len() - 2]);
    let dims = |pair: [Axis; 2]| Axes::of(&[&[Axis::Field].repeat(spatial)[..], &pair[..]].concat());
    let bias = names.bias(name).map(|bias| bias.iter().fold(1, |product: u64, &n| product.saturating_mul(n)));
    let depthwise = match name.last.as_str() {
        "depthwise_kernel" => true,
        "pointwise_kernel" => false,
        // [field…, channels, multiplier] has a bias for each product of the two; without a bias, one output is unlikely.
        _ => before > 1 && bias.map_or(last == 1, |bias| Some(bias) == before.checked_mul(last)),
    };
    if depthwise && !convolution::is_transposed(name) {
        // All input channels are listed and the outputs of one, as in a transposed convolution with groups.
        let axes = Axes { groups: before, transposed: true, ..dims([Axis::In, Axis::Out]) };
        let because = "Keras: a depthwise convolution is [field…, channels, multiplier]";
        return Reading::new(Role::Weight, because).with(axes);
    }
    let swapped = bias.is_some_and(|bias| bias == before && bias != last);
    if convolution::is_transposed(name) || swapped {
        return transposed(name, swapped, bias, &dims, &shape[..spatial], last, before);
    }
    let (groups, because) = groups(name, last, before, &shape[..spatial], names);
    Reading::new(Role::Weight, because).with(Axes { groups, ..dims([Axis::In, Axis::Out]) })
}

/// Keras keeps the outputs of a transposed kernel before its inputs, Flax (in camel case) after them.
fn transposed(
    name: &Name,
    swapped: bool,
    bias: Option<u64>,
    dims: &dyn Fn([Axis; 2]) -> Axes,
    field: &[u64],
    last: u64,
    before: u64,
) -> Reading {
    let camel = name.full[name.parent().len()..].starts_with(|c: char| c.is_ascii_uppercase());
    let outputs_last = (!swapped && camel) || (bias == Some(last) && last != before);
    let (pair, because) = if outputs_last {
        ([Axis::In, Axis::Out], "Flax: a transposed convolution is [field…, in, out]")
    } else {
        ([Axis::Out, Axis::In], "Keras: a transposed convolution is [field…, out, in]")
    };
    convolution::transposed(Axes { transposed: true, ..dims(pair) }, field, because)
}

/// The groups of a kernel that reads `inner` channels a group, from how many channels the weight before it makes.
fn groups(name: &Name, out: u64, inner: u64, field: &[u64], names: &Names) -> (u64, &'static str) {
    let plain = (1, "Keras: a convolution is [field…, in, out]");
    if field.iter().all(|&size| size == 1) || inner == 0 {
        return plain;
    }
    // One channel a group is depthwise in Flax, where the layer is an ordinary convolution.
    // The first kernel of the model reads its input, a picture without colours.
    if inner == 1 && out > 1 && names.reads_channels() && names.before(name).is_some() {
        return (out, "Keras: one input channel for each output: a depthwise convolution");
    }
    let Some(made) = names.before(name).map(|before| names.shape(before)) else { return plain };
    let [.., read, channels] = *made else { return plain };
    // A depthwise kernel lists its channels where others have their inputs.
    let channels = if channels == 1 { read } else { channels };
    let part = channels > inner && channels.is_multiple_of(inner) && out.is_multiple_of(channels / inner);
    if part && inner > 1 && !names.makes(inner) {
        return (channels / inner, "Keras: it reads a part of the channels before it: a grouped convolution");
    }
    plain
}
