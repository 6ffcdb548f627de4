//! `fanin recipes`: the built-in recipes.

use crate::failure::Outcome;
use crate::print::sheet;
use fanin::Recipe;
use fanin::recipe::BUILTIN;
use std::io::Write as _;

pub(crate) fn run(json: bool) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    let recipes = BUILTIN.iter().map(|(name, _)| Recipe::named(name)).collect::<Result<Vec<_>, _>>()?;
    if json {
        let all: Vec<_> = recipes
            .iter()
            .map(|r| {
                let options: Vec<_> = r.choices.iter().map(fanin::recipe::Choice::line).collect();
                serde_json::json!({
                    "name": r.name, "about": r.about, "source": r.source, "rules": r.rules.len(), "options": options,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(Outcome::Fine);
    }
    let mut table = sheet(&["recipe", "what it does", "options"]);
    for recipe in &recipes {
        let options: Vec<_> = recipe.choices.iter().map(fanin::recipe::Choice::line).collect();
        table.add_row([&recipe.name, &recipe.about, &options.join(", ")]);
    }
    writeln!(
        out,
        "{table}\n\n`fanin explain NAME` tells rules, options and source; options are chosen by `--with NAME=VALUE`. A file in the same \
         form is a recipe too: `--recipe mine.toml`."
    )?;
    Ok(Outcome::Fine)
}
