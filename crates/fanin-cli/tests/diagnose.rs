//! `fanin diagnose` on networks whose ills are known.

mod harness;

use harness::Desk;
use serde_json::Value;

/// Thirty layers of rectifiers: deep enough for every mistake to show.
const DEEP: &str = "mlp:64-128x30-10:relu";

fn diagnosed(desk: &Desk, args: &[&str]) -> (i32, Value) {
    let ran = desk.run(&[&["diagnose"], args, &["--json"]].concat());
    assert!(ran.code <= 1, "{args:?}: {}", ran.err);
    (ran.code, serde_json::from_str(&ran.out).unwrap())
}

fn names(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect()
}

fn finding<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["findings"].as_array().unwrap();
    all.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name} in {:?}", names(report)))
}

/// The number of a name such as `layers.12`.
fn number(name: &Value) -> usize {
    name.as_str().unwrap().rsplit('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_network_by_he_is_healthy() {
    let desk = Desk::new();
    for seed in ["0", "1", "2", "3", "4"] {
        let (code, report) = diagnosed(&desk, &[DEEP, "--recipe", "he", "--seed", seed]);
        assert_eq!((code, names(&report)), (0, vec![]), "seed {seed}: {:#}", report["findings"]);
        let layers = report["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 31);
        assert!(layers.iter().all(|l| l["forward"].as_f64().unwrap() > 1e-3));
        // What is predicted is what wide networks do; one of width 128 wanders about it.
        let first = &layers[0];
        let ratio = first["forward"].as_f64().unwrap() / first["forward_predicted"].as_f64().unwrap();
        assert!((ratio - 1.0).abs() < 0.5, "{ratio}");
    }
    let (_, report) = diagnosed(&desk, &[DEEP]);
    assert_eq!(names(&report), Vec::<&str>::new(), "auto");
}

#[test]
fn xavier_with_rectifiers_fades_at_the_right_layer() {
    let desk = Desk::new();
    let (code, report) = diagnosed(&desk, &[DEEP, "--recipe", "xavier"]);
    let fading = finding(&report, "fading");
    assert_eq!(code, 1);
    // Half of the power is lost in each layer, and a factor of ten, widened by chance, takes 5 to 12 of them.
    assert!((5..=12).contains(&number(&fading["at"])), "{}", fading["at"]);
    let value = fading["value"].as_f64().unwrap();
    assert!((1e-12..1e-6).contains(&value), "{value}: 2⁻²⁹ is 1.9e-9");
    assert!(value < fading["healthy"]["low"].as_f64().unwrap());
    assert!(fading["text"].as_str().unwrap().contains("a layer"));
    assert_eq!(fading["remedy"], format!("fanin init {DEEP} -o mended.onnx --recipe auto"));
    assert!(fading["source"].as_str().unwrap().contains("1502.01852"));
    // The remedy mends it.
    desk.fine(&["init", DEEP, "-o", "mended.onnx", "--recipe", "auto"]);
    desk.fine(&["diagnose", "mended.onnx"]);
}

#[test]
fn zeros_are_symmetric_and_nothing_else() {
    let desk = Desk::new();
    let (code, report) = diagnosed(&desk, &[DEEP, "--recipe", "zero"]);
    assert_eq!((code, names(&report)), (1, vec!["symmetric"]));
    let symmetric = finding(&report, "symmetric");
    assert_eq!((symmetric["severity"].as_str(), symmetric["all"].as_array().unwrap().len()), (Some("error"), 30));
    // A zero head alone is a choice, and no harm.
    let (code, report) = diagnosed(&desk, &[DEEP, "--set", "layers.30.weight=zeros"]);
    assert_eq!((code, names(&report)), (0, vec![]), "{:#}", report["findings"]);
}

#[test]
fn unit_normals_explode_and_torch_fades() {
    let desk = Desk::new();
    let (_, report) = diagnosed(&desk, &[DEEP, "--set", "*=normal(std=1)"]);
    let exploding = finding(&report, "exploding");
    assert_eq!(exploding["severity"], "error");
    // Each layer multiplies by 64, half of its width: the second is beyond a factor of ten.
    assert!(number(&exploding["at"]) <= 2, "{}", exploding["at"]);
    finding(&report, "head_overconfident");
    let (_, report) = diagnosed(&desk, &[DEEP, "--recipe", "torch"]);
    // Its biases keep a floor below which nothing fades; above it inputs have become alike.
    finding(&report, "fading");
    finding(&report, "collapsed");
}

#[test]
fn saturation_chaos_and_peaks_have_their_names() {
    let desk = Desk::new();
    let (_, report) = diagnosed(&desk, &["mlp:64-128x20-10:tanh", "--set", "*.weight=normal(std=0.3)"]);
    finding(&report, "saturated");
    finding(&report, "chaotic");
    assert!(!names(&report).contains(&"exploding"), "tanh keeps the signal in bounds: {:?}", names(&report));
}

#[test]
fn one_output_with_a_bias_has_not_collapsed() {
    let desk = Desk::new();
    let (_, report) = diagnosed(&desk, &["mlp:8-10-1:relu:sigmoid", "--set", "layers.1.bias=constant(value=-2)"]);
    assert!(!names(&report).contains(&"collapsed"), "{:?}", names(&report));
    // Two of them that hardly move have.
    let (_, report) = diagnosed(&desk, &["mlp:8-10-2:relu:sigmoid", "--set", "layers.1.bias=constant(value=-2)"]);
    finding(&report, "collapsed");
}

#[test]
fn a_file_is_held_against_its_plan() {
    let desk = Desk::new();
    let net = "mlp:64-256-256-10:relu";
    desk.fine(&["init", net, "-o", "net.onnx", "--plan", "plan.json"]);
    let (code, report) = diagnosed(&desk, &["net.onnx", "--plan", "plan.json"]);
    assert_eq!((code, names(&report)), (0, vec![]), "{:#}", report["findings"]);
    assert!(report["weights"].as_array().unwrap().iter().all(|w| w["equal"] == true));
    // The same laws under another seed are as good; five percent more spread is not.
    desk.fine(&["init", net, "-o", "other.onnx", "--seed", "5"]);
    let (code, report) = diagnosed(&desk, &["other.onnx", "--plan", "plan.json"]);
    assert_eq!((code, names(&report)), (0, vec![]), "{:#}", report["findings"]);
    let std =
        report["weights"].as_array().unwrap().iter().find(|w| w["name"] == "layers.1.weight").unwrap()["expected_std"]
            .as_f64();
    let wide = format!("layers.1.weight=normal(std={})", std.unwrap() * 1.05);
    desk.fine(&["init", net, "-o", "wide.onnx", "--set", &wide]);
    let (code, report) = diagnosed(&desk, &["wide.onnx", "--plan", "plan.json", "--weights-only"]);
    assert_eq!((code, names(&report)), (1, vec!["wrong_scale"]));
    let wrong = finding(&report, "wrong_scale");
    assert_eq!(wrong["at"], "layers.1.weight");
    assert!((wrong["value"].as_f64().unwrap() - 1.05).abs() < 0.02);
    assert_eq!(wrong["remedy"], "fanin apply plan.json wide.onnx -o wide.mended.onnx");
    // Without a plan it is as good as any.
    desk.fine(&["diagnose", "wide.onnx"]);
}

#[test]
fn weights_without_a_graph_are_looked_at() {
    let desk = Desk::new();
    desk.fine(&["init", "model.safetensors", "-o", "good.safetensors"]);
    let (code, report) = diagnosed(&desk, &["good.safetensors"]);
    assert_eq!((code, names(&report)), (0, vec![]), "{:#}", report["findings"]);
    assert!(report["notes"][0].as_str().unwrap().contains("no graph") && report["batch"].is_null());
    let mut bytes = desk.read("good.safetensors");
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    desk.write("bad.safetensors", bytes);
    let (code, report) = diagnosed(&desk, &["bad.safetensors"]);
    assert_eq!((code, names(&report)), (1, vec!["non_finite"]));
    assert_eq!(finding(&report, "non_finite")["value"], 1.0);
}

#[test]
fn the_report_has_the_keys_that_scripts_rely_on() {
    let desk = Desk::new();
    let (_, report) = diagnosed(&desk, &["mlp:8-16-4:relu", "--data", "gaussian"]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for key in [
        "model",
        "values",
        "batch",
        "findings",
        "weights",
        "layers",
        "residuals",
        "attention",
        "jacobian",
        "loss",
        "widths",
        "notes",
    ] {
        assert!(keys(&report).contains(&key.to_owned()), "{key}");
    }
    for key in ["name", "forward_predicted", "forward", "backward_predicted", "backward", "dead", "saturated"] {
        assert!(keys(&report["layers"][0]).contains(&key.to_owned()), "{key}");
    }
    for key in ["name", "expected_std", "std", "mean"] {
        assert!(keys(&report["weights"][0]).contains(&key.to_owned()), "{key}");
    }
    assert!(report["loss"]["measured"].is_number() && report["loss"]["uninformed"].is_number());
    assert_eq!(report["jacobian"]["exact"], true);
}

#[test]
fn a_page_is_written_that_needs_nothing_else() {
    let desk = Desk::new();
    let ran = desk.run(&["diagnose", DEEP, "--recipe", "xavier", "--html", "report.html"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out.contains("error: fading") && ran.out.contains("mend    fanin init") && ran.out.contains('▁'),
        "{}",
        ran.out
    );
    let page = desk.text("report.html");
    assert!(
        page.contains("Figure 1.") && page.contains("layers.12") && !page.contains("<script") && !page.contains("http")
    );
}

#[test]
fn the_output_of_a_standard_network_moves_with_its_width() {
    let desk = Desk::new();
    let (code, report) =
        diagnosed(&desk, &["mlp:16-Wx2-4:relu", "--widths", "32,128,512", "--batch", "16", "--steps", "4"]);
    assert_eq!(report["widths"].as_array().unwrap().len(), 3);
    assert_eq!((code, names(&report)), (1, vec!["width_dependent"]), "{:#}", report["widths"]);
    let said = desk.fails(2, &["diagnose", "mlp:16-32-4:relu", "--widths", "32,64"]);
    assert!(said.contains("the letter W"), "{said}");
}
