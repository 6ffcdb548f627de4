//! Rows of tables of symbols: taken, or made of all rows.

use crate::numerics::normal_quantile;
use crate::stream::Stream;

/// Appends the rows that are wanted of a table whose rows are `width` long.
///
/// # Formula
/// A row that the table does not have is m + s/√n · Σᵢ zᵢ (rᵢ − m), with independent standard normal zᵢ, m the mean of the n rows
/// r: its law is normal with mean m and s² times the rows' covariance.
pub(super) fn rows(table: &[f64], width: usize, wanted: &[Option<u64>], spread: f64, key: u64, out: &mut Vec<f64>) {
    let n = table.len() / width.max(1);
    let mut mean = vec![0.0; width];
    for row in table.chunks(width.max(1)) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for sum in &mut mean {
        *sum /= n.max(1) as f64;
    }
    let stream = Stream::new(key, "symbols");
    let scale = spread / (n.max(1) as f64).sqrt();
    for (index, row) in wanted.iter().enumerate() {
        match row {
            Some(row) => out.extend_from_slice(&table[*row as usize * width..][..width]),
            None if spread == 0.0 => out.extend_from_slice(&mean),
            None => {
                let mut made = mean.clone();
                for (i, row) in table.chunks(width.max(1)).enumerate() {
                    let word = stream.word((index * n + i) as u64);
                    let z = normal_quantile((f64::from(word) + 0.5) / (1u64 << 32) as f64) * scale;
                    made.iter_mut().zip(row).zip(&mean).for_each(|((made, value), mean)| *made += z * (value - mean));
                }
                out.extend(made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_or_the_mean() {
        let mut out = Vec::new();
        rows(&[1.0, 2.0, 3.0, 6.0], 2, &[Some(1), None, Some(0)], 0.0, 7, &mut out);
        assert_eq!(out, [3.0, 6.0, 2.0, 4.0, 1.0, 2.0]);
    }

    /// Whether draws have the mean and the covariance of a table whose columns go together; `spread` is what they are drawn with.
    fn has_the_covariance(spread: f64) -> bool {
        let n = 64;
        let noise = |i: usize| normal_quantile(((i * 37 % n) as f64 + 0.5) / n as f64);
        let table: Vec<f64> = (0..n).flat_map(|i| [1.0 + noise(i), 3.0 * noise(i) + noise(i * 5 + 1)]).collect();
        let draws = 20_000;
        let mut out = Vec::new();
        rows(&table, 2, &vec![None; draws], spread, 3, &mut out);
        let moments = |rows: &[f64]| {
            let count = (rows.len() / 2) as f64;
            let mean = |k: usize| rows.iter().skip(k).step_by(2).sum::<f64>() / count;
            let (a, b) = (mean(0), mean(1));
            let of = |f: &dyn Fn(f64, f64) -> f64| rows.chunks(2).map(|r| f(r[0] - a, r[1] - b)).sum::<f64>() / count;
            [a, b, of(&|x, _| x * x), of(&|_, y| y * y), of(&|x, y| x * y)]
        };
        let (have, want) = (moments(&out), moments(&table));
        // Standard errors: of a mean √(v/n); of a variance v√(2/n); of a covariance √((vw + c²)/n). Four of them each.
        let [_, _, v, w, c] = want;
        let root = (draws as f64).sqrt();
        let errors = [v.sqrt(), w.sqrt(), v * 2f64.sqrt(), w * 2f64.sqrt(), (v * w + c * c).sqrt()];
        have.iter().zip(want).zip(errors).all(|((have, want), error)| (have - want).abs() < 4.0 * error / root)
    }

    #[test]
    fn draws_have_mean_and_covariance() {
        assert!(has_the_covariance(1.0));
        assert!(!has_the_covariance(1.05), "five per cent more are noticed");
    }
}
