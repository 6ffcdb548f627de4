//! Recall: which symbol a sequence began with, after many steps that say nothing.

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
const LENGTH: usize = 50;

/// Symbols where neither the user nor the model says how many.
const SYMBOLS: usize = 8;

/// The first token is one of the symbols, the others are one of the tokens that are none. For a model that takes numbers each
/// token is a vector with a single 1.
pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let input = wanted.and_then(|wanted| wanted.inputs.first());
    let length = options.length.or(input.and_then(|input| input.shape.first().copied().flatten())).unwrap_or(LENGTH);
    let width = input.filter(|input| !input.whole).and_then(|input| input.shape.get(1).copied().flatten());
    let tokens = input.and_then(|input| input.choices).or(width);
    let outputs = wanted.and_then(Wanted::outputs).filter(|&n| n > 1);
    let symbols = options.classes.or(outputs).unwrap_or(tokens.map_or(SYMBOLS, |tokens| SYMBOLS.min(tokens - 1)));
    // One token more than there are symbols says nothing.
    let tokens = tokens.unwrap_or(symbols + 1);
    let rows = options.rows.unwrap_or(ROWS);
    let elements = rows.checked_mul(length).and_then(|n| n.checked_mul(width.unwrap_or(1)));
    if symbols < 2 || tokens <= symbols || elements.is_none_or(|n| n > 1 << 28) {
        let wrong = format!("{rows} rows of {length} steps with {symbols} symbols of {tokens} tokens are asked for");
        let expected = "two symbols or more, one token more than symbols, and at most 2^28 numbers";
        return Err(DataError::new(wrong, expected, "Change `classes=`, `length=` or `rows=`, or the model's widths."));
    }
    let (first, rest) = (Stream::new(options.seed, "data recall"), Stream::new(options.seed, "data recall rest"));
    let mut text = Vec::with_capacity(rows * length);
    let mut labels = Vec::with_capacity(rows);
    for row in 0..rows {
        let symbol = below(first, row as u64, symbols) as i64;
        labels.push(symbol);
        text.push(symbol);
        let index = |step: usize| (row * length + step) as u64;
        text.extend((1..length).map(|step| (symbols + below(rest, index(step), tokens - symbols)) as i64));
    }
    let inputs = if input.is_some_and(|input| !input.whole) {
        let mut x = vec![0.0; text.len() * tokens];
        for (i, &token) in text.iter().enumerate() {
            x[i * tokens + token as usize] = 1.0;
        }
        Array::f32(&[rows, length, tokens], x)
    } else {
        Array::i64(&[rows, length], text)
    };
    let task = Task::Classification { classes: symbols };
    let task = Some(Inferred { task, because: "the answer is one of the symbols".to_owned() });
    Ok(Raw { task, ..Raw::new(inputs, Array::i64(&[rows], labels)) })
}
