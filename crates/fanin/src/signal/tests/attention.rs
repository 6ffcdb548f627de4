//! Attention, embeddings, fused weights, time.

use super::net::{Net, close};
use crate::dtype::Dtype;
use crate::graph::Attribute;

#[test]
fn attention_at_the_start_averages_over_tokens() {
    for causal in [false, true] {
        let (mut net, t) = (Net::default(), 32u64);
        let x = net.input("x", &[4, t, 16], Dtype::F32);
        let q = net.dense(x, [16, 16], "normal(std=0.02)");
        let k = net.dense(x, [16, 16], "normal(std=0.02)");
        let v = net.dense(x, [16, 16], "normal(std=0.25)");
        let turned = net.node("Transpose", &[k], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
        let mut scores = net.node("MatMul", &[q, turned], &[]);
        if causal {
            let mask = net.mask(t);
            scores = net.node("Add", &[scores, mask], &[]);
        }
        let p = net.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
        let y = net.node("MatMul", &[p, v], &[]);
        let predicted = net.predict(y);
        let harmonic: f64 = (1..=t).map(|i| 1.0 / i as f64).sum();
        let expected = if causal { harmonic / t as f64 } else { 1.0 / t as f64 };
        assert!(close(predicted.at(y).second, expected, 0.02), "{causal}: {} {expected}", predicted.at(y).second);
        assert!(close(predicted.at(v).gradient.unwrap(), expected, 0.02), "{causal}");
    }
}

#[test]
fn parts_of_a_fused_weight_keep_their_own_scale() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 8, 16], Dtype::F32);
    let w = net.weight("w", &[16, 48], "glorot");
    let qkv = net.node("MatMul", &[x, w], &[]);
    let sizes = net.ints(&[32, 8, 8]);
    let parts = net.nodes("Split", &[qkv, sizes], &[("axis", Attribute::Int(-1))], 3);
    let sum = net.node("Add", &[parts[1], parts[2]], &[]);
    let q = net.node("Relu", &[parts[0]], &[]);
    let all = net.node("Concat", &[q, sum], &[("axis", Attribute::Int(-1))]);
    let predicted = net.predict(all);
    let [q, k, v] = [0, 1, 2].map(|i| predicted.at(parts[i]).second);
    // Glorot's variance is 2/(16 + 32) for q and 2/(16 + 8) for k and v.
    assert!(close(q, 2.0 / 3.0, 1e-12) && close(k, 4.0 / 3.0, 1e-12) && close(v, k, 1e-12), "{q} {k} {v}");
    assert!(close(predicted.at(qkv).second, (32.0 * q + 16.0 * k) / 48.0, 1e-12));
    assert!(close(predicted.at(all).second, (32.0 * 0.5 * q + 8.0 * 2.0 * k) / 40.0, 1e-12));
}

#[test]
fn tokens_share_a_row_now_and_then() {
    let mut net = Net::default();
    let ids = net.input("ids", &[2, 8], Dtype::I64);
    let table = net.weight("table", &[50, 16], "normal(std=0.1)");
    let x = net.node("Gather", &[table, ids], &[]);
    let predicted = net.predict(x);
    assert!(close(predicted.at(x).second, 0.01, 1e-12));
    assert!(close(predicted.at(x).correlation, 1.0 / 50.0, 1e-12));
    // 16 places, 50 rows.
    assert!(close(predicted.param("table").gradient.unwrap(), 16.0 / 50.0, 1e-12));
}

#[test]
fn a_gate_that_is_closed_forgets() {
    let second = |forget: &str| {
        let mut net = Net::default();
        let x = net.input("x", &[12, 4, 8], Dtype::F32);
        let w = net.weight("w", &[1, 64, 8], "glorot");
        let r = net.weight("r", &[1, 64, 16], "orthogonal");
        let b = net.weight("b", &[1, 128], forget);
        let outputs = net.nodes("LSTM", &[x, w, r, b], &[("hidden_size", Attribute::Int(16))], 3);
        let predicted = net.predict(outputs[1]);
        predicted.at(outputs[2]).second
    };
    let (open, plain) = (second("forget_bias(value=3)"), second("zeros"));
    assert!(open > 2.0 * plain, "{open} {plain}");
}
