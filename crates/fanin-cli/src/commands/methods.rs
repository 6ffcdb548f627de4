//! `fanin methods`: every method with the names by which most know it.

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
        table.add_row([about.name.to_owned(), about.formula.to_owned(), short(&names)]);
    }
    writeln!(
        out,
        "{table}\n`fanin explain NAME` tells formula, source, arguments and all names of one; NAME may be any framework's."
    )?;
    Ok(Outcome::Fine)
}

/// The papers' and the most used frameworks' names, and how many others there are.
fn short(names: &[String]) -> String {
    const KNOWN: [&str; 3] = ["torch", "keras", "jax"];
    const MOST: usize = 8;
    let known = |name: &&String| name.split_once(':').is_none_or(|(front, _)| KNOWN.contains(&front));
    let mut told: Vec<String> = names.iter().filter(known).take(MOST).cloned().collect();
    match names.len() - told.len() {
        0 => {}
        more if told.is_empty() => told.push(format!("{more} names elsewhere")),
        more => told.push(format!("… and {more} more")),
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn the_best_known_names_are_told_and_the_others_counted() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(short(&names("kaiming mlx:he torch:kaiming_ chainer:He")), "kaiming, torch:kaiming_, … and 2 more");
        assert_eq!(short(&names("olmo:in olmo:out")), "2 names elsewhere");
        assert_eq!((short(&[]), short(&names("one"))), (String::new(), "one".to_owned()));
    }
}
