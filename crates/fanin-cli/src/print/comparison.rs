//! A comparison as text: the verdict first, then a line for each strategy.

use super::{number, sheet, wrap};
use fanin_compare::statistics::Interval;
use fanin_compare::{CaseSummary, Comparison, Metric, Row, Standing};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Ids that are named; there may be thousands.
const MOST_IDS: usize = 4;

/// The whole comparison.
pub(crate) fn text(found: &Comparison) -> String {
    let mut text = String::new();
    for case in &found.cases {
        let _ = write!(text, "{}", one(case));
    }
    if found.cases.len() > 1 {
        let _ = writeln!(text, "{}", duels(found));
    }
    if !found.damaged.is_empty() {
        for fault in &found.damaged {
            let _ = writeln!(text, "warning: the result of cell {} is damaged: {}", fault.id, fault.what);
        }
    }
    if !found.missing.is_empty() {
        let shown: Vec<&str> = found.missing.iter().take(MOST_IDS).map(String::as_str).collect();
        let more = if found.missing.len() > MOST_IDS { " …" } else { "" };
        let (missing, all) = (found.missing.len(), found.cells);
        let _ = writeln!(text, "{missing} of {all} runs have no result yet: {}{more}", shown.join(" "));
    }
    let _ = writeln!(
        text,
        "{} runs, {:.1} s of training; {} rows a second on one core",
        found.cells - found.missing.len(),
        found.seconds,
        number(found.rows_per_second.round())
    );
    text
}

/// How often each strategy did better and worse than each other: `3 : 1` of so many cases.
fn duels(found: &Comparison) -> String {
    let (names, rows) = duel_rows(found);
    let headers: Vec<&str> = std::iter::once("better : worse than").chain(names.iter().map(String::as_str)).collect();
    let mut table = sheet(&headers);
    for row in rows {
        table.add_row(row);
    }
    format!("{} cases; better or worse where that is hardly chance\n\n{table}\n", found.cases.len())
}

/// The strategies, and for each a line: its name, and how it did against each of them.
pub(crate) fn duel_rows(found: &Comparison) -> (Vec<String>, Vec<Vec<String>>) {
    let duels = found.duels();
    let mut names: Vec<String> = duels.iter().map(|duel| duel.a.clone()).collect();
    names.dedup();
    let cell = |a: &str, b: &str| {
        let duel = duels.iter().find(|duel| duel.a == a && duel.b == b);
        duel.map_or_else(String::new, |duel| format!("{} : {}", duel.better, duel.worse))
    };
    let rows = names.iter().map(|a| std::iter::once(a.clone()).chain(names.iter().map(|b| cell(a, b))).collect());
    let rows = rows.collect();
    (names, rows)
}

fn one(case: &CaseSummary) -> String {
    let mut text =
        format!("{}  {} seeds  {} steps of {}", case.name, case.seeds.len(), case.training.steps, case.training.batch);
    if !case.tuned {
        let _ = write!(text, "  rate {}", number(case.training.rate));
    }
    text.push_str("\n\n");
    text += &wrap::for_terminal(&format!("{}\n\n", case.verdict.text));
    for bought in &case.bought {
        text += &wrap::for_terminal(&format!("{}\n\n", bought.text()));
    }
    let by_accuracy = case.metric == Metric::Accuracy;
    let to = case.target.map_or_else(|| "steps".to_owned(), |target| format!("steps to {}", short(target)));
    let mut headers = vec!["strategy", case.metric.name(), "against the best", "train", "gap", &to, "learned"];
    if case.tuned {
        headers.insert(1, "rate");
    }
    let mut table = sheet(&headers);
    for row in &case.rows {
        let mut cells = cells(row, by_accuracy);
        if case.tuned {
            let rates: Vec<String> = row.rates.iter().map(|&rate| number(rate)).collect();
            cells.insert(1, rates.join(", "));
        }
        table.add_row(cells);
    }
    let _ = writeln!(text, "{table}\n");
    for note in notes(case) {
        text += &wrap::for_terminal(&format!("note: {note}\n\n"));
    }
    text
}

/// What runs have to tell, each once.
fn notes(case: &CaseSummary) -> BTreeSet<&str> {
    case.rows.iter().flat_map(|row| &row.notes).map(String::as_str).collect()
}

fn cells(row: &Row, by_accuracy: bool) -> Vec<String> {
    let train = if by_accuracy { row.train_accuracy } else { row.train_loss };
    let steps = row.steps_to_target.map_or_else(
        || "–".to_owned(),
        |steps| {
            let some =
                if row.reached < row.seeds { format!(" ({} of {})", row.reached, row.seeds) } else { String::new() };
            format!("{:.0}{some}", steps.mean)
        },
    );
    vec![
        row.strategy.clone(),
        interval(row.score),
        standing(row),
        train.map_or_else(String::new, |train| short(train.mean)),
        row.gap.map_or_else(String::new, |gap| short(gap.mean)),
        steps,
        format!("{} of {}", row.learned, row.seeds),
    ]
}

/// How a strategy stands, in a few words.
pub(crate) fn standing(row: &Row) -> String {
    if let Some(same) = &row.same_as {
        return format!("the same values as {same}");
    }
    match (row.standing, row.to_best) {
        (Standing::Worse, Some(pair)) => format!("{} worse", short(-pair.difference)),
        (Standing::NotSeparable, _) => "not separable".to_owned(),
        (standing, _) => standing.words().to_owned(),
    }
}

/// `0.912 ± 0.010`.
pub(crate) fn interval(interval: Option<Interval>) -> String {
    match interval {
        None => "no number".to_owned(),
        Some(Interval { mean, n: 1, .. }) => short(mean),
        Some(interval) => {
            let mean = short(interval.mean);
            // As many decimals as the mean has, where it is written with decimals.
            let half = if mean.contains('e') { short(interval.half()) } else { format!("{:.3}", interval.half()) };
            format!("{mean} ± {half}")
        }
    }
}

/// Three decimals, where these say something.
pub(crate) fn short(value: f64) -> String {
    if value != 0.0 && !(0.001..1000.0).contains(&value.abs()) { number(value) } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(interval(Interval::of(&[0.5])), "0.500");
        assert_eq!(interval(Interval::of(&[0.5, 0.5])), "0.500 ± 0.000");
        assert_eq!(interval(None), "no number");
        assert_eq!(interval(Interval::of(&[2.3, 2.300_1])), "2.300 ± 0.001");
        assert_eq!(short(1234.5), "1234");
        assert_eq!(short(2e-5), "2.000e-5");
    }
}
