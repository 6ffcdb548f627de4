//! Folders of idx files, as MNIST's and its followers'.

use super::element::{Element, Numbers};
use super::{gunzip, load};
use crate::array::count;
use crate::error::DataError;
use crate::open::Raw;
use std::path::{Path, PathBuf};

/// The four files: beginnings of their names, and how they may go on.
const PARTS: [(&str, &str); 2] = [("train", "t10k"), ("images", "labels")];

/// The pictures of a folder; those for training first.
pub(crate) fn pictures(folder: &Path) -> Result<Raw, DataError> {
    let ((train, test), (images, labels)) = (PARTS[0], PARTS[1]);
    let mut x = part(folder, train, images)?;
    let mut y = part(folder, train, labels)?;
    let train = x.rows();
    // A set without rows for testing is split by the seed.
    if let (Some(more_x), Some(more_y)) = (find(folder, test, images), find(folder, test, labels)) {
        x.append(&parse_file(&more_x)?)?;
        y.append(&parse_file(&more_y)?)?;
    }
    let mut raw = Raw::new(x.into_inputs(), y.into_targets());
    raw.train = Some(train).filter(|&train| train < raw.targets.rows());
    // Pictures of one channel.
    if let [rows, height, width] = raw.inputs[0].array.shape[..] {
        raw.inputs[0].array.shape = vec![rows, 1, height, width];
    }
    Ok(raw)
}

fn part(folder: &Path, which: &str, what: &str) -> Result<Numbers, DataError> {
    let path = find(folder, which, what).ok_or_else(|| {
        let wrong = format!("the folder has no file `{which}-{what}…`");
        let expected = "files named as MNIST's: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-… (also .gz)";
        DataError::new(wrong, expected, "Check the path, or rename the files.")
    })?;
    parse_file(&path)
}

/// The file whose name begins with these two words, whatever is between and behind them.
fn find(folder: &Path, which: &str, what: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut fits: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let rest =
                name.strip_prefix(which).and_then(|rest| rest.trim_start_matches(['-', '_', '.']).strip_prefix(what));
            rest.is_some_and(|rest| rest.contains("idx"))
        })
        .collect();
    fits.sort();
    fits.into_iter().next()
}

fn parse_file(path: &Path) -> Result<Numbers, DataError> {
    let bytes = load(path)?;
    let unpacked = if bytes.starts_with(&[0x1f, 0x8b]) { gunzip(&bytes) } else { Ok(bytes) };
    unpacked.and_then(|bytes| parse(&bytes)).map_err(|e| e.of(&path.display().to_string()))
}

/// An idx file: two zeros, a type, a number of dimensions, their sizes, and the elements, all big-endian.
///
/// # Source
/// LeCun, Cortes, Burges, "The MNIST database", the description of the file format.
pub(super) fn parse(bytes: &[u8]) -> Result<Numbers, DataError> {
    let Some((&[0, 0, kind, rank], rest)) = bytes.split_first_chunk() else {
        return Err(DataError::damaged("the file does not begin with two zeros, a type and a rank", "an idx file"));
    };
    let element = match kind {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        other => return Err(DataError::damaged(format!("the type is {other}"), "one of 8, 9, 11, 12, 13, 14")),
    };
    let (sizes, data) = rest.split_at_checked(4 * usize::from(rank)).ok_or_else(|| {
        DataError::damaged(format!("{rank} sizes do not fit into the file"), "the size of each dimension")
    })?;
    let shape: Vec<u64> = sizes.as_chunks().0.iter().map(|b| u64::from(u32::from_be_bytes(*b))).collect();
    let needed = count(&shape, element.size() as u64)? * element.size();
    if data.len() != needed {
        let wrong = format!("there are {} bytes of data", data.len());
        return Err(DataError::damaged(wrong, format!("{needed}, as the shape {shape:?} says")));
    }
    let mut data = data.to_vec();
    data.chunks_mut(element.size()).for_each(<[u8]>::reverse);
    Numbers::decode(shape.into_iter().map(|n| n as usize).collect(), element, &data)
}
