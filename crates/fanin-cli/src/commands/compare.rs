//! `fanin compare`: which initialization trains a model best, and whether that can be told.

use crate::args::compare::{Compare, Comparing, Step, Telling};
use crate::compare::live::Live;
use crate::compare::study::study;
use crate::failure::{Outcome, Refused};
use crate::print::{comparison, html, markdown};
use anyhow::Context as _;
use fanin_compare::{Cell, Done, Store, Watch};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
    let cells = study(options)?.cells()?;
    let store = Store::open(folder(options, &cells))?;
    store.expand(&cells)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let done = watched(&store, &cells, options.jobs.unwrap_or(cores), json)?;
    report(&store, &options.telling, &done, json)
}

fn expand(options: &Comparing, json: bool) -> anyhow::Result<Outcome> {
    let cells = study(options)?.cells()?;
    let store = Store::open(folder(options, &cells))?;
    let new = store.expand(&cells)?;
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

/// The folder that was given, or one named after the cells, so that the same command goes on where it was.
fn folder(options: &Comparing, cells: &[Cell]) -> PathBuf {
    let ids = cells.iter().fold(0u64, |sum, cell| sum.rotate_left(7) ^ fanin::stream::name_hash(&cell.id()));
    options.out.clone().unwrap_or_else(|| PathBuf::from(format!("compare-{:08x}", ids as u32)))
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
    let done = watched(&store, &cells[at..=at], 1, json)?;
    failures(&done);
    Ok(if done.failed.is_empty() { Outcome::Fine } else { Outcome::Findings })
}

fn watched(store: &Store, cells: &[Cell], jobs: usize, json: bool) -> anyhow::Result<Done> {
    let live = Live::new(cells, json);
    let watch = Watch::new(|event| {
        live.see(event);
        // A line that cannot be written is told when the results cannot be.
        let _ = store.note(event);
    });
    let done = fanin_compare::run(store, cells, jobs, &watch);
    live.end();
    Ok(done?)
}

#[expect(clippy::print_stderr, reason = "warnings belong on standard error")]
fn failures(done: &Done) {
    for fault in &done.damaged {
        eprintln!("warning: the result of cell {} was damaged ({}); it was run again", fault.id, fault.what);
    }
    let reasons: BTreeSet<&str> = done.failed.iter().map(|(_, why)| why.as_str()).collect();
    for why in reasons {
        let names: Vec<&str> =
            done.failed.iter().filter(|(_, own)| own == why).map(|(name, _)| name.as_str()).collect();
        eprintln!("warning: {} cannot be run: {why}", names.join(", "));
    }
}

fn report(store: &Store, telling: &Telling, done: &Done, json: bool) -> anyhow::Result<Outcome> {
    let found = fanin_compare::summarize(store, telling.target)?;
    let folder = store.folder();
    let text = serde_json::to_string_pretty(&found)?;
    store.write(&folder.join("report.json"), text.as_bytes())?;
    store.write(&folder.join("report.md"), markdown::page(&found).as_bytes())?;
    store.write(&folder.join("results.csv"), fanin_compare::csv(store)?.as_bytes())?;
    let command = command(folder);
    store.write(&folder.join("report.html"), html::comparison::page(&found, &command).as_bytes())?;
    if telling.tensorboard {
        fanin_compare::tensorboard(store)?;
    }
    failures(done);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{text}")?;
    } else {
        let mut shown = comparison::text(&found);
        let _ = writeln!(shown, "\nreport: {}", folder.join("report.html").display());
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
