//! Short architectures where the program takes a model.

mod harness;

use harness::Desk;

#[test]
fn a_line_of_text_stands_for_a_model() {
    let desk = Desk::new();
    let text = "mlp:8-10-1:relu:sigmoid";
    assert!(desk.fine(&["plan", text]).contains("layers.0.weight"));
    desk.fine(&["init", text, "-o", "net.onnx", "--plan", "plan.json"]);
    desk.fine(&["verify", "net.onnx", "--plan", "plan.json"]);
    desk.fine(&["apply", "plan.json", text, "-o", "again.onnx"]);
    assert!(desk.read("net.onnx") == desk.read("again.onnx"));
    let why = desk.fine(&["plan", text, "--why", "layers.1.weight"]);
    assert!(why.contains("sigmoid"), "{why}");
    assert!(desk.fine(&["digest", text]).contains(text));
}

#[test]
fn a_mistake_is_a_matter_of_usage() {
    let desk = Desk::new();
    let said = desk.fails(2, &["plan", "mlp:8-1O-1"]);
    assert!(said.contains("character 7: `1O` is not a width"), "{said}");
    assert!(desk.fails(2, &["plan", "mlpp:8-1"]).contains("perhaps mlp"));
    desk.fails(3, &["plan", "missing.onnx"]);
}

#[test]
fn a_kind_is_explained() {
    let desk = Desk::new();
    assert!(desk.fine(&["explain", "gpt"]).contains("`context=64`"));
    assert_eq!(desk.json(&["explain", "gpt"])["options"][0]["name"], "layers");
}
