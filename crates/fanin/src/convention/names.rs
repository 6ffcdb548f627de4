//! The names of a file, and what a tensor can learn from those beside it.

use super::hints::Config;
use super::{Hints, Tensor, order};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One name, taken apart. Words are in lower case.
pub(super) struct Name<'a> {
    /// Where it stands in the file.
    pub(super) index: usize,
    /// The whole name.
    pub(super) full: &'a str,
    /// The last word: `weight`, `recurrent_kernel`.
    pub(super) last: String,
    /// The word before it: the module's own name.
    pub(super) module: String,
}

/// How many words of a name are looked at, from its end: deep enough for every model, and names are not to be trusted.
pub(super) const DEPTH: usize = 16;

impl<'a> Name<'a> {
    pub(super) fn new(index: usize, full: &'a str) -> Name<'a> {
        let mut words = full.rsplit(['.', '/']).map(str::to_ascii_lowercase);
        Name { index, full, last: words.next().unwrap_or_default(), module: words.next().unwrap_or_default() }
    }

    /// The module that the tensor belongs to, with the separator that ends it; empty at the top.
    pub(super) fn stem(&self) -> &'a str {
        stem(self.full)
    }

    /// The module around the tensor's own, with the separator that ends it; empty at the top.
    pub(super) fn parent(&self) -> &'a str {
        stem(self.stem().trim_end_matches(['.', '/']))
    }

    /// The words of its path, the last first.
    pub(super) fn words(&self) -> impl Iterator<Item = String> + use<'a> {
        self.full.rsplit(['.', '/']).take(DEPTH).map(str::to_ascii_lowercase)
    }

    /// Whether the module's name says that it normalizes.
    pub(super) fn normalizes(&self) -> bool {
        let module = self.module.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        module.contains("norm") || matches!(module, "ln" | "bn") || module.ends_with("_bn") || module.ends_with("_ln")
    }
}

/// Whether a path leads to a tensor of a module itself, not of one within it.
fn is_direct(path: &str) -> bool {
    path.bytes().filter(|c| matches!(c, b'.' | b'/')).count() == 1
}

/// A name up to its last separator, which is included.
pub(super) fn stem(name: &str) -> &str {
    name.rfind(['.', '/']).map_or("", |at| &name[..=at])
}

/// Every name of a file with its shape.
pub(super) struct Names<'a> {
    tensors: &'a [Tensor],
    aliases: &'a [Cow<'a, str>],
    by_name: BTreeMap<&'a str, usize>,
    order: order::Order<'a>,
    /// What the model's configuration says.
    pub(super) config: &'a Config,
}

/// How many names beneath a module are looked at: more than any layer has.
const MOST_BENEATH: usize = 256;

impl<'a> Names<'a> {
    pub(super) fn new(tensors: &'a [Tensor], aliases: &'a [Cow<'a, str>], hints: &'a Hints) -> Names<'a> {
        let by_name: BTreeMap<&str, usize> = aliases.iter().enumerate().map(|(i, name)| (&**name, i)).collect();
        let order = order::Order::default();
        let mut names = Names { tensors, aliases, by_name, order, config: &hints.config };
        names.order = order::Order::new(&names);
        names
    }

    pub(super) fn len(&self) -> usize {
        self.tensors.len()
    }

    /// The name of a tensor, as conventions read it.
    pub(super) fn name(&self, index: usize) -> Name<'a> {
        Name::new(index, &self.aliases[index])
    }

    /// The name in the file.
    pub(super) fn original(&self, index: usize) -> &'a str {
        &self.tensors[index].0
    }

    pub(super) fn shape(&self, index: usize) -> &'a [u64] {
        &self.tensors[index].1
    }

    pub(super) fn is_float(&self, index: usize) -> bool {
        self.tensors[index].2.is_float()
    }

    /// Where the tensor of this name stands.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u64]> {
        self.find(name).map(|index| self.shape(index))
    }

    /// The shape of the tensor `word` of the same module.
    pub(super) fn sibling(&self, name: &Name, word: &str) -> Option<&'a [u64]> {
        self.get(&format!("{}{word}", name.stem()))
    }

    /// The shape of the tensor `path` of the module around this one.
    pub(super) fn cousin(&self, name: &Name, path: &str) -> Option<&'a [u64]> {
        self.get(&format!("{}{path}", name.parent()))
    }

    /// The bias of the module, if it has one.
    pub(super) fn bias(&self, name: &Name) -> Option<&'a [u64]> {
        self.sibling(name, "bias").or_else(|| if name.last == "w" { self.sibling(name, "b") } else { None })
    }

    /// The tensors whose names begin with `stem`, in alphabetical order: the first few hundred.
    pub(super) fn beneath<'b>(&'b self, stem: &'b str) -> impl Iterator<Item = (&'a str, usize)> + 'b {
        let from = self.by_name.range::<str, _>((std::ops::Bound::Included(stem), std::ops::Bound::Unbounded));
        let all = from.map(|(name, index)| (*name, *index)).take(MOST_BENEATH);
        all.take_while(move |(name, _)| name.starts_with(stem))
    }

    /// The weights of several dimensions beneath a module, by the path from there: `proj.weight`.
    pub(super) fn weights_beneath<'b>(&'b self, stem: &'b str) -> impl Iterator<Item = (&'a str, &'a [u64])> + 'b {
        let weighs = |last: &str| matches!(last, "weight" | "kernel" | "w" | "weight_v" | "weight_orig");
        self.beneath(stem).filter_map(move |(name, index)| {
            let path = &name[stem.len()..];
            let last = path.rsplit(['.', '/']).next().unwrap_or_default();
            (weighs(last) && self.shape(index).len() >= 2).then(|| (path, self.shape(index)))
        })
    }

    /// Whether it is a convolution that reads a picture or a sound of one channel.
    pub(super) fn is_gray(&self, name: &Name) -> bool {
        self.order.gray.contains(&name.index)
    }

    /// Whether a kernel of so many outputs stands in a block whose first kernel reads an input of one channel.
    pub(super) fn reads_beside(&self, name: &Name, out: u64) -> bool {
        // `conv3.conv` is the kernel of `conv3`.
        let wrapped = name.module == "conv";
        let block = if wrapped { stem(name.parent().trim_end_matches(['.', '/'])) } else { name.parent() };
        let reads = |index: usize| self.order.gray.contains(&index) && self.shape(index)[0] == out;
        !block.is_empty() && self.beneath(block).any(|(_, index)| reads(index))
    }

    /// Whether another kernel of its block, as long in all directions, reads all that a kernel makes.
    pub(super) fn goes_on(&self, name: &Name, shape: &[u64]) -> bool {
        let parent = name.parent();
        let reads = |other: &[u64]| other.len() == shape.len() && other[1] == shape[0] && other[2..] == shape[2..];
        let wide = shape[2..].iter().any(|&size| size > 1);
        wide && !parent.is_empty() && self.weights_beneath(parent).any(|(path, other)| is_direct(path) && reads(other))
    }

    /// Whether there are as many channels before a kernel as it makes: by its name, by the weight before it, or because it
    /// belongs to a block of matrices.
    pub(super) fn is_channelwise(&self, name: &Name, shape: &[u64]) -> bool {
        let says = |word: String| {
            word.contains("depthwise")
                || word.contains("depth_conv")
                || word.split('_').any(|part| part.starts_with("dw"))
        };
        if name.words().skip(1).take(3).any(says) {
            return true;
        }
        if self.goes_on(name, shape) {
            return false;
        }
        // A matrix beside it that only makes as many channels is a second way to them.
        let inner = |made: &[u64]| made.len() == 2 && (made[0] != shape[0] || made[1] == shape[0]);
        let block = !name.parent().is_empty()
            && self.weights_beneath(name.parent()).any(|(path, made)| is_direct(path) && inner(made));
        let made = self.before(name).map_or(0, |before| self.shape(before)[0]);
        let wide = shape[2..].iter().any(|&size| size > 1);
        block || (wide && made > 0 && made.is_multiple_of(shape[0]))
    }

    /// Whether it is a kernel that the norm behind it shows to be transposed.
    pub(super) fn is_grown(&self, name: &Name) -> bool {
        self.order.grown.contains(&name.index)
    }

    /// Whether some kernel of Keras' layout makes so many channels.
    pub(super) fn makes(&self, channels: u64) -> bool {
        self.order.kernels_make.contains(&channels)
    }

    /// Whether a kernel of Keras' layout reads several channels of the model's input.
    pub(super) fn reads_channels(&self) -> bool {
        self.order.kernels_read
    }

    /// Whether the file's kernels have their channels last, as those of MLX.
    pub(super) fn channels_last(&self) -> bool {
        self.order.channels_last
    }

    /// How many groups a kernel of torch has.
    pub(super) fn groups(&self, name: &Name) -> u64 {
        self.order.groups(name.index)
    }

    /// The weight before this tensor in the model.
    pub(super) fn before(&self, name: &Name) -> Option<usize> {
        self.order.before.get(name.index).copied().flatten()
    }

    /// Whether a linear weight is `[in, out]`: as its bias shows, or else as most of its block are, or of the file.
    pub(super) fn reads_first(&self, name: &Name, shape: &[u64]) -> bool {
        let bias = self.bias(name);
        if let (Some([n]), true) = (bias, shape[0] != shape[1]) {
            return *n == shape[1];
        }
        // Output layers at the top have no block to tell for them, and keep torch's order without a bias.
        self.order.votes(name.full, bias.is_some()) > 0
    }
}
