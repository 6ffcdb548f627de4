//! Layer-sequential unit variance.

use super::walk::{self, Words};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::Moments;
use crate::trace::Trace;
use fanin::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gives the output of every layer the variance 1, one layer after the other, with one factor for each weight.
///
/// The scale that a formula promises is that of wide layers, independent inputs and the activation that the formula knows.
/// Here it is measured instead, so it holds for any activation, any depth and any mix of operators. The paper starts from
/// orthonormal weights (`--set '*.weight=orthogonal'`); any plan will do. Only factors change: zeros on purpose, structures
/// and signs stay what they are. Layers whose scale a normalization takes away at once are left alone, and so are look-up
/// tables and recurrent cells, whose output does not grow with their weights.
///
/// What the next layers read stays at hand, and nothing else, so the whole costs little more than one forward pass, and no
/// more memory.
///
/// Formula: while |Var(z) − 1| > tolerance: W ← W/√Var(z), for at most `iterations` times; z = W·h + b over batch, units
/// and places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lsuv {
    /// How far from 1 a variance may be.
    pub tolerance: f64,
    /// How often a layer is measured and changed before it is given up.
    pub iterations: usize,
}

impl Default for Lsuv {
    fn default() -> Lsuv {
        Lsuv { tolerance: 0.1, iterations: 10 }
    }
}

impl Calibration for Lsuv {
    const ABOUT: About = About {
        name: "lsuv",
        formula: "W ← W/√Var(z), layer by layer, until |Var(z) − 1| ≤ tolerance",
        source: fanin::methods::Source {
            authors: "Mishkin, Matas",
            year: 2016,
            at: "arXiv:1511.06422",
            place: "algorithm 1",
        },
        when: "For deep networks without normalization, whatever their activations: the usual correction of a formula.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let sane = self.tolerance > 0.0 && self.tolerance.is_finite() && self.iterations > 0;
        if !sane {
            let wrong = format!("tolerance={}, iterations={}", self.tolerance, self.iterations);
            return Err(network.refuse("", wrong, "a positive tolerance and at least one iteration", "Mend the call."));
        }
        let (inputs, name) = (data.inputs(0)?, data.name());
        let mut trace = network.run(&inputs)?;
        walk::layers(network, progress, &WORDS, &mut |network, layer, weight, outcome| {
            self.layer(network, &mut trace, layer, weight, &name, outcome)?;
            // No layer behind changes what this one has read.
            trace.thin();
            Ok(None)
        })
    }
}

const WORDS: Words = Words {
    normalized: "a normalization behind it takes its scale away",
    expected: "a layer with a weight that decides its scale",
    remedy: "A network that normalizes behind each layer needs no calibration; draw what is kept with `--set`.",
};

impl Lsuv {
    fn layer(
        &self,
        network: &mut Network<'_>,
        trace: &mut Trace<'_>,
        layer: &Layer,
        weight: usize,
        data: &str,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        // A bias that an earlier calibration moved takes away what the weights make of the mean: it goes along with them.
        let moved = layer.bias.filter(|&bias| network.drawn(bias).is_some_and(|own| own.adjust.shift.is_some()));
        let (mut factor, mut passes) = (1.0, 1);
        let before = variance(network, trace, layer, factor)?;
        let mut now = before;
        while (now - 1.0).abs() > self.tolerance && passes <= self.iterations {
            let step = 1.0 / now.sqrt();
            network.adjust(Some(trace), weight, |adjust| Ok(adjust.scaled(step)))?;
            if let Some(bias) = moved {
                network.adjust(Some(trace), bias, |adjust| Ok(adjust.scaled(step)))?;
            }
            factor *= step;
            now = variance(network, trace, layer, factor)?;
            passes += 1;
        }
        let name = network.params()[weight].name.clone();
        let text = format!(
            "lsuv: the variance of {} went from {} to {} in {passes} passes over {}, tolerance {}; factor {}",
            layer.name,
            figure(before),
            figure(now),
            data,
            self.tolerance,
            figure(factor),
        );
        network.because(weight, text, factor);
        if (now - 1.0).abs() > self.tolerance {
            outcome.reached = false;
            outcome.notes.push(format!(
                "{} has the variance {} after {passes} passes: its bias has more than the weights can make up for",
                layer.name,
                figure(now)
            ));
        }
        outcome.passes += passes as u64;
        outcome.changes.push(Change {
            at: layer.name.clone(),
            params: vec![name],
            before,
            after: now,
            factor,
            passes: passes as u64,
        });
        Ok(())
    }
}

/// The variance of a layer's output over all of its elements.
fn variance(network: &Network<'_>, trace: &mut Trace<'_>, layer: &Layer, factor: f64) -> Result<f64, Error> {
    let moments = Moments::of(trace.value(layer.output)?);
    if moments.non_finite > 0 {
        let wrong = format!("{} elements of its output are infinite or no numbers", moments.non_finite);
        let remedy = "Look at the data and at the kept weights: `fanin diagnose`.";
        return Err(network.refuse(&layer.name, wrong, "finite signals", remedy));
    }
    let variance = moments.variance();
    // What is left of a constant after rounding is no variance.
    if variance <= 1e-12 * moments.second || !(1.0 / variance).is_finite() {
        let wrong =
            format!("its output has the variance {variance:e} after a factor of {}: it is dead", figure(factor));
        let remedy = "Mend what stands before it: draw it by `--recipe auto`, and see `fanin diagnose`.";
        return Err(network.refuse(&layer.name, wrong, "an output that varies", remedy));
    }
    Ok(variance)
}
