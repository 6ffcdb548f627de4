//! [`Recipe`]: which method for which parameter, as an ordered list of rules. The built-in ones are files in the very
//! form that a user writes.

mod choice;
mod facts;
mod file;
mod rule;

pub use choice::Choice;
pub use facts::{FACTS, Facts, Numbers};
pub use rule::{Rule, Use};

use crate::error::{Error, Refusal};
use crate::expression::Expression;
use crate::say::Say;
use serde_json::Value;
use std::collections::BTreeMap;
use wildmatch::WildMatch;

/// An ordered list of rules; for each parameter the first that matches decides.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name, or the path it was read from.
    pub name: String,
    /// What it is, in one sentence.
    pub about: String,
    /// Where it comes from, with the version it was checked against.
    pub source: String,
    /// What the user may choose, in the order of the file.
    pub choices: Vec<Choice>,
    /// Numbers that rules share, as formulas of choices and of the model's numbers.
    pub shared: BTreeMap<String, Expression>,
    /// What was chosen: choices, and numbers of the model that are said instead of found.
    pub with: BTreeMap<String, Value>,
    /// The rules, first match first.
    pub rules: Vec<Rule>,
    /// What it knows about its models that their files do not tell.
    pub says: Vec<Say>,
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        /// The built-in recipes: name and text.
        pub const BUILTIN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../recipes/", $name, ".toml")))),+];
    };
}

builtin![
    "auto",
    "he",
    "xavier",
    "torch",
    "keras",
    "jax",
    "flax",
    "hf",
    "gpt2",
    "nanogpt",
    "llama",
    "torchtitan-llama",
    "olmo",
    "megatron",
    "gpt-neox",
    "bert",
    "modernbert",
    "t5",
    "mixtral",
    "mamba",
    "mamba2",
    "rwkv",
    "vit",
    "swin",
    "clip",
    "convnext",
    "efficientnet",
    "resnet",
    "whisper",
    "wav2vec2",
    "unet-diffusion",
    "dit",
    "siren",
    "lstm",
    "fixup",
    "t-fixup",
    "deepnorm",
    "magneto",
    "mup",
    "zero",
];

impl Recipe {
    /// A built-in recipe.
    ///
    /// # Errors
    /// If there is none of that name.
    ///
    /// # Example
    /// ```
    /// let recipe = fanin::Recipe::named("torch")?;
    /// assert!(!recipe.rules.is_empty());
    /// # Ok::<(), fanin::Error>(())
    /// ```
    pub fn named(name: &str) -> Result<Recipe, Error> {
        let Some((_, text)) = BUILTIN.iter().find(|(own, _)| *own == name) else {
            let all: Vec<&str> = BUILTIN.iter().map(|(own, _)| *own).collect();
            let near =
                nearest(name, all.iter().copied()).map_or(String::new(), |near| format!(" Did you mean `{near}`?"));
            return Err(Refusal::new(
                format!("there is no built-in recipe `{name}`"),
                all.join(", "),
                format!("Name one of these, or the path of a recipe file ending in .toml.{near}"),
            )
            .into());
        };
        Recipe::read(name, text)
    }

    /// A recipe from its text.
    ///
    /// # Errors
    /// If the text is no TOML, a field is unknown, or a rule's role, activation, formula or call is.
    pub fn read(name: &str, text: &str) -> Result<Recipe, Error> {
        file::read(name, text).map_err(|problem| Error::Text { what: format!("recipe {name}"), problem })
    }

    /// Chooses: `NAME=VALUE` of an option, or of a number of the model that is to be taken as said.
    ///
    /// # Errors
    /// If there is no such option and no such number, or it cannot have that value.
    ///
    /// # Example
    /// ```
    /// let mut recipe = fanin::Recipe::named("he")?;
    /// recipe.choose("layers=24")?;
    /// assert!(recipe.choose("layrs=24").unwrap_err().to_string().contains("Did you mean `layers`?"));
    /// # Ok::<(), fanin::Error>(())
    /// ```
    pub fn choose(&mut self, text: &str) -> Result<(), Refusal> {
        let asked = format!("--with '{text}'");
        let Some((name, value)) = text.split_once('=') else {
            let remedy = "Write `--with layers=24`.";
            return Err(Refusal::new("there is no `=`", "NAME=VALUE", remedy).of("", &asked));
        };
        let (name, value) = (name.trim(), choice::value(value.trim()));
        self.set(name, value).map_err(|refusal| refusal.of("", &asked))
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), Refusal> {
        if let Some(choice) = self.choices.iter().find(|choice| choice.name == name) {
            choice.check(&value)?;
        } else if FACTS.iter().any(|fact| fact.name == name && fact.may_be_said) {
            choice::positive(name, &value)?;
        } else {
            return Err(self.unknown(name));
        }
        self.with.insert(name.to_owned(), value);
        Ok(())
    }

    fn unknown(&self, name: &str) -> Refusal {
        let facts = FACTS.iter().filter(|fact| fact.may_be_said).map(|fact| fact.name);
        let all: Vec<&str> = self.choices.iter().map(|choice| choice.name.as_str()).chain(facts).collect();
        let near = nearest(name, all.iter().copied()).map_or(String::new(), |near| format!("Did you mean `{near}`? "));
        Refusal::new(
            format!("recipe {} has no option `{name}`, and it is no number of the model", self.name),
            all.join(", "),
            format!("{near}`fanin explain {}` tells what can be chosen.", self.name),
        )
    }

    /// What a choice is: as chosen, or its default.
    pub fn chosen(&self, name: &str) -> Option<&Value> {
        let default = || self.choices.iter().find(|choice| choice.name == name)?.default.as_ref();
        self.with.get(name).or_else(default)
    }

    /// Whether a rule holds with what was chosen.
    pub fn has(&self, rule: &Rule) -> bool {
        let is = |(name, values): &(String, Vec<String>)| {
            self.chosen(name).is_some_and(|value| values.contains(&choice::word(value)))
        };
        rule.when.iter().all(is)
    }
}

/// Whether `name` has the form of `pattern`, in which `*` stands for any text and `?` for any character.
pub fn glob(pattern: &str, name: &str) -> bool {
    WildMatch::new(pattern).matches(name)
}

/// The name most like `name`, if any is like it.
pub fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = all.map(|own| (strsim::jaro_winkler(own, name), own)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}

#[cfg(test)]
mod tests;
