//! [`open`]: from what is wanted to a [`Dataset`].

use crate::array::{Array, Values};
use crate::dataset::{Dataset, Named};
use crate::error::DataError;
use crate::order::split;
use crate::spec::{DataSpec, Options, Origin};
use crate::standard::{Standard, Standardization};
use crate::task::{self, Inferred, Task};
use crate::wanted::Wanted;
use crate::{builtin, check, file, fit};

/// Share of the rows that are for testing, where nobody says otherwise.
const TEST: f64 = 0.2;

/// Data as a source gives them, before anything is checked or split.
#[derive(Debug)]
pub struct Raw {
    pub(crate) about: String,
    pub(crate) inputs: Vec<Named>,
    pub(crate) targets: Array,
    /// Names of the classes.
    pub(crate) labels: Vec<String>,
    /// Names of the columns of the first input.
    pub(crate) columns: Vec<String>,
    /// Name of the column of the targets.
    pub(crate) target_columns: Vec<String>,
    /// The first rows are for training, if the source says which.
    pub(crate) train: Option<usize>,
    /// The task, if the source knows it.
    pub(crate) task: Option<Inferred>,
}

impl Raw {
    pub(crate) fn new(inputs: Array, targets: Array) -> Raw {
        Raw {
            about: String::new(),
            inputs: vec![Named { name: "input".to_owned(), array: inputs }],
            targets,
            labels: Vec::new(),
            columns: Vec::new(),
            target_columns: Vec::new(),
            train: None,
            task: None,
        }
    }

    /// Where element `at` of row `row` stands, as people count.
    pub(crate) fn place(&self, row: usize, at: usize, array: &Array) -> String {
        let named = self.columns.get(at).filter(|_| array.shape.len() == 2).map(|name| format!(" (`{name}`)"));
        let mut index: Vec<usize> = Vec::new();
        let mut rest = at;
        for &size in array.shape.iter().skip(1).rev() {
            index.push(rest.checked_rem(size).unwrap_or(0) + 1);
            rest = rest.checked_div(size).unwrap_or(0);
        }
        index.reverse();
        match index.as_slice() {
            [] => format!("row {}", row + 1),
            [column] => format!("row {}, column {column}{}", row + 1, named.unwrap_or_default()),
            places => {
                let places: Vec<String> = places.iter().map(usize::to_string).collect();
                format!("row {}, place {}", row + 1, places.join(", "))
            }
        }
    }

    pub(crate) fn target_place(&self, row: usize, at: usize) -> String {
        let column = match (self.target_columns.get(at), self.targets.row_len()) {
            (Some(name), _) => format!(" (`{name}`)"),
            (None, 1) => String::new(),
            (None, _) => format!(" number {}", at + 1),
        };
        format!("row {}, target{column}", row + 1)
    }
}

/// Opens data: a built-in set, a synthetic one made for the model, or files.
///
/// With what a model wants, synthetic sets are made for it, rows get the shape of its input, and labels are held against its
/// outputs.
///
/// # Errors
/// If a file cannot be read or does not hold what it claims, or a value is none, or data and model do not fit: with the
/// source, row and column.
pub fn open(spec: &DataSpec, wanted: Option<&Wanted>) -> Result<Dataset, DataError> {
    let raw = match &spec.origin {
        Origin::Builtin(builtin) => builtin::make(builtin, &spec.options, wanted),
        Origin::Path(path) => file::open(path, &spec.options, wanted),
    };
    let name = spec.origin.to_string();
    raw.and_then(|raw| prepare(&name, raw, &spec.options, wanted)).map_err(|e| e.of(&name))
}

/// Makes a [`Dataset`] of what [`read`](crate::read) gives.
///
/// # Errors
/// As [`open`].
pub fn prepare(name: &str, mut raw: Raw, options: &Options, wanted: Option<&Wanted>) -> Result<Dataset, DataError> {
    if let Some(rows) = options.rows {
        shorten(&mut raw, rows);
    }
    if options.target_is_input && raw.inputs.len() == 1 {
        raw.targets = raw.inputs[0].array.clone();
        raw.target_columns.clone_from(&raw.columns);
        (raw.task, raw.labels) = (None, Vec::new());
    }
    check::values(&raw)?;
    let inferred = match (options.task, raw.task.take()) {
        (Some(kind), _) => task::said(kind, &raw.targets),
        (None, Some(known)) if !options.target_is_input => known,
        _ if options.target_is_input => Inferred {
            task: Task::Regression { outputs: raw.targets.row_len() },
            because: "the targets are the inputs".to_owned(),
        },
        _ => {
            let shown = task::infer(&raw.inputs[0].array, &raw.targets);
            // Where the answer has further dimensions, the second is not known to count classes.
            let answers = wanted.filter(|wanted| wanted.output.len() == 1).and_then(Wanted::outputs);
            task::answered(shown, &raw.targets, answers.unwrap_or(1))
        }
    };
    settle(&mut raw, inferred.task);
    check::targets(&raw, inferred.task)?;
    let mut inferred = inferred;
    if let Some(wanted) = wanted.filter(|wanted| !wanted.inputs.is_empty()) {
        fit::inputs(&mut raw, wanted)?;
        inferred = fit::task(&mut raw, inferred, wanted)?;
    }
    let rows = raw.targets.rows();
    let (train, test) = match (raw.train.filter(|&n| n > 0 && n < rows), options.test) {
        (Some(train), None) => ((0..train).collect(), (train..rows).collect()),
        (_, share) => split(options.seed, rows, share.unwrap_or(TEST)),
    };
    if options.standardize != Standardization::None {
        for input in &mut raw.inputs {
            if let Some(standard) = Standard::of(&input.array, &train, options.standardize) {
                standard.apply(&mut input.array);
            }
        }
    }
    Ok(Dataset {
        name: name.to_owned(),
        about: raw.about,
        inputs: raw.inputs,
        targets: raw.targets,
        task: inferred,
        labels: raw.labels,
        train,
        test,
    })
}

/// Keeps the first `rows` rows; of a source with rows for testing, as many of these in proportion.
fn shorten(raw: &mut Raw, rows: usize) {
    let all = raw.targets.rows();
    if rows >= all {
        return;
    }
    let kept: Vec<usize> = match raw.train.filter(|&train| train > 0 && train < all) {
        Some(train) => {
            let first = ((rows as f64 * train as f64 / all as f64).round() as usize).clamp(1, rows.max(2) - 1);
            raw.train = Some(first);
            (0..first).chain(train..train + (rows.saturating_sub(first)).min(all - train)).collect()
        }
        None => (0..rows).collect(),
    };
    for input in &mut raw.inputs {
        if input.array.rows() == all {
            input.array = input.array.take(&kept);
        }
    }
    raw.targets = raw.targets.take(&kept);
}

/// Brings targets into the form that the task has: class indices for rows with a single 1, whole numbers for labels, numbers
/// for regression.
fn settle(raw: &mut Raw, task: Task) {
    let (rows, width) = (raw.targets.rows(), raw.targets.row_len());
    let truths =
        |whole: &[i64]| whole.chunks(width).all(|row| row.iter().sum::<i64>() == 1 && row.iter().all(|&v| v >= 0));
    match task {
        Task::Classification { .. } if width > 1 => {
            if let Some(whole) = raw.targets.to_i64().filter(|whole| truths(whole)) {
                let index = |row: &[i64]| row.iter().position(|&v| v == 1).unwrap_or(0) as i64;
                raw.targets = Array::i64(&[rows], whole.chunks(width).map(index).collect());
                raw.target_columns.clear();
            }
        }
        Task::Regression { .. } => raw.targets.values = Values::F32(raw.targets.to_f32()),
        _ => {
            if let Some(whole) = raw.targets.to_i64() {
                raw.targets.values = Values::I64(whole);
            }
            if width == 1 && !matches!(task, Task::LanguageModel { .. }) {
                raw.targets.shape = vec![rows];
            }
        }
    }
}
