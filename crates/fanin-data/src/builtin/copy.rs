//! The copy problem: a few symbols to be said again after a long wait.

use super::below;
use crate::array::Array;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task};
use crate::wanted::Wanted;
use fanin::Stream;

/// Rows where nobody says how many.
const ROWS: usize = 2000;

/// Length where neither the user nor the model says one.
const LENGTH: usize = 60;

/// Symbols to choose from, where nobody says how many.
const SYMBOLS: usize = 8;

/// Symbols to be said again.
const SPAN: usize = 10;

/// Ten symbols, then blanks, a signal ten steps before the end, and blanks; the answer is blanks, and the ten symbols from the signal
/// on. A network without memory answers blanks and then guesses: 10 ln(symbols) / length nats a step.
///
/// The tokens are the symbols from 0 on, then the blank, then the signal.
///
/// # Source
/// Hochreiter & Schmidhuber 1997; in this form Arjovsky, Shah & Bengio 2016, arXiv:1511.06464, §5.1.
pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let input = wanted.and_then(|wanted| wanted.inputs.first());
    let length = options.length.or(input.and_then(|input| input.shape.first().copied().flatten())).unwrap_or(LENGTH);
    let tokens = input.and_then(|input| input.choices);
    let symbols = options.classes.or(tokens.map(|tokens| tokens.saturating_sub(2))).unwrap_or(SYMBOLS);
    let rows = options.rows.unwrap_or(ROWS);
    let fits = rows.checked_mul(length).is_some_and(|n| n <= 1 << 28);
    if length <= 2 * SPAN || symbols < 2 || !fits {
        let wrong = format!("{rows} rows of {length} steps with {symbols} symbols are asked for");
        let expected = format!("more than {} steps, two symbols or more, and at most 2^28 steps in all", 2 * SPAN);
        return Err(DataError::new(
            wrong,
            expected,
            "Change `length=`, `classes=` or `rows=`, or the model's vocabulary.",
        ));
    }
    let (blank, signal) = (symbols as i64, symbols as i64 + 1);
    let stream = Stream::new(options.seed, "data copy");
    let (mut x, mut y) = (vec![blank; rows * length], vec![blank; rows * length]);
    for (row, (x, y)) in x.chunks_mut(length).zip(y.chunks_mut(length)).enumerate() {
        for place in 0..SPAN {
            let symbol = below(stream, (row * SPAN + place) as u64, symbols) as i64;
            (x[place], y[length - SPAN + place]) = (symbol, symbol);
        }
        x[length - SPAN] = signal;
    }
    let task = Task::LanguageModel { vocabulary: symbols + 2 };
    let task = Some(Inferred { task, because: "there is an answer at every step".to_owned() });
    Ok(Raw { task, ..Raw::new(Array::i64(&[rows, length], x), Array::i64(&[rows, length], y)) })
}
