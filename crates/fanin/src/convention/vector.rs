//! Vectors and everything that is named a bias.

use super::Reading;
use super::embedding::rows;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::doubt::{About, Doubt};
use crate::role::Role;

/// Whether a name is a bias's.
pub(super) fn is_bias(name: &Name, names: &Names) -> bool {
    let last = name.last.as_str();
    let token = matches!(last, "bias_k" | "bias_v");
    last == "b" || last.ends_with("bias") || (last.starts_with("bias_") && !token) || is_attention_bias(name, names)
}

/// Biases that are added to queries, one for each head and each of its units.
fn is_attention_bias(name: &Name, names: &Names) -> bool {
    matches!(name.last.as_str(), "pos_bias_u" | "pos_bias_v" | "bias_u")
        || (name.last == "bias_v" && names.sibling(name, "bias_u").is_some())
}

/// Something that is added.
pub(super) fn bias(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let flat = |shape: &[u64]| shape.len() <= 1 || is_row(shape);
    if name.last == "b" && wide(shape) <= 1 && names.sibling(name, "g") == Some(shape) {
        return Reading::new(Role::Shift, "b beside a g of one size");
    }
    let under = ["weight", "scale", "gamma", "alpha"].iter().find_map(|word| names.sibling(name, word));
    // A map to one unit has a weight of one row, but its bias has another shape.
    if under.is_some_and(|under| under.len() <= 1 || (flat(under) && under == shape)) && flat(shape) {
        return Reading::new(Role::Shift, "bias beside a weight vector");
    }
    if under == Some(shape) && name.normalizes() {
        return Reading::new(Role::Shift, "bias beside the scale of a normalization");
    }
    if under.is_none() && name.normalizes() && flat(shape) {
        return Reading::new(Role::Shift, "bias of a normalization");
    }
    // Corrections that balance the load of experts follow it in training; they start at zero, beside no weight.
    if name.last.ends_with("correction_bias") {
        let reading = Reading::new(Role::Bias, "named as a correction of a router");
        return reading.noting("balances the load of experts").with(Axes::of(&vec![Axis::Out; shape.len().max(1)]));
    }
    let heads = ["r_w_bias", "r_r_bias", "r_s_bias"].contains(&name.last.as_str()) || is_attention_bias(name, names);
    let dims = match shape.len() {
        // Keras' GRU keeps the biases of input and hidden state apart, one row each.
        2 if names.sibling(name, "recurrent_kernel").is_some() => vec![Axis::Stack, Axis::Out],
        // One bias for each expert.
        2 if is_stacked(name, shape, names) => vec![Axis::Stack, Axis::Out],
        rank if heads
            || flat(shape)
            || (name.last == "bias" && is_column(shape))
            || names.sibling(name, "kernel").is_some() =>
        {
            vec![Axis::Out; rank]
        }
        rank => {
            let because = "added by position: a bias of several dimensions";
            return Reading::new(Role::Position, because).with(rows(rank));
        }
    };
    Reading::new(Role::Bias, "named bias").with(Axes::of(&dims))
}

/// Whether the weight of this bias is a stack: `down_proj_bias` beside `down_proj`.
fn is_stacked(name: &Name, shape: &[u64], names: &Names) -> bool {
    let layers = |kernel: &[u64]| matches!(*kernel, [n, _, out] if shape == [n, out] && kernel[1..] != *shape);
    if names.sibling(name, "kernel").is_some_and(layers) {
        return true;
    }
    let weights = [name.last.replace("_bias", ""), name.last.replace("_bias", "_weight")];
    weights.iter().any(|word| {
        *word != name.last && names.sibling(name, word).is_some_and(|weight| weight.len() == 3 && weight[0] == shape[0])
    })
}

/// Whether all dimensions but the last are of size one.
fn is_row(shape: &[u64]) -> bool {
    shape.split_last().is_some_and(|(_, rest)| rest.iter().all(|&size| size == 1))
}

/// Whether all dimensions but the first are of size one: a number for each channel, by time or place.
fn is_column(shape: &[u64]) -> bool {
    shape.split_first().is_some_and(|(_, rest)| rest.iter().all(|&size| size == 1))
}

/// Whether a tensor is read as a vector: one dimension, or scales that broadcast over others of size 1.
pub(super) fn is_vector(name: &Name, shape: &[u64], names: &Names) -> bool {
    let last = name.last.as_str();
    let scales = last.contains("layer_scale") || last.starts_with("gamma") || name.module == "grn";
    let norms = matches!(last, "beta" | "scale" | "offset") && is_row(shape);
    // A shift and a scale that broadcast over a picture: activation normalization.
    let norms = norms || matches!(last, "loc" | "scale") && name.normalizes() && wide(shape) <= 1;
    let gains = last == "gain" || last == "alpha" || last.starts_with("ls");
    let pairs = last == "g" && wide(shape) <= 1 && names.sibling(name, "b") == Some(shape);
    let slopes = last == "alpha" && name.module.contains("re_lu");
    // Norms of heads have a row for each, norms of pictures a whole picture.
    let norm = matches!(last, "weight" | "scale" | "gamma") && name.normalizes();
    shape.len() <= 1 || slopes || norm || norms || pairs || ((scales || gains) && wide(shape) <= 1)
}

/// Number of dimensions that have more than one index.
fn wide(shape: &[u64]) -> usize {
    shape.iter().filter(|&&size| size != 1).count()
}

/// A vector that is no bias.
pub(super) fn vector(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let beside = |word: &str| names.sibling(name, word).is_some();
    let single = shape.iter().all(|&size| size == 1);
    let last = name.last.as_str();
    let scales = |because: &'static str| Reading::new(Role::BranchScale, because);
    match last {
        // One number without a scale beside it belongs to an activation, and is no shift of channels.
        "beta" if shape.is_empty() && !beside("gamma") && !beside("alpha") => {
            Reading::new(Role::Unknown, "no convention names it")
        }
        "beta" | "offset" => Reading::new(Role::Shift, "named as a shift"),
        "loc" if beside("scale") => Reading::new(Role::Shift, "a shift beside a scale"),
        "gamma" if beside("beta") || beside("moving_mean") || name.normalizes() => {
            Reading::new(Role::Scale, "gamma of a normalization")
        }
        // An affine map in the place of a normalization (arXiv:2105.03404).
        "alpha" if beside("beta") => Reading::new(Role::Scale, "alpha beside a beta"),
        "gamma" if is_step(name, names) => Reading::new(Role::Scale, "gamma of a step of its own: of a normalization"),
        "variable" | "gamma" => scales("a scale by channel without a shift"),
        _ if last.starts_with("variable_") && name.module.contains("layer_scale") => scales("of a layer scale"),
        _ if last.contains("layer_scale") || last.starts_with("lambda") || is_gamma_of(last) => {
            scales("named as the scale of a branch")
        }
        _ if is_numbered(last, "gamma") || is_numbered(last, "ls") => scales("named as the scale of a branch"),
        // Global response normalization: what it scales is added to its input (arXiv:2301.00808).
        "weight" if name.module == "grn" => scales("scale of a branch that is added to its input"),
        "weight" | "alpha" if name.module.contains("relu") || name.module.contains("re_lu") => {
            Reading::new(Role::Slope, "named as a parametric rectifier")
        }
        "weight" if name.module.starts_with("act") && !beside("bias") => {
            let doubt =
                Doubt::new(About::Role, "whether it is a norm's", "taken as the slopes of a rectifier", "role:scale");
            Reading::new(Role::Slope, "a weight vector of an activation").doubting((!single).then_some(doubt))
        }
        "negative_slope" => Reading::new(Role::Slope, "named as the slope of a rectifier"),
        "weight" if single && !beside("bias") && !name.normalizes() => {
            Reading::new(Role::Slope, "one number without a bias: of a parametric rectifier")
        }
        "scale" if shape.is_empty() => scales("one number that scales"),
        "scale" if names.beneath(name.stem()).any(|(path, _)| path[name.stem().len()..].starts_with("fn.")) => {
            scales("a scale around a function")
        }
        "scale" if ["layer_scale", "res_scale"].iter().any(|of| name.module.contains(of)) => {
            scales("named as the scale of a branch")
        }
        "alpha" => scales("a scale without a shift"),
        "gain" => Reading::new(Role::Scale, "the gain of a standardized weight"),
        "weight" | "scale" => Reading::new(Role::Scale, "a weight vector: of a normalization"),
        "g" if beside("b") => Reading::new(Role::Scale, "g beside a b of one size"),
        "g" if name.normalizes() || is_step(name, names) => Reading::new(Role::Scale, "of a normalization"),
        _ if last.ends_with("_weight") && !last.starts_with("weight") => Reading::new(Role::Scale, "a weight vector"),
        _ if last.contains("embed")
            || last.ends_with("_emb")
            || ["token", "newline", "separator", "_sep", "query", "_latent", "_begin", "_end"]
                .iter()
                .any(|end| last.ends_with(end)) =>
        {
            Reading::new(Role::Position, "named as a learned token").with(rows(shape.len()))
        }
        _ => Reading::new(Role::Unknown, "no convention names it"),
    }
}

/// Whether a tensor is all that a numbered step of a sequence has.
fn is_step(name: &Name, names: &Names) -> bool {
    let numbered = !name.module.is_empty() && name.module.bytes().all(|c| c.is_ascii_digit());
    numbered && names.beneath(name.stem()).nth(1).is_none()
}

/// Whether a word says which branch the gamma is of: `gamma_1`, `ffn_gamma`.
fn is_gamma_of(word: &str) -> bool {
    word.starts_with("gamma_") || word.ends_with("_gamma")
}

/// Whether a word is `stem` with a number.
fn is_numbered(word: &str, stem: &str) -> bool {
    word.strip_prefix(stem).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|c| c.is_ascii_digit()))
}
