//! [`Template`]: a call before the model's numbers are known.

use super::{Call, text, written};
use crate::error::Refusal;
use crate::expression::Expression;
use serde_json::{Map, Number, Value};
use std::fmt;

/// A call whose arguments may be formulas: `normal(std=0.02 / sqrt(2 * layers))`.
///
/// # Example
/// ```
/// use fanin::call::Template;
/// let template: Template = "normal(std=0.02 / sqrt(2 * layers))".parse()?;
/// let call = template.fill(&mut |name| (name == "layers").then(|| Ok(8.into())))?;
/// assert_eq!(call.to_string(), "normal(std=0.005)");
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Whose name it is, as in [`Call`].
    pub dialect: Option<String>,
    /// The method's name.
    pub name: String,
    /// The arguments in the order they were written.
    pub args: Vec<(String, Argument)>,
}

/// Words that the frameworks' arguments have as values (`mode=fan_out`): alone they are those words, and numbers only within
/// a formula.
const OWN: [&str; 2] = ["fan_in", "fan_out"];

/// What stands behind an argument's `=`.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A number, a quoted text, a list, or a truth value.
    Value(Value),
    /// A word: the value of that name, or itself if there is none (`draw=uniform`).
    Word(String),
    /// Something to be calculated.
    Formula(Expression),
}

/// What a name stands for; `None` if it stands for nothing.
pub(crate) type Lookup<'a> = dyn FnMut(&str) -> Option<Result<Value, Refusal>> + 'a;

impl Template {
    /// The call with every name replaced by what `of` says it is.
    ///
    /// # Errors
    /// If a formula has a name that stands for nothing or for no number, or what it gives is not finite.
    pub fn fill(&self, of: &mut Lookup) -> Result<Call, Refusal> {
        let mut args = Map::new();
        for (key, argument) in &self.args {
            args.insert(key.clone(), argument.value(of)?);
        }
        Ok(Call { dialect: self.dialect.clone(), name: self.name.clone(), args })
    }

    /// The arguments that are calculated or looked up, with their names.
    pub fn open(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.args.iter().map(|(key, argument)| (key.as_str(), argument.names())).filter(|(_, names)| !names.is_empty())
    }
}

impl Argument {
    fn value(&self, of: &mut Lookup) -> Result<Value, Refusal> {
        match self {
            Argument::Value(value) => Ok(value.clone()),
            Argument::Word(word) if OWN.contains(&word.as_str()) => Ok(Value::String(word.clone())),
            Argument::Word(word) => of(word).unwrap_or_else(|| Ok(Value::String(word.clone()))),
            Argument::Formula(formula) => formula.value(&mut |name| number(name, of(name))).map(from_number),
        }
    }

    /// Names that may stand for something.
    fn names(&self) -> Vec<&str> {
        match self {
            Argument::Value(_) => Vec::new(),
            Argument::Word(word) => vec![word],
            Argument::Formula(formula) => formula.names(),
        }
    }
}

/// The number that a name in a formula stands for.
pub(crate) fn number(name: &str, found: Option<Result<Value, Refusal>>) -> Result<f64, Refusal> {
    let value = found.unwrap_or_else(|| {
        Err(Refusal::new(
            format!("`{name}` has no value here"),
            "a number",
            "A recipe's formulas and those of `--set` know the numbers of the model (`fanin explain recipes`); elsewhere \
             write the number itself.",
        ))
    })?;
    value.as_f64().ok_or_else(|| {
        Refusal::new(format!("`{name}` is {} in a formula", text(&value)), "a number", "Mend the formula.")
    })
}

/// A number as JSON: whole where it is, so that it may be the number of something.
pub(crate) fn from_number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args = self.args.iter().map(|(key, argument)| match argument {
            Argument::Value(value) => format!("{key}={}", text(value)),
            Argument::Word(word) => format!("{key}={word}"),
            Argument::Formula(formula) => format!("{key}={formula}"),
        });
        written(f, self.dialect.as_deref(), &self.name, &args.collect::<Vec<_>>())
    }
}
