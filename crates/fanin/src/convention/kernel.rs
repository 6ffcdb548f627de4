//! Weights of Keras and Flax, which are called kernels and keep inputs and outputs last: `[field…, in, out]`.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::role::Role;

pub(super) fn kernel(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let weight = |because| Reading::new(Role::Weight, because);
    match shape.len() {
        2 => weight("Keras: Dense is [in, out]").with(Axes::matmul()),
        3 if let Some(axes) = attention(name, shape, names) => {
            weight("Keras: attention keeps its heads apart").with(axes)
        }
        rank @ 3..=5 => {
            let (axes, because) = convolution(name, shape, names, rank - 2);
            weight(because).with(axes)
        }
        _ => Reading::new(Role::Unknown, "no convention has so many dimensions"),
    }
}

/// Projections of an attention with heads: `[in, head, width]` for query, key and value, `[head, width, out]` after them.
fn attention(name: &Name, shape: &[u64], names: &Names) -> Option<Axes> {
    let around = |path: &str| {
        names.cousin(name, &format!("{path}/kernel")).or_else(|| names.cousin(name, &format!("{path}.kernel")))
    };
    let query = around("query").filter(|query| query.len() == 3)?;
    if matches!(name.module.as_str(), "query" | "key" | "value") {
        return Some(Axes::of(&[Axis::In, Axis::Out, Axis::Out]));
    }
    (query[1..] == shape[..2]).then(|| Axes::of(&[Axis::In, Axis::In, Axis::Out]))
}

fn convolution(name: &Name, shape: &[u64], names: &Names, spatial: usize) -> (Axes, &'static str) {
    let (last, before) = (shape[shape.len() - 1], shape[shape.len() - 2]);
    let dims = |pair: [Axis; 2]| Axes::of(&[&[Axis::Field].repeat(spatial)[..], &pair[..]].concat());
    let bias = names.sibling(name, "bias").map(|bias| bias.iter().product::<u64>());
    let depthwise = match name.last.as_str() {
        "depthwise_kernel" => true,
        "pointwise_kernel" => false,
        // [field…, channels, multiplier] has a bias for each product of the two; without a bias, one output is unlikely.
        _ => before > 1 && bias.map_or(last == 1, |bias| bias == before * last),
    };
    if depthwise {
        // All input channels are listed and the outputs of one, as in a transposed convolution with groups.
        let axes = Axes { groups: before, transposed: true, ..dims([Axis::In, Axis::Out]) };
        return (axes, "Keras: a depthwise convolution is [field…, channels, multiplier]");
    }
    if bias.is_some_and(|bias| bias == before && bias != last) {
        let axes = Axes { transposed: true, ..dims([Axis::Out, Axis::In]) };
        return (axes, "Keras: its bias shows a transposed convolution, [field…, out, in] (stride not known: 1)");
    }
    (dims([Axis::In, Axis::Out]), "Keras: a convolution is [field…, in, out]")
}
