//! A folder of cells: stopped, damaged, shared and read as it is.

use fanin_compare::{Arm, Case, Cell, Event, Outcome, Standing, Store, Study, Watch, csv, run, summarize, tensorboard};
use std::sync::Mutex;

fn study(strategies: &[&str], seeds: u64) -> Study {
    Study {
        model: "mlp:64-16x2-10:relu".to_owned(),
        strategies: strategies.iter().map(|&name| name.to_owned()).collect(),
        seeds,
        steps: 20,
        evaluations: 2,
        ..Study::default()
    }
}

fn folder(study: &Study) -> (tempfile::TempDir, Store, Vec<Cell>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.expand(&study.cells().unwrap()).unwrap();
    let cells = store.cells().unwrap();
    (folder, store, cells)
}

fn outcome(store: &Store, cell: &Cell) -> Outcome {
    store.get(&cell.id()).unwrap().unwrap().unwrap()
}

/// An outcome without what time it took.
fn timeless(mut outcome: Outcome) -> Outcome {
    outcome.seconds = 0.0;
    outcome.curve.iter_mut().for_each(|point| point.seconds = 0.0);
    outcome
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let (_folder, store, cells) = folder(&study(&["he", "xavier"], 2));
    assert_eq!(run(&store, &cells[..1], 1, &Watch::silent()).unwrap().finished, 1);
    let found = summarize(&store, None).unwrap();
    assert_eq!((found.cells, found.missing.len()), (4, 3), "a report of what is there");
    let first = outcome(&store, &cells[0]);
    let done = run(&store, &cells, 2, &Watch::silent()).unwrap();
    assert_eq!((done.finished, done.known), (3, 1));
    assert_eq!(outcome(&store, &cells[0]), first, "what was there was not run again");
    assert!(summarize(&store, None).unwrap().missing.is_empty());
    assert_eq!(store.expand(&cells).unwrap(), 0);
    // The same cell has the same outcome, wherever and beside whatever it runs.
    let (_other, again, _) = folder(&study(&["he", "xavier"], 2));
    run(&again, &cells[3..], 1, &Watch::silent()).unwrap();
    assert_eq!(timeless(outcome(&again, &cells[3])), timeless(outcome(&store, &cells[3])));
}

#[test]
fn a_damaged_result_is_named_and_run_again() {
    let (folder, store, cells) = folder(&study(&["he"], 2));
    run(&store, &cells, 1, &Watch::silent()).unwrap();
    let whole = timeless(outcome(&store, &cells[0]));
    let path = folder.path().join("results").join(cells[0].id());
    let bytes = std::fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    let at = bytes.windows(4).position(|part| part == b"loss").unwrap() + 8;
    flipped[at] = if flipped[at] == b'3' { b'4' } else { b'3' };
    for broken in [&bytes[..bytes.len() / 2], &flipped, &[], &[0xff, 0xfe][..], b"{}\n"] {
        std::fs::write(&path, broken).unwrap();
        let found = summarize(&store, None).unwrap();
        assert_eq!(found.damaged.len(), 1);
        assert_eq!((&found.damaged[0].id, &found.missing[0]), (&cells[0].id(), &cells[0].id()));
        let told = Mutex::new(Vec::new());
        let watch = Watch::new(|event| {
            if let Event::Damaged { id, .. } = event {
                told.lock().unwrap().push((*id).to_owned());
            }
        });
        let done = run(&store, &cells, 1, &watch).unwrap();
        assert_eq!((done.finished, done.known), (1, 1));
        assert_eq!(done.damaged.iter().map(|fault| &fault.id).collect::<Vec<_>>(), [&cells[0].id()]);
        assert_eq!(timeless(outcome(&store, &cells[0])), whole);
        drop(watch);
        assert_eq!(told.into_inner().unwrap(), [cells[0].id()]);
    }
}

#[test]
fn a_list_that_is_not_one_is_refused_with_its_line() {
    let (folder, store, _) = folder(&study(&["he"], 2));
    let path = folder.path().join("cells.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    for (broken, words) in [
        (text.replacen("\"seed\":1", "\"seed\":7", 1), "line 2 says"),
        (text[..text.len() - 30].to_owned(), "line 2"),
        (format!("{text}\n\n"), "line 3"),
    ] {
        std::fs::write(&path, broken).unwrap();
        let error = store.cells().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(store.cells().unwrap_err().to_string().contains("fanin compare expand"));
}

#[test]
fn two_at_one_folder_do_not_spoil_each_other() {
    let (_folder, store, cells) = folder(&study(&["he", "xavier", "zero"], 2));
    let begun = Mutex::new(Vec::new());
    let watch = |event: &Event<'_>| {
        if let Event::Begin { id, .. } = event {
            begun.lock().unwrap().push((*id).to_owned());
        }
    };
    // Two stores on one folder are what two processes are: locks belong to open files, not to processes.
    let sums = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| {
            scope.spawn(|| {
                let own = Store::open(store.folder()).unwrap();
                run(&own, &cells, 1, &Watch::new(watch)).unwrap()
            })
        });
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(sums.iter().map(|done| done.finished).sum::<usize>(), 6, "each cell once: {sums:?}");
    assert!(sums.iter().all(|done| done.finished + done.known == 6), "and both know all: {sums:?}");
    let mut begun = begun.into_inner().unwrap();
    begun.sort();
    begun.dedup();
    assert_eq!(begun.len(), 6);
}

#[test]
fn a_claim_is_free_when_it_is_dropped() {
    let (_folder, store, cells) = folder(&study(&["he"], 1));
    let id = cells[0].id();
    let claim = store.claim(&id).unwrap();
    assert!(claim.is_some() && store.claim(&id).unwrap().is_none());
    drop(claim);
    assert!(store.claim(&id).unwrap().is_some());
}

#[test]
fn what_cannot_be_run_is_told_and_stops_no_other() {
    let mut study = study(&["he"], 2);
    study.strategies.push("other=he".to_owned());
    let (_folder, store, mut cells) = folder(&study);
    cells[0].data = "mnist1d".to_owned();
    let done = run(&store, &cells, 2, &Watch::silent()).unwrap();
    assert_eq!((done.finished, done.failed.len()), (3, 1));
    assert!(done.failed[0].1.contains("mnist1d"), "{done:?}");
}

#[test]
fn strategies_of_one_seed_share_everything_but_the_law() {
    let (_folder, store, cells) = folder(&study(&["he", "twice=he", "half=lecun(draw=normal)", "zero"], 3));
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let case = &summarize(&store, None).unwrap().cases[0];
    let row = |name: &str| case.rows.iter().find(|row| row.strategy == name).unwrap();
    assert_eq!(row("twice").same_as.as_deref(), Some("he"), "the same law under another name is the same run");
    assert_eq!(row("twice").score, row("he").score);
    assert_eq!(row("zero").standing, Standing::Failed);
    assert_eq!(case.seeds, [0, 1, 2]);
    assert!(row("he").before.len() == 3 && row("he").after.len() == 3);
    let forward: Vec<f64> = ["he", "half"].map(|name| row(name).before[0].forward.unwrap()).to_vec();
    assert!((forward[0] / forward[1] - 2f64.sqrt()).abs() < 1e-5, "the same numbers, scaled: {forward:?}");
}

#[test]
fn tables_and_event_files_have_every_run() {
    let (folder, store, cells) = folder(&study(&["he", "mine=he(fan=out)"], 2));
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let text = csv(&store).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    let columns = lines[0].split(',').count();
    assert!(
        lines[1..].iter().all(|line| line
            .replace("\"\"", "")
            .split('"')
            .enumerate()
            .fold(1, |n, (i, part)| { if i % 2 == 0 { n + part.matches(',').count() } else { n } })
            == columns),
        "{text}"
    );
    assert_eq!(tensorboard(&store).unwrap(), 4);
    let path = folder.path().join("tensorboard/mlp-64-16x2-10-relu-on-digits/he");
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 2);
}

#[test]
fn one_seed_gives_no_verdict() {
    let (_folder, store, cells) = folder(&study(&["he", "zero"], 1));
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let case = &summarize(&store, None).unwrap().cases[0];
    assert!(case.verdict.text.contains("One seed"), "{}", case.verdict.text);
    assert!(case.rows.iter().all(|row| row.standing == Standing::Unjudged && row.to_best.is_none()));
}

#[test]
fn rates_are_chosen_on_held_rows() {
    let mut study = study(&["he"], 3);
    study.rates = vec![1e-6, 0.05, 1e6];
    let (_folder, store, cells) = folder(&study);
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let runs: Vec<Outcome> = cells.iter().map(|cell| outcome(&store, cell)).collect();
    assert!(runs.iter().all(|run| run.validation.is_some()));
    let case = &summarize(&store, None).unwrap().cases[0];
    assert!(case.tuned);
    assert_eq!(case.rows[0].rates, [0.05]);
}

#[test]
fn strategies_meet_over_several_cases() {
    let mut study = Study { steps: 100, ..study(&["he", "twice=he", "zero"], 3) };
    study.cases = vec![
        Case { name: Some("a".to_owned()), ..Case::default() },
        Case { name: Some("b".to_owned()), model: Some("mlp:64-8-10:relu".to_owned()), ..Case::default() },
    ];
    let (_folder, store, cells) = folder(&study);
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let duels = summarize(&store, None).unwrap().duels();
    let duel = |a: &str, b: &str| {
        let found = duels.iter().find(|duel| duel.a == a && duel.b == b).unwrap();
        [found.better, found.worse, found.even]
    };
    assert_eq!(duel("he", "zero"), [2, 0, 0]);
    assert_eq!(duel("zero", "twice"), [0, 2, 0]);
    assert_eq!(duel("he", "twice"), [0, 0, 2]);
}

#[test]
fn the_same_values_in_another_network_are_another_strategy() {
    let arm = |name: &str, model: &str| Arm {
        name: name.to_owned(),
        strategy: "he".to_owned(),
        model: Some(model.to_owned()),
        ..Arm::default()
    };
    let (plain, other) = (arm("plain", "mlp:64-16x2-10:relu"), arm("other", "mlp:64-16x2-10:tanh"));
    let study = Study { arms: vec![plain, other], strategies: Study::default().strategies, ..study(&[], 2) };
    let (_folder, store, cells) = folder(&study);
    run(&store, &cells, 2, &Watch::silent()).unwrap();
    let case = &summarize(&store, None).unwrap().cases[0];
    assert_eq!(case.rows.len(), 2);
    let models: Vec<&str> = case.rows.iter().map(|row| row.model.as_str()).collect();
    assert!(models.contains(&"mlp:64-16x2-10:relu") && models.contains(&"mlp:64-16x2-10:tanh"), "{models:?}");
    assert!(case.rows.iter().all(|row| row.same_as.is_none()), "he draws the same for both");
}
