//! [`scales`]: how large the features of some data are.

use fanin::report::InputRow;
use fanin_data::{Array, Dataset, Values};

/// Rows that are looked at: more say the same.
const MOST_ROWS: usize = 4096;

/// For each input of real numbers: its largest feature, by the training rows. A feature is what `standardize` takes for one:
/// a column of a table, a channel of pictures.
///
/// # Precision
/// Sums of 64 bits over at most 4,096 rows, evenly spaced.
///
/// # Example
/// ```
/// let data = fanin_data::open(&"digits#standardize".parse()?, None)?;
/// let rows = fanin_network::scales(&data);
/// assert_eq!(rows[0].features, 64);
/// assert!((rows[0].largest - 1.0).abs() < 1e-3);
/// # Ok::<(), fanin_data::DataError>(())
/// ```
pub fn scales(data: &Dataset) -> Vec<InputRow> {
    let taken = data.train.len().min(MOST_ROWS);
    let rows: Vec<usize> = (0..taken).map(|at| data.train[at * data.train.len() / taken]).collect();
    data.inputs.iter().filter_map(|input| scale(&input.name, &input.array, &rows)).collect()
}

fn scale(name: &str, array: &Array, rows: &[usize]) -> Option<InputRow> {
    let Values::F32(values) = &array.values else { return None };
    let len = array.row_len();
    let features = array.shape.get(1).copied().unwrap_or(1);
    let span = len.checked_div(features).filter(|&span| span > 0)?;
    let mut squares = vec![0.0; features];
    for &row in rows {
        for (at, &value) in values[row * len..][..len].iter().enumerate() {
            squares[at / span] += f64::from(value) * f64::from(value);
        }
    }
    let (feature, most) = squares.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let largest = (most / (rows.len() * span).max(1) as f64).sqrt();
    Some(InputRow { name: name.to_owned(), features: features as u64, feature: feature as u64, largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_column_of_the_rows_is_found() {
        let array = Array::f32(&[3, 2], vec![1.0, -300.0, -1.0, 400.0, 9e9, 9e9]);
        let row = scale("x", &array, &[0, 1]).unwrap();
        assert_eq!((row.features, row.feature, row.largest), (2, 1, 125_000f64.sqrt()));
    }

    #[test]
    fn pictures_have_a_feature_a_channel_and_tokens_none() {
        let array = Array::f32(&[1, 2, 2], vec![1.0, 3.0, 10.0, 20.0]);
        let row = scale("x", &array, &[0]).unwrap();
        assert_eq!((row.features, row.feature, row.largest), (2, 1, 250f64.sqrt()));
        assert_eq!(scale("x", &Array::i64(&[1, 2], vec![3, 4]), &[0]), None);
    }
}
