//! The Python package: builds its wheel into a virtual environment under `target/`, and runs its tests there.
//!
//! NumPy and pytest are all that is installed; tests of frameworks run where `PYTHONPATH` leads to them, and are skipped
//! elsewhere. A machine without Python, or without a package index, is told so and passes: everything else still holds.

use crate::tree;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the tests need, with the versions that are known to work.
const PACKAGES: [&str; 3] = ["maturin>=1.9,<2", "numpy>=1.26", "pytest>=8,<10"];
/// Interpreters that may be there, the likeliest first; the wheel asks for 3.11.
const INTERPRETERS: [&str; 5] = ["python3", "python3.11", "python3.12", "python3.13", "python3.14"];

/// Builds the wheel and runs the tests.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tree::root().join("target/python");
    if let Err(missing) = prepare(&folder) {
        eprintln!("skipped: {missing:#}");
        return Ok(());
    }
    let python = python(&folder);
    // The profile and the folder of all other checks, so that nothing is compiled twice.
    let wheels = folder.join("wheels");
    let _ = std::fs::remove_dir_all(&wheels);
    finish(
        Command::new(&python)
            .args(["-m", "maturin", "build", "--quiet", "--profile", "dev", "--out"])
            .arg(&wheels)
            .arg("--interpreter")
            .arg(&python),
    )?;
    let wheel = std::fs::read_dir(&wheels)?.next().context("maturin made no wheel")??.path();
    finish(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]).arg(wheel),
    )?;
    finish(Command::new(&python).args(["-m", "pytest", "-q", "python/tests"]))
}

/// A virtual environment with what the tests need; an error says what is missing on this machine.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    if !python(folder).exists() {
        let found = INTERPRETERS.into_iter().find(|name| is_new_enough(name));
        let interpreter = found.context("no Python of version 3.11 or later")?;
        let made = quiet(Command::new(interpreter).args(["-m", "venv"]).arg(folder));
        made.context("no virtual environment can be made (on Debian: `apt install python3-venv`)")?;
    }
    let installed = quiet(Command::new(python(folder)).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES));
    installed.context("maturin, NumPy and pytest cannot be installed: is there a package index?")
}

/// The interpreter of a virtual environment.
pub(crate) fn python(folder: &Path) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts/python.exe") } else { folder.join("bin/python") }
}

fn is_new_enough(interpreter: &str) -> bool {
    let asked = Command::new(interpreter)
        .args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// Runs a command whose words matter only if it fails.
fn quiet(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?} cannot be run"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed without a word").to_owned())
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    command.current_dir(tree::root());
    let status = command.status().with_context(|| format!("{command:?} cannot be run"))?;
    if status.success() { Ok(()) } else { bail!("{command:?}: {status}") }
}
