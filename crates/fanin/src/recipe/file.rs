//! The form of a recipe on disk.

use super::facts::FACTS;
use super::rule::words;
use super::{Choice, Recipe, Rule, Use, choice};
use crate::call::{Argument, from_number};
use crate::error::Refusal;
use crate::expression::Expression;
use crate::gain::Activation;
use crate::methods::resolve;
use crate::role::Role;
use crate::site::Site;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    about: String,
    #[serde(default)]
    source: String,
    /// A built-in recipe whose rules follow these.
    extends: Option<String>,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    with: Map<String, Value>,
    #[serde(default, rename = "let")]
    shared: BTreeMap<String, String>,
    #[serde(default)]
    say: Vec<String>,
    #[serde(default)]
    rule: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: Option<String>,
    role: Option<String>,
    site: Option<String>,
    op: Option<String>,
    activation: Option<String>,
    residual: Option<bool>,
    block: Option<bool>,
    first: Option<bool>,
    rank: Option<Value>,
    beside: Option<bool>,
    #[serde(default)]
    when: Map<String, Value>,
    #[serde(rename = "use")]
    does: String,
    lr: Option<Value>,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    about: String,
    default: Option<Value>,
    #[serde(default)]
    of: Vec<String>,
}

/// The recipe in `text`, or what is wrong with it.
pub(super) fn read(name: &str, text: &str) -> Result<Recipe, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let base = file.extends.as_deref().map(Recipe::named).transpose().map_err(|e| format!("extends: {e}"))?;
    let mut recipe = Recipe {
        name: name.to_owned(),
        about: file.about,
        source: file.source,
        choices: Vec::new(),
        shared: BTreeMap::new(),
        with: BTreeMap::new(),
        rules: Vec::new(),
        says: Vec::new(),
    };
    for say in &file.say {
        recipe.says.push(say.parse().map_err(|refusal: Refusal| refusal.to_string())?);
    }
    for (option, offer) in file.options {
        let choice = offered(&option, offer).map_err(|problem| format!("option {option}: {problem}"))?;
        recipe.choices.push(choice);
    }
    for (number, formula) in file.shared {
        let formula = formula.parse().map_err(|problem: Refusal| format!("let {number}: {problem}"))?;
        recipe.shared.insert(number, formula);
    }
    for (i, line) in file.rule.into_iter().enumerate() {
        let rule = rule(line, (name.to_owned(), i + 1)).map_err(|refusal| format!("rule {}: {refusal}", i + 1))?;
        recipe.rules.push(rule);
    }
    if let Some(base) = base {
        recipe.follow(base);
    }
    recipe.check()?;
    for (name, value) in file.with {
        recipe.set(&name, value).map_err(|refusal| format!("with: {refusal}"))?;
    }
    Ok(recipe)
}

fn offered(name: &str, offer: Value) -> Result<Choice, String> {
    if FACTS.iter().any(|fact| fact.name == name) {
        return Err("this is the name of a number of the model; call it something else".to_owned());
    }
    let offer: Offer = serde_json::from_value(offer).map_err(|e| e.to_string())?;
    let choice = Choice { name: name.to_owned(), about: offer.about, default: offer.default, of: offer.of };
    if let Some(default) = &choice.default {
        choice.check(default).map_err(|refusal| refusal.to_string())?;
    }
    Ok(choice)
}

fn rule(line: Line, origin: (String, usize)) -> Result<Rule, Refusal> {
    let ranks = match &line.rank {
        None => Vec::new(),
        Some(rank) => words(Some(&choice::word(rank))),
    };
    let rank = |word: &String| {
        let wrong = || Refusal::new(format!("the rank is `{word}`"), "a number of dimensions", "Mend the rule.");
        word.parse().map_err(|_| wrong())
    };
    let activations = Activation::ALL.iter().copied();
    Ok(Rule {
        origin,
        names: words(line.name.as_deref()),
        roles: named(line.role.as_deref(), "role", Role::ALL, Role::name)?,
        sites: named(line.site.as_deref(), "site", Site::ALL, Site::name)?,
        ops: words(line.op.as_deref()),
        activations: named(line.activation.as_deref(), "activation", activations, Activation::name)?,
        residual: line.residual,
        block: line.block,
        first: line.first,
        ranks: ranks.iter().map(rank).collect::<Result<_, _>>()?,
        beside: line.beside,
        when: line.when.into_iter().map(|(name, value)| (name, words(Some(&choice::word(&value))))).collect(),
        does: Use::read(&line.does)?,
        lr: line.lr.map(|lr| choice::word(&lr).parse()).transpose()?,
        why: line.why,
    })
}

/// The values whose names stand in `text`, separated by `|`.
fn named<T: Copy>(
    text: Option<&str>,
    what: &str,
    all: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Result<Vec<T>, Refusal> {
    let all: Vec<T> = all.into_iter().collect();
    words(text)
        .iter()
        .map(|word| {
            all.iter().copied().find(|&value| name(value) == word).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|&value| name(value)).collect();
                Refusal::new(format!("there is no {what} `{word}`"), names.join(", "), "Mend the rule.")
            })
        })
        .collect()
}

impl Recipe {
    /// Adds the rules of `base` behind its own; of two options or numbers of one name, its own counts.
    fn follow(&mut self, base: Recipe) {
        let own: Vec<String> = self.choices.iter().map(|choice| choice.name.clone()).collect();
        self.choices.extend(base.choices.into_iter().filter(|choice| !own.contains(&choice.name)));
        for (name, formula) in base.shared {
            self.shared.entry(name).or_insert(formula);
        }
        self.with = base.with;
        self.rules.extend(base.rules);
        self.says.splice(0..0, base.says);
    }

    /// Whether every name in a formula means something, and every call would be understood.
    fn check(&self) -> Result<(), String> {
        for (name, formula) in &self.shared {
            self.known(formula).map_err(|refusal| format!("let {name}: {refusal}"))?;
        }
        for rule in &self.rules {
            let numbered = |refusal: Refusal| format!("rule {}: {refusal}", rule.origin.1);
            let stands = |name: &str| self.stands(name);
            rule.does.check(&stands).map_err(numbered)?;
            rule.lr.as_ref().map_or(Ok(()), |lr| self.known(lr)).map_err(numbered)?;
            for (option, values) in &rule.when {
                let choice = self.choices.iter().find(|choice| choice.name == *option);
                let choice = choice.ok_or_else(|| numbered(self.unknown(option)))?;
                values.iter().try_for_each(|value| choice.check(&choice::value(value))).map_err(numbered)?;
            }
        }
        Ok(())
    }

    /// Something that an option or a shared number may stand for, to try a call with.
    fn stands(&self, name: &str) -> Option<Value> {
        let number = || self.shared.contains_key(name).then(|| Value::from(TRIAL));
        let choice = self.choices.iter().find(|choice| choice.name == name);
        choice.map(|choice| choice.default.clone().unwrap_or(Value::from(TRIAL))).or_else(number)
    }

    fn known(&self, formula: &Expression) -> Result<(), Refusal> {
        let mut names = formula.names().into_iter();
        match names.find(|name| trial(name).or_else(|| self.stands(name)).is_none()) {
            None => Ok(()),
            Some(name) => Err(self.unknown(name)),
        }
    }
}

/// A number that every formula of a recipe makes sense with: a square, above one, and a whole number.
const TRIAL: i64 = 4;

fn trial(name: &str) -> Option<Value> {
    FACTS.iter().any(|fact| fact.name == name).then(|| Value::from(TRIAL))
}

impl Use {
    /// Whether the call would be understood, tried with numbers that make sense.
    pub(super) fn check(&self, stands: &dyn Fn(&str) -> Option<Value>) -> Result<(), Refusal> {
        let Use::Call(template) = self else { return Ok(()) };
        let call = template.fill(&mut |name| trial(name).or_else(|| stands(name)).map(Ok))?;
        let mut trial = call.clone();
        // A formula may give any number; whether it suits the argument is seen when the model's numbers are known.
        for (key, argument) in &template.args {
            if let (Argument::Formula(_), Some(value)) = (argument, trial.args.get_mut(key)) {
                *value = value.as_f64().map_or(Value::Null, |value| from_number(value.round()));
            }
        }
        resolve(&call).or_else(|_| resolve(&trial)).map(|_| ())
    }
}
