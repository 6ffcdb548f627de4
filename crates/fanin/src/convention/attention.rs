//! Projections of attention: torch's fused module, heads that are kept apart, and matrices without a module of their own.

use super::names::{Name, Names};
use super::{Reading, doubtful_axes};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// Whether a tensor belongs to `torch.nn.MultiheadAttention`, which fuses its input projections into one parameter.
pub(super) fn is_multihead(name: &Name, names: &Names) -> bool {
    let fused = ["in_proj_weight", "q_proj_weight"];
    let around = |word: &&str| names.sibling(name, word).is_some() && name.last != "weight" && name.last != "bias";
    fused.iter().any(around)
        || (name.module == "out_proj" && fused.iter().any(|word| names.cousin(name, word).is_some()))
}

/// The map of relative positions, `[in, head, width]`, beside a bias for each head and each of its units (arXiv:1901.02860).
pub(super) fn by_head(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let &[_, heads, width] = shape else { return None };
    let biased = ["r_r_bias", "r_w_bias"].iter().any(|bias| names.sibling(name, bias) == Some(&[heads, width][..]));
    (biased && matches!(name.last.as_str(), "r" | "r_kernel")).then(einsum)
}

fn einsum() -> Reading {
    Reading::new(Role::Weight, "an einsum over the first dimension").with(Axes::of(&[Axis::In, Axis::Out, Axis::Out]))
}

/// Parameters that are matrices themselves, without a module that says how it multiplies them.
pub(super) fn bare(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let weight = |because: &'static str, axes: Axes| Some(Reading::new(Role::Weight, because).with(axes));
    match *shape {
        // `[in, head, width]`, as einsums of relative attention have them; the output's is `[out, head, width]`.
        [_, _, _] if matches!(name.last.as_str(), "q" | "k" | "v" | "r" | "r_kernel") => Some(einsum()),
        [_, _, _] if name.last == "o" && names.sibling(name, "v") == Some(shape) => {
            weight("an einsum over heads and their width", Axes::of(&[Axis::Out, Axis::In, Axis::In]))
        }
        // Recurrent gates that are block-diagonal: one square block a head, with a row of its bias.
        [heads, rows, columns] if rows == columns && name.last.ends_with("_weight") => {
            let bias = names.sibling(name, &name.last.replace("_weight", "_bias"));
            (bias == Some(&[heads, columns][..])).then_some(())?;
            weight("one block a head, as its bias shows", Axes::of(&[Axis::Stack, Axis::In, Axis::Out]))
        }
        [rows, columns] if rows > 0 && columns > 0 && is_bare_matrix(name) => {
            let reading = weight("a matrix of its own: x·W", Axes::matmul())?;
            Some(if rows == columns { reading } else { reading.doubting([doubtful_axes("[in, out]", "out,in")]) })
        }
        _ => None,
    }
}

fn is_bare_matrix(name: &Name) -> bool {
    let last = name.last.as_str();
    matches!(last, "proj" | "w_g") || last.ends_with("_projection")
}
