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

fn grown(desk: &Desk, model: &str, fits: &[&str], more: &[&str]) {
    let fits: Vec<&str> = fits.iter().flat_map(|fit| ["--fit", fit]).collect();
    let init = ["init", model, "--from", "small.onnx", "-o", "large.onnx", "--plan", "p.json"];
    desk.fine(&[&init[..], &fits[..], more].concat());
    desk.fine(&["verify", "large.onnx", "--plan", "p.json"]);
}

/// What promises that the outputs stay: the source, the model, what is fitted, the data.
type Promise<'a> = (&'a str, &'a str, &'a [&'a str], &'a str);

const TEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benchmarks/text.txt#length=16,rows=80");

const PROMISES: &[Promise] = &[
    ("mlp:64-16x2-10:relu", "mlp:64-40x2-10:relu", &["wider=net2net"], "digits"),
    ("mlp:64-16x2-10:relu,norm=batch", "mlp:64-40x2-10:relu,norm=batch", &["wider=net2net"], "digits"),
    ("cnn:1x8x8-4c3-8c3-pool2-10", "cnn:1x8x8-6c3-16c3-pool2-10", &["wider=net2net"], "digits"),
    ("mlp:64-16x2-10:relu", "mlp:64-16x5-10:relu", &["deeper=net2net"], "digits"),
    (
        "vit:1x8x8-10:patch=2,d=16,layers=2,heads=2",
        "vit:1x8x8-10:patch=2,d=32,layers=2,heads=4",
        &["wider=net2net"],
        "digits",
    ),
    // Heads that are tied, and that are not; one that is not, of one that is.
    (
        "gpt:layers=2,d=16,heads=2,vocab=128,context=16",
        "gpt:layers=2,d=32,heads=4,vocab=128,context=16",
        &["wider=fpi"],
        TEXT,
    ),
    (
        "gpt:layers=2,d=16,heads=2,vocab=128,context=16,tied=no",
        "gpt:layers=2,d=32,heads=4,vocab=128,context=16,tied=no",
        &["wider=net2net"],
        TEXT,
    ),
    (
        "gpt:layers=2,d=16,heads=2,vocab=128,context=16",
        "gpt:layers=2,d=32,heads=4,vocab=128,context=16,tied=no",
        &["wider=net2net"],
        TEXT,
    ),
    (
        "llama:layers=2,d=16,heads=4,kv_heads=2,vocab=128,context=16,tied=yes",
        "llama:layers=2,d=48,heads=12,kv_heads=6,vocab=128,context=16,tied=yes",
        &["wider=net2net"],
        TEXT,
    ),
    (
        "gpt:layers=2,d=16,heads=2,vocab=128,context=16",
        "gpt:layers=5,d=16,heads=2,vocab=128,context=16",
        &["deeper=silent"],
        TEXT,
    ),
    (
        "gpt:layers=2,d=16,heads=2,vocab=128,context=16",
        "gpt:layers=3,d=32,heads=4,vocab=128,context=16",
        &["wider=net2net", "deeper=silent"],
        TEXT,
    ),
    (
        "llama:layers=2,d=16,heads=4,kv_heads=2,vocab=128,context=16",
        "llama:layers=2,d=16,heads=4,vocab=128,context=16",
        &["heads=2"],
        TEXT,
    ),
    ("plain.onnx", "adapted.onnx", &["lora_scale=2"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=default", "lora_scale=2"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=gaussian"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=pissa", "lora_scale=2"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=olora", "lora_scale=2"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=eva", "lora_scale=2"], "digits"),
    ("plain.onnx", "adapted.onnx", &["lora=gradient", "lora_scale=2"], "digits"),
    ("dense.onnx", "experts.onnx", &[], "digits"),
];

/// Fits that promise no such thing.
const OTHERS: [&str; 9] = [
    "wider=draw",
    "wider=pad",
    "wider=aki",
    "deeper=draw",
    "deeper=stack",
    "deeper=interleave",
    "deeper=blend",
    "lora_scale=2",
    "heads=2",
];

/// A short architecture as it is, a file from where it stands.
fn place(model: &str) -> String {
    let file = || format!("{}/../../testdata/transfer/{model}", env!("CARGO_MANIFEST_DIR"));
    if model.contains(':') { model.to_owned() } else { file() }
}

fn keeps_the_function(&(small, large, fits, data): &Promise) {
    let (desk, large) = (Desk::new(), place(large));
    trained(&desk, &place(small), data);
    let measured: &[&str] = if fits.iter().any(|fit| fit.starts_with("lora=")) { &["--data", data] } else { &[] };
    grown(&desk, &large, fits, measured);
    let before = outputs(&desk, "small.onnx", data);
    let found = difference(&before, &outputs(&desk, "large.onnx", data));
    assert!(found < 1e-5, "{small} → {large} {fits:?}: {found}");
    desk.fine(&["init", &large, "-o", "fresh.onnx"]);
    assert!(difference(&before, &outputs(&desk, "fresh.onnx", data)) > 1e-2, "{large}: the comparison can fail");
}

#[test]
fn every_method_that_promises_it_keeps_the_function() {
    let halves = PROMISES.chunks(PROMISES.len().div_ceil(2));
    std::thread::scope(|scope| halves.for_each(|half| drop(scope.spawn(|| half.iter().for_each(keeps_the_function)))));
}

#[test]
fn a_chain_grows_from_a_source_that_has_no_graph() {
    let (desk, small, deep) = (Desk::new(), "mlp:64-16x2-10:relu", "mlp:64-16x5-10:relu");
    trained(&desk, small, "digits");
    desk.fine(&["train", small, "--data", "digits", "--steps", "8", "-o", "small.safetensors"]);
    desk.fine(&["init", deep, "--from", "small.safetensors", "--fit", "deeper=net2net", "-o", "large.onnx"]);
    let found = difference(&outputs(&desk, "small.onnx", "digits"), &outputs(&desk, "large.onnx", "digits"));
    assert!(found < 1e-5, "{found}");
}

#[test]
fn every_fit_promises_it_or_does_not() {
    let promised = |fit: &String| PROMISES.iter().any(|(_, _, fits, _)| fits.contains(&fit.as_str()));
    for name in ["wider", "deeper", "lora"] {
        // The message of a value that is none lists them all.
        let message = fanin::transfer::Options::default().set(&format!("{name}=")).unwrap_err().to_string();
        let list = message.split("expected ").nth(1).unwrap().split('.').next().unwrap().replace(" or ", ", ");
        for word in list.split(", ") {
            let fit = format!("{name}={word}");
            assert!(promised(&fit) != OTHERS.contains(&fit.as_str()), "{fit}");
        }
    }
}

#[test]
fn a_tied_head_without_a_norm_that_could_share_is_told() {
    let desk = Desk::new();
    let gpt = |d: u64| format!("gpt:layers=1,d={d},heads=2,vocab=128,context=16,norm=none");
    trained(&desk, &gpt(16), TEXT);
    let ran = desk.run(&["plan", &gpt(32), "--from", "small.onnx", "--fit", "wider=net2net"]);
    assert!(ran.code == 0 && ran.err.contains("counts every copy of a unit"), "{}", ran.err);
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
