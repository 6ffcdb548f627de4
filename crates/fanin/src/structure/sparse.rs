//! [`Sparse`]: normal values with a fixed number of zeros in each column.

use super::gaussian::gaussian;
use super::layout::{Layout, Side};
use crate::error::Refusal;
use crate::law::{Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;
use rayon::prelude::*;

/// Where the values and the choice of the zeros live in a parameter's stream.
const VALUES: u8 = 1;
const CHOICE: u8 = 2;

/// N(0, std²) with the same number of zeros in every column, at random rows.
///
/// As `torch.nn.init.sparse_` for a weight `[out, in]`: every input reaches the same number of outputs. For the original
/// method, in which every unit has the same number of inputs, exchange rows and columns in the [`Layout`].
///
/// # Formula
/// The zeros of a column are the rows whose words (lane 2, index column·rows + row) are the smallest; of equal words the
/// upper row counts as smaller. The variance of an element is `std²·(1 − zeros/rows)`.
///
/// # Source
/// J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
#[derive(Clone, Debug)]
pub struct Sparse {
    pub(super) layout: Layout,
    std: f64,
    zeros: u64,
}

impl Sparse {
    /// The law with `zeros` zeros in each column.
    ///
    /// # Errors
    /// If the standard deviation is negative or not finite, or a column has fewer rows than zeros.
    pub fn new(layout: Layout, std: f64, zeros: u64) -> Result<Sparse, Refusal> {
        super::finite("standard deviation", std)?;
        if std < 0.0 {
            return Err(Refusal::new(format!("the standard deviation is {std}"), "0 or more", "Change the sign."));
        }
        if zeros > layout.rows() {
            return Err(Refusal::new(
                format!("{zeros} zeros in columns of {} elements", layout.rows()),
                format!("at most {}", layout.rows()),
                "Ask for fewer zeros, or exchange the sides of the weight.",
            ));
        }
        Ok(Sparse { layout, std, zeros })
    }

    /// The law with `⌈sparsity·rows⌉` zeros in each column.
    ///
    /// # Errors
    /// As [`Sparse::new`], and if the sparsity is not between 0 and 1.
    pub fn with_sparsity(layout: Layout, std: f64, sparsity: f64) -> Result<Sparse, Refusal> {
        if !(0.0..=1.0).contains(&sparsity) {
            return Err(Refusal::new(
                format!("the sparsity is {sparsity}"),
                "the fraction of zeros, between 0 and 1",
                "Give the fraction of a column that is zero.",
            ));
        }
        let zeros = (sparsity * layout.rows() as f64).ceil() as u64;
        Sparse::new(layout, std, zeros)
    }
}

impl Structure for Sparse {
    fn variance(&self) -> f64 {
        match self.layout.rows() {
            0 => 0.0,
            rows => self.std * self.std * ((rows - self.zeros) as f64 / rows as f64),
        }
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        let (rows, zeros) = (self.layout.rows(), self.zeros as usize);
        let choice = stream.lane(CHOICE);
        let last_zero = |col: u64| {
            let mut words: Vec<(u32, u64)> = (0..rows).map(|row| (choice.word(col * rows + row), row)).collect();
            *words.select_nth_unstable(zeros - 1).1
        };
        let last_zero = match zeros {
            0 => Vec::new(),
            _ => (0..self.layout.cols()).into_par_iter().map(last_zero).collect(),
        };
        Box::new(PreparedSparse { law: self, values: stream.lane(VALUES), choice, last_zero })
    }
}

struct PreparedSparse<'a> {
    law: &'a Sparse,
    values: Stream,
    choice: Stream,
    /// The largest (word, row) of each column that is a zero; empty if there are no zeros.
    last_zero: Vec<(u32, u64)>,
}

impl Prepared for PreparedSparse<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let Sparse { layout, std, .. } = self.law;
        let (rows, cols, std) = (layout.rows(), layout.cols(), *std as f32);
        layout.segments(region, out, |segment, out| {
            let at = |(row, col): (u64, u64)| row * cols + col;
            if segment.side == Side::Col && segment.stride == 1 {
                gaussian(&self.values, at((segment.row, segment.col)), out);
            } else {
                for (out, element) in out.iter_mut().zip(segment.elements()) {
                    gaussian(&self.values, at(element), std::slice::from_mut(out));
                }
            }
            for (out, (row, col)) in out.iter_mut().zip(segment.elements()) {
                let word = || self.choice.word(col * rows + row);
                let zero = self.last_zero.get(col as usize).is_some_and(|&last| (word(), row) <= last);
                *out = if zero { 0.0 } else { *out * std };
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{regions_agree, whole};

    fn law(rows: u64, cols: u64, sparsity: f64) -> Sparse {
        Sparse::with_sparsity(Layout::matrix(rows, cols, false).unwrap(), 0.5, sparsity).unwrap()
    }

    #[test]
    fn every_column_has_its_zeros() {
        for (rows, cols, sparsity, zeros) in [(10, 40, 0.25, 3), (7, 5, 1.0, 7), (9, 3, 0.0, 0), (1, 4, 0.1, 1)] {
            let values = whole(&law(rows, cols, sparsity));
            for col in 0..cols as usize {
                let found = values.iter().skip(col).step_by(cols as usize).filter(|v| **v == 0.0).count();
                assert_eq!(found, zeros, "{rows}×{cols}, {sparsity}");
            }
            regions_agree(&law(rows, cols, sparsity));
            regions_agree(&Sparse::new(Layout::matrix(rows, cols, true).unwrap(), 1.0, zeros as u64).unwrap());
        }
    }

    #[test]
    fn zeros_are_uniform_and_values_have_the_variance() {
        let (rows, cols) = (20u64, 20_000u64);
        let values = whole(&law(rows, cols, 0.3));
        let nonzero = values.len() as f64 * 0.7;
        // Zeros in a row: binomial with n columns and 0.3; twenty rows, each within 4.5 standard errors.
        let score = |row: usize, share: f64| {
            let n = cols as f64;
            let zeros = values[row * cols as usize..][..cols as usize].iter().filter(|v| **v == 0.0).count() as f64;
            (zeros - share * n).abs() / (n * share * (1.0 - share)).sqrt()
        };
        assert!((0..20).all(|row| score(row, 0.3) < 4.5));
        assert!((0..20).all(|row| score(row, 0.3 * 1.05) > 4.0 || score(row, 0.3 * 0.95) > 4.0));
        let mean = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64;
        // A squared normal has the variance 2; the number of values that are not zero is fixed.
        let bound = 4.5 * (2.0 / nonzero).sqrt();
        assert!((mean / law(rows, cols, 0.3).variance() - 1.0).abs() < bound);
        assert!((mean / (0.5f64 * 1.05).powi(2) / 0.7 - 1.0).abs() > bound, "5 % more would be seen");
    }

    #[test]
    fn impossible_laws_are_refused() {
        let layout = || Layout::matrix(3, 3, false).unwrap();
        assert!(Sparse::new(layout(), 1.0, 4).is_err());
        assert!(Sparse::new(layout(), -1.0, 1).is_err());
        assert!(Sparse::with_sparsity(layout(), 1.0, 1.5).is_err());
        assert!(Sparse::with_sparsity(layout(), 1.0, f64::NAN).is_err());
        assert_eq!(Sparse::new(Layout::matrix(0, 3, false).unwrap(), 1.0, 0).unwrap().variance(), 0.0);
    }
}
