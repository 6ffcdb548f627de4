//! The order of the modules in `lib.rs` of the crate `fanin` is the order of dependency: a module uses only those above.

use super::Problem;
use super::source::{Source, Token, sources};
use crate::tree;
use std::collections::BTreeMap;

const FOLDER: &str = "crates/fanin/src";

/// The modules in order, and which of them an item at the root of the crate comes from.
struct Order {
    modules: Vec<String>,
    exports: BTreeMap<String, String>,
}

pub(super) fn check() -> anyhow::Result<Vec<Problem>> {
    let root = Source::read(&tree::read(format!("{FOLDER}/lib.rs"))?)?;
    let order = Order::read(&root.tokens);
    let mut problems = Vec::new();
    for (path, source) in sources(FOLDER)? {
        let file = tree::written(&path);
        let within = file.strip_prefix(FOLDER).unwrap_or(&file).trim_start_matches('/');
        let module = within.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect::<Vec<_>>();
        if module != ["lib"] {
            problems.extend(order.violations(&file, &module, &source.tokens));
        }
    }
    Ok(problems)
}

impl Order {
    fn read(tokens: &[Token]) -> Order {
        let mut order = Order { modules: Vec::new(), exports: BTreeMap::new() };
        let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
        for (i, word) in words.iter().enumerate() {
            if *word == "mod" && words.get(i + 2) == Some(&";") {
                order.modules.push(words[i + 1].to_owned());
            }
            if *word == "use" {
                let end = words[i..].iter().position(|w| *w == ";").map_or(words.len(), |n| i + n);
                for item in &words[i + 2..end] {
                    order.exports.insert((*item).to_owned(), words[i + 1].to_owned());
                }
            }
        }
        order
    }

    fn rank(&self, module: &str) -> Option<usize> {
        self.modules.iter().position(|own| own == module)
    }

    /// What `module` (a path below the root of the crate) uses although it stands above it.
    fn violations(&self, file: &str, module: &[&str], tokens: &[Token]) -> Vec<Problem> {
        let Some(own) = self.rank(module[0]) else {
            return vec![Problem::new(file, 1, format!("module {} is not in lib.rs", module[0]))];
        };
        let mut problems = Vec::new();
        for (used, line) in uses(tokens, module.len()) {
            let home = if self.rank(&used).is_some() { Some(&used) } else { self.exports.get(&used) };
            if let Some(home) = home
                && self.rank(home).is_some_and(|rank| rank > own)
            {
                let text = format!("{} uses {home}, which lib.rs lists below it", module[0]);
                problems.push(Problem::new(file, line, text));
            }
        }
        problems
    }
}

/// The names that follow `crate::`, or as many `super::` as lead to the root from a module of this depth.
fn uses(tokens: &[Token], depth: usize) -> Vec<(String, usize)> {
    let word = |i: usize| tokens.get(i).map_or("", |t: &Token| t.text.as_str());
    let steps = |i: usize| word(i + 1) == ":" && word(i + 2) == ":";
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        let mut at = start;
        if word(at) == "crate" && steps(at) {
            at += 3;
        } else if word(at) == "super" && word(at.wrapping_sub(1)) != ":" {
            let mut climbed = 0;
            while word(at) == "super" && steps(at) {
                climbed += 1;
                at += 3;
            }
            if climbed != depth {
                continue;
            }
        } else {
            continue;
        }
        found.extend(heads(&tokens[at..]));
    }
    found
}

/// The first word of a path, or of each path in `{a::b, c}`.
fn heads(tokens: &[Token]) -> Vec<(String, usize)> {
    let Some(first) = tokens.first() else { return Vec::new() };
    if first.text != "{" {
        return vec![(first.text.clone(), first.line)];
    }
    let mut depth = 0;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text.as_str(), "{" | ",") {
            found.push((pair[1].text.clone(), pair[1].line));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(module: &[&str], text: &str) -> usize {
        let root = "mod low; mod high; pub use high::{High, Other}; pub use low::Low;";
        let order = Order::read(&Source::read(root).unwrap().tokens);
        order.violations("f", module, &Source::read(text).unwrap().tokens).len()
    }

    #[test]
    fn only_the_way_down_is_refused() {
        for (module, text, expected) in [
            (&["high"][..], "use crate::low::x; use crate::Low;", 0),
            (&["low"], "use crate::high::x;", 1),
            (&["low"], "fn f() { crate::high::x() }", 1),
            (&["low"], "use crate::{error, high::{self, low}};", 1),
            (&["low"], "use crate::High;", 1),
            (&["low"], "use super::high;", 1),
            (&["low", "deep"], "use super::high;", 0),
            (&["low", "deep"], "use super::super::Other;", 1),
            (&["low"], "#[cfg(test)] mod tests { use crate::high::x; }", 0),
            (&["lost"], "", 1),
        ] {
            assert_eq!(problems(module, text), expected, "{text}");
        }
    }
}
