//! Blocks from names: modules that differ in a number only and hold the same weights.

use super::Found;
use crate::site::Block;
use std::collections::{BTreeMap, BTreeSet};

/// Digits of a block's number; longer ones are ids.
const LONGEST: usize = 6;
/// Numbers of a name that are looked at, from its start.
const MOST: usize = 8;

/// A number in a name.
#[derive(Clone, Copy)]
struct Number {
    value: u64,
    end: usize,
    /// Whether it stands alone between separators: `layers.3.`, but not `layer_3.`.
    alone: bool,
}

/// A name with the numbers in it.
struct Parsed<'a> {
    name: &'a str,
    /// The name with every number replaced by `*`, and for each number where the pattern ends behind it.
    pattern: String,
    ends: Vec<usize>,
    numbers: Vec<Number>,
    is_matrix: bool,
}

impl<'a> Parsed<'a> {
    fn new((name, is_matrix): (&'a str, bool)) -> Parsed<'a> {
        let bytes = name.as_bytes();
        let (mut pattern, mut ends, mut numbers) = (String::new(), Vec::new(), Vec::new());
        let mut at = 0;
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if run == 0 {
                let text = bytes[at..].iter().take_while(|b| !b.is_ascii_digit()).count();
                pattern.push_str(&name[at..at + text]);
                at += text;
                continue;
            }
            let end = at + run;
            if run <= LONGEST && numbers.len() < MOST {
                let separator = |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'.' | b'/'));
                let alone = separator(at.checked_sub(1).and_then(|i| bytes.get(i))) && separator(bytes.get(end));
                let value = name[at..end].parse().unwrap_or(0);
                pattern.push('*');
                ends.push(pattern.len());
                numbers.push(Number { value, end, alone });
            } else {
                pattern.push_str(&name[at..end]);
            }
            at = end;
        }
        Parsed { name, pattern, ends, numbers, is_matrix }
    }

    fn tower(&self, level: usize) -> &str {
        &self.pattern[..self.ends[level]]
    }

    fn tuple(&self, level: usize) -> Vec<u64> {
        self.numbers[..=level].iter().map(|number| number.value).collect()
    }

    fn rest(&self, level: usize) -> &str {
        &self.name[self.numbers[level].end..]
    }
}

/// Everything under one pattern: from the numbers of an item to the matrices in it, by what follows the number.
type Items<'a> = BTreeMap<Vec<u64>, BTreeSet<&'a str>>;

/// The block of each tensor, given as its name and whether it is a weight of several dimensions.
pub(super) fn find(tensors: &[(&str, bool)]) -> Vec<Option<Found>> {
    let parsed: Vec<Parsed> = tensors.iter().map(|tensor| Parsed::new(*tensor)).collect();
    let mut towers: BTreeMap<&str, Items> = BTreeMap::new();
    for name in parsed.iter().filter(|name| name.is_matrix) {
        for level in 0..name.numbers.len() {
            let items = towers.entry(name.tower(level)).or_default();
            items.entry(name.tuple(level)).or_default().insert(name.rest(level));
        }
    }
    // Experts are alike too, but stand side by side in one block.
    let alike: BTreeMap<&str, BTreeSet<&Vec<u64>>> =
        towers.iter().filter(|(tower, _)| !is_expert(tower)).map(|(tower, items)| (*tower, alike(items))).collect();
    let stages = stages(&towers, &alike);
    let level = |name: &Parsed| {
        let holds = |level: &usize| {
            let tower = name.tower(*level);
            !stages.contains(tower) && alike.get(tower).is_some_and(|alike| alike.contains(&name.tuple(*level)))
        };
        let all = 0..name.numbers.len();
        all.clone().filter(|&i| name.numbers[i].alone).find(holds).or_else(|| all.clone().find(holds))
    };
    let found: Vec<Option<Found>> = parsed
        .iter()
        .map(|name| {
            let level = level(name)?;
            let (tower, tuple) = (name.tower(level), name.tuple(level));
            let members = &alike[tower];
            let number = members.iter().position(|member| **member == tuple)? as u64 + 1;
            let block = Block { tower: tower.to_owned(), number, of: members.len() as u64 };
            Some(Found { block, prefix: name.numbers[level].end })
        })
        .collect();
    if found.iter().all(Option::is_none) { alone(&parsed, &towers) } else { found }
}

/// The items of a pattern that are blocks: two of them share two matrices or more, and all others that hold as many stand
/// in the same row, since blocks of several kinds may take turns.
fn alike<'a>(items: &'a Items) -> BTreeSet<&'a Vec<u64>> {
    let all: Vec<_> = items.iter().collect();
    if among(&all).is_empty() {
        return BTreeSet::new();
    }
    items.iter().filter(|(_, rests)| rests.len() >= 2).map(|(tuple, _)| tuple).collect()
}

/// Those of some items that share two matrices or more with another of them.
fn among<'a>(items: &[(&'a Vec<u64>, &BTreeSet<&str>)]) -> Vec<&'a Vec<u64>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rest in items.iter().flat_map(|(_, rests)| rests.iter()) {
        *counts.entry(rest).or_default() += 1;
    }
    let is_alike = |rests: &BTreeSet<&str>| rests.iter().filter(|rest| counts[**rest] > 1).count() >= 2;
    items.iter().filter(|(_, rests)| is_alike(rests)).map(|(tuple, _)| *tuple).collect()
}

fn is_expert(tower: &str) -> bool {
    tower.rsplit(['.', '/']).nth(1).is_some_and(|word| word.contains("expert"))
}

/// The patterns whose items hold several alike items each: the stages of a network in stages, not its blocks.
fn stages<'a>(towers: &BTreeMap<&'a str, Items>, alike: &BTreeMap<&'a str, BTreeSet<&Vec<u64>>>) -> BTreeSet<&'a str> {
    let alone = |pattern: &str| pattern.ends_with(".*") || pattern.ends_with("/*") || pattern == "*";
    let is_tower = |pattern: &str| alike.get(pattern).is_some_and(|items| !items.is_empty());
    let mut stages = BTreeSet::new();
    for inner in alike.keys().filter(|inner| is_tower(inner)) {
        let items: Vec<_> = towers[inner].iter().collect();
        let ends = inner.match_indices('*').map(|(at, _)| &inner[..=at]);
        for (level, outer) in ends.enumerate().filter(|(_, outer)| outer.len() < inner.len() && is_tower(outer)) {
            // `attn1` and `attn2` in one block are alike as well: where blocks have a number of their own, so must what is
            // in them.
            let mut within = items.chunk_by(|(a, _), (b, _)| a[..=level] == b[..=level]);
            if (alone(inner) || !alone(outer)) && within.any(|items| !among(items).is_empty()) {
                stages.insert(outer);
            }
        }
    }
    stages
}

/// A model of one block: the outermost number that stands alone, is 0, and holds three matrices or more.
fn alone(parsed: &[Parsed], towers: &BTreeMap<&str, Items>) -> Vec<Option<Found>> {
    let single = |name: &Parsed, level: &usize| {
        let items = towers.get(name.tower(*level));
        let own = items.filter(|items| items.len() == 1).and_then(|items| items.get(&name.tuple(*level)));
        let number = name.numbers[*level];
        number.alone && number.value == 0 && own.is_some_and(|rests| rests.len() >= 3)
    };
    let of = |name: &Parsed| {
        let level = (0..name.numbers.len()).find(|level| single(name, level))?;
        let block = Block { tower: name.tower(level).to_owned(), number: 1, of: 1 };
        Some(Found { block, prefix: name.numbers[level].end })
    };
    parsed.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[String]) -> Vec<String> {
        let tensors: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), !name.ends_with("bias"))).collect();
        let found = find(&tensors);
        found.iter().map(|found| found.as_ref().map_or("none".to_owned(), |found| found.block.to_string())).collect()
    }

    /// Every name that comes out when each `{a,b}` stands for one of its words.
    fn expand(pattern: &str) -> Vec<String> {
        let Some((before, rest)) = pattern.split_once('{') else { return vec![pattern.to_owned()] };
        let (words, after) = rest.split_once('}').unwrap();
        let tails = expand(after);
        words.split(',').flat_map(|word| tails.iter().map(move |tail| format!("{before}{word}{tail}"))).collect()
    }

    fn all(patterns: &[&str]) -> Vec<String> {
        read(&patterns.iter().flat_map(|pattern| expand(pattern)).collect::<Vec<_>>())
    }

    #[test]
    fn blocks_are_numbered_modules_with_the_same_weights() {
        let found = all(&["wte.weight", "h.{0,1,10}.{attn,mlp}.{weight,bias}", "head.weight"]);
        assert_eq!(found[0], "none");
        assert_eq!(found[1], "1 of 3 in h.*");
        assert_eq!(found[12], "3 of 3 in h.*");
        assert_eq!(found[13], "none");
    }

    #[test]
    fn stages_of_blocks_are_one_tower() {
        let found = all(&["conv1.weight", "layer{1,2,3}.{0,1}.{conv1,conv2}.weight", "layer2.0.downsample.0.weight"]);
        assert_eq!(found[1], "1 of 6 in layer*.*");
        assert_eq!(found[12], "6 of 6 in layer*.*");
        assert_eq!(found[13], "3 of 6 in layer*.*", "a shortcut belongs to its block");
        let found = all(&["layers.{0,1}.blocks.{0,1}.{qkv,fc1}.weight", "layers.0.downsample.weight"]);
        assert_eq!(found[7], "4 of 4 in layers.*.blocks.*");
        assert_eq!(found[8], "none");
    }

    #[test]
    fn what_is_alike_within_a_block_is_not_a_block() {
        let found = all(&["layers.{0,1}.{q,k}.weight", "layers.{0,1}.moe.experts.{0,1,2}.{w1,w2}.weight"]);
        assert!(found.iter().all(|block| block.ends_with("of 2 in layers.*")), "{found:?}");
        let found = all(&["blocks.{0,1}.{attn1,attn2}.{q,k}.weight"]);
        assert!(found.iter().all(|block| block.ends_with("of 2 in blocks.*")), "{found:?}");
        let found = all(&["enc.block.{0,1}.layer.{0.att.q,0.att.k,1.ff.wi,1.ff.wo}.weight"]);
        assert!(found.iter().all(|block| block.ends_with("of 2 in enc.block.*")), "{found:?}");
    }

    #[test]
    fn blocks_of_several_kinds_may_take_turns() {
        let found = all(&["h.{0,2}.{attn,mlp}.weight", "h.1.{mixer,mlp_gate}.weight", "h.3.weight"]);
        assert_eq!(found[..6].iter().filter(|block| block.ends_with("of 3 in h.*")).count(), 6, "{found:?}");
        assert_eq!(found[6], "none");
    }

    #[test]
    fn numbers_may_be_part_of_words() {
        let found = all(&["conv{2,3}_block{1,2}_{1_conv,2_conv}/kernel", "top/kernel"]);
        assert_eq!(found[7], "4 of 4 in conv*_block*");
        let found = all(&["encoder_layer_{0,1}.{mlp.0,mlp.3,attn}.weight"]);
        assert_eq!(found[5], "2 of 2 in encoder_layer_*");
    }

    #[test]
    fn layers_of_one_weight_are_no_blocks() {
        assert!(all(&["features.{0,2,5}.weight"]).iter().all(|block| block == "none"));
        assert!(all(&["fc{1,2,3}.weight"]).iter().all(|block| block == "none"));
        assert_eq!(all(&["h.0.{q,k,v}.weight"])[0], "1 of 1 in h.*");
        assert!(all(&["{a,b}99999999999999999999999.{x,y}.weight"]).iter().all(|block| block == "none"));
    }
}
