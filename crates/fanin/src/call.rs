//! [`Call`]: a method with arguments, as text: `he(fan=out, draw=uniform)`, `torch:kaiming_uniform_(a=2.236)`.

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
        if let Some(dialect) = &self.dialect {
            write!(f, "{dialect}:")?;
        }
        f.write_str(&self.name)?;
        if self.args.is_empty() {
            return Ok(());
        }
        let args: Vec<String> = self.args.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
        write!(f, "({})", args.join(", "))
    }
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
        let mut reader = Reader { source, at: 0 };
        let call = reader.call()?;
        reader.skip();
        if reader.at == source.len() {
            Ok(call)
        } else {
            Err(reader.wrong("a method and its arguments, and nothing after them"))
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn wrong(&self, expected: &str) -> Refusal {
        let found = self.rest().chars().next().map_or("the end".to_owned(), |c| format!("`{c}`"));
        Refusal::new(
            format!("cannot be read: found {found} at character {}", self.source[..self.at].chars().count() + 1),
            expected,
            "Write calls like `he(fan=out, draw=uniform)` or `torch:kaiming_uniform_(a=2.236)`.",
        )
        .of("", &format!("`{}`", self.source))
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip();
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    /// A run of the characters that names and numbers are made of.
    fn word(&mut self, allowed: fn(char) -> bool) -> Option<&'a str> {
        self.skip();
        let end = self.rest().find(|c| !allowed(c)).unwrap_or(self.rest().len());
        let word = &self.rest()[..end];
        self.at += end;
        (!word.is_empty()).then_some(word)
    }

    fn call(&mut self) -> Result<Call, Refusal> {
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let first = self.word(name).ok_or_else(|| self.wrong("the name of a method"))?;
        let (dialect, name) = if self.eat(':') {
            (Some(first.to_owned()), self.word(name).ok_or_else(|| self.wrong("a name after the colon"))?)
        } else {
            (None, first)
        };
        let mut args = Map::new();
        if self.eat('(') && !self.eat(')') {
            loop {
                let key = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
                let key = key.ok_or_else(|| self.wrong("the name of an argument"))?;
                if !self.eat('=') {
                    return Err(self.wrong("`=` after the argument's name"));
                }
                let value = self.value(0)?;
                if args.insert(key.to_owned(), value).is_some() {
                    return Err(self.wrong(&format!("each argument once, but `{key}` came twice")));
                }
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.wrong("`,` or `)` after an argument"));
                }
            }
        }
        Ok(Call { dialect, name: name.to_owned(), args })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Refusal> {
        self.skip();
        if depth < 4 && self.eat('[') {
            let mut items = Vec::new();
            while !self.eat(']') {
                items.push(self.value(depth + 1)?);
                if !self.eat(',') && !self.rest().trim_start().starts_with(']') {
                    return Err(self.wrong("`,` or `]` in a list"));
                }
            }
            return Ok(Value::Array(items));
        }
        for quote in ['"', '\''] {
            if self.eat(quote) {
                let end = self.rest().find(quote).ok_or_else(|| self.wrong("a closing quote"))?;
                let text = self.rest()[..end].to_owned();
                self.at += end + 1;
                return Ok(Value::String(text));
            }
        }
        let word = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'));
        let word = word.ok_or_else(|| self.wrong("a number or a word"))?;
        Ok(match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" => Value::Null,
            _ => number(word).unwrap_or_else(|| Value::String(word.to_owned())),
        })
    }
}

fn number(word: &str) -> Option<Value> {
    if let Ok(integer) = word.parse::<i64>() {
        return Some(Value::from(integer));
    }
    let digit = |c: char| c.is_ascii_digit();
    let starts = word.trim_start_matches(['-', '+']).trim_start_matches('.').starts_with(digit);
    let number: f64 = word.parse().ok().filter(|_| starts)?;
    serde_json::Number::from_f64(number).map(Value::Number)
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
