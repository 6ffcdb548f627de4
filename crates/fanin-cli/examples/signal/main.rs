//! How good the predictions of `fanin::signal` are: every value of a zoo of networks, predicted and measured.
//!
//! `cargo run --release -p fanin-cli --example signal` measures all of it and writes `docs/signal.md`; a word picks the
//! networks whose text contains it, and prints every miss instead.

mod health;
mod measure;
mod page;
mod zoo;

use anyhow::Context as _;
use measure::{Row, Subject};
use rayon::prelude::*;

/// Draws of the weights that are averaged.
const SEEDS: u64 = 8;

/// What came out for one network.
struct Outcome {
    entry: &'static zoo::Entry,
    rows: Vec<Row>,
    ends: Vec<String>,
    /// Milliseconds that the prediction took, and nodes of the graph.
    cost: (f64, usize),
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn main() -> anyhow::Result<()> {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == "--health" {
        return healthy(&std::env::args().nth(2).unwrap_or_default());
    }
    let chosen: Vec<&zoo::Entry> = zoo::ZOO.iter().filter(|entry| entry.text.contains(&word)).collect();
    let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
    for entry in chosen {
        let outcome = match study(entry) {
            Ok(outcome) => outcome,
            Err(error) => {
                println!("{:60} {}", entry.text, reason(&error));
                failures.push((entry.text, reason(&error)));
                continue;
            }
        };
        println!("{}", page::line(&outcome));
        if !word.is_empty() {
            for row in outcome.rows.iter().filter(|row| !row.forward_holds() || row.backward_holds() == Some(false)) {
                println!("  {}", page::miss(row));
            }
            for end in &outcome.ends {
                println!("  ends at {end}");
            }
        }
        outcomes.push(outcome);
    }
    println!("{}", page::total(&outcomes));
    if word.is_empty() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/signal.md");
        std::fs::write(path, page::page(&outcomes, &failures)).with_context(|| path.to_owned())?;
    }
    Ok(())
}

/// Why a network was not measured, in a line.
fn reason(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let line = text.lines().take(3).collect::<Vec<_>>().join(" ");
    line.chars().take(240).collect()
}

/// Measures how networks start with `auto`, and writes the page; a word picks some and prints only.
#[expect(clippy::print_stdout, reason = "a program for people")]
fn healthy(word: &str) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for entry in zoo::ZOO.iter().filter(|entry| entry.text.contains(word)) {
        if all.iter().any(|health: &health::Health| health.entry.text == entry.text) {
            continue;
        }
        match health::Health::of(entry) {
            Ok(health) => {
                println!("{}", health.line());
                all.push(health);
            }
            Err(error) => println!("{:60} {}", entry.text, reason(&error)),
        }
    }
    if word.is_empty() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/auto.md");
        std::fs::write(path, health::page(&all)).with_context(|| path.to_owned())?;
    }
    Ok(())
}

/// Predicts a network's signals, and measures them over several draws.
fn study(entry: &'static zoo::Entry) -> anyhow::Result<Outcome> {
    let subject = Subject::open(entry, false)?;
    let (predicted, cost) = subject.predict();
    let draws: Vec<measure::Draw> =
        (0..SEEDS).into_par_iter().map(|seed| subject.draw(seed)).collect::<anyhow::Result<_>>()?;
    let rows = subject.rows(&predicted, &draws);
    let ends = predicted.ends.iter().map(|end| format!("{}: {}", end.at, end.why)).collect();
    Ok(Outcome { entry, rows, ends, cost })
}
