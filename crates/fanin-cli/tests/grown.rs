//! Larger models that start from smaller ones: what keeps the function keeps it on real data, from the command to the file.

mod harness;

use fanin_engine::Tensor;
use fanin_network::{Feed, Network};
use harness::Desk;

/// The outputs of a model on the first rows of a set.
fn outputs(desk: &Desk, file: &str, data: &str) -> Vec<f64> {
    let network = Network::of(fanin_model::open(desk.path(file)).unwrap()).unwrap();
    let feed = Feed::open(&data.parse().unwrap(), network.graph()).unwrap();
    let rows: Vec<usize> = (0..48).collect();
    let batch = feed.batch(&rows, network.graph()).unwrap();
    let ran = network.program().run(network.constants(), &batch.inputs, fanin_engine::Options::default());
    ran.unwrap().outputs().unwrap().iter().flat_map(Tensor::to_f64s).collect()
}

/// The largest difference of two outputs, as a share of the largest output.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0f64, |most, value| most.max(value.abs()));
    assert!(largest > 0.01, "the outputs are nothing: {largest}");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
}

/// A source that has been trained for some steps, so that no bias is zero and no scale one.
fn trained(desk: &Desk, model: &str, data: &str) {
    desk.fine(&["train", model, "--data", data, "--steps", "8", "-o", "small.onnx"]);
}

fn grown(desk: &Desk, model: &str, fits: &[&str]) {
    let fits: Vec<&str> = fits.iter().flat_map(|fit| ["--fit", fit]).collect();
    desk.fine(&[&["init", model, "--from", "small.onnx", "-o", "large.onnx", "--plan", "p.json"], &fits[..]].concat());
    desk.fine(&["verify", "large.onnx", "--plan", "p.json"]);
}

fn keeps_the_function(small: &str, large: &str, fits: &[&str], data: &str) {
    let desk = Desk::new();
    trained(&desk, small, data);
    grown(&desk, large, fits);
    let before = outputs(&desk, "small.onnx", data);
    let found = difference(&before, &outputs(&desk, "large.onnx", data));
    assert!(found < 1e-5, "{large} {fits:?}: {found}");
    desk.fine(&["init", large, "-o", "fresh.onnx"]);
    assert!(difference(&before, &outputs(&desk, "fresh.onnx", data)) > 1e-2, "{large}: the comparison can fail");
}

#[test]
fn wider_layers_keep_the_function() {
    keeps_the_function("mlp:64-16x2-10:relu", "mlp:64-40x2-10:relu", &["wider=net2net"], "digits");
    keeps_the_function("cnn:1x8x8-4c3-8c3-pool2-10", "cnn:1x8x8-6c3-16c3-pool2-10", &["wider=net2net"], "digits");
}

#[test]
fn further_layers_keep_the_function() {
    keeps_the_function("mlp:64-16x2-10:relu", "mlp:64-16x5-10:relu", &["deeper=net2net"], "digits");
    // Both at once.
    let both = ["wider=net2net", "deeper=silent"];
    let (small, large) = (
        "gpt:layers=2,d=16,heads=2,vocab=65,context=16,tied=no",
        "gpt:layers=3,d=32,heads=4,vocab=65,context=16,tied=no",
    );
    keeps_the_function(small, large, &both, "tokens");
}

#[test]
fn whole_heads_are_repeated() {
    let (small, large) = (
        "gpt:layers=2,d=16,heads=2,vocab=65,context=16,tied=no",
        "gpt:layers=2,d=32,heads=4,vocab=65,context=16,tied=no",
    );
    keeps_the_function(small, large, &["wider=fpi"], "tokens");
    let (small, large) = (
        "llama:layers=2,d=16,heads=4,kv_heads=2,vocab=65,context=16,tied=no",
        "llama:layers=2,d=16,heads=4,vocab=65,context=16",
    );
    keeps_the_function(small, large, &["heads=2"], "tokens");
}

#[test]
fn what_does_not_keep_the_function_takes_all_that_it_can() {
    let desk = Desk::new();
    let gpt = |layers: u64, d: u64| format!("gpt:layers={layers},d={d},heads=2,vocab=65,context=16,tied=no");
    trained(&desk, &gpt(2, 16), "tokens");
    for (model, fits, words) in [
        (gpt(2, 32), &["wider=aki"][..], "new units of the next block"),
        (gpt(4, 16), &["deeper=interleave"], "repeated in its place"),
        (gpt(3, 16), &["deeper=blend"], "0.500 of block 0 and 0.500 of block 1"),
        (gpt(2, 8), &["smaller=subclone"], "heaviest of"),
        (gpt(2, 8), &["smaller=first"], "from 0 on"),
    ] {
        let fits: Vec<&str> = fits.iter().flat_map(|fit| ["--fit", fit]).collect();
        let args = [&["plan", model.as_str(), "--from", "small.onnx", "--json"], &fits[..]].concat();
        let plan: serde_json::Value = serde_json::from_str(&desk.fine(&args)).unwrap();
        let decisions = plan["decisions"].as_array().unwrap();
        let drawn: Vec<&serde_json::Value> = decisions.iter().filter(|d| d["action"] == "fill").collect();
        assert!(drawn.is_empty(), "{model} {fits:?}: {drawn:#?}");
        assert!(plan["decisions"].to_string().contains(words), "{model} {fits:?}");
        desk.fine(
            &[&["init", model.as_str(), "--from", "small.onnx", "-o", "out.onnx", "--force"], &fits[..]].concat(),
        );
        assert!(outputs(&desk, "out.onnx", "tokens").iter().all(|value| value.is_finite()));
    }
}

#[test]
fn what_was_learned_in_a_larger_network_helps_a_smaller_one() {
    let desk = Desk::new();
    desk.fine(&["train", "mlp:64-64x2-10:relu", "--steps", "300", "-o", "large.safetensors"]);
    let strategies = "auto,pretrained,first=pretrained(smaller=first),heavy=pretrained(smaller=subclone)";
    let args = ["--steps", "12", "--seeds", "4", "-o", "out", "--json", "--from", "large.safetensors"];
    let model = ["compare", "mlp:64-32x2-10:relu", "--strategies", strategies];
    let found: serde_json::Value = serde_json::from_str(&desk.fine(&[&model[..], &args].concat())).unwrap();
    let bought = found["cases"][0]["bought"].as_array().unwrap();
    assert_eq!(bought.len(), 3);
    for one in bought {
        assert_eq!(one["against"], "auto");
        // At equal steps, better by more than its interval.
        assert!(one["end"]["low"].as_f64().unwrap() > 0.0, "{one:#}");
        assert!(one["gap"]["p"].is_number(), "{one:#}");
    }
    let text = desk.fine(&["compare", "report", "out"]);
    assert!(text.contains("pretrained starts") && text.contains("than auto and ends"), "{text}");
}
