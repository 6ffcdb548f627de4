//! `auto`: what every parameter should start as, calculated from the graph, the task and the data.
//!
//! The rules of the recipe `auto` are the start: they know a parameter's role and the activation that follows. Then the
//! graph is looked at as a whole. Deep chains without normalization get weights in opposite pairs or orthogonal ones
//! (`chain`), the ends of residual branches their last scale (`choose`); and a walk from the input to the output gives every
//! layer the scale with which its output has the second moment that is wanted there (`target`, `tune`), by the recursion of
//! [`crate::signal`] and not by a table of gains. What the user set stays, and is solved around. Each choice stands in the
//! plan with its rule and its numbers.
//!
//! # Rules
//! The ids in the reasons: P2, P4 independent draws in short plain chains; P3 opposite pairs in long ones, or where an
//! activation's mean drowns the signal; P5 orthogonal weights at a second moment where an odd activation is nearly straight;
//! P15 orthogonal weights in narrow layers; P16 a signal that is strong where the head reads it, and weak before in plain
//! networks. N1 small weights before normalizations. S1 the last scale of a branch with normalization is a half; S2 learned
//! numbers that scale a branch are zero; S6 branches without either add shares that double the stream in all, or make it
//! eightfold where norms begin them. R3 LayerScale by depth; R4 embeddings by what reads them. Q1 forget gates that start
//! open; Q2 time constants for a known lag. H1, H2, H4 heads that start at the uninformed answer; H9, H10 sparse and
//! correlated inputs.

mod before;
mod chain;
mod choose;
mod edge;
mod end;
mod explain;
mod given;
mod limit;
mod network;
mod rise;
mod target;
mod tune;
mod unseen;

pub use given::{Fed, Given, Task};

use crate::error::Error;
use crate::graph::Graph;
use crate::param::Param;
use crate::plan::{self, Action, Along, Decision, Plan, Reason};
use crate::recipe::Recipe;
use crate::role::Role;
use crate::signal::{self, Input};
use crate::site::Site;
use network::Network;
use std::collections::BTreeSet;
use target::Targets;
use tune::Tuning;

/// Name of the recipe whose plans are calculated.
const NAME: &str = "auto";

/// Plans the parameters of a model: by the rules of `recipe`, and if that is `auto`, by calculation on the graph.
///
/// Without a graph (`None`) the calculation is what roles and names allow; the plan then warns of what it could not know.
///
/// # Errors
/// As [`plan::plan`].
///
/// # Example
/// ```
/// use fanin::{Axes, Dtype, Param, Recipe, Role, auto, plan};
/// let params = [Param::new("fc.weight", &[10, 64], Dtype::F32, Role::Weight, Axes::linear())];
/// let plan = auto::plan(&params, None, &Recipe::named("auto")?, &plan::Options::default(), &auto::Given::default())?;
/// assert!(plan.warnings[0].contains("no graph"));
/// # Ok::<(), fanin::Error>(())
/// ```
///
/// # Source
/// The decision table is that of `docs/auto.md`, with its sources; scales by the recursion are ours, after B. Bingham and R.
/// Miikkulainen, "`AutoInit`", arXiv:2109.08958, who propagate mean and variance.
pub fn plan(
    params: &[Param],
    graph: Option<&Graph>,
    recipe: &Recipe,
    options: &plan::Options,
    given: &Given,
) -> Result<Plan, Error> {
    let mut plan = plan::plan(params, recipe, options)?;
    plan.warnings.extend_from_slice(&given.warnings);
    if recipe.name != NAME {
        return Ok(plan);
    }
    let set: BTreeSet<&str> = params
        .iter()
        .filter(|param| options.sets.iter().any(|rule| rule.matches(param)))
        .map(|p| p.name.as_str())
        .collect();
    let told: Vec<Param> = plan.decisions.iter().map(|decision| decision.param.clone()).collect();
    let free = |param: &Param| !set.contains(param.name.as_str());
    choose::places(&mut plan, &free, given);
    let heads = if let Some(graph) = graph {
        on_graph(&mut plan, &told, graph, &free, given)
    } else {
        unseen::scales(&mut plan, &free, given);
        plan.warnings.push(
            "there is no graph: which activation follows a weight, and in what order layers run, is not known; roles \
                 and names decided. A model file with its graph (ONNX) gets scales that are calculated"
                .to_owned(),
        );
        let heads = told.iter().filter(|p| p.sites() == [Site::Head] && p.role.value == Role::Bias);
        heads.map(|param| param.name.clone()).collect()
    };
    data(&mut plan, &heads, &free, given);
    Ok(plan)
}

/// The calculation on a graph; gives the names of the heads' biases.
fn on_graph(
    plan: &mut Plan,
    params: &[Param],
    graph: &Graph,
    free: &dyn Fn(&Param) -> bool,
    given: &Given,
) -> BTreeSet<String> {
    let net = Network::new(graph, params);
    let options = options(graph, given);
    let before = signal::predict(graph, params, plan, &options);
    // SIREN's scales belong to its frequency.
    let drawn = |d: &Decision| match &d.action {
        Action::Fill(call) => call.name != "siren" && d.adjust.is_identity(),
        _ => false,
    };
    // A plan has one decision for each parameter, in their order.
    let allowed: Vec<bool> = plan.decisions.iter().map(|d| free(&d.param) && drawn(d)).collect();
    let may = |index: usize| allowed.get(index).copied().unwrap_or(false);
    let weights_are_free = net.layers.iter().flat_map(|layer| &layer.weights).all(|&weight| may(weight));
    let chains = chain::chains(&net, &may);
    choose::chains(plan, &net, &chains);
    choose::narrow(plan, &net, &chains, &may);
    let targets = Targets::new(&net, &chains, given);
    let mut tuning = Tuning::new(&net, targets, &may);
    signal::tune(graph, params, plan, &options, &mut tuning);
    let changes = tuning.changes;
    explain::apply(plan, &changes);
    let after = signal::predict(graph, params, plan, &options);
    explain::predictions(plan, &net, &before, &after);
    plan.warnings.extend(limit::warnings(&net, &chains, &after, weights_are_free));
    let heads = (0..net.layers.len()).filter(|&i| net.ends[i].is_head && !net.looks_up(i));
    heads.filter_map(|i| net.layers[i].bias).map(|i| params[i].name.clone()).collect()
}

/// What the prediction is fed with.
fn options(graph: &Graph, given: &Given) -> signal::Options {
    let mut options = signal::Options { kept: given.kept.clone(), ..signal::Options::default() };
    for &input in &graph.inputs {
        let name = &graph.value(input).name;
        let fed = given.fed(name).filter(|fed| fed.tokens.is_none() && fed.std > 0.0);
        if let Some(fed) = fed {
            options.inputs.insert(name.clone(), Input::Normal { mean: fed.mean, std: fed.std });
        }
    }
    options
}

/// What only task and data tell: the head's bias, what the first weights read.
fn data(plan: &mut Plan, heads: &BTreeSet<String>, free: &dyn Fn(&Param) -> bool, given: &Given) {
    for decision in &mut plan.decisions {
        let param = &decision.param;
        if !free(param) || !matches!(decision.action, Action::Fill(_)) {
            continue;
        }
        if heads.contains(&param.name)
            && let [width] = param.shape[..]
            && let Some((values, why)) = given.biases(width)
        {
            decision.adjust.shift = Some(Along { axis: 0, values });
            decision.reasons.push(Reason::new("data", why));
        }
        let param = &decision.param;
        let reads = param.role.value == Role::Weight && param.place.first || param.role.value == Role::Embedding;
        let fed = given.inputs.values().next().filter(|_| reads);
        if let Some(why) = fed.and_then(|fed| fed.why(&given.source)) {
            decision.reasons.push(Reason::new("data", why));
        }
    }
}
