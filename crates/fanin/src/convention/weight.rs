//! Weights of torch, which keep outputs first: `[out, in, field…]`.

use super::fused::{Fused, Matrix};
use super::names::{Name, Names};
use super::{Reading, attention, convolution, experts, fused};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Whether a tensor of several dimensions is named as a weight.
pub(super) fn is_weight(name: &Name) -> bool {
    let last = name.last.as_str();
    // The directions of a weight norm, or what a parametrization starts from, are the weight.
    matches!(last, "weight" | "w" | "weight_v" | "weight_orig" | "v")
        || ["_weight", "up_proj", "down_proj", "gate_proj"].iter().any(|end| last.ends_with(end))
}

pub(super) fn weight(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let unknown = || Reading::new(Role::Unknown, "no convention has so many dimensions");
    if let Some(reading) = experts::stacked(name, shape, names).or_else(|| attention::bare(name, shape, names)) {
        return reading;
    }
    // A product of two signals: [out, in, in].
    if shape.len() == 3 && name.words().skip(1).take(2).any(|word| word.contains("bilinear")) {
        let axes = Axes::of(&[Axis::Out, Axis::In, Axis::In]);
        return Reading::new(Role::Weight, "torch: Bilinear is [out, in, in]").with(axes).consumed_by("Bilinear");
    }
    match shape.len() {
        2 => linear(name, shape, names),
        3..=5 => convolution::torch(name, shape, names),
        _ => unknown(),
    }
}

fn linear(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let (axes, axis, because) = if names.reads_first(name, shape) {
        (Axes::matmul(), 1, "its bias, or its block's, shows [in, out]")
    } else {
        (Axes::linear(), 0, "torch: Linear is [out, in]")
    };
    let matrix = Matrix { axis, outputs: shape[axis], inputs: shape[1 - axis] };
    let reading = Reading::new(Role::Weight, because);
    let reading = match fused::blocks(name, matrix, names) {
        Some(Fused { cut, doubt }) => reading.with(Axes { cuts: vec![cut], ..axes }).doubting(doubt),
        None => reading.with(axes),
    };
    // A matrix without a module may stand on either side of the product.
    let bare = name.last.ends_with("projection_weight") && shape[0] != shape[1];
    let reading = reading.doubting(bare.then(|| super::doubtful_axes("[out, in]", "in,out")));
    // The projection after the attention is a layer of its own, but for its bias.
    let own = name.module != "out_proj" && attention::is_multihead(name, names);
    if own { reading.consumed_by("MultiheadAttention") } else { reading }
}
