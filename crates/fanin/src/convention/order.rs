//! What the order of a file and its tensors together show: which weights come first, which layout its kernels have.

use super::groups::{counted, groups, next};
use super::names::{Name, Names, stem};
use super::{behind, embedding};
use std::collections::{BTreeMap, BTreeSet};

/// How many modules around a tensor are asked for the layout of their weights.
const AROUND: usize = 8;

/// Signs that belong to the whole file.
#[derive(Default)]
pub(super) struct Order<'a> {
    /// The convolutions that read a picture or a sound of one channel, which have the shape of depthwise ones.
    pub(super) gray: BTreeSet<usize>,
    /// Whether kernels are `[out, field…, in]`.
    pub(super) channels_last: bool,
    /// For each kernel of a convolution in torch's layout, how many groups it has.
    groups: Vec<u64>,
    /// What the kernels of Keras' layout make.
    pub(super) kernels_make: BTreeSet<u64>,
    /// Whether one of them reads several channels that none of them makes: the model's input.
    pub(super) kernels_read: bool,
    /// The kernels that a norm behind them shows to be transposed.
    pub(super) grown: BTreeSet<usize>,
    /// For each tensor the weight before it.
    pub(super) before: Vec<Option<usize>>,
    /// For each module how many more of its linear weights are `[in, out]` than `[out, in]`.
    inputs_first: BTreeMap<&'a str, i64>,
}

impl<'a> Order<'a> {
    pub(super) fn new(names: &Names<'a>) -> Order<'a> {
        let (order, sorted) = reading_order(names);
        let before = before(names, &order);
        let channels = Channels::new(names);
        let groups = groups(names, &order, &before, &channels);
        let gray = if sorted { channels.gray(names).into_iter().collect() } else { grays(names, &order, &before) };
        let is_kernel = |&index: &usize| names.name(index).last.ends_with("kernel") && names.shape(index).len() >= 3;
        let kernels = (0..names.len()).filter(is_kernel);
        let kernels: Vec<usize> = kernels.collect();
        let kernels_make: BTreeSet<u64> = kernels.iter().filter_map(|&index| kernel_makes(names, index)).collect();
        let kernels_read = kernels.iter().any(|&index| match names.shape(index) {
            [_, .., inner, _] => *inner > 1 && !kernels_make.contains(inner),
            _ => false,
        });
        let (channels_last, inputs_first) = (channels_last(names), inputs_first(names));
        let grown = behind::transposed(names, &order);
        Order { gray, channels_last, groups, kernels_make, kernels_read, grown, before, inputs_first }
    }

    /// How many groups a kernel of torch has, as the weight before it shows: 1 where nothing tells.
    pub(super) fn groups(&self, index: usize) -> u64 {
        self.groups.get(index).copied().unwrap_or(1)
    }

    /// More than 0 if the linear weights of the nearest module around `name` that shows it are `[in, out]`; the whole file
    /// is asked last, and only if `at_top`.
    pub(super) fn votes(&self, name: &str, at_top: bool) -> i64 {
        let mut module = stem(name);
        for _ in 0..AROUND {
            if module.is_empty() && !at_top {
                return 0;
            }
            if let Some(&votes) = self.inputs_first.get(module).filter(|votes| **votes != 0) {
                return votes;
            }
            if module.is_empty() {
                return 0;
            }
            module = stem(module.trim_end_matches(['.', '/']));
        }
        if at_top { self.inputs_first.get("").copied().unwrap_or(0) } else { 0 }
    }
}

pub(super) fn is_weight(name: &Name) -> bool {
    matches!(name.last.as_str(), "weight" | "weight_v" | "weight_orig")
}

/// Matrices show their layout by a bias, or by being q, k and v together, which are three times as wide as their input.
fn inputs_first<'a>(names: &Names<'a>) -> BTreeMap<&'a str, i64> {
    let mut votes: BTreeMap<&str, i64> = BTreeMap::new();
    for index in 0..names.len() {
        let (name, shape) = (names.name(index), names.shape(index));
        let &[rows, columns] = shape else { continue };
        if !is_weight(&name) || rows == columns {
            continue;
        }
        let triple = |a: u64, b: u64| name.module.contains("attn") && a.checked_mul(3) == Some(b);
        let vote = match names.sibling(&name, "bias") {
            Some(&[n]) if n == columns => 1,
            Some(&[n]) if n == rows => -1,
            None if triple(rows, columns) => 1,
            None if triple(columns, rows) => -1,
            _ => continue,
        };
        let mut module = name.stem();
        for _ in 0..AROUND {
            *votes.entry(module).or_default() += vote;
            if module.is_empty() {
                break;
            }
            module = stem(module.trim_end_matches(['.', '/']));
        }
        if !module.is_empty() {
            *votes.entry("").or_default() += vote;
        }
    }
    votes
}

/// Square kernels show where the field is: `[out, in, 3, 3]` or `[out, 3, 3, in]`.
fn channels_last(names: &Names) -> bool {
    let (mut last, mut first) = (0i64, 0i64);
    for index in (0..names.len()).filter(|&index| is_weight(&names.name(index))) {
        match *names.shape(index) {
            [_, a, b, c] if b == c && a != b => first += 2,
            [_, a, b, c] if a == b && b != c => last += 2,
            // A kernel along one axis is shorter than its channels are many.
            [_, a, b] if a > 1 && b > 1 && b < a => first += 1,
            [_, a, b] if a > 1 && b > 1 && a < b => last += 1,
            _ => {}
        }
    }
    last > first
}

/// The tensors in the order of the model: that of the file, unless the file is sorted by name. Then it is by name, with
/// numbers as numbers, `layers.2` before `layers.10`; and whether the file is sorted.
fn reading_order(names: &Names) -> (Vec<usize>, bool) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let sorted = order.windows(2).all(|pair| names.original(pair[0]) < names.original(pair[1]));
    if sorted {
        order.sort_by_cached_key(|&index| natural(names.original(index)));
    }
    (order, sorted && names.len() > 1)
}

/// A name as text and numbers in turn.
fn natural(name: &str) -> Vec<(u128, &str)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - text);
        let number = rest[text..text + digits].parse().unwrap_or(u128::MAX);
        key.push((0, &rest[..text]));
        key.push((number, ""));
        rest = &rest[text + digits..];
    }
    key
}

fn before(names: &Names, order: &[usize]) -> Vec<Option<usize>> {
    let mut latest = None;
    let mut before = vec![None; names.len()];
    for &index in order {
        before[index] = latest;
        let name = names.name(index);
        let weighs = is_weight(&name) || name.last.ends_with("kernel");
        if weighs && names.is_float(index) && names.shape(index).len() >= 2 && !embedding::embeds(&name) {
            latest = Some(index);
        }
    }
    before
}

/// The channels that a kernel `[field…, in, out]` makes, or a depthwise one, `[field…, channels, 1]`; a cell makes its
/// hidden ones.
fn kernel_makes(names: &Names, index: usize) -> Option<u64> {
    let cell = names.name(index).last == "recurrent_kernel";
    match *names.shape(index) {
        [.., hidden, _] if cell => Some(hidden),
        [.., channels, times] if names.name(index).last == "depthwise_kernel" => channels.checked_mul(times),
        [.., channels, 1] => Some(channels),
        [.., _, out] => Some(out),
        _ => None,
    }
}

/// Which numbers of channels the weights of a file make and read.
pub(super) struct Channels {
    /// What some weight makes.
    made: BTreeSet<u64>,
    /// What some kernel reads and no weight makes.
    unmade: BTreeSet<u64>,
    /// Whether anything is looked up in a table.
    looks_up: bool,
}

/// Colours of a picture.
pub(super) const COLOURS: u64 = 3;

impl Channels {
    fn new(names: &Names) -> Channels {
        let weights =
            || (0..names.len()).filter(|&index| is_weight(&names.name(index)) && names.shape(index).len() >= 2);
        let made: BTreeSet<u64> = weights().map(|index| names.shape(index)[0]).collect();
        let read = weights().map(|index| names.shape(index)).filter(|shape| shape.len() >= 3).map(|shape| shape[1]);
        let unmade = read.filter(|channels| !made.contains(channels)).collect();
        Channels { made, unmade, looks_up: weights().any(|index| embedding::embeds(&names.name(index))) }
    }

    /// Whether a kernel reads a group of its channels: nobody makes as few as it reads, and the model's input is another
    /// number, a sound's one or a picture's three.
    pub(super) fn is_group(&self, out: u64, inner: u64) -> bool {
        let input = self.unmade.contains(&COLOURS) || self.unmade.contains(&1);
        let unmade = inner > 1 && inner != COLOURS && self.unmade.contains(&inner);
        input && unmade && out > inner && out.is_multiple_of(inner) && self.made.contains(&out)
    }

    /// Whether some kernel reads so many channels and no weight makes them.
    pub(super) fn is_unmade(&self, channels: u64) -> bool {
        self.unmade.contains(&channels)
    }

    /// In a file that is not in the order of the model, the only kernel of one channel where nothing else reads an input.
    fn gray(&self, names: &Names) -> Option<usize> {
        let weights = || (0..names.len()).filter(|&index| is_weight(&names.name(index)));
        let reads = |index: usize| match names.shape(index) {
            [out, inner, _, ..] => *inner > 1 && self.unmade.contains(inner) && !self.is_group(*out, *inner),
            _ => false,
        };
        if self.looks_up || weights().any(reads) {
            return None;
        }
        let single = |index: &usize| matches!(names.shape(*index), [out, 1, field @ ..] if *out > 1 && field.iter().any(|&size| size > 1));
        let mut candidates = weights().filter(single);
        let first = candidates.next()?;
        candidates.next().is_none().then_some(first)
    }
}

/// The weights `[n, 1, field…]` that read an input: the first of the model, and the only one of its kind that begins a part of
/// the model, where the weight before belongs to another part and makes another number of channels. A depthwise convolution
/// has the same shape, but comes later.
fn grays(names: &Names, order: &[usize], before: &[Option<usize>]) -> BTreeSet<usize> {
    let single =
        |index: usize| matches!(names.shape(index), [out, 1, _, ..] if *out > 1) && is_weight(&names.name(index));
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let wide = |index: usize| names.shape(index)[2..].iter().any(|&size| size > 1);
    for index in (0..names.len()).filter(|&index| single(index) && wide(index)) {
        *kinds.entry(unnumbered(names.original(index))).or_default() += 1;
    }
    let first = order.iter().find(|&&index| is_weight(&names.name(index)) && names.shape(index).len() >= 2);
    let begins = |index: usize| {
        let Some(earlier) = before[index] else { return first == Some(&index) };
        let (own, other) = (names.original(index), names.original(earlier));
        let apart = !counted(own, other) && names.name(index).parent() != names.name(earlier).parent();
        // Matrices in the module around it make it a part of a block, as the convolutions of state-space models are.
        let parent = names.name(index).parent();
        let block = !parent.is_empty() && names.weights_beneath(parent).any(|(_, shape)| shape.len() == 2);
        // A kernel as long that reads all of its outputs shows that no channel was kept apart.
        let goes_on = names.goes_on(&names.name(index), names.shape(index));
        // What mixes the channels behind it shows that it keeps them apart.
        let mixed = next(names.name(index).full).and_then(|next| names.get(&next));
        let separable = mixed.is_some_and(|mixed| {
            mixed.len() >= 3 && mixed[1] == names.shape(index)[0] && mixed[2..].iter().all(|&size| size == 1)
        });
        let alone = !separable && kinds.get(&unnumbered(own)) == Some(&1) && (!block || goes_on);
        apart && alone && names.shape(index).len() >= 3 && names.shape(earlier)[0] != names.shape(index)[0]
    };
    order.iter().copied().filter(|&index| single(index) && (first == Some(&index) || begins(index))).collect()
}

/// A name without its digits.
pub(super) fn unnumbered(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names =
            ["a.10.b", "a.2.b", "a.b", "a.2.a", "a10", "a.999999999999999999999999999999999999999999.x", ""];
        names.sort_by_key(|name| natural(name));
        assert_eq!(
            names,
            ["", "a10", "a.2.a", "a.2.b", "a.10.b", "a.999999999999999999999999999999999999999999.x", "a.b"]
        );
    }
}
