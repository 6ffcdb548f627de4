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

/// A safetensors file of zeros.
fn zeros(desk: &Desk, name: &str, tensors: &[(&str, [u64; 2])]) {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (tensor, shape) in tensors {
        let start = end;
        end += 4 * shape[0] * shape[1];
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert((*tensor).to_owned(), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let data = vec![0; end as usize];
    desk.write(name, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat());
}

fn values(desk: &Desk, file: &str, tensor: &str) -> Vec<f64> {
    let model = fanin_model::open(desk.path(file)).unwrap();
    let index = model.params().iter().position(|p| p.name == tensor).unwrap();
    let bytes = model.bytes(index).unwrap().unwrap();
    bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
}

#[test]
fn adapters_start_from_what_the_source_does_with_data() {
    let desk = Desk::new();
    desk.fine(&["train", "mlp:64-16x2-10:relu", "--steps", "8", "-o", "small.onnx"]);
    let names = [
        ("layers.1.base_layer.weight", [16, 16]),
        ("layers.1.lora_A.weight", [3, 16]),
        ("layers.1.lora_B.weight", [16, 3]),
    ];
    zeros(&desk, "adapted.safetensors", &names);
    let args = ["init", "adapted.safetensors", "--from", "small.onnx", "--fit", "lora_scale=2"];
    let refused = desk.run(&[&args[..], &["--fit", "lora=eva", "-o", "x.safetensors"]].concat());
    assert!(refused.code == 2 && refused.err.contains("--data"), "{}", refused.err);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // What torch's layout holds, whatever the graph's is.
    let source = desk_weight(&desk);
    for (method, lengths) in [("eva", [1.0, 0.0]), ("gradient", [0.5, 0.5])] {
        let fit = format!("lora={method}");
        desk.fine(
            &[&args[..], &["--fit", &fit, "--data", "digits", "-o", "out.safetensors", "--plan", "p.json", "--force"]]
                .concat(),
        );
        desk.fine(&["verify", "out.safetensors", "--plan", "p.json"]);
        let [base, a, b] = names.map(|(name, _)| values(&desk, "out.safetensors", name));
        // Rows of A are orthogonal, as long as the method makes them: 1, or 16^¼/√16.
        for (i, row) in a.chunks(16).enumerate() {
            for (j, other) in a.chunks(16).enumerate() {
                let expected = if i == j { lengths[0] * lengths[0] } else { 0.0 };
                assert!((dot(row, other) - expected).abs() < 1e-5, "{method} {i} {j}: {}", dot(row, other));
            }
        }
        let column: Vec<f64> = b.iter().step_by(3).copied().collect();
        assert!((dot(&column, &column).sqrt() - lengths[1]).abs() < 1e-5, "{method}");
        // The adapted layer is the source's.
        for o in 0..16 {
            for i in 0..16 {
                let product: f64 = (0..3).map(|k| b[o * 3 + k] * a[k * 16 + i]).sum();
                let whole = base[o * 16 + i] + 2.0 * product;
                assert!((whole - source[o * 16 + i]).abs() < 1e-5, "{method}: {whole} {}", source[o * 16 + i]);
            }
        }
    }
}

/// The weight of the source's second layer, outputs × inputs.
fn desk_weight(desk: &Desk) -> Vec<f64> {
    zeros(desk, "layer.safetensors", &[("layers.1.weight", [16, 16])]);
    desk.fine(&["init", "layer.safetensors", "--from", "small.onnx", "-o", "layer_out.safetensors"]);
    values(desk, "layer_out.safetensors", "layers.1.weight")
}
