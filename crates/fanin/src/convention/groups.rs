//! Groups of torch's convolutions: a kernel `[out, in/groups, field…]` does not say how many channels it has before it, but the
//! weight before it in the model does.

use super::names::{DEPTH, Name, Names};
use super::order::{COLOURS, Channels, is_weight};

/// Groups of kernels that read `inner` of the channels that the weight before them makes, and of those that read what nobody
/// makes.
pub(super) fn groups(names: &Names, order: &[usize], before: &[Option<usize>], channels: &Channels) -> Vec<u64> {
    let mut groups = vec![1; names.len()];
    for &index in order {
        let name = names.name(index);
        let &[out, inner, ref field @ ..] = names.shape(index) else { continue };
        // Three channels are a picture.
        if field.is_empty() || inner <= 1 || inner == COLOURS || !is_weight(&name) {
            continue;
        }
        let Some(kernel) = Kernel::new(names, &groups, index, before[index]) else { continue };
        if kernel.normed(names) {
            continue;
        }
        groups[index] = kernel.named().or_else(|| kernel.after_depthwise()).unwrap_or_else(|| {
            // Kernels of one point beside a wider signal read something else, and so do those on a shortcut.
            let point = field.iter().all(|&size| size == 1);
            if point && channels.is_unmade(inner) && kernel.by_channels().is_some() {
                kernel.by_channels().unwrap_or(1)
            } else if point || bypasses(&name) || kernel.halves() {
                1
            } else if channels.is_group(out, inner) {
                kernel.by_channels().unwrap_or(out / inner)
            } else {
                kernel.in_block().unwrap_or(1)
            }
        });
    }
    groups
}

/// A kernel and the weight before it.
struct Kernel<'a> {
    name: Name<'a>,
    out: u64,
    inner: u64,
    twin: Option<&'a [u64]>,
    shape: &'a [u64],
    /// How much of its name it shares with the weight before.
    own: usize,
    earlier: Name<'a>,
    made: &'a [u64],
    grouped: bool,
}

impl<'a> Kernel<'a> {
    fn new(names: &Names<'a>, groups: &[u64], index: usize, earlier: Option<usize>) -> Option<Kernel<'a>> {
        let (name, shape, earlier) = (names.name(index), names.shape(index), earlier?);
        // The word that numbers it comes after those that it shares with the weight before.
        let own = alike(name.full, names.name(earlier).full);
        let twin = next(&name.full[own..]).and_then(|next| names.get(&format!("{}{next}", &name.full[..own])));
        let (made, grouped) = (names.shape(earlier), groups[earlier] > 1);
        Some(Kernel {
            out: shape[0],
            inner: shape[1],
            twin,
            shape,
            own,
            earlier: names.name(earlier),
            made,
            grouped,
            name,
        })
    }

    /// As many as the channels made before are multiples of what the kernel reads, if the outputs divide so too.
    fn by_channels(&self) -> Option<u64> {
        let made = self.made[0];
        let fits = made > self.inner && made <= self.out && made.is_multiple_of(self.inner);
        (fits && self.out.is_multiple_of(made)).then(|| made / self.inner)
    }

    /// The name says that it has groups.
    fn named(&self) -> Option<u64> {
        let word = |part: &str| matches!(part, "group" | "grouped" | "groupconv" | "gconv" | "gpconv");
        let says = self.name.module.split('_').any(word);
        let fits = self.out > self.inner && self.out.is_multiple_of(self.inner);
        (says && fits).then(|| self.by_channels().unwrap_or(self.out / self.inner))
    }

    /// The norm of its number has as many channels as it reads: the norm stands before it, and it reads them all.
    fn normed(&self, names: &Names) -> bool {
        let Some(number) = self.name.module.strip_prefix("conv") else { return false };
        let norm = |word: &str| names.get(&format!("{}{word}{number}.weight", self.name.parent()));
        [norm("norm"), norm("bn")].into_iter().flatten().any(|norm| norm == [self.inner])
    }

    /// In a sequence, what comes after a depthwise kernel reads all of its channels.
    fn after_depthwise(&self) -> Option<u64> {
        let number = |name: &Name| name.module.parse::<u32>().ok();
        let next = number(&self.earlier)?.checked_add(1) == number(&self.name);
        let depthwise = self.made.get(1) == Some(&1) && self.made[2..].iter().any(|&size| size > 1);
        let made = self.made[0];
        let part = made > self.inner && made.is_multiple_of(self.inner) && self.out.is_multiple_of(made / self.inner);
        (next && self.earlier.parent() == self.name.parent() && depthwise && part).then(|| made / self.inner)
    }

    /// One of two side by side that read a half of the channels each.
    fn halves(&self) -> bool {
        let second = self.made == self.shape
            && !self.grouped
            && next(&self.earlier.full[self.own..]).as_deref() == Some(&self.name.full[self.own..]);
        self.inner.checked_mul(2) == Some(self.made[0]) && (self.twin == Some(self.shape) || second)
    }

    /// After a pointwise map of the same block, as in bottlenecks, or after another kernel with groups.
    fn in_block(&self) -> Option<u64> {
        let &[made, read, ref field @ ..] = self.made else { return None };
        let pointwise = field.iter().all(|&size| size == 1);
        if !same_block(self.earlier.full, self.name.full) || !(pointwise || self.grouped) {
            return None;
        }
        // One of several kernels side by side that read a slice each, as wide as they make (arXiv:1904.01169, fig. 2).
        let slice = made > self.out && made.is_multiple_of(self.out) && self.twin == Some(self.shape);
        if slice && self.out > self.inner && self.out.is_multiple_of(self.inner) {
            return Some(self.out / self.inner);
        }
        let twin = !self.grouped && read == self.inner;
        self.by_channels().filter(|_| !twin)
    }
}

/// The name with its last number raised by one, if it is among the last words: `paths.0.conv.weight` is followed by
/// `paths.1.conv.weight`.
pub(super) fn next(full: &str) -> Option<String> {
    let mut words: Vec<&str> = full.rsplitn(4, '.').collect();
    let at = words.iter().take(3).position(|word| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit()))?;
    let raised = words[at].parse::<u32>().ok()?.checked_add(1)?.to_string();
    words[at] = &raised;
    words.reverse();
    Some(words.join("."))
}

/// Whether a name says that the kernel stands beside a block and reads what the block reads.
fn bypasses(name: &Name) -> bool {
    const BESIDE: [&str; 4] = ["downsample", "shortcut", "skip", "identity"];
    name.words().skip(1).take(3).any(|word| BESIDE.iter().any(|beside| word.contains(beside)))
}

/// Whether two names belong to one block: they differ in their last three words at most, and have as many; or a number among
/// the words that they begin with alike counts the block.
fn same_block(a: &str, b: &str) -> bool {
    const OWN: usize = 3;
    let words = |name: &str| name.bytes().filter(|c| matches!(c, b'.' | b'/')).count();
    let block = |name: &'_ str| (0..OWN).fold(name.len(), |end, _| name[..end].rfind(['.', '/']).unwrap_or(0));
    (words(a) == words(b) && a[..block(a)] == b[..block(b)]) || counted(a, b)
}

/// How long the words are that two names begin with alike, with the separator after them.
fn alike(a: &str, b: &str) -> usize {
    let length = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a.as_bytes()[..length].iter().rposition(|c| matches!(c, b'.' | b'/')).map_or(0, |at| at + 1)
}

/// Whether one of the words that two names begin with alike is a number.
pub(super) fn counted(a: &str, b: &str) -> bool {
    let pairs = a.split(['.', '/']).zip(b.split(['.', '/'])).take_while(|(a, b)| a == b);
    pairs.take(DEPTH).any(|(word, _)| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit()))
}
