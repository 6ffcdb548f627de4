//! Every command that a finding gives is run as it stands, and mends what was found.

mod harness;

use harness::Desk;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const DEEP: &str = "mlp:64-128x30-10:relu";

fn findings(desk: &Desk, args: &[&str]) -> Vec<Value> {
    let ran = desk.run(&[&["diagnose"], args, &["--json"]].concat());
    assert!(ran.code <= 1, "{args:?}: {}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// Runs a command as a user would paste it.
fn shell(desk: &Desk, command: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_fanin")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("sh").args(["-c", command]).current_dir(desk.path("")).env("PATH", path).output().unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn what_is_pasted_mends_what_was_found() {
    for (args, names, mended) in [
        (vec![DEEP, "--recipe", "xavier"], vec!["fading"], "mended.onnx"),
        (vec![DEEP, "--recipe", "torch"], vec!["fading", "collapsed"], "mended.onnx"),
        (vec![DEEP, "--recipe", "zero"], vec!["symmetric"], "mended.onnx"),
        (vec![DEEP, "--set", "*=normal(std=1)"], vec!["exploding", "head_overconfident"], "mended.onnx"),
        (
            vec!["mlp:64-128x20-10:tanh", "--set", "*.weight=normal(std=0.3)"],
            vec!["saturated", "chaotic"],
            "mended.onnx",
        ),
        (vec!["mlp:16-64x4-4:relu", "--set", "*.bias=constant(value=-4)"], vec!["dead"], "mended.onnx"),
        (
            vec!["gpt:layers=2,d=32,heads=2,vocab=40,context=16", "--set", "*attn*.weight=normal(std=2)"],
            vec!["peaked_attention"],
            "mended.onnx",
        ),
        (vec!["cnn:1x8x8-16c3x30-gap-10:relu", "--recipe", "torch"], vec!["collapsed"], "mended.onnx"),
        (vec!["mlp:64-128x60-10:silu", "--recipe", "he"], vec!["fading", "vanishing_gradient"], "mended.onnx"),
    ] {
        let desk = Desk::new();
        let found = findings(&desk, &args);
        for name in names {
            let finding = found.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{args:?}: {found:#?}"));
            let healthy = &finding["healthy"];
            assert!(healthy["low"].is_number() || healthy["high"].is_number(), "{finding:#}");
            assert!(finding["value"].is_number() && !finding["source"].as_str().unwrap().is_empty(), "{finding:#}");
            let remedy = finding["remedy"].as_str().unwrap();
            shell(&desk, &format!("{remedy} --force"));
            let left = findings(&desk, &[mended]);
            assert!(left.iter().all(|f| f["name"] != name), "{remedy}: {left:#?}");
        }
    }
}

#[test]
fn a_file_is_mended_beside_itself() {
    let desk = Desk::new();
    desk.fine(&["init", DEEP, "-o", "net.onnx", "--recipe", "xavier"]);
    let found = findings(&desk, &["net.onnx"]);
    let remedy = found.iter().find(|f| f["name"] == "fading").unwrap()["remedy"].as_str().unwrap().to_owned();
    shell(&desk, &remedy);
    assert!(findings(&desk, &["net.mended.onnx"]).is_empty());
    // Weights without a graph, one of them broken.
    desk.fine(&["init", "model.safetensors", "-o", "good.safetensors"]);
    let mut bytes = desk.read("good.safetensors");
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    desk.write("bad.safetensors", bytes);
    let remedy = findings(&desk, &["bad.safetensors"])[0]["remedy"].as_str().unwrap().to_owned();
    shell(&desk, &remedy);
    assert!(findings(&desk, &["bad.mended.safetensors"]).is_empty());
}

#[test]
fn the_output_of_a_network_by_mup_does_not_move_with_its_width() {
    let desk = Desk::new();
    let check = ["mlp:16-Wx2-4:relu", "--widths", "32,128,512", "--batch", "16", "--steps", "4", "--rate", "0.01"];
    let found = findings(&desk, &check);
    let remedy = found.iter().find(|f| f["name"] == "width_dependent").unwrap()["remedy"].as_str().unwrap();
    assert!(remedy.contains("--recipe mup --with base_width=32 --with width=512"), "{remedy}");
    shell(&desk, remedy);
    let found =
        findings(&desk, &[&check[..], &["--recipe", "mup", "--with", "base_width=32", "--with", "width=W"]].concat());
    assert!(found.iter().all(|f| f["name"] != "width_dependent"), "{found:#?}");
}
