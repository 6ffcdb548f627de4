//! Tables of rows: embeddings, positions, learned tokens.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::doubt::{About, Doubt};
use crate::role::Role;

/// Embeddings, position tables and learned tokens.
pub(super) fn drawn(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let position = |because| Some(Reading::new(Role::Position, because).with(rows(shape.len())));
    if is_position(name, shape) && (name.last != "weight" || names.bias(name).is_none()) {
        if is_sinusoid(name, shape, names) {
            let reading = Reading::new(Role::Fixed, "positions beside convolutions over time");
            let reading = reading.noting("a table of sines and cosines, which is not learned");
            return Some(Reading { stand_in: Some("whisper:sinusoids"), ..reading });
        }
        // Two rows are the two coordinates of a place, and may be a random matrix that is never learned (arXiv:2006.10739).
        if shape.len() == 2 && shape[0] == 2 && name.last != "weight" {
            let taken = "taken as learned";
            let doubt = Doubt::new(About::Role, "whether it is a fixed matrix of random features", taken, "role:fixed");
            return position("named as a position table or token").map(|reading| reading.doubting([doubt]));
        }
        // A table in the module that maps the patches is often of sines that are computed.
        let beside = names.sibling(name, "proj.weight").is_some_and(|proj| proj.len() >= 3);
        let fixed =
            || Doubt::new(About::Role, "whether it is a fixed table of sines", "taken as learned", "role:fixed");
        return position("named as a position table or token").map(|reading| reading.doubting(beside.then(fixed)));
    }
    // Of one sample that every other is like.
    if shape.len() >= 3 && shape[0] == 1 && parts(&name.last).any(|part| part.starts_with("embed")) {
        return position("named as an embedding, the same for every sample");
    }
    if is_token(name, shape, names) {
        return position("named as a learned token or query");
    }
    // Linear maps of an embedding are named after it too (`time_embed`), but a table has no bias.
    let one_row = shape[0] == 1 && parts(&speaking(name)).any(|part| part.contains("embed"));
    let table = shape.len() == 2 && (embeds(name) || one_row) && names.bias(name).is_none();
    // Patches are mapped, not looked up.
    let mapped = maps(name) || parts(&speaking(name)).any(|part| part.starts_with("patch"));
    if table && !is_output(name) && !mapped {
        return Some(Reading::new(Role::Embedding, "named as an embedding").with(Axes::matmul()));
    }
    // A normalization under a condition has a scale and a shift for each kind of it.
    let kinds = shape.len() == 2 && name.last == "weight" && matches!(name.module.as_str(), "scale" | "shift");
    if kinds
        && shape[0] < shape[1]
        && name.words().nth(2).is_some_and(|word| word.contains("norm"))
        && names.bias(name).is_none()
    {
        return Some(
            Reading::new(Role::Embedding, "scales or shifts of a normalization, a row for each kind")
                .with(Axes::matmul()),
        );
    }
    // Nothing stands before the first matrix that would have as few numbers as it is wide.
    let first = shape.len() == 2 && name.last == "weight" && names.before(name).is_none() && names.bias(name).is_none();
    if first && !is_output(name) && names.len() >= MODEL && shape[0] >= SYMBOLS && shape[0] / 64 >= shape[1] {
        let doubt = Doubt::new(About::Role, "whether it is a table or a matrix", "taken as a table", "role:weight");
        return Some(
            Reading::new(Role::Embedding, "the first matrix, with a row for each symbol")
                .with(Axes::matmul())
                .doubting([doubt]),
        );
    }
    if name.last == "codevectors" {
        return Some(Reading::new(Role::Embedding, "named as code vectors").with(rows(shape.len())));
    }
    None
}

/// Rows from which a matrix that nothing stands before is likelier a table of symbols.
const SYMBOLS: u64 = 8192;

/// Tensors that a model of symbols has at least.
const MODEL: usize = 8;

/// The word of a name that says what it is: the last one that is neither a number nor only says `weight`.
fn speaking(name: &Name) -> String {
    let plain = |word: &String| {
        let numbered = word.bytes().all(|c| c.is_ascii_digit());
        !numbered && !matches!(word.as_str(), "weight" | "embedding" | "embeddings" | "weights" | "weight_orig")
    };
    name.words().find(plain).unwrap_or_default()
}

/// The parts of a word between underscores.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(['_', '-'])
}

fn is_position(name: &Name, shape: &[u64]) -> bool {
    if shape.len() < 2 {
        return false;
    }
    let word = &speaking(name);
    let names_position = |part: &str| {
        part.starts_with("posit") || matches!(part.trim_end_matches(|c: char| c.is_ascii_digit()), "pos" | "wpe" | "pe")
    };
    let positional = parts(word).any(names_position)
        || word.contains("position")
        || matches!(word.as_str(), "height_rel" | "width_rel" | "emb_rel_k" | "emb_rel_v");
    let relative =
        name.words().skip(1).take(2).any(|word| word.contains("relative") && word.contains("bias")) && !maps(name);
    let biases = word == "attention_biases" || word.contains("bias_table");
    // Linear maps and convolutions of positions are named so too.
    let table = name.last != "kernel" && (name.last != "weight" || shape.len() == 2) && !maps(name);
    (positional && table) || relative || biases
}

/// Whether the module's name says that it is a map: `pos_proj`, `linear_pos`, `pos_conv`.
fn maps(name: &Name) -> bool {
    let word = &speaking(name);
    name.last == "weight" && parts(word).any(|part| MAPS.contains(&part))
}

/// Words of maps.
const MAPS: [&str; 10] = ["proj", "projection", "projector", "mapper", "linear", "conv", "net", "mlp", "fc", "dense"];

/// Words for rows that every sample gets.
const TOKENS: [&str; 14] = [
    "token",
    "tokens",
    "probe",
    "latent",
    "latents",
    "class_embedding",
    "class_embed",
    "cls",
    "masked_spec_embed",
    "mask_emb",
    "level_embed",
    "seg_embed",
    "query",
    "queries",
];

fn is_token(name: &Name, shape: &[u64], names: &Names) -> bool {
    // A table of tokens has no bias beside it; a parameter of its own is one.
    let table = name.last == "weight" && names.bias(name).is_none() && shape.len() == 2 && !embeds(name);
    let word = if table { speaking(name) } else { name.last.clone() };
    let last = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let rows = |part: &str| matches!(part, "token" | "tokens" | "points" | "newline" | "separator" | "sep");
    // A matrix may be named `query` too; rows for every sample have nothing beside them.
    let single = if table { !attends(name, names) } else { names.sibling(name, "key").is_none() };
    let alone = !matches!(last, "query" | "queries") || single;
    let asks = |part: &str| matches!(part, "query" | "queries" | "latent" | "latents" | "feat" | "feats" | "features");
    let queries = parts(last).all(asks) && parts(last).nth(1).is_some();
    // A parameter without a module: `latent_query`, `bos_latent`.
    let bare =
        !table && name.last != "weight" && parts(last).last().is_some_and(|end| matches!(end, "query" | "latent"));
    let named = (TOKENS.contains(&last) && alone)
        || (parts(last).any(rows) && last != "token_mixer")
        || ((queries || bare) && single);
    // Keys and values that torch's attention adds to every sequence.
    named || (matches!(last, "bias_k" | "bias_v") && shape.len() == 3)
}

/// Whether it stands in an attention, where `query` is a matrix.
fn attends(name: &Name, names: &Names) -> bool {
    const BESIDE: [&str; 6] = ["key", "keys", "kv", "key_value", "value", "k"];
    let beside = BESIDE
        .iter()
        .any(|word| names.sibling(name, word).is_some() || names.cousin(name, &format!("{word}.weight")).is_some());
    beside
        || name.words().skip(1).any(|word| word.contains("attn") || word.contains("attention") || word.contains("mha"))
}

/// Positions of an encoder of sound: it begins with convolutions over time, and is too long to learn them.
fn is_sinusoid(name: &Name, shape: &[u64], names: &Names) -> bool {
    let word = speaking(name);
    let convolves = |path: &str| {
        names
            .get(&format!("{}{path}", name.parent()))
            .is_some_and(|shape| shape.len() == 3 && shape[1].min(shape[2]) > 1)
    };
    shape.len() == 2 && word.contains("pos") && convolves("conv1.weight") && convolves("conv2.weight")
}

/// A table of rows that are looked up: `[…, width]`.
pub(super) fn rows(rank: usize) -> Axes {
    let mut dims = vec![Axis::In; rank.max(1)];
    dims[rank.max(1) - 1] = Axis::Out;
    Axes::of(&dims)
}

/// Whether a name is an embedding's.
pub(super) fn embeds(name: &Name) -> bool {
    let part = |part: &str| part == "emb" || part.contains("embed") || matches!(part, "wte" | "wpe" | "codebook");
    let word = |word: &str| parts(word).any(part) || word == "shared";
    let table = matches!(name.last.as_str(), "weight" | "weight_orig" | "embedding" | "embeddings");
    // A list of tables has a name in the plural; `time_embed.0` is the first of several maps.
    let listed =
        name.last == "weight" && name.module.bytes().all(|c| c.is_ascii_digit()) && speaking(name).ends_with('s');
    word(&name.last) || (table && word(&name.module)) || (listed && word(&speaking(name)))
}

/// Whether a name says that it maps to the symbols, not from them.
fn is_output(name: &Name) -> bool {
    parts(&speaking(name)).any(|part| matches!(part, "out" | "output" | "proj" | "project" | "projection" | "head"))
}
