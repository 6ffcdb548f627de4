//! Gradients on their way back, and what an update would do.

use super::{Judge, shown};
use crate::numerics::{exp, ln};
use crate::report::{Finding, Healthy, Name, Report};

/// Below this ratio the first layers hardly learn, above its inverse steps are of any size.
const LEAST: f64 = 1e-3;
/// Growth for each layer above which small differences of the input blow up.
const CHAOS: f64 = 1.1;
/// Shorter networks have no rate.
const SHORTEST: usize = 10;
/// One learning rate does not fit layers that are further apart than this.
const MOST_UNEVEN: f64 = 1e3;

pub(super) fn judge(judge: &Judge<'_>, report: &Report, unstable: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let gradient = gradient(judge, unstable);
    if gradient.is_none() && !unstable {
        findings.extend(uneven(judge));
    }
    findings.extend(gradient);
    findings.extend(conditioned(judge, report));
    findings
}

fn gradient(judge: &Judge<'_>, unstable: bool) -> Option<Finding> {
    let energy = |at: usize| judge.rows[at].gradient_energy.filter(|g| g.is_finite());
    // A layer of constants lets no gradient through: what stands before it is not judged.
    let sound = |at: &usize| !judge.measured.constant[*at];
    let last = (0..judge.rows.len()).rev().filter(sound).find(|&at| energy(at).is_some_and(|g| g > 0.0))?;
    let roots = (0..last).filter(sound).filter(|&at| judge.measured.layers[at].sources.is_empty());
    let first = roots.filter_map(|at| energy(at).map(|g| (at, g))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if judge.measured.constant[first.0..=last].iter().any(|&constant| constant) {
        return None;
    }
    let value = first.1 / energy(last)?;
    let (length, excuse) = judge.ways[last];
    let (low, high) = (LEAST * excuse.shrinks(), excuse.factor() / LEAST);
    let rate = if value > 0.0 { exp(ln(value) / (length.max(2) - 1) as f64) } else { 0.0 };
    let chaotic = !unstable && rate > CHAOS && length >= SHORTEST && value > 10.0 * excuse.factor() && saturates(judge);
    let name = if chaotic {
        Name::Chaotic
    } else if value < low {
        Name::VanishingGradient
    } else if value > high {
        Name::ExplodingGradient
    } else {
        return None;
    };
    let text = format!(
        "Of a gradient with the energy {} at {}, {} arrives at {}: ×{} a layer.",
        shown(energy(last)?),
        judge.rows[last].name,
        shown(first.1),
        judge.rows[first.0].name,
        shown(rate)
    );
    let finding = Finding::new(name, judge.rows[first.0].name.clone()).text(text);
    let remedy = if chaotic {
        judge.commands.set(&[format!("{}=orthogonal", super::pattern(&judge.measured.weights[first.0]))])
    } else {
        judge.other_scale(0..judge.rows.len())
    };
    Some(
        match name {
            Name::Chaotic => finding.value(rate),
            _ => finding.value(value).healthy(Healthy::between(low, high)),
        }
        .remedy(remedy),
    )
}

/// Whether most activations bound the signal, so that it keeps its scale while differences grow.
fn saturates(judge: &Judge<'_>) -> bool {
    let follows: Vec<bool> =
        judge.rows.iter().filter_map(|row| Some(super::is_bounded(row.follows?.activation))).collect();
    2 * follows.iter().filter(|&&bounded| bounded).count() > follows.len()
}

/// The head is left out: it starts small on purpose, and relative to little any gradient is large.
fn uneven(judge: &Judge<'_>) -> Option<Finding> {
    let before = judge.rows.split_last()?.1;
    let ratios = before
        .iter()
        .filter_map(|row| Some((row.name.clone(), row.update_ratio.filter(|r| r.is_finite() && *r > 0.0)?)));
    let mut ratios: Vec<(String, f64)> = ratios.collect();
    ratios.sort_by(|a, b| a.1.total_cmp(&b.1));
    let ((least, low), (most, high)) = (ratios.first()?.clone(), ratios.last()?.clone());
    let value = high / low;
    if value.is_nan() || value <= MOST_UNEVEN {
        return None;
    }
    let text = format!("Relative to its weights the gradient of {most} is {} times that of {least}.", shown(value));
    let finding = Finding::new(Name::UnevenUpdates, "").across(vec![least, most]).value(value).text(text);
    Some(finding.remedy(judge.other_scale(0..judge.rows.len())))
}

fn conditioned(judge: &Judge<'_>, report: &Report) -> Option<Finding> {
    let jacobian = report.jacobian.as_ref()?;
    let (largest, smallest) = (jacobian.largest?, jacobian.smallest.filter(|s| *s > 0.0)?);
    let excuse = judge.ways.last()?.1;
    let (value, high) = (largest / smallest, Name::IllConditioned.healthy().high? * excuse.factor());
    if value.is_nan() || value <= high {
        return None;
    }
    let text = format!("Its singular values lie between {} and {}.", shown(smallest), shown(largest));
    let head = judge.rows.last()?.name.clone();
    let finding = Finding::new(Name::IllConditioned, head).value(value).healthy(Healthy::below(high)).text(text);
    Some(finding.remedy(judge.every_direction(0..judge.rows.len(), judge.commands)))
}
