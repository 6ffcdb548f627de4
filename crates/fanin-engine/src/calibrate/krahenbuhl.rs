//! Data-dependent initialization: units of one scale within each layer, and layers that learn at one rate.

use super::units::weight;
use super::weight_norm::Unitwise;
use super::{About, Calibration, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{Moments, normal};
use fanin::graph::{Graph, ValueId};
use fanin::{Layer, layer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Gives every unit the mean β and the variance 1, then balances the layers so that one learning rate moves all of them by
/// the same share.
///
/// The second step needs a chain of layers with functions between them that are positively homogeneous (rectifiers, pools):
/// there one layer may be scaled up and another down without changing what the network computes. Where something else stands
/// between, only the first step is done, and a note says so. Made for plain gradient descent; under Adam, whose steps do not
/// depend on the gradient's scale, the balance gains nothing.
///
/// Formula: (1) per unit: W ← W/σ, b ← (b − μ)/σ + β. (2) r = √(mean g² / mean w²) per weight, with a standard normal
/// gradient at the output; W ← W·√(r/C), C the geometric mean of all r, biases along, until all r are within 1 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Krahenbuhl {
    /// β: the mean of each unit.
    pub bias: f64,
    /// Whether layers are balanced.
    pub balance: bool,
    /// Batches whose gradients are averaged.
    pub batches: u64,
    /// Rounds of balancing.
    pub iterations: usize,
    /// Where balancing ends: the largest relative difference of a rate from the mean.
    pub tolerance: f64,
}

impl Default for Krahenbuhl {
    fn default() -> Krahenbuhl {
        Krahenbuhl { bias: 0.1, balance: true, batches: 10, iterations: 10, tolerance: 0.01 }
    }
}

impl Calibration for Krahenbuhl {
    const ABOUT: About = About {
        name: "krahenbuhl",
        formula: "per unit: mean β, variance 1; then √(mean g²/mean w²) equal over layers",
        source: fanin::methods::Source {
            authors: "Krähenbühl, Doersch, Donahue, Darrell",
            year: 2016,
            at: "arXiv:1511.06856",
            place: "algorithms 1 and 2; β, rounds and batches of the authors' code",
        },
        when: "For small convolutional networks of rectifiers under plain gradient descent.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let each = Unitwise { name: Self::ABOUT.name, scale: 1.0, mean: self.bias, epsilon: 0.0 };
        let mut outcome = each.run(network, data, progress)?;
        if !self.balance {
            return Ok(outcome);
        }
        match chain(network) {
            Ok(chain) => self.even(network, data, progress, &chain, &mut outcome)?,
            Err(why) => outcome.notes.push(format!("layers were not balanced: {why}")),
        }
        Ok(outcome)
    }
}

impl Krahenbuhl {
    fn even(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
        chain: &[(Layer, usize)],
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let mut totals = vec![1.0; chain.len()];
        let mut rates = self.rates(network, data, chain, outcome)?;
        let (start, mut rounds) = (spread(&rates), 0);
        while spread(&rates) > self.tolerance && rounds < self.iterations {
            progress(rounds, self.iterations);
            rounds += 1;
            let mean = geometric(&rates);
            // A bias adds to what all layers before it have been multiplied by.
            let mut product = 1.0;
            for (((layer, weight), rate), total) in chain.iter().zip(&rates).zip(&mut totals) {
                let factor = (rate / mean).sqrt();
                product *= factor;
                *total *= factor;
                network.adjust(None, *weight, |adjust| Ok(adjust.scaled(factor)))?;
                if let Some(bias) = layer.bias.filter(|&bias| network.drawn(bias).is_some()) {
                    network.adjust(None, bias, |adjust| Ok(adjust.scaled(product)))?;
                }
            }
            rates = self.rates(network, data, chain, outcome)?;
        }
        let spread = spread(&rates);
        let reached = spread <= self.tolerance;
        for ((layer, weight), total) in chain.iter().zip(&totals) {
            let text = format!(
                "krahenbuhl: {} is multiplied by {}, so that √(mean g²/mean w²) of all layers lies within {} of their mean, \
                 after {rounds} rounds of {} batches of {}",
                layer.name,
                figure(*total),
                figure(spread),
                self.batches,
                data.name(),
            );
            network.because(*weight, text, *total);
        }
        outcome.notes.push(format!(
            "balanced {} layers in {rounds} rounds: their rates differed by {} from the mean, and do by {}",
            chain.len(),
            figure(start),
            figure(spread)
        ));
        outcome.reached &= reached;
        Ok(())
    }

    /// √(mean g²/mean w²) of each layer's weight.
    fn rates(
        &self,
        network: &Network<'_>,
        data: &mut dyn Source,
        chain: &[(Layer, usize)],
        outcome: &mut Outcome,
    ) -> Result<Vec<f64>, Error> {
        let ids: Vec<ValueId> = chain.iter().filter_map(|(_, weight)| network.value(*weight)).collect();
        let top = chain.last().map_or(ValueId(0), |(layer, _)| layer.output);
        let mut sums = vec![0.0; chain.len()];
        for batch in 0..self.batches.max(1) {
            let mut trace = network.run_back(&data.inputs(batch)?, ids.iter().copied().collect::<BTreeSet<_>>())?;
            let spec = trace.value(top)?.spec();
            let seed = normal(&spec.shape, batch, "gradient of the output").cast(spec.dtype)?;
            let gradients = trace.backward(&[(top, seed)])?;
            for (sum, &id) in sums.iter_mut().zip(&ids) {
                *sum += gradients.get(id).map_or(0.0, |gradient| Moments::of(gradient).second);
            }
            outcome.passes += 1;
        }
        let rate = |((sum, &id), (layer, _)): ((&f64, &ValueId), &(Layer, usize))| {
            let weight = network.constants().get(id).map_or(0.0, |weight| Moments::of(weight).second);
            let rate = (sum / self.batches.max(1) as f64 / weight).sqrt();
            if rate.is_finite() && rate > 0.0 {
                return Ok(rate);
            }
            let wrong = format!("its gradient is {rate} of its weights");
            Err(network.refuse(&layer.name, wrong, "a gradient that arrives", "Take `balance=false`, or `lsuv`."))
        };
        sums.iter().zip(&ids).zip(chain).map(rate).collect()
    }
}

fn geometric(rates: &[f64]) -> f64 {
    (rates.iter().map(|r| r.ln()).sum::<f64>() / rates.len().max(1) as f64).exp()
}

/// The largest relative difference from the geometric mean.
fn spread(rates: &[f64]) -> f64 {
    let mean = geometric(rates);
    rates.iter().fold(0.0f64, |m, r| m.max((r / mean - 1.0).abs()))
}

/// The layers with their weights, if they form a chain of which a factor may move from one to another.
fn chain(network: &Network<'_>) -> Result<Vec<(Layer, usize)>, String> {
    let layers = network.layers();
    let mut chain = Vec::with_capacity(layers.len());
    for (at, layer) in layers.iter().enumerate() {
        let weight = weight(network, layer).map_err(|why| format!("{}: {why}", layer.name))?;
        let alone = if at == 0 { layer.sources.is_empty() } else { layer.sources == [at - 1] };
        if !alone {
            return Err(format!("{} does not follow one layer, but {}", layer.name, layer.sources.len()));
        }
        if at > 0 {
            homogeneous(network.graph(), layers[at - 1].output, layer)?;
        }
        chain.push((layer.clone(), weight));
    }
    let mut users: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, weight) in &chain {
        *users.entry(*weight).or_default() += 1;
    }
    if let Some((weight, _)) = users.iter().find(|(_, n)| **n > 1) {
        return Err(format!("`{}` is used twice", network.params()[*weight].name));
    }
    Ok(chain)
}

/// Whether f(a·z) = a·f(z) for a > 0 on the way from one layer's output to the next layer.
fn homogeneous(graph: &Graph, from: ValueId, to: &Layer) -> Result<(), String> {
    let mut at = to.input;
    while let Some(value) = at.filter(|&value| value != from) {
        let Some(node) = graph.node_before(value).map(|id| graph.node(id)) else { break };
        let plain = match node.op.as_str() {
            "Relu" | "LeakyRelu" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool" | "Dropout"
            | "ReduceMean" => true,
            op => layer::rearranges(op),
        };
        if !plain {
            return Err(format!("{} before {} is not positively homogeneous", node.op, to.name));
        }
        at = node.input(0);
    }
    Ok(())
}
