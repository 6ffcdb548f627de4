//! [`patch`]: a stretch of a source file with some ranges replaced by as many other bytes.

use super::Piece;
use std::ops::Range;

/// Two changes of the same bytes: the indices of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap(pub(crate) usize, pub(crate) usize);

/// The bytes of `range` of source `file`, where `changes` put pieces of equal length in the place of ranges.
///
/// # Errors
/// If two changes overlap.
///
/// # Panics
/// Never for changes that lie inside `range` and keep their length, which readers check when they find a tensor.
pub(crate) fn patch(
    file: usize,
    range: Range<u64>,
    changes: Vec<(Range<u64>, Piece)>,
) -> Result<Vec<Piece>, Overlap> {
    let mut order: Vec<(usize, (Range<u64>, Piece))> = changes.into_iter().enumerate().collect();
    order.sort_by_key(|(_, (span, _))| (span.start, span.end));
    let (mut pieces, mut at, mut before) = (Vec::with_capacity(2 * order.len() + 1), range.start, 0);
    let copy = |from: u64, to: u64| Piece::Source { file, offset: from, len: to - from };
    for (index, (span, piece)) in order {
        debug_assert!(span.end <= range.end && span.end - span.start == piece.len());
        if span.start < at && !span.is_empty() {
            return Err(Overlap(before, index));
        }
        if span.is_empty() {
            continue;
        }
        if span.start > at {
            pieces.push(copy(at, span.start));
        }
        (at, before) = (span.end, index);
        pieces.push(piece);
    }
    if at < range.end {
        pieces.push(copy(at, range.end));
    }
    Ok(pieces)
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
        assert_eq!(patch(3, 10..20, vec![]).unwrap(), [copy(10, 10)]);
        let pieces = patch(3, 10..20, vec![bytes(18..20), bytes(12..15), bytes(15..15)]).unwrap();
        assert_eq!(pieces, [copy(10, 2), bytes(12..15).1, copy(15, 3), bytes(18..20).1]);
        assert_eq!(patch(3, 10..12, vec![bytes(10..12)]).unwrap(), [bytes(10..12).1]);
    }

    #[test]
    fn changes_of_the_same_bytes_are_refused() {
        assert_eq!(patch(0, 0..9, vec![bytes(4..8), bytes(0..5)]), Err(Overlap(1, 0)));
        assert_eq!(patch(0, 0..9, vec![bytes(0..4), bytes(4..8), bytes(7..8)]), Err(Overlap(1, 2)));
    }
}
