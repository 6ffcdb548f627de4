//! [`patch`]: a stretch of a source file with some ranges replaced by as many other bytes.

use super::Piece;
use std::ops::Range;

/// The bytes of `range` of source `file`, where `changes` put pieces of equal length in the place of ranges.
/// The changes lie inside `range`, do not overlap and keep their length: readers have checked it.
pub(crate) fn patch(file: usize, range: Range<u64>, mut changes: Vec<(Range<u64>, Piece)>) -> Vec<Piece> {
    changes.retain(|(span, _)| !span.is_empty());
    changes.sort_by_key(|(span, _)| span.start);
    let (mut pieces, mut at) = (Vec::with_capacity(2 * changes.len() + 1), range.start);
    let copy = |from: u64, to: u64| Piece::Source { file, offset: from, len: to - from };
    for (span, piece) in changes {
        debug_assert!(at <= span.start && span.end <= range.end && span.end - span.start == piece.len());
        if span.start > at {
            pieces.push(copy(at, span.start));
        }
        at = span.end;
        pieces.push(piece);
    }
    if at < range.end {
        pieces.push(copy(at, range.end));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(range: Range<u64>) -> (Range<u64>, Piece) {
        (range.clone(), Piece::Bytes(vec![7; (range.end - range.start) as usize]))
    }

    #[test]
    fn what_is_not_changed_is_copied() {
        let copy = |offset, len| Piece::Source { file: 3, offset, len };
        assert_eq!(patch(3, 10..20, vec![]), [copy(10, 10)]);
        let pieces = patch(3, 10..20, vec![bytes(18..20), bytes(12..15), bytes(15..15)]);
        assert_eq!(pieces, [copy(10, 2), bytes(12..15).1, copy(15, 3), bytes(18..20).1]);
        assert_eq!(patch(3, 10..12, vec![bytes(10..12)]), [bytes(10..12).1]);
    }
}
