//! The protobuf wire format, read with byte spans: enough to find every field of a message and to put another in its
//! place, without a schema and without copying.
//!
//! Every length is checked against the message it stands in, so nothing is ever allocated or skipped on the word of the
//! file. Source: Protocol Buffers documentation, "Encoding".

use crate::error::Problem;
use std::ops::Range;

/// Groups inside groups that are followed; protobuf's own readers stop at 100 levels.
const GROUP_DEPTH: usize = 100;

/// The content of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64,
    /// Wire type 2; the length stands between the tag and the body.
    Bytes,
    /// Wire type 5.
    Fixed32,
    /// Wire types 3 to 4: an old form of a message, only ever carried along.
    Group,
}

/// One field of a message, as spans of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) payload: Payload,
    /// From the tag to the end.
    pub(super) span: Range<usize>,
    /// Where the tag ends: a length or the content follows.
    pub(super) after_tag: usize,
    /// The content, without the length.
    pub(super) body: Range<usize>,
}

/// Iterator over the fields of the message that is `range` of `file`.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(file: &'a [u8], range: Range<usize>) -> Fields<'a> {
        let end = range.end.min(file.len());
        Fields { file, at: range.start.min(end), end }
    }

    fn field(&mut self) -> Result<Field, Box<Problem>> {
        let start = self.at;
        let (number, kind) = self.tag()?;
        let after_tag = self.at;
        let (payload, body) = match kind {
            0 => {
                let value = self.varint()?;
                (Payload::Varint(value), after_tag..self.at)
            }
            1 => (Payload::Fixed64, self.take(8)?),
            2 => {
                let len = self.varint()?;
                (Payload::Bytes, self.take(len)?)
            }
            3 => {
                self.skip_group(number)?;
                (Payload::Group, after_tag..self.at)
            }
            5 => (Payload::Fixed32, self.take(4)?),
            _ => {
                return Err(broken(
                    start,
                    format!("the wire type of field {number} is {kind}"),
                    "one of 0, 1, 2, 3, 5",
                ));
            }
        };
        Ok(Field { number, payload, span: start..self.at, after_tag, body })
    }

    fn tag(&mut self) -> Result<(u32, u8), Box<Problem>> {
        let start = self.at;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number >= 1 << 29 {
            return Err(broken(start, format!("the field number is {number}"), "1 to 536870911"));
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    fn varint(&mut self) -> Result<u64, Box<Problem>> {
        let (value, at) = varint(&self.file[..self.end], self.at)?;
        self.at = at;
        Ok(value)
    }

    fn take(&mut self, len: u64) -> Result<Range<usize>, Box<Problem>> {
        let room = self.end - self.at;
        if len > room as u64 {
            let wrong = format!("a field claims to have {len} bytes");
            return Err(broken(self.at, wrong, format!("at most {room}, which is what is left of its message")));
        }
        let body = self.at..self.at + len as usize;
        self.at = body.end;
        Ok(body)
    }

    /// Skips to the end of a group. A loop with a counter: nesting cannot use up the stack.
    fn skip_group(&mut self, number: u32) -> Result<(), Box<Problem>> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let start = self.at;
            let (number, kind) = self.tag()?;
            match kind {
                0 => self.at = varint(&self.file[..self.end], self.at)?.1,
                1 => self.at = self.take(8)?.end,
                2 => {
                    let len = self.varint()?;
                    self.take(len)?;
                }
                3 if open.len() < GROUP_DEPTH => open.push(number),
                3 => {
                    return Err(broken(start, "groups are nested too deeply", format!("at most {GROUP_DEPTH} levels")));
                }
                4 if number == innermost => drop(open.pop()),
                5 => self.at = self.take(4)?.end,
                _ => return Err(broken(start, format!("a group holds wire type {kind}"), "fields and its own end")),
            }
        }
        Ok(())
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, Box<Problem>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

fn broken(at: usize, wrong: impl Into<String>, expected: impl Into<String>) -> Box<Problem> {
    Problem::new("", wrong, expected).at(at)
}

/// Reads a varint of `bytes` at `at`; returns it and where it ends.
pub(super) fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Box<Problem>> {
    let mut value = 0u64;
    for i in 0..10 {
        let Some(&byte) = at.checked_add(i).and_then(|at| bytes.get(at)) else {
            return Err(broken(at, "a number is cut off", "all of its bytes inside its message"));
        };
        // The tenth byte has room for one bit only.
        if i == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Ok((value, at + i + 1));
        }
    }
    Err(broken(at, "a number has more than 64 bits", "a varint of at most 10 bytes"))
}

/// Appends a varint.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The bytes of a varint.
pub(super) fn varint_bytes(value: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(10);
    put_varint(value, &mut out);
    out
}

/// Appends a field of text or bytes.
pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_header(number, bytes.len() as u64, out);
    out.extend(bytes);
}

/// Appends tag and length of a field with `len` bytes of content.
pub(super) fn put_header(number: u32, len: u64, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, out);
    put_varint(len, out);
}

/// Appends a field with a varint.
pub(super) fn put_number(number: u32, value: u64, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3, out);
    put_varint(value, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(bytes: &[u8]) -> Result<Vec<Field>, Box<Problem>> {
        Fields::new(bytes, 0..bytes.len()).collect()
    }

    fn message(bytes: &[u8]) -> String {
        fields(bytes).unwrap_err().to_string()
    }

    #[test]
    fn every_wire_type_is_read_with_its_spans() {
        let bytes = [
            0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, b'h', b'i', 0x25, 1, 2, 3, 4, 0x2b, 0x30, 1, 0x2c,
        ];
        let all = fields(&bytes).unwrap();
        assert_eq!(all.iter().map(|f| f.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(all[0].payload, Payload::Varint(150));
        assert_eq!(all[1].body, 4..12);
        assert_eq!((all[2].span.clone(), all[2].after_tag, all[2].body.clone()), (12..16, 13, 14..16));
        assert_eq!(all[4].payload, Payload::Group);
        assert_eq!(all[4].span, 21..25);
    }

    #[test]
    fn lies_are_refused() {
        assert!(message(&[0x0a, 5, 1]).contains("at byte 2: a field claims to have 5 bytes; expected at most 1"));
        assert!(
            message(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).contains("18446744073709551615")
        );
        assert!(message(&[0x08, 0xff]).contains("at byte 1: a number is cut off"));
        assert!(message(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]).contains("more than 64 bits"));
        assert!(message(&[0x00, 1]).contains("the field number is 0"));
        assert!(message(&[0x0e, 1]).contains("the wire type of field 1 is 6"));
        assert!(message(&[0x0c]).contains("the wire type of field 1 is 4"));
        assert!(message(&[0x0b; 101]).contains("nested too deeply"));
        assert!(message(&[0x0b; 50]).contains("cut off"));
        assert!(message(&[0x0b, 0x14]).contains("a group holds wire type 4"));
    }

    proptest! {
        #[test]
        fn varints_come_back(value: u64) {
            let bytes = varint_bytes(value);
            prop_assert_eq!(varint(&bytes, 0).unwrap(), (value, bytes.len()));
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_spans_tile_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(all) = fields(&bytes) {
                let mut at = 0;
                for field in all {
                    prop_assert_eq!(field.span.start, at);
                    prop_assert!(field.span.contains(&field.body.start) || field.body.is_empty());
                    at = field.span.end;
                }
                prop_assert_eq!(at, bytes.len());
            }
        }
    }
}
