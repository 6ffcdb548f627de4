//! [`Recipe`]: which method for which parameter, as an ordered list of rules. The built-in ones are files in the very
//! form that a user writes.

use crate::call::Call;
use crate::error::{Error, Refusal};
use crate::gain::Activation;
use crate::methods::resolve;
use crate::param::Param;
use crate::role::Role;
use serde::Deserialize;
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
    /// The rules, first match first.
    pub rules: Vec<Rule>,
}

/// One rule: what a parameter must be, and what it gets.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Patterns of the name (`*` and `?`), any of which may match; empty matches every name.
    pub names: Vec<String>,
    /// Roles, any of which may match; empty matches every role but the constants of the computation.
    pub roles: Vec<Role>,
    /// Consuming operators; empty matches all.
    pub ops: Vec<String>,
    /// Activations that follow (`linear` where none does); empty matches all.
    pub activations: Vec<Activation>,
    /// Whether the model's input must (not) reach it first.
    pub first: Option<bool>,
    /// Number of dimensions; `None` matches all.
    pub rank: Option<usize>,
    /// Whether the weight beside a bias must (not) be known; `None` matches both.
    pub beside: Option<bool>,
    /// What the parameter gets.
    pub does: Use,
    /// Why, in words that are shown.
    pub why: String,
}

/// What a rule does with a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Use {
    /// Draw it by this call.
    Call(Call),
    /// Leave it as it is in the file.
    Keep,
}

/// The form on disk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    about: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    rule: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: Option<String>,
    role: Option<String>,
    op: Option<String>,
    activation: Option<String>,
    first: Option<bool>,
    rank: Option<usize>,
    beside: Option<bool>,
    #[serde(rename = "use")]
    does: String,
    #[serde(default)]
    why: String,
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        /// The built-in recipes: name and text.
        pub const BUILTIN: &[(&str, &str)] = &[$(($name, include_str!(concat!("recipes/", $name, ".toml")))),+];
    };
}

builtin!["auto", "he", "xavier", "torch", "keras", "jax", "zero"];

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
    /// If the text is no TOML, a field is unknown, or a rule's role, activation or call is.
    pub fn read(name: &str, text: &str) -> Result<Recipe, Error> {
        let wrong = |problem: String| Error::Text { what: format!("recipe {name}"), problem };
        let file: File = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let rules = file.rule.into_iter().enumerate();
        let rules = rules
            .map(|(i, line)| Rule::new(line).map_err(|refusal| wrong(format!("rule {}: {refusal}", i + 1))))
            .collect::<Result<_, _>>()?;
        Ok(Recipe { name: name.to_owned(), about: file.about, source: file.source, rules })
    }
}

impl Rule {
    fn new(line: Line) -> Result<Rule, Refusal> {
        Ok(Rule {
            names: list(line.name.as_deref()),
            roles: named(line.role.as_deref(), "role", Role::ALL, Role::name)?,
            ops: list(line.op.as_deref()),
            activations: named(
                line.activation.as_deref(),
                "activation",
                Activation::ALL.iter().copied(),
                Activation::name,
            )?,
            first: line.first,
            rank: line.rank,
            beside: line.beside,
            does: Use::read(&line.does)?,
            why: line.why,
        })
    }

    /// The rule of a `--set 'GLOB=CALL'`.
    ///
    /// # Errors
    /// If there is no `=`, or the call cannot be read or resolved.
    ///
    /// # Example
    /// ```
    /// let rule = fanin::recipe::Rule::set("*.bias=constant(value=0.1)")?;
    /// assert_eq!(rule.names, ["*.bias"]);
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn set(text: &str) -> Result<Rule, Refusal> {
        let Some((names, call)) = text.split_once('=') else {
            return Err(Refusal::new("there is no `=`", "NAME=CALL", "Write `--set 'layers.*.weight=he(fan=out)'`.")
                .of("", &format!("--set '{text}'")));
        };
        Ok(Rule {
            names: list(Some(names)),
            roles: Vec::new(),
            ops: Vec::new(),
            activations: Vec::new(),
            first: None,
            rank: None,
            beside: None,
            does: Use::read(call.trim())?,
            why: "you set it".to_owned(),
        })
    }

    /// Whether the rule is for this parameter.
    ///
    /// A constant of the computation is matched only by a rule that names its role, or names it exactly.
    pub fn matches(&self, param: &Param) -> bool {
        let role = param.role.value;
        let exact = self.names.contains(&param.name);
        if role.is_kept() && !exact && !self.roles.contains(&role) {
            return false;
        }
        let op = param.place.op.as_deref().unwrap_or("");
        any(&self.names, |pattern| *pattern == param.name || glob(pattern, &param.name))
            && any(&self.roles, |own| *own == role)
            && any(&self.ops, |own| own == op)
            && any(&self.activations, |own| *own == param.activation().0)
            && self.first.is_none_or(|first| first == param.place.first)
            && self.rank.is_none_or(|rank| rank == param.shape.len())
            && self.beside.is_none_or(|beside| beside == param.place.beside.is_some())
    }

    /// The condition in words: `role=weight activation=relu`.
    pub fn condition(&self) -> String {
        let join = |words: Vec<&str>| words.join("|");
        let mut parts = Vec::new();
        if !self.names.is_empty() {
            parts.push(format!("name={}", self.names.join("|")));
        }
        if !self.roles.is_empty() {
            parts.push(format!("role={}", join(self.roles.iter().map(|r| r.name()).collect())));
        }
        if !self.ops.is_empty() {
            parts.push(format!("op={}", self.ops.join("|")));
        }
        if !self.activations.is_empty() {
            parts.push(format!("activation={}", join(self.activations.iter().map(|a| a.name()).collect())));
        }
        parts.extend(self.first.map(|first| format!("first={first}")));
        parts.extend(self.rank.map(|rank| format!("rank={rank}")));
        parts.extend(self.beside.map(|beside| format!("beside={beside}")));
        if parts.is_empty() { "any".to_owned() } else { parts.join(" ") }
    }
}

impl Use {
    fn read(text: &str) -> Result<Use, Refusal> {
        if text == "keep" {
            return Ok(Use::Keep);
        }
        let call: Call = text.parse()?;
        resolve(&call)?;
        Ok(Use::Call(call))
    }
}

fn any<T>(list: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(holds)
}

fn list(text: Option<&str>) -> Vec<String> {
    text.map_or_else(Vec::new, |text| text.split('|').map(|word| word.trim().to_owned()).collect())
}

/// The values whose names stand in `text`, separated by `|`.
fn named<T: Copy>(
    text: Option<&str>,
    what: &str,
    all: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Result<Vec<T>, Refusal> {
    let all: Vec<T> = all.into_iter().collect();
    list(text)
        .iter()
        .map(|word| {
            all.iter().copied().find(|&value| name(value) == word).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|&value| name(value)).collect();
                Refusal::new(format!("there is no {what} `{word}`"), names.join(", "), "Mend the rule.")
            })
        })
        .collect()
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
mod tests {
    use super::*;
    use crate::axes::Axes;
    use crate::dtype::Dtype;

    #[test]
    fn every_built_in_recipe_reads() {
        for (name, _) in BUILTIN {
            let recipe = Recipe::named(name).unwrap();
            assert!(!recipe.about.is_empty() && !recipe.source.is_empty(), "{name}");
        }
    }

    #[test]
    fn constants_of_the_computation_are_matched_by_role_or_exact_name_only() {
        let fixed = Param::new("stft.basis", &[4, 1, 8], Dtype::F32, Role::Fixed, Axes::conv(1, 1));
        let matches = |text: &str| Rule::set(text).unwrap().matches(&fixed);
        assert!(!matches("*=zeros"));
        assert!(!matches("stft.*=zeros"));
        assert!(matches("stft.basis=zeros"));
    }

    #[test]
    fn mistakes_name_the_rule_and_what_would_be_right() {
        for (text, part) in [
            ("[[rule]]\nrole='wieght'\nuse='he'", "rule 1: there is no role `wieght`; expected weight"),
            ("[[rule]]\nuse='hee'", "Did you mean `he`"),
            ("[[rule]]\nuse='he'\nnme='x'", "unknown field `nme`"),
            ("[[rule]]\nuse='he'\nactivation='rleu'", "there is no activation `rleu`"),
            ("rule = 3", "recipe mine"),
        ] {
            let error = Recipe::read("mine", text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(Rule::set("x").unwrap_err().to_string().contains("there is no `=`"));
        let error = Recipe::named("troch").unwrap_err().to_string();
        assert!(error.contains("Did you mean `torch`?"), "{error}");
    }
}
