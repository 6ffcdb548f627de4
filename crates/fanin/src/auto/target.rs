//! The second moment that the output of each layer should have.

use super::chain::{Chain, natural};
use super::choose::is_channel_norm;
use super::edge;
use super::end::Fate;
use super::given::Given;
use super::network::Network;
use super::rise::{LAST, Rises};
use crate::gain::{Activation, Moments};
use crate::graph::{Follows, ValueId};
use crate::numerics::{exp, ln, powf};
use crate::signal::Seen;
use std::collections::BTreeMap;

/// How much a residual stream may grow through its whole tower.
const GROWTH: f64 = 2.0;
/// The same where branches begin with a normalization: what they read does not grow, and what they add is heard.
const NORMED_GROWTH: f64 = 8.0;
/// Second moment of the output relative to the entropy of the answers: a loss of ln C then starts 1 % above it.
pub(super) const HEAD: f64 = 0.02;

/// Second moment of what a normalization reads, relative to what its weight reads: weights of variance 1/(3·fan-in), as
/// torch's layers start. Gradients are at right angles to a weight whose scale is forgotten, so that its norm only grows: one
/// that starts too small finds its size in a few steps, one that starts too large stays slow (S. Arora, Z. Li, K. Lyu,
/// arXiv:1812.03981, §2).
const NORMED: f64 = 1.0 / 3.0;

/// Why what the head reads is strong.
const STRONG: &str = "; P16: through a small head what is before it learns late, so the head reads a strong signal";

/// A wanted second moment, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    pub(super) second: f64,
    pub(super) why: String,
}

/// What every layer is measured by.
pub(super) struct Targets<'a> {
    net: &'a Network<'a>,
    given: &'a Given,
    /// Targets of layers in chains.
    chained: BTreeMap<usize, f64>,
    /// Where the signal is strong for the head.
    rises: Rises,
}

impl<'a> Targets<'a> {
    pub(super) fn new(net: &'a Network<'a>, chains: &[Chain], given: &'a Given) -> Targets<'a> {
        let all = chains.iter().flat_map(|chain| chain.layers.iter().map(|&layer| (layer, chain.target)));
        Targets { net, given, chained: all.collect(), rises: Rises::new(net, chains) }
    }

    /// The goal of a layer, now that everything before its output is known.
    pub(super) fn of(&self, layer: usize, seen: &Seen) -> Option<Goal> {
        let end = &self.net.ends[layer];
        if self.net.looks_up(layer) {
            return self.table(layer);
        }
        if end.is_head {
            let second = self.given.output(self.net.layers[layer].width);
            return Some(Goal {
                second: second / end.factor,
                why: self.given.why_output(self.net.layers[layer].width),
            });
        }
        let rise = self.rises.layer(layer);
        let plain = |second: f64, mut why: String| {
            if rise != 1.0 {
                why.push_str(STRONG);
            }
            Some(Goal { second: second * rise / end.ways / end.factor, why })
        };
        match end.fate {
            Fate::Activated(follows, sum) => {
                self.activated(layer, follows, sum, seen).and_then(|(q, why)| plain(q, why))
            }
            Fate::Written(_) if end.scaled => plain(1.0, "a learned scale of the branch follows".to_owned()),
            Fate::Written(i) => {
                let (second, why) = self.written(self.net.layers[layer].input, i, seen)?;
                plain(second, why)
            }
            Fate::Shortcut(i) => {
                let (_, stream) = seen.moments(self.net.residuals[i].sum.start)?;
                plain(stream, "a shortcut keeps the stream's scale".to_owned())
            }
            Fate::Stream if self.is_read_by_norms(layer) => {
                let (_, read) = seen.moments(self.net.layers[layer].input?)?;
                let why = "the residual stream starts here; N1: norms read it and forget its scale, so a small weight learns \
                           faster";
                plain(NORMED * read, why.to_owned())
            }
            Fate::Stream => plain(1.0, "the residual stream starts here".to_owned()),
            Fate::Gated => plain(1.0, "a product with another signal follows".to_owned()),
            // What stands between here and the products, as the root of the width of a head, belongs to attention itself:
            // unit queries and keys are what it takes for granted.
            Fate::Attended => Some(Goal { second: 1.0, why: "attention follows".to_owned() }),
            Fate::Weighed => plain(1.0, "the next weight follows".to_owned()),
            Fate::Normed => {
                let (_, read) = seen.moments(self.net.layers[layer].input?)?;
                let why =
                    "N1: a normalization follows and forgets the scale, so a small weight learns faster".to_owned();
                Some(Goal { second: NORMED * read, why })
            }
            Fate::Output | Fate::Nowhere => None,
        }
    }

    fn activated(&self, layer: usize, follows: Follows, sum: Option<usize>, seen: &Seen) -> Option<(f64, String)> {
        let f = follows.activation;
        if f == Activation::Softmax {
            return None;
        }
        if let Some(i) = sum {
            let (share, why) = self.written(self.net.layers[layer].input, i, seen)?;
            return Some((inverse(follows, share), format!("{f} follows; {why}")));
        }
        if let Some(wanted) = self.rises.activation(layer) {
            let why = format!("{f} follows, in a plain network: P16: weak behind the input, strong before the head");
            return Some((inverse(follows, wanted), why));
        }
        let alone = || if edge::is_odd(follows) { edge::largest(follows, false, 1, 4.0) } else { natural(follows) };
        let second = self.chained.get(&layer).copied().unwrap_or_else(alone);
        Some((second, format!("{f} follows")))
    }

    /// The share of the stream that one branch may add.
    fn written(&self, read: Option<ValueId>, i: usize, seen: &Seen) -> Option<(f64, String)> {
        let residual = &self.net.residuals[i];
        let (_, stream) = seen.moments(residual.sum.start)?;
        let growth = if residual.normed { NORMED_GROWTH } else { GROWTH };
        let share = powf(growth, 1.0 / residual.of as f64) - 1.0;
        let mut second = share * stream / residual.writers as f64;
        if let Some(read) = read.filter(|_| residual.attends) {
            // An average over places is small as long as they have nothing in common, which training changes.
            second *= seen.moments(read)?.1.min(1.0);
        }
        let many =
            if residual.of == 1 { "the only branch".to_owned() } else { format!("one of {} branches", residual.of) };
        let all = if residual.normed { "make eight times the stream, which norms read" } else { "double the stream" };
        Some((second, format!("S6: {many}; all together {all}")))
    }

    /// Whether normalizations stand between a layer and all that read what it makes.
    fn is_read_by_norms(&self, layer: usize) -> bool {
        let readers = &self.net.readers[layer];
        !readers.is_empty() && readers.iter().all(|&reader| self.net.layers[reader].normalized)
    }

    /// What a normalization that ends a branch, or stands last before the head, should give.
    pub(super) fn scale(&self, norm: usize, seen: &Seen) -> Option<Goal> {
        let (node, _, end) = &self.net.norms[norm];
        if self.rises.is_last(norm) {
            return Some(Goal { second: LAST, why: format!("the last scale before the head{STRONG}") });
        }
        if is_channel_norm(&self.net.graph.node(*node).op) {
            return None;
        }
        let (second, why) = match end.fate {
            Fate::Written(i) if !end.scaled => self.written(None, i, seen)?,
            Fate::Activated(follows, Some(i)) => {
                let (share, why) = self.written(None, i, seen)?;
                (inverse(follows, share), format!("{} follows; {why}", follows.activation))
            }
            _ => return None,
        };
        Some(Goal { second: second / end.ways / end.factor, why })
    }

    /// What a table of embeddings should give.
    fn table(&self, layer: usize) -> Option<Goal> {
        let param = &self.net.params[self.net.weight(layer)?];
        let (tokens, width) = (*param.shape.first()?, *param.shape.get(1)?);
        if self.reads_back(layer) {
            let second = self.given.output(tokens) / width as f64;
            let why = format!(
                "R4: it is also the head, whose logits start at second moment {:.3}",
                self.given.output(tokens)
            );
            return Some(Goal { second, why });
        }
        let bare = (0..self.net.layers.len()).any(|i| self.net.layers[i].before.contains(&layer));
        let why = "R4: no norm stands between the table and the next weight".to_owned();
        bare.then_some(Goal { second: 1.0, why })
    }

    /// Whether a table is also multiplied with.
    fn reads_back(&self, layer: usize) -> bool {
        let Some(weight) = self.net.weight(layer) else { return false };
        let name = &self.net.params[weight].name;
        let own = |other: usize| {
            self.net.layers[other].weights.iter().any(|&w| {
                let tied = self.net.params[w].place.tied.as_ref();
                w == weight || tied.is_some_and(|tied| tied.value.to == *name)
            })
        };
        (0..self.net.layers.len()).any(|i| i != layer && !self.net.looks_up(i) && own(i))
    }
}

/// The second moment q at which E\[f(√q z)²\] is `wanted`.
pub(super) fn inverse(follows: Follows, wanted: f64) -> f64 {
    let at = |q: f64| Moments::of(follows.activation, follows.parameter, q).second;
    let (mut low, mut high) = (ln(1e-8), ln(1e4));
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if at(exp(middle)) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    exp(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_inverted() {
        assert!((inverse(Activation::Relu.into(), 0.1) - 0.2).abs() < 1e-6);
        let q = inverse(Activation::Tanh.into(), 0.05);
        assert!((Moments::of(Activation::Tanh, 0.0, q).second - 0.05).abs() < 1e-6);
    }
}
