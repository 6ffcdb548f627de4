//! `fanin methods`: every method with its other names.

use crate::failure::Outcome;
use crate::print::sheet;
use fanin::methods::{METHODS, Spelling};
use std::io::Write as _;

pub(crate) fn run(json: bool) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    if json {
        let all: Vec<_> = METHODS.iter().map(crate::print::page::json).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(Outcome::Fine);
    }
    let mut table = sheet(&["method", "formula", "also called"]);
    for entry in METHODS {
        let about = entry.about();
        let names: Vec<String> = about.spellings.iter().map(Spelling::written).collect();
        table.add_row([about.name.to_owned(), about.formula.to_owned(), names.join(", ")]);
    }
    writeln!(out, "{table}\n`fanin explain NAME` tells formula, source and arguments of one.")?;
    Ok(Outcome::Fine)
}
