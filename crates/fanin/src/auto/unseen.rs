//! Choices without a graph: by roles, and what names show of depth, branches and heads.

use super::given::Given;
use super::target::HEAD;
use crate::axes::{Count, Fan};
use crate::param::Param;
use crate::plan::{Action, Adjust, Decision, Plan, Reason};
use crate::role::Role;
use crate::site::Site;
use std::collections::BTreeMap;

/// Scales what ends a branch by the number of branches, and heads to the uninformed loss.
pub(super) fn scales(plan: &mut Plan, free: &dyn Fn(&Param) -> bool, given: &Given) {
    let branches = branches(plan);
    for decision in &mut plan.decisions {
        let param = &decision.param;
        let matrix = param.role.value == Role::Weight && param.shape.len() >= 2;
        if !matrix || !matches!(decision.action, Action::Fill(_)) || !free(param) {
            continue;
        }
        let tower = param.place.block.as_ref().map(|block| block.value.tower.clone());
        let change = match tower.and_then(|tower| branches.get(&tower)) {
            Some(&(count, false)) if param.place.residual.is_some() => {
                let why = format!("S6: one of {count} branches of its tower, by the names: 1/√{count}");
                Some((1.0 / (count as f64).sqrt(), why))
            }
            _ if param.sites() == [Site::Head] => head(decision, given),
            _ => None,
        };
        let Some((factor, why)) = change else { continue };
        decision.adjust = std::mem::take(&mut decision.adjust).scaled(factor);
        decision.reasons.push(Reason::new("signal", why).with(factor));
    }
}

/// Matrices that write into the stream of each tower, and whether learned scales stand behind them.
fn branches(plan: &Plan) -> BTreeMap<String, (usize, bool)> {
    let mut found: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for param in plan.decisions.iter().map(|decision| &decision.param) {
        let Some(block) = &param.place.block else { continue };
        let own = found.entry(block.value.tower.clone()).or_default();
        let writes = param.place.residual.is_some();
        own.0 += usize::from(writes && param.role.value == Role::Weight && param.shape.len() >= 2);
        // A norm behind the end of a branch, or a learned scale, decides what the branch adds.
        own.1 |= param.role.value == Role::BranchScale || writes && param.role.value == Role::Scale;
    }
    found.retain(|_, (count, _)| *count > 0);
    found
}

/// The factor that gives logits the second moment of [`HEAD`] times the entropy, for inputs of second moment 1.
fn head(decision: &Decision, given: &Given) -> Option<(f64, String)> {
    let param = &decision.param;
    let fan = param.fan(Fan::In, Count::True).ok()?;
    let width = (param.count().ok()? as f64 / fan) as u64;
    let now = decision.variance.filter(|v| *v > 0.0)? * fan;
    let factor = (given.output(width) / now).sqrt();
    let why = format!("{}, if its inputs have second moment 1: {HEAD} of it", given.why_output(width));
    (factor < 1.0).then(|| (Adjust::default().scaled(factor).factor, why))
}
