//! `--from`: values of another model's file, from the plan to the proof.

mod harness;

use fanin_engine::{Constants, Options, Program, Tensor};
use harness::Desk;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A safetensors file whose elements are all different: element `i` of tensor `t` is `t + i/1000`.
fn model(desk: &Desk, name: &str, tensors: &[(&str, &[u64])]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (t, (tensor, shape)) in tensors.iter().enumerate() {
        let start = data.len();
        let count: u64 = shape.iter().product();
        data.extend((0..count).flat_map(|i| (t as f32 + i as f32 / 1000.0).to_le_bytes()));
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert((*tensor).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    desk.write(name, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat());
}

fn values(desk: &Desk, file: &str, tensor: &str) -> Vec<f32> {
    let model = fanin_model::open(desk.path(file)).unwrap();
    let index = model.params().iter().position(|p| p.name == tensor).unwrap();
    let bytes = model.bytes(index).unwrap().unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn decision<'a>(plan: &'a Value, name: &str) -> &'a Value {
    plan["decisions"].as_array().unwrap().iter().find(|d| d["name"] == name).unwrap()
}

/// A model, and a source that has three of its four parameters behind a wrapper, and one more.
fn wrapped() -> Desk {
    let desk = Desk::new();
    model(
        &desk,
        "net.safetensors",
        &[("fc1.weight", &[8, 4]), ("fc1.bias", &[8]), ("fc2.weight", &[8, 8]), ("new.weight", &[8, 8])],
    );
    let held: &[(&str, &[u64])] = &[
        ("module.fc1.weight", &[8, 4]),
        ("module.fc1.bias", &[8]),
        ("module.fc2.weight", &[8, 8]),
        ("module.old", &[3]),
    ];
    model(&desk, "trained.safetensors", held);
    desk
}

#[test]
fn what_is_taken_is_told() {
    let desk = wrapped();
    let args = ["net.safetensors", "--from", "trained.safetensors"];
    let plan = desk.json(&[&["plan"], &args[..]].concat());
    let fc1 = decision(&plan, "fc1.weight");
    assert_eq!((&fc1["action"], &fc1["take"]["file"]), (&json!("take"), &json!("trained.safetensors")));
    assert_eq!(fc1["take"]["tensors"][0]["name"], "module.fc1.weight");
    assert_eq!(fc1["take"]["tensors"][0]["digest"].as_str().unwrap().len(), 32);
    assert_eq!(decision(&plan, "new.weight")["action"], "fill");
    assert_eq!(plan["unused"], json!(["module.old"]));
    let table = desk.fine(&[&["plan"], &args[..]].concat());
    assert!(
        table.contains("3 parameters taken from trained.safetensors; 1 of its tensors unused. 1 parameters drawn"),
        "{table}"
    );
    assert!(table.contains("unused in the source: module.old"), "{table}");
    assert!(table.contains("trained.safetensors has nothing for it"), "{table}");
    let why = desk.fine(&[&["plan"], &args[..], &["--why", "fc1.bias"]].concat());
    assert!(why.contains("`module.fc1.bias` of trained.safetensors: the same name behind `module.`"), "{why}");
}

#[test]
fn what_was_taken_is_proved() {
    let desk = wrapped();
    let args = ["net.safetensors", "--from", "trained.safetensors"];
    desk.fine(&[&["init"], &args[..], &["-o", "a.safetensors", "--plan", "plan.json"]].concat());
    assert_eq!(values(&desk, "a.safetensors", "fc2.weight"), values(&desk, "trained.safetensors", "module.fc2.weight"));
    desk.fine(&["apply", "plan.json", "net.safetensors", "-o", "b.safetensors"]);
    assert!(desk.read("a.safetensors") == desk.read("b.safetensors"));
    assert!(
        desk.fine(&["verify", "a.safetensors", "--plan", "plan.json"])
            .contains("all 4 parameters, drawn or taken, are those")
    );

    // A file that was moved is found; one that has changed is refused.
    std::fs::rename(desk.path("trained.safetensors"), desk.path("moved.safetensors")).unwrap();
    let apply = ["apply", "plan.json", "net.safetensors", "-o", "c.safetensors"];
    assert_eq!(desk.run(&apply).code, 3);
    desk.fine(&[&apply[..], &["--from", "moved.safetensors"]].concat());
    let mut bytes = desk.read("moved.safetensors");
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    desk.write("trained.safetensors", bytes);
    let ran = desk.run(&["apply", "plan.json", "net.safetensors", "-o", "d.safetensors"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("`module.fc2.weight`: its digest is") && ran.err.contains("as in the plan"),
        "{}",
        ran.err
    );
    assert!(!desk.names().contains(&"d.safetensors".to_owned()));
    // So is one element of the written file.
    let mut written = desk.read("a.safetensors");
    let at = written.len() - 300;
    written[at] ^= 1;
    desk.write("a.safetensors", written);
    let ran = desk.run(&["verify", "a.safetensors", "--plan", "plan.json", "--from", "moved.safetensors"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
}

#[test]
fn one_reading_proves_what_two_do() {
    let desk = Desk::new();
    // More than a block of the writer, so that the digest is put together from several, in two threads.
    let tensors: [(&str, &[u64]); 3] = [("a.weight", &[700, 900]), ("b.weight", &[300, 700]), ("b.bias", &[300])];
    model(&desk, "net.safetensors", &tensors);
    model(&desk, "old.safetensors", &tensors);
    let args = ["net.safetensors", "--from", "old.safetensors"];
    for dtype in ["f32", "bf16", "f16", "f64"] {
        let typed = [&args[..], &["--dtype", dtype]].concat();
        let out = ["-o", "out.safetensors", "--plan", "written.json", "--force"];
        let told = desk.json(&[&["init"], &typed[..], &out].concat());
        desk.fine(&[&["plan"], &typed[..], &["-o", "ahead.json"]].concat());
        assert_eq!(desk.text("written.json"), desk.text("ahead.json"), "{dtype}");
        let id = told["plan"].as_str().unwrap();
        assert!(String::from_utf8_lossy(&desk.read("out.safetensors")).contains(&format!("\"fanin.plan\":\"{id}\"")));
        let proved = desk.json(&["verify", "out.safetensors", "--plan", "ahead.json"]);
        assert_eq!((&proved["plan"], &proved["equal"]), (&json!(id), &json!(3)), "{dtype}");
    }
    // A table needs no digests, and what it says is the same.
    assert!(desk.fine(&[&["plan"], &args[..]].concat()).contains("3 parameters taken from old.safetensors"));
}

#[test]
fn names_can_be_given_and_likes_are_not_guessed() {
    let desk = Desk::new();
    model(&desk, "net.safetensors", &[("h.0.w.weight", &[4, 4]), ("h.1.w.weight", &[4, 4])]);
    model(
        &desk,
        "two.safetensors",
        &[
            ("ema.h.0.w.weight", &[4, 4]),
            ("ema.h.1.w.weight", &[4, 4]),
            ("raw.h.0.w.weight", &[4, 4]),
            ("raw.h.1.w.weight", &[4, 4]),
        ],
    );
    let refused = desk.run(&["init", "net.safetensors", "--from", "two.safetensors", "-o", "x.safetensors"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    for word in ["`h.0.w.weight` (ema.h.0.w.weight or raw.h.0.w.weight)", "--map 'ema.*=*'"] {
        assert!(refused.err.contains(word), "{}", refused.err);
    }
    let args = ["init", "net.safetensors", "--from", "two.safetensors", "--map", "raw.*=*", "-o", "y.safetensors"];
    desk.fine(&args);
    assert_eq!(values(&desk, "y.safetensors", "h.1.w.weight"), values(&desk, "two.safetensors", "raw.h.1.w.weight"));
    // What the user set is not taken.
    desk.fine(&[&args[..6], &["--set", "h.0.w.weight=ones", "-o", "z.safetensors"]].concat());
    assert_eq!(values(&desk, "z.safetensors", "h.0.w.weight"), [1.0; 16]);
    let ran = desk.run(&["plan", "net.safetensors", "--from", "two.safetensors", "--fit", "wider=maybe"]);
    assert!(ran.code == 2 && ran.err.contains("draw, pad, net2net, fpi or aki"), "{}", ran.err);
    assert_eq!(desk.run(&["plan", "net.safetensors", "--from", "missing.pt"]).code, 3);
}

#[test]
fn quantized_tensors_are_not_taken_and_named() {
    let desk = Desk::new();
    let held = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/gguf/quantized.gguf")).unwrap();
    desk.write("q.gguf", held);
    let own: [(&str, &[u64]); 3] =
        [("blk.0.attn_norm.weight", &[32]), ("blk.0.attn_q.weight", &[2, 32]), ("blk.0.attn_k.weight", &[16, 32])];
    model(&desk, "net.safetensors", &own);
    let ran = desk.run(&["init", "net.safetensors", "--from", "q.gguf", "-o", "x.safetensors", "--plan", "p.json"]);
    let told = "2 tensors of q.gguf are not taken, since their elements are no plain numbers: `blk.0.attn_";
    assert!(ran.code == 0 && ran.err.contains(told) && ran.err.contains("(quantized as Q"), "{}", ran.err);
    let plan: Value = serde_json::from_str(&desk.text("p.json")).unwrap();
    assert_eq!(decision(&plan, "blk.0.attn_norm.weight")["action"], "take");
    let reasons = decision(&plan, "blk.0.attn_q.weight")["reasons"].to_string();
    assert!(reasons.contains("is quantized as Q4_0, which cannot be taken"), "{reasons}");
}

#[test]
fn what_was_left_open_is_a_warning() {
    let desk = Desk::new();
    model(&desk, "net.safetensors", &[("h.0.w.weight", &[4, 4]), ("h.1.w.weight", &[4, 4]), ("out.bias", &[3])]);
    let held: [(&str, &[u64]); 5] = [
        ("ema.h.0.w.weight", &[4, 4]),
        ("ema.h.1.w.weight", &[4, 4]),
        ("raw.h.0.w.weight", &[4, 4]),
        ("raw.h.1.w.weight", &[4, 4]),
        ("out.bias", &[3]),
    ];
    model(&desk, "two.safetensors", &held);
    let ran = desk.run(&["init", "net.safetensors", "--from", "two.safetensors", "-o", "x.safetensors"]);
    let told = "2 parameters are drawn, since several tensors of two.safetensors fit each alike: `h.0.w.weight` \
                (ema.h.0.w.weight or raw.h.0.w.weight), `h.1.w.weight`";
    assert!(ran.code == 0 && ran.err.contains(told), "{}", ran.err);
    // A rule that does nothing is told too.
    let ran = desk.run(&["plan", "net.safetensors", "--from", "two.safetensors", "--map", "rav.*=*"]);
    assert!(ran.code == 0 && ran.err.contains("--map 'rav.*=*': no tensor of two.safetensors"), "{}", ran.err);
}

#[test]
fn hostile_sources_are_refused_and_nothing_is_written() {
    let desk = wrapped();
    let magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let evil = [&magic[..], b"\x80\x02cos\nsystem\nX\x0d\0\0\0touch touched\x85R.", b"\x80\x02]."].concat();
    desk.write("evil.pt", evil);
    let good = desk.read("trained.safetensors");
    desk.write("cut.safetensors", &good[..good.len() - 7]);
    desk.write(
        "lies.npy",
        b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 4), }",
    );
    let before = desk.names();
    for (source, words) in
        [("evil.pt", "the pickle names `os.system`"), ("cut.safetensors", "expected"), ("lies.npy", "expected")]
    {
        let ran = desk.run(&["init", "net.safetensors", "--from", source, "-o", "out.safetensors", "--plan", "p.json"]);
        assert!(ran.code == 3 && ran.err.contains(source) && ran.err.contains(words), "{source}: {}", ran.err);
        assert_eq!(desk.names(), before, "{source}");
    }
}

#[test]
fn fused_and_transposed_weights_are_put_together() {
    let desk = Desk::new();
    // Torch's layers are [out, in] and have q, k and v apart; GPT-2's are [in, out], with the three in one.
    let inside: [(&str, &[u64]); 6] = [
        ("self_attn.q_proj", &[4, 4]),
        ("self_attn.k_proj", &[4, 4]),
        ("self_attn.v_proj", &[4, 4]),
        ("mlp.fc1", &[16, 4]),
        ("self_attn.o_proj", &[4, 4]),
        ("mlp.fc2", &[4, 16]),
    ];
    let fused: [(&str, &[u64]); 4] =
        [("attn.c_attn", &[4, 12]), ("attn.c_proj", &[4, 4]), ("mlp.c_fc", &[4, 16]), ("mlp.c_proj", &[16, 4])];
    let named = |path: &str, layers: &[(&str, &'static [u64])]| -> Vec<(String, &'static [u64])> {
        let one = |i: usize| layers.iter().map(move |(name, shape)| (format!("{path}.{i}.{name}.weight"), *shape));
        (0..2).flat_map(one).collect()
    };
    let (apart, joined) = (named("layers", &inside), named("h", &fused));
    let listed = |all: &'static str, tensors: &[(String, &'static [u64])]| {
        let tensors: Vec<(&str, &[u64])> = tensors.iter().map(|(name, shape)| (name.as_str(), *shape)).collect();
        model(&desk, all, &tensors);
    };
    listed("apart.safetensors", &apart);
    listed("fused.safetensors", &joined);
    desk.fine(&["init", "fused.safetensors", "--from", "apart.safetensors", "-o", "out.safetensors"]);
    let made = values(&desk, "out.safetensors", "h.0.attn.c_attn.weight");
    // Row 1 holds column 1 of q, k and v.
    assert_eq!(made[12..24], [0.001, 0.005, 0.009, 0.013, 1.001, 1.005, 1.009, 1.013, 2.001, 2.005, 2.009, 2.013]);
    assert_eq!(values(&desk, "out.safetensors", "h.0.mlp.c_fc.weight")[16..19], [3.001, 3.005, 3.009]);
    // And back again.
    desk.fine(&["init", "apart.safetensors", "--from", "out.safetensors", "-o", "back.safetensors"]);
    for (name, _) in &apart {
        assert_eq!(values(&desk, "back.safetensors", name), values(&desk, "apart.safetensors", name), "{name}");
    }
}

#[test]
fn types_are_cast_and_heads_are_drawn() {
    let desk = Desk::new();
    model(&desk, "net.safetensors", &[("body.weight", &[6, 4]), ("head.weight", &[5, 6]), ("head.bias", &[5])]);
    model(&desk, "old.safetensors", &[("body.weight", &[6, 4]), ("head.weight", &[9, 6]), ("head.bias", &[9])]);
    let args = [
        "init",
        "net.safetensors",
        "--from",
        "old.safetensors",
        "--dtype",
        "bf16",
        "-o",
        "out.safetensors",
        "--plan",
        "p.json",
    ];
    desk.fine(&args);
    let plan: Value = serde_json::from_str(&desk.text("p.json")).unwrap();
    for name in ["head.weight", "head.bias"] {
        let head = decision(&plan, name);
        assert_eq!(head["action"], "fill", "{head:#}");
        assert!(head["reasons"].to_string().contains("the head has 5 outputs, 9 in the source"), "{head:#}");
    }
    assert_eq!(decision(&plan, "body.weight")["dtype"], "bf16");
    assert!(desk.fine(&["verify", "out.safetensors", "--plan", "p.json"]).contains("all 3"));
    desk.fine(&[
        "init",
        "net.safetensors",
        "--from",
        "old.safetensors",
        "--fit",
        "head=rows",
        "-o",
        "rows.safetensors",
    ]);
    assert_eq!(values(&desk, "rows.safetensors", "head.bias"), values(&desk, "old.safetensors", "head.bias")[..5]);
    // Shrink and perturb: half of what was there, and noise of a tenth of its spread.
    let perturb = ["--fit", "shrink=0.5", "--fit", "perturb=0.1", "-o", "p.safetensors"];
    desk.fine(&[&["init", "net.safetensors", "--from", "old.safetensors"], &perturb[..]].concat());
    let (old, new) = (values(&desk, "old.safetensors", "body.weight"), values(&desk, "p.safetensors", "body.weight"));
    let noise: Vec<f32> = old.iter().zip(&new).map(|(old, new)| new - old / 2.0).collect();
    let std = (noise.iter().map(|n| n * n).sum::<f32>() / 24.0).sqrt();
    // The spread of 0 … 23 thousandths is 0.00692; a sample of 24 is within 60 % of it.
    assert!((std / 0.000_692 - 1.0).abs() < 0.6, "{std}");
}

/// The outputs of an ONNX model for a batch of varied inputs.
fn outputs(desk: &Desk, file: &str) -> Vec<f64> {
    let model = fanin_model::open(desk.path(file)).unwrap();
    let program = Program::compile(model.graph().unwrap().clone()).unwrap();
    let constants = Constants::load(&program, |id, constant| {
        let bytes = model.constant(id).unwrap().unwrap();
        Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes).unwrap())
    })
    .unwrap();
    let graph = model.graph().unwrap();
    let mut batch = BTreeMap::new();
    for id in &graph.inputs {
        let value = &graph.values[id.0];
        let shape: Vec<usize> =
            value.shape.as_ref().unwrap().iter().map(|size| size.map_or(3, |size| size as usize)).collect();
        let count: usize = shape.iter().product();
        let tensor = if value.dtype == Some(fanin::Dtype::I64) {
            Tensor::new(&shape, (0..count as i64).map(|i| i * 7 % 11).collect()).unwrap()
        } else {
            Tensor::new(&shape, (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()).unwrap()
        };
        batch.insert(*id, tensor);
    }
    let mut trace = program.run(&constants, &batch, Options::default()).unwrap();
    trace.outputs().unwrap().iter().flat_map(Tensor::to_f64s).collect()
}

fn same(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let spread = a.iter().fold(0f64, |most, value| most.max(value.abs()));
    assert!(spread > 0.01, "the outputs are nothing: {spread}");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn wider_and_deeper_models_compute_what_the_source_computes() {
    let desk = Desk::new();
    for (small, large, fit) in [
        ("mlp:8-16x2-3:relu", "mlp:8-32x2-3:relu", "wider=net2net"),
        ("mlp:8-16x2-3:gelu", "mlp:8-23x2-3:gelu", "wider=net2net"),
        ("cnn:1x8x8-4c3-8c3-pool2-5", "cnn:1x8x8-6c3-16c3-pool2-5", "wider=net2net"),
        ("gpt:layers=2,d=16,heads=2", "gpt:layers=4,d=16,heads=2", "deeper=silent"),
    ] {
        desk.fine(&["init", small, "-o", "small.onnx", "--seed", "3", "--force"]);
        desk.fine(&[
            "init",
            large,
            "--from",
            "small.onnx",
            "--fit",
            fit,
            "-o",
            "large.onnx",
            "--plan",
            "p.json",
            "--force",
        ]);
        let difference = same(&outputs(&desk, "small.onnx"), &outputs(&desk, "large.onnx"));
        assert!(difference < 1e-5, "{large}: {difference}");
        desk.fine(&["verify", "large.onnx", "--plan", "p.json"]);
        // Drawn anew, it computes something else: the comparison can fail.
        desk.fine(&["init", large, "-o", "fresh.onnx", "--seed", "4", "--force"]);
        assert!(same(&outputs(&desk, "small.onnx"), &outputs(&desk, "fresh.onnx")) > 1e-2, "{large}");
    }
}
