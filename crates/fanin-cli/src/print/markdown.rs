//! A comparison as Markdown, to be put into a page of one's own.

use super::comparison::{duel_rows, interval, short, standing};
use super::number;
use fanin_compare::{CaseSummary, Comparison, LayerProfile, Metric, Row};
use std::fmt::Write as _;

/// The whole comparison: a heading, the verdict and a table for each case, and how the strategies did over all.
pub(crate) fn page(found: &Comparison) -> String {
    let mut text = String::new();
    for case in &found.cases {
        section(&mut text, case);
    }
    if found.cases.len() > 1 {
        let (names, rows) = duel_rows(found);
        let _ = writeln!(text, "### Over all cases\n\nBetter : worse, where that is hardly chance.\n");
        let headers: Vec<String> = std::iter::once("than".to_owned()).chain(names).collect();
        table(&mut text, &headers, &rows);
    }
    let (done, all) = (found.cells - found.missing.len(), found.cells);
    let missing = if done < all { format!(" of {all}; the rest has no result yet") } else { String::new() };
    let _ = writeln!(text, "{done} runs{missing}, {:.0} s of training.", found.seconds);
    text
}

fn section(text: &mut String, case: &CaseSummary) {
    let training = &case.training;
    let _ = write!(
        text,
        "### {}\n\n{} seeds, {} steps of {} rows, {}",
        escaped(&case.name),
        case.seeds.len(),
        training.steps,
        training.batch,
        training.optimizer
    );
    let rate = if case.tuned { "each at its best rate".to_owned() } else { format!("rate {}", number(training.rate)) };
    let _ = writeln!(text, ", {} schedule, {rate}.\n\n{}\n", training.schedule, escaped(&case.verdict.text));
    let mut headers = vec!["strategy", case.metric.name(), "against the best", "training loss"];
    let rates = case.rows.iter().any(|row| row.rates != [training.rate]);
    headers.extend(rates.then_some("rate"));
    let steps = case.target.map_or_else(|| "steps".to_owned(), |target| format!("steps to {}", short(target)));
    headers.extend([steps.as_str(), "learned", "activations", "gradients"]);
    let headers: Vec<String> = headers.into_iter().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = case.rows.iter().map(|row| line(row, case.metric, rates)).collect();
    table(text, &headers, &rows);
    if case.rows.iter().any(|row| row.model != case.model) {
        let models: Vec<String> =
            case.rows.iter().map(|row| format!("`{}` is `{}`", row.strategy, row.model)).collect();
        let _ = writeln!(text, "{}.\n", models.join(", "));
    }
}

fn line(row: &Row, metric: Metric, rates: bool) -> Vec<String> {
    let plain = |value: Option<fanin_compare::statistics::Interval>| {
        value.map_or_else(|| "no number".to_owned(), |v| short(v.mean))
    };
    let mut cells = vec![format!("`{}`", row.strategy), interval(row.score), standing(row), plain(row.train_loss)];
    if metric == Metric::Loss {
        cells[3] = interval(row.train_loss);
    }
    if rates {
        cells.push(row.rates.iter().map(|&rate| number(rate)).collect::<Vec<_>>().join(", "));
    }
    cells.push(row.steps_to_target.map_or_else(|| "–".to_owned(), |steps| format!("{:.0}", steps.mean)));
    cells.push(format!("{} of {}", row.learned, row.seeds));
    let ends = |of: fn(&LayerProfile) -> Option<f64>| {
        let found = |layer: Option<&LayerProfile>| layer.and_then(of).map_or_else(|| "–".to_owned(), number);
        [found(row.before.first()), found(row.before.last())]
    };
    let [first, last] = ends(|layer| layer.forward);
    cells.push(format!("{first} → {last}"));
    let [first, last] = ends(|layer| layer.backward);
    cells.push(format!("{last} → {first}"));
    cells
}

fn table(text: &mut String, headers: &[String], rows: &[Vec<String>]) {
    let row = |text: &mut String, cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    row(text, headers);
    let _ = writeln!(text, "|{}", "---|".repeat(headers.len()));
    for cells in rows {
        row(text, cells);
    }
    text.push('\n');
}

/// A cell's text: what would end it is written so that it does not.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_a_table() {
        let mut text = String::new();
        table(&mut text, &["a".to_owned(), "b".to_owned()], &[vec!["x|y".to_owned(), "1\n2".to_owned()]]);
        assert_eq!(text, "| a | b |\n|---|---|\n| x\\|y | 1 2 |\n\n");
    }
}
