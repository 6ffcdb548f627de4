//! `fanin calibrate`, and `--calibrate` on the way to a plan or a model.

mod harness;

use harness::Desk;
use serde_json::Value;

const DEEP: &str = "mlp:64-48x49-10:gelu";

fn variances(layers: &Value) -> Vec<f64> {
    layers.as_array().unwrap().iter().map(|layer| layer["variance"].as_f64().unwrap()).collect()
}

#[test]
fn a_deep_network_is_brought_to_unit_variance_and_its_plan_needs_no_data() {
    let desk = Desk::new();
    let args = ["calibrate", DEEP, "--method", "lsuv", "--data", "digits#standardize", "--batch", "64"];
    let report = desk.json(&[&args[..], &["-o", "plan.json"]].concat());
    let after = variances(&report["layers"]);
    assert_eq!(after.len(), 50);
    assert!(after.iter().all(|v| (v - 1.0).abs() < 0.1), "{after:?}");
    let before: Vec<f64> =
        report["layers"].as_array().unwrap().iter().map(|l| l["variance_before"].as_f64().unwrap()).collect();
    assert!(before.iter().any(|v| (v - 1.0).abs() > 0.5), "there was something to mend: {before:?}");
    assert_eq!(report["methods"][0]["call"], "lsuv");
    // The plan alone makes the model, whose values are the plan's, and healthy on the same data.
    desk.fine(&["apply", "plan.json", DEEP, "-o", "ready.onnx"]);
    desk.fine(&["verify", "ready.onnx", "--plan", "plan.json"]);
    let found =
        desk.json(&["diagnose", "ready.onnx", "--plan", "plan.json", "--data", "digits#standardize", "--batch", "64"]);
    let seconds: Vec<f64> = found["layers"].as_array().unwrap().iter().map(|l| l["std"].as_f64().unwrap()).collect();
    assert!(seconds.iter().all(|std| (std * std - 1.0).abs() < 0.1), "{seconds:?}");
    // In one step it is the same file.
    let init =
        ["init", DEEP, "-o", "once.onnx", "--calibrate", "lsuv", "--data", "digits#standardize", "--batch", "64"];
    desk.fine(&init);
    assert_eq!(desk.read("once.onnx"), desk.read("ready.onnx"));
    // The reasons name passes and tolerance.
    let why =
        desk.fine(&["plan", DEEP, "--calibrate", "lsuv", "--data", "digits#standardize", "--why", "layers.30.weight"]);
    assert!(why.contains("calibrate") && why.contains("passes over") && why.contains("tolerance 0.1"), "{why}");
}

#[test]
fn a_plan_goes_on_from_where_another_ended() {
    let desk = Desk::new();
    let net = "mlp:64-32-10:relu";
    desk.fine(&["plan", net, "-o", "plan.json", "--set", "layers.1.weight=zeros"]);
    let args = [
        "calibrate",
        net,
        "--plan",
        "plan.json",
        "--method",
        "standardize",
        "--method",
        "lsuv",
        "--method",
        "output_bias",
    ];
    let text = desk.fine(&[&args[..], &["--data", "digits", "-o", "better.json"]].concat());
    assert!(
        text.contains("output_bias: loss of layers.1 from 2.303 to 2.") && text.contains("fanin apply better.json"),
        "{text}"
    );
    let plan: Value = serde_json::from_str(&desk.text("better.json")).unwrap();
    let bias = plan["decisions"].as_array().unwrap().iter().find(|d| d["name"] == "layers.1.bias").unwrap();
    assert_eq!(bias["adjust"]["shift"]["values"].as_array().unwrap().len(), 10);
    let report = desk.json(&["diagnose", net, "--plan", "better.json", "--data", "digits"]);
    let loss = |key: &str| report["loss"][key].as_f64().unwrap();
    // A batch of 128 has other shares than the whole set.
    assert!((loss("measured") - loss("uninformed")).abs() < 0.06, "{report:#}");
    // An existing plan is not replaced without being asked to.
    let said = desk.fails(2, &[&args[..], &["--data", "digits", "-o", "better.json"]].concat());
    assert!(said.contains("--force"), "{said}");
    desk.fine(&[&args[..], &["--data", "digits", "-o", "better.json", "--force"]].concat());
    // A name that is no plan's is that of a model.
    desk.fine(&[&args[..], &["--data", "digits", "-o", "net.onnx"]].concat());
    desk.fine(&["verify", "net.onnx", "--plan", "better.json"]);
}

#[test]
fn what_cannot_be_calibrated_is_refused_in_full() {
    let desk = Desk::new();
    let said = desk.fails(2, &["calibrate", "model.safetensors", "--method", "lsuv"]);
    assert!(said.contains("its format holds parameters and no graph; expected a model that says"), "{said}");
    let net = "mlp:8-16-4:relu";
    let said = desk.fails(2, &["calibrate", net, "--method", "lsvu"]);
    assert!(said.contains("there is no calibration `lsvu`") && said.contains("Did you mean `lsuv`?"), "{said}");
    let said = desk.fails(2, &["calibrate", net, "--method", "lsuv(tol=1)"]);
    assert!(said.contains("tolerance=0.1"), "{said}");
    let said = desk.fails(2, &["calibrate", net, "--method", "output_bias"]);
    assert!(said.contains("the data have no targets of their own"), "{said}");
    let said = desk.fails(2, &["calibrate", net, "--method", "lsuv", "--set", "*=zeros"]);
    assert!(said.contains("none of 2 layers can be scaled") && said.contains("zero on purpose"), "{said}");
    let said = desk.fails(3, &["init", net, "-o", "x.onnx", "--data", "digits", "--calibrate", "lsuv"]);
    assert!(said.contains("rows have the shape 64") && said.contains("expected rows of 8"), "{said}");
    assert!(!desk.names().contains(&"x.onnx".to_owned()));
}

#[test]
fn bad_data_are_refused_with_row_and_column() {
    let desk = Desk::new();
    let net = "mlp:3-8-2:relu";
    let rows = |bad: &str| format!("a,b,c,kind\n1,2,3,0\n4,5,6,1\n{bad}\n2,3,4,0\n3,4,5,1\n");
    for (text, parts) in [
        (rows("7,nan,9,0"), vec!["row 3", "column 2 (`b`)"]),
        (rows("7,x,9,0"), vec!["row 3", "column 2 (`b`)"]),
        (rows("7,,9,0"), vec!["row 3", "column 2 (`b`)"]),
        (rows("7,8,0"), vec!["line 4"]),
        (rows("7,8,9,2"), vec!["row 3"]),
        ("a,b,c,kind\n1,2,3,0\n4,5,6,0\n".to_owned(), vec!["two classes or more"]),
        (String::new(), vec!["no rows"]),
        ("a,b,kind\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n".to_owned(), vec!["3"]),
    ] {
        desk.write("data.csv", &text);
        for verb in [&["diagnose", net][..], &["calibrate", net, "--method", "lsuv"]] {
            let said = desk.fails(3, &[verb, &["--data", "data.csv", "--task", "classification"]].concat());
            assert!(said.contains("data.csv") && said.contains("expected"), "{said}");
            for part in &parts {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }
}

#[test]
fn calibrations_are_explained() {
    let desk = Desk::new();
    let page = desk.fine(&["explain", "lsuv"]);
    assert!(page.contains("Mishkin") && page.contains("tolerance=0.1") && page.contains("How far from 1"), "{page}");
    assert_eq!(desk.json(&["explain", "whiten"])["arguments"][0]["name"], "epsilon");
}
