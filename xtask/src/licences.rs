//! `cargo xtask licences`: every dependency has a licence that `deny.toml` allows. `cargo deny` checks that and more where
//! it is installed; without it the list in `deny.toml` is held against what cargo knows.

use crate::{steps, tree};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use spdx::{Expression, ParseMode};
use std::process::Command;

/// What cargo says about the packages of a build.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    if steps::has("deny") {
        return steps::cargo(&["deny", "check", "licenses", "bans", "sources"]);
    }
    let allowed = allowed(&tree::read("deny.toml")?)?;
    let refused: Vec<String> = packages()?.iter().filter_map(|package| refusal(package, &allowed)).collect();
    if refused.is_empty() { Ok(()) } else { bail!("licences that deny.toml does not allow:\n{}", refused.join("\n")) }
}

/// The list `licenses.allow`.
fn allowed(text: &str) -> anyhow::Result<Vec<String>> {
    let table: toml::Table = text.parse()?;
    let list = table.get("licenses").and_then(|licenses| licenses.get("allow")).and_then(|allow| allow.as_array());
    let list = list.context("deny.toml has no licenses.allow")?;
    Ok(list.iter().filter_map(|name| name.as_str()).map(str::to_owned).collect())
}

fn packages() -> anyhow::Result<Vec<Package>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(tree::root())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    Ok(serde_json::from_slice::<Metadata>(&output.stdout).context("cargo metadata failed")?.packages)
}

/// Why a package may not be used.
fn refusal(package: &Package, allowed: &[String]) -> Option<String> {
    let Package { name, version, license } = package;
    let Some(license) = license else { return Some(format!("  {name} {version}: says no licence")) };
    // Older manifests separate by a slash.
    match Expression::parse_mode(license, ParseMode::LAX) {
        Ok(expression) if expression.evaluate(|licence| allowed.contains(&licence.to_string())) => None,
        Ok(_) => Some(format!("  {name} {version}: {license}")),
        Err(error) => Some(format!("  {name} {version}: {license}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        let allowed = allowed("[licenses]\nallow = ['MIT', 'Unicode-3.0', 'Apache-2.0 WITH LLVM-exception']").unwrap();
        let is_fine = |license: Option<&str>| {
            let package =
                Package { name: "a".to_owned(), version: "1".to_owned(), license: license.map(str::to_owned) };
            refusal(&package, &allowed).is_none()
        };
        assert!(is_fine(Some("MIT")) && is_fine(Some("MIT OR GPL-3.0-only")) && is_fine(Some("MIT/Apache-2.0")));
        assert!(
            is_fine(Some("(MIT OR Apache-2.0) AND Unicode-3.0")) && is_fine(Some("Apache-2.0 WITH LLVM-exception"))
        );
        assert!(!is_fine(Some("MIT AND GPL-3.0-only")) && !is_fine(Some("Apache-2.0")) && !is_fine(None));
    }
}
