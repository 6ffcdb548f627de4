//! `fanin compare` where things go wrong: killed, with damaged files, and two at one folder.

mod harness;

use harness::Desk;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const CELLS: usize = 12;
const JOBS: &str = "2";
const ARGS: [&str; 12] = [
    "compare",
    "mlp:64-32x2-10:relu",
    "--strategies",
    "he,xavier",
    "--seeds",
    "6",
    "--steps",
    "150",
    "--jobs",
    JOBS,
    "-o",
    "out",
];

/// The figures of every run, without what time it took.
fn figures(desk: &Desk) -> BTreeSet<String> {
    let text = desk.text("out/results.csv");
    let (head, rest) = text.split_once('\n').unwrap();
    let seconds = head.split(',').position(|name| name == "seconds").unwrap();
    let timeless = |line: &str| {
        // From behind: only names at the front have commas.
        let behind = head.split(',').count() - 1 - seconds;
        let parts: Vec<&str> =
            line.rsplit(',').enumerate().filter(|(at, _)| *at != behind).map(|(_, part)| part).collect();
        parts.join(",")
    };
    rest.lines().map(timeless).collect()
}

/// How often each cell has had an event.
fn events(desk: &Desk, kind: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let text = std::fs::read_to_string(desk.path("out/events.jsonl")).unwrap_or_default();
    // The last line may be half there while it is written.
    for line in text.rsplit_once('\n').map_or("", |(whole, _)| whole).lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if event["event"] == kind {
            *counts.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The program, at work.
fn started(desk: &Desk) -> Child {
    desk.command(&ARGS).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until so many cells have ended, or the program has.
fn wait_for(desk: &Desk, ended: usize, child: &mut Child) {
    let begun = Instant::now();
    while events(desk, "end").len() < ended && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(5), "the program does not come on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_program_that_is_killed_loses_at_most_the_cells_it_was_at() {
    let whole = Desk::new();
    whole.fine(&ARGS);
    let desk = Desk::new();
    for ended in [1, 4, 7, 8] {
        let mut child = started(&desk);
        wait_for(&desk, ended, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        let (ends, begins) = (events(&desk, "end"), events(&desk, "begin"));
        assert!(ends.len() >= ended, "what has ended before stays");
        let report = desk.json(&["compare", "report", "out"]);
        let missing = report["missing"].as_array().unwrap();
        assert_eq!(report["damaged"].as_array().unwrap().len(), 0, "a result is there as a whole or not at all");
        // A cell whose result is there may have been killed before it was told.
        assert!(
            missing.len() <= CELLS - ends.len(),
            "{} of {CELLS} are missing, {} have ended",
            missing.len(),
            ends.len()
        );
        let lost = missing.iter().filter(|id| begins.contains_key(id.as_str().unwrap())).count();
        assert!(lost <= JOBS.parse().unwrap(), "{lost} cells that had begun are lost");
    }
    let ended: BTreeSet<String> = events(&desk, "end").into_keys().collect();
    desk.fine(&ARGS);
    assert_eq!(figures(&desk), figures(&whole), "the same figures as without being killed");
    let ends = events(&desk, "end");
    assert!(ended.iter().all(|id| ends[id] == 1), "what had ended was not run again: {ends:?}");
    assert!(events(&desk, "begin").values().sum::<usize>() <= CELLS + 4 * JOBS.parse::<usize>().unwrap());
}

#[test]
fn a_damaged_cell_is_named_and_run_again() {
    let desk = Desk::new();
    desk.fine(&ARGS);
    let (before, results) = (figures(&desk), desk.path("out/results"));
    let victim = events(&desk, "end").into_keys().next().unwrap();
    let half = std::fs::read(results.join(&victim)).unwrap();
    std::fs::write(results.join(&victim), &half[..half.len() / 2]).unwrap();
    let report = desk.run(&["compare", "report", "out"]);
    assert!(report.code == 1 && report.out.contains(&victim) && report.out.contains("damaged"), "{}", report.out);
    let again = desk.run(&ARGS);
    assert!(again.err.contains(&format!("the result of cell {victim} was damaged")), "{}", again.err);
    assert_eq!((again.code, figures(&desk)), (0, before));
    assert_eq!(events(&desk, "end").values().sum::<usize>(), CELLS + 1, "and no other");
}

#[test]
fn two_programs_at_one_folder_share_its_cells() {
    let whole = Desk::new();
    whole.fine(&ARGS);
    let desk = Desk::new();
    let mut both = [started(&desk), started(&desk)];
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    let begins = events(&desk, "begin");
    assert!(begins.len() == CELLS && begins.values().all(|&count| count == 1), "each cell once: {begins:?}");
    assert_eq!(figures(&desk), figures(&whole));
}
