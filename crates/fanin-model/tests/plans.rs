//! What is planned for real architectures, parameter by parameter, against files that a person has read.
//!
//! `FANIN_BLESS=1` writes them anew; read the difference before you commit it.

use fanin::plan::Options;
use fanin::{Action, Decision, Recipe};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn line(decision: &Decision) -> String {
    let param = &decision.param;
    let reason = |about: &str| decision.reasons.iter().find(|r| r.about == about);
    let mut line = format!("{} {:?} {}", param.name, param.shape, param.role.value);
    match &decision.action {
        Action::Fill(call) => {
            let _ = write!(line, " | {call} | std {:.5}", decision.std().unwrap());
        }
        Action::Keep => line.push_str(" | keep"),
        Action::Tie(tied) => {
            let _ = write!(line, " | {} {}", tied.form, tied.to);
        }
        Action::Take(take) => {
            let _ = write!(line, " | take from {}", take.file);
        }
    }
    for about in ["axes", "parts", "fan_in", "fan_out", "follows", "note", "missing", "keep"] {
        if let Some(reason) = reason(about) {
            let text = reason.text.split(": node").next().unwrap_or_default().split(": /").next().unwrap_or_default();
            let _ = write!(line, " | {text}");
        }
    }
    line
}

fn check(model: &str, expected: &str) {
    let model = fanin_model::open(root().join(model)).unwrap();
    let plan = fanin::plan::plan(model.params(), &Recipe::named("auto").unwrap(), &Options::default()).unwrap();
    assert_eq!(plan.decisions.len(), model.params().len(), "every tensor is decided");
    let told = plan.warnings.iter().all(|warning| warning.contains("stands in"));
    assert!(told, "{:?}", plan.warnings);
    let text: String = plan.decisions.iter().map(|d| line(d) + "\n").collect();
    let path = root().join("testdata/plans").join(expected);
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (now, then) in text.lines().zip(expected.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(text.lines().count(), expected.lines().count());
}

macro_rules! plans {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            check(concat!("testdata/graphs/", stringify!($name), ".graph.onnx"), concat!(stringify!($name), ".txt"));
        })+
    };
}

plans!(
    bert_micro,
    gpt2_micro,
    llama_micro,
    lstm_lm,
    mlp,
    mobilenet_v3_small,
    resnet18,
    siren,
    transformer_encoder,
    vit_tiny,
);

#[test]
fn light_resnet50() {
    check("examples/light_resnet50.onnx", "light_resnet50.txt");
}
