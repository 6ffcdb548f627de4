//! The adding problem: a long memory is needed to answer it.

use super::{below, unit};
use crate::array::Array;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::wanted::Wanted;
use fanin::Stream;

/// Rows where nobody says how many.
const ROWS: usize = 2000;

/// Length where neither the user nor the model says one.
const LENGTH: usize = 50;

/// Each step has a number, uniform between 0 and 1, and a mark; one step of each half is marked, and the answer is the sum of
/// the two numbers. Always answering 1 has the mean squared error 1/6, the variance of the sum.
///
/// # Source
/// Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", §5.4, with the numbers of Le et al. 2015, arXiv:1504.00941, §4.1.
pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let input = wanted.and_then(|wanted| wanted.inputs.first());
    let length = options.length.or(input.and_then(|input| input.shape.first().copied().flatten())).unwrap_or(LENGTH);
    let rows = options.rows.unwrap_or(ROWS);
    if length < 2 || rows.checked_mul(length).is_none_or(|n| n > 1 << 28) {
        let wrong = format!("{rows} rows of {length} steps are asked for");
        return Err(DataError::new(
            wrong,
            "two steps or more, and at most 2^28 in all",
            "Change `length=` or `rows=`.",
        ));
    }
    let (numbers, marks) = (Stream::new(options.seed, "data adding"), Stream::new(options.seed, "data adding marks"));
    let mut x = vec![0.0; rows * length * 2];
    let mut y = Vec::with_capacity(rows);
    for row in 0..rows {
        let steps = &mut x[row * length * 2..][..length * 2];
        for (step, pair) in steps.chunks_mut(2).enumerate() {
            pair[0] = unit(numbers, (row * length + step) as u64) as f32;
        }
        let half = length / 2;
        let first = below(marks, 2 * row as u64, half);
        let second = half + below(marks, 2 * row as u64 + 1, length - half);
        steps[2 * first + 1] = 1.0;
        steps[2 * second + 1] = 1.0;
        y.push(steps[2 * first] + steps[2 * second]);
    }
    Ok(Raw::new(Array::f32(&[rows, length, 2], x), Array::f32(&[rows, 1], y)))
}
