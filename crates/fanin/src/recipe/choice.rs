//! [`Choice`]: what the user of a recipe may choose.

use crate::error::Refusal;
use crate::expression::Expression;
use serde_json::Value;

/// An option of a recipe: a mode, a switch or a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// What it does, in one sentence.
    pub about: String,
    /// What it is if nothing is said; `None` if it must be said.
    pub default: Option<Value>,
    /// The words that it may be; empty for numbers and switches.
    pub of: Vec<String>,
}

impl Choice {
    /// Refuses a value that the option cannot have.
    pub(super) fn check(&self, value: &Value) -> Result<(), Refusal> {
        let (holds, expected) = match &self.default {
            _ if !self.of.is_empty() => (self.of.contains(&word(value)), self.of.join(", ")),
            Some(Value::Bool(_)) => (value.is_boolean(), "true or false".to_owned()),
            _ => (value.as_f64().is_some_and(f64::is_finite), "a number".to_owned()),
        };
        if holds {
            return Ok(());
        }
        Err(Refusal::new(format!("`{}` is {}", self.name, word(value)), expected, "Choose one of these."))
    }

    /// Name, default and alternatives in a line: `mode=default|jax|moco`.
    pub fn line(&self) -> String {
        let default = self.default.as_ref().map_or("…".to_owned(), word);
        let others = self.of.iter().filter(|word| **word != default).map(|word| format!("|{word}"));
        format!("{}={default}{}", self.name, others.collect::<String>())
    }
}

/// A value as the user writes it.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a user wrote: a truth value, a number (perhaps calculated), or a word.
pub(super) fn value(text: &str) -> Value {
    let calculated = || text.parse::<Expression>().ok().filter(|formula| formula.names().is_empty());
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => calculated()
            .and_then(|formula| formula.value(&mut |_| Ok(0.0)).ok())
            .map_or_else(|| Value::from(text), crate::call::from_number),
    }
}

/// Numbers of a model are counts.
pub(super) fn positive(name: &str, value: &Value) -> Result<(), Refusal> {
    if value.as_u64().is_some_and(|count| count > 0) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{name}` is {}", word(value)),
        "a whole number, 1 or more",
        "Say the model's own number.",
    ))
}
