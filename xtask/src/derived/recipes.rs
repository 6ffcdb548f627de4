//! `docs/recipes.md`: the built-in recipes, rule by rule.

use fanin::Recipe;
use fanin::recipe::BUILTIN;
use std::fmt::Write as _;

pub(super) fn page() -> anyhow::Result<String> {
    let mut text = super::head("crates/fanin/src/recipes/*.toml");
    text.push_str(
        "# Recipes\n\nA recipe is an ordered list of rules; for each parameter the first that matches decides. A file in \
         the same form is a recipe too: `--recipe mine.toml`. A rule of your own goes first: `--set 'GLOB=CALL'`.\n",
    );
    for (name, _) in BUILTIN {
        let recipe = Recipe::named(name)?;
        let _ = writeln!(text, "\n## {name}\n\n{}.\n\nSource: {}", recipe.about.trim_end_matches('.'), recipe.source);
        text.push_str("\n| for | use | because |\n|---|---|---|\n");
        for rule in &recipe.rules {
            let does = format!("`{}`", rule.does.text());
            let _ = writeln!(text, "| {} | {does} | {} |", cell(&rule.condition()), cell(&rule.why));
        }
    }
    Ok(text)
}

/// Text as it may stand in a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
