//! Which call a parameter gets for where it stands: pairs and orthogonal weights for deep chains, the last scale of a
//! branch, gates that stay open.

use super::chain::{Chain, Form};
use super::given::Given;
use super::network::Network;
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
        Role::Scale if param.place.residual.is_some() && (is_channel_norm(op) || op.is_empty()) => {
            say("zeros", "S1: the last scale of a residual branch: at zero every block starts as the identity")
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
fn is_channel_norm(op: &str) -> bool {
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
