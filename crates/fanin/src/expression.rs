//! [`Expression`]: arithmetic in the arguments of a call, such as `0.02 / sqrt(2 * layers)`.
//!
//! A published scheme is a formula of the model's own numbers: how many blocks it has, how wide it is. Written as a formula,
//! a rule stays readable and right for every size. Values enter what is drawn, so only IEEE's operations and
//! [`crate::numerics`] compute here.

use crate::error::Refusal;
use crate::numerics::{exp, ln, powf};
use std::fmt;
use std::str::FromStr;

/// A formula over named numbers: `+ − * / ^`, parentheses, and the functions `sqrt`, `ln`, `exp`, `min` and `max`.
///
/// # Example
/// ```
/// let formula: fanin::Expression = "0.02 / sqrt(2 * layers)".parse()?;
/// assert_eq!(formula.names(), ["layers"]);
/// let value = formula.value(&mut |_| Ok(8.0))?;
/// assert_eq!(value, 0.005);
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    tree: Tree,
}

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Number(f64),
    Name(String),
    Apply(Function, Vec<Tree>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Negative,
    Sum,
    Difference,
    Product,
    Quotient,
    Power,
    Sqrt,
    Ln,
    Exp,
    Min,
    Max,
}

/// The functions that have a name, and how many arguments each takes.
const NAMED: [(&str, Function, usize); 5] = [
    ("sqrt", Function::Sqrt, 1),
    ("ln", Function::Ln, 1),
    ("exp", Function::Exp, 1),
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
];

/// Levels of parentheses; more would be a mistake or an attack on the stack.
const DEEPEST: usize = 32;

impl Expression {
    /// The names that have to be known, in the order in which they stand, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.tree.names(&mut names);
        names
    }

    /// The number that comes out when each name has the number that `of` gives it.
    ///
    /// # Errors
    /// If a name has none, or the result is no finite number.
    pub fn value(&self, of: &mut dyn FnMut(&str) -> Result<f64, Refusal>) -> Result<f64, Refusal> {
        let value = self.tree.value(of)?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(Refusal::new(format!("`{}` is {value}", self.text), "a finite number", "Mend the formula or its numbers."))
    }
}

impl Tree {
    fn names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Tree::Number(_) => {}
            Tree::Name(name) if names.contains(&name.as_str()) => {}
            Tree::Name(name) => names.push(name),
            Tree::Apply(_, arguments) => arguments.iter().for_each(|argument| argument.names(names)),
        }
    }

    fn value(&self, of: &mut dyn FnMut(&str) -> Result<f64, Refusal>) -> Result<f64, Refusal> {
        let (function, arguments) = match self {
            Tree::Number(value) => return Ok(*value),
            Tree::Name(name) => return of(name),
            Tree::Apply(function, arguments) => (function, arguments),
        };
        let values = arguments.iter().map(|argument| argument.value(of)).collect::<Result<Vec<_>, _>>()?;
        Ok(match (function, &values[..]) {
            (Function::Negative, [a]) => -a,
            (Function::Sum, [a, b]) => a + b,
            (Function::Difference, [a, b]) => a - b,
            (Function::Product, [a, b]) => a * b,
            (Function::Quotient, [a, b]) => a / b,
            // Squares and their like are products to the last digit.
            (Function::Power, [a, b]) if *b == 2.0 => a * a,
            (Function::Power, [a, b]) if *b == 0.5 => a.sqrt(),
            (Function::Power, [a, b]) => powf(*a, *b),
            (Function::Sqrt, [a]) => a.sqrt(),
            (Function::Ln, [a]) => ln(*a),
            (Function::Exp, [a]) => exp(*a),
            (Function::Min, [a, b]) => a.min(*b),
            (Function::Max, [a, b]) => a.max(*b),
            // The reader gives each function the arguments it takes.
            _ => f64::NAN,
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = Refusal;

    fn from_str(source: &str) -> Result<Expression, Refusal> {
        let text = source.trim();
        let mut reader = Reader { source: text, at: 0, depth: 0 };
        let tree = reader.sum()?;
        if reader.peek().is_some() {
            return Err(reader.wrong("an operator, or the end"));
        }
        Ok(Expression { text: text.to_owned(), tree })
    }
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<char> {
        let rest = &self.source[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.source[self.at..].chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn wrong(&mut self, expected: &str) -> Refusal {
        let found = self.peek().map_or("the end".to_owned(), |c| format!("`{c}`"));
        let at = self.source[..self.at].chars().count() + 1;
        Refusal::new(
            format!("the formula `{}` cannot be read: found {found} at character {at}", self.source),
            expected,
            "Write formulas like `0.02 / sqrt(2 * layers)`.",
        )
    }

    fn sum(&mut self) -> Result<Tree, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("fewer parentheses within each other"));
        }
        let mut tree = self.product()?;
        loop {
            let function = match self.peek() {
                Some('+') => Function::Sum,
                Some('-') => Function::Difference,
                _ => break,
            };
            self.at += 1;
            tree = Tree::Apply(function, vec![tree, self.product()?]);
        }
        self.depth -= 1;
        Ok(tree)
    }

    fn product(&mut self) -> Result<Tree, Refusal> {
        let mut tree = self.power()?;
        loop {
            let function = match self.peek() {
                Some('*') => Function::Product,
                Some('/') => Function::Quotient,
                _ => return Ok(tree),
            };
            self.at += 1;
            tree = Tree::Apply(function, vec![tree, self.power()?]);
        }
    }

    /// As in mathematics, `-a^b` is −(aᵇ), and an exponent may have a sign of its own.
    fn power(&mut self) -> Result<Tree, Refusal> {
        if self.eat('-') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.wrong("fewer signs"));
            }
            let tree = Tree::Apply(Function::Negative, vec![self.power()?]);
            self.depth -= 1;
            return Ok(tree);
        }
        let base = self.atom()?;
        if !self.eat('^') {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("fewer powers"));
        }
        let exponent = self.power()?;
        self.depth -= 1;
        Ok(Tree::Apply(Function::Power, vec![base, exponent]))
    }

    fn atom(&mut self) -> Result<Tree, Refusal> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let tree = self.sum()?;
                if self.eat(')') { Ok(tree) } else { Err(self.wrong("`)`")) }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => {
                let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
                if self.eat('(') { self.application(name) } else { Ok(Tree::Name(name.to_owned())) }
            }
            _ => Err(self.wrong("a number, a name or `(`")),
        }
    }

    fn take(&mut self, allowed: fn(char) -> bool) -> &'a str {
        let rest = &self.source[self.at..];
        let end = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number(&mut self) -> Result<Tree, Refusal> {
        let start = self.at;
        self.take(|c| c.is_ascii_digit() || c == '.');
        let rest = &self.source[self.at..];
        let signed = rest.strip_prefix(['e', 'E']).map(|exponent| exponent.trim_start_matches(['-', '+']));
        if signed.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            self.take(|c| matches!(c, '-' | '+'));
            self.take(|c| c.is_ascii_digit());
        }
        let value = self.source[start..self.at].parse::<f64>().ok().filter(|value| value.is_finite());
        value.map(Tree::Number).ok_or_else(|| self.wrong("a number"))
    }

    fn application(&mut self, name: &str) -> Result<Tree, Refusal> {
        let Some((_, function, count)) = NAMED.iter().find(|(own, _, _)| *own == name) else {
            let known: Vec<&str> = NAMED.iter().map(|(own, _, _)| *own).collect();
            let wrong = format!("there is no function `{name}`");
            return Err(
                Refusal::new(wrong, known.join(", "), "Mend the formula.").of("", &format!("`{}`", self.source))
            );
        };
        let mut arguments = vec![self.sum()?];
        while self.eat(',') {
            arguments.push(self.sum()?);
        }
        if !self.eat(')') || arguments.len() != *count {
            return Err(self.wrong(&format!("{count} argument(s) of `{name}` and `)`")));
        }
        Ok(Tree::Apply(*function, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> f64 {
        let of = |name: &str| match name {
            "layers" => Ok(12.0),
            "d" => Ok(64.0),
            _ => Err(Refusal::new(format!("no {name}"), "", "")),
        };
        text.parse::<Expression>().unwrap().value(&mut { of }).unwrap()
    }

    #[test]
    fn formulas_are_those_of_mathematics() {
        for (text, expected) in [
            ("0.02/sqrt(2*layers)", 0.02 / 24f64.sqrt()),
            ("2 / (layers * sqrt(d))", 2.0 / 96.0),
            ("1 - 2 - 3", -4.0),
            ("8 / 4 / 2", 1.0),
            ("1 + 2 * 3 ^ 2", 19.0),
            ("2 ^ 3 ^ 2", 512.0),
            ("-2 ^ 2", -4.0),
            ("(9 * layers) ^ -0.25", powf(108.0, -0.25)),
            ("-ln(d)", -ln(64.0)),
            ("min(layers, d) + max(1e-3, -1E+1)", 12.001),
            ("d ^ -0.5", 0.125),
            ("d ^ 0.5", 8.0),
        ] {
            assert!((value(text) - expected).abs() <= 1e-15 * expected.abs(), "{text}: {}", value(text));
        }
        assert_eq!("a + b * a".parse::<Expression>().unwrap().names(), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (text, part) in [
            ("", "found the end at character 1"),
            ("2 *", "a number, a name or `(`"),
            ("(2", "expected `)`"),
            ("2 3", "an operator, or the end"),
            ("sin(2)", "there is no function `sin`"),
            ("sqrt(1, 2)", "1 argument(s) of `sqrt`"),
            ("1..2", "a number"),
            ("2 × 3", "found `×` at character 3"),
        ] {
            let refusal = text.parse::<Expression>().unwrap_err().to_string();
            assert!(refusal.contains(part), "{text}: {refusal}");
        }
        for deep in ["(".repeat(1000), "-".repeat(1000), "2^".repeat(1000), "sqrt(".repeat(1000)] {
            assert!(deep.parse::<Expression>().is_err());
        }
        let refusal = "1 / (2 - 2)".parse::<Expression>().unwrap().value(&mut |_| Ok(0.0)).unwrap_err();
        assert!(refusal.to_string().contains("`1 / (2 - 2)` is inf"), "{refusal}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-+*/^()., 0-9a-z×]{0,40}") {
            if let Ok(formula) = text.parse::<Expression>() {
                let again: Expression = formula.to_string().parse().unwrap();
                prop_assert_eq!(again, formula);
            }
        }
    }
}
