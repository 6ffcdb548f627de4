//! Data held against a model: shapes, types, and how many answers it gives.

use crate::array::{Array, Values};
use crate::check;
use crate::error::DataError;
use crate::open::Raw;
use crate::task::{Inferred, Task};
use crate::wanted::{Input, Wanted};

/// Brings the inputs into the shapes and types that the model takes.
pub(crate) fn inputs(raw: &mut Raw, wanted: &Wanted) -> Result<(), DataError> {
    if raw.inputs.len() != wanted.inputs.len() {
        let names: Vec<&str> = wanted.inputs.iter().map(|input| input.name.as_str()).collect();
        let wrong = format!("there are {} inputs, and the model takes {}", raw.inputs.len(), wanted.inputs.len());
        let expected = format!("one array for each of {}", names.join(", "));
        return Err(DataError::new(wrong, expected, "Give them in one .npz or .safetensors file, under these names."));
    }
    // By name where the names are the model's, else in order.
    let named = wanted.inputs.iter().all(|input| raw.inputs.iter().any(|own| own.name == input.name));
    if named {
        raw.inputs.sort_by_key(|own| wanted.inputs.iter().position(|input| input.name == own.name));
    }
    for i in 0..raw.inputs.len() {
        let own = &raw.inputs[i];
        let array = shaped(&own.array, &wanted.inputs[i]).map_err(|e| e.at(format!("input `{}`", own.name)))?;
        let array = typed(raw, array, &wanted.inputs[i])?;
        raw.inputs[i].array = array;
        raw.inputs[i].name.clone_from(&wanted.inputs[i].name);
    }
    Ok(())
}

/// The array with rows of the shape that the model takes: the same elements, with dimensions put together or apart.
fn shaped(array: &Array, input: &Input) -> Result<Array, DataError> {
    let own = &array.shape[1..];
    if input.shape.is_empty() {
        return Ok(array.clone());
    }
    let matches =
        own.len() == input.shape.len() && own.iter().zip(&input.shape).all(|(n, w)| w.is_none_or(|w| w == *n));
    if matches {
        return Ok(array.clone());
    }
    let known: usize = input.shape.iter().flatten().product();
    let free = input.shape.iter().filter(|dim| dim.is_none()).count();
    let rest = array.row_len().checked_div(known).filter(|rest| rest * known == array.row_len());
    let rest = rest.filter(|&rest| free == 1 || free == 0 && rest == 1);
    let Some(rest) = rest else {
        let shown: Vec<String> =
            input.shape.iter().map(|dim| dim.map_or("any".to_owned(), |n| n.to_string())).collect();
        let wrong = format!("rows have the shape {} ({} elements)", joined(own), array.row_len());
        let expected = format!("rows of {}, as the model's input `{}`", shown.join("x"), input.name);
        return Err(DataError::new(wrong, expected, "Give a model for these rows, or rows for this model."));
    };
    let shape = std::iter::once(array.rows()).chain(input.shape.iter().map(|dim| dim.unwrap_or(rest)));
    Ok(Array { shape: shape.collect(), values: array.values.clone() })
}

fn joined(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

fn typed(raw: &Raw, array: Array, input: &Input) -> Result<Array, DataError> {
    if !input.whole {
        let values = Values::F32(array.to_f32());
        return Ok(Array { values, ..array });
    }
    let Some(whole) = array.to_i64() else {
        let wrong = "the values are not whole numbers";
        let expected = format!("whole numbers for the model's input `{}`, such as tokens", input.name);
        return Err(DataError::new(wrong, expected, "Give tokens, or a model that takes numbers."));
    };
    let most = input.choices.map_or(i64::MAX, |n| n as i64 - 1);
    if let Some(at) = whole.iter().position(|v| !(0..=most).contains(v)) {
        let len = array.row_len().max(1);
        let expected = format!("0 to {most}, the rows of the model's table");
        let error =
            DataError::new(format!("the token is {}", whole[at]), expected, "Give a model with a larger table.");
        return Err(error.at(raw.place(at / len, at % len, &array)));
    }
    Ok(Array { shape: array.shape, values: Values::I64(whole) })
}

/// The task as the model answers it: as many classes as it has outputs, two outputs for a yes or no.
pub(crate) fn task(raw: &mut Raw, inferred: Inferred, wanted: &Wanted) -> Result<Inferred, DataError> {
    let Some(outputs) = wanted.outputs() else { return Ok(inferred) };
    let Inferred { task, because } = inferred;
    let fitted = match task {
        Task::Binary if outputs == 2 => Task::Classification { classes: 2 },
        Task::Classification { classes } if outputs > classes || outputs > 1 => {
            Task::Classification { classes: outputs }
        }
        Task::LanguageModel { vocabulary } if wanted.models_language() && outputs >= vocabulary => {
            Task::LanguageModel { vocabulary: outputs }
        }
        Task::Regression { .. } => {
            regression(raw, wanted)?;
            Task::Regression { outputs: raw.targets.row_len() }
        }
        other if other.outputs() == outputs => other,
        other => {
            let wrong =
                format!("the task is {} with {} outputs, and the model gives {outputs}", other.kind(), other.outputs());
            let remedy = "Change the model's last layer, or say the task with `task=`.";
            return Err(DataError::new(wrong, format!("a model with {} outputs", other.outputs()), remedy));
        }
    };
    // Labels beyond the outputs are shown where they stand.
    check::targets(raw, fitted)?;
    Ok(Inferred { task: fitted, because })
}

/// Targets of regression get the shape of the model's output.
fn regression(raw: &mut Raw, wanted: &Wanted) -> Result<(), DataError> {
    let known: Option<Vec<usize>> = wanted.output.iter().copied().collect();
    let width = raw.targets.row_len();
    let Some(shape) = known else { return Ok(()) };
    if shape.iter().product::<usize>() != width {
        let wrong = format!("a row has {width} targets, and the model gives {}", joined(&shape));
        let remedy = "Change the model's last layer, or say with `label=` which columns are targets.";
        return Err(DataError::new(wrong, "as many targets as outputs", remedy));
    }
    raw.targets.shape = std::iter::once(raw.targets.rows()).chain(shape).collect();
    Ok(())
}
