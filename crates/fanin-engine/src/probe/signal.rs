//! [`Signal`]: what passes a layer, forward and backward.

use super::{Moments, Probe, by_index, cosine, effective_rank, share};
use crate::error::Error;
use crate::tensor::Tensor;
use fanin::graph::{Follows, ValueId};
use fanin::{Activation, Layer, Param};
use std::collections::{BTreeMap, BTreeSet};

/// What passes a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    /// The pre-activation, over batch, units and places; `None` if it was not computed (a branch not taken).
    pub forward: Option<Moments>,
    /// Mean cosine between the pre-activations of two samples.
    pub cosine: Option<f64>,
    /// Effective rank of the batch's pre-activations, as a share of the possible.
    pub rank: Option<f64>,
    /// Mean square of the value that the activation is applied to.
    pub activated: Option<f64>,
    /// Share of the units that the rectifier which follows turns off for every sample and place.
    pub dead: Option<f64>,
    /// Mean cosine between samples where the activation is applied, which is what explains dead units.
    pub cosine_before: Option<f64>,
    /// Share of the activations in the flat part of the function that follows.
    pub saturated: Option<f64>,
    /// The gradient with respect to the pre-activation.
    pub backward: Option<Moments>,
    /// Sum of its squares for one sample.
    pub energy: Option<f64>,
    /// √(mean square of the weight's gradient / mean square of the weight).
    pub update_ratio: Option<f64>,
}

/// Measures every layer: one pass forward, and one back from `seeds`, the gradients of some values.
///
/// # Errors
/// The first node that cannot be run, or has no gradient.
pub fn signals(
    probe: &Probe<'_>,
    layers: &[Layer],
    params: &[Param],
    seeds: &[(ValueId, Tensor)],
) -> Result<Vec<Signal>, Error> {
    let mut signals = forward(probe, layers)?;
    if !seeds.is_empty() {
        backward(probe, layers, params, seeds, &mut signals)?;
    }
    Ok(signals)
}

fn forward(probe: &Probe<'_>, layers: &[Layer]) -> Result<Vec<Signal>, Error> {
    let mut signals = vec![Signal::default(); layers.len()];
    let mut outputs: BTreeMap<ValueId, usize> = BTreeMap::new();
    // An activation is told with the last layer before it.
    let mut meets: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        outputs.insert(layer.output, at);
        if let Some((value, _)) = layer.meets {
            meets.insert(value, at);
        }
    }
    let watched: BTreeSet<ValueId> = outputs.keys().chain(meets.keys()).copied().collect();
    probe.forward(&watched, &mut |id, tensor| {
        if let Some(&at) = outputs.get(&id) {
            let signal = &mut signals[at];
            signal.forward = Some(Moments::of(tensor));
            signal.cosine = cosine(tensor);
            signal.rank = effective_rank(tensor);
        }
        if let Some((&at, (_, follows))) = meets.get(&id).and_then(|at| Some((at, layers[*at].meets?))) {
            let layer = &layers[at];
            let signal = &mut signals[at];
            signal.activated = Some(Moments::of(tensor).second);
            signal.dead = dead(layer, follows, tensor);
            signal.cosine_before = cosine(tensor);
            signal.saturated = saturation(follows).map(|[low, high]| share(tensor, |z| z < low || z > high));
        }
    })?;
    Ok(signals)
}

/// Share of units at or below zero everywhere, where the activation rectifies.
fn dead(layer: &Layer, follows: Follows, tensor: &Tensor) -> Option<f64> {
    use Activation as A;
    if !matches!(follows.activation, A::Relu | A::Relu6 | A::SquaredRelu) {
        return None;
    }
    let axis = layer.axis.of(tensor.rank())?;
    let units = by_index(tensor, axis);
    let off = units.iter().filter(|unit| unit.count > 0 && unit.max <= 0.0).count();
    (!units.is_empty()).then(|| off as f64 / units.len() as f64)
}

/// Where the slope of an activation is no longer of any use: outside of these ends.
///
/// # Source
/// Glorot & Bengio 2010, §3, for tanh: |tanh z| > 0.97, which is 98.5 % of the way from the lower to the upper end. The
/// same share of the way for other bounded functions.
fn saturation(follows: Follows) -> Option<[f64; 2]> {
    use Activation as A;
    Some(match follows.activation {
        A::Tanh => [-2.092, 2.092],
        A::LecunTanh => [-3.138, 3.138],
        A::Sigmoid => [-3.476, 3.476],
        A::HardSigmoid => [-2.82, 2.82],
        A::HardTanh => [-1.0, 1.0],
        A::Softsign => [-32.3, 32.3],
        A::Atan => [-21.2, 21.2],
        A::Erf => [-1.535, 1.535],
        _ => return None,
    })
}

fn backward(
    probe: &Probe<'_>,
    layers: &[Layer],
    params: &[Param],
    seeds: &[(ValueId, Tensor)],
    signals: &mut [Signal],
) -> Result<(), Error> {
    let outputs: BTreeMap<ValueId, usize> = layers.iter().enumerate().map(|(at, layer)| (layer.output, at)).collect();
    let mut weights: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        if let Some(value) = layer.weights.first().and_then(|&weight| params[weight].place.value) {
            weights.entry(ValueId(value)).or_insert(at);
        }
    }
    let samples = probe.samples().max(1) as f64;
    let wanted = outputs.keys().chain(weights.keys()).copied().collect();
    probe.backward(seeds, &wanted, &mut |id, gradient| {
        let moments = Moments::of(gradient);
        if let Some(&at) = outputs.get(&id) {
            signals[at].backward = Some(moments);
            signals[at].energy = Some(moments.second * gradient.len() as f64 / samples);
        }
        if let (Some(&at), Some(weight)) = (weights.get(&id), probe.constants().get(id)) {
            let scale = Moments::of(weight).second;
            signals[at].update_ratio = (scale > 0.0).then(|| (moments.second / scale).sqrt());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_97_percent_of_the_way() {
        for activation in [Activation::Tanh, Activation::Erf] {
            let [_, high] = saturation(activation.into()).unwrap();
            let f = if activation == Activation::Tanh { high.tanh() } else { fanin::numerics::erf(high) };
            assert!((f - 0.97).abs() < 1e-3, "{activation}: {f}");
        }
        let [_, high] = saturation(Activation::Sigmoid.into()).unwrap();
        assert!((1.0 / (1.0 + (-high).exp()) - 0.97).abs() < 1e-3);
        let [_, high] = saturation(Activation::Softsign.into()).unwrap();
        assert!((high / (1.0 + high) - 0.97).abs() < 1e-3);
        let [_, high] = saturation(Activation::Atan.into()).unwrap();
        assert!((high.atan() * std::f64::consts::FRAC_2_PI - 0.97).abs() < 1e-3);
        assert_eq!(saturation(Activation::Relu.into()), None);
    }
}
