//! `fanin explain`: a method, a spelling, a recipe, a calibration, an activation or a kind of short architecture, in full.

use crate::args::Explain;
use crate::failure::{Outcome, Refused};
use crate::print::{activation, calibration, page, recipe, wrap};
use fanin::methods::{METHODS, Spelling, resolve};
use fanin::recipe::{BUILTIN, nearest};
use fanin::{Activation, Call, Recipe};
use fanin_engine::calibrate;
use fanin_model::architecture::{Choice, KINDS, Kind};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;

pub(crate) fn run(options: &Explain, json: bool) -> anyhow::Result<Outcome> {
    let text = said(&options.name, json)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Outcome::Fine)
}

/// What is to be said of a name.
pub(crate) fn said(name: &str, json: bool) -> anyhow::Result<String> {
    if let Some(name) = name.strip_prefix("recipe:") {
        return told(name, json);
    }
    if let Some(name) = name.strip_prefix("calibration:") {
        return measured(name, json);
    }
    let builtin = BUILTIN.iter().any(|(own, _)| *own == name);
    // A recipe's own name goes before a method's that is written otherwise: `t-fixup` and `t_fixup`.
    let is_method = METHODS.iter().map(fanin::methods::Entry::about).any(|about| {
        let synonym = |spelling: &Spelling| spelling.dialect.is_none() && spelling.name == name;
        about.name == name || about.spellings.iter().any(synonym)
    });
    if builtin && !is_method {
        return told(name, json);
    }
    let call: Result<Call, _> = name.parse();
    let function = activation::named(name);
    // `he` is a method and a recipe: the method is told, the recipe is pointed to.
    match (call.and_then(|call| resolve(&call)), function) {
        (Ok(resolved), _) if json => Ok(serde_json::to_string_pretty(&page::json(resolved.entry))? + "\n"),
        (Ok(resolved), function) => {
            let mut text = wrap::for_terminal(&page::method(&resolved, name));
            if builtin {
                let _ = writeln!(text, "\nThere is also a recipe of this name: `fanin explain recipe:{name}`.");
            }
            if function.is_some() {
                let _ =
                    writeln!(text, "\nThere is also an activation of this name: `fanin explain activation:{name}`.");
            }
            if calibrate::named(name).is_some() {
                let _ =
                    writeln!(text, "\nThere is also a calibration of this name: `fanin explain calibration:{name}`.");
            }
            Ok(text)
        }
        (Err(_), _) if calibrate::named(name).is_some() => measured(name, json),
        (Err(_), Some((kind, parameter))) if json => {
            Ok(serde_json::to_string_pretty(&activation::json(kind, parameter))? + "\n")
        }
        (Err(_), Some((kind, parameter))) => Ok(wrap::for_terminal(&activation::page(kind, parameter))),
        (Err(refusal), None) => match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => architecture(kind, json),
            // What is known and no method is answered by what does its work.
            None if !refusal.wrong.starts_with("there is no method") => Err(refusal.into()),
            None => Err(nearby(name).map_or_else(|| refusal.into(), Into::into)),
        },
    }
}

/// What to say of a name that is a recipe's, an activation's or another's but for a slip, where no method's is as near.
fn nearby(name: &str) -> Option<Refused> {
    // Only methods have a framework's names, and a framework's own name is answered with those.
    let mut spellings = METHODS.iter().flat_map(|entry| entry.about().spellings);
    if name.contains([':', '.']) || spellings.any(|spelling| spelling.dialect == Some(name)) {
        return None;
    }
    let methods = METHODS
        .iter()
        .map(fanin::methods::Entry::about)
        .flat_map(|about| std::iter::once(about.name.to_owned()).chain(about.spellings.iter().map(Spelling::written)));
    let kinds = BUILTIN.iter().map(|(own, _)| *own).chain(KINDS.iter().map(|kind| kind.name));
    let others: Vec<&str> = kinds
        .chain(Activation::ALL.iter().flat_map(|a| std::iter::once(a.name()).chain(a.aliases().iter().copied())))
        .chain(calibrate::CALIBRATIONS.iter().map(|entry| entry.about.name))
        .collect();
    let methods: Vec<String> = methods.collect();
    let near = nearest(name, others.iter().copied().chain(methods.iter().map(String::as_str)))?;
    others.contains(&near).then(|| {
        Refused(format!(
            "{name}: there is no method, recipe, activation, calibration or short architecture of this name; expected a \
             name that `fanin methods` or `fanin recipes` lists, or an activation's. Did you mean `{near}`?"
        ))
    })
}

/// A calibration, as JSON or as a page.
fn measured(name: &str, json: bool) -> anyhow::Result<String> {
    let entry = calibrate::named(name)
        .ok_or_else(|| Refused(format!("`{name}` is no calibration. `fanin calibrate --help` lists them.")))?;
    Ok(if json {
        serde_json::to_string_pretty(&calibration::json(entry))? + "\n"
    } else {
        wrap::for_terminal(&calibration::page(entry))
    })
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
