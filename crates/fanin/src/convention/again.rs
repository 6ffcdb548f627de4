//! Parts of a model that may stand in it under a second name: as many tensors of the same names and shapes as another part has.
//!
//! A file cannot tell one module that is registered twice from two of one build, as two towers are, so this is only asked.

use super::names::{Names, stem};
use super::order::unnumbered;
use crate::doubt::{About, Doubt};
use crate::kernel::mixed::mix;
use crate::param::Param;
use crate::stream::name_hash;
use std::collections::{BTreeMap, BTreeSet};

/// Parts stand near the top: in none of this many modules of modules.
const DEEP: usize = 6;
/// A part has layers; these many tensors at least.
const PART: usize = 12;
/// A block has its weight and a norm at least.
const BLOCK: usize = 3;
/// From so many kinds of blocks on it is no chance that one part has all those of the others.
const KINDS: usize = 3;

/// What a module holds, whatever it is called.
#[derive(Default)]
struct Module {
    /// Of the names and shapes in it, in any order.
    print: u64,
    count: usize,
    /// The first tensor.
    first: usize,
    /// Whether numbered modules are in it.
    listed: bool,
    /// Whether anything in it has several dimensions.
    multiplies: bool,
}

type Modules<'a> = BTreeMap<&'a str, Module>;

/// Asks of every part that has the names and shapes of an earlier one whether it is that one.
pub(super) fn ask(params: &mut [Param], names: &Names) {
    let modules = modules(names);
    let mut same: BTreeMap<(u64, usize), Vec<&str>> = BTreeMap::new();
    for (path, module) in modules.iter().filter(|(_, module)| module.count >= BLOCK) {
        same.entry((module.print, module.count)).or_default().push(*path);
    }
    for alike in same.values_mut() {
        alike.sort_by_key(|path| modules[path].first);
    }
    let mut pairs = towers(&modules, &same);
    pairs.extend(covered(&modules, &same));
    pairs.extend(handed(&modules));
    let pairs: BTreeMap<&str, &str> = pairs.into_iter().collect();
    for (index, param) in params.iter_mut().enumerate() {
        let full = names.name(index).full;
        let pair = prefixes(full).find_map(|module| pairs.get_key_value(module));
        let Some((part, other)) = pair else { continue };
        if param.role.value.is_kept() || param.place.tied.is_some() {
            continue;
        }
        let bare = |module: &str| module.trim_end_matches(['.', '/']).to_owned();
        let what = format!("whether `{}` is `{}` under a second name", bare(part), bare(other));
        let doubt = Doubt::new(About::Tie, what, "taken as a part of its own", format!("tied:{other}*"));
        param.place.doubts.push(doubt.of_all(part));
    }
}

/// The modules that a tensor is in, from the top.
fn prefixes(full: &str) -> impl Iterator<Item = &str> {
    full.match_indices(['.', '/']).take(DEEP).map(|(at, _)| &full[..=at])
}

fn modules<'a>(names: &Names<'a>) -> Modules<'a> {
    let mut modules = Modules::new();
    for index in 0..names.len() {
        let full = names.name(index).full;
        let shape = names.shape(index).iter().fold(1, |hash, &size| mix(hash ^ size));
        for path in prefixes(full) {
            let rest = &full[path.len()..];
            let module = modules.entry(path).or_insert(Module { first: index, ..Module::default() });
            module.print = module.print.wrapping_add(mix(name_hash(rest) ^ shape));
            module.count += 1;
            let number = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
            module.multiplies |= names.shape(index).len() >= 2;
            module.listed |= stem(rest).split(['.', '/']).any(number);
        }
    }
    modules
}

/// Whole towers of one build and name, of which one stands beside the parts of the model and the others in these parts.
fn towers<'a>(modules: &Modules<'a>, same: &BTreeMap<(u64, usize), Vec<&'a str>>) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    for alike in same.values() {
        let Some((first, others)) = alike.split_first() else { continue };
        if !modules[first].listed || modules[first].count < PART {
            continue;
        }
        let within =
            |outer: &str, inner: &str| inner.strip_suffix(outer).is_some_and(|front| front.ends_with(['.', '/']));
        let apart = |other: &&&str| unnumbered(other) != unnumbered(first) && !other.starts_with(first);
        let named = |other: &&&str| within(first, other) || within(other, first);
        pairs.extend(others.iter().filter(apart).filter(named).map(|other| (*other, *first)));
    }
    pairs
}

/// Parts that have nothing of their own: all their blocks stand elsewhere, too, under other names and in other places.
fn covered<'a>(modules: &Modules<'a>, same: &BTreeMap<(u64, usize), Vec<&'a str>>) -> Vec<(&'a str, &'a str)> {
    let tops = modules.iter().filter(|(path, module)| path.matches(['.', '/']).count() == 1 && module.count >= PART);
    let mut pairs = Vec::new();
    for (part, module) in tops {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let (mut count, mut kinds) = (0, BTreeSet::new());
        for (path, block) in modules.range::<&str, _>(*part..).skip(1).take_while(|(path, _)| path.starts_with(part)) {
            if block.count < BLOCK || found.last().is_some_and(|(last, _)| path.starts_with(last)) {
                continue;
            }
            let alike = &same[&(block.print, block.count)];
            let (own, others): (Vec<&str>, Vec<&str>) = alike.iter().partition(|other| other.starts_with(part));
            let at = own.iter().position(|other| other == path).unwrap_or_default();
            if let Some(other) = others.get(at).filter(|_| others.len() >= own.len()) {
                found.push((*path, *other));
                count += block.count;
                kinds.insert(block.print);
            }
        }
        if count == module.count && kinds.len() >= KINDS {
            pairs.extend(found);
        }
    }
    pairs
}

/// What is handed to all blocks of a stage: `blocks2.0.attn.place` has the tensors of `place2` at the top.
fn handed<'a>(modules: &Modules<'a>) -> Vec<(&'a str, &'a str)> {
    let digits = |word: &'a str| &word[word.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
    let mut pairs = Vec::new();
    for (path, module) in modules.iter().filter(|(_, module)| module.multiplies) {
        let Some((around, own)) = path.trim_end_matches(['.', '/']).rsplit_once(['.', '/']) else { continue };
        let separator = &path[path.len() - 1..];
        let stages = around.split(['.', '/']).map(digits).filter(|digits| !digits.is_empty());
        for stage in stages {
            let other = modules.get_key_value(format!("{own}{stage}{separator}").as_str());
            let same = |other: &Module| other.print == module.print && other.count == module.count;
            if let Some((other, _)) = other.filter(|(_, other)| same(other) && digits(own).is_empty()) {
                pairs.push((*path, *other));
                break;
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use crate::convention::{Tensor, params};
    use crate::dtype::Dtype;
    use crate::plan::{Action, Options, plan};
    use crate::recipe::Recipe;

    /// A module's name, and the names and shapes of its tensors.
    type Module<'a> = (&'a str, &'a [(&'a str, &'a [u64])]);

    fn tensors(modules: &[Module]) -> Vec<Tensor> {
        let of = |(module, inside): &(&str, &[(&str, &[u64])])| {
            inside
                .iter()
                .map(|(name, shape)| (format!("{module}.{name}"), shape.to_vec(), Dtype::F32))
                .collect::<Vec<_>>()
        };
        modules.iter().flat_map(of).collect()
    }

    const LAYER: &[(&str, &[u64])] =
        &[("norm.weight", &[16]), ("norm.bias", &[16]), ("fc1.weight", &[64, 16]), ("fc2.weight", &[16, 64])];

    fn questions(tensors: &[Tensor], says: &[&str]) -> (Vec<String>, usize) {
        let says = says.iter().map(|say| say.parse().unwrap()).collect();
        let options = Options { says, ..Options::default() };
        let plan = plan(&params(tensors), &Recipe::named("torch").unwrap(), &options).unwrap();
        let tied = plan.decisions.iter().filter(|decision| matches!(decision.action, Action::Tie(_))).count();
        let asked = plan.unsure.iter().filter(|question| question.what.contains("second name"));
        (asked.map(|question| format!("{} {}", question.names.len(), question.settle)).collect(), tied)
    }

    #[test]
    fn two_towers_of_one_build_are_asked_about_once() {
        let layers = |tower: &str| (0..3).map(|n| format!("{tower}.layers.{n}")).collect::<Vec<_>>();
        let names: Vec<String> = [layers("text"), layers("pair.text"), layers("twin"), layers("other")].concat();
        let mut found = tensors(&names.iter().map(|name| (name.as_str(), LAYER)).collect::<Vec<_>>());
        // A twin of another name, and what has one more layer, are towers of their own.
        found.push(("other.layers.3.fc1.weight".to_owned(), vec![64, 16], Dtype::F32));
        let say = "pair.text.*=tied:text.*";
        assert_eq!(questions(&found, &[]), (vec![format!("12 --say '{say}'")], 0));
        assert_eq!(questions(&found, &[say]), (Vec::new(), 12));
        // Numbered towers are towers of a list.
        let names: Vec<String> = [layers("a.0"), layers("a.1")].concat();
        let found = tensors(&names.iter().map(|name| (name.as_str(), LAYER)).collect::<Vec<_>>());
        assert_eq!(questions(&found, &[]), (Vec::new(), 0));
    }

    #[test]
    fn what_every_block_of_a_stage_has_is_asked_about() {
        let place: &[(&str, &[u64])] = &[("proj.weight", &[16, 1, 3, 3]), ("proj.bias", &[16])];
        let norm: &[(&str, &[u64])] = &[("weight", &[16]), ("bias", &[16])];
        let modules = [("place2", place), ("norm2", norm), ("blocks2.0.place", place), ("blocks2.0.norm", norm)];
        let more = [("blocks2.1.attn.place", place), ("blocks1.0.place", place)];
        let (asked, _) = questions(&tensors(&[&modules[..], &more[..]].concat()), &[]);
        let expected = ["0.place.*", "1.attn.place.*"];
        assert_eq!(asked, expected.map(|part| format!("2 --say 'blocks2.{part}=tied:place2.*'")));
    }

    #[test]
    fn a_part_that_has_only_the_blocks_of_others_is_asked_about_block_by_block() {
        let down: &[(&str, &[u64])] = &[("conv.weight", &[32, 16, 3, 3]), ("norm.weight", &[32]), ("norm.bias", &[32])];
        let middle: &[(&str, &[u64])] =
            &[("conv.weight", &[64, 32, 3, 3]), ("norm.weight", &[64]), ("norm.bias", &[64])];
        let up: &[(&str, &[u64])] = &[("conv.weight", &[32, 64, 3, 3]), ("norm.weight", &[32]), ("norm.bias", &[32])];
        let last: &[(&str, &[u64])] = &[("conv.weight", &[16, 32, 3, 3]), ("norm.weight", &[16]), ("norm.bias", &[16])];
        let mut modules = vec![
            ("downs.0", down),
            ("bottom", middle),
            ("ups.0", up),
            ("ups.1", last),
            ("skips.down", down),
            ("skips.next.next", middle),
            ("skips.next.up", up),
            ("skips.up", last),
        ];
        let (asked, _) = questions(&tensors(&modules), &[]);
        let expected =
            ["down.*=tied:downs.0.*", "next.next.*=tied:bottom.*", "next.up.*=tied:ups.0.*", "up.*=tied:ups.1.*"];
        assert_eq!(asked, expected.map(|say| format!("3 --say 'skips.{say}'")));
        // With something of its own it is a part of its own.
        modules.push(("skips.own", &[("conv.weight", &[5, 5, 1, 1])]));
        assert_eq!(questions(&tensors(&modules), &[]).0, Vec::<String>::new());
    }
}
