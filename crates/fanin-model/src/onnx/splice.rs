//! [`Splice`]: edits of a file whose messages stand inside each other. What is not edited stays byte for byte; of the
//! messages around an edit only the length is written anew.

use super::document::Frame;
use super::wire::varint_bytes;
use crate::error::Problem;
use crate::output::Piece;
use std::cmp::Reverse;
use std::ops::Range;

/// Edits that have been collected.
#[derive(Debug, Default)]
pub(super) struct Splice {
    edits: Vec<Edit>,
}

#[derive(Debug)]
struct Edit {
    frame: usize,
    span: Range<usize>,
    pieces: Vec<Piece>,
}

fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::len).fold(0, u64::saturating_add)
}

impl Splice {
    /// Puts `pieces` in the place of `span`, which stands directly in message `frame`.
    pub(super) fn replace(&mut self, frame: usize, span: Range<usize>, pieces: Vec<Piece>) {
        self.edits.push(Edit { frame, span, pieces });
    }

    /// The file after all edits.
    pub(super) fn finish(mut self, frames: &[Frame], len: usize) -> Result<Vec<Piece>, Box<Problem>> {
        self.adjust_lengths(frames)?;
        // At one position: what ends there before what starts there, and inner messages before outer ones. Frames are
        // numbered from the outside in. The sort is stable, so insertions at one place keep their order.
        self.edits.sort_by_key(|edit| (edit.span.start, edit.span.end, Reverse(edit.frame)));
        let (mut pieces, mut at) = (Vec::new(), 0);
        let copy = |range: Range<usize>| Piece::Source { file: 0, offset: range.start as u64, len: range.len() as u64 };
        for edit in self.edits {
            if edit.span.start < at {
                let wrong = "two changes of the file overlap";
                return Err(Problem::new("", wrong, "each tensor to stand once")
                    .at(edit.span.start)
                    .remedy("This is a defect of fanin; please report it with the file."));
            }
            if edit.span.start > at {
                pieces.push(copy(at..edit.span.start));
            }
            at = edit.span.end;
            pieces.extend(edit.pieces);
        }
        if at < len {
            pieces.push(copy(at..len));
        }
        Ok(pieces)
    }

    /// Adds the edits of all lengths that change, from the inside out.
    fn adjust_lengths(&mut self, frames: &[Frame]) -> Result<(), Box<Problem>> {
        let mut growth = vec![0i128; frames.len()];
        for edit in &self.edits {
            growth[edit.frame] += i128::from(length(&edit.pieces)) - edit.span.len() as i128;
        }
        for (index, frame) in frames.iter().enumerate().rev() {
            let (Some(parent), true) = (frame.parent, growth[index] != 0) else { continue };
            let size = u64::try_from(frame.body.len() as i128 + growth[index]).map_err(|_| {
                Problem::new("", "a message would get a negative size", "room for the change").at(frame.body.start)
            })?;
            let prefix = varint_bytes(size);
            growth[parent] += growth[index] + prefix.len() as i128 - frame.prefix.len() as i128;
            let pieces = vec![Piece::Bytes(prefix)];
            self.edits.push(Edit { frame: parent, span: frame.prefix.clone(), pieces });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a { b { c } d }` with bodies of the given sizes, each behind a tag and a length.
    fn nested() -> (Vec<u8>, Vec<Frame>) {
        let mut file = vec![9, 9, 0x0a, 8, 0x12, 3, 1, 2, 3, 0x18, 0, 0x20];
        file.extend([7, 7]);
        let frame = |parent, prefix, body| Frame { parent, prefix, body };
        let frames = vec![frame(None, 0..0, 0..14), frame(Some(0), 3..4, 4..12), frame(Some(1), 5..6, 6..9)];
        (file, frames)
    }

    fn apply(edits: &[(usize, Range<usize>, &[u8])]) -> Vec<u8> {
        let (file, frames) = nested();
        let mut splice = Splice::default();
        for (frame, span, bytes) in edits {
            splice.replace(*frame, span.clone(), vec![Piece::Bytes(bytes.to_vec())]);
        }
        let mut out = Vec::new();
        for piece in splice.finish(&frames, file.len()).unwrap() {
            match piece {
                Piece::Bytes(bytes) => out.extend(bytes),
                Piece::Source { offset, len, .. } => out.extend(&file[offset as usize..(offset + len) as usize]),
                Piece::Values { .. } | Piece::Checksum { .. } | Piece::Plan(_) => unreachable!(),
            }
        }
        out
    }

    #[test]
    fn only_the_lengths_around_an_edit_change() {
        assert_eq!(apply(&[]), nested().0);
        assert_eq!(apply(&[(2, 7..8, &[5])]), [9, 9, 0x0a, 8, 0x12, 3, 1, 5, 3, 0x18, 0, 0x20, 7, 7]);
        assert_eq!(apply(&[(2, 7..8, &[5, 5])]), [9, 9, 0x0a, 9, 0x12, 4, 1, 5, 5, 3, 0x18, 0, 0x20, 7, 7]);
        assert_eq!(apply(&[(1, 4..9, &[])]), [9, 9, 0x0a, 3, 0x18, 0, 0x20, 7, 7]);
    }

    #[test]
    fn insertions_at_one_position_go_from_the_inside_out() {
        let out = apply(&[(1, 9..9, &[0xbb]), (2, 9..9, &[0xaa]), (1, 9..9, &[0xcc])]);
        assert_eq!(out, [9, 9, 0x0a, 11, 0x12, 4, 1, 2, 3, 0xaa, 0xbb, 0xcc, 0x18, 0, 0x20, 7, 7]);
    }

    #[test]
    fn a_length_that_needs_another_byte_moves_what_is_around_it() {
        let out = apply(&[(2, 9..9, &[0; 200])]);
        // 3 + 200 = 203 takes two bytes, so the outer message grows by 201 to 209.
        assert_eq!(out[..8], [9, 9, 0x0a, 0xd1, 1, 0x12, 0xcb, 1]);
        assert_eq!(out.len(), 14 + 200 + 2);
    }
}
