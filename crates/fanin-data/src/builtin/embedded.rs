//! Real sets. Where they come from stands in `data/README.md`.

use crate::array::Array;
use crate::error::DataError;
use crate::file::{self, gunzip};
use crate::open::Raw;
use std::path::Path;

const DIGITS: &[u8] = include_bytes!("../../data/digits.gz");
const MNIST1D: &[u8] = include_bytes!("../../data/mnist1d.gz");

/// What a step of the stored numbers of MNIST-1D is worth: the largest magnitude of the published set over 127.
const MNIST1D_STEP: f32 = 0.043_145_032;

/// Where Debian's package puts Fashion-MNIST.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// The numbers and the labels of a stored set.
fn stored(packed: &[u8], rows: usize, len: usize) -> Result<(Vec<u8>, Vec<i64>), DataError> {
    let mut bytes = gunzip(packed)?;
    let labels = bytes.split_off(rows * len);
    Ok((bytes, labels.into_iter().map(i64::from).collect()))
}

fn digit_names() -> Vec<String> {
    (0..10).map(|digit| digit.to_string()).collect()
}

pub(super) fn digits() -> Result<Raw, DataError> {
    let (bytes, labels) = stored(DIGITS, 1797, 64)?;
    // Each number counts the black ones of 4x4 points.
    let values = bytes.into_iter().map(|count| f32::from(count) / 16.0).collect();
    let raw = Raw::new(Array::f32(&[1797, 64], values), Array::i64(&[1797], labels));
    Ok(Raw { labels: digit_names(), ..raw })
}

pub(super) fn mnist1d() -> Result<Raw, DataError> {
    let (bytes, labels) = stored(MNIST1D, 5000, 40)?;
    let values = bytes.into_iter().map(|step| f32::from(step as i8) * MNIST1D_STEP).collect();
    let raw = Raw::new(Array::f32(&[5000, 40], values), Array::i64(&[5000], labels));
    Ok(Raw { labels: digit_names(), train: Some(4000), ..raw })
}

pub(super) fn fashion_mnist() -> Result<Raw, DataError> {
    let folder = Path::new(FASHION_MNIST);
    if !folder.is_dir() {
        let remedy = "Run `apt-get install dataset-fashion-mnist`, or give the folder with its four files.";
        return Err(DataError::new("the set is not installed", format!("its files in {FASHION_MNIST}"), remedy));
    }
    // The labels' names as the set's own description has them.
    let names = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
    Ok(Raw { labels: names.map(str::to_owned).to_vec(), ..file::pictures(folder)? })
}
