//! Weights of torch, which keep outputs first: `[out, in, field…]`.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Whether a tensor of several dimensions is named as a weight.
pub(super) fn is_weight(name: &Name) -> bool {
    let last = name.last.as_str();
    // The parametrization of a weight norm: its direction is the weight.
    matches!(last, "weight" | "w" | "weight_v" | "original1")
        || ["_weight", "_proj", "_projection"].iter().any(|end| last.ends_with(end))
}

pub(super) fn weight(name: &Name, shape: &[u64], names: &Names) -> Reading {
    match shape.len() {
        2 => linear(name, shape, names),
        3 if name.module.contains("expert") || name.last.contains("expert") || name.last.ends_with("_proj") => {
            let axes = experts(name, shape, names);
            Reading::new(Role::Weight, "a stack of experts").with(axes)
        }
        rank @ 3..=5 => {
            let (axes, because) = convolution(name, shape, names, rank - 2);
            Reading::new(Role::Weight, because).with(axes)
        }
        _ => Reading::new(Role::Unknown, "no convention has so many dimensions"),
    }
}

fn linear(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let inputs_first = names.reads_first(name, shape);
    let (axes, out, because) = if inputs_first {
        (Axes::matmul(), 1, "its bias shows [in, out]")
    } else {
        (Axes::linear(), 0, "torch: Linear is [out, in]")
    };
    let (units, inputs) = (shape[out], shape[1 - out]);
    let is = |word: &str| name.module.contains(word) || name.last.contains(word);
    let labels: &[&str] = match () {
        () if (is("qkv") || is("c_attn") || name.last == "in_proj_weight") && units == 3 * inputs => &["q", "k", "v"],
        () if is("gate_up") => &["gate", "up"],
        () => &[],
    };
    let reading = Reading::new(Role::Weight, because).with(fuse(axes, out, units, labels));
    // The projection after the attention is a layer of its own, but for its bias.
    let own = name.module != "out_proj" && in_attention(name, names);
    if own { reading.consumed_by("MultiheadAttention") } else { reading }
}

/// Whether a tensor belongs to `torch.nn.MultiheadAttention`, which fuses its input projections into one parameter.
pub(super) fn in_attention(name: &Name, names: &Names) -> bool {
    let fused = ["in_proj_weight", "q_proj_weight"];
    let around = |word: &&str| names.sibling(name, word).is_some() && name.last != "weight" && name.last != "bias";
    fused.iter().any(around)
        || (name.module == "out_proj" && fused.iter().any(|word| names.cousin(name, word).is_some()))
}

/// `[expert, out, in]` or `[expert, in, out]`, as the projections up and down show, which undo each other.
fn experts(name: &Name, shape: &[u64], names: &Names) -> Axes {
    let (up, down) = match name.last.as_str() {
        "gate_up_proj" => (Some(shape), names.sibling(name, "down_proj")),
        "down_proj" => (names.sibling(name, "gate_up_proj"), Some(shape)),
        _ => (None, None),
    };
    let inputs_first = matches!((up, down), (Some([_, a, b]), Some([_, c, d])) if *b == 2 * c && a == d);
    let pair = if inputs_first { [Axis::In, Axis::Out] } else { [Axis::Out, Axis::In] };
    let axes = Axes::of(&[&[Axis::Stack], &pair[..]].concat());
    let out = if inputs_first { 2 } else { 1 };
    if name.last.contains("gate_up") { fuse(axes, out, shape[out], &["gate", "up"]) } else { axes }
}

fn fuse(axes: Axes, axis: usize, size: u64, labels: &[&str]) -> Axes {
    if labels.is_empty() { axes } else { axes.clone().fused(axis, size, 1, labels).unwrap_or(axes) }
}

fn convolution(name: &Name, shape: &[u64], names: &Names, spatial: usize) -> (Axes, &'static str) {
    // A bias has one number for each output. Where that is not the first dimension, outputs are the second, a group's.
    if let Some([bias]) = names.sibling(name, "bias")
        && *bias != shape[0]
        && shape[1] > 0
        && bias.is_multiple_of(shape[1])
        && shape[0].is_multiple_of(bias / shape[1])
    {
        let axes = Axes::conv_transposed(spatial, bias / shape[1], 1);
        return (
            axes,
            "torch: its bias shows a transposed convolution, [in, out/groups, field…] (stride not known: 1)",
        );
    }
    if shape[1] == 1 && shape[0] > 1 && !names.is_gray(name) {
        return (Axes::conv(spatial, shape[0]), "torch: one input channel for each output: a depthwise convolution");
    }
    (Axes::conv(spatial, 1), "torch: a convolution is [out, in, field…]")
}
