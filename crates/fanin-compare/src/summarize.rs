//! [`summarize`]: from the outcomes that are there to a [`Comparison`].

use crate::bought::{Bought, bought};
use crate::cell::Cell;
use crate::comparison::{CaseSummary, Comparison, Metric, Row, Spot};
use crate::duel::Pair;
use crate::error::Error;
use crate::outcome::{Outcome, Point};
use crate::profile::LayerProfile;
use crate::standing::{Candidate, Judged, Judgement, Standing, judge, verdict};
use crate::statistics::Interval;
use crate::store::Store;
use crate::tuned::{Runs, choose};
use std::collections::BTreeMap;

/// Share of the way from an uninformed loss to the best one that counts as having arrived, where nobody gives a target.
const MOST_OF_THE_WAY: f64 = 0.9;

/// Reads whatever a folder has, and says what is missing. `target` is the accuracy (or loss) that steps are counted to;
/// without one, nine tenths of the best accuracy, or of the way to the best loss.
///
/// # Errors
/// If the list of cells cannot be read.
pub fn summarize(store: &Store, target: Option<f64>) -> Result<Comparison, Error> {
    let cells = store.cells()?;
    let (mut found, mut missing, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for cell in &cells {
        let id = cell.id();
        match store.get(&id)? {
            Some(Ok(outcome)) => found.push((cell, outcome)),
            Some(Err(fault)) => {
                missing.push(id);
                damaged.push(fault);
            }
            None => missing.push(id),
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for cell in &cells {
        if !names.contains(&cell.case.as_str()) {
            names.push(&cell.case);
        }
    }
    let case = |name: &&str| {
        let own: Vec<&(&Cell, Outcome)> = found.iter().filter(|(cell, _)| cell.case == **name).collect();
        summary(&own, target)
    };
    // The sum of nothing is −0.
    let seconds = found.iter().map(|(_, outcome)| outcome.seconds).sum::<f64>() + 0.0;
    let rows: f64 = found.iter().map(|(cell, outcome)| (cell.training.batch * outcome.steps) as f64).sum();
    Ok(Comparison {
        cases: names.iter().filter_map(case).collect(),
        cells: cells.len(),
        missing,
        damaged,
        seconds,
        rows_per_second: if seconds > 0.0 { rows / seconds } else { 0.0 },
    })
}

/// The runs of one strategy, one for each seed, at the rate that was chosen.
struct Chosen<'a> {
    name: &'a str,
    model: &'a str,
    runs: Vec<(u64, f64, &'a Outcome)>,
}

fn summary(found: &[&(&Cell, Outcome)], target: Option<f64>) -> Option<CaseSummary> {
    let (first, outcome) = found.first()?;
    let has_accuracy = outcome.test.accuracy.is_some();
    let metric = if has_accuracy { Metric::Accuracy } else { Metric::Loss };
    let chosen = strategies(found, metric);
    let candidates = candidates(&chosen, metric);
    let resolution = if has_accuracy { 1.0 / outcome.test_rows.max(1) as f64 } else { 0.0 };
    let Judgement { judged, pairs } = judge(&candidates, resolution);
    let target = target.or_else(|| usual_target(&chosen, &judged, metric, outcome.uninformed));
    let mut rows: Vec<Row> = (chosen.iter().zip(&candidates).zip(&judged))
        .map(|((chosen, candidate), judged)| row(chosen, candidate, &candidates, judged, metric, target))
        .collect();
    sort(&mut rows, metric);
    let mut seeds: Vec<u64> = found.iter().map(|(cell, _)| cell.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row.same_as.is_none() || row.standing == Standing::Failed)
        .map(|row| (row.strategy.as_str(), row.score, row.standing))
        .collect();
    let takes = |name: &str| found.iter().any(|(cell, _)| cell.strategy.name == name && cell.strategy.from.is_some());
    Some(CaseSummary {
        bought: all_bought(&rows, &chosen, &takes, metric, resolution),
        name: first.case.clone(),
        model: first.model.clone(),
        data: first.data.clone(),
        training: first.training.clone(),
        metric,
        parameters: outcome.parameters,
        uninformed: outcome.uninformed,
        target,
        tuned: found.iter().any(|(cell, _)| cell.training.holdout.is_some()),
        verdict: verdict(metric, seeds.len(), &told),
        pairs: pairs
            .into_iter()
            .map(|(a, b, found)| Pair { a: candidates[a].name.clone(), b: candidates[b].name.clone(), found })
            .collect(),
        seeds,
        rows,
    })
}

/// What each strategy that takes values has over the best of those that take none; `rows` stand with the best first.
fn all_bought(
    rows: &[Row],
    chosen: &[Chosen<'_>],
    takes: &dyn Fn(&str) -> bool,
    metric: Metric,
    resolution: f64,
) -> Vec<Bought> {
    let Some(fresh) = rows.iter().find(|row| !takes(&row.strategy)) else { return Vec::new() };
    let runs = |row: &Row| {
        let own = chosen.iter().find(|chosen| chosen.name == row.strategy);
        own.map_or_else(Vec::new, |own| own.runs.iter().map(|(seed, _, run)| (*seed, *run)).collect::<Vec<_>>())
    };
    let one = |row: &&Row| takes(&row.strategy);
    let told = |row: &Row| bought([row, fresh], [&runs(row), &runs(fresh)], metric, resolution);
    rows.iter().filter(one).map(told).collect()
}

fn strategies<'a>(found: &[&'a (&'a Cell, Outcome)], metric: Metric) -> Vec<Chosen<'a>> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    let mut all: BTreeMap<&str, Runs<'a>> = BTreeMap::new();
    for (cell, outcome) in found {
        let name = cell.strategy.name.as_str();
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, &cell.model));
        }
        all.entry(name).or_default().entry(cell.seed).or_default().insert(cell.training.rate.to_bits(), outcome);
    }
    let runs = |name: &str| choose(&all[name], metric == Metric::Accuracy);
    names.into_iter().map(|(name, model)| Chosen { name, model, runs: runs(name) }).collect()
}

fn score(outcome: &Outcome, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Accuracy => outcome.test.accuracy,
        Metric::Loss => outcome.test.loss,
    }
}

fn candidates(chosen: &[Chosen<'_>], metric: Metric) -> Vec<Candidate> {
    let starts = |chosen: &Chosen<'_>| -> Vec<(u64, u64, String)> {
        chosen.runs.iter().map(|(seed, rate, run)| (*seed, rate.to_bits(), run.start_sha256.clone())).collect()
    };
    let mut all: Vec<Candidate> = Vec::new();
    for (at, own) in chosen.iter().enumerate() {
        let same = chosen[..at].iter().position(|other| starts(other) == starts(own));
        let runs = own.runs.iter();
        all.push(Candidate {
            name: own.name.to_owned(),
            scores: runs.map(|(seed, _, run)| (*seed, score(run, metric).map(|s| s * metric.sign()))).collect(),
            learned: own.runs.iter().filter(|(_, _, run)| run.learned()).count(),
            // The first of several equals stands for them.
            same_as: same.map(|same| all[same].same_as.unwrap_or(same)),
        });
    }
    all
}

/// Nine tenths of what the best strategy reaches.
fn usual_target(chosen: &[Chosen<'_>], judged: &[Judged], metric: Metric, uninformed: Option<f64>) -> Option<f64> {
    let best = judged.iter().position(|judged| judged.standing == Standing::Best)?;
    let mean = Interval::of_some(chosen[best].runs.iter().map(|(_, _, run)| score(run, metric)))?.mean;
    match metric {
        Metric::Accuracy => Some(MOST_OF_THE_WAY * mean),
        Metric::Loss => uninformed.map(|start| start + MOST_OF_THE_WAY * (mean - start)),
    }
}

fn row(
    chosen: &Chosen<'_>,
    candidate: &Candidate,
    candidates: &[Candidate],
    judged: &Judged,
    metric: Metric,
    target: Option<f64>,
) -> Row {
    let runs: Vec<&Outcome> = chosen.runs.iter().map(|(_, _, run)| *run).collect();
    let over = |of: &dyn Fn(&Outcome) -> Option<f64>| Interval::of_some(runs.iter().map(|run| of(run)));
    let reached = |run: &Outcome| target.and_then(|target| run.reached(target, metric == Metric::Accuracy));
    Row {
        strategy: chosen.name.to_owned(),
        model: chosen.model.to_owned(),
        standing: judged.standing,
        same_as: candidate.same_as.map(|same| candidates[same].name.clone()),
        seeds: runs.len(),
        learned: candidate.learned,
        diverged: runs.iter().filter(|run| run.diverged.is_some()).count(),
        rates: rates(chosen),
        score: over(&|run| score(run, metric)),
        test_accuracy: over(&|run| run.test.accuracy),
        test_loss: over(&|run| run.test.loss),
        train_accuracy: over(&|run| run.train.accuracy),
        train_loss: over(&|run| run.train.loss),
        gap: over(&|run| match metric {
            Metric::Accuracy => Some(run.train.accuracy? - run.test.accuracy?),
            Metric::Loss => Some(run.test.loss? - run.train.loss?),
        }),
        steps_to_target: over(&|run| reached(run).map(|(step, _)| step as f64)),
        seconds_to_target: over(&|run| reached(run).map(|(_, seconds)| seconds)),
        reached: runs.iter().filter(|run| reached(run).is_some()).count(),
        seconds: over(&|run| Some(run.seconds)),
        to_best: judged.to_best,
        curve: curve(&runs),
        before: profile(&runs, |run| &run.profile_before),
        after: profile(&runs, |run| &run.profile_after),
        plans: runs.iter().map(|run| run.plan.clone()).collect(),
        notes: runs.first().map_or(Vec::new(), |run| run.notes.clone()),
    }
}

/// The learning rates that were chosen, the most frequent first.
fn rates(chosen: &Chosen<'_>) -> Vec<f64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for (_, rate, _) in &chosen.runs {
        *counts.entry(rate.to_bits()).or_default() += 1;
    }
    let mut rates: Vec<(u64, usize)> = counts.into_iter().collect();
    rates.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    rates.into_iter().map(|(rate, _)| f64::from_bits(rate)).collect()
}

fn curve(runs: &[&Outcome]) -> Vec<Spot> {
    let mut steps: Vec<u64> = runs.iter().flat_map(|run| run.curve.iter().map(|point| point.step)).collect();
    steps.sort_unstable();
    steps.dedup();
    let spot = |&step: &u64| {
        let points = || runs.iter().filter_map(|run| run.curve.iter().find(|point| point.step == step));
        let over = |of: fn(&Point) -> Option<f64>| Interval::of_some(points().map(of));
        Spot {
            step,
            loss: over(|point| point.loss),
            test_loss: over(|point| point.test.loss),
            test_accuracy: over(|point| point.test.accuracy),
        }
    };
    steps.iter().map(spot).collect()
}

/// The mean of profiles, by the logarithm: what scales differ by is factors.
fn profile(runs: &[&Outcome], of: impl Fn(&Outcome) -> &Vec<LayerProfile>) -> Vec<LayerProfile> {
    let Some(first) = runs.first() else { return Vec::new() };
    let mean = |values: Vec<f64>| {
        let positive: Vec<f64> = values.into_iter().filter(|&v| v > 0.0).map(f64::ln).collect();
        (!positive.is_empty()).then(|| (positive.iter().sum::<f64>() / positive.len() as f64).exp())
    };
    let at = |i: usize, value: fn(&LayerProfile) -> Option<f64>| {
        mean(runs.iter().filter_map(|run| of(run).get(i)).filter_map(value).collect())
    };
    let layer = |(i, layer): (usize, &LayerProfile)| LayerProfile {
        name: layer.name.clone(),
        forward: at(i, |layer| layer.forward),
        backward: at(i, |layer| layer.backward),
    };
    of(first).iter().enumerate().map(layer).collect()
}

/// The best first, those that failed last.
fn sort(rows: &mut [Row], metric: Metric) {
    let key = |row: &Row| {
        let class = match row.standing {
            Standing::Best => 0,
            Standing::Failed => 2,
            _ => 1,
        };
        (class, row.score.map_or(f64::INFINITY, |score| -metric.sign() * score.mean))
    };
    rows.sort_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
}
