//! A synthetic language: text in which each token depends on the few before it.

use super::{below, wide};
use crate::array::Array;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task};
use crate::wanted::Wanted;
use fanin::Stream;

/// Rows where nobody says how many.
const ROWS: usize = 1000;

/// Length where neither the user nor the model says one.
const LENGTH: usize = 64;

/// Tokens where neither the user nor the model says how many: as many as tiny Shakespeare has.
const VOCABULARY: usize = 65;

/// Each context has four successors, drawn once for all, which follow with the chances ½, ¼, ⅛ and ⅛: 1.213 nats a token at
/// most, against ln V for a network that knows nothing. The first tokens of a row are drawn evenly.
pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let input = wanted.and_then(|wanted| wanted.inputs.first());
    let vocabulary = options.classes.or(input.and_then(|input| input.choices)).unwrap_or(VOCABULARY);
    let length = options.length.or(input.and_then(|input| input.shape.first().copied().flatten())).unwrap_or(LENGTH);
    let (rows, order) = (options.rows.unwrap_or(ROWS), options.order.unwrap_or(1));
    if rows.checked_mul(length + 1).is_none_or(|n| n > 1 << 28) {
        let wrong = format!("{rows} rows of {length} tokens are asked for");
        return Err(DataError::new(wrong, "at most 2^28 tokens", "Ask for fewer with `rows=`."));
    }
    let (mut x, mut y) = (Vec::with_capacity(rows * length), Vec::with_capacity(rows * length));
    for row in 0..rows {
        let text = text(options.seed, row, length + 1, vocabulary, order);
        x.extend(&text[..length]);
        y.extend(&text[1..]);
    }
    let inputs = Array::i64(&[rows, length], x);
    let classes = wanted.filter(|wanted| wanted.output.len() == 1).and_then(Wanted::outputs);
    if let Some(classes) = classes.filter(|&classes| classes > 1) {
        // A model that gives one answer to a text is asked for its first token, or what of it the answer can tell.
        let first = (0..rows).map(|row| inputs.take(&[row])).map(|row| row.to_i64().unwrap_or_default()[0]);
        let labels = first.map(|token| token % classes as i64).collect();
        return Ok(Raw::new(inputs, Array::i64(&[rows], labels)));
    }
    let task = Task::LanguageModel { vocabulary };
    let task = Some(Inferred { task, because: "each target is the token that comes next".to_owned() });
    Ok(Raw { task, ..Raw::new(inputs, Array::i64(&[rows, length], y)) })
}

/// One row of text.
fn text(seed: u64, row: usize, length: usize, vocabulary: usize, order: usize) -> Vec<i64> {
    let stream = Stream::new(seed, "data tokens");
    let successors = Stream::new(seed, "data tokens successors");
    let mut text = Vec::with_capacity(length);
    for place in 0..length {
        let index = (row * length + place) as u64;
        if place < order {
            text.push(below(stream, index, vocabulary) as i64);
            continue;
        }
        // A number for each context; below 2^50, which the four successors of each leave room for.
        let context = text[place - order..].iter().fold(0u64, |context, &token| {
            (context.wrapping_mul(vocabulary as u64).wrapping_add(token as u64)) & ((1 << 50) - 1)
        });
        // Leading zeros of random bits: none in half of all cases, one in a quarter, and so on.
        let rank = u64::from(wide(stream, index).leading_zeros().min(3));
        text.push(below(successors, 4 * context + rank, vocabulary) as i64);
    }
    text
}
