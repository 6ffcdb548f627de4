//! What a network makes of different inputs: whether it can tell them apart, and whether its units are alive.

use super::{Judge, shown};
use crate::layer::Layer;
use crate::numerics::{exp, normal_cdf};
use crate::report::{Finding, Healthy, LayerRow, Name, Report};

/// Above this cosine nothing tells two inputs apart.
const ALIKE: f64 = 0.99;
/// Below this share of the possible directions features have collapsed, whatever their cosine.
const LEAST_RANK: f64 = 0.04;
/// Below this many samples a silent unit may be chance.
const FEWEST_SAMPLES: u64 = 16;
/// Where dead and saturated units are more than a blemish.
const MOST_DEAD: f64 = 0.3;
const MOST_SATURATED: f64 = 0.1;
/// Where attention is peaked beyond what the scale of a fresh model explains.
const LEAST_ENTROPY: f64 = 0.7;
/// Where the first steps only shrink the head.
const MOST_LOSS: f64 = 1.5;

pub(super) fn judge(judge: &Judge<'_>, report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    let collapsed = collapsed(judge);
    if collapsed.is_none() {
        findings.extend(narrow(judge));
    }
    findings.extend(collapsed);
    findings.extend(dead(judge));
    findings.extend(saturated(judge));
    findings.extend(overconfident(judge, report));
    findings.extend(peaked(judge, report));
    findings
}

/// Layers before the last whose measure is wrong, and the worst of these measures.
fn worst(
    judge: &Judge<'_>,
    measure: impl Fn(usize) -> Option<f64>,
    wrong: impl Fn(usize, f64) -> bool,
) -> Option<(Vec<String>, f64)> {
    let hit: Vec<(usize, f64)> = (0..judge.rows.len())
        .filter(|&at| !judge.measured.constant[at])
        .filter_map(|at| measure(at).map(|value| (at, value)))
        .filter(|&(at, value)| wrong(at, value))
        .collect();
    let value =
        hit.iter().map(|&(_, value)| value).reduce(|a, b| if (b - 0.5).abs() > (a - 0.5).abs() { b } else { a })?;
    Some((hit.iter().map(|&(at, _)| judge.rows[at].name.clone()).collect(), value))
}

fn collapsed(judge: &Judge<'_>) -> Option<Finding> {
    // Inputs that are alike themselves say nothing.
    let start = judge
        .rows
        .iter()
        .find_map(|row| row.cosine)
        .filter(|&cosine| cosine < Name::Collapsed.healthy().high.unwrap_or(1.0))?;
    let apart = told_apart_later(judge.rows, judge.measured.layers);
    // One number has no direction but its sign.
    let cosine = |at: usize| judge.rows[at].cosine.filter(|_| judge.rows[at].width > 1);
    let (all, value) = worst(judge, cosine, |at, cosine| cosine > ALIKE && !apart[at])?;
    let text = format!(
        "The cosine between different inputs rises from {} to {}: from {} on they look alike.",
        shown(start),
        shown(value),
        all[0]
    );
    let biased = judge.measured.layers.iter().any(|layer| layer.bias.is_some());
    let hint = if biased { " Biases that are drawn add the same to every input; zero ones do not." } else { "" };
    let remedy = judge.told_apart();
    Some(Finding::new(Name::Collapsed, "").across(all).value(value).text(text + hint).remedy(remedy))
}

/// For each layer: whether something behind it tells inputs apart again. A gate that reads the mean of a picture
/// (squeeze-and-excitation) hardly can, and need not: it only scales what can.
fn told_apart_later(rows: &[LayerRow], layers: &[Layer]) -> Vec<bool> {
    let high = Name::Collapsed.healthy().high.unwrap_or(1.0);
    let mut later = vec![false; rows.len()];
    for at in (0..rows.len()).rev() {
        let apart = later[at] || rows[at].cosine.is_some_and(|cosine| cosine < high);
        for &source in layers[at].sources.iter().filter(|_| apart) {
            later[source] = true;
        }
    }
    later
}

fn narrow(judge: &Judge<'_>) -> Option<Finding> {
    judge.rows.iter().find_map(|row| row.rank).filter(|&rank| rank > 0.3)?;
    let (all, value) = worst(judge, |at| judge.rows[at].rank, |_, rank| rank < LEAST_RANK)?;
    let text = format!("The features of the batch span {} of the directions that they could.", shown(value));
    Some(Finding::new(Name::RankCollapse, "").across(all).value(value).text(text).remedy(judge.told_apart()))
}

fn dead(judge: &Judge<'_>) -> Option<Finding> {
    if judge.measured.samples < FEWEST_SAMPLES {
        return None;
    }
    let limit = |at: usize| {
        let width = judge.rows[at].width.max(1) as f64;
        let chance = silent_by_chance(judge.rows[at].cosine_activated.unwrap_or(0.0), judge.measured.samples);
        MOST_DEAD.max(chance + 5.0 * (chance * (1.0 - chance) / width).sqrt())
    };
    let (all, value) = worst(judge, |at| judge.rows[at].dead, |at, dead| dead > limit(at))?;
    let at = judge.rows.iter().position(|row| row.name == all[0])?;
    let text = format!(
        "{:.0} % of the units of {} are off for every sample.",
        100.0 * judge.rows[at].dead.unwrap_or(value),
        all[0]
    );
    let healthy = Healthy::below(limit(at));
    Some(
        Finding::new(Name::Dead, "")
            .across(all)
            .value(value)
            .healthy(healthy)
            .text(text)
            .remedy(judge.other_scale(0..judge.rows.len())),
    )
}

/// The chance that a unit is at or below zero for all of so many inputs whose pre-activations have this cosine: inputs
/// that look alike turn the same units off.
///
/// # Formula
/// ∫ φ(u) Φ(−u√(c/(1−c)))ⁿ du: normal numbers with correlation c share the part u.
fn silent_by_chance(cosine: f64, samples: u64) -> f64 {
    const STEPS: usize = 400;
    let c = cosine.clamp(0.0, 1.0 - 1e-9);
    let slope = (c / (1.0 - c)).sqrt();
    let step = 16.0 / STEPS as f64;
    let at = |i: usize| {
        let u = -8.0 + (i as f64 + 0.5) * step;
        let all = power(normal_cdf(-u * slope), samples);
        0.398_942_280_401_432_7 * exp(-0.5 * u * u) * all * step
    };
    (0..STEPS).map(at).sum()
}

/// xⁿ by squaring.
fn power(mut x: f64, mut n: u64) -> f64 {
    let mut result = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            result *= x;
        }
        x *= x;
        n >>= 1;
    }
    result
}

fn saturated(judge: &Judge<'_>) -> Option<Finding> {
    let (all, value) = worst(judge, |at| judge.rows[at].saturated, |_, share| share > MOST_SATURATED)?;
    let text = format!("{:.0} % of the activations after {} lie in the flat part.", 100.0 * value, all[0]);
    let remedy = judge.measured_scale();
    Some(Finding::new(Name::Saturated, "").across(all).value(value).text(text).remedy(remedy))
}

fn overconfident(judge: &Judge<'_>, report: &Report) -> Option<Finding> {
    let loss = report.loss.as_ref().filter(|loss| loss.uninformed > 0.0)?;
    let value = loss.measured / loss.uninformed;
    // A signal that chance made large is no fault of the head; one that answers well as it is needs no excuse.
    let excused =
        judge.measured.excused_loss.map_or(loss.measured, |excused| excused.min(loss.measured)) / loss.uninformed;
    if excused.is_nan() || excused <= MOST_LOSS {
        return None;
    }
    let head = judge.rows.last()?;
    let text = format!(
        "The {} is {} where an answer that ignores the input has {}.",
        loss.kind,
        shown(loss.measured),
        shown(loss.uninformed)
    );
    let remedy = judge.commands.set(&[format!("{}=zeros", judge.measured.weights[judge.rows.len() - 1])]);
    Some(Finding::new(Name::HeadOverconfident, head.name.clone()).value(value).text(text).remedy(remedy))
}

fn peaked(judge: &Judge<'_>, report: &Report) -> Option<Finding> {
    let hit: Vec<_> = report.attention.iter().filter(|row| row.entropy < LEAST_ENTROPY).collect();
    let worst = hit.iter().min_by(|a, b| a.entropy.total_cmp(&b.entropy))?;
    let text = format!(
        "{} spreads over {} of what an even attention does; its largest score is {}.",
        worst.name,
        shown(worst.entropy),
        shown(worst.largest_score)
    );
    let all = hit.iter().map(|row| row.name.clone()).collect();
    Some(
        Finding::new(Name::PeakedAttention, "")
            .across(all)
            .value(worst.entropy)
            .text(text)
            .remedy(judge.commands.recipe("auto")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{NodeId, ValueId};
    use crate::layer::UnitAxis;

    #[test]
    fn a_gate_whose_product_tells_inputs_apart_has_not_collapsed() {
        let layer = |sources: &[usize]| Layer {
            name: String::new(),
            node: NodeId(0),
            op: "Conv".to_owned(),
            weights: Vec::new(),
            bias: None,
            input: None,
            output: ValueId(0),
            width: 8,
            axis: UnitAxis::Second,
            meets: None,
            sources: sources.to_vec(),
            before: Vec::new(),
            normalized: false,
            depth: 1,
        };
        let row = |cosine: f64| LayerRow { cosine: Some(cosine), ..LayerRow::default() };
        // A picture's layer, its gate, what reads their product, and a head behind which nothing comes.
        let layers = [layer(&[]), layer(&[0]), layer(&[0, 1]), layer(&[2])];
        assert_eq!(
            told_apart_later(&[row(0.1), row(0.999), row(0.2), row(0.999)], &layers),
            [true, true, false, false]
        );
        assert_eq!(told_apart_later(&[row(0.1), row(0.999), row(0.999), row(0.999)], &layers), [false; 4]);
    }

    #[test]
    fn silence_by_chance_is_an_orthant_probability() {
        assert!((silent_by_chance(0.0, 1) - 0.5).abs() < 1e-6);
        // Sheppard's formula for two: ¼ + arcsin(c)/2π.
        for c in [0.0, 0.3, 0.9, 0.99] {
            let expected = 0.25 + f64::asin(c) / std::f64::consts::TAU;
            assert!((silent_by_chance(c, 2) - expected).abs() < 1e-4, "{c}");
        }
        assert!(silent_by_chance(0.0, 64) < 1e-15);
        assert!(silent_by_chance(0.97, 512) > 0.2);
    }

    #[test]
    fn powers_are_products() {
        assert_eq!((power(2.0, 10), power(0.5, 0), power(3.0, 1)), (1024.0, 1.0, 3.0));
    }
}
