//! How strong the activations of a short plain network are: weak behind the input, strong before the head.
//!
//! A head that starts at the uninformed answer is small, and what learns through it learns late: at first the head alone
//! moves the output, at a rate proportional to the second moment of what it reads. Where an activation has no scale of its
//! own, that second moment can be chosen. So the head reads a strong signal, and the layers before it make a weak one: a
//! small weight gets the larger gradient (for f of degree 1, w·∂f/∂w is the same for every layer), so the layers that
//! find features move most. The figures stand in `docs/auto.md`.

use super::chain::{Chain, Form, SHALLOW};
use super::edge;
use super::end::Fate;
use super::network::Network;
use super::target::inverse;
use crate::gain::Moments;
use crate::graph::Follows;
use crate::numerics::powf;
use std::collections::BTreeMap;

/// Second moment of activations before the last.
const WEAK: f64 = 0.3;
/// Second moment of what the head reads, at most.
const STRONG: f64 = 2.4;
/// Factor of the squared norm of gradients, from the last hidden layer to the first, that the rise may cost: 2.8², where
/// 3² are healthy.
const COST: f64 = 7.84;

/// The second moment that the activation behind each hidden layer should have, where the rule applies: by layer.
pub(super) fn rises(net: &Network, chains: &[Chain]) -> BTreeMap<usize, f64> {
    let hidden: Vec<usize> = (0..net.layers.len()).filter(|&i| !net.ends[i].is_head).collect();
    let deepest = hidden.iter().map(|&i| net.layers[i].depth).max().unwrap_or(0);
    let structured = chains.iter().any(|chain| chain.form == Form::Mirrored || chain.layers.len() > SHALLOW + 1);
    let plain = net.residuals.is_empty() && net.norms.is_empty() && net.layers.iter().all(|layer| !layer.normalized);
    if structured || !plain || deepest > SHALLOW || hidden.len() == net.layers.len() {
        return BTreeMap::new();
    }
    let strength = |&i: &usize| {
        let follows = open(net, i)?;
        Some((i, if net.layers[i].depth == deepest { strong(follows, deepest) } else { WEAK }))
    };
    hidden.iter().map(strength).collect::<Option<_>>().unwrap_or_default()
}

/// The activation behind a layer, if it lets a signal of any strength through and no gate in the same weight multiplies it.
fn open(net: &Network, layer: usize) -> Option<Follows> {
    if net.params[net.weight(layer)?].parts().len() > 1 {
        return None;
    }
    let product = matches!(net.layers[layer].op.as_str(), "Conv" | "Gemm" | "MatMul");
    match net.ends[layer].fate {
        Fate::Activated(follows, None) if product && edge::is_open(follows) => Some(follows),
        _ => None,
    }
}

/// The second moment before the head that leaves gradients healthy: from z to the next layer's z the squared norm changes
/// by (q′/E\[f²\])·E\[f′²\], whatever the widths.
fn strong(follows: Follows, deepest: usize) -> f64 {
    let Some(steps) = deepest.checked_sub(2) else { return STRONG };
    let moments = |q: f64| Moments::of(follows.activation, follows.parameter, q);
    let q = inverse(follows, WEAK);
    let weak = moments(q);
    let cost = powf(q * weak.derivative / weak.second, steps as f64);
    let most = COST / cost * weak.second / weak.derivative;
    moments(most).second.clamp(WEAK, STRONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gain::Activation;

    #[test]
    fn the_rise_costs_what_it_may() {
        // A rectifier passes half of either: 0.3·7.84, in any depth.
        for deepest in [2, 5, 10] {
            assert!((strong(Activation::Relu.into(), deepest) - 0.3 * COST).abs() < 1e-6);
        }
        assert_eq!(strong(Activation::Relu.into(), 1), STRONG);
        // A gradient grows through layers of GELU by itself, which leaves less.
        let gelu: Vec<f64> = [2, 5, 10].iter().map(|&d| strong(Activation::Gelu.into(), d)).collect();
        assert!(gelu[0] > gelu[1] && gelu[1] > gelu[2] && gelu[2] > WEAK, "{gelu:?}");
    }
}
