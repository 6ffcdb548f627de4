//! What is seen while cells run: a line for each strategy, and the time that is left.

use crate::print::number;
use fanin_compare::{Cell, Event};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// More strategies than these are not shown each on a line of its own.
const MOST_LINES: usize = 20;

/// The table on the terminal.
pub(crate) struct Live {
    all: ProgressBar,
    lines: Mutex<BTreeMap<String, Line>>,
    /// What draws all lines together; they go with it.
    _group: MultiProgress,
}

/// Loss and accuracy.
type Figures = (Option<f64>, Option<f64>);

/// A strategy that runs.
struct Line {
    bar: ProgressBar,
    /// The last figures of each seed: loss, accuracy.
    seeds: BTreeMap<(String, u64), Figures>,
}

impl Live {
    /// A table for these cells; hidden where `json` is wanted or standard error is no terminal.
    pub(crate) fn new(cells: &[Cell], json: bool) -> Live {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
        let group = MultiProgress::with_draw_target(target);
        let mut counts: Vec<(String, u64)> = Vec::new();
        for cell in cells {
            match counts.iter_mut().find(|(name, _)| *name == cell.strategy.name) {
                Some((_, count)) => *count += 1,
                None => counts.push((cell.strategy.name.clone(), 1)),
            }
        }
        let width = counts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut lines = BTreeMap::new();
        for (name, count) in counts.into_iter().take(MOST_LINES) {
            let bar = styled(ProgressBar::new(count), "  {prefix}  {bar:12} {pos:>3}/{len}  {msg}");
            let bar = group.add(bar.with_prefix(format!("{name:width$}")));
            lines.insert(name, Line { bar, seeds: BTreeMap::new() });
        }
        let all = styled(ProgressBar::new(cells.len() as u64), "{pos} of {len} runs  {elapsed} gone, {eta} to go");
        let all = group.add(all);
        all.enable_steady_tick(Duration::from_millis(500));
        Live { all, lines: Mutex::new(lines), _group: group }
    }

    /// Shows what has happened.
    pub(crate) fn see(&self, event: &Event<'_>) {
        match event {
            Event::Point { strategy, seed, id, point } => {
                let figures = (point.test.loss.or(point.loss), point.test.accuracy);
                self.line(strategy, |line| {
                    line.seeds.insert(((*id).to_owned(), *seed), figures);
                    line.show();
                });
            }
            Event::End { strategy, .. } | Event::Known { strategy, .. } => {
                self.all.inc(1);
                self.line(strategy, |line| line.bar.inc(1));
            }
            Event::Failed { strategy, .. } => {
                self.all.inc(1);
                self.line(strategy, |line| {
                    line.bar.inc(1);
                    line.bar.set_message("cannot be run");
                });
            }
            // What was damaged is told at the end, where it also stands in a pipe.
            Event::Damaged { .. } | Event::Begin { .. } => {}
        }
    }

    fn line(&self, strategy: &str, change: impl FnOnce(&mut Line)) {
        if let Ok(mut lines) = self.lines.lock()
            && let Some(line) = lines.get_mut(strategy)
        {
            change(line);
        }
    }

    /// Takes the table away.
    pub(crate) fn end(&self) {
        if let Ok(lines) = self.lines.lock() {
            lines.values().for_each(|line| line.bar.finish_and_clear());
        }
        self.all.finish_and_clear();
    }
}

impl Line {
    fn show(&self) {
        let mean = |of: fn(&Figures) -> Option<f64>| {
            let values: Vec<f64> = self.seeds.values().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let mut text = mean(|figures| figures.0).map_or_else(String::new, |loss| format!("loss {}", number(loss)));
        if let Some(accuracy) = mean(|figures| figures.1) {
            let _ = write!(text, "  accuracy {accuracy:.3}");
        }
        self.bar.set_message(text);
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━╸ ")),
        Err(_) => bar,
    }
}
