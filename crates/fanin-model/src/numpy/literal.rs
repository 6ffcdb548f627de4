//! A reader of Python literals: what a `.npy` header is written in.

use crate::error::Problem;

/// How deep tuples and lists may stand in each other; the types of records have a few levels.
const MOST_DEPTH: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Str(String),
    Int(u64),
    Bool(bool),
    None,
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

/// A text that is being read.
pub(super) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, Box<Problem>>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8]) -> Parser<'a> {
        Parser { text, at: 0, depth: 0 }
    }

    /// One value, and nothing behind it.
    pub(super) fn whole(mut self) -> Read<Literal> {
        let value = self.value()?;
        self.skip_space();
        match self.text.get(self.at) {
            None => Ok(value),
            Some(&byte) => Err(unexpected(byte, "nothing behind the dictionary")),
        }
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// The next byte that is no space, without going over it.
    fn peek(&mut self) -> Read<u8> {
        self.skip_space();
        let early = || Problem::new("", "it ends too early", "a closed dictionary");
        self.text.get(self.at).copied().ok_or_else(early)
    }

    fn value(&mut self) -> Read<Literal> {
        match self.peek()? {
            b'\'' | b'"' => self.string().map(Literal::Str),
            b'0'..=b'9' => self.number().map(Literal::Int),
            b'(' => self.nested(|p| p.sequence(b')').map(Parser::tuple)),
            b'[' => self.nested(|p| p.sequence(b']').map(|(items, _)| Literal::List(items))),
            b'{' => self.nested(Parser::dict),
            byte => self.word().ok_or_else(|| unexpected(byte, "a literal")),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Read<Literal>) -> Read<Literal> {
        if self.depth == MOST_DEPTH {
            return Err(Problem::new("", "it is nested too deeply", format!("at most {MOST_DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Brackets around one value without a comma are no tuple.
    fn tuple((mut items, comma): (Vec<Literal>, bool)) -> Literal {
        if items.len() == 1 && !comma { items.remove(0) } else { Literal::Tuple(items) }
    }

    /// Values up to `close`, and whether there was a comma.
    fn sequence(&mut self, close: u8) -> Read<(Vec<Literal>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            if self.peek()? == close {
                self.at += 1;
                return Ok((items, comma));
            }
            items.push(self.value()?);
            comma |= self.divider(close)?;
        }
    }

    fn dict(&mut self) -> Read<Literal> {
        let mut pairs: Vec<(String, Literal)> = Vec::new();
        loop {
            if self.peek()? == b'}' {
                self.at += 1;
                return Ok(Literal::Dict(pairs));
            }
            let key = self.string()?;
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(Problem::new("", format!("the key {key:?} stands twice"), "each key once"));
            }
            match self.peek()? {
                b':' => self.at += 1,
                byte => return Err(unexpected(byte, "`:`")),
            }
            pairs.push((key, self.value()?));
            self.divider(b'}')?;
        }
    }

    /// Goes over a comma; without one, `close` has to follow.
    fn divider(&mut self, close: u8) -> Read<bool> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => Ok(false),
            byte => Err(unexpected(byte, "`,` or the closing bracket")),
        }
    }

    fn string(&mut self) -> Read<String> {
        let quote = self.peek()?;
        if !matches!(quote, b'\'' | b'"') {
            return Err(unexpected(quote, "a text in quotes"));
        }
        self.at += 1;
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|&b| b == quote || b == b'\\').filter(|&end| rest[end] == quote);
        let end = end.ok_or_else(|| Problem::new("", "a text has no end or an escape in it", "plain names"))?;
        self.at += end + 1;
        String::from_utf8(rest[..end].to_vec()).map_err(|_| Problem::new("", "a text is not UTF-8", "UTF-8"))
    }

    fn number(&mut self) -> Read<u64> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        // Python 2 wrote long integers with a letter.
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        digits.parse().map_err(|_| Problem::new("", format!("the number is too large: {digits}"), "less than 2^64"))
    }

    fn word(&mut self) -> Option<Literal> {
        let words = [("True", Literal::Bool(true)), ("False", Literal::Bool(false)), ("None", Literal::None)];
        let (word, value) = words.into_iter().find(|(word, _)| self.text[self.at..].starts_with(word.as_bytes()))?;
        self.at += word.len();
        Some(value)
    }
}

fn unexpected(byte: u8, expected: &str) -> Box<Problem> {
    Problem::new("", format!("it has `{}`", byte.escape_ascii()), expected)
}
