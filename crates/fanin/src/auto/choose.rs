//! Which call a parameter gets for where it stands: pairs and orthogonal weights for deep chains and narrow layers, learned
//! scales of branches, gates that stay open.

use super::chain::{Chain, Form};
use super::given::Given;
use super::network::{Network, is_scale};
use crate::axes::{Axis, Count, Fan};
use crate::call::Call;
use crate::error::Refusal;
use crate::graph::consume::is_norm;
use crate::param::Param;
use crate::plan::{Action, Decision, Laws, Plan, Reason};
use crate::role::Role;

/// Blocks up to which LayerScale starts at 0.1, and at 1e-5 (Touvron et al. 2021, arXiv:2103.17239, §3).
const LAYER_SCALE: [(u64, f64); 2] = [(18, 0.1), (24, 1e-5)];
/// LayerScale of deeper models.
const DEEPEST: f64 = 1e-6;

/// Width below which one draw of independent numbers differs much from the next: their singular values spread by 1/√width.
const NARROW: u64 = 128;
/// The methods of the recipe that draw independently.
const DRAWN: [&str; 3] = ["he", "glorot", "lecun"];

/// Gives a decision another call, with the reason; what cannot be resolved or does not fit is left as it is.
pub(super) fn give(decision: &mut Decision, text: &str, why: String) -> bool {
    let made = || -> Result<(Call, f64), Refusal> {
        let call: Call = text.parse()?;
        let laws = Laws::of(&decision.param, &call)?;
        laws.storable(decision.dtype)?;
        Ok((call, laws.variance()))
    };
    let Ok((call, variance)) = made() else { return false };
    decision.action = Action::Fill(call);
    decision.variance = Some(variance);
    decision.reasons.retain(|reason| reason.about != "formula");
    decision.reasons.push(Reason::new("structure", why).with(variance));
    true
}

/// Gives the weights of chains their form.
pub(super) fn chains(plan: &mut Plan, net: &Network, chains: &[Chain]) {
    for chain in chains.iter().filter(|chain| chain.form != Form::Drawn) {
        let before = plan.decisions.clone();
        let all = (0..chain.layers.len()).all(|at| {
            let text = chain.call(net, at);
            let weight = net.weight(chain.layers[at]);
            text.zip(weight).is_some_and(|(text, weight)| {
                plan.decisions.get_mut(weight).is_some_and(|decision| give(decision, &text, chain.why()))
            })
        });
        // Half a chain of pairs is worse than none.
        if !all {
            plan.decisions = before;
        }
    }
}

/// Gives the weights of narrow layers that no chain claims, and that would be drawn independently, orthogonal ones.
pub(super) fn narrow(plan: &mut Plan, net: &Network, chains: &[Chain], free: &dyn Fn(usize) -> bool) {
    let claimed = |layer: usize| chains.iter().any(|chain| chain.form != Form::Drawn && chain.layers.contains(&layer));
    for layer in 0..net.layers.len() {
        let Some(weight) = net.weight(layer).filter(|&weight| free(weight) && !claimed(layer)) else { continue };
        let Some(decision) = plan.decisions.get_mut(weight).filter(|_| !net.ends[layer].is_head) else { continue };
        let drawn = matches!(&decision.action, Action::Fill(call) if DRAWN.contains(&call.name.as_str()));
        let width = width(&decision.param).filter(|_| drawn && net.multiplies(layer));
        if let Some(width) = width.filter(|&width| width < NARROW) {
            let why = format!("P15: {width} numbers wide: orthogonal, since one draw differs much from the next");
            give(decision, "orthogonal", why);
        }
    }
}

/// The smaller of what a unit reads and the number of units.
fn width(param: &Param) -> Option<u64> {
    let axes = param.known_axes().ok().filter(|axes| axes.groups == 1 && !axes.transposed)?;
    let units = axes.dims.iter().zip(&param.shape).filter(|(axis, _)| **axis == Axis::Out).map(|(_, n)| n).product();
    Some(units).map(|units: u64| units.min(param.fan(Fan::In, Count::True).map_or(0, |fan| fan as u64)))
}

/// What follows from a parameter's role and place alone, with or without a graph.
pub(super) fn places(plan: &mut Plan, free: &dyn Fn(&Param) -> bool, given: &Given) {
    for decision in plan.decisions.iter_mut().filter(|d| matches!(d.action, Action::Fill(_))) {
        if !free(&decision.param) {
            continue;
        }
        if let Some((text, why)) = place(&decision.param, given) {
            give(decision, &text, why);
        }
    }
}

fn place(param: &Param, given: &Given) -> Option<(String, String)> {
    let op = param.place.op.as_deref().unwrap_or_default();
    let say = |text: &str, why: &str| Some((text.to_owned(), why.to_owned()));
    match param.role.value {
        Role::Scale if is_scale(param) && param.place.residual.is_some() && (is_channel_norm(op) || op.is_empty()) => {
            say(
                "constant(value=0.5)",
                "S1: the last scale of a residual branch: each adds a quarter, so gradients keep their size",
            )
        }
        Role::BranchScale => Some(branch_scale(param)),
        Role::Bias if matches!(op, "LSTM" | "GRU") && given.memory.is_some_and(|memory| memory > 2) => {
            let memory = given.memory.unwrap_or(3);
            Some((
                format!("chrono(longest={memory})"),
                format!("Q2: lags of up to {memory} steps: time constants up to there"),
            ))
        }
        Role::Bias if op == "LSTM" => say(
            "forget_bias",
            "Q1: with a forget bias of 1 a cell keeps 73 % of its memory at each step from the start",
        ),
        _ => None,
    }
}

/// Normalizations over places or samples, whose branches end in them.
pub(super) fn is_channel_norm(op: &str) -> bool {
    is_norm(op) && !op.ends_with("LayerNormalization") && op != "RMSNormalization"
}

/// The scale of a residual branch.
fn branch_scale(param: &Param) -> (String, String) {
    if param.count().unwrap_or(0) <= 1 {
        let why = "S2: one number scales the branch: at zero every block starts as the identity";
        return ("zeros".to_owned(), why.to_owned());
    }
    let blocks = param.place.block.as_ref().map_or(0, |block| block.value.of);
    let value = LAYER_SCALE.iter().find(|(most, _)| blocks <= *most).map_or(DEEPEST, |(_, value)| *value);
    let why = format!("R3: LayerScale of a model of {blocks} blocks");
    (format!("constant(value={value})"), why)
}
