//! The studies of `benchmarks/`: each is one, its models take its strategies, and a page tells what came of it.

use fanin_compare::Study;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of the files in a folder that end so.
fn names(folder: &str, end: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join(folder)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(end).map(str::to_owned)).collect()
}

#[test]
fn every_study_can_be_run() {
    // Studies name files as one who stands at the root does.
    std::env::set_current_dir(root()).unwrap();
    let mut plans = BTreeSet::new();
    for name in names("benchmarks", ".toml") {
        let text = std::fs::read_to_string(root().join(format!("benchmarks/{name}.toml"))).unwrap();
        let cells = Study::from_toml(&name, &text).and_then(|study| study.cells()).unwrap_or_else(|e| panic!("{e}"));
        for cell in cells.iter().filter(|cell| cell.seed == 0) {
            // A plan does not depend on how the network is trained.
            if plans.insert(serde_json::to_string(&(&cell.model, &cell.strategy)).unwrap()) {
                let model = fanin_model::open(&cell.model).unwrap_or_else(|e| panic!("{name}: {e}"));
                let planned = cell.strategy.plan(model.params(), model.graph(), 0, &fanin::auto::Given::default());
                let place = format!("{name}, {} of {}", cell.strategy.name, cell.case);
                let plan = planned.unwrap_or_else(|e| panic!("{place}: {e}"));
                if let Some(source) = &cell.strategy.from {
                    let found = fanin_model::transfer(plan, &source.path, &source.options().unwrap()).unwrap().0;
                    assert!(found.ambiguous.is_empty() && found.plan.takes().count() > 0, "{place}: {}", found.line());
                }
            }
        }
        let three = cells.iter().map(|cell| cell.seed).max().unwrap() + 1;
        assert!(three >= 3, "{name}: {three} seeds give no verdict worth the name");
    }
}

#[test]
fn every_study_has_a_page_and_stands_in_the_list() {
    let (studies, mut pages) = (names("benchmarks", ".toml"), names("docs/benchmarks", ".md"));
    pages.remove("README");
    let missing: Vec<_> = studies.difference(&pages).collect();
    assert!(missing.is_empty(), "studies without a page in docs/benchmarks: {missing:?}");
    let list = std::fs::read_to_string(root().join("docs/benchmarks/README.md")).unwrap();
    for name in pages {
        assert!(list.contains(&format!("({name}.md)")), "docs/benchmarks/README.md does not name {name}");
        let page = std::fs::read_to_string(root().join(format!("docs/benchmarks/{name}.md"))).unwrap();
        for part in ["**Claimed.**", "**Measured.**", "**How to run it.**"] {
            assert!(page.contains(part), "docs/benchmarks/{name}.md has no {part}");
        }
    }
}
