//! Tables: embeddings, positions, tokens, and what is no parameter at all.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Constants of the computation and running statistics.
pub(super) fn kept(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let beside = |word: &str| names.sibling(name, word).is_some();
    let fixed = |because, note| Some(Reading::new(Role::Fixed, because).noting(note));
    match name.last.as_str() {
        "running_mean" | "running_var" | "moving_mean" | "moving_variance" | "num_batches_tracked" => {
            Some(Reading::new(Role::Statistic, "named as a running statistic"))
        }
        "mean" if beside("variance") || beside("var") => {
            Some(Reading::new(Role::Statistic, "a mean beside a variance"))
        }
        "variance" | "var" if beside("mean") => Some(Reading::new(Role::Statistic, "a variance beside a mean")),
        "inv_freq"
        | "position_ids"
        | "mask"
        | "attn_mask"
        | "masked_bias"
        | "relative_position_index"
        | "relative_coords_table" => fixed("named as a buffer", "a table of the computation"),
        "bias" if matches!(shape, [1, 1, rows, cols] if rows == cols) => {
            fixed("square over positions, one for all heads", "a causal mask")
        }
        _ => None,
    }
}

/// Embeddings, position tables and learned tokens.
pub(super) fn drawn(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let last = name.last.as_str();
    let position = last.contains("pos_emb")
        || last.contains("position_emb")
        || last.contains("bias_table")
        || last.contains("class_emb")
        || (name.module.contains("relative") && name.module.contains("bias"))
        || (shape.len() > 2 && (last.ends_with("token") || last.ends_with("tokens")));
    if position {
        return Some(Reading::new(Role::Position, "named as a position table or token").with(rows(shape.len())));
    }
    // Linear maps of an embedding are named after it too (`time_embed`), but a table has no bias.
    if shape.len() != 2 || !embeds(name) || names.sibling(name, "bias").is_some() {
        return None;
    }
    let role = if name.module.contains("pos") || name.module == "wpe" { Role::Position } else { Role::Embedding };
    Some(Reading::new(role, "named as an embedding").with(Axes::matmul()))
}

/// A table of rows that are looked up: `[…, width]`.
pub(super) fn rows(rank: usize) -> Axes {
    let mut dims = vec![Axis::In; rank.max(1)];
    dims[rank.max(1) - 1] = Axis::Out;
    Axes::of(&dims)
}

/// Whether a name is an embedding's.
pub(super) fn embeds(name: &Name) -> bool {
    let word = |word: &str| word.contains("emb") || matches!(word, "wte" | "wpe" | "shared");
    word(&name.last) || (name.last == "weight" && word(&name.module))
}
