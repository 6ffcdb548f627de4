//! The equation: which dimension has which name.

use crate::error::mismatch;
use crate::shape;
use fanin::Refusal;
use std::collections::BTreeMap;

/// The name of a dimension: a letter, or a place among those that `...` stands for, counted from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// A letter.
    Letter(u8),
    /// One of the unnamed.
    Unnamed(usize),
}

/// What a term of the equation has, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Letter(u8),
    Ellipsis,
}

/// An equation as it is written.
#[derive(Debug)]
pub(super) struct Equation {
    operands: Vec<Vec<Part>>,
    output: Option<Vec<Part>>,
}

/// An equation for operands of certain shapes.
#[derive(Debug)]
pub(super) struct Named {
    /// Names of the dimensions of each operand.
    pub(super) operands: Vec<Vec<Label>>,
    pub(super) output: Vec<Label>,
    pub(super) sizes: BTreeMap<Label, usize>,
}

impl Equation {
    /// Reads it; `None` if it is not one.
    pub(super) fn read(text: &str) -> Option<Equation> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = text.split_once("->").map_or((&text[..], None), |(left, right)| (left, Some(right)));
        let operands = left.split(',').map(term).collect::<Option<Vec<_>>>()?;
        let output = match right {
            None => None,
            Some(right) => Some(term(right)?),
        };
        // A name in the result is one of an operand's, and stands there once.
        let known = |part: &Part| *part == Part::Ellipsis || operands.iter().any(|operand| operand.contains(part));
        let once =
            |output: &[Part]| output.iter().enumerate().all(|(i, part)| !output[..i].contains(part) && known(part));
        output.as_deref().is_none_or(once).then_some(Equation { operands, output })
    }

    /// The names for operands of these shapes.
    pub(super) fn named(&self, shapes: &[&[usize]]) -> Result<Named, Refusal> {
        if shapes.len() != self.operands.len() {
            let wrong = format!("{} are given", shapes.len());
            return Err(mismatch(wrong, format!("{} operands, as the equation has", self.operands.len())));
        }
        let (mut sizes, mut unnamed) = (BTreeMap::new(), 0);
        let mut operands = Vec::with_capacity(shapes.len());
        for (parts, shape) in self.operands.iter().zip(shapes) {
            let letters = parts.iter().filter(|part| **part != Part::Ellipsis).count();
            let rest = shape.len().checked_sub(letters).filter(|&rest| rest == 0 || letters < parts.len());
            let rest = rest.ok_or_else(|| {
                mismatch(format!("{letters} names for an operand of shape {shape:?}"), "one for each of its dimensions")
            })?;
            unnamed = unnamed.max(rest);
            let labels = labels(parts, rest);
            for (&label, &size) in labels.iter().zip(*shape) {
                meet(&mut sizes, label, size)?;
            }
            operands.push(labels);
        }
        let output = match &self.output {
            Some(parts) => labels(parts, if parts.contains(&Part::Ellipsis) { unnamed } else { 0 }),
            None => self.implied(unnamed),
        };
        let named = Named { operands, output, sizes };
        shape::count(&named.shape())
            .ok_or_else(|| mismatch(format!("a result of shape {:?}", named.shape()), "fewer elements"))?;
        Ok(named)
    }

    /// Without a result in the equation: the unnamed, and all letters that occur once, in the order of the alphabet.
    fn implied(&self, unnamed: usize) -> Vec<Label> {
        let letters = self.operands.iter().flatten().filter_map(|part| match part {
            Part::Letter(letter) => Some(*letter),
            Part::Ellipsis => None,
        });
        let all: Vec<u8> = letters.collect();
        let once = (b'A'..=b'z')
            .filter(|letter| all.iter().filter(|&&other| other == *letter).nth(1).is_none() && all.contains(letter));
        (0..unnamed).rev().map(Label::Unnamed).chain(once.map(Label::Letter)).collect()
    }
}

impl Named {
    /// Sizes of the result.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.output.iter().map(|label| self.sizes.get(label).copied().unwrap_or(1)).collect()
    }
}

fn term(text: &str) -> Option<Vec<Part>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("...") {
            if parts.contains(&Part::Ellipsis) {
                return None;
            }
            parts.push(Part::Ellipsis);
            rest = behind;
        } else if first.is_ascii_alphabetic() {
            parts.push(Part::Letter(first as u8));
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    Some(parts)
}

fn labels(parts: &[Part], unnamed: usize) -> Vec<Label> {
    let of = |part: &Part| match part {
        Part::Letter(letter) => vec![Label::Letter(*letter)],
        Part::Ellipsis => (0..unnamed).rev().map(Label::Unnamed).collect(),
    };
    parts.iter().flat_map(of).collect()
}

/// A size of 1 is stretched to what the same name has elsewhere.
fn meet(sizes: &mut BTreeMap<Label, usize>, label: Label, size: usize) -> Result<(), Refusal> {
    let known = sizes.entry(label).or_insert(size);
    if *known == 1 {
        *known = size;
    }
    if size == 1 || *known == size {
        return Ok(());
    }
    let name = match label {
        Label::Letter(letter) => char::from(letter).to_string(),
        Label::Unnamed(place) => format!("...[−{}]", place + 1),
    };
    Err(mismatch(format!("the dimension {name} has the sizes {known} and {size}"), "one size, or 1"))
}
