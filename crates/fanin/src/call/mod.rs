//! [`Call`]: a method with arguments, as text: `he(fan=out, draw=uniform)`, `torch:kaiming_uniform_(a=2.236)`. A
//! [`Template`] is a call whose arguments may be formulas of the model's own numbers.

mod read;
mod template;

pub use template::{Argument, Template};
pub(crate) use template::{from_number, number};

use crate::error::Refusal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// A method's name, or a framework's spelling of it, with named arguments.
///
/// # Example
/// ```
/// let call: fanin::Call = "he(draw = uniform, slope=0.2)".parse()?;
/// assert_eq!(call.name, "he");
/// assert_eq!(call.to_string(), "he(draw=uniform, slope=0.2)");
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Whose name it is: `torch`, `keras`, `jax`; `None` for fanin's own.
    pub dialect: Option<String>,
    /// The name.
    pub name: String,
    /// The arguments in the order they were written.
    pub args: Map<String, Value>,
}

impl Call {
    /// A call of one of fanin's methods without arguments.
    pub fn plain(name: &str) -> Call {
        Call { dialect: None, name: name.to_owned(), args: Map::new() }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args = self.args.iter().map(|(key, value)| format!("{key}={}", text(value)));
        written(f, self.dialect.as_deref(), &self.name, &args.collect::<Vec<_>>())
    }
}

fn written(f: &mut fmt::Formatter<'_>, dialect: Option<&str>, name: &str, args: &[String]) -> fmt::Result {
    if let Some(dialect) = dialect {
        write!(f, "{dialect}:")?;
    }
    f.write_str(name)?;
    if args.is_empty() { Ok(()) } else { write!(f, "({})", args.join(", ")) }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(word) if is_word(word) => word.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !matches!(word, "true" | "false" | "null" | "inf" | "nan")
}

impl FromStr for Call {
    type Err = Refusal;

    fn from_str(source: &str) -> Result<Call, Refusal> {
        source.parse::<Template>()?.fill(&mut |_| None).map_err(|refusal| refusal.of("", &format!("`{source}`")))
    }
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Call, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn calls_read_and_print() {
        for text in
            ["he", "he(fan=out)", "torch:nn.Linear.weight", "uniform(low=-0.05, high=0.05)", "x(a=[1, 2.5], b=\"a b\")"]
        {
            assert_eq!(text.parse::<Call>().unwrap().to_string(), text);
        }
        let call: Call = " constant( value = -1e-3 ) ".parse().unwrap();
        assert_eq!(call.args["value"], -1e-3);
        let call: Call = "he(slope=sqrt(5), fan=in)".parse().unwrap();
        assert_eq!(call.to_string(), "he(slope=2.23606797749979, fan=in)");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (text, part) in [
            ("", "the name of a method"),
            ("he(", "the name of an argument"),
            ("he(fan", "`=` after"),
            ("he(fan=)", "a number or a word"),
            ("he(fan=in,fan=out)", "came twice"),
            ("he(fan=in) x", "nothing after"),
            ("he(a=\"x)", "closing quote"),
            ("he(a=2 *)", "a number, a name or `(`"),
            ("he(a=2 * layers)", "`layers` has no value here"),
            ("he(a=(2)", "`,` or `)` after an argument"),
        ] {
            let refusal = text.parse::<Call>().unwrap_err();
            assert!(refusal.to_string().contains(part), "{text}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(call) = text.parse::<Call>() {
                prop_assert_eq!(call.to_string().parse::<Call>().unwrap(), call);
            }
        }
    }
}
