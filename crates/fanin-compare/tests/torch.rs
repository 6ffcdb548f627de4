//! Twenty plain rectifier layers on the digits: the order of the literature, and torch's own figures, which
//! `testdata/compare/torch_digits.py` measured over thirty seeds.

use fanin_compare::{Standing, Store, Study, Watch, run, summarize};
use serde_json::Value;
use std::collections::BTreeMap;

fn golden() -> BTreeMap<String, Vec<f64>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/compare/torch_digits.json");
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let study = Study::default();
    let setting = (value["depth"].as_u64(), value["steps"].as_u64(), value["batch"].as_u64(), value["rate"].as_f64());
    assert_eq!(
        setting,
        (Some(20), Some(study.steps), Some(study.batch), Some(0.01)),
        "the script trains as fanin does"
    );
    serde_json::from_value(value["test_accuracy"].clone()).unwrap()
}

/// Mean and squared standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
}

#[test]
fn twenty_layers_train_as_torch_trains_them() {
    let golden = golden();
    let study = Study { strategies: golden.keys().cloned().collect(), seeds: 8, evaluations: 1, ..Study::default() };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let cells = study.cells().unwrap();
    store.expand(&cells).unwrap();
    // A seed is enough to see that nothing is learned at all.
    let hopeless = |name: &str| matches!(name, "zero" | "small_random" | "torch");
    let cells: Vec<_> = cells.into_iter().filter(|cell| cell.seed == 0 || !hopeless(&cell.strategy.name)).collect();
    let done = run(&store, &cells, 2, &Watch::silent()).unwrap();
    assert_eq!(done.failed, []);
    let mut own: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for cell in &cells {
        let outcome = store.get(&cell.id()).unwrap().unwrap().unwrap();
        own.entry(&cell.strategy.name).or_default().push(outcome.test.accuracy.unwrap());
    }
    for (name, theirs) in &golden {
        let own = &own[name.as_str()];
        if hopeless(name) {
            assert_eq!((own[0] * 359.0).round(), (theirs[0] * 359.0).round(), "{name}: one answer for every picture");
            continue;
        }
        let ((a, error), (b, their_error)) = (mean(own), mean(theirs));
        // Runs on other vector instructions are other runs: a bound of two standard errors would be missed by one in seven of
        // such machines, this one by one in a hundred.
        let bound = 3.0 * (error + their_error).sqrt();
        assert!((a - b).abs() <= bound, "{name}: {a:.4} and torch's {b:.4}, bound {bound:.4}; {own:?}");
    }
    let mean = |name: &str| mean(&own[name]).0;
    assert!(mean("orthogonal") >= mean("he") && mean("he") > mean("xavier") + 0.3 && mean("xavier") > mean("torch"));
    assert_eq!([mean("zero"), mean("small_random")], [mean("torch"); 2]);
    let case = &summarize(&store, None).unwrap().cases[0];
    let standing = |name: &str| case.rows.iter().find(|row| row.strategy == name).unwrap().standing;
    assert_eq!([standing("zero"), standing("small_random"), standing("torch")], [Standing::Failed; 3]);
    assert_eq!(standing("orthogonal"), Standing::Best);
}
