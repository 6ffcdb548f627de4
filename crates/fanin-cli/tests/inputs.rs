//! Inputs of a scale that no weights are made for: told by whatever reads data, and mended.

mod harness;

use harness::Desk;
use serde_json::Value;
use std::fmt::Write as _;

const MODEL: &str = "mlp:3-32x3-1:relu";

/// Houses with an area, rooms, and the year they were built, as a table has them.
fn houses() -> Desk {
    let desk = Desk::new();
    let mut table = "area,rooms,year,price\n".to_owned();
    for at in 0..300u32 {
        let (area, rooms, year) = (60 + (at * 37) % 140, 1 + at % 6, 1900 + (at * 53) % 120);
        let _ = writeln!(table, "{area},{rooms},{year},{:.2}", f64::from(area * 2 + rooms * 10) / 100.0);
    }
    desk.write("houses.csv", table.as_bytes());
    desk
}

fn names(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect()
}

#[test]
fn columns_as_they_are_are_a_finding_whose_remedy_mends_it() {
    let desk = houses();
    let report = desk.run(&["diagnose", MODEL, "--data", "houses.csv", "--json"]);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(names(&report)[0], "unscaled_inputs");
    let found = &report["findings"][0];
    assert!((1900.0..2020.0).contains(&found["value"].as_f64().unwrap()), "{found}");
    assert!(found["text"].as_str().unwrap().contains("number 3"), "{found}");
    assert_eq!(report["batch"]["inputs"][0]["feature"], 2);
    let remedy = found["remedy"].as_str().unwrap();
    assert_eq!(remedy, format!("fanin diagnose {MODEL} --data 'houses.csv#standardize'"));
    let mended = desk.run(&["diagnose", MODEL, "--data", "houses.csv#standardize", "--json"]);
    let mended: Value = serde_json::from_str(&mended.out).unwrap();
    assert!(!names(&mended).contains(&"unscaled_inputs"), "{:?}", names(&mended));
}

#[test]
fn plans_and_comparisons_tell_it_too() {
    let desk = houses();
    for recipe in ["auto", "he"] {
        let ran = desk.run(&["plan", MODEL, "--recipe", recipe, "--data", "houses.csv"]);
        assert!(
            ran.err.contains("number 3 is the largest") && ran.err.contains("#standardize"),
            "{recipe}: {}",
            ran.err
        );
        let ran = desk.run(&["plan", MODEL, "--recipe", recipe, "--data", "houses.csv#standardize"]);
        assert!(!ran.err.contains("the largest"), "{recipe}: {}", ran.err);
    }
    let args = ["compare", MODEL, "--data", "houses.csv", "--strategies", "he,torch", "--seeds", "2", "--steps", "4"];
    let told = desk.run(&args).out;
    assert_eq!(told.matches("is the largest").count(), 1, "{told}");
}

/// What the calibration does to the first layer, the plan must not have done already.
#[test]
fn a_standardization_in_the_first_layer_is_done_once() {
    let desk = houses();
    let args = ["init", MODEL, "-o", "net.onnx", "--data", "houses.csv", "--calibrate", "standardize"];
    let ran = desk.run(&args);
    assert!(ran.code == 0 && !ran.err.contains("the largest"), "{}", ran.err);
    let seen = desk.run(&["diagnose", "net.onnx", "--data", "houses.csv", "--json"]);
    let plain = desk.run(&["diagnose", MODEL, "--data", "houses.csv#standardize", "--json"]);
    let first = |text: &str| {
        let report: Value = serde_json::from_str(text).unwrap();
        report["layers"][0]["forward"].as_f64().unwrap()
    };
    let (folded, standard) = (first(&seen.out), first(&plain.out));
    assert!((folded / standard - 1.0).abs() < 0.05, "{folded} in the layer, {standard} in the data");
}

/// What each layer does, as a report says.
fn signals(desk: &Desk, args: &[&str]) -> Vec<(Value, Value)> {
    let ran = desk.run(&[&["diagnose"], args, &["--json"]].concat());
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{args:?}: {}", ran.err));
    let rows = report["layers"].as_array().unwrap().iter();
    rows.map(|row| (row["forward"].clone(), row["backward"].clone())).collect()
}

/// Whoever is told of data, task or memory plans the same: the values that are diagnosed are those that are written.
#[test]
fn a_diagnosis_draws_what_init_writes() {
    let desk = houses();
    let cell = "lstm:3-8-2";
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (MODEL, &[], &["--data", "houses.csv"]),
        (MODEL, &["--recipe", "auto"], &["--data", "houses.csv", "--task", "regression"]),
        (MODEL, &["--task", "regression"], &[]),
        (cell, &["--memory", "40"], &[]),
    ];
    for (model, drawn, data) in cases {
        let told = [&["init", model, "-o", "net.onnx", "--force"], drawn, data].concat();
        desk.fine(&told);
        let looked: &[&str] = if data.is_empty() { &[] } else { &data[..2] };
        let written = signals(&desk, &[&["net.onnx"], looked].concat());
        assert_eq!(signals(&desk, &[&[model], drawn, data].concat()), written, "{told:?}");
        desk.fine(&["init", model, "-o", "blind.onnx", "--force"]);
        assert_ne!(signals(&desk, &[&["blind.onnx"], looked].concat()), written, "{told:?}: it is told nothing");
    }
    let said = desk.fails(2, &["diagnose", "net.onnx", "--task", "binary"]);
    assert!(said.contains("--task binary") && said.contains("Give --data"), "{said}");
}

/// A calibration begins with the plan that `init` makes for the same data.
#[test]
fn a_calibration_begins_with_what_init_plans() {
    let desk = houses();
    for method in ["standardize", "output_bias"] {
        let data = ["--data", "houses.csv"];
        desk.fine(&[&["calibrate", MODEL, "--method", method, "-o", "one.json", "--force"], &data[..]].concat());
        desk.fine(&[&["plan", MODEL, "--calibrate", method, "-o", "two.json"], &data[..]].concat());
        let [one, two] = ["one.json", "two.json"].map(|name| {
            let plan: Value = serde_json::from_str(&desk.text(name)).unwrap();
            plan["decisions"].clone()
        });
        assert_eq!(one, two, "{method}");
    }
}
