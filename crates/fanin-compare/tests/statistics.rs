//! Statistics against scipy's: `testdata/compare/statistics.py` says how the figures were made.

use fanin_compare::statistics::{Interval, holm, paired};
use serde_json::Value;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/compare/statistics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Equal to nine digits.
fn near(own: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((own - expected).abs() <= 1e-9 * expected.abs().max(1e-6), "{what}: {own} instead of {expected}");
}

#[test]
fn intervals_are_students() {
    for case in golden()["intervals"].as_array().unwrap() {
        let own = Interval::of(&numbers(&case["values"])).unwrap();
        near(own.mean, &case["mean"], "mean");
        near(own.low.unwrap(), &case["low"], "low");
        near(own.high.unwrap(), &case["high"], "high");
    }
    assert_eq!(Interval::of(&[]), None);
    let one = Interval::of(&[2.0]).unwrap();
    assert_eq!((one.mean, one.low, one.high, one.half()), (2.0, None, None, 0.0));
}

#[test]
fn paired_tests_are_students() {
    for case in golden()["pairs"].as_array().unwrap() {
        let own = paired(&numbers(&case["a"]), &numbers(&case["b"]), 0.0).unwrap();
        near(own.difference, &case["difference"], "difference");
        near(own.p, &case["p"], "p");
        near(own.low, &case["low"], "low");
        near(own.high, &case["high"], "high");
    }
    assert_eq!(paired(&[1.0], &[2.0], 0.0), None, "one pair says nothing");
}

#[test]
fn counts_that_agree_by_chance_prove_nothing() {
    // Five differences of one row in a hundred each: exact by chance, were it not for the rounding.
    let (a, b) = ([0.90, 0.92, 0.91, 0.93, 0.9], [0.89, 0.91, 0.90, 0.92, 0.89]);
    let (exact, rounded) = (paired(&a, &b, 0.0).unwrap(), paired(&a, &b, 0.01).unwrap());
    assert!(exact.p < 1e-6, "{exact:?}");
    // By hand: t = 0.01 / (0.01/√6/√5) = √30 = 5.477, two-sided with 4 degrees of freedom.
    assert!((rounded.p - 0.005_408_5).abs() < 1e-6, "{rounded:?}");
    assert_eq!(paired(&a, &a, 0.0).unwrap().p, 1.0);
}

#[test]
fn holm_is_that_of_the_definition() {
    for case in golden()["holm"].as_array().unwrap() {
        for (own, expected) in holm(&numbers(&case["p"])).into_iter().zip(case["adjusted"].as_array().unwrap()) {
            near(own, expected, "adjusted");
        }
    }
    assert_eq!(holm(&[]), Vec::<f64>::new());
}
