//! The frameworks themselves, where they are at hand: their initializers and small models are measured once more, and the
//! fresh figures are held against the committed ones and against the laws of fanin.
//!
//! `testdata/frameworks/again.py` measures; the tests of `crates/fanin` then read its folder instead of `testdata`.

use crate::{steps, tree};
use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the interpreter of those who have a framework at hand always.
const INTERPRETER: &str = "FANIN_PYTHON";
/// What `--install` installs: the packages whose layers and models are measured. Some gigabytes, most of them torch's.
const PACKAGES: &str = "numpy,torch,torchvision,timm,transformers,keras,jax,flax";
/// The tests that read measurements.
const TESTS: [&str; 2] = ["frameworks", "families"];

/// What is asked for.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// The interpreter that has the frameworks; `FANIN_PYTHON`, or else python3.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Install the frameworks first, into a virtual environment under target/: all of them (some gigabytes), or those that are
    /// named, `--install=numpy,keras,jax,flax`.
    #[arg(
        long,
        value_name = "PACKAGES",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = PACKAGES,
        conflicts_with = "python"
    )]
    install: Option<String>,
    /// Measure every initializer as well as the small models; takes a while.
    #[arg(long)]
    all: bool,
}

/// Measures what is at hand, and compares.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = tree::target().join("frameworks");
    let named = options.python.clone().map(PathBuf::into_os_string).or_else(|| std::env::var_os(INTERPRETER));
    let python = match &options.install {
        Some(packages) => install(&folder.join("python"), packages)?,
        None => named.unwrap_or("python3".into()),
    };
    let measured = folder.join("measured");
    let _ = std::fs::remove_dir_all(&measured);
    let mut command = Command::new(&python);
    command.arg(tree::root().join("testdata/frameworks/again.py")).arg(&measured);
    command.args(options.all.then_some("--all"));
    let agree = command.status().with_context(|| format!("{} cannot be run", Path::new(&python).display()))?.success();
    for test in TESTS {
        steps::cargo_with(&["test", "-p", "fanin", "--quiet", "--test", test], "FANIN_MEASURED", &measured)?;
    }
    if agree { Ok(()) } else { bail!("what was measured is not what is committed; see the lines with DIFFERS") }
}

/// As a step of all checks: only where `FANIN_PYTHON` says that there is a framework.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
pub(crate) fn step() -> anyhow::Result<()> {
    if std::env::var_os(INTERPRETER).is_some() {
        return run(&Options::default());
    }
    eprintln!(
        "SKIPPED: {INTERPRETER} names no interpreter with torch, Keras or JAX; the committed measurements were used"
    );
    Ok(())
}

/// A virtual environment with these frameworks.
fn install(folder: &Path, packages: &str) -> anyhow::Result<OsString> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let made = python.exists() || Command::new("python3").args(["-m", "venv"]).arg(folder).status()?.success();
    let installed =
        made && Command::new(&python).args(["-m", "pip", "install"]).args(packages.split(',')).status()?.success();
    if installed {
        Ok(python.into_os_string())
    } else {
        bail!("{packages} cannot be installed into {}", folder.display())
    }
}
