//! Llama: a causal transformer with RMS normalization, gated MLPs and rotary positions.

use super::Kind;
use super::attention::Attention;
use super::fault::Fault;
use super::gpt::divided;
use super::layer::Norm;
use super::net::{Net, Signal};
use super::option::{MOST, act, flag, number, size};
use super::text::Text;
use crate::onnx::emit::Setting::Int;

pub(super) const LLAMA: Kind = Kind {
    name: "llama",
    about: "a causal transformer with RMSNorm, SwiGLU and rotary positions (Touvron et al. 2023, arXiv:2302.13971)",
    head: "",
    grammar: "",
    options: &[
        size("layers", "4", (1, 4096), "number of blocks"),
        size("d", "128", (1, MOST), "width of the residual stream"),
        size("heads", "4", (1, 4096), "attention heads; they divide the width"),
        size(
            "kv_heads",
            "0",
            (0, 4096),
            "heads of keys and values, each for several of queries; 0 for as many as heads",
        ),
        size("vocab", "65", (2, 1 << 24), "number of tokens"),
        size("context", "64", (1, 1 << 17), "length of the input"),
        size("mlp", "0", (0, MOST), "width of the MLPs; 0 for 8/3 of the stream's, in steps of 32"),
        act("silu"),
        flag("tied", "no", "whether the output shares the table of the embedding"),
        number("theta", "10000", (1.0, 1e9), "base of the rotary frequencies"),
    ],
    examples: &[
        "llama:layers=4,d=128,heads=4,vocab=65,context=64",
        "llama:layers=16,d=2048,heads=32,kv_heads=8,vocab=128256,mlp=8192,theta=500000,tied",
    ],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (length, vocab, heads) = (text.size("context"), text.size("vocab"), text.size("heads"));
    let width = divided(text, heads)?;
    let size = width / heads;
    if !size.is_multiple_of(2) {
        return Err(text.fault(
            "heads",
            format!("each head has {size} dimensions"),
            "an even number, which rotary positions turn in pairs",
        ));
    }
    let kv = match text.size("kv_heads") {
        0 => heads,
        own if heads.is_multiple_of(own) => own,
        own => {
            return Err(text.fault(
                "kv_heads",
                format!("{own} does not divide {heads} heads"),
                "a number that divides them",
            ));
        }
    };
    let inner = match text.size("mlp") {
        0 => (8 * width / 3).next_multiple_of(32),
        own => own,
    };
    let tokens = net.tokens("tokens", &[length]);
    let sees = net.causal(length);
    let attention = Attention { heads, sees: Some(&sees), dropout: 0.0 };
    let turn = rotation(net, length, size, text.number("theta"));
    let mut x = net.embedding("model.embed_tokens", &tokens, vocab, width);
    for i in 0..text.size("layers") {
        let path = format!("model.layers.{i}");
        let y = net.norm(&format!("{path}.input_layernorm"), &x, Norm::Rms);
        let own = format!("{path}.self_attn");
        let [q, k, v] = [("q", heads), ("k", kv), ("v", kv)].map(|(name, heads)| {
            let part = net.linear(&format!("{own}.{name}_proj"), &y, heads * size, false);
            let part = net.heads(&own, &part, heads);
            if name == "v" { part } else { turned(net, &own, &part, &turn) }
        });
        let (k, v) = (repeated(net, &own, &k, heads), repeated(net, &own, &v, heads));
        let mixed = net.attend(&own, [&q, &k, &v], attention);
        let y = net.linear(&format!("{own}.o_proj"), &mixed, width, false);
        x = net.sum(&path, &x, &y);
        let y = net.norm(&format!("{path}.post_attention_layernorm"), &x, Norm::Rms);
        let gate = net.linear(&format!("{path}.mlp.gate_proj"), &y, inner, false);
        let gate = net.activate(&format!("{path}.mlp.act"), &gate, text.activation("act"));
        let up = net.linear(&format!("{path}.mlp.up_proj"), &y, inner, false);
        let both = net.apply("Mul", &format!("{path}.mlp"), &[&gate.name, &up.name], &[], &up.shape);
        let y = net.linear(&format!("{path}.mlp.down_proj"), &both, width, false);
        x = net.sum(&path, &x, &y);
    }
    let x = net.norm("model.norm", &x, Norm::Rms);
    let logits = if text.flag("tied") {
        net.tied("lm_head", &x, "model.embed_tokens.weight", vocab)
    } else {
        net.linear("lm_head", &x, vocab, false)
    };
    net.output("logits", &logits);
    Ok(())
}

/// Cosine and sine of place · θ^(−2i/size), each `[length, size]`, the second half as the first.
///
/// # Source
/// Su et al. 2021, arXiv:2104.09864, eq. 15, with the halves of a head in place of neighbours, as Llama's code pairs them.
fn rotation(net: &mut Net, length: u64, size: u64, theta: f64) -> (String, String) {
    let exponent = |i: u64| -2.0 * i as f64 / size as f64;
    let frequencies: Vec<f32> = (0..size / 2).map(|i| fanin::numerics::powf(theta, exponent(i)) as f32).collect();
    let frequencies = net.numbers("rotary.inv_freq", &frequencies);
    let (zero, end, one) = (net.number(0.0), net.number(length as f32), net.number(1.0));
    let places = net.op("Range", "rotary", &[&zero, &end, &one], &[]);
    let axis = net.list(&[1]);
    let places = net.op("Unsqueeze", "rotary", &[&places, &axis], &[]);
    let half = net.op("Mul", "rotary", &[&places, &frequencies], &[]);
    let angle = net.op("Concat", "rotary", &[&half, &half], &[("axis", Int(-1))]);
    (net.op("Cos", "rotary", &[&angle], &[]), net.op("Sin", "rotary", &[&angle], &[]))
}

/// x · cos + (−second half, first half) · sin.
fn turned(net: &mut Net, path: &str, x: &Signal, turn: &(String, String)) -> Signal {
    let half = (x.width() / 2) as i64;
    let (zero, middle, end, axis) = (net.list(&[0]), net.list(&[half]), net.list(&[2 * half]), net.list(&[-1]));
    let first = net.op("Slice", path, &[&x.name, &zero, &middle, &axis], &[]);
    let second = net.op("Slice", path, &[&x.name, &middle, &end, &axis], &[]);
    let minus = net.op("Neg", path, &[&second], &[]);
    let crossed = net.op("Concat", path, &[&minus, &first], &[("axis", Int(-1))]);
    let along = net.op("Mul", path, &[&x.name, &turn.0], &[]);
    let across = net.op("Mul", path, &[&crossed, &turn.1], &[]);
    net.apply("Add", path, &[&along, &across], &[], &x.shape)
}

/// Each head of keys or values once for every head of queries that uses it.
fn repeated(net: &mut Net, path: &str, x: &Signal, heads: u64) -> Signal {
    let [own, length, size] = [x.shape[0], x.shape[1], x.shape[2]];
    if own == heads {
        return x.clone();
    }
    let axis = net.list(&[2]);
    let apart = net.op("Unsqueeze", path, &[&x.name, &axis], &[]);
    let times = net.list(&[1, 1, (heads / own) as i64, 1, 1]);
    let many = net.apply("Expand", path, &[&apart, &times], &[], &[own, heads / own, length, size]);
    net.reshaped(path, &many, &[heads, length, size])
}
