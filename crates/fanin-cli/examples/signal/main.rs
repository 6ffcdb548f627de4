//! How good the predictions of `fanin::signal` are: every value of a zoo of networks, predicted and measured.
//!
//! `cargo run --release -p fanin-cli --example signal` measures all of it and writes `docs/signal.md`; a word picks the
//! networks whose text contains it, and prints every miss instead (`--all`: every value). Every network is measured twice: as `auto` plans it, and
//! with the independent draws of rules alone, which are harder to predict.

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
    /// Whether the plan is calculated on the graph.
    solved: bool,
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
    let every = std::env::args().nth(2).is_some_and(|option| option == "--all");
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for solved in [true, false] {
        let mut outcomes = Vec::new();
        println!("{}", if solved { "as auto plans" } else { "by rules alone" });
        for entry in zoo::ZOO.iter().filter(|entry| entry.text.contains(&word) && entry.is_measured(solved)) {
            match study(entry, solved) {
                Ok(outcome) => {
                    print(&outcome, !word.is_empty(), every);
                    outcomes.push(outcome);
                }
                Err(error) => {
                    println!("{:60} {}", entry.text, reason(&error));
                    failures.push((entry.text, reason(&error)));
                }
            }
        }
        println!("{}", page::total(&outcomes));
        all.push(outcomes);
    }
    if word.is_empty() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/signal.md");
        std::fs::write(path, page::page(&all[0], &all[1], &failures)).with_context(|| path.to_owned())?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn print(outcome: &Outcome, misses: bool, every: bool) {
    println!("{}", page::line(outcome));
    if misses {
        for row in
            outcome.rows.iter().filter(|row| every || !row.forward_holds() || row.backward_holds() == Some(false))
        {
            println!("  {}", page::miss(row));
        }
        for end in &outcome.ends {
            println!("  ends at {end}");
        }
    }
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
fn study(entry: &'static zoo::Entry, solved: bool) -> anyhow::Result<Outcome> {
    let subject = Subject::open(entry, solved)?;
    let (predicted, cost) = subject.predict();
    let draws: Vec<measure::Draw> =
        (0..SEEDS).into_par_iter().map(|seed| subject.draw(seed)).collect::<anyhow::Result<_>>()?;
    let rows = subject.rows(&predicted, &draws);
    let ends = predicted.ends.iter().map(|end| format!("{}: {}", end.at, end.why)).collect();
    Ok(Outcome { entry, solved, rows, ends, cost })
}
