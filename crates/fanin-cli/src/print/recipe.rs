//! The page of a recipe: what it is for, what can be chosen, and its rules in words.

use super::sheet;
use fanin::Recipe;
use fanin::recipe::{FACTS, Rule};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A recipe as data.
pub(crate) fn json(recipe: &Recipe, text: &str) -> Value {
    let options: Vec<_> = recipe
        .choices
        .iter()
        .map(|c| json!({ "name": c.name, "about": c.about, "default": c.default, "of": c.of }))
        .collect();
    let rules: Vec<_> = recipe
        .rules
        .iter()
        .map(|rule| {
            json!({
                "recipe": rule.origin.0, "for": rule.condition(), "when": rule.choice(), "use": rule.does.text(),
                "lr": rule.lr.as_ref().map(ToString::to_string), "why": rule.why,
            })
        })
        .collect();
    json!({
        "name": recipe.name, "about": recipe.about, "source": recipe.source, "options": options, "rules": rules, "toml": text,
    })
}

/// A recipe as a page of text.
pub(crate) fn page(recipe: &Recipe) -> String {
    let mut text = format!("{}: {}\n\nSource   {}\n", recipe.name, recipe.about, recipe.source);
    for choice in &recipe.choices {
        let _ = writeln!(text, "Option   {:28} {}", choice.line(), choice.about);
    }
    for (name, formula) in &recipe.shared {
        let _ = writeln!(text, "Let      {name} = {formula}");
    }
    for (name, value) in &recipe.with {
        let _ = writeln!(text, "With     {name} = {value}");
    }
    for fact in FACTS.iter().filter(|fact| asks(recipe, fact.name)) {
        let said = if fact.may_be_said { format!("; or say it: --with {}=…", fact.name) } else { String::new() };
        let _ = writeln!(text, "Number   {:28} {}{said}", fact.name, fact.about);
    }
    text
}

/// The rules as a table, the first that matches first.
pub(crate) fn rules(recipe: &Recipe) -> String {
    let mut table = sheet(&["", "for", "use", "because"]);
    for rule in &recipe.rules {
        let choice = rule.choice();
        let when = if choice.is_empty() { String::new() } else { format!(" (with {choice})") };
        let lr = rule.lr.as_ref().map_or(String::new(), |lr| format!(", learning rate × {lr}"));
        table.add_row([number(recipe, rule), rule.condition() + &when, rule.does.text() + &lr, rule.why.clone()]);
    }
    format!("{table}\n\nThe first rule that matches decides; yours go before them: --set 'GLOB=CALL'.\n")
}

fn number(recipe: &Recipe, rule: &Rule) -> String {
    let (origin, number) = &rule.origin;
    if *origin == recipe.name { number.to_string() } else { format!("{origin} {number}") }
}

/// Whether a formula of the recipe asks for a number of the model.
fn asks(recipe: &Recipe, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let formulas = recipe.rules.iter().flat_map(|rule| {
        let lr = rule.lr.as_ref().map(ToString::to_string);
        std::iter::once(rule.does.text()).chain(lr)
    });
    let mut all = formulas.chain(recipe.shared.values().map(ToString::to_string));
    // `layers=12` names an argument, `1 / layers` asks.
    all.any(|text| {
        text.match_indices(name).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + name.len()..]);
            let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
            whole && !after.trim_start().starts_with('=') && !before.ends_with("mode=")
        })
    })
}
