//! From what was found to decisions: takes with their steps and digests, and reasons for what is drawn.

use super::fits::{self, Fit, ligo, lora, subclone};
use super::form::form;
use super::tied_head::{self, TiedHead};
use super::{Deeper, Found, Look, Lora, Options, Relation, Smaller, Source, fused, gates};
use crate::call::Call;
use crate::error::Error;
use crate::fit::{Part, Step, Take, Taken};
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
    pub(super) look: &'b mut dyn Look,
    pub(super) plan: Plan,
    pub(super) used: BTreeSet<usize>,
    pub(super) ambiguous: Vec<(String, Vec<String>)>,
    /// Tensors that were found and have no numbers that can be taken.
    unreal: Vec<String>,
    /// Which units of the source matter, once that was asked.
    ranking: Option<subclone::Ranking>,
    /// The table of symbols that makes the output too.
    tied_head: Option<TiedHead>,
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

/// Steps, what they lose or make up in words, whether they leave elements to be drawn, and how many tensors they use.
struct Made {
    steps: Vec<Step>,
    what: String,
    rest: bool,
    uses: usize,
}

impl Made {
    /// Steps that lose nothing.
    fn plain(steps: Vec<Step>, uses: usize) -> Made {
        Made { steps, what: String::new(), rest: false, uses }
    }
}

impl<'a, 'b> Settling<'a, 'b> {
    pub(super) fn new(
        source: &'a Source<'a>,
        options: &'a Options,
        look: &'b mut dyn Look,
        plan: Plan,
        tied_head: Option<TiedHead>,
    ) -> Settling<'a, 'b> {
        let (used, ambiguous, unreal) = (BTreeSet::new(), Vec::new(), Vec::new());
        Settling { source, options, look, plan, used, ambiguous, unreal, ranking: None, tied_head }
    }
}

impl Settling<'_, '_> {
    pub(super) fn decide(&mut self, index: usize, found: Found) -> Result<(), Error> {
        let drawn = matches!(self.plan.decisions[index].action, Action::Fill(_));
        let wanted = is_wanted(&self.plan.decisions[index]);
        match found {
            Found::Nothing if wanted && drawn && self.passes_on(index) => {}
            Found::Nothing if wanted && drawn => {
                self.fresh(index, format!("{} has nothing for it", self.source.file));
            }
            Found::Nothing => {}
            Found::Several(tensors) => {
                let names: Vec<String> = tensors.iter().map(|&t| self.source.params[t].name.clone()).collect();
                self.fresh(index, format!("{} fit alike; `--map` chooses", names.join(", ")));
                self.ambiguous.push((self.plan.decisions[index].param.name.clone(), names));
            }
            Found::Tensors { relation: Relation::Adapted(part), .. } if self.draws_factor(index, part) => {}
            Found::Tensors { tensors, how, relation } => match self.chosen(index, &tensors, &how, relation)? {
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
    fn chosen(
        &mut self,
        index: usize,
        tensors: &[usize],
        how: &str,
        relation: Relation,
    ) -> Result<Result<Chosen, String>, Error> {
        let source = self.source;
        let target = self.plan.decisions[index].param.clone();
        let sources: Vec<&Param> = tensors.iter().map(|&tensor| &source.params[tensor]).collect();
        if let Some(other) = sources.iter().find(|source| !is_real(source)) {
            let kind = other.place.note.clone().unwrap_or_else(|| format!("of type {}", other.dtype));
            let why = format!("`{}` in {} is {kind}, which cannot be taken", other.name, source.file);
            self.unreal.push(format!("`{}` ({kind})", other.name));
            return Ok(Err(why));
        }
        let shrinks = || sources[0].shape.iter().zip(&target.shape).any(|(from, to)| from > to);
        if self.options.smaller == Smaller::Subclone && self.ranking.is_none() && shrinks() {
            self.ranking = Some(subclone::Ranking::of(source, self.look)?);
        }
        Ok(self.fitted(&sources, &target, relation).map(|mut made| {
            let shared = self.tied_head.as_ref().and_then(|head| head.share(index, &mut made.steps));
            if let Some(shared) = shared {
                made.what = format!("{}, {shared}", made.what);
            }
            let used = &sources[..made.uses];
            let names: Vec<String> = used.iter().map(|source| format!("`{}`", source.name)).collect();
            let taken = Reason::new("taken", format!("{} of {}: {how}", names.join(", "), source.file));
            let fit = Some(made.what).filter(|what| !what.is_empty()).map(|what| Reason::new("fit", what));
            let reasons = std::iter::once(taken).chain(fit).collect();
            Chosen { tensors: tensors[..made.uses].to_vec(), steps: made.steps, reasons, rest: made.rest }
        }))
    }

    /// The steps for what the tensors are to the parameter.
    fn fitted(&self, sources: &[&Param], target: &Param, relation: Relation) -> Result<Made, String> {
        let head = tied_head::as_head(sources[0], target);
        let sources = if let Some(head) = &head { &[head][..] } else { sources };
        let source = sources[0];
        let mut made = match relation {
            Relation::Own | Relation::Further => self.steps(sources, target)?,
            Relation::Between(part) => {
                let mixed = ligo::mixed(&source.shape, part).filter(|_| sources[0].shape == sources[1].shape);
                let mut made = Made::plain(mixed.ok_or("blocks of two shapes cannot be mixed")?, 2);
                let after = self.steps(&sources[..1], target)?;
                made.steps.extend(after.steps);
                made.what = after.what;
                Made { rest: after.rest, ..made }
            }
            Relation::Next => match fits::next_block([source, sources[1]], target, self.options) {
                Some((steps, what)) => Made { steps, what, rest: false, uses: 2 },
                None => self.steps(&sources[..1], target)?,
            },
            Relation::Adapted(part) => self.adapted(source, target, part)?,
            Relation::Gates { alone } => match gates::steps(sources, target, alone) {
                Some((steps, what, rest)) => Made { steps, what: what.to_owned(), rest, uses: sources.len() },
                None => self.steps(&sources[..1], target)?,
            },
        };
        if relation == Relation::Further && self.options.deeper == Deeper::Silent && self.writes_stream(target) {
            made.steps.push(Step::Scale { factor: 0.0 });
            let comma = if made.what.is_empty() { "" } else { ", " };
            made.what += comma;
            made.what += "zero, so that the further block adds nothing at the start";
        }
        Ok(made)
    }

    /// A part of an adapted layer; the weight itself where no factors are made of it.
    fn adapted(&self, source: &Param, target: &Param, part: Part) -> Result<Made, String> {
        match (self.options.lora, part) {
            (None | Some(Lora::Default | Lora::Gaussian), Part::Rest) => self.steps(&[source], target),
            (None | Some(Lora::Default | Lora::Gaussian), _) => {
                Err(format!("`{}` has no factors; `--fit lora=pissa` makes some", source.name))
            }
            (Some(method), _) => {
                let layer = lora::adapted(&target.name).map(|(_, base)| base);
                let is_a = |param: &Param| {
                    layer.is_some()
                        && lora::adapted(&param.name).map(|(part, base)| (part, Some(base)))
                            == Some((Part::A, layer.clone()))
                };
                let a = self.plan.decisions.iter().map(|decision| &decision.param).find(|param| is_a(param));
                let rank = a.and_then(|a| a.shape.iter().copied().min());
                let Some(rank) = rank else { return self.steps(&[source], target) };
                let scale = self.options.lora_scale.unwrap_or(1.0);
                let measured = self.options.measured.get(&source.name);
                let (steps, what) = lora::steps(source, target, part, method, (rank, scale), measured)?;
                Ok(Made { steps, what, rest: false, uses: 1 })
            }
        }
    }

    /// The steps; with words where something is lost or made up.
    fn steps(&self, sources: &[&Param], target: &Param) -> Result<Made, String> {
        let refused = |what: &str| format!("{what} do not fit {:?}", target.shape);
        let [source] = sources else {
            let steps = fused::joined(sources, target);
            return steps.map(|steps| Made::plain(steps, sources.len())).ok_or_else(|| refused("the separate tensors"));
        };
        // One block of a fused tensor.
        let sites = |param: &Param| param.place.sites.as_ref().map_or(0, |sites| sites.value.len());
        if let ([site], true) = (target.sites(), sites(source) > 1) {
            let steps = fused::apart(source, *site, target);
            return steps.map(|steps| Made::plain(steps, 1)).ok_or_else(|| refused("the blocks of the fused tensor"));
        }
        if let Some(steps) = form(source, target).filter(|_| !fits::has_symbols(target, self.options)) {
            return Ok(Made::plain(steps, 1));
        }
        // Every expert of a stack begins as the one that there is.
        let slice = target.shape.split_first().filter(|(_, slice)| *slice == source.shape);
        if let (Some((&count, _)), true) = (slice, target.name.contains("experts")) {
            let shape = [&[1], &source.shape[..]].concat();
            let map = crate::fit::Map::Repeat { to: count, share: false };
            let steps = vec![Step::Reshape { shape }, Step::Along { axis: 0, map }];
            return Ok(Made { steps, what: format!("copied to {count} experts"), rest: false, uses: 1 });
        }
        match fits::fit(source, target, self.source, self.options, self.ranking.as_ref()) {
            Fit::Steps { steps, what, rest } => Ok(Made { steps, what, rest, uses: 1 }),
            Fit::Draw(why) => Err(why),
        }
    }

    /// Makes a further layer of a plain chain give on what it gets, if that was asked and its activation lets it.
    fn passes_on(&mut self, index: usize) -> bool {
        let call = fits::identity(&self.plan.decisions[index].param).filter(|_| self.options.deeper == Deeper::Net2net);
        call.is_some_and(|call| self.draw(index, call, "a further layer that gives on what it gets"))
    }

    /// Draws a factor of an adapter, if that was asked instead of making it of the weight.
    fn draws_factor(&mut self, index: usize, part: Part) -> bool {
        let call = self.options.lora.and_then(|method| lora::drawn(method, part));
        call.is_some_and(|call| self.draw(index, call, "a factor of an adapter that is drawn"))
    }

    /// Draws by this call instead of the recipe's, if the parameter lets it.
    fn draw(&mut self, index: usize, call: Call, what: &str) -> bool {
        let decision = &self.plan.decisions[index];
        let law = crate::methods::resolve(&call).and_then(|resolved| resolved.method.law(&decision.param));
        let Ok(variance) = law.map(|law| law.variance()) else { return false };
        let decision = &mut self.plan.decisions[index];
        decision.reasons.retain(|reason| !RECIPES.contains(&reason.about.as_str()));
        decision.reasons.push(Reason::new("fit", format!("{what}: {call}")));
        decision.action = Action::Fill(call);
        decision.adjust = Adjust::default();
        decision.variance = Some(variance);
        true
    }

    /// Whether a parameter, or the weight beside it, writes into the residual stream.
    fn writes_stream(&self, target: &Param) -> bool {
        let beside = target.place.beside.as_ref().and_then(|beside| self.plan.get(&beside.name));
        target.place.residual.is_some() || beside.is_some_and(|weight| weight.param.place.residual.is_some())
    }

    fn take(&mut self, index: usize, chosen: Chosen) -> Result<(), Error> {
        let Chosen { tensors, mut steps, mut reasons, rest } = chosen;
        let (mut taken, mut std) = (Vec::new(), 0.0);
        // A copy asks for no spread, which takes time where a file is large.
        let spreads = rest || self.options.perturb.is_some();
        for &tensor in &tensors {
            let param = &self.source.params[tensor];
            let digest = if spreads {
                let summary = self.look.summary(tensor)?;
                std = summary.std;
                summary.digest
            } else {
                self.look.digest(tensor)?
            };
            taken.push(Taken { name: param.name.clone(), shape: param.shape.clone(), dtype: param.dtype, digest });
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
            reasons.push(Reason::new("fit", format!("with noise: {}", shown(call))));
        }
        // Rows of a table of positions are as large as those that there are; of a bias or a norm nothing is made up.
        let rest = rest.then(|| normal(if weight || role == Role::Position { std } else { 0.0 }));
        if let Some(call) = &rest {
            reasons
                .push(Reason::new("fit", format!("what is left is drawn at the source's own scale: {}", shown(call))));
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

    /// Says so where a tied output layer counts copies that nothing shares.
    pub(super) fn warn_of_copies(&mut self) {
        let Some(head) = &self.tied_head else { return };
        let decision = self.plan.get(&head.table);
        let Some(Decision { action: Action::Take(take), param, .. }) = decision else { return };
        let from = take.tensors.first().map_or(&[][..], |tensor| &tensor.shape);
        let warning = head.warning(from, &param.shape, self.options);
        self.plan.warnings.extend(warning);
    }

    /// Says so where a tensor would have been taken if its elements were numbers.
    pub(super) fn warn_of_unreal(&mut self) {
        let Some(first) = self.unreal.first() else { return };
        let more = if self.unreal.len() > 1 { ", …" } else { "" };
        let (count, file) = (self.unreal.len(), self.source.file);
        self.plan.warnings.push(format!(
            "{count} tensors of {file} are not taken, since their elements are no plain numbers: {first}{more}. Convert the file to f32, f16 \
             or bf16 first"
        ));
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

/// A call with its numbers as short as a reader wants them.
fn shown(call: &Call) -> String {
    let mut call = call.clone();
    for value in call.args.values_mut() {
        let short = value.as_f64().and_then(|long| format!("{long:.3e}").parse::<f64>().ok());
        *value = short.map_or_else(|| value.clone(), Into::into);
    }
    call.to_string()
}

fn is_real(param: &Param) -> bool {
    param.dtype.is_float() || param.dtype.is_integer()
}
