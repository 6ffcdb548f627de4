//! [`Tally`]: sums over the elements of a tensor, taken in a fixed order on any number of threads.

use crate::dtype::Dtype;
use rayon::prelude::*;

/// Elements that are summed up before the sum is merged: it bounds the rounding error, and cuts the work for threads.
const BLOCK: usize = 1 << 14;

/// Sums of powers about a pivot, of the finite elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pivot: f64,
    first: f64,
    second: f64,
    fourth: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) zeros: u64,
    pub(super) non_finite: u64,
    /// Non-zero elements below the type's normal range.
    pub(super) subnormal: u64,
}

impl Tally {
    pub(super) fn new(pivot: f64) -> Tally {
        let pivot = if pivot.is_finite() { pivot } else { 0.0 };
        Tally {
            count: 0,
            pivot,
            first: 0.0,
            second: 0.0,
            fourth: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            zeros: 0,
            non_finite: 0,
            subnormal: 0,
        }
    }

    fn push(&mut self, x: f64, normal: f64) {
        if !x.is_finite() {
            self.non_finite += 1;
            return;
        }
        let d = x - self.pivot;
        self.count += 1;
        self.first += d;
        self.second += d * d;
        self.fourth += d * d * d * d;
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        self.zeros += u64::from(x == 0.0);
        self.subnormal += u64::from(x != 0.0 && x.abs() < normal);
    }

    fn merge(&mut self, other: &Tally) {
        self.count += other.count;
        self.first += other.first;
        self.second += other.second;
        self.fourth += other.fourth;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.zeros += other.zeros;
        self.non_finite += other.non_finite;
        self.subnormal += other.subnormal;
    }

    /// All elements of a tensor.
    pub(super) fn of(bytes: &[u8], dtype: Dtype, pivot: f64) -> Tally {
        let (size, normal) = (dtype.size().unwrap_or(1), smallest_normal(dtype));
        let blocks: Vec<Tally> = bytes
            .par_chunks(BLOCK * size)
            .map(|block| {
                let mut tally = Tally::new(pivot);
                elements(block, dtype, &mut |x| tally.push(x, normal));
                tally
            })
            .collect();
        let mut all = Tally::new(pivot);
        for block in &blocks {
            all.merge(block);
        }
        all
    }

    /// Some elements, in order.
    pub(super) fn add(&mut self, bytes: &[u8], dtype: Dtype) {
        let normal = smallest_normal(dtype);
        for block in bytes.chunks(BLOCK * dtype.size().unwrap_or(1)) {
            let mut tally = Tally::new(self.pivot);
            elements(block, dtype, &mut |x| tally.push(x, normal));
            self.merge(&tally);
        }
    }

    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.pivot + self.first / self.count as f64 }
    }

    /// Mean square deviation from the mean.
    pub(super) fn variance(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        let n = self.count as f64;
        let about = self.first / n;
        (self.second / n - about * about).max(0.0)
    }

    /// Mean square deviation from the pivot, and the mean fourth power of that deviation / its square.
    pub(super) fn about_pivot(&self) -> (f64, f64) {
        let n = self.count.max(1) as f64;
        let second = self.second / n;
        (second, if second > 0.0 { self.fourth / n / (second * second) } else { 0.0 })
    }
}

/// Calls `each` with every element.
pub(super) fn elements(bytes: &[u8], dtype: Dtype, each: &mut dyn FnMut(f64)) {
    // The type of nearly all files goes without the detour over wide words.
    if dtype == Dtype::F32 {
        bytes.as_chunks().0.iter().for_each(|b| each(f64::from(f32::from_le_bytes(*b))));
    } else {
        let size = dtype.size().unwrap_or(1);
        bytes.chunks_exact(size).for_each(|b| each(dtype.number(b).unwrap_or(f64::NAN)));
    }
}

/// The smallest positive number that a type stores with all its digits.
pub(super) fn smallest_normal(dtype: Dtype) -> f64 {
    let power = |p: i64| f64::from_bits(((1023 + p) as u64) << 52);
    match dtype {
        Dtype::F64 => f64::MIN_POSITIVE,
        Dtype::F32 | Dtype::Bf16 => power(-126),
        Dtype::F16 | Dtype::F8E5m2 => power(-14),
        Dtype::F8E4m3 => power(-6),
        _ => 0.0,
    }
}

/// Half of the distance between 1 and the next number: how far rounding moves an element, relatively.
pub(super) fn rounding(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F64 => 1.2e-16,
        Dtype::F32 => 6e-8,
        Dtype::F16 => 4.9e-4,
        Dtype::Bf16 => 3.91e-3,
        Dtype::F8E4m3 => 0.0625,
        _ => 0.125,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_elements() {
        let bytes: Vec<u8> = [1.0f32, 2.0, 4.0, f32::NAN, 0.0, 1e-40].iter().flat_map(|x| x.to_le_bytes()).collect();
        for pivot in [0.0, 1.4, -3.0] {
            let tally = Tally::of(&bytes, Dtype::F32, pivot);
            assert_eq!((tally.count, tally.non_finite, tally.zeros, tally.subnormal), (5, 1, 1, 1));
            assert!((tally.mean() - 1.4).abs() < 1e-14);
            assert!((tally.variance() - (21.0 / 5.0 - 1.96)).abs() < 1e-13);
            assert_eq!((tally.min, tally.max), (0.0, 4.0));
        }
        let (second, kurtosis) = Tally::of(&bytes, Dtype::F32, 0.0).about_pivot();
        assert!((second - 4.2).abs() < 1e-14 && (kurtosis - 273.0 / 5.0 / (4.2 * 4.2)).abs() < 1e-13);
    }

    #[test]
    fn sums_have_the_same_bits_on_any_number_of_threads() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(|i| ((i % 977) as f32 * 0.1).to_le_bytes()).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Tally::of(&bytes, Dtype::F32, 0.0))
        };
        assert!(on(1) == on(3) && on(2) == on(8));
    }

    #[test]
    fn ranges_of_the_types() {
        assert_eq!(smallest_normal(Dtype::F16), 6.103515625e-5);
        assert_eq!(smallest_normal(Dtype::F32), f64::from(f32::MIN_POSITIVE));
    }
}
