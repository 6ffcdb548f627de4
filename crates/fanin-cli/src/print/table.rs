//! A plan as a table that a person can read in ten seconds: one line for each kind of parameter.

use super::{number, shape, sheet, terminal_width};
use fanin::{Action, Decision, Plan};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Columns of a terminal below which the reasons are left out.
const NARROW: u16 = 100;

/// How many unused tensors are named without `--full`.
const UNUSED: usize = 8;

/// Decisions that look the same but for the numbers in their names.
struct Kind<'a> {
    first: &'a Decision,
    last: &'a Decision,
    count: usize,
}

/// The table of a plan; `full` gives every tensor its own line.
pub(crate) fn plan(plan: &Plan, model: &str, full: bool) -> String {
    let mut text = format!("{model}  recipe {}  seed {}\n\n", plan.recipe, plan.seed);
    let shown = plan.decisions.iter().filter(|d| full || !matches!(d.action, Action::Keep));
    let kinds = kinds(shown, full);
    if !kinds.is_empty() {
        let mut headers = vec!["parameter", "shape", "role", "values", "std", "because"];
        let rates = kinds.iter().any(|kind| kind.first.lr.is_some());
        if rates {
            headers.insert(5, "lr ×");
        }
        // What is predicted of a layer's output and of its gradient, by the rules alone and as planned.
        let signals = kinds.iter().any(|kind| signal(kind.first, "forward").is_some());
        if signals {
            headers.splice(headers.len() - 1..headers.len() - 1, ["forward", "backward"]);
        }
        // On a narrow terminal the reasons would leave no room for the names; `--why` tells them.
        if terminal_width().is_some_and(|width| width < NARROW) {
            headers.pop();
        }
        let mut table = sheet(&headers);
        for kind in &kinds {
            let mut row = row(kind).to_vec();
            if rates {
                row.insert(5, kind.first.lr.map_or_else(String::new, number));
            }
            if signals {
                let [forward, backward] =
                    ["forward", "backward"].map(|about| signal(kind.first, about).unwrap_or_default());
                row.splice(row.len() - 1..row.len() - 1, [forward, backward]);
            }
            table.add_row(row.into_iter().take(headers.len()));
        }
        let _ = writeln!(text, "{table}");
    }
    let _ = writeln!(text, "\n{}", summary(plan));
    if !plan.unused.is_empty() {
        let shown = if full { plan.unused.len() } else { UNUSED };
        let names: Vec<&str> = plan.unused.iter().take(shown).map(String::as_str).collect();
        let more = if plan.unused.len() > names.len() { ", …" } else { "" };
        let _ = writeln!(text, "unused in the source: {}{more}", names.join(", "));
    }
    if !plan.unsure.is_empty() {
        text.push('\n');
    }
    for question in &plan.unsure {
        let _ = writeln!(text, "unsure: {question}");
    }
    text
}

fn kinds<'a>(decisions: impl Iterator<Item = &'a Decision>, full: bool) -> Vec<Kind<'a>> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for decision in decisions {
        let name = &decision.param.name;
        let pattern: String = name.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        let pattern = pattern.split('#').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("#");
        let signals = (signal(decision, "forward"), signal(decision, "backward"));
        let like = (decision.param.role.value, values(decision), because(decision), decision.lr.map(number), signals);
        // Zeros and ones are told by the role: wherever they stand, they are one kind.
        let key = match decision.variance {
            _ if full => name.clone(),
            Some(0.0) => format!("{like:?}"),
            _ => format!("{pattern} {:?} {like:?}", decision.param.shape),
        };
        if let Some(&at) = index.get(&key) {
            kinds[at].count += 1;
            kinds[at].last = decision;
        } else {
            index.insert(key, kinds.len());
            kinds.push(Kind { first: decision, last: decision, count: 1 });
        }
    }
    kinds
}

fn row(kind: &Kind) -> [String; 6] {
    let first = kind.first;
    let name = match kind.count {
        1 => first.param.name.clone(),
        2 => format!("{} and {}", first.param.name, tail(&first.param.name, &kind.last.param.name)),
        n => format!("{} … {} ({n})", first.param.name, tail(&first.param.name, &kind.last.param.name)),
    };
    [
        name,
        shapes(first, kind.last),
        first.param.role.value.to_string(),
        values(first),
        first.std().filter(|&std| std > 0.0).map_or_else(String::new, number),
        because(first),
    ]
}

/// The shape of one, or of the first and the last of a kind.
fn shapes(first: &Decision, last: &Decision) -> String {
    let (first, last) = (shape(&first.param.shape), shape(&last.param.shape));
    if first == last { first } else { format!("{first} … {last}") }
}

/// The part of `last` from where it differs from `first`, up to the end of that word, and what follows.
fn tail<'a>(first: &str, last: &'a str) -> &'a str {
    let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let word = last[..last.floor_char_boundary(same)].rfind(['.', '/', '_', '@']).map_or(0, |at| at + 1);
    &last[word..]
}

fn values(decision: &Decision) -> String {
    match &decision.action {
        Action::Fill(call) => match decision.adjust.factor {
            1.0 => brief(call),
            factor => format!("{} × {}", brief(call), number(factor)),
        },
        Action::Keep => "keep".to_owned(),
        Action::Tie(tied) => format!("{} {}", tied.form, tied.to),
        Action::Take(take) if take.is_copy() => "taken".to_owned(),
        Action::Take(take) if !take.changes() => "taken, rearranged".to_owned(),
        Action::Take(_) => "fitted".to_owned(),
    }
}

/// A call with its numbers as short as the table's; `--why` has all digits.
fn brief(call: &fanin::Call) -> String {
    let mut call = call.clone();
    for value in call.args.values_mut().filter(|value| value.is_f64()) {
        let shown = value.as_f64().and_then(|long| number(long).parse::<f64>().ok());
        *value = shown.map_or(serde_json::Value::Null, serde_json::Value::from);
    }
    call.to_string()
}

/// What is predicted of the layer of a weight: second moments by the rules alone and as planned.
fn signal(decision: &Decision, about: &str) -> Option<String> {
    decision.reasons.iter().find(|reason| reason.about == about).map(|reason| reason.text.clone())
}

/// The shortest reason: the activation that follows, what the fans are, or why a tensor is kept.
fn because(decision: &Decision) -> String {
    let text = |about: &str| decision.reasons.iter().find(|r| r.about == about).map(|r| r.text.clone());
    if let Some(why) = text("keep") {
        return why;
    }
    if let (Action::Tie(_), Some(tied)) = (&decision.action, &decision.param.place.tied) {
        return tied.from.to_string();
    }
    let fits: Vec<String> = decision.reasons.iter().filter(|r| r.about == "fit").map(|r| r.text.clone()).collect();
    if matches!(decision.action, Action::Take(_)) {
        // How it was found; the names themselves are told by `--why`.
        let how = text("taken").and_then(|t| t.split_once(": ").map(|(_, how)| how.to_owned())).unwrap_or_default();
        return if fits.is_empty() { how } else { fits.join(", ") };
    }
    if let Some(why) = text("fresh") {
        return why;
    }
    if decision.variance == Some(0.0) {
        return String::new();
    }
    let follows = decision.param.place.follows.as_ref().map(|f| format!("{} follows", f.value.activation));
    let fan = text("fan_in").filter(|_| decision.variance.is_some());
    let parts = text("parts").map(|t| t.split(':').next().unwrap_or_default().to_owned());
    let unsure = (!decision.param.place.doubts.is_empty()).then(|| "unsure, see below".to_owned());
    let all: Vec<String> = [follows, fan, parts, unsure].into_iter().flatten().collect();
    all.join(", ")
}

/// One line: how much is drawn, how much is kept and why.
fn summary(plan: &Plan) -> String {
    let drawn: Vec<_> = plan.decisions.iter().filter(|d| matches!(d.action, Action::Fill(_))).collect();
    let drawn_values: u64 = drawn.iter().map(|d| d.param.count().unwrap_or(0)).sum();
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    for decision in plan.decisions.iter().filter(|d| matches!(d.action, Action::Keep)) {
        *kept.entry(decision.param.role.value.name()).or_default() += 1;
    }
    let taken: Vec<_> = plan.takes().collect();
    let fitted = taken.iter().filter(|(_, take)| take.changes()).count();
    let taken = match taken.first() {
        None => String::new(),
        Some((_, take)) => {
            let fitted = if fitted == 0 { String::new() } else { format!(", {fitted} of them fitted") };
            let unused = match plan.unused.len() {
                0 => "all its tensors are used".to_owned(),
                count => format!("{count} of its tensors unused"),
            };
            format!("{} parameters taken from {}{fitted}; {unused}. ", taken.len(), take.file)
        }
    };
    let made = match drawn.len() {
        0 if !taken.is_empty() => "Nothing drawn".to_owned(),
        count => format!("{count} parameters drawn, {drawn_values} values"),
    };
    let total: usize = kept.values().sum();
    let by_role: Vec<String> = kept.iter().map(|(role, count)| format!("{count} {role}")).collect();
    let kept =
        if total == 0 { "none kept".to_owned() } else { format!("{total} tensors kept ({})", by_role.join(", ")) };
    let tied = plan.decisions.iter().filter(|d| matches!(d.action, Action::Tie(_))).count();
    let tied = if tied == 0 { String::new() } else { format!("{tied} tied to them; ") };
    format!("{taken}{made}; {tied}{kept}. --full shows all, --why NAME tells why.")
}
