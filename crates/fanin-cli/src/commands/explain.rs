//! `fanin explain`: a method, a spelling, a recipe, an activation or a kind of short architecture, in full.

use crate::args::Explain;
use crate::failure::Outcome;
use crate::print::{activation, page, recipe, wrap};
use fanin::methods::resolve;
use fanin::recipe::BUILTIN;
use fanin::{Call, Recipe};
use fanin_model::architecture::{Choice, KINDS, Kind};
use serde_json::json;
use std::io::Write as _;

pub(crate) fn run(options: &Explain, json: bool) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    let name = options.name.as_str();
    if let Some(name) = name.strip_prefix("recipe:") {
        out.write_all(told(name, json)?.as_bytes())?;
        return Ok(Outcome::Fine);
    }
    let builtin = BUILTIN.iter().find(|(own, _)| *own == name);
    let call: Result<Call, _> = name.parse();
    let function = activation::named(name);
    let resolved = call.and_then(|call| resolve(&call));
    // `he` is a method and a recipe: the method is told, the recipe is pointed to.
    match (resolved, builtin) {
        (Ok(resolved), _) if json => writeln!(out, "{}", serde_json::to_string_pretty(&page::json(resolved.entry))?)?,
        (Ok(resolved), builtin) => {
            out.write_all(wrap::for_terminal(&page::method(&resolved, name)).as_bytes())?;
            if builtin.is_some() {
                writeln!(out, "\nThere is also a recipe of this name: `fanin explain recipe:{name}`.")?;
            }
            if function.is_some() {
                writeln!(out, "\nThere is also an activation of this name: `fanin explain activation:{name}`.")?;
            }
        }
        (Err(_), Some(_)) => out.write_all(told(name, json)?.as_bytes())?,
        (Err(refusal), None) => match function {
            Some((kind, parameter)) if json => {
                writeln!(out, "{}", serde_json::to_string_pretty(&activation::json(kind, parameter))?)?;
            }
            Some((kind, parameter)) => {
                out.write_all(wrap::for_terminal(&activation::page(kind, parameter)).as_bytes())?;
            }
            None => {
                let kind = KINDS.iter().find(|kind| kind.name == name).ok_or(refusal)?;
                out.write_all(architecture(kind, json)?.as_bytes())?;
            }
        },
    }
    Ok(Outcome::Fine)
}

/// A recipe, as JSON or as a page.
fn told(name: &str, json: bool) -> anyhow::Result<String> {
    let found = Recipe::named(name)?;
    if json {
        let text = BUILTIN.iter().find(|(own, _)| *own == name).map_or("", |(_, text)| text);
        return Ok(serde_json::to_string_pretty(&recipe::json(&found, text))? + "\n");
    }
    Ok(wrap::for_terminal(&recipe::page(&found)) + "\n" + &recipe::rules(&found))
}

/// A kind of short architecture, as JSON or as a page.
fn architecture(kind: &Kind, json: bool) -> anyhow::Result<String> {
    if !json {
        return Ok(wrap::for_terminal(&format!("# {}\n\n{}", kind.name, kind.page())));
    }
    let option = |choice: &Choice| json!({ "name": choice.name, "default": choice.default, "about": choice.about });
    let options: Vec<_> = kind.options.iter().map(option).collect();
    let said = json!({
        "name": kind.name, "about": kind.about, "head": kind.head, "grammar": kind.grammar,
        "options": options, "examples": kind.examples,
    });
    Ok(serde_json::to_string_pretty(&said)? + "\n")
}
