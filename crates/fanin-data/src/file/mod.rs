//! Data from files. Their bytes are untrusted: what they claim is checked against what is there, and against what can be held.

mod arrays;
mod csv;
mod element;
mod idx;
mod npy;
mod tensors;
mod text;

use crate::array::MOST_BYTES;
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::wanted::Wanted;
pub(crate) use idx::pictures;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// What is read, and by which ending.
const READ: &str =
    "a folder with idx files, or a file ending in .csv, .tsv, .npz, .npy, .safetensors or .txt (also .gz)";

/// Opens a file or folder.
pub(crate) fn open(path: &Path, options: &Options, wanted: Option<&Wanted>) -> Result<Raw, DataError> {
    if path.is_dir() {
        return pictures(path);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let bytes = load(path)?;
    let mut raw = read(name, &bytes, &with_length(options, wanted))?;
    let is_npy = name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("npy"));
    if let Some(y) = options.y.as_ref().filter(|_| is_npy) {
        let beside = path.with_file_name(y);
        raw.targets = npy::parse(&load(&beside)?).map_err(|e| e.of(y))?.into_targets();
        raw.task = None;
    }
    Ok(raw)
}

/// Sequences get the length that the model takes, if nobody says another.
fn with_length(options: &Options, wanted: Option<&Wanted>) -> Options {
    let own = wanted.filter(|wanted| wanted.models_language()).and_then(|wanted| wanted.inputs[0].shape[0]);
    Options { length: options.length.or(own), ..options.clone() }
}

/// Reads the bytes of a file; its name's ending says what it is.
///
/// # Errors
/// If the ending is not known, or the bytes do not hold what they claim.
///
/// # Example
/// ```
/// use fanin_data::{Options, prepare, read};
///
/// let table = "height,width,kind\n1.5,2,cat\n3,0.5,dog\n1.4,2.1,cat\n2.9,0.4,dog\n";
/// let data = prepare("pets.csv", read("pets.csv", table.as_bytes(), &Options::default())?, &Options::default(), None)?;
/// assert_eq!(data.labels, ["cat", "dog"]);
/// # Ok::<(), fanin_data::DataError>(())
/// ```
pub fn read(name: &str, bytes: &[u8], options: &Options) -> Result<Raw, DataError> {
    let lower = name.to_ascii_lowercase();
    if let Some(inner) = lower.strip_suffix(".gz") {
        return plain(inner, &gunzip(bytes)?, options);
    }
    plain(&lower, bytes, options)
}

fn plain(name: &str, bytes: &[u8], options: &Options) -> Result<Raw, DataError> {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "csv" => csv::read(bytes, b',', options),
        "tsv" => csv::read(bytes, b'\t', options),
        "npz" => arrays::choose(npy::members(bytes)?, options),
        "npy" => Ok(alone(npy::parse(bytes)?)),
        "safetensors" => arrays::choose(tensors::parse(bytes)?, options),
        "txt" | "text" => text::read(bytes, options),
        _ => Err(DataError::new(
            format!("the ending of `{name}` is not known"),
            READ,
            "Convert the data, or rename them.",
        )),
    }
}

/// An array without targets: it is its own.
fn alone(numbers: element::Numbers) -> Raw {
    let inputs = numbers.into_inputs();
    let targets = inputs.clone();
    let mut raw = Raw::new(inputs, targets);
    raw.task = Some(crate::task::Inferred {
        task: crate::task::Task::Regression { outputs: raw.targets.row_len() },
        because: "there are no targets: they are the inputs".to_owned(),
    });
    raw
}

/// The bytes of a file.
fn load(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |e: std::io::Error| {
        let wrong = format!("it cannot be read: {e}");
        let text = path.display().to_string();
        let split = text.split_once(',').filter(|(file, _)| Path::new(file).exists());
        let remedy = match split {
            Some((file, options)) => format!("Options follow a `#`: {file}#{options}"),
            None => "Check the path and its permissions.".to_owned(),
        };
        DataError::new(wrong, READ, remedy).of(&text)
    };
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    within(bytes)
}

/// How many lines end in these bytes.
fn line_ends(bytes: &[u8]) -> u64 {
    bytes.split(|&b| b == b'\n').count() as u64 - 1
}

/// Unpacks gzip.
pub(crate) fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let mut out = Vec::new();
    let unpacked = flate2::read::MultiGzDecoder::new(bytes).take(MOST_BYTES + 1).read_to_end(&mut out);
    unpacked.map_err(|e| DataError::damaged(format!("it cannot be unpacked: {e}"), "gzip"))?;
    within(out)
}

fn within(bytes: Vec<u8>) -> Result<Vec<u8>, DataError> {
    if bytes.len() as u64 <= MOST_BYTES {
        return Ok(bytes);
    }
    let wrong = format!("there are more than {} GiB", MOST_BYTES >> 30);
    Err(DataError::new(wrong, "data that can be held in memory", "Give a part of the data."))
}
