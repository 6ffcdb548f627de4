//! `fanin diagnose`: what is wrong with a model before it is trained.

use crate::args::Diagnose;
use crate::diagnose;
use crate::failure::Outcome;
use crate::print::{html, report};
use anyhow::Context as _;
use std::io::Write as _;

pub(crate) fn run(options: &Diagnose, json: bool) -> anyhow::Result<Outcome> {
    let found = diagnose::report(options, json)?;
    if let Some(path) = &options.html {
        let page = html::page(&found);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("report");
        let partial = path.with_file_name(format!(".{name}.fanin-partial"));
        let written = std::fs::write(&partial, page).and_then(|()| std::fs::rename(&partial, path));
        written.with_context(|| format!("report {} cannot be written", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        out.write_all(report::text(&found, options.full).as_bytes())?;
    }
    Ok(if found.is_healthy() { Outcome::Fine } else { Outcome::Findings })
}
