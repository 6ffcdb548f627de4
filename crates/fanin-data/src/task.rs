//! [`Task`]: what the targets ask of a network, inferred from them or said by the user.

use crate::array::{Array, Values};
use crate::error::DataError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What kind of answer is asked for, without its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One class of several.
    Classification,
    /// Yes or no.
    Binary,
    /// Each of several labels, yes or no.
    MultiLabel,
    /// Numbers.
    Regression,
    /// The next token at every place.
    LanguageModel,
}

/// What the targets ask of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "task")]
pub enum Task {
    /// One class of `classes`; targets are class indices `[rows]`.
    Classification {
        /// Number of classes.
        classes: usize,
    },
    /// Yes or no; targets are 0 or 1, `[rows]`.
    Binary,
    /// Each of `labels`, yes or no; targets are 0 or 1, `[rows, labels]`.
    MultiLabel {
        /// Number of labels.
        labels: usize,
    },
    /// Numbers; targets are `[rows, outputs…]`.
    Regression {
        /// Numbers in one answer.
        outputs: usize,
    },
    /// The next of `vocabulary` tokens at every place; targets are tokens `[rows, length]`.
    LanguageModel {
        /// Number of tokens.
        vocabulary: usize,
    },
}

/// A task and why it was taken for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inferred {
    /// The task.
    pub task: Task,
    /// What in the targets shows it, or who said so.
    pub because: String,
}

const NAMES: [(&str, TaskKind); 5] = [
    ("classification", TaskKind::Classification),
    ("binary", TaskKind::Binary),
    ("multi_label", TaskKind::MultiLabel),
    ("regression", TaskKind::Regression),
    ("language_model", TaskKind::LanguageModel),
];

impl TaskKind {
    /// Its name: `multi_label`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TaskKind {
    type Err = DataError;

    fn from_str(text: &str) -> Result<TaskKind, DataError> {
        let known = NAMES.iter().find(|(name, _)| *name == text || name.replace('_', "-") == text);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            DataError::new(format!("the task `{text}` is not known"), names.join(", "), "Change that word.")
        })
    }
}

impl Task {
    /// The kind of task.
    pub fn kind(self) -> TaskKind {
        match self {
            Task::Classification { .. } => TaskKind::Classification,
            Task::Binary => TaskKind::Binary,
            Task::MultiLabel { .. } => TaskKind::MultiLabel,
            Task::Regression { .. } => TaskKind::Regression,
            Task::LanguageModel { .. } => TaskKind::LanguageModel,
        }
    }

    /// Numbers that a network has to give for one answer (for one place, if it models language).
    pub fn outputs(self) -> usize {
        match self {
            Task::Classification { classes: n }
            | Task::MultiLabel { labels: n }
            | Task::Regression { outputs: n }
            | Task::LanguageModel { vocabulary: n } => n,
            Task::Binary => 1,
        }
    }
}

/// The most classes that whole numbers are taken for; with more they are numbers.
const MOST_CLASSES: usize = 1000;

/// What the targets show.
///
/// Tokens beside tokens of the same shape are a language model. Zeros and ones are a binary answer, or several, or if each
/// row has exactly one 1, a class. Whole numbers from 0 on without a gap, each of them at least twice on average, are
/// classes. All else is regression.
pub(crate) fn infer(inputs: &Array, targets: &Array) -> Inferred {
    let said = |task, because: String| Inferred { task, because };
    let width = targets.row_len();
    let whole = targets.to_i64();
    let Some(whole) = whole.filter(|_| !targets.values.is_empty()) else {
        return said(Task::Regression { outputs: width }, "the targets are not whole numbers".to_owned());
    };
    let is_tokens = |array: &Array| matches!(array.values, Values::I64(_)) && array.shape.len() == 2;
    if is_tokens(inputs) && is_tokens(targets) && inputs.shape == targets.shape {
        let vocabulary = largest(inputs).max(largest(targets)) + 1;
        return said(Task::LanguageModel { vocabulary }, "tokens stand beside tokens of the same shape".to_owned());
    }
    let truths = whole.iter().all(|v| matches!(v, 0 | 1));
    if width > 1 && truths && targets.shape.len() == 2 {
        if whole.chunks(width).all(|row| row.iter().sum::<i64>() == 1) {
            let because = "each row of the targets has exactly one 1".to_owned();
            return said(Task::Classification { classes: width }, because);
        }
        return said(Task::MultiLabel { labels: width }, "the targets are rows of zeros and ones".to_owned());
    }
    if width > 1 {
        return said(Task::Regression { outputs: width }, "each row of the targets has several numbers".to_owned());
    }
    let mut distinct = whole.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let dense = distinct.first() == Some(&0) && distinct.last() == Some(&(distinct.len() as i64 - 1));
    match distinct.len() {
        _ if distinct == [0, 1] => said(Task::Binary, "the targets are zeros and ones".to_owned()),
        classes if dense && classes <= MOST_CLASSES && 2 * classes <= whole.len() => {
            said(Task::Classification { classes }, format!("the targets are whole numbers from 0 to {}", classes - 1))
        }
        _ => said(Task::Regression { outputs: 1 }, "the targets are numbers that do not count classes".to_owned()),
    }
}

/// What the targets show beside a model that gives so many answers: where these are several and a row has one whole number,
/// that number can only be a class, even if it is one that is not there, or others are missing.
pub(crate) fn answered(shown: Inferred, targets: &Array, answers: usize) -> Inferred {
    let counts = shown.task == Task::Regression { outputs: 1 } && answers > 1 && targets.to_i64().is_some();
    if !counts {
        return shown;
    }
    let because = format!("the targets are whole numbers, and the model gives {answers} answers");
    Inferred { task: Task::Classification { classes: answers }, because }
}

fn largest(array: &Array) -> usize {
    match &array.values {
        Values::I64(values) => values.iter().copied().max().unwrap_or(0).max(0) as usize,
        Values::F32(_) => 0,
    }
}

/// The task that a user says, with its size taken from the targets; whether the targets fit is checked later.
pub(crate) fn said(kind: TaskKind, targets: &Array) -> Inferred {
    let width = targets.row_len();
    // Values that are no labels are refused later; they do not count here.
    let most = targets.to_f32().into_iter().filter(|v| v.fract() == 0.0).fold(0.0, f32::max);
    let most = largest(targets).max(most.min(16_777_216.0) as usize).min(1 << 32);
    let task = match kind {
        TaskKind::Classification if width > 1 => Task::Classification { classes: width },
        TaskKind::Classification => Task::Classification { classes: most + 1 },
        TaskKind::Binary => Task::Binary,
        TaskKind::MultiLabel => Task::MultiLabel { labels: width },
        TaskKind::Regression => Task::Regression { outputs: width },
        TaskKind::LanguageModel => Task::LanguageModel { vocabulary: most + 1 },
    };
    Inferred { task, because: "it was said".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(targets: impl AsRef<[f32]>, shape: &[usize]) -> Task {
        let targets = Array::f32(shape, targets.as_ref().to_vec());
        let rows = targets.rows();
        infer(&Array::f32(&[rows, 1], vec![0.5; rows]), &targets).task
    }

    #[test]
    fn targets_show_their_task() {
        assert_eq!(task([0.0, 1.0, 2.0, 2.0, 1.0, 0.0], &[6]), Task::Classification { classes: 3 });
        assert_eq!(task([0.0, 1.0, 1.0, 0.0], &[4]), Task::Binary);
        assert_eq!(task([0.5, 1.0, 1.0, 0.0], &[4]), Task::Regression { outputs: 1 });
        // Ages have gaps, and numbers that hardly repeat count nothing.
        assert_eq!(task([20.0, 31.0, 20.0, 31.0, 55.0, 20.0], &[6]), Task::Regression { outputs: 1 });
        assert_eq!(task([0.0, 1.0, 2.0, 3.0], &[4]), Task::Regression { outputs: 1 });
        assert_eq!(task([0.0, 1.0, 1.0, 0.0], &[2, 2]), Task::Classification { classes: 2 });
        assert_eq!(task([1.0, 1.0, 1.0, 0.0], &[2, 2]), Task::MultiLabel { labels: 2 });
        assert_eq!(task([1.0, 2.0, 1.0, 0.0], &[2, 2]), Task::Regression { outputs: 2 });
        let tokens = Array::i64(&[2, 3], vec![0, 1, 2, 3, 4, 5]);
        assert_eq!(infer(&tokens, &tokens).task, Task::LanguageModel { vocabulary: 6 });
    }

    #[test]
    fn names_go_both_ways() {
        for (name, kind) in NAMES {
            assert_eq!(name.parse::<TaskKind>(), Ok(kind));
            assert_eq!(kind.to_string(), name);
        }
        assert_eq!("multi-label".parse(), Ok(TaskKind::MultiLabel));
        assert!("cluster".parse::<TaskKind>().unwrap_err().to_string().contains("classification, binary"));
    }
}
