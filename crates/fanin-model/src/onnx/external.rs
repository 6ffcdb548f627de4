//! Files beside the model that hold its larger tensors. They have to lie in the model's folder: a model file from
//! somewhere must not make a program read other files of its user.

use super::tensor::External;
use crate::error::Problem;
use crate::source::Source;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The files beside a model, opened when a tensor first names them.
#[derive(Debug)]
pub(super) struct SideFiles {
    /// The model's folder without links, or nothing if it cannot be told.
    folder: PathBuf,
    pub(super) files: Vec<Source>,
    by_location: BTreeMap<String, Option<usize>>,
}

impl SideFiles {
    pub(super) fn new(model: &Path) -> SideFiles {
        let folder = match model.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
        SideFiles { folder, files: Vec::new(), by_location: BTreeMap::new() }
    }

    /// Where a location is, whether it exists or not.
    pub(super) fn locations(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.by_location.iter().map(|(location, file)| (location.as_str(), *file))
    }

    /// Sets `external.file`, and checks that the tensor lies inside of it. A missing file is no error here.
    pub(super) fn resolve(&mut self, external: &mut External) -> Result<(), Box<Problem>> {
        let known = self.by_location.get(&external.location).copied();
        let file = match known {
            Some(file) => file,
            None => self.open(&external.location)?,
        };
        self.by_location.insert(external.location.clone(), file);
        external.file = file;
        let Some(len) = file.map(|index| self.files[index].len()) else { return Ok(()) };
        if external.offset.checked_add(external.len).is_none_or(|end| end > len) {
            let wrong = format!("{} bytes at {} of `{}` were named", external.len, external.offset, external.location);
            return Err(Problem::new("external_data", wrong, format!("a range inside the {len} bytes of that file")));
        }
        Ok(())
    }

    fn open(&mut self, location: &str) -> Result<Option<usize>, Box<Problem>> {
        let path = Path::new(location);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        // A name that is harmless here may not be on a system where `\` divides and `C:` is a disk.
        let inside = inside && !location.contains('\\') && !location.contains(':');
        if !inside || path.file_name().is_none() {
            return Err(outside(location, "a relative path without `..`"));
        }
        let Ok(real) = self.folder.join(path).canonicalize() else { return Ok(None) };
        if !real.starts_with(&self.folder) {
            return Err(outside(location, "a file in the model's folder, not a link that leads out of it"));
        }
        let source = Source::open(&real).map_err(|e| {
            Problem::new("external_data", e.to_string(), "a readable file").remedy("Check the file beside the model.")
        })?;
        self.files.push(source);
        Ok(Some(self.files.len() - 1))
    }
}

fn outside(location: &str, expected: &str) -> Box<Problem> {
    Problem::new("external_data", format!("the location is `{location}`"), expected).remedy(
        "Data are only read from the model's own folder: copy the file there (links resolved), or get the model from a \
         source you trust.",
    )
}
