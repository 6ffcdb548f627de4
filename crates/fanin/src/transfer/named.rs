//! Pairs by names: equal ones, those behind wrappers, and those that follow from a name: experts, further blocks, adapters.

use super::fits::{ligo, lora};
use super::pair::Pairing;
use super::rename::{self, Prefixes};
use super::{Deeper, Found, Relation, Wider};
use crate::param::Param;
use crate::site::Site;
use std::collections::BTreeMap;

/// More blocks than any model has.
const MOST_BLOCKS: u64 = 1 << 16;

/// What goes in front of a name: the prefixes that the source has, the one that the model has, and the source's names.
struct Index {
    owns: Vec<String>,
    bare: String,
    names: BTreeMap<String, usize>,
}

impl Index {
    fn at(&self, own: &str, name: &str) -> Option<usize> {
        self.names.get(&format!("{own}{name}")).copied()
    }

    /// The first of the source's prefixes behind which it has this name.
    fn find(&self, name: &str) -> Option<usize> {
        self.owns.iter().find_map(|own| self.at(own, name)).or_else(|| self.at("", name))
    }

    fn stripped<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.bare.as_str()).unwrap_or(name)
    }
}

/// A name with the number of its block: what stands in front of it, the number, and the rest.
struct Numbered<'n> {
    front: &'n str,
    number: u64,
    rest: &'n str,
}

impl Numbered<'_> {
    fn with(&self, number: u64) -> String {
        format!("{}{number}{}", self.front, self.rest)
    }
}

impl Pairing<'_> {
    /// Equal names, those of wrappers taken off.
    pub(super) fn by_name(&mut self) {
        let index = self.index();
        for (target, tensor) in self.chain_ends(&index) {
            self.give(target, Found::one(tensor, "the last layer of the chain"));
        }
        let mut given = Vec::new();
        for target in (0..self.targets.len()).filter(|&target| self.open(target)) {
            given.extend(self.named(target, &index).map(|found| (target, found)));
        }
        for (target, found) in given {
            self.give(target, found);
        }
    }

    fn index(&self) -> Index {
        let listed: Vec<(&str, &[u64])> =
            self.targets.iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
        let shapes = self.source.params.iter().map(|param| param.shape.as_slice());
        let theirs: Vec<(&str, &[u64])> = self.names.iter().map(String::as_str).zip(shapes).collect();
        let (owns, bare) = match rename::prefixes(&theirs, &listed) {
            Prefixes::One(own, theirs) => (vec![own], theirs),
            Prefixes::Several(owns) => (owns, String::new()),
        };
        Index { owns, bare, names: self.names.iter().cloned().zip(0..).collect() }
    }

    fn named(&self, target: usize, index: &Index) -> Option<Found> {
        let full = self.targets[target].name.as_str();
        // A tensor that several parameters share has its own name before the `@`.
        let plain = full.split_once('@').map_or(full, |(plain, _)| plain);
        let name = index.stripped(plain);
        // A prefix may make the name of an adapted layer that of the plain one; they are not the same.
        let same = index.names.contains_key(plain);
        let adapter = || Self::adapter(plain, index).filter(|_| !same);
        if let Some(found) = adapter().or_else(|| self.spread(target, name, index)) {
            return Some(found);
        }
        let mut hits: Vec<(usize, &str)> = Vec::new();
        for name in [full, plain] {
            if hits.is_empty() {
                let at = |own: &String| index.at(own, index.stripped(name));
                hits.extend(index.owns.iter().filter_map(|own| Some((at(own)?, own.as_str()))));
            }
            if hits.is_empty() {
                hits.extend(index.names.get(name).map(|&tensor| (tensor, "")));
            }
        }
        match hits[..] {
            [] => self.derived(target, name, index),
            // A chain that is longer has another layer under the number of the source's last one.
            [(tensor, _)] if self.is_head(target) != self.is_source_head(tensor) && self.both_have_heads() => {
                self.derived(target, name, index)
            }
            [(tensor, _)] if self.used.contains(&tensor) => self.derived(target, name, index),
            [(tensor, own)] => Some(self.with_next(target, name, index, tensor, self.how(tensor, own, &index.bare))),
            _ => Some(Found::Several(hits.iter().map(|(tensor, _)| *tensor).collect())),
        }
    }

    /// The output layer of a chain that is to be deeper, with the last layer of a source that has no graph to say so.
    fn chain_ends(&self, index: &Index) -> Vec<(usize, usize)> {
        if self.options.deeper != Deeper::Net2net || (0..self.names.len()).any(|tensor| self.is_source_head(tensor)) {
            return Vec::new();
        }
        let heads = (0..self.targets.len()).filter(|&target| self.open(target) && self.is_head(target));
        let end = |target: usize| {
            let numbered = last_number(index.stripped(&self.targets[target].name))?;
            let last = Self::blocks(&numbered, index).checked_sub(1).filter(|&last| last < numbered.number)?;
            let tensor = index.find(&numbered.with(last))?;
            (self.source.params[tensor].shape == self.targets[target].shape).then_some((target, tensor))
        };
        heads.filter_map(end).collect()
    }

    fn is_head(&self, target: usize) -> bool {
        self.targets[target].sites() == [Site::Head]
    }

    fn is_source_head(&self, tensor: usize) -> bool {
        self.source.params[tensor].sites() == [Site::Head]
    }

    fn both_have_heads(&self) -> bool {
        let is_head = |param: &Param| param.sites() == [Site::Head];
        self.targets.iter().any(is_head) && self.source.params.iter().any(is_head)
    }

    fn how(&self, tensor: usize, own: &str, bare: &str) -> String {
        if self.names[tensor] != self.source.params[tensor].name {
            return "renamed by --map".to_owned();
        }
        match (own, bare) {
            ("", "") => "the same name".to_owned(),
            (own, "") => format!("the same name behind `{own}`"),
            ("", bare) => format!("the same name without `{bare}`"),
            (own, bare) => format!("the same name, `{own}` for `{bare}`"),
        }
    }

    /// The name with the number of its block.
    fn numbered<'n>(&self, target: usize, name: &'n str) -> Option<Numbered<'n>> {
        let full = &self.targets[target].name;
        let tower = &self.targets[target].place.block.as_ref()?.value.tower;
        let prefix = tower.split('*').next()?;
        let end = full.find(prefix)? + prefix.len();
        // What was taken off in front, or behind the `@`, is not in the name.
        let cut = end.checked_sub(full.find(name)?)?;
        let (front, rest) = (name.get(..cut)?, name.get(cut..)?);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(Numbered { front, number: rest[..digits].parse().ok()?, rest: &rest[digits..] })
    }

    /// How many blocks the source has with this parameter.
    fn blocks(numbered: &Numbered<'_>, index: &Index) -> u64 {
        (0..MOST_BLOCKS).take_while(|&number| index.find(&numbered.with(number)).is_some()).count() as u64
    }

    /// How many blocks the model has with it.
    fn own_blocks(&self, numbered: &Numbered<'_>, index: &Index) -> u64 {
        let prefixed = |number| format!("{}{}", index.bare, numbered.with(number));
        let has = |name: &String| {
            self.targets
                .iter()
                .any(|param| param.name == *name || param.name.split_once('@').is_some_and(|(plain, _)| plain == name))
        };
        (0..MOST_BLOCKS).take_while(|&number| has(&prefixed(number)) || has(&numbered.with(number))).count() as u64
    }

    /// A block where all of the source's are spread over more.
    fn spread(&self, target: usize, name: &str, index: &Index) -> Option<Found> {
        if !matches!(self.options.deeper, Deeper::Interleave | Deeper::Blend) {
            return None;
        }
        let numbered = self.numbered(target, name)?;
        let (from, to) = (Self::blocks(&numbered, index), self.own_blocks(&numbered, index));
        if from == 0 || to <= from {
            return None;
        }
        let tensor = |number: u64| index.find(&numbered.with(number));
        if self.options.deeper == Deeper::Interleave {
            let at = ligo::nearest(numbered.number, from, to);
            let how = format!("block {at} of {from}, repeated in its place");
            let relation = if at == numbered.number { Relation::Own } else { Relation::Further };
            return Some(Found::Tensors { tensors: vec![tensor(at)?], how, relation });
        }
        let (low, high, part) = ligo::between(numbered.number, from, to);
        if part == 0.0 {
            return Some(Found::one(tensor(low)?, format!("block {low} of {from}")));
        }
        let how = format!("{:.3} of block {low} and {part:.3} of block {high}", 1.0 - part);
        Some(Found::Tensors { tensors: vec![tensor(low)?, tensor(high)?], how, relation: Relation::Between(part) })
    }

    /// A parameter with that of the next block, where new units are those.
    fn with_next(&self, target: usize, name: &str, index: &Index, tensor: usize, how: String) -> Found {
        let wider = self.options.wider == Wider::Aki && self.source.params[tensor].shape != self.targets[target].shape;
        let numbered = self.numbered(target, name).filter(|_| wider);
        let next = numbered.and_then(|numbered| index.find(&numbered.with(numbered.number + 1)));
        match next {
            Some(next) => Found::Tensors { tensors: vec![tensor, next], how, relation: Relation::Next },
            None => Found::one(tensor, how),
        }
    }

    /// A part of an adapted layer, of a source that has the plain one.
    fn adapter(full: &str, index: &Index) -> Option<Found> {
        if let Some((part, base)) = lora::adapted(full) {
            let tensor = index.find(index.stripped(&base)).or_else(|| index.find(&base))?;
            let how = format!("of the weight that it adapts, `{base}`");
            return Some(Found::Tensors { tensors: vec![tensor], how, relation: Relation::Adapted(part) });
        }
        let (front, leaf) = full.split_once(".base_layer.")?;
        let bare = format!("{}.{leaf}", front.strip_prefix("base_model.model.").unwrap_or(front));
        Some(Found::one(index.find(&bare)?, "the layer that is adapted"))
    }

    /// What has no tensor of its own name: an expert, a parameter of a block that the source does not have.
    fn derived(&self, target: usize, name: &str, index: &Index) -> Option<Found> {
        if let Some(dense) = without_expert(name)
            && let Some(tensor) = index.find(&dense)
        {
            return Some(Found::one(tensor, format!("every expert starts as `{dense}`")));
        }
        if !matches!(self.options.deeper, Deeper::Stack | Deeper::Silent) {
            return None;
        }
        let numbered = self.numbered(target, name)?;
        let count = Self::blocks(&numbered, index);
        let repeated = numbered.number.checked_rem(count)?;
        let how = format!("block {repeated} of {count}, stacked");
        let tensor = index.find(&numbered.with(repeated))?;
        Some(Found::Tensors { tensors: vec![tensor], how, relation: Relation::Further })
    }
}

/// A name with the last number in it.
fn last_number(name: &str) -> Option<Numbered<'_>> {
    let mut end = name.len();
    for part in name.rsplit('.') {
        let start = end - part.len();
        if let (true, Ok(number)) = (part.bytes().all(|b| b.is_ascii_digit()), part.parse()) {
            return Some(Numbered { front: &name[..start], number, rest: &name[end..] });
        }
        end = start.saturating_sub(1);
    }
    None
}

/// A name without the number of its expert: `mlp.experts.3.up.weight` was `mlp.up.weight`.
fn without_expert(name: &str) -> Option<String> {
    let (front, rest) = name.split_once("experts.")?;
    let digits = rest.find('.').filter(|&at| rest[..at].bytes().all(|b| b.is_ascii_digit()));
    Some(format!("{front}{}", digits.map_or(rest, |at| &rest[at + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_name_is_found() {
        let parts = |name| last_number(name).map(|n| (n.front, n.number, n.rest));
        assert_eq!(parts("net.0.layers.12.weight"), Some(("net.0.layers.", 12, ".weight")));
        assert_eq!(parts("3"), Some(("", 3, "")));
        assert_eq!(parts("fc1.weight"), None);
        assert_eq!(parts("a..b"), None);
    }

    #[test]
    fn experts_are_named_like_what_they_copy() {
        assert_eq!(without_expert("h.0.mlp.experts.12.up.weight").as_deref(), Some("h.0.mlp.up.weight"));
        assert_eq!(without_expert("h.0.mlp.experts.up").as_deref(), Some("h.0.mlp.up"));
        assert_eq!(without_expert("h.0.mlp.up"), None);
    }
}
