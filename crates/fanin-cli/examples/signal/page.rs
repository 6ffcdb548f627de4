//! What came out, as text.

use crate::measure::Row;
use crate::{Outcome, SEEDS};
use std::fmt::Write as _;

/// Values that hold, and all, forward and backward.
#[derive(Default)]
struct Score {
    forward: (usize, usize),
    backward: (usize, usize),
    /// The same of those whose mean the draws know.
    known: [(usize, usize); 2],
}

fn score<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Score {
    let mut score = Score::default();
    let count = |of: &mut (usize, usize), holds: bool| {
        of.0 += usize::from(holds);
        of.1 += 1;
    };
    for row in rows {
        count(&mut score.forward, row.forward_holds());
        if row.forward_is_known() {
            count(&mut score.known[0], row.forward_holds());
        }
        let Some(holds) = row.backward_holds() else { continue };
        count(&mut score.backward, holds);
        if row.backward_is_known() {
            count(&mut score.known[1], holds);
        }
    }
    score
}

fn share((part, all): (usize, usize)) -> String {
    if all == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / all as f64) }
}

/// One network in a line.
pub(crate) fn line(outcome: &Outcome) -> String {
    let score = score(&outcome.rows);
    let (forward, backward) = (share(score.forward), share(score.backward));
    format!("{:60} {:4} values  forward {forward:>7}  backward {backward:>7}", outcome.entry.text, score.forward.1)
}

/// One value that was missed.
pub(crate) fn miss(row: &Row) -> String {
    let number = |x: Option<f64>| x.map_or("unknown".to_owned(), |x| format!("{x:.4e}"));
    let forward = format!("{} for {:.4e}", number(row.forward.0), row.forward.1);
    let backward = row.backward.map_or(String::new(), |(p, m)| format!("{} for {m:.4e}", number(p)));
    format!("{:44} {:20} forward {forward:32} backward {backward}", row.name, row.op)
}

/// All networks in a line.
pub(crate) fn total(outcomes: &[Outcome]) -> String {
    let all = score(outcomes.iter().flat_map(|o| &o.rows));
    format!(
        "{} networks, {} values: forward {} within 15 %, backward {} within 25 %; of the {} and {} whose mean {SEEDS} draws \
         know, {} and {}",
        outcomes.len(),
        all.forward.1,
        share(all.forward),
        share(all.backward),
        all.known[0].1,
        all.known[1].1,
        share(all.known[0]),
        share(all.known[1]),
    )
}

/// The page: networks as `auto` plans them, and by rules alone.
pub(crate) fn page(solved: &[Outcome], ruled: &[Outcome], failures: &[(&str, String)]) -> String {
    let mut text = format!(
        "<!-- Written by `cargo run --release -p fanin-cli --example signal`. -->\n\n# How good the predictions are\n\n\
         `fanin::signal` predicts the second moment of every activation and of every gradient from the graph and the laws of \
         the parameters. Here each value of a zoo of networks is held against what the engine measures: the mean over \
         {SEEDS} draws of the weights, with standard normal inputs (uniform tokens), and a standard normal gradient at the \
         output. A prediction holds if it is within 15 % of the measured second moment, within 25 % for a gradient. \
         Normalizations use the statistics of the batch.\n\nOne draw of a narrow, deep network of independent weights differs \
         much from the next, and then not even the mean over {SEEDS} draws is a number to hold a prediction against. So every \
         figure stands twice: for all values, and (*known*) for those whose measured mean has a standard error of at most \
         half the tolerance, over the draws.\n\n\
         As `auto` plans them, where deep networks are near an isometry:\n\n**{}**\n\n\
         With the same roles' rules and without the calculation (He, Glorot, orthogonal …), or with rules of their own:\n\n\
         **{}**\n\n",
        total(solved),
        total(ruled)
    );
    text.push_str("## As `auto` plans them\n\n");
    table(&mut text, solved);
    text.push_str("\n## By rules alone\n\n");
    table(&mut text, ruled);
    if !failures.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for (network, why) in failures {
            let _ = writeln!(text, "- `{network}`: {why}");
        }
    }
    for (title, outcomes) in [("as `auto` plans", solved), ("by rules alone", ruled)] {
        let _ = writeln!(text, "\n## What is missed {title}, and why\n");
        for outcome in outcomes {
            explain(&mut text, outcome);
        }
    }
    text
}

fn table(text: &mut String, outcomes: &[Outcome]) {
    text.push_str(
        "| network | recipe | values | forward | known | backward | known | milliseconds |\n\
         |---|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for outcome in outcomes {
        let score = score(&outcome.rows);
        let own = if outcome.entry.sets.is_empty() { String::new() } else { format!(" and {}", outcome.entry.sets[0]) };
        let recipe = if outcome.solved || !own.is_empty() { outcome.entry.recipe } else { "rules" };
        let _ = writeln!(
            text,
            "| `{}` | {recipe}{own} | {} | {} | {} | {} | {} | {:.1} |",
            outcome.entry.text,
            score.forward.1,
            share(score.forward),
            share(score.known[0]),
            share(score.backward),
            share(score.known[1]),
            outcome.cost.0
        );
    }
}

/// The misses of one network: the operators where they begin.
fn explain(text: &mut String, outcome: &Outcome) {
    let missed: Vec<&Row> =
        outcome.rows.iter().filter(|row| !row.forward_holds() || row.backward_holds() == Some(false)).collect();
    if missed.is_empty() {
        return;
    }
    let ratio = |(predicted, measured): (Option<f64>, f64)| predicted.map(|p| p / measured);
    let mut ratios: Vec<f64> = missed
        .iter()
        .flat_map(|row| {
            let forward = ratio(row.forward).filter(|_| !row.forward_holds());
            let backward = row.backward.and_then(ratio).filter(|_| row.backward_holds() == Some(false));
            forward.into_iter().chain(backward)
        })
        .filter(|r| r.is_finite() && *r > 0.0)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle =
        ratios.get(ratios.len() / 2).map_or(String::new(), |r| format!(", typically predicted {r:.2} times too large"));
    let mut errors: Vec<f64> = missed.iter().map(|row| row.error.0).collect();
    errors.sort_by(f64::total_cmp);
    let error = errors.get(errors.len() / 2).copied().unwrap_or(0.0);
    let scatter = if error > 0.05 {
        format!(
            "; the measured means themselves are known to ±{:.0} % only (standard error over the draws)",
            100.0 * error
        )
    } else {
        String::new()
    };
    let note = if outcome.entry.note.is_empty() { String::new() } else { format!(": {}", outcome.entry.note) };
    let _ = writeln!(text, "- `{}`: {} values{middle}{scatter}{note}.", outcome.entry.text, missed.len());
    for end in &outcome.ends {
        let _ = writeln!(text, "  - not known from `{end}`.");
    }
}
