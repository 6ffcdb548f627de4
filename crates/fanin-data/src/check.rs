//! Every value of a set is looked at before anything is made of it.

use crate::array::{Array, Values};
use crate::error::DataError;
use crate::open::Raw;
use crate::task::Task;

/// Refuses what no network can learn from: no rows, rows that do not match, numbers that are none.
pub(crate) fn values(raw: &Raw) -> Result<(), DataError> {
    let rows = raw.targets.rows();
    if raw.inputs.is_empty() || rows == 0 || raw.inputs.iter().any(|input| input.array.values.is_empty()) {
        return Err(DataError::new("there are no rows", "one or more", "Give a file with data in it."));
    }
    for input in &raw.inputs {
        let own = input.array.rows();
        if own != rows {
            let wrong = format!("`{}` has {own} rows and the targets have {rows}", input.name);
            return Err(DataError::new(wrong, "as many of each", "Give inputs and targets of the same samples."));
        }
        finite(&input.array, &|row, at| raw.place(row, at, &input.array))?;
    }
    finite(&raw.targets, &|row, at| raw.target_place(row, at))
}

fn finite(array: &Array, place: &dyn Fn(usize, usize) -> String) -> Result<(), DataError> {
    let Values::F32(values) = &array.values else { return Ok(()) };
    let Some(first) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let bad = values.iter().filter(|v| !v.is_finite()).count();
    let more = if bad > 1 { format!(", and {} more values are not finite", bad - 1) } else { String::new() };
    let len = array.row_len().max(1);
    let wrong = format!("the value is {}{more}", values[first]);
    let error = DataError::new(wrong, "finite numbers", "Remove or fill in these values.");
    Err(error.at(place(first / len, first % len)))
}

/// Refuses targets that are not what the task asks for.
pub(crate) fn targets(raw: &Raw, task: Task) -> Result<(), DataError> {
    let Some((most, what)) = range(task) else { return Ok(()) };
    let width = raw.targets.row_len().max(1);
    let whole = |i: usize| match &raw.targets.values {
        Values::I64(values) => Some(values[i]),
        Values::F32(values) => (values[i].fract() == 0.0).then_some(values[i] as i64),
    };
    let bad = |i: &usize| !whole(*i).is_some_and(|v| (0..=most).contains(&v));
    let count = raw.targets.values.len();
    if let Some(first) = (0..count).find(bad) {
        let value = match &raw.targets.values {
            Values::I64(values) => values[first].to_string(),
            Values::F32(values) => values[first].to_string(),
        };
        let others = (0..count).filter(bad).count() - 1;
        let more = if others > 0 { format!(", and {others} more are out of range") } else { String::new() };
        let remedy = "Correct the labels, or say `task=` if the targets are something else.";
        let wrong = format!("the {what} is {value}{more}");
        return Err(DataError::new(wrong, format!("whole numbers from 0 to {most}"), remedy)
            .at(raw.target_place(first / width, first % width)));
    }
    let one = (1..count).all(|i| whole(i) == whole(0));
    if one && !matches!(task, Task::LanguageModel { .. }) {
        let wrong = format!("all {count} labels are {}", whole(0).unwrap_or(0));
        return Err(DataError::new(wrong, "two classes or more", "Give rows of every class."));
    }
    Ok(())
}

/// The largest label that a task has, and what it is called.
fn range(task: Task) -> Option<(i64, &'static str)> {
    match task {
        Task::Classification { classes } => Some((classes as i64 - 1, "label")),
        Task::Binary | Task::MultiLabel { .. } => Some((1, "label")),
        Task::LanguageModel { vocabulary } => Some((vocabulary as i64 - 1, "token")),
        Task::Regression { .. } => None,
    }
}
