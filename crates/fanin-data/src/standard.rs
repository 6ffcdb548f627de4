//! [`Standard`]: inputs brought to mean 0 and standard deviation 1, with figures of the training rows only.

use crate::array::{Array, Values};

/// What is standardized together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standardization {
    /// Nothing: the inputs stay as they are.
    #[default]
    None,
    /// Each column of a table, each channel of pictures.
    Feature,
    /// All elements.
    All,
}

/// Mean and standard deviation of the training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    /// Means: one for each feature, or one.
    pub mean: Vec<f64>,
    /// Standard deviations; 1 where a feature does not vary, which is then only centred.
    pub std: Vec<f64>,
    /// How many neighbouring elements of a row share a feature.
    span: usize,
}

impl Standard {
    /// The figures of some rows of an array; `None` for whole numbers, which are left alone.
    ///
    /// # Precision
    /// Sums of 64 bits in the order of the rows; the variance is that of the rows, not an estimate of a wider one.
    pub fn of(array: &Array, rows: &[usize], together: Standardization) -> Option<Standard> {
        let Values::F32(values) = &array.values else { return None };
        let len = array.row_len();
        let (features, span) = match together {
            Standardization::None => return None,
            Standardization::All => (1, len),
            // [rows, channels, height, width] has a feature for each channel; [rows, columns] one for each column.
            Standardization::Feature => {
                let features = array.shape.get(1).copied().unwrap_or(1);
                (features, len.checked_div(features).unwrap_or(0))
            }
        };
        let count = (rows.len() * span) as f64;
        let each = |f: &mut dyn FnMut(usize, f64)| {
            for &row in rows {
                for (i, &value) in values[row * len..][..len].iter().enumerate() {
                    f(i / span, f64::from(value));
                }
            }
        };
        let (mut mean, mut std) = (vec![0.0; features], vec![0.0; features]);
        if count == 0.0 {
            return Some(Standard { mean, std: vec![1.0; features], span: span.max(1) });
        }
        each(&mut |feature, value| mean[feature] += value / count);
        each(&mut |feature, value| std[feature] += (value - mean[feature]) * (value - mean[feature]) / count);
        for (std, mean) in std.iter_mut().zip(&mean) {
            let own = std.sqrt();
            // A column of one number has a variance of rounding errors.
            *std = if own > 1e-7 * mean.abs() { own } else { 1.0 };
        }
        Some(Standard { mean, std, span })
    }

    /// Brings every row of `array` to these figures.
    pub fn apply(&self, array: &mut Array) {
        let len = array.row_len();
        let Values::F32(values) = &mut array.values else { return };
        for (i, value) in values.iter_mut().enumerate() {
            let feature = (i % len) / self.span;
            *value = ((f64::from(*value) - self.mean[feature]) / self.std[feature]) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_standardized_by_the_training_rows_alone() {
        let mut array = Array::f32(&[4, 2], vec![1.0, 5.0, 3.0, 5.0, 1000.0, 5.0, 5.0, 5.0]);
        let standard = Standard::of(&array, &[0, 1, 3], Standardization::Feature).unwrap();
        assert_eq!(standard.mean, [3.0, 5.0]);
        assert!((standard.std[0] - (8.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(standard.std[1], 1.0, "a column that does not vary is only centred");
        standard.apply(&mut array);
        let Values::F32(values) = &array.values else { unreachable!() };
        assert!((values[0] + values[2] + values[6]).abs() < 1e-6);
        assert!((values[4] - (997.0 / (8.0f32 / 3.0).sqrt())).abs() < 1e-3);
        assert_eq!([values[1], values[3], values[5], values[7]], [0.0; 4]);
    }

    #[test]
    fn pictures_are_standardized_by_channel_and_all_together() {
        let array = Array::f32(&[1, 2, 2], vec![1.0, 3.0, 10.0, 20.0]);
        let standard = Standard::of(&array, &[0], Standardization::Feature).unwrap();
        assert_eq!((standard.mean, standard.std), (vec![2.0, 15.0], vec![1.0, 5.0]));
        let standard = Standard::of(&array, &[0], Standardization::All).unwrap();
        assert_eq!(standard.mean, [8.5]);
        assert_eq!(Standard::of(&Array::i64(&[1, 1], vec![3]), &[0], Standardization::All), None);
    }
}
