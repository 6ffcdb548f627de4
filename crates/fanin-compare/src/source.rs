//! [`Source`]: a file that a strategy takes values from, and what is done where names and shapes differ.

use crate::digest;
use crate::error::Error;
use fanin::Refusal;
use fanin::transfer::Options;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file that values are taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its content, so that a cell is known by what it reads.
    pub sha256: String,
    /// Other names for its tensors, as `SOURCE=MODEL`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<String>,
    /// What is done where shapes or depths differ, as `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fits: Vec<String>,
}

impl Source {
    /// A file, with names and fits as the command line has them.
    ///
    /// # Errors
    /// If there is no such file, or a name or fit cannot be read.
    pub fn open(path: &Path, maps: &[String], fits: &[String]) -> Result<Source, Error> {
        let sha256 = digest::of_path(path)?.ok_or_else(|| {
            let wrong = format!("{} does not exist", path.display());
            Refusal::new(wrong, "a model to take values from", "Check the path.").of("pretrained", "--from")
        })?;
        let source = Source { path: path.to_owned(), sha256, maps: maps.to_vec(), fits: fits.to_vec() };
        source.options()?;
        Ok(source)
    }

    /// The same file with further fits, which go before its own: `wider=pad, perturb=0.1`.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn fitted(&self, list: &str) -> Result<Source, Error> {
        let mut source = self.clone();
        source.fits.extend(list.split(',').map(str::trim).filter(|fit| !fit.is_empty()).map(str::to_owned));
        source.options()?;
        Ok(source)
    }

    /// What is done where names and shapes differ.
    ///
    /// # Errors
    /// If a name or fit cannot be read.
    pub fn options(&self) -> Result<Options, Error> {
        let mut options = Options::default();
        for map in &self.maps {
            options.maps.push(map.parse()?);
        }
        self.fits.iter().try_for_each(|fit| options.set(fit))?;
        Ok(options)
    }
}
