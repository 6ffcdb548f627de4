//! The options that a kind of architecture has: one table each, from which texts are checked, defaults are taken and the
//! documentation is written.

use super::activation;
use super::fault::Fault;

/// The widest layer, the longest context, the largest picture: beyond it a text is taken for a slip.
pub(crate) const MOST: u64 = 1 << 20;

/// An option of a kind.
#[derive(Debug)]
pub struct Choice {
    /// Its name: `layers`.
    pub name: &'static str,
    /// Its value where nobody gives one.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
    pub(crate) values: Values,
}

/// What values an option takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values {
    /// A whole number.
    Size(u64, u64),
    /// Whole numbers joined by `-`.
    Sizes,
    /// A number.
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `yes` or `no`; the name alone means yes.
    Flag,
    /// The name of an activation, perhaps with its parameter: `leaky_relu(0.2)`.
    Activation,
}

pub(crate) const fn size(name: &'static str, default: &'static str, range: (u64, u64), about: &'static str) -> Choice {
    Choice { name, default, about, values: Values::Size(range.0, range.1) }
}

pub(crate) const fn sizes(name: &'static str, default: &'static str, about: &'static str) -> Choice {
    Choice { name, default, about, values: Values::Sizes }
}

pub(crate) const fn number(
    name: &'static str,
    default: &'static str,
    range: (f64, f64),
    about: &'static str,
) -> Choice {
    Choice { name, default, about, values: Values::Number(range.0, range.1) }
}

pub(crate) const fn word(
    name: &'static str,
    default: &'static str,
    words: &'static [&'static str],
    about: &'static str,
) -> Choice {
    Choice { name, default, about, values: Values::Word(words) }
}

pub(crate) const fn flag(name: &'static str, default: &'static str, about: &'static str) -> Choice {
    Choice { name, default, about, values: Values::Flag }
}

pub(crate) const fn act(default: &'static str) -> Choice {
    Choice { name: "act", default, about: "activation of the hidden layers", values: Values::Activation }
}

pub(crate) const fn out(default: &'static str) -> Choice {
    Choice { name: "out", default, about: "activation of the output", values: Values::Activation }
}

impl Choice {
    /// What may stand for its value, in words.
    pub fn expected(&self) -> String {
        match self.values {
            Values::Size(least, most) => format!("a whole number from {least} to {most}"),
            Values::Sizes => "whole numbers joined by `-`, such as 2-2-6-2".to_owned(),
            Values::Number(least, most) => format!("a number from {least} to {most}"),
            Values::Word(words) => format!("one of {}", words.join(", ")),
            Values::Flag => "yes or no".to_owned(),
            Values::Activation => "an activation, such as relu or leaky_relu(0.2)".to_owned(),
        }
    }

    pub(crate) fn is_flag(&self) -> bool {
        matches!(self.values, Values::Flag)
    }

    pub(crate) fn is_activation(&self) -> bool {
        matches!(self.values, Values::Activation)
    }

    /// Refuses a value that the option cannot have; the text begins at character `at`.
    pub(crate) fn check(&self, text: &str, at: usize) -> Result<(), Fault> {
        let fits = match self.values {
            Values::Size(least, most) => text.parse::<u64>().is_ok_and(|n| (least..=most).contains(&n)),
            Values::Sizes => text.split('-').all(|part| part.parse::<u64>().is_ok_and(|n| (1..=MOST).contains(&n))),
            Values::Number(least, most) => text.parse::<f64>().is_ok_and(|n| (least..=most).contains(&n)),
            Values::Word(words) => words.contains(&text),
            Values::Flag => matches!(text, "yes" | "no"),
            Values::Activation => return activation::parse(text, at).map(drop),
        };
        if fits {
            return Ok(());
        }
        let wrong = if text.is_empty() {
            format!("`{}` has no value", self.name)
        } else {
            format!("`{}` is `{text}`", self.name)
        };
        Err(Fault::new(at, text.len(), wrong, self.expected()))
    }
}
