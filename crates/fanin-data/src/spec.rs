//! [`DataSpec`]: what data are wanted, as a user writes it: `digits`, `houses.csv#label=price,standardize`.

use crate::builtin::{BUILTIN, Builtin};
use crate::error::DataError;
use crate::standard::Standardization;
use crate::task::TaskKind;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where data come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A set of fanin's own.
    Builtin(&'static Builtin),
    /// A file or a folder.
    Path(PathBuf),
}

/// What data are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpec {
    /// Where they come from.
    pub origin: Origin,
    /// What is to be done with them.
    pub options: Options,
}

/// What is to be done with data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What of the inputs is standardized together, with the figures of the training rows.
    pub standardize: Standardization,
    /// Share of the rows for testing, chosen by the seed; what the source says, or a fifth, for `None`.
    pub test: Option<f64>,
    /// Seed of the split, and of synthetic data.
    pub seed: u64,
    /// The task, if it is not to be inferred.
    pub task: Option<TaskKind>,
    /// How many rows: the first of a file, all that are made of a synthetic set.
    pub rows: Option<usize>,
    /// Whether the targets are the inputs themselves.
    pub target_is_input: bool,
    /// Columns with the targets, by name or number; `none` for no targets.
    pub label: Option<String>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Name of the array with the inputs.
    pub x: Option<String>,
    /// Name of the array (or of the file) with the targets.
    pub y: Option<String>,
    /// Length of sequences.
    pub length: Option<usize>,
    /// How many tokens or classes a synthetic set has.
    pub classes: Option<usize>,
    /// How many tokens back a synthetic text looks.
    pub order: Option<usize>,
}

/// Every option: how it is written, and what it does.
pub const OPTIONS: &[(&str, &str)] = &[
    (
        "standardize",
        "inputs to mean 0 and standard deviation 1 by the training rows: by column or channel, or `standardize=all` together",
    ),
    ("test=0.2", "share of the rows for testing"),
    ("seed=0", "seed of the split, and of synthetic data"),
    ("task=KIND", "classification, binary, multi_label, regression or language_model"),
    ("rows=1000", "how many rows"),
    ("target=input", "the targets are the inputs, for an autoencoder"),
    (
        "label=NAME",
        "CSV: the column with the targets, by name or number (`a+b` for two; `none` for none); else the last",
    ),
    ("header=yes", "CSV: whether the first line names the columns; else the file shows it"),
    ("x=NAME", "npz, safetensors: the array with the inputs"),
    ("y=NAME", "npz, safetensors: the array with the targets; npy: the file with them, beside the first"),
    ("length=64", "text and synthetic sequences: how long"),
    ("classes=10", "synthetic sets: how many classes or tokens"),
    ("order=1", "tokens: how many tokens the next one depends on"),
];

impl FromStr for DataSpec {
    type Err = DataError;

    /// Reads `ORIGIN`, or `ORIGIN#OPTION,OPTION`. The origin is a built-in name or a path; `./digits` is a path.
    fn from_str(text: &str) -> Result<DataSpec, DataError> {
        let (origin, options) = text.rsplit_once('#').unwrap_or((text, ""));
        let mut spec = DataSpec { origin: origin.parse()?, options: Options::default() };
        for option in options.split(',').filter(|_| !options.is_empty()) {
            spec.options.set(option).map_err(|e| e.of(text))?;
        }
        Ok(spec)
    }
}

impl FromStr for Origin {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Origin, DataError> {
        if let Some(builtin) = BUILTIN.iter().find(|builtin| builtin.name == text) {
            return Ok(Origin::Builtin(builtin));
        }
        let path = PathBuf::from(text);
        // A name alone, without a dot, that is no file: most likely a slip.
        let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if text.is_empty() || is_name && !path.exists() {
            let names: Vec<&str> = BUILTIN.iter().map(|builtin| builtin.name).collect();
            let near = fanin::recipe::nearest(text, names.iter().copied());
            let near = near.map_or(String::new(), |near| format!(" (perhaps {near})"));
            let wrong =
                if text.is_empty() { "no data are named".to_owned() } else { format!("there is no set `{text}`") };
            let expected = format!("a file, a folder, or one of {}{near}", names.join(", "));
            return Err(DataError::new(wrong, expected, "Change the name, or check the path.").of("--data"));
        }
        Ok(Origin::Path(path))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Builtin(builtin) => f.write_str(builtin.name),
            Origin::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Options {
    /// Takes `name=value`, or `standardize`.
    fn set(&mut self, option: &str) -> Result<(), DataError> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let wrong = |expected: &str| {
            let wrong =
                if value.is_empty() { format!("`{name}` has no value") } else { format!("`{name}` is `{value}`") };
            DataError::new(wrong, expected, "Change that option.")
        };
        let text = || if value.is_empty() { Err(wrong("a name")) } else { Ok(Some(value.to_owned())) };
        let size = |most: usize| {
            let size = value.parse::<usize>().ok().filter(|n| (1..=most).contains(n));
            size.map(Some).ok_or_else(|| wrong(&format!("a whole number from 1 to {most}")))
        };
        match name {
            "standardize" => {
                self.standardize = match value {
                    "" | "feature" => Standardization::Feature,
                    "all" => Standardization::All,
                    _ => return Err(wrong("feature or all")),
                }
            }
            "test" => {
                let share = value.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
                self.test = Some(share.ok_or_else(|| wrong("a number between 0 and 1"))?);
            }
            "seed" => self.seed = value.parse().map_err(|_| wrong("a whole number"))?,
            "task" => self.task = Some(value.parse()?),
            "rows" => self.rows = size(1 << 32)?,
            "target" if value == "input" => self.target_is_input = true,
            "target" => return Err(wrong("input")),
            "label" => self.label = text()?,
            "header" => {
                self.header = match value {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => return Err(wrong("yes or no")),
                }
            }
            "x" => self.x = text()?,
            "y" => self.y = text()?,
            "length" => self.length = size(1 << 20)?,
            "classes" => self.classes = size(1 << 24)?,
            "order" => self.order = size(8)?,
            _ => {
                let names = || OPTIONS.iter().map(|(name, _)| name.split('=').next().unwrap_or(name));
                let near = fanin::recipe::nearest(name, names());
                let near = near.map_or(String::new(), |near| format!(" (perhaps {near})"));
                let wrong = format!("there is no option `{name}`");
                let expected = format!("one of {}{near}", names().collect::<Vec<_>>().join(", "));
                return Err(DataError::new(wrong, expected, "Change that word."));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_read() {
        let text = "a.csv#standardize=all,test=0.25,seed=3,task=regression,rows=10,target=input,label=b,header=no,x=u,y=v,\
                    length=5,classes=6,order=2";
        let read: DataSpec = text.parse().unwrap();
        let options = Options {
            standardize: Standardization::All,
            test: Some(0.25),
            seed: 3,
            task: Some(TaskKind::Regression),
            rows: Some(10),
            target_is_input: true,
            label: Some("b".to_owned()),
            header: Some(false),
            x: Some("u".to_owned()),
            y: Some("v".to_owned()),
            length: Some(5),
            classes: Some(6),
            order: Some(2),
        };
        assert_eq!(read, DataSpec { origin: Origin::Path("a.csv".into()), options });
        for (written, _) in OPTIONS {
            let name = written.split('=').next().unwrap();
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn a_slip_is_named() {
        for (text, expected) in [
            ("digitz", "--data: there is no set `digitz`; expected a file, a folder, or one of digits"),
            ("", "no data are named"),
            ("digits#tset=0.1", "there is no option `tset`; expected one of standardize, test"),
            ("digits#test=2", "`test` is `2`; expected a number between 0 and 1"),
            ("digits#test", "`test` has no value"),
            ("digits#rows=0", "`rows` is `0`; expected a whole number from 1"),
            ("digits#standardize=some", "expected feature or all"),
            ("digits#task=guess", "the task `guess` is not known"),
            ("digits#,", "there is no option ``"),
        ] {
            let shown = text.parse::<DataSpec>().unwrap_err().to_string();
            assert!(shown.contains(expected), "{text}: {shown}");
        }
        assert_eq!("./digits".parse::<DataSpec>().unwrap().origin, Origin::Path("./digits".into()));
    }
}
