//! [`Doubt`]: what no sign tells about a parameter, what is taken for it, and what settles it.

use serde::{Deserialize, Serialize};

/// What a doubt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// What the parameter is for.
    Role,
    /// Which dimension means what.
    Axes,
    /// The stride of a transposed convolution.
    Stride,
    /// How often the blocks of a fused weight take turns.
    Repeat,
    /// Whether its values are those of another parameter.
    Tie,
    /// What it starts as.
    Law,
}

/// A question about a parameter that its file does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What it is about.
    pub about: About,
    /// What is not known: `whether it is tied to wte.weight`.
    pub what: String,
    /// What is taken until somebody says otherwise: `taken as tied`.
    pub taken: String,
    /// The fact that would settle it otherwise, as `--say 'NAME=FACT'` takes it: `tied:no`. Empty where only a call does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub say: String,
    /// The module that it is about as a whole, with the separator behind it, if it is not about one parameter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
}

impl Doubt {
    /// A doubt in words.
    pub fn new(about: About, what: impl Into<String>, taken: impl Into<String>, say: impl Into<String>) -> Doubt {
        Doubt { about, what: what.into(), taken: taken.into(), say: say.into(), module: String::new() }
    }

    /// The same doubt, of everything in a module.
    #[must_use]
    pub fn of_all(self, module: &str) -> Doubt {
        Doubt { module: module.to_owned(), ..self }
    }
}
