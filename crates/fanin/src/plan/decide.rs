//! Making a plan: the first rule that matches decides; every problem is reported, not the first.

use super::{Action, Adjust, Decision, Laws, Plan, Reason, streams, tie, unsure};
use crate::axes::{Count, Fan};
use crate::call::Call;
use crate::dtype::Dtype;
use crate::error::{Error, Refusal};
use crate::kernel;
use crate::law::Law;
use crate::methods::resolve;
use crate::param::Param;
use crate::recipe::{Facts, Recipe, Rule, nearest};
use crate::role::Role;
use crate::say::Say;
use crate::stream::Stream;
use crate::tied::Form;
use std::collections::BTreeMap;

/// What a plan is made with, besides parameters and recipe.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Rules of the user's, tried before the recipe's.
    pub sets: Vec<Rule>,
    /// Element type of everything that is drawn, if not the file's.
    pub dtype: Option<Dtype>,
    /// What the user says about parameters; it overrules what the recipe says, and what the file shows.
    pub says: Vec<Say>,
}

/// Decides what every parameter gets.
///
/// A graph is not passed: what it shows is in the parameters already ([`crate::discover::params`]).
///
/// # Errors
/// All problems together: parameters that no rule matches, methods that refuse, element types that cannot hold the law,
/// names or name hashes that occur twice.
///
/// # Example
/// ```
/// use fanin::{Axes, Dtype, Param, Recipe, Role, plan};
/// let params = [Param::new("fc.weight", &[10, 64], Dtype::F32, Role::Weight, Axes::linear())];
/// let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
/// assert!((plan.decisions[0].std().unwrap() - (2.0f64 / 64.0).sqrt()).abs() < 1e-15);
/// # Ok::<(), fanin::Error>(())
/// ```
pub fn plan(params: &[Param], recipe: &Recipe, options: &Options) -> Result<Plan, Error> {
    let used = vec![0; options.sets.len() + recipe.rules.len()];
    let (told, unheard, problems) = told(params, recipe, options);
    let params = &told[..];
    let mut planner = Planner { recipe, options, facts: Facts::of(params), used, problems };
    let mut decisions: Vec<Decision> = params.iter().filter_map(|param| planner.decide(param)).collect();
    tie::settle(&mut decisions);
    planner.check_names(params, &decisions);
    if !planner.problems.is_empty() {
        return Err(Error::Plan(planner.problems));
    }
    Ok(Plan {
        stream: Stream::VERSION.to_owned(),
        seed: options.seed,
        recipe: recipe.name.clone(),
        warnings: [planner.warnings(params), unheard].concat(),
        unsure: unsure::questions(params, |param| planner.is_settled(param)),
        unused: Vec::new(),
        decisions,
    })
}

/// The parameters with what recipe and user say about them, warnings of what is about none, and what does not fit.
fn told(params: &[Param], recipe: &Recipe, options: &Options) -> (Vec<Param>, Vec<String>, Vec<Refusal>) {
    let (mut told, mut unheard, mut problems) = (params.to_vec(), Vec::new(), Vec::new());
    let says = recipe.says.iter().map(|say| (say, false)).chain(options.says.iter().map(|say| (say, true)));
    let shapes: BTreeMap<&str, &[u64]> = params.iter().map(|p| (p.name.as_str(), p.shape.as_slice())).collect();
    for (say, by_user) in says {
        let mut heard = false;
        for param in &mut told {
            match say.apply(param) {
                Ok(about) => heard |= about,
                Err(refusal) => problems.push(refusal),
            }
            // A person says whose values they are; that they are stored the other way round the shapes tell.
            if let Some(tied) = &mut param.place.tied
                && let Some(of) = shapes.get(tied.value.to.as_str())
                && !tied.value.form.fits(&param.shape, of)
                && Form::Transposed.fits(&param.shape, of)
            {
                tied.value.form = Form::Transposed;
            }
        }
        if by_user && !heard {
            let near = nearest(&say.names, params.iter().map(|param| param.name.as_str()));
            let near = near.map_or(String::new(), |near| format!("; the nearest name is `{near}`"));
            unheard.push(format!("`--say '{say}'` is about no parameter{near}"));
        }
    }
    (told, unheard, problems)
}

pub(super) struct Planner<'a> {
    pub(super) recipe: &'a Recipe,
    options: &'a Options,
    pub(super) facts: Facts,
    /// How many parameters each rule decided.
    used: Vec<usize>,
    problems: Vec<Refusal>,
}

impl Planner<'_> {
    pub(super) fn rule(&self, index: usize) -> &Rule {
        let sets = &self.options.sets;
        sets.get(index).unwrap_or_else(|| &self.recipe.rules[index - sets.len()])
    }

    /// The first rule for a parameter, among those that what was chosen leaves.
    pub(super) fn find(&self, param: &Param) -> Option<usize> {
        (0..self.used.len()).find(|&i| self.rule(i).matches(param) && self.recipe.has(self.rule(i)))
    }

    /// Whether the user gave the parameter a call, so that nothing about it is left to ask.
    fn is_settled(&self, param: &Param) -> bool {
        self.options.sets.iter().any(|rule| rule.matches(param))
    }

    fn decide(&mut self, param: &Param) -> Option<Decision> {
        let mut reasons = facts(param);
        let keep = |reasons| Some(decision(param, param.dtype, Action::Keep, None, reasons));
        if let Err(refusal) = param.count() {
            self.problems.push(refusal.of(&param.name, "plan"));
            return None;
        }
        if param.shape.contains(&0) {
            reasons.push(Reason::new("keep", "it has no elements: nothing to fill"));
            return keep(reasons);
        }
        let picked = self.pick(param);
        // A rule that names a tied parameter itself unties it; one for many does not mean the copy.
        let named = picked.iter().any(|(_, i)| self.rule(*i).names.contains(&param.name));
        if let Some(tied) = param.place.tied.as_ref().filter(|_| !named) {
            reasons.push(Reason::new("tied", format!("{} `{}`: {}", tied.value.form, tied.value.to, tied.from)));
            let dtype = self.options.dtype.filter(|_| param.dtype.is_float()).unwrap_or(param.dtype);
            return Some(decision(param, dtype, Action::Tie(tied.value.clone()), None, reasons));
        }
        if picked.is_empty() {
            return self.without_rule(param, reasons);
        }
        self.drawn(param, &picked, reasons)
    }

    fn without_rule(&mut self, param: &Param, mut reasons: Vec<Reason>) -> Option<Decision> {
        if let Some(text) = &param.place.stand_in {
            return self.stand_in(param, text, reasons);
        }
        if let Some(text) = &param.place.customary {
            return self.customary(param, text, reasons);
        }
        // What has a law of its own that nobody named is asked about, and stays until somebody does.
        if param.role.value.is_kept() || param.role.value == Role::Special {
            let why = param.place.note.clone().unwrap_or_else(|| format!("a {} is not drawn", param.role.value));
            reasons.push(Reason::new("keep", why));
            return Some(decision(param, param.dtype, Action::Keep, None, reasons));
        }
        self.problems.push(self.unmatched(param));
        None
    }

    fn drawn(&mut self, param: &Param, picked: &[(String, usize)], mut reasons: Vec<Reason>) -> Option<Decision> {
        for (label, index) in picked {
            self.used[*index] += 1;
            reasons.push(self.because(*index, label));
        }
        let made = self.made(param, picked, &mut reasons).and_then(|(call, lr)| match call {
            None => Ok(Decision { lr, ..decision(param, param.dtype, Action::Keep, None, reasons) }),
            Some(call) => {
                let (dtype, variance) = self.fill(param, &call, &mut reasons)?;
                Ok(Decision { lr, ..decision(param, dtype, Action::Fill(call), Some(variance), reasons) })
            }
        });
        let asked = self.rule(picked[0].1).does.text();
        made.map_err(|refusal| self.problems.push(refusal.of(&param.name, &asked))).ok()
    }

    /// A parameter whose law follows from what it is, about which the recipe says nothing.
    fn customary(&mut self, param: &Param, text: &str, mut reasons: Vec<Reason>) -> Option<Decision> {
        let why = param.place.note.as_deref().unwrap_or("it has a law of its own");
        reasons.push(Reason::new("customary", format!("the recipe says nothing of it; {why}: {text}")));
        self.by_call(param, text, reasons)
    }

    /// A constant whose data is missing, made anew as what the graph says it must be.
    fn stand_in(&mut self, param: &Param, text: &str, mut reasons: Vec<Reason>) -> Option<Decision> {
        let why = param.place.note.as_deref().unwrap_or("a constant of the computation");
        reasons.push(Reason::new("missing", format!("its data is missing; {why}, for which {text} stands in")));
        self.by_call(param, text, reasons)
    }

    fn by_call(&mut self, param: &Param, text: &str, mut reasons: Vec<Reason>) -> Option<Decision> {
        let made = text.parse().and_then(|call: Call| Ok((self.fill(param, &call, &mut reasons)?, call)));
        match made {
            Ok(((dtype, variance), call)) => Some(decision(param, dtype, Action::Fill(call), Some(variance), reasons)),
            Err(refusal) => {
                self.problems.push(refusal.of(&param.name, text));
                None
            }
        }
    }

    fn fill(&self, param: &Param, call: &Call, reasons: &mut Vec<Reason>) -> Result<(Dtype, f64), Refusal> {
        let laws = Laws::of(param, call)?;
        let dtype = self.options.dtype.filter(|_| param.dtype.is_float()).unwrap_or(param.dtype);
        laws.storable(dtype)?;
        for (_, law) in &laws.parts {
            if let (Law::Each(dist), true) = (law, dtype.is_float()) {
                kernel::fits(dist, dtype)?;
            }
        }
        let variance = laws.variance();
        let resolved = resolve(call)?;
        let note = resolved.spelling.map(|s| s.note).filter(|note| !note.is_empty());
        let formula = resolved.entry.about().formula;
        let text = note.map_or_else(|| formula.to_owned(), |note| format!("{formula} ({note})"));
        reasons.push(Reason::new("formula", text).with(variance));
        Ok((dtype, variance))
    }

    fn because(&self, index: usize, label: &str) -> Reason {
        let rule = self.rule(index);
        let place = if index < self.options.sets.len() {
            format!("--set {}", rule.condition())
        } else {
            let (name, number) = &rule.origin;
            format!("rule {number} of recipe {name}: {}", rule.condition())
        };
        let choice = rule.choice();
        let choice = if choice.is_empty() { String::new() } else { format!(" ({choice})") };
        let part = if label.is_empty() { String::new() } else { format!("{label} by ") };
        let why = if rule.why.is_empty() { String::new() } else { format!(" — {}", rule.why) };
        Reason::new("rule", part + &place + &choice + &why)
    }

    fn unmatched(&self, param: &Param) -> Refusal {
        let role = param.role.value;
        Refusal::new(
            format!("no rule matches this {role} of shape {:?}", param.shape),
            "a rule for every parameter",
            format!("Add `--set '{}=CALL'`, or a rule with `role = \"{role}\"` to the recipe.", param.name),
        )
        .of(&param.name, &format!("recipe {}", self.recipe.name))
    }

    /// Two parameters of one name, or with equal hashes of their keys, would get the same random numbers.
    fn check_names(&mut self, params: &[Param], decisions: &[Decision]) {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for param in params {
            *names.entry(&param.name).or_default() += 1;
        }
        for (name, count) in names.into_iter().filter(|(_, count)| *count > 1) {
            let refusal =
                Refusal::new(format!("{count} tensors have this name"), "unique names", "Rename them in the file.");
            self.problems.push(refusal.of(name, "plan"));
        }
        self.problems.extend(streams::shared(decisions));
    }

    fn warnings(&self, params: &[Param]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, _) in
            self.used.iter().enumerate().filter(|(i, used)| **used == 0 && !self.rule(*i).names.is_empty())
        {
            let rule = self.rule(index);
            let near = rule.names.first().and_then(|name| nearest(name, params.iter().map(|p| p.name.as_str())));
            let near = near.map_or(String::new(), |near| format!("; the nearest name is `{near}`"));
            warnings.push(format!("the rule `{}` decides nothing{near}", rule.condition()));
        }
        for param in params.iter().filter(|p| p.place.stand_in.is_some()) {
            let (why, call) = (param.place.note.as_deref().unwrap_or_default(), param.place.stand_in.as_deref());
            warnings.push(format!(
                "`{}` {:?}: its data is missing ({why}); `{}` stands in. Put the file beside the model if it held anything else",
                param.name, param.shape, call.unwrap_or_default()
            ));
        }
        warnings
    }
}

fn decision(param: &Param, dtype: Dtype, action: Action, variance: Option<f64>, reasons: Vec<Reason>) -> Decision {
    let (key, adjust) = (param.name.clone(), Adjust::default());
    Decision { param: param.clone(), dtype, action, key, variance, adjust, lr: None, reasons }
}

/// What is known of the parameter, as reasons.
fn facts(param: &Param) -> Vec<Reason> {
    let mut reasons = vec![Reason::new("role", format!("{}: {}", param.role.value, param.role.from))];
    if let Some(axes) = &param.axes {
        let dims: Vec<String> = axes.value.dims.iter().map(|axis| format!("{axis:?}").to_lowercase()).collect();
        let groups = if axes.value.groups > 1 { format!(", {} groups", axes.value.groups) } else { String::new() };
        reasons.push(Reason::new("axes", format!("[{}]{groups}: {}", dims.join(", "), axes.from)));
    }
    let parts = param.parts();
    if parts.len() > 1 {
        let labels: Vec<&str> = parts.iter().take(8).map(|part| part.label.as_str()).collect();
        let more = if parts.len() > 8 { ", …" } else { "" };
        reasons.push(Reason::new("parts", format!("{} in one: {}{more}", parts.len(), labels.join(", "))));
    }
    for (name, fan) in [("fan_in", Fan::In), ("fan_out", Fan::Out)] {
        if let Some(Ok(value)) = parts.first().map(|part| part.param.fan(fan, Count::True)) {
            let beside = param.place.beside.as_ref().filter(|_| param.role.value == Role::Bias);
            let of = beside.map_or(String::new(), |beside| format!(" of `{}` beside it", beside.name));
            reasons.push(Reason::new(name, format!("{name} = {value}{of}")).with(value));
        }
    }
    if let Some(follows) = &param.place.follows {
        let (activation, parameter) = (follows.value.activation, follows.value.parameter);
        let gain = activation.gain(parameter);
        reasons
            .push(Reason::new("follows", format!("{activation} follows: {}, gain {gain:.4}", follows.from)).with(gain));
    }
    reasons.extend(standing(param));
    if param.place.offset != 0.0 {
        let text = format!("{} is added to what is stored, so that is stored less it", param.place.offset);
        reasons.push(Reason::new("offset", text).with(param.place.offset));
    }
    for doubt in &param.place.doubts {
        reasons.push(Reason::new("unsure", format!("{} is not known; {}", doubt.what, doubt.taken)));
    }
    if let Some(note) = param.place.note.as_ref().filter(|_| !param.role.value.is_kept()) {
        reasons.push(Reason::new("note", note.clone()));
    }
    reasons
}

/// Where it stands in a deep model, as reasons.
fn standing(param: &Param) -> Vec<Reason> {
    let place = &param.place;
    let mut reasons = Vec::new();
    if let Some(block) = &place.block {
        reasons.push(Reason::new("block", format!("{}: {}", block.value, block.from)).with(block.value.number as f64));
    }
    if let Some(sites) = &place.sites {
        let names: Vec<&str> = sites.value.iter().map(|site| site.name()).collect();
        reasons.push(Reason::new("site", format!("{}: {}", names.join(", "), sites.from)));
    }
    if let Some(from) = &place.residual {
        reasons.push(Reason::new("residual", format!("writes into the residual stream: {from}")));
    }
    reasons
}
