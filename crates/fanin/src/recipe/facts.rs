//! The numbers of a model that formulas may use, each found when it is asked for, with its evidence.

use super::{Recipe, choice};
use crate::axes::{Axes, Axis, Count, Fan};
use crate::call::{from_number, number};
use crate::error::Refusal;
use crate::param::Param;
use crate::role::Role;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A number of the model.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Its name in formulas.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether the user may say it (`--with layers=24`), since names and shapes may not show it.
    pub may_be_said: bool,
}

const fn fact(name: &'static str, about: &'static str, may_be_said: bool) -> Fact {
    Fact { name, about, may_be_said }
}

/// Every number of the model that formulas may use.
pub const FACTS: &[Fact] = &[
    fact("layers", "number of blocks of the parameter's tower", true),
    fact("layer", "number of the parameter's block, from 1", false),
    fact("encoder_layers", "number of blocks of the encoder", true),
    fact("decoder_layers", "number of blocks of the decoder", true),
    fact("branches", "number of matrices of the tower that write into the residual stream", true),
    fact("depth", "number of matrices of a branch, one behind the other", true),
    fact("width", "width of the residual stream", true),
    fact("heads", "number of attention heads", true),
    fact("fan_in", "connections into one output unit of the parameter", false),
    fact("fan_out", "connections out of one input unit of the parameter", false),
    fact("groups", "groups of the parameter's convolution", false),
    fact("inputs", "input units of the parameter, or channels of one group of a convolution", false),
    fact("units", "output units of the parameter, or channels of a convolution", false),
];

/// The towers of blocks in a model and what they measure.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    towers: BTreeMap<String, Tower>,
    heads: Option<(u64, String)>,
    /// Width of the embedding, where no block writes into a stream.
    embedding: Option<(u64, String)>,
}

#[derive(Clone, Debug, Default)]
struct Tower {
    blocks: u64,
    writers: u64,
    /// Matrices in the branches of the first block, and how many branches that is.
    first: (u64, u64),
    /// Outputs of the writers, and how many have them.
    widths: BTreeMap<u64, usize>,
}

/// A number with where it comes from.
type Found = Result<(f64, String), Refusal>;

impl Facts {
    /// The facts of a model.
    pub fn of(params: &[Param]) -> Facts {
        let mut facts = Facts::default();
        for param in params {
            facts.count(param);
        }
        facts
    }

    fn count(&mut self, param: &Param) {
        let axes = param.axes.as_ref().map(|known| &known.value.dims[..]);
        let matrix = matches!(param.role.value, Role::Weight | Role::Recurrent) && param.shape.len() >= 2;
        match (param.role.value, &param.shape[..]) {
            // A bias by relative position has a column for each head; a query with its heads apart has them as an axis.
            (Role::Position, [_, heads]) if param.name.contains("relative") && param.name.contains("bias") => {
                self.heads.get_or_insert_with(|| (*heads, param.name.clone()));
            }
            (Role::Weight, [_, heads, _]) if axes == Some(&[Axis::In, Axis::Out, Axis::Out]) => {
                self.heads.get_or_insert_with(|| (*heads, param.name.clone()));
            }
            (Role::Embedding, [_, width]) => {
                self.embedding.get_or_insert_with(|| (*width, param.name.clone()));
            }
            _ => {}
        }
        let Some(block) = param.place.block.as_ref().map(|known| &known.value) else { return };
        let tower = self.towers.entry(block.tower.clone()).or_default();
        tower.blocks = block.of;
        if !matrix {
            return;
        }
        let writes = param.place.residual.is_some();
        if block.number == 1 && !crate::anatomy::is_beside(&param.name) {
            tower.first.0 += 1;
            tower.first.1 += u64::from(writes);
        }
        if writes {
            tower.writers += 1;
            let part = param.parts().into_iter().next();
            if let Some(out) = part.and_then(|part| outputs(&part.param)) {
                *tower.widths.entry(out).or_default() += 1;
            }
        }
    }

    /// The tower of a parameter: that of its block, or the one that is nearest by name where all others would say the same.
    fn tower(&self, param: &Param, what: fn(&Tower) -> u64, name: &str) -> Result<(&str, &Tower), Refusal> {
        if let Some(block) = &param.place.block
            && let Some((name, tower)) = self.towers.get_key_value(&block.value.tower)
        {
            return Ok((name, tower));
        }
        let same = |tower: &str| tower.bytes().zip(param.name.bytes()).take_while(|(a, b)| a == b).count();
        let best = self.towers.keys().map(|tower| same(tower)).max().unwrap_or(0);
        let near: Vec<_> = self.towers.iter().filter(|(tower, _)| same(tower) == best).collect();
        let values: BTreeSet<u64> = near.iter().map(|(_, tower)| what(tower)).collect();
        match near.first() {
            Some((tower, found)) if values.len() == 1 => Ok((tower, found)),
            Some(_) => {
                let towers: Vec<&str> = near.iter().map(|(tower, _)| tower.as_str()).collect();
                Err(ask(name, format!("`{name}` could be that of {}", towers.join(", "))))
            }
            None => Err(ask(name, format!("`{name}` is not known: no two modules differ in a number only"))),
        }
    }

    fn stack(&self, word: &str, name: &str) -> Found {
        let found: Vec<_> = self.towers.iter().filter(|(tower, _)| tower.contains(word)).collect();
        match &found[..] {
            [(tower, found)] => Ok((found.blocks as f64, format!("{} blocks in {tower}", found.blocks))),
            _ => Err(ask(name, format!("`{name}` is not known: {} towers are named {word}", found.len()))),
        }
    }

    fn get(&self, name: &str, param: &Param) -> Found {
        let fan = |fan| param.fan(fan, Count::True).map(|value| (value, String::new()));
        match name {
            "layers" => {
                let (tower, found) = self.tower(param, |tower| tower.blocks, name)?;
                Ok((found.blocks as f64, format!("{} blocks in {tower}", found.blocks)))
            }
            "layer" => match &param.place.block {
                Some(block) => Ok((block.value.number as f64, format!("block {}", block.value))),
                None => Err(Refusal::new(
                    "`layer` is asked of a parameter that is in no block",
                    "a rule for parameters in blocks",
                    "Add `block = true` to the rule.",
                )),
            },
            "encoder_layers" => self.stack("encoder", name),
            "decoder_layers" => self.stack("decoder", name),
            "branches" => {
                let (tower, found) = self.tower(param, |tower| tower.writers, name)?;
                nonzero(name, found.writers, format!("{} matrices of {tower} write into the stream", found.writers))
            }
            "depth" => {
                let (tower, found) = self.tower(param, |tower| tower.first.0, name)?;
                let depth = found.first.0.checked_div(found.first.1).unwrap_or(0);
                nonzero(name, depth, format!("{depth} matrices in each branch of {tower}"))
            }
            "width" => self.width(param),
            "heads" => match &self.heads {
                Some((heads, by)) => Ok((*heads as f64, format!("`{by}` shows it"))),
                None => Err(ask(name, "`heads` is not known: no shape shows it".to_owned())),
            },
            "units" | "inputs" => {
                let beside = param.place.beside.as_ref().filter(|_| param.role.value == Role::Bias);
                let own = param.axes.as_ref().map(|axes| (&axes.value, &param.shape));
                match beside.map(|beside| (&beside.axes, &beside.shape)).or(own) {
                    Some((axes, shape)) if name == "units" => Ok((units(axes, shape) as f64, String::new())),
                    // Of two signals that are multiplied, the first.
                    Some((axes, shape)) if param.place.op.as_deref() == Some("Bilinear") => {
                        let first = axes.dims.iter().position(|axis| *axis == Axis::In);
                        let size = first.and_then(|axis| shape.get(axis)).copied().unwrap_or(1);
                        Ok((size as f64, String::new()))
                    }
                    Some((axes, shape)) => Ok((inputs(axes, shape) as f64, String::new())),
                    None => Err(ask(name, format!("`{name}` is not known: its axes are not"))),
                }
            }
            "groups" => {
                let groups = param.known_axes().map_or(1, |axes| axes.groups);
                Ok((groups as f64, String::new()))
            }
            "fan_in" => fan(Fan::In),
            "fan_out" => fan(Fan::Out),
            _ => {
                Err(Refusal::new(format!("there is no number `{name}`"), "a number of the model", "Mend the formula."))
            }
        }
    }

    fn width(&self, param: &Param) -> Found {
        let most = |tower: &Tower| tower.widths.iter().max_by_key(|(_, count)| **count).map_or(0, |(width, _)| *width);
        match (self.tower(param, most, "width"), &self.embedding) {
            (Ok((name, tower)), _) if most(tower) > 0 => {
                Ok((most(tower) as f64, format!("what the blocks of {name} write")))
            }
            (_, Some((width, by))) => Ok((*width as f64, format!("width of `{by}`"))),
            (Err(refusal), None) => Err(refusal),
            (Ok(_), None) => {
                Err(ask("width", "`width` is not known: nothing writes into a residual stream".to_owned()))
            }
        }
    }
}

fn outputs(param: &Param) -> Option<u64> {
    Some(units(&param.axes.as_ref()?.value, &param.shape))
}

/// A product of sizes, which beside an empty dimension may be of any size.
fn saturating<'a>(sizes: impl Iterator<Item = &'a u64>) -> u64 {
    sizes.fold(1, |all: u64, &size| all.saturating_mul(size))
}

fn units(axes: &Axes, shape: &[u64]) -> u64 {
    let all = saturating(axes.out_dims().into_iter().filter_map(|axis| shape.get(axis)));
    if axes.transposed { all.saturating_mul(axes.groups) } else { all }
}

fn inputs(axes: &Axes, shape: &[u64]) -> u64 {
    let dims = axes.dims.iter().zip(shape).filter(|(axis, _)| **axis == Axis::In);
    let all = saturating(dims.map(|(_, size)| size));
    if axes.transposed { all / axes.groups.max(1) } else { all }
}

fn nonzero(name: &str, value: u64, text: String) -> Found {
    if value > 0 {
        Ok((value as f64, text))
    } else {
        Err(ask(name, format!("`{name}` is not known: nothing shows it")))
    }
}

fn ask(name: &str, wrong: String) -> Refusal {
    Refusal::new(
        wrong,
        "a number",
        format!("Say it: `--with {name}=12`, or `{name} = 12` under `[with]` in the recipe."),
    )
}

/// The numbers of one parameter, as a recipe's formulas see them.
#[derive(Debug)]
pub struct Numbers<'a> {
    /// The recipe, whose options and shared numbers may be asked.
    pub recipe: &'a Recipe,
    /// The model's.
    pub facts: &'a Facts,
    /// The parameter's.
    pub param: &'a Param,
    /// What was asked, with where it comes from.
    pub asked: Vec<(String, f64, String)>,
}

/// Shared numbers that ask for each other.
const DEEPEST: usize = 16;

impl<'a> Numbers<'a> {
    /// The numbers of `param`.
    pub fn new(recipe: &'a Recipe, facts: &'a Facts, param: &'a Param) -> Numbers<'a> {
        Numbers { recipe, facts, param, asked: Vec::new() }
    }

    /// What a name stands for; `None` if it stands for nothing.
    pub fn get(&mut self, name: &str) -> Option<Result<Value, Refusal>> {
        self.look(name, 0)
    }

    fn look(&mut self, name: &str, depth: usize) -> Option<Result<Value, Refusal>> {
        if let Some(value) = self.recipe.chosen(name) {
            let said = self.recipe.with.contains_key(name);
            let value = value.clone();
            if let Some(number) = value.as_f64() {
                let from = if said { "you said so" } else { "the recipe's default" };
                self.note(name, number, from.to_owned());
            }
            return Some(Ok(value));
        }
        if let Some(choice) = self.recipe.choices.iter().find(|choice| choice.name == name) {
            return Some(Err(Refusal::new(
                format!("the option `{name}` of recipe {} is not given: {}", self.recipe.name, choice.about),
                "a value",
                format!("Say it: `--with {name}=…`."),
            )));
        }
        if let Some(formula) = self.recipe.shared.get(name) {
            if depth == DEEPEST {
                let wrong = format!("`{name}` asks for itself");
                return Some(Err(Refusal::new(wrong, "a number that can be calculated", "Mend `[let]`.")));
            }
            let value = formula.value(&mut |inner| number(inner, self.look(inner, depth + 1)));
            return Some(value.map(|value| {
                self.note(name, value, formula.to_string());
                from_number(value)
            }));
        }
        if !FACTS.iter().any(|fact| fact.name == name) {
            return None;
        }
        Some(self.facts.get(name, self.param).map(|(value, from)| {
            self.note(name, value, from);
            from_number(value)
        }))
    }

    fn note(&mut self, name: &str, value: f64, from: String) {
        if !self.asked.iter().any(|(known, _, _)| known == name) {
            self.asked.push((name.to_owned(), value, from));
        }
    }

    /// What was asked, in a line: `layers = 12 (12 blocks in h.*), std = 0.02 (the recipe's default)`.
    pub fn line(&self) -> String {
        let one = |(name, value, from): &(String, f64, String)| {
            let value = choice::word(&from_number(*value));
            if from.is_empty() { format!("{name} = {value}") } else { format!("{name} = {value} ({from})") }
        };
        self.asked.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
