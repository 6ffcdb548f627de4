//! [`Finding`]: one thing that is wrong, with everything that is needed to mend it.

use super::Name;
use serde::Serialize;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is called.
    pub name: Name,
    /// How bad it is.
    pub severity: Severity,
    /// The parameter or layer where it shows first.
    pub at: String,
    /// All parameters or layers where it shows, `at` included.
    pub all: Vec<String>,
    /// What was measured, in words.
    pub quantity: String,
    /// The number; `None` where it is not finite.
    pub value: Option<f64>,
    /// Where the number should be.
    pub healthy: Healthy,
    /// Who says so.
    pub source: &'static str,
    /// What it means, in a sentence.
    pub text: String,
    /// The command that mends it.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training will fail, or hardly move.
    Error,
    /// Training will suffer.
    Warning,
}

/// Where a number should be: a closed interval, open to one side where an end is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Healthy {
    /// Least healthy value.
    pub low: Option<f64>,
    /// Largest healthy value.
    pub high: Option<f64>,
}

impl Healthy {
    /// From `low` to `high`.
    pub fn between(low: f64, high: f64) -> Healthy {
        Healthy { low: Some(low), high: Some(high) }
    }

    /// At most `high`.
    pub fn below(high: f64) -> Healthy {
        Healthy { low: None, high: Some(high) }
    }

    /// At least `low`.
    pub fn above(low: f64) -> Healthy {
        Healthy { low: Some(low), high: None }
    }

    /// Whether a number lies in it; NaN does not.
    pub fn holds(&self, value: f64) -> bool {
        !value.is_nan() && self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high)
    }
}

impl Severity {
    /// As tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Finding {
    /// A finding of this name at one place, without its number and its remedy.
    pub fn new(name: Name, at: impl Into<String>) -> Finding {
        let at = at.into();
        Finding {
            name,
            severity: name.severity(),
            all: vec![at.clone()],
            at,
            quantity: name.quantity().to_owned(),
            value: None,
            healthy: name.healthy(),
            source: name.source(),
            text: String::new(),
            remedy: String::new(),
        }
    }

    /// The same at all of these places; the first is where it shows first.
    #[must_use]
    pub fn across(self, all: Vec<String>) -> Finding {
        let at = all.first().cloned().unwrap_or_else(|| self.at.clone());
        Finding { at, all, ..self }
    }

    /// The same with its number.
    #[must_use]
    pub fn value(self, value: f64) -> Finding {
        Finding { value: Some(value).filter(|v| v.is_finite()), ..self }
    }

    /// The same with a range of its own.
    #[must_use]
    pub fn healthy(self, healthy: Healthy) -> Finding {
        Finding { healthy, ..self }
    }

    /// The same with another quantity than its name's.
    #[must_use]
    pub fn quantity(self, quantity: impl Into<String>) -> Finding {
        Finding { quantity: quantity.into(), ..self }
    }

    /// The same, explained.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Finding {
        Finding { text: text.into(), ..self }
    }

    /// The same, with the command that mends it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding { remedy: remedy.into(), ..self }
    }
}
