//! An `AttributeProto`: a setting of a node, or a tensor or graph inside of it.

use super::schema::attribute;
use super::tensor::{packed, text};
use super::wire::{Field, Fields, Payload};
use crate::error::Problem;
use fanin::graph::Attribute;
use std::ops::Range;

/// An attribute as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct Raw<'a> {
    pub(super) name: &'a str,
    /// `AttributeProto.type`; 0 in files from before it was required.
    kind: u64,
    pub(super) float: Option<(f32, Range<usize>)>,
    int: Option<i64>,
    text: Option<&'a [u8]>,
    pub(super) tensors: Vec<Field>,
    pub(super) graphs: Vec<Field>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    texts: Vec<String>,
}

/// Reads the attribute that is `body` of `file`.
pub(super) fn parse(file: &[u8], body: Range<usize>) -> Result<Raw<'_>, Box<Problem>> {
    let mut raw = Raw::default();
    for field in Fields::new(file, body) {
        let field = field?;
        let bytes = &file[field.body.clone()];
        match (field.number, &field.payload) {
            (attribute::NAME, Payload::Bytes) => raw.name = text(file, &field.body)?,
            (attribute::TYPE, Payload::Varint(kind)) => raw.kind = *kind,
            (attribute::FLOAT, Payload::Fixed32) => {
                raw.float = bytes.first_chunk().map(|b| (f32::from_le_bytes(*b), field.body.clone()));
            }
            (attribute::INT, Payload::Varint(value)) => raw.int = Some(*value as i64),
            (attribute::TEXT, Payload::Bytes) => raw.text = Some(bytes),
            (attribute::TENSOR, Payload::Bytes) => raw.tensors.push(field),
            (attribute::GRAPH, Payload::Bytes) => raw.graphs.push(field),
            (attribute::FLOATS, Payload::Fixed32 | Payload::Bytes) => {
                let (chunks, rest) = bytes.as_chunks();
                if !rest.is_empty() {
                    let wrong = format!("packed numbers have {} bytes", bytes.len());
                    return Err(Problem::new("floats", wrong, "a multiple of 4").at(field.body.start));
                }
                raw.floats.extend(chunks.iter().map(|b| f32::from_le_bytes(*b)));
            }
            (attribute::INTS, Payload::Varint(value)) => raw.ints.push(*value as i64),
            (attribute::INTS, Payload::Bytes) => packed(file, &field.body, |value| raw.ints.push(value as i64))?,
            (attribute::TEXTS, Payload::Bytes) => raw.texts.push(String::from_utf8_lossy(bytes).into_owned()),
            _ => {}
        }
    }
    Ok(raw)
}

impl Raw<'_> {
    /// The single number of a `value_float`; 0 where the writer left the default out.
    pub(super) fn number(&self) -> f32 {
        self.float.as_ref().map_or(0.0, |(value, _)| *value)
    }

    /// The single integer of a `value_int`.
    pub(super) fn integer(&self) -> i64 {
        self.int.unwrap_or(0)
    }

    /// The attribute as the graph knows it.
    pub(super) fn to_attribute(&self) -> Attribute {
        let numbers = || Attribute::Floats(self.floats.iter().map(|&v| f64::from(v)).collect());
        let written = || String::from_utf8_lossy(self.text.unwrap_or_default()).into_owned();
        // Codes of AttributeProto.AttributeType.
        match self.kind {
            1 => Attribute::Float(f64::from(self.number())),
            2 => Attribute::Int(self.integer()),
            3 => Attribute::Text(written()),
            6 => numbers(),
            7 => Attribute::Ints(self.ints.clone()),
            8 => Attribute::Texts(self.texts.clone()),
            0 if self.float.is_some() => Attribute::Float(f64::from(self.number())),
            0 if self.int.is_some() => Attribute::Int(self.integer()),
            0 if self.text.is_some() => Attribute::Text(written()),
            0 if !self.floats.is_empty() => numbers(),
            0 if !self.ints.is_empty() => Attribute::Ints(self.ints.clone()),
            0 if !self.texts.is_empty() => Attribute::Texts(self.texts.clone()),
            _ => Attribute::Other,
        }
    }
}
