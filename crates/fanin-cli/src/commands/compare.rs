//! `fanin compare`: which initialization trains a model best, and whether that can be told.

use crate::args::compare::{Compare, Comparing, Step, Telling};
use crate::compare::asked::{self, Asked, Told, watched};
use crate::failure::{Outcome, Refused};
use anyhow::Context as _;
use fanin_compare::{Done, Store};
use std::io::Write as _;
use std::path::Path;

pub(crate) fn run(options: &Compare, json: bool) -> anyhow::Result<Outcome> {
    match &options.step {
        None => whole(&options.comparing, json),
        Some(Step::Expand(comparing)) => expand(comparing, json),
        Some(Step::Cell { folder, cell }) => one(folder, cell, json),
        Some(Step::Report { folder, telling }) => {
            let store = existing(folder)?;
            report(&store, telling, &Done::default(), json)
        }
    }
}

fn whole(options: &Comparing, json: bool) -> anyhow::Result<Outcome> {
    let asked = Asked::of(options)?;
    let done = asked.run(json, None)?;
    report(&asked.store, &asked.telling, &done, json)
}

fn expand(options: &Comparing, json: bool) -> anyhow::Result<Outcome> {
    let Asked { store, new, .. } = Asked::of(options)?;
    let all = store.cells()?.len();
    let mut out = std::io::stdout().lock();
    if json {
        let told = serde_json::json!({ "folder": store.folder(), "cells": all, "new": new });
        writeln!(out, "{told}")?;
    } else {
        let shown = store.folder().display();
        writeln!(out, "{all} cells in {shown}, {new} of them new. Run each: fanin compare cell {shown} 1 … {all}")?;
    }
    Ok(Outcome::Fine)
}

fn existing(folder: &Path) -> anyhow::Result<Store> {
    if !folder.is_dir() {
        let text = format!(
            "{}: there is no such folder; expected one of `fanin compare -o`. Check the path.",
            folder.display()
        );
        return Err(Refused(text).into());
    }
    Ok(Store::open(folder)?)
}

fn one(folder: &Path, cell: &str, json: bool) -> anyhow::Result<Outcome> {
    let store = existing(folder)?;
    let cells = store.cells()?;
    let number = cell.parse::<usize>().ok().filter(|&number| (1..=cells.len()).contains(&number));
    let at = number.map(|number| number - 1).or_else(|| cells.iter().position(|own| own.id() == cell));
    let at = at.ok_or_else(|| {
        let all = cells.len();
        Refused(format!(
            "{cell}: there is no such cell; expected a number from 1 to {all}, or an id. See {}/cells.jsonl.",
            folder.display()
        ))
    })?;
    let done = watched(&store, &cells[at..=at], 1, json, None)?;
    failures(&done);
    Ok(if done.failed.is_empty() { Outcome::Fine } else { Outcome::Findings })
}

#[expect(clippy::print_stderr, reason = "warnings belong on standard error")]
fn failures(done: &Done) {
    for (strategy, why) in &done.failed {
        eprintln!("warning: {strategy} cannot be run: {why}");
    }
}

fn report(store: &Store, telling: &Telling, done: &Done, json: bool) -> anyhow::Result<Outcome> {
    let folder = store.folder();
    let Told { found, text, .. } = asked::report(store, telling, &command(folder))?;
    failures(done);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        let shown = format!("{text}\nreport: {}\n", folder.join("report.html").display());
        out.write_all(shown.as_bytes()).context("standard output")?;
    }
    Ok(if done.failed.is_empty() && found.damaged.is_empty() { Outcome::Fine } else { Outcome::Findings })
}

/// The command that was given, to be shown beside what it found; for a report alone, the one that reports.
fn command(folder: &Path) -> String {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<String> = args.iter().map(|word| fanin::report::quoted(word)).collect();
    if words.is_empty() {
        format!("fanin compare report {}", folder.display())
    } else {
        format!("fanin {}", words.join(" "))
    }
}
