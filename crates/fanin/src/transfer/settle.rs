//! From what was found to decisions: takes with their steps and digests, and reasons for what is drawn.

use super::form::form;
use super::shape::{self, Fit};
use super::{Deeper, Found, Options, Source, Summary, fused};
use crate::call::Call;
use crate::error::Error;
use crate::fit::{Step, Take, Taken};
use crate::known::Evidence;
use crate::param::Param;
use crate::plan::{Action, Adjust, Decision, Plan, Reason};
use crate::role::Role;
use crate::tied::Form;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a parameter may be taken: what is drawn by the recipe, and what was measured in training. What the user set, and
/// constants of the computation, stay.
pub(super) fn is_wanted(decision: &Decision) -> bool {
    let set = decision.reasons.iter().any(|reason| reason.about == "rule" && reason.text.starts_with("--set"));
    let graph = matches!(decision.param.role.from, Evidence::Graph { .. });
    match (&decision.action, decision.param.role.value) {
        (Action::Fill(_), _) => !set,
        (Action::Keep, Role::Statistic) => !set && !decision.param.shape.contains(&0),
        (Action::Keep, Role::Fixed) => {
            !set && !graph && decision.param.dtype.is_float() && !decision.param.shape.contains(&0)
        }
        _ => false,
    }
}

pub(super) struct Settling<'a, 'b> {
    pub(super) source: &'a Source<'a>,
    pub(super) options: &'a Options,
    pub(super) look: &'b mut dyn FnMut(usize) -> Result<Summary, Error>,
    pub(super) plan: Plan,
    pub(super) used: BTreeSet<usize>,
    pub(super) ambiguous: Vec<(String, Vec<String>)>,
}

/// Reasons for what the recipe would have drawn.
const RECIPES: [&str; 8] = ["rule", "formula", "with", "keep", "customary", "structure", "signal", "data"];

/// What is done with tensors that were found.
struct Chosen {
    tensors: Vec<usize>,
    steps: Vec<Step>,
    reasons: Vec<Reason>,
    rest: bool,
}

/// Steps; where they lose or make up something, what, and whether they leave elements to be drawn.
type Made = (Vec<Step>, Option<(String, bool)>);

impl Settling<'_, '_> {
    pub(super) fn decide(&mut self, index: usize, found: Found) -> Result<(), Error> {
        let drawn = matches!(self.plan.decisions[index].action, Action::Fill(_));
        let wanted = is_wanted(&self.plan.decisions[index]);
        match found {
            Found::Nothing if wanted && drawn => {
                self.fresh(index, format!("{} has nothing for it", self.source.file));
            }
            Found::Nothing => {}
            Found::Several(tensors) => {
                let names: Vec<String> = tensors.iter().map(|&t| self.source.params[t].name.clone()).collect();
                self.fresh(index, format!("{} fit alike; `--map` chooses", names.join(", ")));
                self.ambiguous.push((self.plan.decisions[index].param.name.clone(), names));
            }
            Found::Tensors { tensors, how, further } => match self.chosen(index, tensors, &how, further) {
                Ok(chosen) => self.take(index, chosen)?,
                Err(why) => self.fresh(index, why),
            },
        }
        Ok(())
    }

    fn fresh(&mut self, index: usize, why: String) {
        self.plan.decisions[index].reasons.push(Reason::new("fresh", why));
    }

    /// How the tensors are made to fit, or why they cannot be.
    fn chosen(&self, index: usize, tensors: Vec<usize>, how: &str, further: bool) -> Result<Chosen, String> {
        let target = &self.plan.decisions[index].param;
        let sources: Vec<&Param> = tensors.iter().map(|&tensor| &self.source.params[tensor]).collect();
        if let Some(other) = sources.iter().find(|source| !is_real(source)) {
            return Err(format!("the elements of `{}` in {} are {}", other.name, self.source.file, other.dtype));
        }
        let names: Vec<String> = sources.iter().map(|source| format!("`{}`", source.name)).collect();
        let taken = format!("{} of {}: {how}", names.join(", "), self.source.file);
        let mut chosen = Chosen { tensors, steps: Vec::new(), reasons: vec![Reason::new("taken", taken)], rest: false };
        match self.steps(&sources, target)? {
            (steps, None) => chosen.steps = steps,
            (steps, Some((what, rest))) => {
                chosen.reasons.push(Reason::new("fit", what));
                (chosen.steps, chosen.rest) = (steps, rest);
            }
        }
        if further && self.options.deeper == Deeper::Silent && self.writes_stream(target) {
            chosen.steps.push(Step::Scale { factor: 0.0 });
            chosen.reasons.push(Reason::new("fit", "zero, so that the further block adds nothing at the start"));
        }
        Ok(chosen)
    }

    /// The steps; with words where something is lost or made up.
    fn steps(&self, sources: &[&Param], target: &Param) -> Result<Made, String> {
        let refused = |what: &str| format!("{what} do not fit {:?}", target.shape);
        let [source] = sources else {
            let steps = fused::joined(sources, target);
            return steps.map(|steps| (steps, None)).ok_or_else(|| refused("the separate tensors"));
        };
        // One block of a fused tensor.
        let sites = |param: &Param| param.place.sites.as_ref().map_or(0, |sites| sites.value.len());
        if let ([site], true) = (target.sites(), sites(source) > 1) {
            let steps = fused::apart(source, *site, target);
            return steps.map(|steps| (steps, None)).ok_or_else(|| refused("the blocks of the fused tensor"));
        }
        if let Some(steps) = form(source, target) {
            return Ok((steps, None));
        }
        // Every expert of a stack begins as the one that there is.
        let slice = target.shape.split_first().filter(|(_, slice)| *slice == source.shape);
        if let (Some((&count, _)), true) = (slice, target.name.contains("experts")) {
            let shape = [&[1], &source.shape[..]].concat();
            let map = crate::fit::Map::Repeat { to: count, share: false };
            let steps = vec![Step::Reshape { shape }, Step::Along { axis: 0, map }];
            return Ok((steps, Some((format!("copied to {count} experts"), false))));
        }
        match shape::fit(source, target, self.source, self.options) {
            Fit::Steps { steps, what, rest } => Ok((steps, Some((what, rest)))),
            Fit::Draw(why) => Err(why),
        }
    }

    /// Whether a parameter, or the weight beside it, writes into the residual stream.
    fn writes_stream(&self, target: &Param) -> bool {
        let beside = target.place.beside.as_ref().and_then(|beside| self.plan.get(&beside.name));
        target.place.residual.is_some() || beside.is_some_and(|weight| weight.param.place.residual.is_some())
    }

    fn take(&mut self, index: usize, chosen: Chosen) -> Result<(), Error> {
        let Chosen { tensors, mut steps, mut reasons, rest } = chosen;
        let (mut taken, mut std) = (Vec::new(), 0.0);
        for &tensor in &tensors {
            let (param, summary) = (&self.source.params[tensor], (self.look)(tensor)?);
            let (name, shape) = (param.name.clone(), param.shape.clone());
            taken.push(Taken { name, shape, dtype: param.dtype, digest: summary.digest });
            std = summary.std;
        }
        self.used.extend(&tensors);
        let decision = &mut self.plan.decisions[index];
        let role = decision.param.role.value;
        let weight = matches!(role, Role::Weight | Role::Recurrent | Role::Embedding);
        if let Some(factor) = self.options.shrink.filter(|_| weight || role == Role::Bias) {
            steps.push(Step::Scale { factor });
            reasons.push(Reason::new("fit", format!("shrunk to {factor}")).with(factor));
        }
        let normal = |std: f64| {
            let mut call = Call::plain("normal");
            call.args.insert("std".to_owned(), std.into());
            if std > 0.0 { call } else { Call::plain("zeros") }
        };
        let noise = self.options.perturb.filter(|&part| weight && part > 0.0).map(|part| normal(part * std));
        if let Some(call) = &noise {
            reasons.push(Reason::new("fit", format!("with noise: {call}")));
        }
        let rest = rest.then(|| normal(if weight { std } else { 0.0 }));
        if let Some(call) = &rest {
            reasons.push(Reason::new("fit", format!("what is left is drawn at the source's own scale: {call}")));
        }
        let take = Take { file: self.source.file.to_owned(), tensors: taken, steps, rest, noise };
        decision.action = Action::Take(take);
        decision.variance = None;
        decision.adjust = Adjust::default();
        // What the recipe would have drawn is no reason any more.
        decision.reasons.retain(|reason| !RECIPES.contains(&reason.about.as_str()));
        decision.reasons.extend(reasons);
        Ok(())
    }

    /// What is tied to a parameter that is taken is taken too, in its form.
    pub(super) fn follow_ties(&mut self) {
        let takes: BTreeMap<String, Take> =
            self.plan.takes().map(|(name, take)| (name.to_owned(), take.clone())).collect();
        for decision in &mut self.plan.decisions {
            let Action::Tie(tied) = &decision.action else { continue };
            let Some(mut take) = takes.get(&tied.to).cloned() else { continue };
            match tied.form {
                Form::Equal => {}
                Form::Transposed => take.steps.push(Step::Permute { order: vec![1, 0] }),
                Form::Lengths => take.steps.push(Step::Lengths { shape: decision.param.shape.clone() }),
            }
            decision.reasons.push(Reason::new("taken", format!("with `{}`, of which it is {}", tied.to, tied.form)));
            decision.action = Action::Take(take);
        }
    }
}

fn is_real(param: &Param) -> bool {
    param.dtype.is_float() || param.dtype.is_integer()
}
