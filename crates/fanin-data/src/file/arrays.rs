//! Which of several arrays are the inputs and which the targets.

use super::element::Numbers;
use crate::dataset::Named;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;

/// Names that inputs and targets have in the wild, in the order in which they are tried.
const PAIRS: [(&str, &str); 10] = [
    ("x", "y"),
    ("inputs", "targets"),
    ("input", "target"),
    ("images", "labels"),
    ("data", "target"),
    ("data", "labels"),
    ("features", "labels"),
    ("image", "label"),
    ("tokens", "targets"),
    ("arr_0", "arr_1"),
];

/// Inputs and targets, by the names that were said or that are usual. Rows for training and for testing may stand apart
/// (`x_train`, `y_train`, `x_test`, `y_test`).
pub(super) fn choose(arrays: Vec<(String, Numbers)>, options: &Options) -> Result<Raw, DataError> {
    let names: Vec<String> = arrays.iter().map(|(name, _)| name.clone()).collect();
    let find = |name: &str| {
        names.iter().position(|own| own == name).or_else(|| names.iter().position(|own| own.eq_ignore_ascii_case(name)))
    };
    let mut left: Vec<Option<Numbers>> = arrays.into_iter().map(|(_, numbers)| Some(numbers)).collect();
    let mut take = |i: usize| left.get_mut(i).and_then(Option::take);
    let named = |name: &str| {
        find(name).ok_or_else(|| {
            let wrong = format!("there is no array `{name}`");
            DataError::new(wrong, format!("one of {}", names.join(", ")), "Change `x=` or `y=`.")
        })
    };
    if options.x.is_none() && options.y.is_none() {
        let parts = PAIRS.iter().find_map(|(x, y)| {
            let part =
                |name: &str, part: &str| find(&format!("{name}_{part}")).or_else(|| find(&format!("{part}_{name}")));
            Some([part(x, "train")?, part(y, "train")?, part(x, "test")?, part(y, "test")?])
        });
        if let Some([x, y, more_x, more_y]) = parts
            && let (Some(mut x), Some(mut y), Some(more_x), Some(more_y)) =
                (take(x), take(y), take(more_x), take(more_y))
        {
            let train = x.rows();
            x.append(&more_x)?;
            y.append(&more_y)?;
            return Ok(Raw { train: Some(train), ..Raw::new(x.into_inputs(), y.into_targets()) });
        }
    }
    let usual = PAIRS.iter().find_map(|(x, y)| Some((find(x)?, find(y)?)));
    let y = match (&options.y, usual) {
        (Some(name), _) => Some(named(name)?),
        (None, Some((_, y))) => Some(y),
        (None, None) => ["y", "targets", "target", "labels", "label"].iter().find_map(|name| find(name)),
    };
    let x = match (&options.x, usual) {
        (Some(name), _) => vec![named(name)?],
        (None, Some((x, _))) => vec![x],
        // A model with several inputs: all but the targets.
        (None, None) => (0..names.len()).filter(|i| Some(*i) != y).collect(),
    };
    let Some(targets) = y.and_then(&mut take) else {
        let wrong = format!("no array is named as targets are; there are {}", names.join(", "));
        let remedy = "Say which it is with `y=NAME`; if there are none, give the inputs as .npy.";
        return Err(DataError::new(wrong, "arrays `x` and `y`, or others of usual names", remedy));
    };
    let inputs: Vec<Named> = x
        .into_iter()
        .filter_map(|i| take(i).map(|numbers| Named { name: names[i].clone(), array: numbers.into_inputs() }))
        .collect();
    if inputs.is_empty() {
        return Err(DataError::new(
            "the inputs and the targets are one array",
            "an array for each",
            "Say `x=` and `y=`.",
        ));
    }
    let targets = targets.into_targets();
    Ok(Raw { inputs, ..Raw::new(targets.clone(), targets) })
}
