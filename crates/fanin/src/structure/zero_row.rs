//! [`ZeroRow`]: another law, with one row of zeros.

use super::layout::Layout;
use crate::error::Refusal;
use crate::kernel;
use crate::law::{Dist, Law, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;
use std::ops::Range;

/// The values of another law with those of one row, all elements with one index before the last dimension, replaced by 0.
///
/// Other rows have the values of the law itself, to the bit in binary32 and narrower types; in binary64 they are those of
/// binary32, widened.
#[derive(Clone, Debug)]
pub struct ZeroRow {
    pub(super) layout: Layout,
    law: Law,
    zeros: Range<u64>,
}

impl ZeroRow {
    /// `law` for a tensor of `shape`, with `row` of its rows zero.
    ///
    /// # Errors
    /// If the shape has 2⁵⁸ elements or more, there is no such row, or the law is one of complex numbers.
    pub fn new(shape: &[u64], law: Law, row: u64) -> Result<ZeroRow, Refusal> {
        let axes: Vec<usize> = (0..shape.len()).collect();
        let (rows, cols) = axes.split_at(shape.len().saturating_sub(1));
        let layout = Layout::of(shape, rows, cols)?;
        if row >= layout.rows() || law.is_complex() {
            return Err(Refusal::new(
                format!("row {row} of the shape {shape:?}"),
                "a row of the table, and a law of real numbers",
                "Count the rows from 0.",
            ));
        }
        let zeros = row * layout.cols()..(row + 1) * layout.cols();
        Ok(ZeroRow { layout, law, zeros })
    }

    /// Which share of the rows is not zero.
    fn share(&self) -> f64 {
        1.0 - 1.0 / self.layout.rows() as f64
    }
}

impl Structure for ZeroRow {
    fn variance(&self) -> f64 {
        let (mean, share) = (self.law.mean(), self.share());
        share * self.law.variance() + share * (1.0 - share) * mean * mean
    }

    fn mean(&self) -> f64 {
        self.share() * self.law.mean()
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        let inner = match &self.law {
            Law::Each(dist) => Inner::Each(*dist, stream),
            Law::Whole(structure) => Inner::Whole(structure.prepare(stream)),
        };
        Box::new(PreparedZeroRow { law: self, inner })
    }
}

enum Inner<'a> {
    Each(Dist, Stream),
    Whole(Box<dyn Prepared + 'a>),
}

struct PreparedZeroRow<'a> {
    law: &'a ZeroRow,
    inner: Inner<'a>,
}

impl Prepared for PreparedZeroRow<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        if let Inner::Whole(prepared) = &self.inner {
            prepared.fill(region, out);
        }
        let runs = region.runs(self.law.layout.shape()).expect("the caller asks for a region of this tensor");
        let mut rest = out;
        for run in runs {
            let head;
            (head, rest) = rest.split_at_mut((run.end - run.start) as usize);
            if let Inner::Each(dist, stream) = &self.inner {
                let filled = kernel::fill_f32(dist, stream, run.start, head);
                filled.expect("the law was checked, and a layout has fewer elements than a stream has words");
            }
            let (start, end) = (run.start.max(self.law.zeros.start), run.end.min(self.law.zeros.end));
            if start < end {
                head[(start - run.start) as usize..(end - run.start) as usize].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{regions_agree, spread, whole};
    use crate::structure::{Centre, Identity, Kernel};
    use std::sync::Arc;

    #[test]
    fn one_row_is_zero_and_the_others_are_the_laws() {
        let dist = Dist::Normal { mean: 1.0, std: 0.5 };
        let law = ZeroRow::new(&[50, 400], Law::Each(dist), 7).unwrap();
        let values = whole(&law);
        let mut plain = vec![0.0; values.len()];
        kernel::fill_f32(&dist, &Stream::new(9, "weight"), 0, &mut plain).unwrap();
        for (at, (value, own)) in values.iter().zip(&plain).enumerate() {
            assert_eq!(*value, if at / 400 == 7 { 0.0 } else { *own });
        }
        // Four standard errors of 20,000 values.
        assert!((spread(&values) / law.variance() - 1.0).abs() < 0.04);
        assert!((law.mean() - 0.98).abs() < 1e-15);
        regions_agree(&law);
    }

    #[test]
    fn structures_may_lie_within() {
        let eye = Identity::new(Kernel::new(&[4, 4], 0, 1, Centre::Lower).unwrap(), 2.0).unwrap();
        let law = ZeroRow::new(&[4, 4], Law::Whole(Arc::new(eye)), 3).unwrap();
        let values = whole(&law);
        assert_eq!(values.iter().filter(|v| **v == 2.0).count(), 3);
        assert!((spread(&values) - law.variance()).abs() < 1e-12);
        regions_agree(&law);
        assert!(ZeroRow::new(&[4, 4], Law::Each(Dist::Constant(1.0)), 4).is_err());
    }
}
