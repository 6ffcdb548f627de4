//! Data-dependent initialization unit by unit: mean 0 and variance 1 of every unit's output.

use super::units::{axis_of_size, bias, out_axis};
use super::walk::{self, Words};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{Moments, by_index};
use crate::trace::Trace;
use fanin::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gives the output of every unit mean 0 and variance 1, layer after layer, with a factor and a bias for each unit.
///
/// It is what a batch normalization would do at the start, done once and kept in the weights. Made for weight
/// normalization, where the factor is g and the weights' own scale does not matter; in a plan g follows from the lengths of
/// v, so the same factor of v does it, and plain layers get it as well. With few samples the statistics of a unit are rough:
/// give at least a hundred.
///
/// Formula: per unit, W ← W·s, b ← (b − μ)·s with s = scale/√(σ² + ε); μ, σ² of the unit's output over batch and places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeightNorm {
    /// The standard deviation that each unit gets.
    pub scale: f64,
    /// ε, added to a variance.
    pub epsilon: f64,
}

impl Default for WeightNorm {
    fn default() -> WeightNorm {
        WeightNorm { scale: 1.0, epsilon: 1e-10 }
    }
}

impl Calibration for WeightNorm {
    const ABOUT: About = About {
        name: "weight_norm",
        formula: "per unit: W ← W·s, b ← (b − μ)·s, s = scale/√(σ² + ε)",
        source: fanin::methods::Source {
            authors: "Salimans, Kingma",
            year: 2016,
            at: "arXiv:1602.07868",
            place: "data-dependent initialization of parameters",
        },
        when: "For weight-normalized networks, and where units of one layer differ much.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let each = Unitwise { name: Self::ABOUT.name, scale: self.scale, mean: 0.0, epsilon: self.epsilon };
        each.run(network, data, progress)
    }
}

/// The unit-by-unit pass that several methods have.
pub(super) struct Unitwise {
    /// Whose name the reasons bear.
    pub(super) name: &'static str,
    /// The standard deviation of each unit.
    pub(super) scale: f64,
    /// The mean of each unit.
    pub(super) mean: f64,
    /// Added to a variance.
    pub(super) epsilon: f64,
}

const WORDS: Words = Words {
    normalized: "a normalization behind it does the same",
    expected: "a layer whose units have weights of their own",
    remedy: "Take `lsuv`, or draw what is kept with `--set`.",
};

impl Unitwise {
    pub(super) fn run(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        if !(self.scale > 0.0 && self.scale.is_finite() && self.mean.is_finite() && self.epsilon >= 0.0) {
            let wrong = format!("scale={}, mean={}, epsilon={}", self.scale, self.mean, self.epsilon);
            return Err(network.refuse("", wrong, "a positive scale, and finite numbers", "Mend the call."));
        }
        let (inputs, name) = (data.inputs(0)?, data.name());
        let mut trace = network.run(&inputs)?;
        walk::layers(network, progress, &WORDS, &mut |network, layer, weight, outcome| {
            let left_alone = self.layer(network, &mut trace, layer, weight, &name, outcome)?;
            outcome.passes += if left_alone.is_none() { 2 } else { 0 };
            trace.thin();
            Ok(left_alone)
        })
    }

    /// Changes one layer; says why not, if its units cannot be changed apart.
    fn layer(
        &self,
        network: &mut Network<'_>,
        trace: &mut Trace<'_>,
        layer: &Layer,
        weight: usize,
        data: &str,
        outcome: &mut Outcome,
    ) -> Result<Option<String>, Error> {
        let output = trace.value(layer.output)?;
        let Some(axis) = layer.axis.of(output.rank()) else { return Ok(Some("its output has no units".to_owned())) };
        let (all, units) = (Moments::of(output), by_index(output, axis));
        let Some(along) = out_axis(&network.params()[weight], units.len()) else {
            return Ok(Some("its units share weights, or its axes are not known".to_owned()));
        };
        check(network, layer, &units)?;
        let factors: Vec<f64> = units.iter().map(|unit| self.scale / (unit.variance() + self.epsilon).sqrt()).collect();
        let shifts: Vec<f64> = units.iter().zip(&factors).map(|(unit, s)| self.mean - unit.mean * s).collect();
        network.adjust(Some(trace), weight, |adjust| adjust.scaled_along(along, &factors))?;
        let bias = bias(network, layer, units.len());
        if let Some(bias) = bias {
            let axis = axis_of_size(&network.params()[bias].shape, units.len()).unwrap_or(0);
            // A bias of zeros stays zero under factors: the plan need not hold them.
            let zero = network.is_zero(bias);
            network.adjust(Some(trace), bias, |adjust| {
                let adjust =
                    if zero && adjust.shift.is_none() { adjust } else { adjust.scaled_along(axis, &factors)? };
                adjust.shifted_along(axis, &shifts)
            })?;
        }
        let after = Moments::of(trace.value(layer.output)?);
        let mean = factors.iter().sum::<f64>() / factors.len().max(1) as f64;
        let (before, after) = (all.variance(), after.variance());
        let text = format!(
            "{}: a factor for each unit of {}, {} on average; its variance went from {} to {} in 2 passes over {data}",
            self.name,
            layer.name,
            figure(mean),
            figure(before),
            figure(after),
        );
        network.because(weight, text, mean);
        let mut params = vec![network.params()[weight].name.clone()];
        match bias {
            Some(bias) => {
                let shift = shifts.iter().map(|x| x * x).sum::<f64>() / shifts.len().max(1) as f64;
                let text = format!("{}: each unit of {} gets the mean {}", self.name, layer.name, self.mean);
                network.because(bias, text, shift.sqrt());
                params.push(network.params()[bias].name.clone());
            }
            None => outcome.notes.push(format!("{} has no bias that is drawn: its means stay", layer.name)),
        }
        outcome.changes.push(Change { at: layer.name.clone(), params, before, after, factor: mean, passes: 2 });
        Ok(None)
    }
}

/// Refuses units that are not finite, or the same for all samples.
fn check(network: &Network<'_>, layer: &Layer, units: &[Moments]) -> Result<(), Error> {
    let broken = units.iter().position(|unit| unit.non_finite > 0);
    if let Some(unit) = broken {
        let wrong = format!("unit {unit} is infinite or no number for some samples");
        let remedy = "Look at the data and at the kept weights: `fanin diagnose`.";
        return Err(network.refuse(&layer.name, wrong, "finite signals", remedy));
    }
    // A unit that is the same for all samples has no scale to be brought to.
    let flat = |unit: &Moments| unit.variance() <= 1e-12 * unit.second.max(f64::MIN_POSITIVE);
    if let Some(unit) = units.iter().position(flat) {
        let wrong = format!(
            "unit {unit} has the variance {:e} over the batch: it is dead, as {} of {} are",
            units[unit].variance(),
            units.iter().filter(|unit| flat(unit)).count(),
            units.len()
        );
        let remedy = "Give a larger batch, draw what stands before by `--recipe auto`, or take `lsuv`.";
        return Err(network.refuse(&layer.name, wrong, "units that vary", remedy));
    }
    Ok(())
}
