//! Matrices that are several side by side: q, k and v, gate and value, the inputs of a state-space model.

use super::experts::gate_and_value;
use super::names::{Name, Names};
use crate::axes::{Block, Cut};
use crate::doubt::{About, Doubt};

/// The blocks of a matrix along its outputs, and what is doubtful about them.
pub(super) struct Fused {
    pub(super) cut: Cut,
    pub(super) doubt: Option<Doubt>,
}

/// A matrix as fusion sees it.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    /// The dimension of the outputs.
    pub(super) axis: usize,
    pub(super) outputs: u64,
    pub(super) inputs: u64,
}

/// How a matrix is cut, if it is.
pub(super) fn blocks(name: &Name, matrix: Matrix, names: &Names) -> Option<Fused> {
    attention(name, matrix, names)
        .or_else(|| state_space(name, matrix, names).map(sure))
        .or_else(|| gated(name, matrix, names).map(sure))
}

fn sure(cut: Cut) -> Fused {
    Fused { cut, doubt: None }
}

fn cut(axis: usize, repeat: u64, blocks: &[(&str, u64)]) -> Cut {
    let block = |(label, size): &(&str, u64)| Block { label: (*label).to_owned(), size: *size };
    Cut { axis, repeat, blocks: blocks.iter().map(block).collect() }
}

/// Words for q, k and v in one, as parts of a module's name.
const QKV: [&str; 9] =
    ["qkv", "wqkv", "c_attn", "query_key_value", "att_proj", "in_proj_weight", "w_pack", "to_qkv", "qkv_proj"];

/// Words for what comes after attention, as paths from the module around it.
const AFTER: [&str; 10] = [
    "proj.weight",
    "out_proj.weight",
    "o_proj.weight",
    "c_proj.weight",
    "dense.weight",
    "wo.weight",
    "Wo.weight",
    "to_out.0.weight",
    "out.weight",
    "projection.weight",
];

/// How a convolution of one point is cut into q, k and v of one size, as attention over pictures has them.
pub(super) fn of_pictures(name: &Name, matrix: Matrix, names: &Names) -> Option<Cut> {
    let cut = attention(name, matrix, names)?.cut;
    cut.blocks.iter().all(|block| block.size == cut.blocks[0].size).then_some(cut)
}

fn attention(name: &Name, matrix: Matrix, names: &Names) -> Option<Fused> {
    let Matrix { axis, outputs, inputs } = matrix;
    let word = if name.last.ends_with("in_proj_weight") { &name.last } else { &name.module };
    let own = |list: &[&str]| {
        list.iter().any(|known| word == known || word.contains(&format!("{known}_")) || word.ends_with(known))
    };
    if word == "kv" || word.ends_with("_kv") || word == "kv_proj" {
        return (outputs % 2 == 0).then(|| sure(cut(axis, 1, &[("k", outputs / 2), ("v", outputs / 2)])));
    }
    if !own(&QKV) {
        return None;
    }
    // What attention gives to the projection after it is as wide as its queries.
    let stem = if name.last.ends_with("in_proj_weight") { name.stem() } else { name.parent() };
    let after = AFTER.iter().find_map(|path| match names.get(&format!("{stem}{path}"))? {
        &[a, b, ref field @ ..] if field.iter().all(|&size| size == 1) => Some(if a == inputs { b } else { a }),
        _ => None,
    });
    let queries = after.filter(|&width| width <= outputs).unwrap_or(inputs);
    let elsewhere =
        ["q_attn.weight", "q_proj.weight", "q.weight"].iter().any(|path| names.get(&format!("{stem}{path}")).is_some());
    if outputs.checked_sub(queries) == Some(queries) && elsewhere {
        return Some(sure(cut(axis, 1, &[("k", queries), ("v", queries)])));
    }
    let keys = outputs.checked_sub(queries).filter(|rest| rest % 2 == 0 && *rest > 0)? / 2;
    if !word.contains("query_key_value") {
        return Some(sure(cut(axis, 1, &[("q", queries), ("k", keys), ("v", keys)])));
    }
    Some(interleaved(matrix, queries, keys, names))
}

/// `query_key_value` keeps the q, k and v of each head (or of each group of heads) together.
fn interleaved(matrix: Matrix, queries: u64, keys: u64, names: &Names) -> Fused {
    /// The width of a head that most models have.
    const HEAD: u64 = 64;
    let known = names.config.head_width.or_else(|| queries.checked_div(names.config.heads?));
    let fits = |width: &u64| *width > 0 && queries.is_multiple_of(*width) && keys.is_multiple_of(*width);
    let width = known.filter(fits).or_else(|| Some(HEAD).filter(fits)).unwrap_or(keys);
    let turns = keys / width.max(1);
    let turn = |size: u64| size / turns.max(1);
    let blocks = cut(matrix.axis, turns.max(1), &[("q", turn(queries)), ("k", turn(keys)), ("v", turn(keys))]);
    let taken = format!("taken as {turns}, with heads of width {width}");
    let doubt =
        Doubt::new(About::Repeat, "in how many turns its q, k and v lie (the number of heads)", taken, "repeat:HEADS");
    Fused { cut: blocks, doubt: known.is_none_or(|width| !fits(&width)).then_some(doubt) }
}

/// The projections around the recurrence of Mamba, whose sizes its neighbours show.
fn state_space(name: &Name, matrix: Matrix, names: &Names) -> Option<Cut> {
    let Matrix { axis, outputs, .. } = matrix;
    let around = |path: &str| names.get(&format!("{}{path}", name.parent()));
    let channels = *around("conv1d.weight")?.first()?;
    let rates = around("A_log")?;
    match (name.module.as_str(), rates) {
        ("in_proj", [_, _]) if channels.checked_mul(2) == Some(outputs) => {
            Some(cut(axis, 1, &[("x", channels), ("z", channels)]))
        }
        ("x_proj", &[_, state]) => {
            let rank = *around("dt_proj.weight")?.get(1)?;
            let fits = state.checked_mul(2).and_then(|twice| twice.checked_add(rank)) == Some(outputs);
            fits.then(|| cut(axis, 1, &[("dt", rank), ("b", state), ("c", state)]))
        }
        // Mamba-2: the gate, then what the convolution sees (x, B and C), then a step for each head.
        ("in_proj", &[heads]) => {
            let inner = outputs.checked_sub(channels)?.checked_sub(heads)?;
            let state = channels.checked_sub(inner).filter(|both| both % 2 == 0)? / 2;
            Some(cut(axis, 1, &[("z", inner), ("x", inner), ("b", state), ("c", state), ("dt", heads)]))
        }
        _ => None,
    }
}

/// A gate beside the values: twice as many outputs as the only other matrix of the module has inputs.
fn gated(name: &Name, matrix: Matrix, names: &Names) -> Option<Cut> {
    let Matrix { axis, outputs, inputs } = matrix;
    if outputs % 2 != 0 {
        return None;
    }
    if name.module.contains("gate_up") || name.last.contains("gate_up") {
        return Some(gate_and_value(axis, outputs, 1));
    }
    let parent = name.parent();
    if parent.is_empty() {
        return None;
    }
    let own = &name.full[parent.len()..];
    let mut others = names.weights_beneath(parent).filter(|(path, _)| *path != own);
    let (other, None) = (others.next()?, others.next()) else { return None };
    let [a, b, field @ ..] = other.1 else { return None };
    let (out, hidden) = if axis == 1 { (*b, *a) } else { (*a, *b) };
    let undoes = out == inputs && hidden.checked_mul(2) == Some(outputs) && field.iter().all(|&size| size == 1);
    undoes.then(|| gate_and_value(axis, outputs, 1))
}
