//! Layers that learn at one rate: scales are moved between parameters, and what the network computes stays.

use super::bend::seen;
use super::least::{Found, Least};
use super::passage::{Form, Passage, added};
use super::units::weight;
use super::{Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{Moments, head, normal};
use fanin::Layer;
use fanin::graph::ValueId;
use fanin::numerics::{exp, ln};
use std::collections::{BTreeMap, BTreeSet};

/// How long and how far layers are balanced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Batches whose gradients are averaged.
    pub(super) batches: u64,
    /// Rounds.
    pub(super) rounds: usize,
    /// The largest relative difference of a rate from the geometric mean.
    pub(super) tolerance: f64,
}

/// A layer whose rate counts: with its weight, and the value of that in the graph.
struct Rated {
    layer: Layer,
    weight: usize,
    value: ValueId,
}

/// Factors of a round: by e^2 at most, since exponents are measured where a function stands.
const FARTHEST: f64 = 2.0;
/// How often a round that went too far is halved.
const HALVINGS: usize = 3;

/// Brings √(mean g²/mean w²) of all layers together.
///
/// # Errors
/// If nothing can be moved, a gradient does not arrive, or a node cannot be run.
pub(super) fn balance(
    network: &mut Network<'_>,
    data: &mut dyn Source,
    progress: Progress<'_>,
    limits: Limits,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let rated = rated(network);
    if rated.len() < 2 {
        return Err(refusal(network, &rated, &Passage::of(network, &BTreeMap::new()).ends));
    }
    let mut scales = Start::default();
    let mut totals: BTreeMap<usize, f64> = BTreeMap::new();
    let mut rates = rates(network, data, &rated, limits, outcome)?;
    let (start, mut rounds) = (spread(&rates), 0);
    while rounds < limits.rounds {
        progress(rounds, limits.rounds);
        let step = step(network, data, &rated, &rates, &mut scales, outcome)?;
        let (now, even) = (spread(&rates), spread(&rates) <= limits.tolerance);
        // Less than a hundredth is no reason to go on: they are as equal as they can be.
        let stuck = even || spread(&step.found.aims.iter().map(|&aim| exp(aim)).collect::<Vec<_>>()) > 0.99 * now;
        if stuck && step.drift <= limits.tolerance {
            break;
        }
        rounds += 1;
        // What brings the output back may cost as much as the tolerance allows.
        let most = if stuck { now.max(limits.tolerance) } else { now };
        match walk(network, data, &rated, (&step, most), limits, (&mut totals, outcome))? {
            Some(better) => rates = better,
            None => break,
        }
    }
    tell(network, data, &rated, &totals, &Told { start, end: spread(&rates), rounds, limits }, outcome);
    Ok(())
}

/// Takes a step, or as much of it as leaves the rates less apart than `most`; their values then. Takes nothing of one that
/// goes the wrong way.
fn walk(
    network: &mut Network<'_>,
    data: &mut dyn Source,
    rated: &[Rated],
    (step, most): (&Step, f64),
    limits: Limits,
    (totals, outcome): (&mut BTreeMap<usize, f64>, &mut Outcome),
) -> Result<Option<Vec<f64>>, Error> {
    let longest = step.found.values.iter().fold(0.0f64, |longest, t| longest.max(t.abs()));
    let mut taken = (FARTHEST / longest).min(1.0);
    apply(network, step, taken, totals)?;
    for _ in 0..=HALVINGS {
        let now = rates(network, data, rated, limits, outcome)?;
        if spread(&now) <= most {
            return Ok(Some(now));
        }
        apply(network, step, -taken / 2.0, totals)?;
        taken /= 2.0;
    }
    apply(network, step, -taken, totals)?;
    Ok(None)
}

/// Every layer with a weight of its own that its output grows with.
fn rated(network: &Network<'_>) -> Vec<Rated> {
    let one = |layer: &Layer| {
        let weight = weight(network, layer).ok()?;
        Some(Rated { layer: layer.clone(), weight, value: network.value(weight)? })
    };
    network.layers().iter().filter_map(one).collect()
}

/// Where gradients start: before a last softmax or sigmoid.
fn top(network: &Network<'_>) -> Option<ValueId> {
    head(network.graph()).map(|(value, _)| value).or_else(|| network.layers().last().map(|layer| layer.output))
}

/// The scales that have to stay, as they were at first.
#[derive(Default)]
struct Start {
    at: BTreeMap<ValueId, f64>,
}

/// A step that would make the rates equal.
struct Step {
    /// The parameters that it changes.
    unknowns: Vec<usize>,
    found: Found,
    /// The largest relative difference of a scale that should have stayed.
    drift: f64,
}

fn step(
    network: &Network<'_>,
    data: &mut dyn Source,
    rated: &[Rated],
    rates: &[f64],
    start: &mut Start,
    outcome: &mut Outcome,
) -> Result<Step, Error> {
    let watched = Passage::of(network, &BTreeMap::new()).fixed;
    let top = top(network).ok_or_else(|| refusal(network, rated, &BTreeSet::new()))?;
    let seen = seen(network, data, &[watched, vec![top]].concat())?;
    outcome.passes += 1;
    for (&id, &scale) in &seen.scales {
        start.at.entry(id).or_insert(scale);
    }
    let passage = Passage::of(network, &seen.bends);
    let gradients = passage.gradients(network.graph(), &seen.bends, top);
    let n = passage.unknowns.len();
    let dense = |form: &Form| (0..n).map(|i| form.get(&i).copied().unwrap_or(0.0)).collect::<Vec<f64>>();
    // What has drifted since the start is brought back.
    let drift = |id: &ValueId| {
        let (then, now) = (start.at.get(id)?, seen.scales.get(id)?);
        Some(ln(then / now)).filter(|drift| drift.is_finite())
    };
    let fixed = passage.fixed.iter().chain([&top]);
    let fixed: Vec<(Vec<f64>, f64)> = fixed.map(|id| (dense(&passage.form(*id)), drift(id).unwrap_or(0.0))).collect();
    let moves = |form: &[f64]| form.iter().any(|&x| x != 0.0);
    let drift = fixed.iter().filter(|(form, _)| moves(form)).fold(0.0f64, |most, (_, drift)| most.max(drift.abs()));
    let bonds = passage.bonds.iter().map(|bond| (dense(bond), 0.0)).chain(fixed).collect();
    let aims =
        rated.iter().zip(rates).map(|(one, &rate)| (dense(&changes(network, &passage, &gradients, one)), ln(rate)));
    let found = Least { unknowns: n, bonds, aims: aims.collect() }.solve();
    if !found.movable {
        return Err(refusal(network, rated, &passage.ends));
    }
    Ok(Step { unknowns: passage.unknowns, found, drift })
}

/// How the logarithm of a layer's rate changes: with its input's scale and its gradient's, against its own.
fn changes(network: &Network<'_>, passage: &Passage, gradients: &BTreeMap<ValueId, Form>, one: &Rated) -> Form {
    let node = network.graph().node(one.layer.node);
    let input = one.layer.input.map(|id| passage.form(id)).unwrap_or_default();
    let back = node.output(0).and_then(|id| gradients.get(&id)).cloned().unwrap_or_default();
    let own = passage.unknown(one.value).map(|at| Form::from([(at, 1.0)])).unwrap_or_default();
    added(added(input, &back, 1.0), &own, -1.0)
}

/// Says that nothing passes from a layer to another, and where it ends.
fn refusal(network: &Network<'_>, rated: &[Rated], ends: &BTreeSet<String>) -> Error {
    let at = rated.first().map_or("", |one| one.layer.name.as_str());
    let ends = ends.iter().cloned().collect::<Vec<_>>().join(", ");
    let ends = if ends.is_empty() { String::new() } else { format!("; scales end at {ends}") };
    let others = network.layers().len() - rated.len();
    let others = if others > 0 { format!(" ({others} more have none that can be moved)") } else { String::new() };
    let wrong = format!("no factor can be moved from one of {} layers to another{others}{ends}", rated.len());
    let expected = "two layers or more that a scale passes between";
    network.refuse(at, wrong, expected, "Take `krahenbuhl(balance=false)`, or `lsuv`.")
}

fn apply(network: &mut Network<'_>, step: &Step, by: f64, totals: &mut BTreeMap<usize, f64>) -> Result<(), Error> {
    for (&param, &value) in step.unknowns.iter().zip(&step.found.values) {
        // What the ridge leaves of nothing is nothing.
        if (value * by).abs() > 1e-9 {
            network.adjust(None, param, |adjust| Ok(adjust.scaled(exp(value * by))))?;
            *totals.entry(param).or_default() += value * by;
        }
    }
    Ok(())
}

/// √(mean g²/mean w²) of each layer's weight.
fn rates(
    network: &Network<'_>,
    data: &mut dyn Source,
    rated: &[Rated],
    limits: Limits,
    outcome: &mut Outcome,
) -> Result<Vec<f64>, Error> {
    let ids: BTreeSet<ValueId> = rated.iter().map(|one| one.value).collect();
    let top = top(network).ok_or_else(|| refusal(network, rated, &BTreeSet::new()))?;
    let batches = limits.batches.max(1);
    let mut sums = vec![0.0; rated.len()];
    for batch in 0..batches {
        let mut trace = network.run_back(&data.inputs(batch)?, ids.clone())?;
        let spec = trace.value(top)?.spec();
        let seed = normal(&spec.shape, batch, "gradient of the output").cast(spec.dtype)?;
        let gradients = trace.backward(&[(top, seed)])?;
        for (sum, one) in sums.iter_mut().zip(rated) {
            *sum += gradients.get(one.value).map_or(0.0, |gradient| Moments::of(gradient).second);
        }
        outcome.passes += 1;
    }
    let rate = |(sum, one): (&f64, &Rated)| {
        let weight = network.constants().get(one.value).map_or(0.0, |weight| Moments::of(weight).second);
        let rate = (sum / batches as f64 / weight).sqrt();
        if rate.is_finite() && rate > 0.0 {
            return Ok(rate);
        }
        let wrong = format!("its gradient is {rate} of its weights");
        Err(network.refuse(&one.layer.name, wrong, "a gradient that arrives", "Take `balance=false`, or `lsuv`."))
    };
    sums.iter().zip(rated).map(rate).collect()
}

fn geometric(rates: &[f64]) -> f64 {
    exp(rates.iter().map(|&r| ln(r)).sum::<f64>() / rates.len().max(1) as f64)
}

/// The largest relative difference from the geometric mean.
fn spread(rates: &[f64]) -> f64 {
    let mean = geometric(rates);
    rates.iter().fold(0.0f64, |m, r| m.max((r / mean - 1.0).abs()))
}

/// What is told in the end.
struct Told {
    start: f64,
    end: f64,
    rounds: usize,
    limits: Limits,
}

fn tell(
    network: &mut Network<'_>,
    data: &dyn Source,
    rated: &[Rated],
    totals: &BTreeMap<usize, f64>,
    told: &Told,
    outcome: &mut Outcome,
) {
    let (rounds, end) = (told.rounds, figure(told.end));
    for (&param, &total) in totals {
        let factor = exp(total);
        let layer = rated.iter().find(|one| one.weight == param).map(|one| &one.layer.name);
        let text = match layer {
            Some(layer) => format!(
                "krahenbuhl: {layer} is multiplied by {}, so that √(mean g²/mean w²) of all layers lies within {end} of \
                 their mean, after {rounds} rounds of {} batches of {}",
                figure(factor),
                told.limits.batches,
                data.name(),
            ),
            None => format!(
                "krahenbuhl: multiplied by {}, so that the factors of the layers beside it change no output",
                figure(factor)
            ),
        };
        network.because(param, text, factor);
    }
    outcome.notes.push(format!(
        "balanced {} layers in {rounds} rounds: their rates differed by {} from the mean, and do by {end}",
        rated.len(),
        figure(told.start),
    ));
    if told.end > told.limits.tolerance {
        outcome.reached = false;
        let why = if rounds < told.limits.rounds { "no scale that is left to move" } else { "no further round" };
        outcome.notes.push(format!("{why} brings their rates within {} of the mean", told.limits.tolerance));
    }
}
