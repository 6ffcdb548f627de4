//! What the order of a file and its tensors together show: which weights come first, which layout its kernels have.

use super::embedding;
use super::names::{Name, Names, stem};
use std::collections::{BTreeMap, BTreeSet};

/// How many modules around a tensor are asked for the layout of their weights.
const AROUND: usize = 8;

/// Signs that belong to the whole file.
#[derive(Default)]
pub(super) struct Order<'a> {
    /// The convolution that reads a picture of one channel, which has the shape of a depthwise one.
    pub(super) gray: Option<usize>,
    /// Whether kernels are `[out, field…, in]`.
    pub(super) channels_last: bool,
    /// For each kernel of a convolution in torch's layout, how many groups it has.
    groups: Vec<u64>,
    /// What the kernels of Keras' layout make.
    pub(super) kernels_make: BTreeSet<u64>,
    /// Whether one of them reads several channels that none of them makes: the model's input.
    pub(super) kernels_read: bool,
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
        let gray = if sorted { channels.gray(names) } else { first_gray(names, &order) };
        let is_kernel = |&index: &usize| names.name(index).last.ends_with("kernel") && names.shape(index).len() >= 3;
        let kernels = (0..names.len()).filter(is_kernel);
        let kernels: Vec<usize> = kernels.collect();
        let kernels_make: BTreeSet<u64> = kernels.iter().filter_map(|&index| kernel_makes(names, index)).collect();
        let kernels_read = kernels.iter().any(|&index| match names.shape(index) {
            [_, .., inner, _] => *inner > 1 && !kernels_make.contains(inner),
            _ => false,
        });
        let (channels_last, inputs_first) = (channels_last(names), inputs_first(names));
        Order { gray, channels_last, groups, kernels_make, kernels_read, before, inputs_first }
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

fn is_weight(name: &Name) -> bool {
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
        [.., channels, 1] => Some(channels),
        [.., _, out] => Some(out),
        _ => None,
    }
}

/// Which numbers of channels the weights of a file make and read.
struct Channels {
    /// What some weight makes.
    made: BTreeSet<u64>,
    /// What some kernel reads and no weight makes.
    unmade: BTreeSet<u64>,
    /// Whether anything is looked up in a table.
    looks_up: bool,
}

/// Colours of a picture.
const COLOURS: u64 = 3;

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
    fn is_group(&self, out: u64, inner: u64) -> bool {
        let input = self.unmade.contains(&COLOURS) || self.unmade.contains(&1);
        let unmade = inner > 1 && inner != COLOURS && self.unmade.contains(&inner);
        input && unmade && out > inner && out.is_multiple_of(inner) && self.made.contains(&out)
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

/// The weight `[n, 1, field…]` that is the first of the model: it reads its input. A depthwise convolution has the same shape,
/// but comes later.
fn first_gray(names: &Names, order: &[usize]) -> Option<usize> {
    let weighs = |&&index: &&usize| is_weight(&names.name(index)) && names.shape(index).len() >= 2;
    let &first = order.iter().find(weighs)?;
    matches!(names.shape(first), [out, 1, _, ..] if *out > 1).then_some(first)
}

/// Groups of kernels that read `inner` of the channels that the weight before them in the same block makes, after a
/// pointwise map, as in bottlenecks, or after another kernel with groups; and of those that read what nobody makes.
fn groups(names: &Names, order: &[usize], before: &[Option<usize>], channels: &Channels) -> Vec<u64> {
    let mut groups = vec![1; names.len()];
    for &index in order {
        let name = names.name(index);
        let &[out, inner, ref field @ ..] = names.shape(index) else { continue };
        // Kernels of one point beside a wider signal read something else; three channels are a picture.
        let wide = field.iter().any(|&size| size > 1) && inner > 1 && inner != COLOURS;
        if !wide || !is_weight(&name) {
            continue;
        }
        if channels.is_group(out, inner) {
            groups[index] = out / inner;
            continue;
        }
        let Some(earlier) = before[index].filter(|&earlier| same_block(names.name(earlier).full, name.full)) else {
            continue;
        };
        let &[made, read, ref other @ ..] = names.shape(earlier) else { continue };
        let pointwise = other.iter().all(|&size| size == 1);
        let part = made > inner && made.is_multiple_of(inner) && out.is_multiple_of(made);
        let twin = groups[earlier] == 1 && read == inner;
        if part && !twin && (pointwise || groups[earlier] > 1) {
            groups[index] = made / inner;
        }
    }
    groups
}

/// Whether two names differ in their last three words at most, and have as many.
fn same_block(a: &str, b: &str) -> bool {
    const OWN: usize = 3;
    let words = |name: &str| name.bytes().filter(|c| matches!(c, b'.' | b'/')).count();
    let block = |name: &'_ str| (0..OWN).fold(name.len(), |end, _| name[..end].rfind(['.', '/']).unwrap_or(0));
    words(a) == words(b) && a[..block(a)] == b[..block(b)]
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
