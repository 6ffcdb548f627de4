//! Text: a language model of its characters.

use crate::array::Array;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task};
use std::collections::BTreeSet;

/// Length where neither the user nor the model says one.
const LENGTH: usize = 64;

/// Cuts a text into rows of `length` characters, each with the text one character on as its targets. A character is the index
/// of its place among all that occur, sorted.
pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Raw, DataError> {
    let length = options.length.unwrap_or(LENGTH);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        let line = super::line_ends(before) + 1;
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        let wrong = format!("the byte {:#04x} is not part of UTF-8", bytes[e.valid_up_to()]);
        DataError::new(wrong, "text in UTF-8", "Convert the file.").at(format!("line {line}, column {column}"))
    })?;
    let letters: BTreeSet<char> = text.chars().collect();
    let letters: Vec<char> = letters.into_iter().collect();
    // Looked up in the sorted list; every character is in it.
    let tokens: Vec<i64> = text.chars().map(|c| letters.partition_point(|&own| own < c) as i64).collect();
    let rows = tokens.len().saturating_sub(1) / length;
    if rows < 2 {
        let wrong = format!("the text has {} characters", tokens.len());
        let expected = format!("{} or more, two rows of {length} and one that follows", 2 * length + 1);
        return Err(DataError::new(wrong, expected, "Give a longer text, or a smaller `length=`."));
    }
    let inputs = Array::i64(&[rows, length], tokens[..rows * length].to_vec());
    let targets = Array::i64(&[rows, length], tokens[1..=rows * length].to_vec());
    let task = Task::LanguageModel { vocabulary: letters.len() };
    let task = Some(Inferred { task, because: "each target is the character that comes next".to_owned() });
    Ok(Raw { task, labels: letters.into_iter().map(String::from).collect(), ..Raw::new(inputs, targets) })
}
