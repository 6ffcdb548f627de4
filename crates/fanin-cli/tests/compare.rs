//! `fanin compare` and `fanin train`, as a user runs them.

mod harness;

use harness::Desk;
use serde_json::Value;

const SMALL: [&str; 8] = ["--steps", "15", "--seeds", "2", "--strategies", "he,zero", "-o", "out"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_comparison_leaves_a_report_and_goes_on_where_it_was() {
    let desk = Desk::new();
    let args = [&["compare", "mlp:64-16x2-10:relu"], &SMALL[..]].concat();
    let text = desk.fine(&args);
    for words in ["he", "failed to train", "test accuracy", "report.html", "4 runs"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let page = desk.text("out/report.html");
    for words in ["Test accuracy.", "Gradients at the start.", "--strategies he,zero", "<svg"] {
        assert!(page.contains(words), "{words}");
    }
    for foreign in ["http:", "https:", "<script", "@import", "url(", "<link", "<img", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("by SGD with momentum 0.9"), "the optimizer, as people call it");
    let lines = desk.text("out/report.md");
    assert!(
        lines.contains("| `he` | ") && lines.contains("failed to train") && lines.contains("momentum 0.9"),
        "{lines}"
    );
    let before = desk.text("out/results.csv");
    assert_eq!(before.lines().count(), 5);
    let again = json(&desk.fine(&[&args[..], &["--json"]].concat()));
    assert_eq!(desk.text("out/results.csv"), before, "nothing was run again");
    assert_eq!(again["cases"][0]["rows"][0]["strategy"], "he");
    assert_eq!(again["cases"][0]["rows"][1]["standing"], "failed");
    let events = desk.text("out/events.jsonl");
    assert_eq!(events.lines().filter(|line| json(line)["event"] == "end").count(), 4);
}

#[test]
fn the_three_steps_are_the_one() {
    let desk = Desk::new();
    let told = desk.fine(&[&["compare", "expand", "mlp:64-16x2-10:relu"], &SMALL[..], &["--json"]].concat());
    assert_eq!((json(&told)["cells"].as_u64(), json(&told)["new"].as_u64()), (Some(4), Some(4)));
    let partly = desk.fine(&["compare", "report", "out"]);
    assert!(partly.contains("4 of 4 runs have no result yet"), "{partly}");
    let first = json(desk.text("out/cells.jsonl").lines().next().unwrap());
    desk.fine(&["compare", "cell", "out", first["id"].as_str().unwrap()]);
    for cell in ["2", "3", "4"] {
        desk.fine(&["compare", "cell", "out", cell]);
    }
    let whole = json(&desk.fine(&["compare", "report", "out", "--json", "--tensorboard"]));
    assert_eq!(whole["missing"].as_array().unwrap().len(), 0);
    assert!(desk.names().contains(&"out".to_owned()) && desk.path("out/tensorboard").is_dir());
    let wrong = desk.run(&["compare", "cell", "out", "5"]);
    assert!(wrong.code == 2 && wrong.err.contains("from 1 to 4"), "{}", wrong.err);
}

#[test]
fn a_study_is_a_file() {
    let desk = Desk::new();
    desk.write(
        "study.toml",
        "steps = 5\nseeds = 2\nstrategies = ['he']\n[[case]]\nmodel = 'mlp:64-8-10:relu'\n[[case]]\nname = 'deep'\nmodel = 'mlp:64-8x3-10:relu'\n",
    );
    let found = json(&desk.fine(&["compare", "study.toml", "-o", "out", "--json"]));
    let names: Vec<&str> = found["cases"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mlp:64-8-10:relu on digits", "deep"]);
    assert!(desk.text("out/report.html").contains("2 networks"));
}

#[test]
fn slips_are_refused_and_nothing_is_run() {
    let desk = Desk::new();
    for (args, words) in [
        (&["compare", "--strategies", "hee"][..], "perhaps he"),
        (&["compare", "--optimizer", "adm"], "adm"),
        (&["compare", "--tune=a"], "no learning rate"),
        (&["compare", "report", "nowhere"], "no such folder"),
        (&["compare", "--strategies", "pretrained"], "--from"),
        (&["train", "mlp:64-8-10:relu", "-o", "model.safetensors"], "exists already"),
    ] {
        let ran = desk.run(args);
        assert!(ran.code == 2 && ran.err.contains(words), "{args:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(desk.names(), ["model.safetensors"], "no folder is left");
}

#[test]
fn what_was_learned_on_one_half_helps_on_the_other() {
    let desk = Desk::new();
    let model = "mlp:64-32x2-10:relu";
    let told = desk.fine(&["train", model, "--steps", "200", "-o", "a.safetensors"]);
    assert!(told.contains("accuracy 0."), "{told}");
    desk.fine(&["train", model, "--from", "a.safetensors", "--steps", "2", "-o", "b.onnx"]);
    let args =
        ["--strategies", "auto", "--from", "a.safetensors", "--steps", "10", "--seeds", "3", "-o", "out", "--json"];
    let found = json(&desk.fine(&[&["compare", model][..], &args].concat()));
    let rows = found["cases"][0]["rows"].as_array().unwrap();
    let standings = [&rows[0], &rows[1]].map(|row| row["standing"].as_str().unwrap());
    assert_eq!((rows[0]["strategy"].as_str(), standings[0]), (Some("pretrained"), "best"));
    assert!(["worse", "failed"].contains(&standings[1]), "ten steps are few for a fresh start: {standings:?}");
    assert!(rows[0]["notes"][0].as_str().unwrap().contains("6 taken"), "{}", rows[0]["notes"]);
    let fine = desk.fine(&["train", "b.onnx", "--steps", "1", "--rate", "0", "-o", "c.onnx", "--json"]);
    assert!(json(&fine)["test"]["accuracy"].as_f64().unwrap() > 0.7, "a file's own values are kept: {fine}");
}
