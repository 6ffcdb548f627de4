//! What a parameter does in its block, from the words that people share for it and from its shape.

use super::Found;
use crate::axes::{Axis, Count, Fan};
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;
use std::collections::BTreeMap;

/// Words of modules that mix positions.
const ATTENTION: [&str; 4] = ["attn", "attention", "att", "mha"];
/// Words of feed-forward networks.
const FORWARD: [&str; 7] = ["mlp", "ffn", "ff", "feed_forward", "feedforward", "densereludense", "intermediate"];
/// Words of layers that stand beside a branch, on its shortcut or on a gate of its channels.
const BESIDE: [&str; 8] =
    ["downsample", "shortcut", "skip", "identity", "se", "squeeze_excitation", "conv_shortcut", "proj_conv"];

const QUERY: &[&str] =
    &["q", "q_proj", "query", "wq", "to_q", "q_lin", "query_proj", "q_linear", "linear_q", "receptance"];
const KEY: &[&str] = &["k", "k_proj", "key", "wk", "to_k", "k_lin", "key_proj", "k_linear", "linear_k"];
const VALUE: &[&str] = &["v", "v_proj", "value", "wv", "to_v", "v_lin", "value_proj", "v_linear", "linear_v"];
const FUSED: &[&str] =
    &["qkv", "c_attn", "in_proj", "query_key_value", "wqkv", "qkv_proj", "to_qkv", "att_proj", "w_pack", "linear_qkv"];
const OUTPUT: &[&str] = &[
    "o",
    "o_proj",
    "out_proj",
    "c_proj",
    "proj",
    "to_out",
    "wo",
    "out",
    "dense",
    "out_lin",
    "output",
    "attention_output",
    "attn_out",
    "proj_out",
    "linear_out",
    "output_proj",
    "projection",
    "linear_proj",
];
const UP: &[&str] = &[
    "fc1",
    "c_fc",
    "up_proj",
    "w3",
    "wi",
    "wi_1",
    "dense_h_to_4h",
    "linear1",
    "lin1",
    "linear_1",
    "fc_in",
    "ff_proj",
    "intermediate_dense",
    "ffn_layer1",
    "w_up",
    "up",
];
const GATE: &[&str] = &["gate_proj", "wi_0", "w_gate"];
const GATE_UP: &[&str] = &["gate_up_proj", "gate_up", "gate_and_up_proj"];
const DOWN: &[&str] = &[
    "fc2",
    "c_proj",
    "down_proj",
    "w2",
    "wo",
    "dense_4h_to_h",
    "linear2",
    "lin2",
    "linear_2",
    "fc_out",
    "ff_out",
    "output_dense",
    "ffn_layer2",
    "w_down",
    "down",
];
const ROUTER: &[&str] = &["router", "gate", "wg", "gating"];
const HEAD: &[&str] = &[
    "head",
    "heads",
    "lm_head",
    "classifier",
    "fc",
    "predictions",
    "decoder",
    "output",
    "score",
    "logits",
    "embed_out",
    "proj_out",
    "qa_outputs",
    "out",
    "head_dist",
    "ff_out",
    "linear",
];

/// Name, module path, and what it is in, of one parameter.
struct Place<'a> {
    /// Words of the path inside the block, or of the whole path where there is no block; numbers left out.
    words: Vec<String>,
    in_block: bool,
    param: &'a Param,
}

impl<'a> Place<'a> {
    fn new(param: &'a Param, found: Option<&Found>) -> Place<'a> {
        let inside = found.map_or(param.name.as_str(), |found| &param.name[found.prefix..]);
        let name = inside.strip_suffix(":0").unwrap_or(inside);
        let mut words: Vec<String> = name.split(['.', '/']).map(str::to_ascii_lowercase).collect();
        // `in_proj_weight` is a module and a word in one.
        let last = words.pop().unwrap_or_default();
        let own = ["_weight", "_bias", "_kernel"].iter().find_map(|end| last.strip_suffix(end));
        let whole = matches!(last.as_str(), "weight" | "bias" | "kernel" | "w" | "b" | "weight_v" | "original1");
        words.extend(own.map(str::to_owned).or_else(|| (!whole).then_some(last)));
        words.retain(|word| !word.is_empty() && !word.bytes().all(|b| b.is_ascii_digit()));
        Place { words, in_block: found.is_some(), param }
    }

    fn module(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.module())
    }

    /// Whether a module around it is called so, the innermost such decides: `Some(true)` for attention.
    fn attends(&self) -> Option<bool> {
        self.words.iter().rev().find_map(|word| {
            // Flax numbers its modules: `MultiHeadDotProductAttention_1`.
            let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
            let has =
                |list: &[&str]| list.iter().any(|own| word == *own || word.starts_with(own) || word.ends_with(own));
            match (has(&ATTENTION), has(&FORWARD)) {
                (true, false) => Some(true),
                (false, true) => Some(false),
                _ => None,
            }
        })
    }
}

/// The sites of each parameter; `None` where no word tells.
pub(super) fn find(params: &[Param], found: &[Option<Found>]) -> Vec<Option<Vec<Site>>> {
    let modules: BTreeMap<&str, &Param> = params.iter().map(|param| (module(&param.name), param)).collect();
    let widths = widths(params, found);
    let mut sites: Vec<_> = params
        .iter()
        .zip(found)
        .map(|(param, found)| {
            if !matches!(param.role.value, Role::Weight | Role::Bias) {
                return None;
            }
            let place = Place::new(param, found.as_ref());
            let tower = found.as_ref().map(|found| found.block.tower.as_str());
            let width = tower.and_then(|tower| widths.get(tower).copied());
            site(&place, &modules, width)
        })
        .collect();
    last_heads(params, &mut sites);
    sites
}

/// Of several layers under one head (`classifier.0`, `classifier.3`), the last makes the output.
fn last_heads(params: &[Param], sites: &mut [Option<Vec<Site>>]) {
    let pattern = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for i in 0..params.len() {
        let is_head = sites[i].as_deref() == Some(&[Site::Head]);
        if !is_head {
            continue;
        }
        if let Some(before) = last.insert(pattern(&params[i].name), i) {
            sites[before] = None;
        }
    }
}

/// Whether it is a convolution over more than one position.
fn is_spatial(param: &Param) -> bool {
    let Some(axes) = param.axes.as_ref().map(|known| &known.value) else { return param.shape.len() > 2 };
    axes.dims.iter().zip(&param.shape).any(|(axis, size)| *axis == Axis::Field && *size > 1)
}

/// Whether a word of the path says that the layer stands beside its branch.
pub(crate) fn is_beside(name: &str) -> bool {
    name.split(['.', '/']).any(|word| BESIDE.contains(&word.to_ascii_lowercase().as_str()))
}

fn module(name: &str) -> &str {
    name.rfind(['.', '/']).map_or(name, |at| &name[..at])
}

fn site(place: &Place, modules: &BTreeMap<&str, &Param>, width: Option<u64>) -> Option<Vec<Site>> {
    let one = |site| Some(vec![site]);
    let beside = |word: &str| {
        let module = module(&place.param.name);
        let around = &module[..module.rfind(['.', '/']).map_or(0, |at| at + 1)];
        modules.contains_key(format!("{around}{word}").as_str())
    };
    if !place.in_block {
        let head = place.is(HEAD) && !is_spatial(place.param) && place.attends() != Some(true);
        return if head { one(Site::Head) } else { None };
    }
    let attends = place.attends();
    if attends.is_none() && place.param.shape.len() > 3 {
        return None;
    }
    if attends != Some(true) {
        if place.is(GATE_UP) {
            return Some(vec![Site::Gate, Site::Up]);
        }
        if place.is(GATE) || (place.module() == "w1" && beside("w3")) {
            return one(Site::Gate);
        }
        if place.is(UP) || (place.module() == "w1") {
            return one(Site::Up);
        }
        if place.is(ROUTER) && place.param.shape.len() <= 2 {
            return one(Site::Router);
        }
    }
    if attends == Some(false) {
        return match place.module() {
            "receptance" => one(Site::Gate),
            "key" => one(Site::Up),
            "value" => one(Site::Down),
            _ if place.is(DOWN) => one(Site::Down),
            _ => by_shape(place.param, width).map(|site| vec![site]),
        };
    }
    if place.is(FUSED) && attends == Some(true) {
        return Some(vec![Site::Query, Site::Key, Site::Value]);
    }
    for (names, site) in [(QUERY, Site::Query), (KEY, Site::Key), (VALUE, Site::Value)] {
        if place.is(names) {
            return one(site);
        }
    }
    match attends {
        Some(true) if place.is(OUTPUT) => one(Site::Output),
        // BERT's feed-forward network ends in `output.dense`, beside `attention.output.dense`.
        None if place.words == ["output", "dense"] => one(Site::Down),
        None if place.is(DOWN) && !place.is(OUTPUT) => one(Site::Down),
        None if place.is(OUTPUT) && place.module() != "dense" => one(Site::Output),
        _ => None,
    }
}

/// In a feed-forward network without telling words: what reads the width of the stream goes up, what makes it comes down.
fn by_shape(param: &Param, width: Option<u64>) -> Option<Site> {
    let width = width? as f64;
    let part = param.parts().into_iter().next()?.param;
    let (fan_in, fan_out) = (part.fan(Fan::In, Count::True).ok()?, part.fan(Fan::Out, Count::True).ok()?);
    match (fan_in == width, fan_out == width) {
        (true, false) => Some(Site::Up),
        (false, true) => Some(Site::Down),
        _ => None,
    }
}

/// The width of each tower's stream: the size that most of its vectors of norms have.
fn widths<'a>(params: &[Param], found: &'a [Option<Found>]) -> BTreeMap<&'a str, u64> {
    let mut counts: BTreeMap<&str, BTreeMap<u64, usize>> = BTreeMap::new();
    for (param, found) in params.iter().zip(found) {
        if let (Some(found), Role::Scale, [size]) = (found, param.role.value, &param.shape[..]) {
            *counts.entry(&found.block.tower).or_default().entry(*size).or_default() += 1;
        }
    }
    let most = |sizes: BTreeMap<u64, usize>| sizes.into_iter().max_by_key(|(_, count)| *count).map(|(size, _)| size);
    counts.into_iter().filter_map(|(tower, sizes)| Some((tower, most(sizes)?))).collect()
}
