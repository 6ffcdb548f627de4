//! [`Formula`]: a tensor whose elements are a function of their place, and of random words if wanted.

use super::kernel::Kernel;
use super::layout::Layout;
use crate::law::{Acts, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;
use std::fmt;
use std::sync::Arc;

/// The value at a row and a column, computed in `f64`.
type Element = Box<dyn Fn(u64, u64) -> f64 + Send + Sync>;

/// What makes the elements, once the stream is known.
type Prepare = Arc<dyn Fn(Stream) -> Element + Send + Sync>;

/// Every element by one formula of its row and column, rounded once to `f32`: tables of positions, state matrices,
/// interpolation kernels, and transformed random numbers.
///
/// A formula may read words of the stream by index, so equal indices give equal elements and any region has the bits that it
/// has in the whole. What all elements share (the norms of rows, a matrix) is computed once for each stream.
#[derive(Clone)]
pub struct Formula {
    pub(super) layout: Layout,
    moments: Moments,
    /// The smallest and the largest value, if all are whole numbers.
    integers: Option<(f64, f64)>,
    complex: bool,
    acts: Acts,
    prepare: Prepare,
}

/// Up to here every whole number is one of `f32`.
const LARGEST_WHOLE: f64 = 16_777_216.0;

/// Mean and variance over all elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The mean squared deviation from it.
    pub variance: f64,
}

impl Moments {
    /// The moments of these values.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Moments {
        let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
        if count == 0.0 {
            return Moments { mean: 0.0, variance: 0.0 };
        }
        let mean = sum / count;
        let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        Moments { mean, variance }
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formula").field("layout", &self.layout).field("moments", &self.moments).finish_non_exhaustive()
    }
}

impl Formula {
    /// The tensor with these values, whose elements have these moments.
    pub fn new(
        layout: Layout,
        moments: Moments,
        value: impl Fn(u64, u64, &Stream) -> f64 + Send + Sync + 'static,
    ) -> Formula {
        let value = Arc::new(value);
        Formula::preparing(layout, moments, move |stream| {
            let value = Arc::clone(&value);
            Box::new(move |row, col| value(row, col, &stream))
        })
    }

    /// The tensor whose elements `prepare` makes once it has a stream; they have these moments.
    pub fn preparing(
        layout: Layout,
        moments: Moments,
        prepare: impl Fn(Stream) -> Box<dyn Fn(u64, u64) -> f64 + Send + Sync> + Send + Sync + 'static,
    ) -> Formula {
        let (integers, complex, acts) = (None, false, Acts::Freely);
        Formula { layout, moments, integers, complex, acts, prepare: Arc::new(prepare) }
    }

    /// The same law, of complex numbers: the last dimension of its shape has their real and imaginary parts, and the
    /// variance is that of a complex element.
    #[must_use]
    pub fn of_complex(self) -> Formula {
        Formula { complex: true, ..self }
    }

    /// The same law, of a weight that acts so on a signal.
    #[must_use]
    pub fn acting(self, acts: Acts) -> Formula {
        Formula { acts, ..self }
    }

    /// A tensor without random numbers; its moments are found by visiting every element.
    pub fn fixed(layout: Layout, value: impl Fn(u64, u64) -> f64 + Send + Sync + 'static) -> Formula {
        let places = || (0..layout.rows()).flat_map(|row| (0..layout.cols()).map(move |col| (row, col)));
        let values = || places().map(|(row, col)| value(row, col));
        let moments = Moments::of(values());
        let whole = values().all(|value| value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE);
        let range = || values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let integers = (whole && layout.rows() * layout.cols() > 0).then(range);
        Formula { integers, ..Formula::new(layout, moments, move |row, col, _| value(row, col)) }
    }

    /// A kernel that is 0 but on its centre tap, where it has `value(output, input)`.
    pub fn on_centre(kernel: Kernel, value: impl Fn(u64, u64) -> f64 + Send + Sync + 'static) -> Formula {
        let places = (0..kernel.outputs()).flat_map(|o| (0..kernel.inputs()).map(move |i| (o, i)));
        let (mut sum, mut squares) = (0.0, 0.0);
        for value in places.map(|(o, i)| value(o, i)) {
            sum += value;
            squares += value * value;
        }
        let count = (kernel.len() as f64).max(1.0);
        let mean = sum / count;
        let moments = Moments { mean, variance: (squares / count - mean * mean).max(0.0) };
        Formula::new(kernel.layout.clone(), moments, move |row, col, _| match kernel.input(col) {
            (input, true) => value(row, input),
            _ => 0.0,
        })
    }
}

/// The word of `index` as a number between 0 and 1, neither of which it is.
pub(crate) fn unit(stream: &Stream, index: u64) -> f64 {
    (f64::from(stream.word(index)) + 0.5) / 4_294_967_296.0
}

impl Structure for Formula {
    fn variance(&self) -> f64 {
        self.moments.variance
    }

    fn mean(&self) -> f64 {
        self.moments.mean
    }

    fn integers(&self) -> Option<(f64, f64)> {
        self.integers
    }

    fn is_complex(&self) -> bool {
        self.complex
    }

    fn acts(&self) -> Acts {
        self.acts
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedFormula { layout: &self.layout, element: (self.prepare)(stream) })
    }
}

struct PreparedFormula<'a> {
    layout: &'a Layout,
    element: Element,
}

impl Prepared for PreparedFormula<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        self.layout.each(region, out, |row, col| (self.element)(row, col) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Centre;
    use crate::structure::testing::{regions_agree, whole};

    #[test]
    fn a_table_is_its_formula_in_either_order() {
        let value = |row: u64, col: u64| row as f64 * 10.0 + col as f64;
        for transposed in [false, true] {
            let law = Formula::fixed(Layout::matrix(4, 7, transposed).unwrap(), value);
            let values = whole(&law);
            for (at, got) in values.iter().enumerate() {
                let (row, col) = if transposed { (at % 4, at / 4) } else { (at / 7, at % 7) };
                assert_eq!(*got, row as f32 * 10.0 + col as f32);
            }
            // Rows spread by 100 · 15/12, columns by 48/12.
            assert!((law.variance() - 129.0).abs() < 1e-12 && law.mean() == 18.0);
            regions_agree(&law);
        }
    }

    #[test]
    fn words_are_read_by_index() {
        let (rows, cols) = (40u64, 2500u64);
        let moments = Moments { mean: 0.5, variance: 1.0 / 12.0 };
        let law = Formula::new(Layout::matrix(rows, cols, false).unwrap(), moments, move |row, col, stream| {
            unit(stream, row / 2 * cols + col)
        });
        let values = whole(&law);
        assert!(values.chunks(2 * cols as usize).all(|pair| pair[..cols as usize] == pair[cols as usize..]));
        let n = (rows * cols / 2) as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
        let bound = 4.5 / (12.0 * n).sqrt();
        assert!((mean - 0.5).abs() < bound && (mean * 1.05 - 0.5).abs() > bound, "{mean}");
        regions_agree(&law);
    }

    #[test]
    fn only_the_centre_is_filled() {
        let kernel = Kernel::new(&[3, 2, 4], 0, 1, Centre::Upper).unwrap();
        let law = Formula::on_centre(kernel, |o, i| (o * 2 + i + 1) as f64);
        let values = whole(&law);
        assert!(values.iter().enumerate().all(|(at, v)| *v == if at % 4 == 2 { (at / 4 + 1) as f32 } else { 0.0 }));
        assert!((crate::structure::testing::spread(&values) - law.variance()).abs() < 1e-12);
        regions_agree(&law);
    }
    #[test]
    fn what_all_elements_share_is_prepared_once_for_each_stream() {
        let moments = Moments { mean: 0.0, variance: 1.0 };
        let law = Formula::preparing(Layout::matrix(3, 4, false).unwrap(), moments, |stream| {
            let rows: Vec<f64> = (0..3).map(|row| unit(&stream, row)).collect();
            Box::new(move |row, col| rows[row as usize] + col as f64)
        });
        let values = whole(&law);
        assert!(values.windows(2).enumerate().all(|(at, pair)| at % 4 == 3 || (pair[1] - pair[0] - 1.0).abs() < 1e-6));
        regions_agree(&law);
    }

    #[test]
    fn whole_numbers_are_seen_with_their_range() {
        let table = |factor: f64| {
            Formula::fixed(Layout::matrix(2, 3, false).unwrap(), move |row, col| (row as f64 - col as f64) * factor)
        };
        assert_eq!(table(2.0).integers(), Some((-4.0, 2.0)));
        assert_eq!(table(0.5).integers(), None);
        assert_eq!(Formula::fixed(Layout::matrix(0, 3, false).unwrap(), |_, _| 0.0).integers(), None);
    }
}
