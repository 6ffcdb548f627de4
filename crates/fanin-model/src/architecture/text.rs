//! From the text `KIND:HEAD:OPTION,OPTION` to a [`Text`] whose options are known to be good.

use super::Kind;
use super::activation::{self, Shape};
use super::fault::Fault;
use super::option::{Choice, MOST};
use std::collections::BTreeMap;

/// A part of the text and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Word<'a> {
    /// The mistake that this word is.
    pub(super) fn fault(self, wrong: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault::new(self.at, self.text.len(), wrong, expected)
    }

    /// The parts between the separators.
    pub(super) fn split(self, by: &'static [char]) -> impl Iterator<Item = Word<'a>> {
        let mut at = self.at;
        self.text.split(by).map(move |text| {
            let word = Word { text, at };
            at += text.len() + 1;
            word
        })
    }

    /// The parts before and after the first separator.
    pub(super) fn halves(self, by: char) -> Option<(Word<'a>, Word<'a>)> {
        let (left, right) = self.text.split_once(by)?;
        Some((Word { text: left, at: self.at }, Word { text: right, at: self.at + left.len() + 1 }))
    }

    /// The word as a whole number from 1 to [`MOST`].
    pub(super) fn size(self, what: &str) -> Result<u64, Fault> {
        let number = self.text.parse::<u64>().ok().filter(|n| (1..=MOST).contains(n));
        number.ok_or_else(|| {
            let wrong = match self.text {
                "" => format!("{what} is missing"),
                text => format!("`{text}` is not {what}"),
            };
            self.fault(wrong, format!("a whole number from 1 to {MOST}"))
        })
    }

    /// The sizes of `1x28x28`.
    pub(super) fn sizes(self, what: &str) -> Result<Vec<u64>, Fault> {
        self.split(&['x']).map(|part| part.size(what)).collect()
    }
}

/// The most layers that a head may ask for.
const MOST_LAYERS: u64 = 10_000;

/// The widths of `784-256x20-10`, with repeats written out.
pub(super) fn widths(head: Word) -> Result<Vec<u64>, Fault> {
    let mut all = Vec::new();
    for part in head.split(&['-']) {
        let (width, repeat) = match part.halves('x') {
            Some((width, repeat)) => (width.size("a width")?, repeat.size("a number of repeats")?),
            None => (part.size("a width")?, 1),
        };
        if all.len() as u64 + repeat > MOST_LAYERS {
            return Err(part.fault("this asks for too many layers", format!("at most {MOST_LAYERS} in all")));
        }
        all.extend(std::iter::repeat_n(width, repeat as usize));
    }
    if all.len() < 2 {
        return Err(head.fault("there is only one width", "at least that of the input and that of the output: 784-10"));
    }
    Ok(all)
}

/// A text that has been taken apart.
#[derive(Debug)]
pub(super) struct Text<'a> {
    kind: &'static Kind,
    /// The first part, such as the widths; the default if the text has none.
    pub(super) head: Word<'a>,
    given: BTreeMap<&'static str, Word<'a>>,
    end: usize,
}

impl<'a> Text<'a> {
    /// Takes apart what follows `KIND:`, which begins at character `at`; every mistake in the options is reported.
    pub(super) fn read(kind: &'static Kind, text: &'a str, at: usize) -> Result<Text<'a>, Vec<Fault>> {
        let end = at + text.len();
        let mut read = Text { kind, head: Word { text: kind.head, at: end }, given: BTreeMap::new(), end };
        let mut faults = Vec::new();
        for (i, word) in (Word { text, at }).split(&[':', ',']).enumerate() {
            let is_head = i == 0 && word.text.starts_with(|c: char| c.is_ascii_digit()) && !kind.head.is_empty();
            if is_head {
                read.head = word;
            } else if i > 0 || !word.text.is_empty() {
                faults.extend(read.option(word).err());
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    fn option(&mut self, word: Word<'a>) -> Result<(), Fault> {
        let (name, value) = match word.halves('=') {
            Some(halves) => halves,
            None => self.bare(word)?,
        };
        let choice = self.kind.options.iter().find(|choice| choice.name == name.text).ok_or_else(|| {
            let wrong = format!("`{}` has no option `{}`", self.kind.name, name.text);
            name.fault(wrong, self.kind.expected(name.text))
        })?;
        choice.check(value.text, value.at)?;
        if self.given.insert(choice.name, value).is_some() {
            return Err(word.fault(format!("`{}` is given twice", choice.name), "it once"));
        }
        Ok(())
    }

    /// A word without `=`: a flag, or an activation, of which the first is for the hidden layers.
    fn bare(&self, word: Word<'a>) -> Result<(Word<'a>, Word<'a>), Fault> {
        let named = |choice: &'static Choice| Word { text: choice.name, at: word.at };
        if let Some(flag) = self.kind.options.iter().find(|c| c.is_flag() && c.name == word.text) {
            return Ok((named(flag), Word { text: "yes", at: word.at }));
        }
        let activations = || self.kind.options.iter().filter(|c| c.is_activation());
        if activations().next().is_some() && activation::is_name(word.text) {
            let free = activations().find(|choice| !self.given.contains_key(choice.name));
            let free = free.ok_or_else(|| word.fault("this is one activation too many", "at most two of them"));
            return free.map(|choice| (named(choice), word));
        }
        if let Some(choice) = self.kind.options.iter().find(|choice| choice.name == word.text) {
            let missing = Word { text: "", at: word.at + word.text.len() };
            return Err(
                missing.fault(format!("`{}` has no value", choice.name), format!("`=` and {}", choice.expected()))
            );
        }
        let wrong = match word.text {
            "" => "an option is missing".to_owned(),
            text => format!("`{}` has no option `{text}`", self.kind.name),
        };
        Err(word.fault(wrong, self.kind.expected(word.text)))
    }

    /// The value of an option as it was given, or its default, which then seems to stand at the end of the text.
    pub(super) fn word(&self, name: &str) -> Word<'a> {
        let choice = self.kind.options.iter().find(|choice| choice.name == name);
        let default = Word { text: choice.map_or("", |choice| choice.default), at: self.end };
        self.given.get(name).copied().unwrap_or(default)
    }

    /// Whether the text itself gives the option.
    pub(super) fn gives(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    // The values were checked when the text was read, and the defaults by a test, so that these cannot fail.

    pub(super) fn size(&self, name: &str) -> u64 {
        self.word(name).text.parse().unwrap_or(0)
    }

    pub(super) fn sizes(&self, name: &str) -> Vec<u64> {
        self.word(name).text.split('-').filter_map(|part| part.parse().ok()).collect()
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.word(name).text.parse().unwrap_or(0.0)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.word(name).text == "yes"
    }

    pub(super) fn activation(&self, name: &str) -> Shape {
        activation::parse(self.word(name).text, 0).unwrap_or(Shape::IDENTITY)
    }

    /// The mistake that the value of an option is, seen together with others.
    pub(super) fn fault(&self, name: &str, wrong: impl Into<String>, expected: impl Into<String>) -> Fault {
        let word = self.word(name);
        let len = if self.gives(name) { word.text.len() } else { 0 };
        Fault::new(word.at, len, wrong, expected)
    }
}
