//! The page of a method.

use fanin::methods::{Entry, Resolved, Spelling};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A method as data.
pub(crate) fn json(entry: &Entry) -> Value {
    let about = entry.about();
    let spellings: Vec<_> =
        about.spellings.iter().map(|s| json!({ "name": s.written(), "call": s.call, "note": s.note })).collect();
    json!({
        "name": about.name, "page": entry.page(), "formula": about.formula, "when": about.when,
        "source": { "authors": about.source.authors, "year": about.source.year, "at": about.source.at, "place": about.source.place },
        "spellings": spellings, "arguments": entry.schema(),
    })
}

/// A method as a page of text.
pub(crate) fn method(resolved: &Resolved, asked: &str) -> String {
    let about = resolved.entry.about();
    let mut text = String::new();
    if let Some(spelling) = resolved.spelling {
        let _ = writeln!(text, "{asked} is {}", spelling.call);
        if !spelling.note.is_empty() {
            let _ = writeln!(text, "    {}", spelling.note);
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{}\n\n{}\n\nFormula    {}\nChoose it  {}",
        about.name,
        paragraphs(&resolved.entry.page()),
        about.formula,
        lowered(about.when)
    );
    let _ = writeln!(text, "Source     {}", about.source);
    arguments(&mut text, resolved);
    text.push_str("\nWorked cases\n");
    for case in about.cases {
        let of = if case.part.is_empty() { String::new() } else { format!(", {} gate", case.part) };
        let _ = writeln!(text, "    {}  {:?}{of}  {}  ({})", case.call, case.shape, case.expect, case.witness);
    }
    // The longest part stands last: a popular method has dozens of names.
    spellings(&mut text, about.spellings);
    text
}

/// A doc comment with each paragraph on one line, to be broken where the reader's terminal ends.
fn paragraphs(page: &str) -> String {
    page.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

fn arguments(text: &mut String, resolved: &Resolved) {
    let defaults = resolved.entry.make(Map::new()).map(|m| m.args()).unwrap_or_default();
    if defaults.is_empty() {
        return;
    }
    text.push_str("\nArguments\n");
    let schema = resolved.entry.schema();
    let described = |name: &str| {
        let property = schema.get("properties")?.get(name)?;
        property.get("description").and_then(Value::as_str).map(|text| text.replace('\n', " "))
    };
    for (name, default) in &defaults {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let _ = writeln!(text, "    {:24} {}", format!("{name}={default}"), described(name).unwrap_or_default());
    }
}

fn spellings(text: &mut String, spellings: &[Spelling]) {
    if spellings.is_empty() {
        return;
    }
    text.push_str("\nAlso called\n");
    for spelling in spellings {
        let note = if spelling.note.is_empty() { String::new() } else { format!("   ({})", spelling.note) };
        let _ = writeln!(text, "    {:32} {}{note}", spelling.written(), spelling.call);
    }
}

/// The sentence without its capital, to stand behind other words.
fn lowered(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
