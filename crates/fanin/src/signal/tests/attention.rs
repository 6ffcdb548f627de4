//! Attention, embeddings, fused weights, time.

use super::net::{Net, close};
use crate::dtype::Dtype;
use crate::graph::Attribute;
use crate::law::Dist;
use crate::numerics::exp;
use crate::stream::Stream;

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

/// Second moment of what one head of scores of variance 1 finds among 32 places of `d` numbers: drawn, not predicted.
fn drawn(d: usize, draws: usize) -> f64 {
    let (n, mut sum) = (32, 0.0);
    let normal = Dist::Normal { mean: 0.0, std: 1.0 };
    let mut values = vec![0f32; d * (n + 1)];
    for draw in 0..draws {
        crate::kernel::fill_f32(&normal, &Stream::new(draw as u64, "attention"), 0, &mut values).unwrap();
        let x: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        let (look, places) = x.split_at(d);
        let score = |j: usize| (0..d).map(|i| look[i] * places[j * d + i]).sum::<f64>() / (d as f64).sqrt();
        let weights: Vec<f64> = (0..n).map(|j| exp(score(j))).collect();
        let total: f64 = weights.iter().sum();
        for i in 0..d {
            let found: f64 = (0..n).map(|j| weights[j] / total * places[j * d + i]).sum();
            sum += found * found / d as f64;
        }
    }
    sum / draws as f64
}

#[test]
fn attention_finds_what_its_keys_and_values_share() {
    let (mut net, d) = (Net::default(), 12u64);
    let x = net.input("x", &[4, 32, d], Dtype::F32);
    let [q, k, v] = [0, 1, 2].map(|_| net.dense(x, [d, d], "lecun"));
    let turned = net.node("Transpose", &[k], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
    let scores = net.node("MatMul", &[q, turned], &[]);
    let root = net.number((d as f64).sqrt());
    let scores = net.node("Div", &[scores, root], &[]);
    let p = net.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
    let y = net.node("MatMul", &[p, v], &[]);
    let predicted = net.predict(y);
    let (own, found) = (predicted.at(y).second, drawn(12, 3000));
    assert!(close(own, found, 0.06), "{own} {found}");
    // By the weights alone it would be far less.
    let squares = 32.0 * predicted.at(p).second;
    assert!(squares < 0.86 * found, "{squares} {found}");
    // A query's gradient meets the keys that the values were made with.
    let gradient = predicted.at(q).gradient.unwrap() / predicted.at(k).gradient.unwrap();
    assert!(close(gradient, 1.0 + 1.0 / (12.0 * squares), 0.1), "{gradient}");
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
