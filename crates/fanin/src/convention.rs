//! What a name and a shape tell where there is no graph: the conventions of the frameworks that write such files.
//!
//! Nothing here knows a model by its name. The signs are those that frameworks and people share: the last words of a
//! name, the shape, and which tensors stand beside each other.

use crate::axes::{Axes, Axis};
use crate::dtype::Dtype;
use crate::known::{Evidence, Known};
use crate::param::{Beside, Param, Place};
use crate::role::Role;
use std::collections::BTreeMap;

/// One tensor of a file without a graph: name, shape and how it is stored.
pub type Tensor = (String, Vec<u64>, Dtype);

/// The parameters of a file that has names and shapes only, in the order given.
///
/// # Example
/// ```
/// use fanin::{Dtype, Role, convention};
/// let tensors = [("fc.weight".to_owned(), vec![10, 64], Dtype::F32), ("fc.bias".to_owned(), vec![10], Dtype::F32)];
/// let params = convention::params(&tensors);
/// assert_eq!(params[1].role.value, Role::Bias);
/// assert_eq!(params[1].place.beside.as_ref().unwrap().name, "fc.weight");
/// ```
pub fn params(tensors: &[Tensor]) -> Vec<Param> {
    let shapes: BTreeMap<&str, &[u64]> = tensors.iter().map(|(n, s, _)| (n.as_str(), s.as_slice())).collect();
    let mut params: Vec<Param> = tensors.iter().map(|tensor| param(tensor, &shapes)).collect();
    let weights: BTreeMap<String, Beside> = params
        .iter()
        .filter(|p| p.role.value == Role::Weight)
        .filter_map(|p| Some((stem(&p.name).to_owned(), beside(p)?)))
        .collect();
    for param in params.iter_mut().filter(|p| p.role.value == Role::Bias) {
        param.place.beside = weights.get(stem(&param.name)).cloned();
    }
    params
}

fn beside(param: &Param) -> Option<Beside> {
    Some(Beside::of(param, &param.axes.as_ref()?.value))
}

/// The name without its last word: the module that the tensor belongs to.
fn stem(name: &str) -> &str {
    name.rfind(['.', '/']).map_or("", |at| &name[..at])
}

fn param((name, shape, dtype): &Tensor, shapes: &BTreeMap<&str, &[u64]>) -> Param {
    let found = reading(name, shape, *dtype, shapes);
    let named = |value: Role| Known { value, from: Evidence::Convention(found.because.to_owned()) };
    Param {
        name: name.clone(),
        shape: shape.clone(),
        dtype: *dtype,
        role: named(found.role),
        axes: found.axes.map(|axes| Known::convention(axes, found.because)),
        place: Place { note: found.note.map(str::to_owned), ..Place::default() },
    }
}

struct Reading {
    role: Role,
    axes: Option<Axes>,
    because: &'static str,
    note: Option<&'static str>,
}

impl Reading {
    fn new(role: Role, because: &'static str) -> Reading {
        Reading { role, axes: None, because, note: None }
    }

    fn with(self, axes: Axes) -> Reading {
        Reading { axes: Some(axes), ..self }
    }
}

fn reading(name: &str, shape: &[u64], dtype: Dtype, shapes: &BTreeMap<&str, &[u64]>) -> Reading {
    let words: Vec<String> =
        name.split(['.', '/', ':']).map(str::to_ascii_lowercase).filter(|w| w != "0" || name.len() < 3).collect();
    let last = words.last().map_or("", String::as_str);
    let module = words.len().checked_sub(2).map_or("", |i| words[i].as_str());
    if !dtype.is_float() {
        return Reading { note: Some("integers or truth values"), ..Reading::new(Role::Fixed, "by its element type") };
    }
    if matches!(last, "running_mean" | "running_var" | "moving_mean" | "moving_variance" | "num_batches_tracked") {
        return Reading::new(Role::Statistic, "named as a running statistic");
    }
    if matches!(
        last,
        "inv_freq" | "position_ids" | "mask" | "attn_mask" | "relative_position_index" | "relative_coords_table"
    ) {
        return Reading { note: Some("a table of the computation"), ..Reading::new(Role::Fixed, "named as a buffer") };
    }
    if shape.len() <= 1 {
        return vector(name, last, module, shapes);
    }
    if last.contains("bias_table")
        || last.contains("pos_emb")
        || last.contains("cls_token")
        || last.contains("class_emb")
    {
        return Reading::new(Role::Position, "named as a position table or token");
    }
    let embeds = |word: &str| word.contains("emb") || matches!(word, "wte" | "wpe" | "shared" | "tok_embeddings");
    if shape.len() == 2 && (embeds(module) || embeds(last)) {
        let position = module.contains("pos") || module == "wpe";
        let role = if position { Role::Position } else { Role::Embedding };
        return Reading::new(role, "named as an embedding").with(Axes::matmul());
    }
    matrix(last, module, shape)
}

fn vector(name: &str, last: &str, module: &str, shapes: &BTreeMap<&str, &[u64]>) -> Reading {
    let sibling = |word: &str| shapes.get(format!("{}.{word}", stem(name)).as_str()).map_or(0, |shape| shape.len());
    match last {
        "beta" => Reading::new(Role::Shift, "named beta"),
        "gamma" if sibling("beta") == 1 => Reading::new(Role::Scale, "gamma beside beta"),
        "gamma" | "lambda" | "layer_scale" => Reading::new(Role::BranchScale, "a scale by channel without a shift"),
        _ if last.contains("bias") || last == "b" => {
            let under = sibling("weight");
            if under == 1 || (under == 0 && module.contains("norm")) {
                return Reading::new(Role::Shift, "bias beside a weight vector");
            }
            Reading::new(Role::Bias, "named bias").with(Axes::of(&[Axis::Out]))
        }
        "weight" | "scale" | "g" | "w" if module.contains("prelu") => {
            Reading::new(Role::Slope, "named as a parametric rectifier")
        }
        "weight" | "scale" => Reading::new(Role::Scale, "a weight vector: of a normalization"),
        _ => Reading::new(Role::Unknown, "no convention names it"),
    }
}

fn matrix(last: &str, module: &str, shape: &[u64]) -> Reading {
    // torch's recurrent modules: weight_ih_l0, weight_hh_l0_reverse, with the gates stacked along the outputs.
    if let Some(kind) = last.strip_prefix("weight_").filter(|k| k.starts_with("ih") || k.starts_with("hh")) {
        let role = if kind.starts_with("hh") { Role::Recurrent } else { Role::Weight };
        let gates: &[&str] = match shape {
            [rows, cols] if kind.starts_with("hh") && *rows == 4 * cols => &["input", "forget", "cell", "output"],
            [rows, cols] if kind.starts_with("hh") && *rows == 3 * cols => &["reset", "update", "hidden"],
            _ => &[],
        };
        let axes = Axes::linear();
        let axes = if gates.is_empty() { axes } else { axes.clone().fused(0, shape[0], 1, gates).unwrap_or(axes) };
        return Reading::new(role, "torch: recurrent weights stack their gates").with(axes);
    }
    match shape.len() {
        // GPT-2's Conv1D modules store [in, out].
        2 if matches!(module, "c_attn" | "c_proj" | "c_fc") => {
            let axes = Axes::matmul();
            let fused = (module == "c_attn" && shape[1] == 3 * shape[0])
                .then(|| axes.clone().fused(1, shape[1], 1, &["q", "k", "v"]).ok());
            Reading::new(Role::Weight, "GPT-2: Conv1D is [in, out]").with(fused.flatten().unwrap_or(axes))
        }
        2 if last == "kernel" => Reading::new(Role::Weight, "Keras: Dense is [in, out]").with(Axes::matmul()),
        2 => {
            let axes = Axes::linear();
            let fused = module.contains("qkv") || last.starts_with("in_proj");
            let fused =
                (fused && shape[0] == 3 * shape[1]).then(|| axes.clone().fused(0, shape[0], 1, &["q", "k", "v"]).ok());
            Reading::new(Role::Weight, "torch: Linear is [out, in]").with(fused.flatten().unwrap_or(axes))
        }
        3 if module.contains("expert") || last.contains("expert") || last.ends_with("_proj") => {
            let axes = Axes::of(&[Axis::Stack, Axis::Out, Axis::In]);
            Reading::new(Role::Weight, "stacked experts: [expert, out, in]").with(axes)
        }
        rank @ 3..=5 => {
            let groups = if shape[1] == 1 && shape[0] > 1 { shape[0] } else { 1 };
            Reading::new(Role::Weight, "torch: a convolution is [out, in/groups, field…]")
                .with(Axes::conv(rank - 2, groups))
        }
        _ => Reading::new(Role::Unknown, "no convention has so many dimensions"),
    }
}
