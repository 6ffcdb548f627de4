//! Which crate may depend on which.

use super::Problem;
use crate::tree;
use toml::Table;

/// Each crate and the crates of this workspace that it may use.
const LAYERS: [(&str, &[&str]); 8] = [
    ("fanin", &[]),
    ("fanin-model", &["fanin"]),
    ("fanin-data", &["fanin"]),
    ("fanin-engine", &["fanin"]),
    ("fanin-network", &["fanin", "fanin-model", "fanin-data", "fanin-engine"]),
    ("fanin-compare", &["fanin", "fanin-model", "fanin-data", "fanin-engine", "fanin-network"]),
    ("fanin-cli", &["fanin", "fanin-model", "fanin-data", "fanin-engine", "fanin-network", "fanin-compare"]),
    (
        "fanin-py",
        &["fanin", "fanin-model", "fanin-data", "fanin-engine", "fanin-network", "fanin-compare", "fanin-cli"],
    ),
];

pub(super) fn check() -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tree::files("crates", &["toml"])?.iter().filter(|p| p.ends_with("Cargo.toml")) {
        let manifest: Table = tree::read(path)?.parse()?;
        problems.extend(violations(&tree::written(path), &manifest));
    }
    Ok(problems)
}

fn violations(file: &str, manifest: &Table) -> Vec<Problem> {
    let name = manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str()).unwrap_or("");
    let Some((_, allowed)) = LAYERS.iter().find(|(own, _)| *own == name) else {
        return vec![Problem::new(file, 1, format!("the crate {name} has no layer: give it one in xtask"))];
    };
    let used = ["dependencies", "build-dependencies"].iter().filter_map(|kind| manifest.get(*kind)?.as_table());
    let used = used.flat_map(|table| table.keys()).filter(|used| used.starts_with("fanin"));
    used.filter(|used| !allowed.contains(&used.as_str()))
        .map(|used| Problem::new(file, 1, format!("{name} must not depend on {used}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_hold() {
        let count = |text: &str| violations("f", &text.parse().unwrap()).len();
        assert_eq!(count("package.name = 'fanin-model'\n[dependencies]\nfanin = '1'\nserde = '1'"), 0);
        assert_eq!(count("package.name = 'fanin-model'\n[dependencies]\nfanin-engine = '1'"), 1);
        assert_eq!(count("package.name = 'fanin'\n[dependencies]\nfanin-model = '1'"), 1);
        assert_eq!(count("package.name = 'fanin-new'"), 1);
    }
}
