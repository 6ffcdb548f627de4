//! [`Packed`]: several tensors behind each other in one, each by a law of its own.

use super::layout::Layout;
use crate::error::Refusal;
use crate::kernel;
use crate::law::{Dist, Law, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;
use std::ops::Range;

/// One of the tensors that lie behind each other.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What its random numbers are keyed by, behind the name of the whole.
    pub label: String,
    /// Number of elements.
    pub len: u64,
    /// Its law, of so many elements.
    pub law: Law,
}

/// Tensors that a framework keeps in one vector: each has the values that it has alone, in binary32, under the name of the
/// vector and its own label.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) layout: Layout,
    pieces: Vec<(Range<u64>, Piece)>,
}

impl Packed {
    /// These pieces one behind the other, as a tensor of `shape`.
    ///
    /// # Errors
    /// If the pieces have more or fewer elements than the shape, or one is a law of complex numbers.
    pub fn new(shape: &[u64], pieces: Vec<Piece>) -> Result<Packed, Refusal> {
        let axes: Vec<usize> = (0..shape.len()).collect();
        let layout = Layout::of(shape, &[], &axes)?;
        let mut end = 0u64;
        let mut placed = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if piece.law.is_complex() {
                let expected = "laws of real numbers";
                return Err(Refusal::new(format!("`{}` is complex", piece.label), expected, "Use another method."));
            }
            let start = end;
            end = end.saturating_add(piece.len);
            placed.push((start..end, piece));
        }
        if end != layout.cols() {
            return Err(Refusal::new(
                format!("the shape {shape:?} for pieces of {end} elements together"),
                format!("{} elements", layout.cols()),
                "Check the sizes that the pieces were counted from.",
            ));
        }
        Ok(Packed { layout, pieces: placed })
    }

    /// The mean of a function of the pieces' laws over all elements.
    fn average(&self, of: impl Fn(&Law) -> f64) -> f64 {
        let sum: f64 = self.pieces.iter().map(|(_, piece)| piece.len as f64 * of(&piece.law)).sum();
        sum / (self.layout.cols() as f64).max(1.0)
    }
}

impl Structure for Packed {
    fn variance(&self) -> f64 {
        let mean = self.mean();
        self.average(|law| law.variance() + (law.mean() - mean) * (law.mean() - mean))
    }

    fn mean(&self) -> f64 {
        self.average(Law::mean)
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        let prepared = |(range, piece): &'a (Range<u64>, Piece)| {
            let own = stream.part(&piece.label);
            let values = match &piece.law {
                Law::Each(dist) => Values::Each(*dist, own),
                Law::Whole(structure) => Values::Whole(structure.prepare(own)),
            };
            (range.clone(), values)
        };
        Box::new(PreparedPacked { law: self, pieces: self.pieces.iter().map(prepared).collect() })
    }
}

enum Values<'a> {
    Each(Dist, Stream),
    Whole(Box<dyn Prepared + 'a>),
}

struct PreparedPacked<'a> {
    law: &'a Packed,
    pieces: Vec<(Range<u64>, Values<'a>)>,
}

impl Prepared for PreparedPacked<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let runs = region.runs(self.law.layout.shape()).expect("the caller asks for a region of this tensor");
        let mut rest = out;
        for run in runs {
            let first = self.pieces.partition_point(|(range, _)| range.end <= run.start);
            for (range, values) in &self.pieces[first..] {
                if range.start >= run.end {
                    break;
                }
                let (start, end) = (run.start.max(range.start), run.end.min(range.end));
                let head;
                (head, rest) = rest.split_at_mut((end - start) as usize);
                let (start, end) = (start - range.start, end - range.start);
                match values {
                    Values::Whole(prepared) => prepared.fill(&Region::Flat(start..end), head),
                    Values::Each(dist, stream) => kernel::fill_f32(dist, stream, start, head)
                        .expect("the law was checked, and a layout has fewer elements than a stream has words"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{bits, regions_agree, spread, whole};
    use crate::structure::{Orthogonal, ZeroRow};
    use std::sync::Arc;

    fn piece(label: &str, len: u64, law: Law) -> Piece {
        Piece { label: label.to_owned(), len, law }
    }

    fn pieces() -> Vec<Piece> {
        let square = Orthogonal::new(Layout::matrix(20, 20, false).unwrap(), 1.0).unwrap();
        let row = ZeroRow::new(&[3, 5], Law::Each(Dist::Normal { mean: 1.0, std: 0.5 }), 1).unwrap();
        vec![
            piece("[a]", 7, Law::Each(Dist::Constant(2.0))),
            piece("[b]", 400, Law::Whole(Arc::new(square))),
            piece("[none]", 0, Law::Each(Dist::Constant(9.0))),
            piece("[c]", 15, Law::Whole(Arc::new(row))),
            piece("[d]", 500, Law::Each(Dist::Uniform { low: 0.0, high: 1.0 })),
        ]
    }

    #[test]
    fn each_piece_has_the_values_that_it_has_alone() {
        let law = Packed::new(&[922], pieces()).unwrap();
        let values = whole(&law);
        assert!(values[..7].iter().all(|v| *v == 2.0));
        let mut alone = vec![0.0; 400];
        let Law::Whole(square) = &pieces()[1].law else { panic!() };
        square.prepare(Stream::new(9, "weight[b]")).fill(&Region::All, &mut alone);
        assert_eq!(bits(&values[7..407]), bits(&alone));
        assert!(values[412..417].iter().all(|v| *v == 0.0), "its row of zeros");
        let mut uniform = vec![0.0; 500];
        kernel::fill_f32(&Dist::Uniform { low: 0.0, high: 1.0 }, &Stream::new(9, "weight[d]"), 0, &mut uniform)
            .unwrap();
        assert_eq!(bits(&values[422..]), bits(&uniform));
        regions_agree(&law);
    }

    #[test]
    fn moments_are_those_of_all_elements() {
        let law = Packed::new(&[2, 461], pieces()).unwrap();
        let values = whole(&law);
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 922.0;
        // 515 of the elements are drawn, with a standard deviation below ½.
        let error = 4.0 * 0.5 * 515f64.sqrt() / 922.0;
        assert!((mean - law.mean()).abs() < error && (law.mean() - (14.0 + 10.0 + 250.0) / 922.0).abs() < 1e-12);
        assert!((spread(&values) / law.variance() - 1.0).abs() < 0.1, "{} {}", spread(&values), law.variance());
    }

    #[test]
    fn pieces_must_fill_the_shape() {
        assert!(Packed::new(&[921], pieces()).is_err());
        assert!(Packed::new(&[923], pieces()).is_err());
        let huge =
            vec![piece("a", u64::MAX, Law::Each(Dist::Constant(0.0))), piece("b", 2, Law::Each(Dist::Constant(0.0)))];
        assert!(Packed::new(&[1], huge).is_err());
    }
}
