//! The names of a file, and what a tensor can learn from those beside it.

use super::Tensor;
use std::collections::BTreeMap;

/// One name, taken apart. Words are in lower case.
pub(super) struct Name<'a> {
    /// The name without TensorFlow's output number.
    pub(super) full: &'a str,
    /// The last word: `weight`, `recurrent_kernel`.
    pub(super) last: String,
    /// The word before it: the module's own name.
    pub(super) module: String,
}

impl<'a> Name<'a> {
    pub(super) fn new(name: &'a str) -> Name<'a> {
        let full = name.strip_suffix(":0").unwrap_or(name);
        let mut words = full.rsplit(['.', '/']).map(str::to_ascii_lowercase);
        Name { full, last: words.next().unwrap_or_default(), module: words.next().unwrap_or_default() }
    }

    /// The module that the tensor belongs to, with the separator that ends it; empty at the top.
    pub(super) fn stem(&self) -> &'a str {
        stem(self.full)
    }

    /// Whether the module's name says that it normalizes.
    pub(super) fn normalizes(&self) -> bool {
        let module = self.module.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        module.contains("norm") || matches!(module, "ln" | "bn") || module.ends_with("_bn") || module.ends_with("_ln")
    }
}

/// A name up to its last separator, which is included.
fn stem(name: &str) -> &str {
    name.rfind(['.', '/']).map_or("", |at| &name[..=at])
}

/// Every name of a file with its shape.
pub(super) struct Names<'a> {
    shapes: BTreeMap<&'a str, &'a [u64]>,
    /// The convolution that reads a picture of one channel, which has the shape of a depthwise one.
    gray: Option<&'a str>,
    /// Whether the file's linear weights are `[in, out]`.
    inputs_first: bool,
}

impl<'a> Names<'a> {
    pub(super) fn new(tensors: &'a [Tensor]) -> Names<'a> {
        let shapes = tensors.iter().map(|(name, shape, _)| (Name::new(name).full, shape.as_slice())).collect();
        let mut names = Names { shapes, gray: None, inputs_first: false };
        names.gray = gray(tensors);
        names.inputs_first = names.inputs_first();
        names
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u64]> {
        self.shapes.get(name).copied()
    }

    /// The shape of the tensor `word` of the same module.
    pub(super) fn sibling(&self, name: &Name, word: &str) -> Option<&'a [u64]> {
        self.get(&format!("{}{word}", name.stem()))
    }

    /// The shape of the tensor `path` of the module around this one.
    pub(super) fn cousin(&self, name: &Name, path: &str) -> Option<&'a [u64]> {
        let parent = stem(name.stem().trim_end_matches(['.', '/']));
        self.get(&format!("{parent}{path}"))
    }

    /// The names with their shapes that begin with `stem`.
    pub(super) fn beneath<'b>(&'b self, stem: &'b str) -> impl Iterator<Item = (&'a str, &'a [u64])> + 'b {
        let from = self.shapes.range::<str, _>((std::ops::Bound::Included(stem), std::ops::Bound::Unbounded));
        from.map(|(name, shape)| (*name, *shape)).take_while(move |(name, _)| name.starts_with(stem))
    }

    pub(super) fn is_gray(&self, name: &Name) -> bool {
        self.gray == Some(name.full)
    }

    /// Whether a linear weight is `[in, out]`, as its bias shows; where that is of no help, as the file's others are.
    pub(super) fn reads_first(&self, name: &Name, shape: &[u64]) -> bool {
        match self.sibling(name, "bias") {
            Some([n]) if shape[0] != shape[1] => *n == shape[1],
            Some(_) => self.inputs_first,
            None => false,
        }
    }

    /// Whether the biases show more `[in, out]` weights than `[out, in]` ones.
    fn inputs_first(&self) -> bool {
        let votes = self.shapes.iter().filter_map(|(full, shape)| {
            let bias = self.sibling(&Name::new(full), "bias")?;
            let weight = full.ends_with("weight") && shape.len() == 2 && shape[0] != shape[1];
            weight.then(|| i64::from(bias == &shape[1..]) - i64::from(bias == &shape[..1]))
        });
        votes.sum::<i64>() > 0
    }
}

/// Of the weights `[n, 1, field…]`, the one that reads the model's input.
///
/// A depthwise convolution has the same shape, but then something else reads the input: an embedding, or a
/// convolution of a number of channels that no weight makes.
fn gray(tensors: &[Tensor]) -> Option<&str> {
    let is_weight = |name: &str| Name::new(name).last == "weight";
    let weights = || tensors.iter().filter(|(name, shape, _)| is_weight(name) && shape.len() >= 2);
    let single = |shape: &[u64]| shape.len() >= 3 && shape[1] == 1 && shape[0] > 1;
    let made: Vec<u64> = weights().map(|(_, shape, _)| shape[0]).collect();
    let reads = |(name, shape, _): &Tensor| {
        super::table::embeds(&Name::new(name)) || (shape.len() >= 3 && !single(shape) && !made.contains(&shape[1]))
    };
    if weights().any(reads) {
        return None;
    }
    let candidates = weights().filter(|(_, shape, _)| single(shape));
    // Pictures before sequences, then the first in the file.
    let (name, _, _) = candidates.min_by_key(|(_, shape, _)| std::cmp::Reverse(shape.len()))?;
    Some(Name::new(name).full)
}
