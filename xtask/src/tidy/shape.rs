//! Sizes, names, and marks of unfinished work.

use super::Problem;
use super::source::Source;
use crate::tree;
use std::path::Path;

/// Lines of a file, tests included.
const MOST_LINES: usize = 500;
/// Names that say nothing about what is in a module.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff"];
/// Written in two halves, so that this file does not contain them.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Macros that belong into no finished code.
const MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];

pub(super) fn check() -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for folder in ["crates", "python", "xtask", "fuzz", "benches", "testdata", ".ci"] {
        for path in tree::files(folder, &["rs", "py", "sh"])? {
            problems.extend(violations(&path, &tree::read(&path)?)?);
        }
    }
    Ok(problems)
}

fn violations(path: &Path, text: &str) -> anyhow::Result<Vec<Problem>> {
    let file = tree::written(path);
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES && !file.contains("/generated/") {
        problems.push(Problem::new(&file, lines, format!("{lines} lines; {MOST_LINES} is the most: split it")));
    }
    for part in path.with_extension("").iter().filter_map(|part| part.to_str()) {
        if EMPTY_NAMES.contains(&part) {
            problems.push(Problem::new(&file, 1, format!("`{part}` says nothing: name it by what it is about")));
        }
    }
    for (i, line) in text.lines().enumerate() {
        let marked = MARKS.iter().find(|mark| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == **mark));
        problems.extend(marked.map(|mark| Problem::new(&file, i + 1, format!("{mark}: do it, or open an issue"))));
    }
    if path.extension().is_some_and(|e| e == "rs") {
        let tokens = Source::read(text)?.tokens;
        for pair in tokens.windows(2).filter(|pair| pair[1].text == "!" && MACROS.contains(&pair[0].text.as_str())) {
            problems.push(Problem::new(&file, pair[0].line, format!("{}! is left over", pair[0].text)));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_seen() {
        let count = |path: &str, text: &str| violations(Path::new(path), text).unwrap().len();
        let mark = MARKS[0];
        assert_eq!(count("crates/a/src/b.rs", "fn f() {}"), 0);
        assert_eq!(count("crates/a/src/utils.rs", ""), 1);
        assert_eq!(count("crates/a/src/utils/b.rs", ""), 1);
        assert_eq!(count("crates/a/src/b.rs", &format!("// {mark}: x")), 1);
        assert_eq!(count("crates/a/src/b.rs", "fn f() { dbg!(1); }"), 1);
        assert_eq!(count("crates/a/src/b.rs", &"\n".repeat(501)), 1);
        assert_eq!(count("crates/a/src/generated/b.rs", &"\n".repeat(501)), 0);
    }
}
