//! Standard normal inputs in any shape, with answers that a few of them decide.

use super::{below, tokens, unit};
use crate::array::Array;
use crate::dataset::Named;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task, TaskKind};
use crate::wanted::{Input, Wanted};
use fanin::Stream;
use fanin::numerics::normal_quantile;

/// Rows where nobody says how many.
const ROWS: usize = 1024;

/// Elements in all where nobody says how many rows: a quarter of a gibibyte.
const ELEMENTS: usize = 1 << 26;

/// Elements of a row that decide one answer.
const WITNESSES: u64 = 32;

/// Shape of an input without a model.
const PLAIN: usize = 64;

pub(super) fn make(options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    let plain = Wanted {
        inputs: vec![Input { name: "input".to_owned(), shape: vec![Some(PLAIN)], whole: false, choices: None }],
        ..Wanted::default()
    };
    let wanted = wanted.filter(|wanted| !wanted.inputs.is_empty()).unwrap_or(&plain);
    if wanted.models_language() {
        return tokens::make(options, Some(wanted));
    }
    let shapes: Vec<Vec<usize>> = wanted.inputs.iter().map(|input| sized(input, options)).collect();
    let elements = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum::<usize>().max(1);
    let rows = options.rows.unwrap_or(ROWS.min((ELEMENTS / elements).max(8)));
    if rows.checked_mul(elements).is_none_or(|n| n > 1 << 30) {
        let wrong = format!("{rows} rows of {elements} numbers are asked for");
        return Err(DataError::new(wrong, "at most 2^30 numbers", "Ask for fewer with `rows=`."));
    }
    let inputs: Vec<Named> =
        wanted.inputs.iter().zip(&shapes).map(|(input, shape)| drawn(input, shape, rows, options.seed)).collect();
    let (targets, task) = targets(&inputs[0].array, wanted, options)?;
    let task = Some(Inferred { task, because: "it is what such an output is for".to_owned() });
    Ok(Raw { inputs, task, ..Raw::new(Array::f32(&[0], Vec::new()), targets) })
}

/// The shape of a sample; free dimensions get the length that was asked for.
fn sized(input: &Input, options: &Options) -> Vec<usize> {
    let free = options.length.unwrap_or(16);
    input.shape.iter().map(|dim| dim.unwrap_or(free)).collect()
}

fn drawn(input: &Input, shape: &[usize], rows: usize, seed: u64) -> Named {
    let stream = Stream::new(seed, &format!("data gaussian {}", input.name));
    let count = rows * shape.iter().product::<usize>();
    let shape: Vec<usize> = std::iter::once(rows).chain(shape.iter().copied()).collect();
    let array = if input.whole {
        let choices = input.choices.unwrap_or(2);
        Array::i64(&shape, (0..count as u64).map(|i| below(stream, i, choices) as i64).collect())
    } else {
        Array::f32(&shape, (0..count as u64).map(|i| normal_quantile(unit(stream, i)) as f32).collect())
    };
    Named { name: input.name.clone(), array }
}

/// Each answer is a sum, with random signs, of a few elements of the row, of variance 1; a class is the largest of several.
fn targets(inputs: &Array, wanted: &Wanted, options: &Options) -> Result<(Array, Task), DataError> {
    let known: Option<Vec<usize>> = wanted.output.iter().copied().collect();
    let shape = known.filter(|shape| !shape.is_empty()).unwrap_or_else(|| vec![options.classes.unwrap_or(10)]);
    let outputs = shape.iter().product::<usize>();
    let rows = inputs.rows();
    if rows.checked_mul(outputs).is_none_or(|n| n > 1 << 30) {
        let wrong = format!("{rows} rows of {outputs} answers are asked for");
        return Err(DataError::new(wrong, "at most 2^30 numbers", "Ask for fewer rows with `rows=`."));
    }
    let sums = sums(inputs, outputs, options.seed);
    let one = shape.len() == 1;
    let kind = options.task.unwrap_or(match outputs {
        _ if !one => TaskKind::Regression,
        1 if wanted.is_probability => TaskKind::Binary,
        1 => TaskKind::Regression,
        _ if wanted.is_probability => TaskKind::MultiLabel,
        _ => TaskKind::Classification,
    });
    Ok(match kind {
        TaskKind::Classification if outputs > 1 => {
            let largest =
                |row: &[f32]| (0..outputs).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as i64;
            let classes = sums.chunks(outputs).map(largest).collect();
            (Array::i64(&[rows], classes), Task::Classification { classes: outputs })
        }
        TaskKind::Binary if outputs <= 2 => {
            let truths = sums.chunks(outputs).map(|row| i64::from(row[0] > 0.0)).collect();
            (Array::i64(&[rows], truths), Task::Binary)
        }
        TaskKind::MultiLabel => {
            let truths = sums.iter().map(|&sum| i64::from(sum > 0.0)).collect();
            (Array::i64(&[rows, outputs], truths), Task::MultiLabel { labels: outputs })
        }
        _ => {
            let shape: Vec<usize> = std::iter::once(rows).chain(shape).collect();
            (Array::f32(&shape, sums), Task::Regression { outputs })
        }
    })
}

fn sums(inputs: &Array, outputs: usize, seed: u64) -> Vec<f32> {
    let (rows, len) = (inputs.rows(), inputs.row_len());
    let numbers = inputs.to_f32();
    let stream = Stream::new(seed, "data gaussian answers");
    let signs = stream.lane(2);
    let scale = 1.0 / (WITNESSES as f64).sqrt();
    let mut sums = Vec::with_capacity(rows * outputs);
    for row in 0..rows {
        for output in 0..outputs as u64 {
            let mut sum = 0.0;
            for witness in output * WITNESSES..(output + 1) * WITNESSES {
                let value = f64::from(numbers[row * len + below(stream, witness, len)]);
                sum += if signs.word(witness) & 1 == 0 { value } else { -value };
            }
            sums.push((sum * scale) as f32);
        }
    }
    sums
}
