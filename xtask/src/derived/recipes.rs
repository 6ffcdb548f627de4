//! `docs/recipes.md`: how recipes are written, and the built-in ones, rule by rule.

use fanin::recipe::{BUILTIN, FACTS};
use fanin::{Recipe, Role, Site};
use std::fmt::Write as _;

pub(super) fn page() -> anyhow::Result<String> {
    let mut text = super::head("crates/fanin/src/recipes/*.toml");
    text.push_str(INTRODUCTION);
    language(&mut text);
    text.push_str("\n## The built-in recipes\n\n| recipe | what it does |\n|---|---|\n");
    let recipes = BUILTIN.iter().map(|(name, _)| Recipe::named(name)).collect::<Result<Vec<_>, _>>()?;
    for recipe in &recipes {
        let _ = writeln!(text, "| [{0}](#{0}) | {1} |", recipe.name, cell(&recipe.about));
    }
    for recipe in &recipes {
        section(&mut text, recipe);
    }
    Ok(text)
}

const INTRODUCTION: &str = "# Recipes

A recipe is an ordered list of rules; for each parameter the first that matches decides. A file in the form of the built-in ones
is a recipe too: `--recipe mine.toml`. A rule of your own goes first: `--set 'GLOB=CALL'`. Options of a recipe are chosen by
`--with NAME=VALUE`.

```toml
about = \"GPT-2 with a wider embedding, as we train it\"
source = \"our wiki\"
extends = \"gpt2\"                 # its rules follow these

[with]                            # its options, and numbers that the file does not show
std = 0.01

[options]                         # what users of this recipe may choose
embedding = { default = 0.05, about = \"standard deviation of the embedding\" }

[let]                             # numbers that several rules use
m = \"width / 256\"

[[rule]]
role = \"embedding\"
use = \"normal(std=embedding)\"
why = \"wider by experience\"

[[rule]]
role = \"weight\"
site = \"up|gate\"
when = { embedding = 0.05 }       # only where this was chosen
use = \"normal(std=0.02 / sqrt(2 * layers))\"
lr = \"1 / m\"                      # factor of the learning rate, stored in the plan
```

A condition that is left out matches everything; `|` separates alternatives. `use` is a call, or `keep`. Its numbers may be
formulas (`+ - * / ^`, parentheses, `sqrt`, `ln`, `exp`, `min`, `max`) of options, shared numbers, and the numbers below. The
plan stores what comes out, and its reasons say which numbers went in. Where queries, keys and values lie in one tensor and rules
tell them apart, each part gets its own call.
";

fn language(text: &mut String) {
    let roles: Vec<String> = Role::ALL.iter().map(|role| format!("`{role}`")).collect();
    let conditions = [
        ("name", "patterns of the name, with `*` and `?`".to_owned()),
        ("role", format!("what it is for: {}", roles.join(", "))),
        ("site", "what it does in its block (below)".to_owned()),
        (
            "residual",
            "whether its output is added to the residual stream; of a norm, whether it ends such a branch".to_owned(),
        ),
        ("block", "whether it is in one of a row of like blocks".to_owned()),
        ("first", "whether the model's input meets it before any other weight".to_owned()),
        ("activation", "the activation that follows, where a graph shows it".to_owned()),
        ("op", "the operator that consumes it: `Conv`, `MatMul`, `LSTM`".to_owned()),
        ("rank", "number of dimensions".to_owned()),
        ("beside", "of a bias, whether the weight beside it is known".to_owned()),
        ("when", "options that must have been chosen".to_owned()),
    ];
    text.push_str("\n| condition | asks |\n|---|---|\n");
    for (name, about) in conditions {
        let _ = writeln!(text, "| `{name}` | {} |", cell(&about));
    }
    text.push_str("\n| site | is |\n|---|---|\n");
    for site in Site::ALL {
        let _ = writeln!(text, "| `{site}` | {} |", site.about());
    }
    text.push_str("\n| number | is | may be said |\n|---|---|---|\n");
    for fact in FACTS {
        let said = if fact.may_be_said { format!("`--with {}=…`", fact.name) } else { String::new() };
        let _ = writeln!(text, "| `{}` | {} | {said} |", fact.name, fact.about);
    }
}

fn section(text: &mut String, recipe: &Recipe) {
    let _ =
        writeln!(text, "\n### {}\n\n{}.\n\nSource: {}", recipe.name, recipe.about.trim_end_matches('.'), recipe.source);
    if !recipe.choices.is_empty() {
        text.push_str("\n| option | is |\n|---|---|\n");
        for choice in &recipe.choices {
            let _ = writeln!(text, "| `{}` | {} |", cell(&choice.line()), cell(&choice.about));
        }
    }
    let pairs = recipe.shared.iter().map(|(name, formula)| format!("`{name} = {formula}`"));
    let chosen = recipe.with.iter().map(|(name, value)| format!("`{name} = {value}`, chosen"));
    let lets: Vec<String> = pairs.chain(chosen).collect();
    if !lets.is_empty() {
        let _ = writeln!(text, "\nWith {}.", lets.join("; "));
    }
    let own: Vec<_> = recipe.rules.iter().filter(|rule| rule.origin.0 == recipe.name).collect();
    if !own.is_empty() {
        text.push_str("\n| for | use | because |\n|---|---|---|\n");
    }
    for rule in own {
        let when = rule.choice();
        let when = if when.is_empty() { String::new() } else { format!("<br>with {when}") };
        let lr = rule.lr.as_ref().map_or(String::new(), |lr| format!("<br>learning rate × `{lr}`"));
        let condition = cell(&(rule.condition() + &when));
        let _ = writeln!(text, "| {condition} | `{}`{} | {} |", cell(&rule.does.text()), cell(&lr), cell(&rule.why));
    }
    if let Some(rule) = recipe.rules.iter().find(|rule| rule.origin.0 != recipe.name) {
        let _ = writeln!(text, "\nThen the rules of [{0}](#{0}).", rule.origin.0);
    }
}

/// Text as it may stand in a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
