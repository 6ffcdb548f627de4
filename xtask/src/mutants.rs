//! `cargo xtask mutants`: plants the bugs of `xtask/mutants.toml` one at a time, in a copy of the sources, and runs the
//! tests that should notice. A bug that lives shows a test that is missing.

use crate::tree;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use walkdir::WalkDir;

/// The list on disk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

impl List {
    fn read() -> anyhow::Result<List> {
        Ok(toml::from_str(&tree::read("xtask/mutants.toml")?)?)
    }
}

/// One bug.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// What is wrong then.
    name: String,
    /// The file it is planted in.
    file: String,
    /// Text that stands exactly once in the file.
    find: String,
    /// What stands there instead.
    replace: String,
    /// Arguments of `cargo test`; of `pytest` for a file of the Python package.
    test: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Killed,
    Survived,
    /// It does not compile, so it says nothing about the tests.
    Stillborn,
}

/// Plants every bug whose name contains `filter`.
#[expect(clippy::print_stderr, reason = "the fate of each bug")]
pub(crate) fn run(filter: &str) -> anyhow::Result<()> {
    let list = List::read()?;
    let copy = copy()?;
    let mut bad = 0;
    for mutant in list.mutant.iter().filter(|mutant| mutant.name.contains(filter)) {
        let start = Instant::now();
        let fate = mutant.fate(&copy)?;
        let word = match fate {
            Fate::Killed => "killed   ",
            Fate::Survived => "SURVIVED ",
            Fate::Stillborn => "STILLBORN",
        };
        bad += usize::from(fate != Fate::Killed);
        eprintln!("{word} {:5.0} s  {} ({})", start.elapsed().as_secs_f64(), mutant.name, mutant.file);
    }
    if bad == 0 { Ok(()) } else { bail!("{bad} planted bugs were not caught") }
}

impl Mutant {
    fn fate(&self, copy: &Copy) -> anyhow::Result<Fate> {
        let path = copy.tree.join(&self.file);
        let sound = fs::read_to_string(&path).with_context(|| format!("{}: {}", self.name, self.file))?;
        self.stands_once(&sound)?;
        fs::write(&path, sound.replace(&self.find, &self.replace))?;
        let fate = if self.file.starts_with("python/") { copy.pytest(&self.test) } else { copy.test(&self.test) };
        fs::write(&path, sound)?;
        fate
    }

    fn stands_once(&self, sound: &str) -> anyhow::Result<()> {
        match sound.matches(&self.find).count() {
            1 => Ok(()),
            count => bail!("{}: `{}` stands {count} times in {}; expected once", self.name, self.find, self.file),
        }
    }
}

/// A copy of the sources, with build outputs of its own.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

/// Brings the copy up to date. A file that has not changed keeps its time, so that it is not compiled again.
fn copy() -> anyhow::Result<Copy> {
    let build = tree::target();
    let copy = Copy { tree: build.join("mutants/tree"), target: build.join("mutants/target") };
    let paths = tree::files("", &[])?;
    for held in WalkDir::new(&copy.tree).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        if held.path().strip_prefix(&copy.tree).is_ok_and(|path| !paths.iter().any(|own| own == path)) {
            fs::remove_file(held.path())?;
        }
    }
    for path in paths {
        let (from, to) = (tree::root().join(&path), copy.tree.join(&path));
        let bytes = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|held| held == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(Path::new("")))?;
        fs::write(&to, bytes)?;
    }
    Ok(copy)
}

impl Copy {
    fn test(&self, args: &str) -> anyhow::Result<Fate> {
        // The tests run only if they can be built: a bug that does not compile proves nothing.
        if !self.cargo(args, &["--no-run"])? {
            return Ok(Fate::Stillborn);
        }
        Ok(if self.cargo(args, &[])? { Fate::Survived } else { Fate::Killed })
    }

    /// The tests of the package run on the copy of its Python part, with the native part that `cargo xtask python` has built.
    fn pytest(&self, args: &str) -> anyhow::Result<Fate> {
        let own = tree::target().join("python");
        let python = crate::python::python(&own);
        let mut built = WalkDir::new(&own).into_iter().flatten().map(walkdir::DirEntry::into_path);
        let native = built.find(|path| {
            path.parent().is_some_and(|folder| folder.ends_with("site-packages/fanin")) && is_native(path)
        });
        let native = native.context("there is no package in target/python: run `cargo xtask python` first")?;
        let package = self.tree.join("python");
        fs::copy(&native, package.join("fanin").join(native.file_name().unwrap_or_default()))?;
        let mut paths = vec![package];
        paths.extend(std::env::var_os("PYTHONPATH").iter().flat_map(std::env::split_paths));
        let run = |args: &[&str]| {
            let mut command = Command::new(&python);
            command.arg("-m").args(args).env("PYTHONPATH", std::env::join_paths(&paths)?);
            command.current_dir(&self.tree).stdout(Stdio::null()).stderr(Stdio::null());
            Ok::<_, anyhow::Error>(command.status()?.success())
        };
        if !run(&["compileall", "-q", "python/fanin"])? {
            return Ok(Fate::Stillborn);
        }
        let args: Vec<&str> =
            ["pytest", "-q", "-x", "-p", "no:cacheprovider"].into_iter().chain(args.split_whitespace()).collect();
        Ok(if run(&args)? { Fate::Survived } else { Fate::Killed })
    }

    fn cargo(&self, args: &str, more: &[&str]) -> anyhow::Result<bool> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.arg("test").args(more).args(args.split_whitespace());
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
    }
}

/// The native part of the package, as Python names it on one system or another.
fn is_native(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("_fanin.") && path.extension().is_some_and(|extension| extension != "pyi")
}

#[cfg(test)]
mod tests {
    use super::List;
    use crate::tree;
    use std::collections::BTreeSet;

    #[test]
    fn every_bug_can_be_planted() {
        let list = List::read().unwrap();
        let mut names = BTreeSet::new();
        for mutant in &list.mutant {
            assert!(names.insert(&mutant.name), "two are called {}", mutant.name);
            mutant.stands_once(&tree::read(&mutant.file).unwrap()).unwrap();
            assert_ne!(mutant.find, mutant.replace);
        }
    }
}
