//! Vectors and everything that is named a bias.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Whether a name is a bias's.
pub(super) fn is_bias(name: &Name) -> bool {
    name.last == "b" || name.last.ends_with("bias") || name.last.starts_with("bias_")
}

/// Something that is added.
pub(super) fn bias(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let flat = |shape: &[u64]| wide(shape) <= 1;
    let under = ["weight", "scale", "gamma"].iter().find_map(|word| names.sibling(name, word));
    if under.is_some_and(flat) && flat(shape) {
        return Reading::new(Role::Shift, "bias beside a weight vector");
    }
    if under.is_none() && name.normalizes() {
        return Reading::new(Role::Shift, "bias of a normalization");
    }
    let dims = match shape.len() {
        // Keras' GRU keeps the biases of input and hidden state apart, one row each.
        2 if names.sibling(name, "recurrent_kernel").is_some() => vec![Axis::Stack, Axis::Out],
        rank if flat(shape) || names.sibling(name, "kernel").is_some() => vec![Axis::Out; rank],
        rank => {
            let because = "added by position: a bias of several dimensions";
            return Reading::new(Role::Position, because).with(super::table::rows(rank));
        }
    };
    Reading::new(Role::Bias, "named bias").with(Axes::of(&dims))
}

/// Whether a tensor is read as a vector: one dimension, or scales that broadcast over others of size 1.
pub(super) fn is_vector(name: &Name, shape: &[u64]) -> bool {
    let scales = name.last.contains("layer_scale") || name.last == "gamma" || name.module == "grn";
    let slopes = name.last == "alpha" && name.module.contains("re_lu");
    shape.len() <= 1 || slopes || (scales && wide(shape) <= 1)
}

/// Number of dimensions that have more than one index.
fn wide(shape: &[u64]) -> usize {
    shape.iter().filter(|&&size| size != 1).count()
}

/// A vector that is no bias.
pub(super) fn vector(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let beside = |word: &str| names.sibling(name, word).is_some();
    let single = shape.iter().product::<u64>() == 1;
    match name.last.as_str() {
        "beta" => Reading::new(Role::Shift, "named beta"),
        "gamma" if beside("beta") || beside("moving_mean") || name.normalizes() => {
            Reading::new(Role::Scale, "gamma of a normalization")
        }
        "gamma" => Reading::new(Role::BranchScale, "a scale by channel without a shift"),
        last if last.contains("layer_scale") || last.starts_with("lambda") => {
            Reading::new(Role::BranchScale, "named as the scale of a branch")
        }
        // Global response normalization: what it scales is added to its input (arXiv:2301.00808, eq. 4).
        "weight" if name.module == "grn" => {
            Reading::new(Role::BranchScale, "scale of a branch that is added to its input")
        }
        "weight" | "alpha" if name.module.contains("relu") || name.module.contains("re_lu") => {
            Reading::new(Role::Slope, "named as a parametric rectifier")
        }
        "negative_slope" => Reading::new(Role::Slope, "named as the slope of a rectifier"),
        "weight" if single && !beside("bias") && !name.normalizes() => {
            Reading::new(Role::Slope, "one number without a bias: of a parametric rectifier")
        }
        "scale" if single && shape.is_empty() => Reading::new(Role::BranchScale, "one number that scales"),
        "weight" | "scale" => Reading::new(Role::Scale, "a weight vector: of a normalization"),
        "g" if name.normalizes() => Reading::new(Role::Scale, "of a normalization"),
        _ => Reading::new(Role::Unknown, "no convention names it"),
    }
}
