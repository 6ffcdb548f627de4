//! The files of the repository.

use anyhow::Context as _;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Folders that hold no sources: what is built, what fuzzing leaves, and git's own.
const SKIPPED: [&str; 5] = ["target", ".git", "corpus", "artifacts", "node_modules"];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // xtask lies right below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).map(Path::to_owned).unwrap_or_default()
}

/// Where things are built.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// All files under `folder` (relative to the root) with one of these extensions, in order of name, relative to the root.
/// No extensions means every file.
pub(crate) fn files(folder: &str, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let root = root();
    let start = root.join(folder);
    let mut found = Vec::new();
    if !start.exists() {
        return Ok(found);
    }
    let walk = WalkDir::new(&start).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| !SKIPPED.iter().any(|skipped| e.file_name() == *skipped)) {
        let entry = entry?;
        let extension = entry.path().extension().and_then(|e| e.to_str()).unwrap_or("");
        if entry.file_type().is_file() && (extensions.is_empty() || extensions.contains(&extension)) {
            found.push(entry.path().strip_prefix(&root)?.to_owned());
        }
    }
    Ok(found)
}

/// The text of a file of the repository.
pub(crate) fn read(path: impl AsRef<Path>) -> anyhow::Result<String> {
    let path = root().join(path);
    std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
}

/// A path with `/` between its parts, as it is written in messages and rules.
pub(crate) fn written(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
