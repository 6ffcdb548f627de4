//! `docs/methods/`: a page for each method, from what the method says of itself.

use super::recipes::cell;
use fanin::methods::{About, Entry, METHODS, Source, elsewhere};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The list of all methods.
pub(super) fn index() -> String {
    let mut text = super::head("crates/fanin/src/methods/");
    text.push_str("# Methods\n\n| method | formula | when to choose it | published |\n|---|---|---|---|\n");
    for entry in METHODS {
        let about = entry.about();
        let (name, formula, when) = (about.name, cell(about.formula), cell(about.when));
        let _ = writeln!(text, "| [{name}]({name}.md) | {formula} | {when} | {} |", about.source.year);
    }
    text.push_str("\nEvery name below stands for one of them; `fanin explain NAME` knows them all.\n\n");
    text.push_str("| name | is |\n|---|---|\n");
    for about in METHODS.iter().map(Entry::about) {
        for spelling in about.spellings {
            let _ = writeln!(text, "| `{}` | [`{}`]({}.md) |", spelling.written(), spelling.call, about.name);
        }
    }
    text.push_str("\nThese are known and are no law of a parameter by itself; `fanin explain` answers them, too.\n\n");
    text.push_str("| name | what it does | what to do here |\n|---|---|---|\n");
    for (name, what, remedy) in elsewhere() {
        let _ = writeln!(text, "| `{name}` | {} | {} |", cell(what), cell(remedy));
    }
    text
}

/// The page of one method.
pub(super) fn page(entry: &Entry) -> anyhow::Result<String> {
    let about = entry.about();
    let name = about.name;
    let mut text = super::head(&format!("crates/fanin/src/methods/{name}.rs"));
    let _ = writeln!(text, "# {name}\n\n{}\n", entry.page());
    let _ = writeln!(text, "![{}]({name}.svg)\n", super::plot::caption(entry)?);
    let _ = writeln!(text, "**Formula** {}\n", about.formula);
    let _ = writeln!(text, "**Choose it** {}\n", lower(about.when));
    let _ = writeln!(text, "**Source** {}", source(&about.source));
    arguments(&mut text, entry)?;
    spellings(&mut text, &about);
    cases(&mut text, &about);
    Ok(text)
}

/// The source, with a link behind every arXiv number and every DOI in it.
fn source(source: &Source) -> String {
    let text = source.to_string();
    let word = |word: &str| {
        // What stands behind a number is no part of it.
        let name = word.trim_end_matches([',', ';', '.', ')']);
        let rest = &word[name.len()..];
        match name.split_once(':') {
            Some(("arXiv", number)) => format!("[{name}](https://arxiv.org/abs/{number}){rest}"),
            Some(("doi", doi)) => format!("[{name}](https://doi.org/{doi}){rest}"),
            _ => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A sentence that goes on: `For layers …` as `for layers …`, names and abbreviations as they are.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    match (first, second) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}

fn arguments(text: &mut String, entry: &Entry) -> anyhow::Result<()> {
    let defaults = entry.make(Map::new())?.args();
    if defaults.is_empty() {
        return Ok(());
    }
    text.push_str("\n## Arguments\n\n| argument | default | values | meaning |\n|---|---|---|---|\n");
    let schema = Value::from(entry.schema());
    for (name, default) in &defaults {
        let property = &schema["properties"][name];
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let meaning = property["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | `{default}` | {} | {} |", values(&schema, property), cell(meaning));
    }
    Ok(())
}

/// What an argument may be: the words of an enumeration, or the kind of value.
fn values(schema: &Value, property: &Value) -> String {
    let reference = property["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    let kind = reference.and_then(|path| schema.pointer(path)).unwrap_or(property);
    let mut words = Vec::new();
    collect(kind, &mut words);
    if !words.is_empty() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match &kind["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

/// The words that a schema allows.
fn collect(kind: &Value, words: &mut Vec<String>) {
    words.extend(kind["const"].as_str().map(str::to_owned));
    words.extend(kind["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    for each in ["oneOf", "anyOf", "allOf"] {
        kind[each].as_array().into_iter().flatten().for_each(|kind| collect(kind, words));
    }
}

fn spellings(text: &mut String, about: &About) {
    if about.spellings.is_empty() {
        return;
    }
    text.push_str("\n## Also called\n\n| name | is | its arguments | note |\n|---|---|---|---|\n");
    for spelling in about.spellings {
        let own = spelling.args.iter().map(|(theirs, ours)| format!("`{theirs}` = `{ours}`")).collect::<Vec<_>>();
        let (name, own) = (spelling.written(), own.join(", "));
        let _ = writeln!(text, "| `{name}` | `{}` | {own} | {} |", spelling.call, cell(spelling.note));
    }
}

fn cases(text: &mut String, about: &About) {
    text.push_str("\n## Worked cases\n\nThe tests check each of them.\n\n");
    text.push_str("| call | shape | gives | check |\n|---|---|---|---|\n");
    for case in about.cases {
        let of = if case.part.is_empty() { String::new() } else { format!(", {} gate", case.part) };
        let (shape, witness) = (shape(case.shape), cell(case.witness));
        let _ = writeln!(text, "| `{}` | {shape}{of} | {} | {witness} |", case.call, case.expect);
    }
}

/// A shape as people write it: `64×3×7×7`.
pub(super) fn shape(shape: &[u64]) -> String {
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×")
}
