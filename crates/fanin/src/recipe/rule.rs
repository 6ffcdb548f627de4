//! [`Rule`]: what a parameter must be, and what it gets.

use super::glob;
use crate::call::Template;
use crate::error::Refusal;
use crate::expression::Expression;
use crate::gain::Activation;
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;

/// One rule: what a parameter must be, and what it gets. A condition that is left out matches everything.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// The recipe that it stands in, and its number there from 1.
    pub origin: (String, usize),
    /// Patterns of the name (`*` and `?`), any of which may match.
    pub names: Vec<String>,
    /// Roles, any of which may match; empty matches every role but the constants of the computation.
    pub roles: Vec<Role>,
    /// What it does in its block, any of which may match; a fused parameter must have no other.
    pub sites: Vec<Site>,
    /// Consuming operators, any of which may match.
    pub ops: Vec<String>,
    /// Activations that follow (`linear` where none does), any of which may match.
    pub activations: Vec<Activation>,
    /// Whether its output must (not) be added to the residual stream.
    pub residual: Option<bool>,
    /// Whether it must (not) be in a block.
    pub block: Option<bool>,
    /// Whether the model's input must (not) reach it first.
    pub first: Option<bool>,
    /// Numbers of dimensions, any of which may match.
    pub ranks: Vec<usize>,
    /// Whether the weight beside a bias must (not) be known.
    pub beside: Option<bool>,
    /// Options that must have been chosen: name, and values of which it must have one.
    pub when: Vec<(String, Vec<String>)>,
    /// What the parameter gets.
    pub does: Use,
    /// Factor of the learning rate, where it is not 1.
    pub lr: Option<Expression>,
    /// Why, in words that are shown.
    pub why: String,
}

/// What a rule does with a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Use {
    /// Draw it by this call.
    Call(Template),
    /// Leave it as it is in the file.
    #[default]
    Keep,
}

impl Rule {
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
        let does = Use::read(call.trim())?;
        does.check(&|_| None)?;
        Ok(Rule { names: words(Some(names)), does, why: "you set it".to_owned(), ..Rule::default() })
    }

    /// Whether the rule is for this parameter.
    ///
    /// A constant of the computation is matched only by a rule that names its role, or names it exactly.
    pub fn matches(&self, param: &Param) -> bool {
        let (role, place) = (param.role.value, &param.place);
        let exact = self.names.contains(&param.name);
        if role.is_kept() && !exact && !self.roles.contains(&role) {
            return false;
        }
        // What has a law of its own is not meant by a rule for everything.
        if role == Role::Special && self.names.is_empty() && !self.roles.contains(&role) {
            return false;
        }
        let op = place.op.as_deref().unwrap_or("");
        let sites = param.sites();
        any(&self.names, |pattern| *pattern == param.name || glob(pattern, &param.name))
            && any(&self.roles, |own| *own == role)
            && (self.sites.is_empty() || (!sites.is_empty() && sites.iter().all(|site| self.sites.contains(site))))
            && any(&self.ops, |own| own == op)
            && any(&self.activations, |own| *own == param.activation().0)
            && self.residual.is_none_or(|residual| residual == place.residual.is_some())
            && self.block.is_none_or(|block| block == place.block.is_some())
            && self.first.is_none_or(|first| first == place.first)
            && any(&self.ranks, |rank| *rank == param.shape.len())
            && self.beside.is_none_or(|beside| beside == place.beside.is_some())
    }

    /// The condition in words: `role=weight activation=relu`.
    pub fn condition(&self) -> String {
        let join = |words: Vec<&str>| words.join("|");
        let mut parts = Vec::new();
        let mut part = |name: &str, words: String| {
            if !words.is_empty() {
                parts.push(format!("{name}={words}"));
            }
        };
        part("name", self.names.join("|"));
        part("role", join(self.roles.iter().map(|r| r.name()).collect()));
        part("site", join(self.sites.iter().map(|s| s.name()).collect()));
        part("op", self.ops.join("|"));
        part("activation", join(self.activations.iter().map(|a| a.name()).collect()));
        part("rank", self.ranks.iter().map(usize::to_string).collect::<Vec<_>>().join("|"));
        let flags =
            [("residual", self.residual), ("block", self.block), ("first", self.first), ("beside", self.beside)];
        for (name, flag) in flags {
            part(name, flag.map_or(String::new(), |flag| flag.to_string()));
        }
        if parts.is_empty() { "any".to_owned() } else { parts.join(" ") }
    }

    /// The options that it holds for, in words: `mode=jax|moco`.
    pub fn choice(&self) -> String {
        let one = |(name, values): &(String, Vec<String>)| format!("{name}={}", values.join("|"));
        self.when.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

impl Use {
    pub(super) fn read(text: &str) -> Result<Use, Refusal> {
        if text == "keep" { Ok(Use::Keep) } else { text.parse().map(Use::Call) }
    }

    /// What is done, as it was written.
    pub fn text(&self) -> String {
        match self {
            Use::Call(template) => template.to_string(),
            Use::Keep => "keep".to_owned(),
        }
    }
}

fn any<T>(list: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(holds)
}

/// The words between the strokes.
pub(super) fn words(text: Option<&str>) -> Vec<String> {
    text.map_or_else(Vec::new, |text| text.split('|').map(|word| word.trim().to_owned()).collect())
}
