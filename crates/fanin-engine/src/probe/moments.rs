//! [`Moments`]: what a tensor's elements are on average.

use crate::element::Element;
use crate::reduce::{Fold, fold};
use crate::tensor::{Data, Tensor};

/// Averages over the finite elements of a tensor.
///
/// # Precision
/// Sums in `f64`, block by block in a fixed order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Finite elements.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Mean square.
    pub second: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Elements that are infinite or no numbers.
    pub non_finite: u64,
}

/// Sums of a group of elements.
#[derive(Clone, Copy, Debug)]
struct Sums {
    count: u64,
    first: f64,
    second: f64,
    min: f64,
    max: f64,
    non_finite: u64,
}

struct Gather;

impl<T: Element> Fold<T> for Gather {
    type Acc = Sums;

    fn empty(&self) -> Sums {
        Sums { count: 0, first: 0.0, second: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, non_finite: 0 }
    }

    #[inline]
    fn push(&self, sums: Sums, x: T) -> Sums {
        let x = x.to_f64();
        if !x.is_finite() {
            return Sums { non_finite: sums.non_finite + 1, ..sums };
        }
        Sums {
            count: sums.count + 1,
            first: sums.first + x,
            second: sums.second + x * x,
            min: sums.min.min(x),
            max: sums.max.max(x),
            non_finite: sums.non_finite,
        }
    }

    #[inline]
    fn merge(&self, a: Sums, b: Sums) -> Sums {
        Sums {
            count: a.count + b.count,
            first: a.first + b.first,
            second: a.second + b.second,
            min: a.min.min(b.min),
            max: a.max.max(b.max),
            non_finite: a.non_finite + b.non_finite,
        }
    }
}

impl Sums {
    fn moments(self) -> Moments {
        if self.count == 0 {
            return Moments { non_finite: self.non_finite, ..Moments::default() };
        }
        let n = self.count as f64;
        Moments {
            count: self.count,
            mean: self.first / n,
            second: self.second / n,
            min: self.min,
            max: self.max,
            non_finite: self.non_finite,
        }
    }
}

impl Moments {
    /// The moments of all elements.
    pub fn of(tensor: &Tensor) -> Moments {
        along(tensor, &(0..tensor.rank()).collect::<Vec<_>>()).first().copied().unwrap_or_default()
    }

    /// Mean square deviation from the mean.
    pub fn variance(&self) -> f64 {
        (self.second - self.mean * self.mean).max(0.0)
    }

    /// Its root.
    pub fn std(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// The moments by index of one dimension: of each unit over all samples and places.
pub fn by_index(tensor: &Tensor, axis: usize) -> Vec<Moments> {
    let others: Vec<usize> = (0..tensor.rank()).filter(|&other| other != axis).collect();
    along(tensor, &others)
}

/// The moments along some dimensions, for each index of the others.
fn along(tensor: &Tensor, axes: &[usize]) -> Vec<Moments> {
    fn run<T: Element>(values: &[T], shape: &[usize], axes: &[usize]) -> Vec<Moments> {
        fold(values, shape, axes, &Gather).into_iter().map(Sums::moments).collect()
    }
    let shape = tensor.shape();
    match tensor.plain().data() {
        Data::F32(values) => run(values, shape, axes),
        Data::F64(values) => run(values, shape, axes),
        Data::I64(values) => run(values, shape, axes),
        Data::Bool(values) => run(values, shape, axes),
        // `plain` leaves no other type.
        _ => Vec::new(),
    }
}

/// The share of the elements that `chosen` holds for.
pub fn share(tensor: &Tensor, chosen: impl Fn(f64) -> bool + Sync) -> f64 {
    struct Count<F>(F);
    impl<T: Element, F: Fn(f64) -> bool + Sync> Fold<T> for Count<F> {
        type Acc = u64;
        fn empty(&self) -> u64 {
            0
        }
        #[inline]
        fn push(&self, count: u64, x: T) -> u64 {
            count + u64::from((self.0)(x.to_f64()))
        }
        #[inline]
        fn merge(&self, a: u64, b: u64) -> u64 {
            a + b
        }
    }
    let axes: Vec<usize> = (0..tensor.rank()).collect();
    let counts = match tensor.data() {
        Data::F32(values) => fold(values, tensor.shape(), &axes, &Count(chosen)),
        Data::F64(values) => fold(values, tensor.shape(), &axes, &Count(chosen)),
        _ => Vec::new(),
    };
    counts.into_iter().sum::<u64>() as f64 / tensor.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};

    #[test]
    fn moments_are_those_of_the_elements() {
        let x = Tensor::of(&[2, 3], vec![1.0f32, -2.0, 3.0, f32::INFINITY, 0.0, 1.0]);
        let all = Moments::of(&x);
        assert_eq!((all.count, all.non_finite, all.min, all.max), (5, 1, -2.0, 3.0));
        assert!((all.mean - 0.6).abs() < 1e-15 && (all.second - 3.0).abs() < 1e-15);
        assert!((all.variance() - 2.64).abs() < 1e-14);
        let columns = by_index(&x, 1);
        assert_eq!(columns.iter().map(|m| m.mean).collect::<Vec<_>>(), [1.0, -1.0, 2.0]);
        let rows = by_index(&x, 0);
        assert_eq!((rows.len(), rows[1].count, rows[1].max), (2, 2, 1.0));
        assert_eq!(share(&x, |x| x > 0.5), 4.0 / 6.0);
        assert_eq!(Moments::of(&Tensor::of(&[0], Vec::<f32>::new())), Moments::default());
        assert_eq!(Moments::of(&Tensor::scalar(3i64)).second, 9.0);
    }

    #[test]
    fn no_bit_depends_on_the_number_of_threads() {
        let x = random(&[64, 3000], 7);
        let on = |threads| on_threads(threads, || (Moments::of(&x), by_index(&x, 1)));
        let one = on(1);
        assert!([2, 3, 8].into_iter().all(|threads| on(threads) == one));
    }
}
