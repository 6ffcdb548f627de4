//! The calculation as reasons: what is predicted of each layer before and after.

use super::network::Network;
use super::tune::Change;
use crate::plan::{Plan, Reason};
use crate::signal::{Moment, Signal};
use std::collections::BTreeMap;

/// A figure with three digits.
pub(super) fn figure(x: f64) -> String {
    if x == 0.0 || (0.01..1000.0).contains(&x) { format!("{x:.3}") } else { format!("{x:.1e}") }
}

/// Applies the factors, with what was calculated.
pub(super) fn apply(plan: &mut Plan, changes: &BTreeMap<usize, Change>) {
    for (&param, change) in changes {
        let Some(decision) = plan.decisions.get_mut(param) else { continue };
        let adjust = std::mem::take(&mut decision.adjust);
        decision.adjust = adjust.scaled(change.factor);
        let text = format!(
            "{}; its output would have second moment {}, {} is wanted: × {}",
            change.goal.why,
            figure(change.before),
            figure(change.goal.second),
            change.factor
        );
        decision.reasons.push(Reason::new("signal", text).with(change.factor));
    }
}

/// Adds to each layer's weight what is predicted of its output, forward and backward, by the rules alone and now.
pub(super) fn predictions(plan: &mut Plan, net: &Network, before: &Signal, after: &Signal) {
    let mut rows: BTreeMap<usize, Vec<Reason>> = BTreeMap::new();
    for layer in &net.layers {
        let pair = |of: &dyn Fn(&Moment) -> Option<f64>| {
            let (old, new) = (before.at(layer.output).and_then(of), after.at(layer.output).and_then(of)?);
            let old = old.map_or_else(|| "?".to_owned(), figure);
            let text = if old == figure(new) { old } else { format!("{old} → {}", figure(new)) };
            Some((text, new))
        };
        let forward = pair(&|moment| Some(moment.second));
        let backward = pair(&|moment| moment.gradient);
        let reasons = [("forward", forward), ("backward", backward)];
        let reasons = reasons.into_iter().filter_map(|(about, pair)| {
            let (text, value) = pair?;
            Some(Reason::new(about, text).with(value))
        });
        let reasons: Vec<Reason> = reasons.collect();
        for &weight in &layer.weights {
            rows.entry(weight).or_insert_with(|| reasons.clone());
        }
    }
    for (weight, reasons) in rows {
        if let Some(decision) = plan.decisions.get_mut(weight) {
            decision.reasons.extend(reasons);
        }
    }
}
