//! From text to a [`Template`].

use super::is_word;
use super::template::{Argument, Template};
use crate::error::Refusal;
use crate::expression::Expression;
use serde_json::Value;
use std::str::FromStr;

impl FromStr for Template {
    type Err = Refusal;

    fn from_str(source: &str) -> Result<Template, Refusal> {
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

    fn call(&mut self) -> Result<Template, Refusal> {
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let first = self.word(name).ok_or_else(|| self.wrong("the name of a method"))?;
        let (dialect, name) = if self.eat(':') {
            (Some(first.to_owned()), self.word(name).ok_or_else(|| self.wrong("a name after the colon"))?)
        } else {
            (None, first)
        };
        let mut args: Vec<(String, Argument)> = Vec::new();
        if self.eat('(') && !self.eat(')') {
            loop {
                let key = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
                let key = key.ok_or_else(|| self.wrong("the name of an argument"))?;
                if !self.eat('=') {
                    return Err(self.wrong("`=` after the argument's name"));
                }
                let value = self.argument()?;
                if args.iter().any(|(known, _)| known == key) {
                    return Err(self.wrong(&format!("each argument once, but `{key}` came twice")));
                }
                args.push((key.to_owned(), value));
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.wrong("`,` or `)` after an argument"));
                }
            }
        }
        Ok(Template { dialect, name: name.to_owned(), args })
    }

    /// A list, a quoted text, a number, a word, or a formula.
    fn argument(&mut self) -> Result<Argument, Refusal> {
        self.skip();
        if self.rest().starts_with(['[', '"', '\'']) {
            return self.value(0).map(Argument::Value);
        }
        let text = self.formula();
        if let Some(value) = plain(text) {
            return Ok(match value {
                Value::String(word) => Argument::Word(word),
                value => Argument::Value(value),
            });
        }
        if text.is_empty() {
            return Err(self.wrong("a number or a word"));
        }
        text.parse::<Expression>()
            .map(Argument::Formula)
            .map_err(|refusal| refusal.of("", &format!("`{}`", self.source)))
    }

    /// Everything up to the comma or parenthesis that ends the argument.
    fn formula(&mut self) -> &'a str {
        let mut depth = 0;
        let ends = |c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth < 0 || (depth == 0 && c == ',')
        };
        let end = self.rest().find(ends).unwrap_or(self.rest().len());
        let text = self.rest()[..end].trim_end();
        self.at += text.len();
        text
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
        word.and_then(plain).ok_or_else(|| self.wrong("a number or a word"))
    }
}

/// A number, a truth value or a word; `None` for anything that has to be calculated.
fn plain(text: &str) -> Option<Value> {
    Some(match text {
        "true" | "True" => Value::Bool(true),
        "false" | "False" => Value::Bool(false),
        "null" | "None" => Value::Null,
        word if is_word(word) => Value::String(word.to_owned()),
        _ => return number(text),
    })
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
