//! Standardization of the input, folded into the first layer.

use super::inputs::{Seen, axes, offsets, vectors};
use super::units::{axis_of_size, bias, first, told, weight};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::Moments;
use fanin::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lets the first layer see inputs of mean 0 and variance 1, feature by feature, whatever the data's scale.
///
/// Every formula for initial weights takes inputs of second moment 1. Where the data are not standardized, and the model has
/// no node that does it, the same is had by dividing the first layer's weights by the features' standard deviations and
/// taking their means from its bias. Pictures are standardized by channel. A border that is padded with zeros then stands
/// out, since zero is not the mean: where channels are far off centre, standardize the data themselves
/// (`--data set#standardize`). A feature that never varies is only centred.
///
/// Formula: W ← W/σ along the inputs, b ← b − Σ W·μ/σ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Standardize {}

impl Calibration for Standardize {
    const ABOUT: About = About {
        name: "standardize",
        formula: "first layer: W ← W/σ, b ← b − Σ W·μ/σ",
        source: fanin::methods::Source {
            authors: "LeCun, Bottou, Orr, Müller",
            year: 1998,
            at: "Efficient BackProp",
            place: "normalizing the inputs",
        },
        when: "For data that are not standardized and a model that does not do it itself.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        fold(network, data, progress, "standardize", &mut |_, layer, vectors, inputs| {
            let plain = Seen::of(vectors, false);
            let span = plain.width / inputs.max(1);
            let seen = if layer.op == "Conv" { plain.by_channel(span) } else { plain };
            let largest = seen.covariance.iter().fold(0.0f64, |m, v| m.max(*v));
            let std = |variance: &f64| if *variance > 1e-12 * largest { variance.sqrt() } else { 1.0 };
            let factors: Vec<f64> = seen.covariance.iter().map(|variance| 1.0 / std(variance)).collect();
            Ok(Folded {
                change: Fold::Scale(factors),
                mean: seen.mean,
                span: if layer.op == "Conv" { span } else { 1 },
            })
        })
    }
}

/// What is done to the weights along their inputs.
pub(super) enum Fold {
    /// A factor for each input.
    Scale(Vec<f64>),
    /// A matrix, row-major, that mixes all that a unit sees.
    Mix(Vec<f64>),
}

/// What is folded into a first layer.
pub(super) struct Folded {
    pub(super) change: Fold,
    /// What inputs count from.
    pub(super) mean: Vec<f64>,
    /// Elements of a unit's weights that share a mean.
    pub(super) span: usize,
}

/// What a method folds into a layer, from the vectors that its units see and the number of its inputs.
pub(super) type Folding<'a> = &'a mut dyn FnMut(&Network<'_>, &Layer, &[Vec<f64>], usize) -> Result<Folded, Error>;

/// Changes every first layer.
pub(super) fn fold(
    network: &mut Network<'_>,
    data: &mut dyn Source,
    progress: Progress<'_>,
    name: &str,
    folding: Folding<'_>,
) -> Result<Outcome, Error> {
    let inputs = data.inputs(0)?;
    let mut outcome = Outcome { quantity: "second moment".to_owned(), reached: true, ..Outcome::default() };
    let layers: Vec<Layer> = first(network).into_iter().cloned().collect();
    let mut skipped = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        progress(at, layers.len());
        let Some(input) = layer.input else { continue };
        let mut trace = network.run(&inputs)?;
        let seen = trace.value(input)?.clone();
        let before = Moments::of(trace.value(layer.output)?).second;
        drop(trace);
        let width = if layer.op == "Conv" { seen.shape().get(1) } else { seen.shape().last() };
        let width = width.copied().unwrap_or(1);
        let chosen = weight(network, layer).and_then(|weight| {
            let axes = axes(network, weight, width);
            axes.map(|axes| (weight, axes)).ok_or_else(|| "its inputs have groups, or unknown axes".to_owned())
        });
        let (weight, axes) = match chosen {
            Ok(chosen) => chosen,
            Err(why) => {
                skipped.push((layer.name.clone(), why));
                continue;
            }
        };
        let vectors = vectors(network, layer, &seen)?;
        let folded = folding(network, layer, &vectors, width)?;
        let (params, factor) = change(network, name, layer, (weight, axes), &folded, &mut outcome)?;
        let after = Moments::of(network.run(&inputs)?.value(layer.output)?).second;
        let text = format!(
            "{name}: folds into {} the figures of {} vectors of {}; its second moment went from {} to {} in 2 passes",
            layer.name,
            vectors.len(),
            data.name(),
            figure(before),
            figure(after)
        );
        network.because(weight, text, factor);
        outcome.passes += 2;
        outcome.changes.push(Change { at: layer.name.clone(), params, before, after, factor, passes: 2 });
    }
    told(&mut outcome.notes, skipped);
    if outcome.changes.is_empty() {
        let wrong = format!("no layer reads the input: {}", outcome.notes.join("; "));
        let expected = "a first layer of numbers whose weights are drawn";
        return Err(network.refuse(
            "",
            wrong,
            expected,
            "Tokens need no standardization; draw the layer with `--set`.",
        ));
    }
    Ok(outcome)
}

/// Changes one first layer; the names of what was changed, and the root mean square of what the weights are multiplied by.
fn change(
    network: &mut Network<'_>,
    name: &str,
    layer: &Layer,
    (weight, (out, along)): (usize, (usize, usize)),
    folded: &Folded,
    outcome: &mut Outcome,
) -> Result<(Vec<String>, f64), Error> {
    let factor = apply(network, weight, along, folded)?;
    let mut params = vec![network.params()[weight].name.clone()];
    let units = network.params()[weight].shape[out] as usize;
    match (bias(network, layer, units), offsets(network, weight, out, &folded.mean, folded.span)) {
        (Some(bias), Some(offsets)) => {
            let axis = axis_of_size(&network.params()[bias].shape, units).unwrap_or(0);
            let shifts: Vec<f64> = offsets.iter().map(|x| -x).collect();
            network.adjust(None, bias, |adjust| adjust.shifted_along(axis, &shifts))?;
            let size = (shifts.iter().map(|x| x * x).sum::<f64>() / units.max(1) as f64).sqrt();
            let text = format!("{name}: takes from {} what the mean of its input makes", layer.name);
            network.because(bias, text, size);
            params.push(network.params()[bias].name.clone());
        }
        _ => outcome.notes.push(format!("{} has no bias that is drawn: its input stays off centre", layer.name)),
    }
    Ok((params, factor))
}

/// Changes the weights; the root mean square of what they are multiplied by.
fn apply(network: &mut Network<'_>, weight: usize, along: usize, folded: &Folded) -> Result<f64, Error> {
    let rank = network.params()[weight].shape.len();
    match &folded.change {
        Fold::Scale(factors) => {
            network.adjust(None, weight, |adjust| adjust.scaled_along(along, factors))?;
            Ok((factors.iter().map(|x| x * x).sum::<f64>() / factors.len().max(1) as f64).sqrt())
        }
        Fold::Mix(matrix) => {
            // All that a unit sees stands behind the axis of inputs, or is that axis alone.
            let end = if along + 1 < rank && along > 0 { rank } else { along + 1 };
            network.adjust(None, weight, |adjust| adjust.mixed([along, end], matrix))?;
            let n = (matrix.len() as f64).sqrt();
            Ok((matrix.iter().map(|x| x * x).sum::<f64>() / n).sqrt())
        }
    }
}
