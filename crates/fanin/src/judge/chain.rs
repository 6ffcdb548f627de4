//! Signals that shrink or grow from layer to layer, and residual streams that grow.

use super::{Excuse, Judge, shown};
use crate::numerics::{exp, ln};
use crate::report::{Finding, Healthy, Name, Residual};
use std::collections::BTreeMap;

/// Shorter chains do not compound: what one layer does wrong is a matter of its weights.
const SHORTEST: usize = 4;

/// A layer's place in its chain: since the input, the last normalization, or a layer of constants.
#[derive(Clone, Copy)]
struct Link {
    root: usize,
    parent: Option<usize>,
    length: usize,
    excuse: Excuse,
    /// Whether two signals meet on the way: a residual sum.
    joined: bool,
}

pub(super) fn judge(judge: &Judge<'_>, residuals: &[Residual]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let growth = growth(judge, residuals);
    let links = links(judge);
    // Each chain is told by the place where it is furthest from healthy.
    let mut worst: BTreeMap<(Name, usize), (f64, Finding)> = BTreeMap::new();
    for end in (0..links.len()).filter(|&at| links[at].length >= SHORTEST) {
        let Some((excess, finding)) = chain(judge, &links, end) else { continue };
        let told_by_growth = finding.name == Name::Exploding && growth.is_some() && links[end].joined;
        let key = (finding.name, links[end].root);
        if !told_by_growth && worst.get(&key).is_none_or(|(other, _)| excess > *other) {
            worst.insert(key, (excess, finding));
        }
    }
    findings.extend(worst.into_values().map(|(_, finding)| finding));
    findings.extend(growth);
    findings
}

fn links(judge: &Judge<'_>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (at, layer) in judge.measured.layers.iter().enumerate() {
        // Behind constants, and behind functions that have cut the signal down to their bounds, a scale of its own begins.
        let live = |&before: &usize| !judge.measured.constant[before] && !is_cut(judge, before);
        let parent = layer.before.iter().copied().filter(live).max_by_key(|&before| links[before].length);
        let joined = layer.before.len() > 1;
        links.push(match parent.map(|parent| (parent, links[parent])) {
            Some((parent, link)) => Link {
                parent: Some(parent),
                length: link.length + 1,
                excuse: link.excuse.past(layer.width),
                joined: joined || link.joined,
                ..link
            },
            None => Link { root: at, parent: None, length: 1, excuse: Excuse::default().past(layer.width), joined },
        });
    }
    links
}

/// Whether the activation after a layer is bounded, and most of the signal lies beyond where it is linear.
fn is_cut(judge: &Judge<'_>, at: usize) -> bool {
    let row = &judge.rows[at];
    let bounded = row.follows.is_some_and(|follows| super::is_bounded(follows.activation));
    bounded && row.activated.is_some_and(|second| second > 1.0)
}

/// The way to `end`, root first.
fn path(links: &[Link], end: usize) -> Vec<usize> {
    let mut path = vec![end];
    while let Some(parent) = links[path[path.len() - 1]].parent {
        path.push(parent);
    }
    path.reverse();
    path
}

/// What is wrong with the way to `end`, and how far it is beyond its bound.
fn chain(judge: &Judge<'_>, links: &[Link], end: usize) -> Option<(f64, Finding)> {
    let last = judge.rows.len() - 1;
    // What the head makes of the signal is its own affair: it may be small on purpose.
    let path: Vec<usize> =
        path(links, end).into_iter().filter(|&at| at != last && !judge.measured.constant[at]).collect();
    let (&root, &end) = (path.first()?, path.last()?);
    let second = |at: usize| judge.rows[at].forward.filter(|q| q.is_finite());
    let start = second(root).filter(|&q| q > 0.0)?;
    let range = Name::Fading.healthy();
    let bounds = |at: usize| {
        let excuse = links[at].excuse;
        (range.low.unwrap_or(0.0) * excuse.shrinks(), range.high.unwrap_or(f64::INFINITY) * excuse.factor())
    };
    let beyond = |at: usize| {
        let ratio = second(at)? / start;
        let (low, high) = bounds(at);
        if ratio < low {
            Some(Name::Fading)
        } else if ratio > high {
            Some(Name::Exploding)
        } else {
            None
        }
    };
    let name = beyond(end)?;
    let (at, all): (usize, Vec<usize>) = {
        let all: Vec<usize> = path.iter().copied().filter(|&at| beyond(at) == Some(name)).collect();
        (*all.first()?, all)
    };
    let ratio = second(end)? / start;
    let (low, high) = bounds(end);
    let steps = (path.len() - 1).max(1) as f64;
    let rate = if ratio > 0.0 { exp(ln(ratio) / steps) } else { 0.0 };
    let text = format!(
        "From {} at {} to {} at {}: ×{} a layer. From {} on it is more than chance does in a network of these widths.",
        shown(start),
        judge.rows[root].name,
        shown(start * ratio),
        judge.rows[end].name,
        shown(rate),
        judge.rows[at].name,
    );
    let names = all.iter().map(|&at| judge.rows[at].name.clone()).collect();
    let finding = Finding::new(name, "")
        .across(names)
        .value(ratio)
        .healthy(Healthy::between(low, high))
        .text(text)
        .remedy(judge.other_scale(path.into_iter()));
    let excess = if name == Name::Fading { low / ratio } else { ratio / high };
    Some((if excess.is_nan() { 0.0 } else { excess }, finding))
}

/// The growth of a residual stream that no normalization keeps in bounds.
fn growth(judge: &Judge<'_>, residuals: &[Residual]) -> Option<Finding> {
    let sums: Vec<&Residual> = residuals.iter().filter(|sum| !sum.normalized && sum.branch.is_finite()).collect();
    let (first, last) = (sums.first()?, sums.last()?);
    let blocks = sums.len() as f64;
    // Variance before the first block: that of the sum without what the branch adds.
    let start = first.variance / (1.0 + first.branch);
    let value = last.variance / start;
    // Sums of a few blocks double without harm.
    let excuse = judge.ways.last().map_or(1.0, |(_, excuse)| excuse.factor());
    let high = blocks.max(10.0) * excuse;
    if value.is_nan() || value <= high {
        return None;
    }
    let text = format!(
        "Over {} blocks the stream's variance grows from {} to {}: branches add {} of it at the median.",
        sums.len(),
        shown(start),
        shown(last.variance),
        shown(median(sums.iter().map(|sum| sum.branch).collect())),
    );
    let all = sums.iter().map(|sum| sum.name.clone()).collect();
    let branches: Vec<usize> =
        (0..judge.rows.len() - 1).filter(|&at| judge.measured.layers[at].before.len() > 1).collect();
    let remedy = match branches.first() {
        Some(&at) => judge.commands.set(&[format!("{}=fixup", super::pattern(&judge.measured.weights[at]))]),
        None => judge.commands.recipe("auto"),
    };
    let finding = Finding::new(Name::ResidualGrowth, "").across(all).value(value).healthy(Healthy::below(high));
    Some(finding.text(text).remedy(remedy))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
