//! How strong the signal is that the head reads.
//!
//! A head that starts at the uninformed answer is small, and what learns through it learns late: at first the head alone
//! moves the output, at a rate proportional to the second moment of what it reads. So the head reads a strong signal: the
//! last scales before it, those of normalizations or those of the weights that write the last stream, are larger than the
//! others. In plain networks of activations that have no scale of their own, the layers before make a weak one as well: a
//! small weight gets the larger gradient (for f of degree 1, w·∂f/∂w is the same for every layer), so the layers that find
//! features move most. The figures stand in `docs/auto.md`.

use super::before;
use super::chain::{Chain, Form, SHALLOW, natural};
use super::edge;
use super::end::Fate;
use super::network::Network;
use super::target::inverse;
use crate::gain::Moments;
use crate::graph::Follows;
use crate::numerics::powf;
use std::collections::{BTreeMap, BTreeSet};

/// Second moment of activations before the last, where they have no scale of their own.
const WEAK: f64 = 0.3;
/// Factor of the second moment before the head, and so of the squared norm of gradients that it costs from there to the
/// layers before: 2.8², where 3² are healthy.
const RISE: f64 = 7.84;
/// What is left of it for chains of pairs that are not quite straight.
const BENT: f64 = 0.75;
/// Second moment of what the last normalization makes, where others make 1: its scale is 4.
pub(super) const LAST: f64 = 16.0;

/// Where the signal rises.
#[derive(Debug, Default)]
pub(super) struct Rises {
    /// Second moments of the activations behind the hidden layers of a plain network.
    plain: BTreeMap<usize, f64>,
    /// Normalizations whose scale stands last before the head.
    norms: BTreeSet<usize>,
    /// Layers that begin, or that write with a projected shortcut, the stream that the head reads.
    writers: BTreeSet<usize>,
}

impl Rises {
    pub(super) fn new(net: &Network, chains: &[Chain]) -> Rises {
        let mut found = Rises { plain: plain(net, chains).unwrap_or_default(), ..Rises::default() };
        let heads = (0..net.layers.len()).filter(|&i| net.ends[i].is_head && !net.looks_up(i));
        for head in heads.filter(|&i| !before::is_tied(net, i)) {
            before::walk(net, head, &mut found.norms, &mut found.writers);
        }
        if !found.norms.is_empty() || net.residuals.is_empty() || net.layers.iter().any(|layer| layer.normalized) {
            found.writers.clear();
        }
        found
    }

    /// The second moment that the activation behind a layer of a plain network should have.
    pub(super) fn activation(&self, layer: usize) -> Option<f64> {
        self.plain.get(&layer).copied()
    }

    /// The factor of the second moment of what a layer writes.
    pub(super) fn layer(&self, layer: usize) -> f64 {
        if self.writers.contains(&layer) { RISE } else { 1.0 }
    }

    /// Whether a normalization is the last before the head.
    pub(super) fn is_last(&self, norm: usize) -> bool {
        self.norms.contains(&norm)
    }
}

/// The second moments of a plain network, where the rule applies.
fn plain(net: &Network, chains: &[Chain]) -> Option<BTreeMap<usize, f64>> {
    let hidden: Vec<usize> = (0..net.layers.len()).filter(|&i| !net.ends[i].is_head).collect();
    let deepest = hidden.iter().map(|&i| net.layers[i].depth).max()?;
    let paired = chains.iter().any(|chain| chain.form == Form::Mirrored);
    let strong = chains.iter().any(Chain::is_strong);
    let long = chains
        .iter()
        .any(|chain| chain.form != Form::Mirrored && !chain.is_strong() && chain.layers.len() > SHALLOW + 1);
    let plain = net.residuals.is_empty() && net.norms.is_empty() && net.layers.iter().all(|layer| !layer.normalized);
    if long || !plain || deepest > SHALLOW && !paired && !strong || hidden.len() == net.layers.len() {
        return None;
    }
    // Where a chain is only nearly straight, it says at which strength, and its own slopes take a part of what gradients may
    // pay.
    let bends =
        chains.iter().filter(|chain| chain.form == Form::Mirrored).map(|chain| chain.target).fold(1.0, f64::min);
    let strength = |&i: &usize| {
        let follows = open(net, i)?;
        let weak = weak(follows, bends);
        let steps = if paired { None } else { Some(deepest.saturating_sub(2)) };
        let rise = if bends < 1.0 { RISE * BENT } else { RISE };
        Some((i, if net.layers[i].depth == deepest { last(follows, weak, rise, steps) } else { weak }))
    };
    hidden.iter().map(strength).collect()
}

/// The activation behind a layer, if it lets a signal of any strength through and no gate in the same weight multiplies it.
fn open(net: &Network, layer: usize) -> Option<Follows> {
    if net.params[net.weight(layer)?].parts().len() > 1 {
        return None;
    }
    match net.ends[layer].fate {
        Fate::Activated(follows, None) if net.multiplies(layer) && edge::is_open(follows) => Some(follows),
        _ => None,
    }
}

/// The second moment before the last: an activation that bends more or less by the strength of its input gets what it is
/// made for, and no more than inputs of second moment `most`.
fn weak(follows: Follows, most: f64) -> f64 {
    let natural = natural(follows);
    if natural == 1.0 { Moments::of(follows.activation, follows.parameter, most).second } else { WEAK }
}

/// The second moment before the head that leaves gradients healthy. From z to the next layer's z their squared norm changes
/// by (q′/E\[f²\])·E\[f′²\], whatever the widths, in `steps` steps before the last; where units come in opposite pairs
/// (`None`), by q′/q alone.
fn last(follows: Follows, weak: f64, rise: f64, steps: Option<usize>) -> f64 {
    let moments = |q: f64| Moments::of(follows.activation, follows.parameter, q);
    let q = inverse(follows, weak);
    let before = moments(q);
    let most = match steps {
        None => rise * q,
        Some(steps) => {
            let cost = powf(q * before.derivative / before.second, steps as f64);
            rise / cost * before.second / before.derivative
        }
    };
    moments(most).second.clamp(weak, rise * weak)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gain::Activation;

    #[test]
    fn the_rise_costs_what_it_may() {
        // A rectifier passes half of either: 0.3·7.84, in any depth, and in pairs.
        let relu = Activation::Relu.into();
        for steps in [Some(0), Some(3), Some(8), None] {
            assert!((last(relu, weak(relu, 1.0), RISE, steps) - 0.3 * RISE).abs() < 1e-6);
        }
        // A gradient grows through layers of GELU by itself, which leaves less; not in pairs.
        let gelu = Activation::Gelu.into();
        let least = weak(gelu, 1.0);
        let drawn = [Some(0), Some(3), Some(8)].map(|steps| last(gelu, least, RISE, steps));
        assert!(drawn[0] > drawn[1] && drawn[1] > drawn[2] && drawn[2] >= least, "{drawn:?}");
        let pairs = last(gelu, least, RISE, None);
        assert!((pairs / (RISE * least) - 1.0).abs() < 1e-6 && pairs > drawn[1], "{pairs} {drawn:?}");
        // Pairs of SELU are straight only where they are weak.
        assert!((inverse(Activation::Selu.into(), weak(Activation::Selu.into(), 0.3)) - 0.3).abs() < 1e-6);
    }
}
