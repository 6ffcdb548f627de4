//! Tensors that are one parameter stored twice: output layers with the embedding's rows, embeddings of two halves of a model,
//! a bias under two names.

use super::names::{Names, stem};
use crate::axes::Axis;
use crate::doubt::{About, Doubt};
use crate::known::Known;
use crate::param::Param;
use crate::role::Role;
use crate::tied::{Form, Tied};
use std::collections::BTreeMap;

/// Marks what follows from another tensor; gives the pairs (copy, original) of which names and shapes do not tell whether
/// they are one.
pub(super) fn link(params: &mut [Param], names: &Names) -> Vec<(usize, usize)> {
    biases(params, names);
    let tables = Tables::new(params, names);
    let sizes = Sizes::new(params);
    let mut asked = twice(params, names);
    if names.config.scores && names.config.ties != Some(false) {
        unseen(params, &tables);
    }
    for index in 0..params.len() {
        if params[index].place.tied.is_some() {
            continue;
        }
        match params[index].role.value {
            Role::Embedding => {
                let shared = tables.shared.get(&params[index].shape).filter(|shared| **shared != index);
                if let Some(&shared) = shared {
                    tie(params, index, shared, "a table of the same shape is named `shared`");
                } else if let Some(table) = around(params, index, names) {
                    ask(params, index, table, Some("a table of this name and shape stands in the module around it"));
                    asked.push((index, table));
                } else if let Some(table) = tables.encoder(params, index, names) {
                    ask(params, index, table, None);
                    asked.push((index, table));
                }
            }
            Role::Weight if is_output(&params[index]) => {
                let Some(table) = tables.of(&params[index]) else { continue };
                output(params, index, table, names, &sizes);
                asked.push((index, table));
            }
            _ => {}
        }
    }
    asked
}

/// The tables that may be shared, by shape.
struct Tables {
    by_shape: BTreeMap<Vec<u64>, Vec<(String, usize)>>,
    /// What is named `shared`, by shape: the first.
    shared: BTreeMap<Vec<u64>, usize>,
}

/// A model that gives scores of symbols and has no output layer for them has it in the largest table.
fn unseen(params: &mut [Param], tables: &Tables) {
    let Some(table) = tables.largest(params) else { return };
    let shape = params[table].shape.clone();
    let own = |param: &Param| param.role.value == Role::Weight && is_output(param) && param.shape == shape;
    let seen = params.iter().any(own);
    params[table].place.output = !seen;
}

/// How many tables of one shape are told apart by name; no model has more.
const MOST_TABLES: usize = 64;

impl Tables {
    /// The largest table of each part of the model, and what is named `shared`.
    fn new(params: &[Param], names: &Names) -> Tables {
        let is_table =
            |param: &Param| param.role.value == Role::Embedding && param.shape.len() == 2 && param.shape[0] > 1;
        let tables: Vec<usize> = (0..params.len()).filter(|&i| is_table(&params[i])).collect();
        // Of the tables of one module (symbols, their kinds) only the largest is that of an output layer's symbols.
        let mut most: BTreeMap<&str, u64> = BTreeMap::new();
        for &index in &tables {
            let rows = most.entry(names.name(index).parent()).or_default();
            *rows = params[index].shape[0].max(*rows);
        }
        let mut by_shape: BTreeMap<Vec<u64>, Vec<(String, usize)>> = BTreeMap::new();
        for &index in &tables {
            if most.get(names.name(index).parent()) == Some(&params[index].shape[0]) {
                let same = by_shape.entry(params[index].shape.clone()).or_default();
                if same.len() < MOST_TABLES {
                    same.push((params[index].name.clone(), index));
                }
            }
        }
        let named = tables.iter().rev().filter(|index| names.name(**index).module == "shared");
        let shared = named.map(|&index| (params[index].shape.clone(), index)).collect();
        Tables { by_shape, shared }
    }

    /// The table with the most rows, the first of several.
    fn largest(&self, params: &[Param]) -> Option<usize> {
        let all = self.by_shape.values().flatten().map(|(_, index)| *index);
        all.max_by_key(|&index| (params[index].shape[0], std::cmp::Reverse(index)))
    }

    /// The encoder's table of the same name and shape, for a decoder's.
    fn encoder(&self, params: &[Param], index: usize, names: &Names) -> Option<usize> {
        let within = |index: usize, part: &str| names.name(index).words().any(|word| word == part);
        let (_, most) = self.by_shape.get(&params[index].shape)?.split_first()?;
        let own = names.name(index);
        let is = |table: usize| within(table, "encoder") && names.name(table).module == own.module && table < index;
        let first = self.by_shape[&params[index].shape][0].1;
        (!most.is_empty() && within(index, "decoder") && is(first)).then_some(first)
    }

    /// The table of the parameter's shape that is nearest by name.
    fn of(&self, param: &Param) -> Option<usize> {
        if let Some(&shared) = self.shared.get(&param.shape) {
            return Some(shared);
        }
        let same = self.by_shape.get(&param.shape)?;
        let common = |name: &str| name.bytes().zip(param.name.bytes()).take_while(|(a, b)| a == b).count();
        // The first of several that are as near.
        same.iter().rev().max_by_key(|(name, _)| common(name)).map(|(_, index)| *index)
    }
}

/// Kinds of symbols are fewer: each part of a model has its own table of those.
const FEW: u64 = 64;

/// How many modules around a table are asked for one of its name.
const AROUND: usize = 8;

/// The table of the same name and shape in one of the modules around that of a table.
fn around(params: &[Param], index: usize, names: &Names) -> Option<usize> {
    let name = names.name(index);
    if params[index].shape[0] < FEW {
        return None;
    }
    let own = &name.full[name.parent().len()..];
    let mut module = name.parent();
    for _ in 0..AROUND {
        if module.is_empty() {
            break;
        }
        module = stem(module.trim_end_matches(['.', '/']));
        let table = names.find(&format!("{module}{own}"));
        let same = |&table: &usize| {
            let other = &params[table];
            other.role.value == Role::Embedding && other.shape == params[index].shape && other.place.tied.is_none()
        };
        if let Some(table) = table.filter(same) {
            return Some(table);
        }
    }
    None
}

/// What is registered under two names: as part of a decoder and, under the rest of that name, at the top of the model.
fn twice(params: &mut [Param], names: &Names) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (index, param) in params.iter().enumerate() {
        let full = names.name(index).full;
        let Some((_, rest)) = full.split_once(".decoder.") else { continue };
        let Some(other) = names.find(rest) else { continue };
        let head = !rest.starts_with("layer") && rest.contains('.') && other != index;
        let drawn = matches!(param.role.value, Role::Weight | Role::Bias) && params[other].place.tied.is_none();
        if head && drawn && params[other].shape == param.shape && params[other].role.value == param.role.value {
            pairs.push((other, index));
        }
    }
    for &(copy, to) in &pairs {
        ask(params, copy, to, Some("the decoder has a module of this name and shape"));
    }
    pairs
}

/// Takes a parameter as tied, if there is a reason, and asks.
fn ask(params: &mut [Param], copy: usize, to: usize, because: Option<&str>) {
    let name = params[to].name.clone();
    let (taken, say) = match because {
        Some(because) => {
            tie(params, copy, to, because);
            ("taken as tied", "tied:no".to_owned())
        }
        None => ("taken as not tied", format!("tied:{name}")),
    };
    params[copy].place.doubts.push(Doubt::new(About::Tie, format!("whether it is tied to `{name}`"), taken, say));
}

fn tie(params: &mut [Param], copy: usize, to: usize, because: &str) {
    let tied = Tied { to: params[to].name.clone(), form: Form::Equal };
    params[copy].place.tied = Some(Known::convention(tied, because));
}

/// Whether a weight of the table's shape gives one number for each of the table's rows.
fn is_output(param: &Param) -> bool {
    let axes = param.axes.as_ref().map(|known| &known.value);
    axes.is_some_and(|axes| axes.dims == [Axis::Out, Axis::In] && axes.cuts.is_empty())
}

/// Share of a model's other elements above which its table is usually shared.
///
/// Of the language models known here those of a fifth and more tie their output (GPT-2 0.45, BERT 0.27, T5 0.37, Qwen3 0.6B
/// 0.35, Mamba 0.43), those below do not (Llama 1.1B 0.07).
const SHARE: f64 = 0.2;

/// An output layer with as many rows as the table has: whether it is tied, the list does not tell.
fn output(params: &mut [Param], index: usize, table: usize, names: &Names, sizes: &Sizes) {
    let source = &names.config.source;
    match names.config.ties {
        Some(true) => return tie(params, index, table, &format!("{source} says so")),
        Some(false) => return,
        None => {}
    }
    let because = "an output of the embedding's shape, in a model whose table is a large share of it";
    let taken = likely_tied(params, table, index, names, sizes);
    ask(params, index, table, taken.then_some(because));
}

/// Whether the table is named so, or is so large a share of the model, that it is likely shared. Tables that are named as a
/// pair, `embed_in` and `embed_out`, are two; so are those of models with experts.
fn likely_tied(params: &[Param], table: usize, output: usize, names: &Names, sizes: &Sizes) -> bool {
    let shared = names.name(table).module == "shared";
    // Heads of masked symbols keep a second name of their bias because they are tied.
    let name = names.name(output);
    let bias = names.find(&format!("{}bias", name.parent())).is_some_and(|bias| params[bias].place.tied.is_some());
    let pair = names.name(table).module.ends_with("_in");
    shared || bias || (!pair && !sizes.experts && count(&params[table]) >= SHARE * sizes.beside(&params[table]))
}

fn count(param: &Param) -> f64 {
    param.shape.iter().map(|&size| size as f64).product()
}

/// How large the model is.
struct Sizes {
    total: f64,
    by_shape: BTreeMap<Vec<u64>, f64>,
    experts: bool,
}

impl Sizes {
    fn new(params: &[Param]) -> Sizes {
        let experts = params.iter().any(|param| param.name.contains("expert"));
        let mut sizes = Sizes { total: 0.0, by_shape: BTreeMap::new(), experts };
        for param in params.iter().filter(|param| param.dtype.is_float() && param.place.tied.is_none()) {
            sizes.total += count(param);
            *sizes.by_shape.entry(param.shape.clone()).or_default() += count(param);
        }
        sizes
    }

    /// Elements of everything that has not the shape of this table.
    fn beside(&self, table: &Param) -> f64 {
        self.total - self.by_shape.get(&table.shape).unwrap_or(&0.0)
    }
}

/// A bias of a module without a weight is that of the only weight beneath it: `predictions.bias` is
/// `predictions.decoder.bias`.
fn biases(params: &mut [Param], names: &Names) {
    let mut inner: BTreeMap<(&str, u64), Vec<usize>> = BTreeMap::new();
    for (index, param) in params.iter().enumerate() {
        let name = names.name(index);
        if let (true, &[size]) = (name.last == "bias" && param.role.value == Role::Bias, &param.shape[..]) {
            inner.entry((name.parent(), size)).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    for (index, param) in params.iter().enumerate() {
        let name = names.name(index);
        let &[size] = &param.shape[..] else { continue };
        let own = names.sibling(&name, "weight").is_some() || names.sibling(&name, "kernel").is_some();
        if name.last != "bias" || param.role.value != Role::Bias || own || name.stem().is_empty() {
            continue;
        }
        let beneath = inner.get(&(name.stem(), size)).map_or(&[][..], Vec::as_slice);
        let with_weight = |&&at: &&usize| at != index && names.sibling(&names.name(at), "weight").is_some();
        if let [other] = beneath.iter().filter(with_weight).collect::<Vec<_>>()[..] {
            pairs.push((index, *other));
        }
    }
    for (copy, to) in pairs {
        tie(params, copy, to, "a bias under two names: the only weight beneath its module has it");
    }
}
