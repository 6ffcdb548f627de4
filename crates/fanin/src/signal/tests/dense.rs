//! Dense networks: exact recursions, spelt-out functions, normalization, residual growth.

use super::net::{Net, close};
use crate::dtype::Dtype;
use crate::gain::{Activation, Moments};
use crate::graph::{Attribute, ValueId};
use std::f64::consts::PI;

/// Pre-activations of a plain network of one width, each layer with this variance times the width.
fn plain(op: &str, layers: usize, variance: f64) -> (Vec<ValueId>, super::net::Predicted) {
    let (mut net, width) = (Net::default(), 64);
    let mut x = net.input("x", &[8, width], Dtype::F32);
    let call = format!("normal(std={})", (variance / width as f64).sqrt());
    let mut seen = Vec::new();
    for _ in 0..layers {
        let z = net.dense(x, [width, width], &call);
        seen.push(z);
        x = net.node(op, &[z], &[]);
    }
    let predicted = net.predict(x);
    (seen, predicted)
}

#[test]
fn a_network_of_rectifiers_keeps_its_scale_and_loses_its_distances() {
    let (seen, predicted) = plain("Relu", 50, 2.0);
    let mut c: f64 = 0.0;
    for (layer, &z) in seen.iter().enumerate() {
        let moment = predicted.at(z);
        // The first layer sees E[x²] = 1, so its output has 2; rectifying halves, the weights double.
        assert!(close(moment.second, 2.0, 1e-12), "layer {layer}: {}", moment.second);
        assert!((moment.correlation - c).abs() < 1e-9, "layer {layer}: {} for {c}", moment.correlation);
        assert!(close(moment.gradient.unwrap(), 0.5, 1e-9), "layer {layer}");
        // Cho and Saul 2009; methods of the field quote 0.988 after 50 layers.
        c = ((1.0 - c * c).sqrt() + c * (PI - c.acos())) / PI;
    }
    assert!((predicted.at(seen[49]).correlation - 0.988).abs() < 1e-3);
}

#[test]
fn gelu_and_silu_leave_their_fixed_point_as_their_own_recursion_says() {
    for (op, activation, grows) in [("Gelu", Activation::Gelu, 20.0), ("Swish", Activation::Silu, 1e3)] {
        let gain = Moments::of(activation, activation.default_parameter(), 1.0).gain();
        let (seen, predicted) = plain(op, 50, gain * gain);
        let mut q = gain * gain;
        for &z in &seen {
            assert!(close(predicted.at(z).second, q, 1e-8), "{op}: {} for {q}", predicted.at(z).second);
            q = gain * gain * Moments::of(activation, activation.default_parameter(), q).second;
        }
        assert!(predicted.at(seen[49]).second > grows, "{op} stays at {}", predicted.at(seen[49]).second);
    }
}

#[test]
fn gradients_grow_by_chi_in_every_layer() {
    let variance = 1.8;
    let (seen, predicted) = plain("Tanh", 30, variance);
    for pair in seen.windows(2).rev() {
        let [before, after] = [predicted.at(pair[0]), predicted.at(pair[1])];
        let chi = variance * Moments::of(Activation::Tanh, 0.0, before.second).derivative;
        assert!(close(before.gradient.unwrap() / after.gradient.unwrap(), chi, 1e-8));
    }
}

#[test]
fn functions_spelled_out_are_those_of_the_operator() {
    let build = |spelled: bool| {
        let mut net = Net::default();
        let x = net.input("x", &[4, 32], Dtype::F32);
        let z = net.dense(x, [32, 32], "normal(std=0.3)");
        let y = if spelled {
            let (root, one, half) = (net.number(2f64.sqrt()), net.number(1.0), net.number(0.5));
            let scaled = net.node("Div", &[z, root], &[]);
            let erf = net.node("Erf", &[scaled], &[]);
            let sum = net.node("Add", &[erf, one], &[]);
            let product = net.node("Mul", &[z, sum], &[]);
            net.node("Mul", &[product, half], &[])
        } else {
            net.node("Gelu", &[z], &[])
        };
        let out = net.dense(y, [32, 4], "normal(std=0.3)");
        let predicted = net.predict(out);
        (predicted.at(y), predicted.at(z))
    };
    let ((y, z), (y_op, z_op)) = (build(true), build(false));
    assert!(close(y.second, y_op.second, 1e-9) && close(y.mean, y_op.mean, 1e-9));
    assert!(close(z.gradient.unwrap(), z_op.gradient.unwrap(), 1e-7), "{z:?} {z_op:?}");
}

#[test]
fn normalization_spelled_out_is_that_of_the_operator() {
    let build = |spelled: bool| {
        let mut net = Net::default();
        let x = net.input("x", &[4, 16], Dtype::F32);
        let wide = net.dense(x, [16, 32], "normal(std=0.9)");
        let h = net.node("Relu", &[wide], &[]);
        let y = if spelled {
            let (axes, two, eps) = (net.ints(&[-1]), net.number(2.0), net.number(1e-5));
            let mean = net.node("ReduceMean", &[h, axes], &[]);
            let centred = net.node("Sub", &[h, mean], &[]);
            let square = net.node("Pow", &[centred, two], &[]);
            let variance = net.node("ReduceMean", &[square, axes], &[]);
            let sum = net.node("Add", &[variance, eps], &[]);
            let root = net.node("Sqrt", &[sum], &[]);
            net.node("Div", &[centred, root], &[])
        } else {
            let (scale, shift) = (net.weight("scale", &[32], "ones"), net.weight("shift", &[32], "zeros"));
            net.node("LayerNormalization", &[h, scale, shift], &[])
        };
        let out = net.dense(y, [32, 4], "normal(std=0.3)");
        let predicted = net.predict(out);
        (predicted.at(y), predicted.at(h))
    };
    let ((y, h), (y_op, h_op)) = (build(true), build(false));
    assert!(close(y.second, 1.0, 1e-4) && close(y_op.second, 1.0, 1e-4));
    assert!(close(y.correlation, y_op.correlation, 1e-9));
    assert!(close(h.gradient.unwrap(), h_op.gradient.unwrap(), 0.05), "{h:?} {h_op:?}");
}

#[test]
fn residual_sums_grow_by_one_branch_a_block() {
    let (mut net, blocks, width) = (Net::default(), 100, 32);
    let mut x = net.input("x", &[4, width], Dtype::F32);
    let (scale, shift) = (net.weight("scale", &[width], "ones"), net.weight("shift", &[width], "zeros"));
    let mut seen = Vec::new();
    for _ in 0..blocks {
        let normal = net.node("LayerNormalization", &[x, scale, shift], &[]);
        let branch = net.dense(normal, [width, width], "normal(std=0.1)");
        x = net.node("Add", &[x, branch], &[]);
        seen.push(x);
    }
    let predicted = net.predict(x);
    for (block, &x) in seen.iter().enumerate() {
        let expected = 1.0 + 0.32 * (block + 1) as f64;
        assert!(close(predicted.at(x).second, expected, 1e-3), "{block}: {}", predicted.at(x).second);
    }
    // Two inputs keep what they had in common: nothing.
    assert!(predicted.at(x).correlation.abs() < 1e-9);
}

#[test]
fn batch_normalization_keeps_what_tells_samples_apart() {
    let mut net = Net::default();
    let x = net.input("x", &[1000, 32], Dtype::F32);
    let z = net.dense(x, [32, 64], "normal(std=0.3)");
    let h = net.node("Relu", &[z], &[]);
    let next = net.dense(h, [64, 64], "normal(std=0.2)");
    let names = ["scale", "shift", "mean", "variance"];
    let stats: Vec<ValueId> = names
        .iter()
        .zip(["ones", "zeros", "zeros", "ones"])
        .map(|(name, call)| net.weight(name, &[64], call))
        .collect();
    let y = net.node("BatchNormalization", &[next, stats[0], stats[1], stats[2], stats[3]], &[]);
    let predicted = net.predict(y);
    // Before: 1/π of the power is the same for all inputs. After: nothing is.
    assert!((predicted.at(next).correlation - 1.0 / PI).abs() < 1e-9);
    assert!(close(predicted.at(y).second, 1.0, 1e-3));
    assert!(predicted.at(y).correlation.abs() < 2e-3, "{}", predicted.at(y).correlation);
}

#[test]
fn gradients_of_weights_sum_over_samples() {
    let mut net = Net::default();
    let x = net.input("x", &[10, 16], Dtype::F32);
    let w = net.weight("w", &[16, 4], "normal(std=0.25)");
    let b = net.weight("b", &[4], "zeros");
    let z = net.node("MatMul", &[x, w], &[]);
    let y = net.node("Add", &[z, b], &[]);
    let predicted = net.predict(y);
    // dW = Σ over 10 samples of x g: 10. db: 10.
    assert!(close(predicted.param("w").gradient.unwrap(), 10.0, 1e-12));
    assert!(close(predicted.param("b").gradient.unwrap(), 10.0, 1e-12));
    assert!(close(predicted.at(x).gradient.unwrap(), 4.0 / 16.0, 1e-12));
}

#[test]
fn products_of_independent_signals_multiply() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 16], Dtype::F32);
    let value = net.dense(x, [16, 32], "normal(std=0.25)");
    let gate = net.dense(x, [16, 32], "normal(std=0.25)");
    let open = net.node("Sigmoid", &[gate], &[]);
    let y = net.node("Mul", &[value, open], &[]);
    let predicted = net.predict(y);
    let sigmoid = Moments::of(Activation::Sigmoid, 0.0, 1.0);
    assert!(close(predicted.at(y).second, sigmoid.second, 1e-9));
    assert!(close(predicted.at(value).gradient.unwrap(), sigmoid.second, 1e-9));
    assert!(close(predicted.at(gate).gradient.unwrap(), sigmoid.derivative, 1e-9));
}

#[test]
fn an_operator_without_a_rule_ends_the_prediction_by_name() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 16], Dtype::F32);
    let z = net.dense(x, [16, 16], "normal(std=0.25)");
    let odd = net.node("Det", &[z], &[]);
    let y = net.node("Relu", &[odd], &[]);
    let predicted = net.predict(y);
    assert!(predicted.signal.at(z).is_some_and(|m| m.gradient.is_none()));
    assert!(predicted.signal.at(odd).is_none() && predicted.signal.at(y).is_none());
    assert_eq!(predicted.signal.ends.len(), 1, "{:?}", predicted.signal.ends);
    assert_eq!(predicted.signal.ends[0].at, "Det1");
}

#[test]
fn identities_and_zeros_are_what_they_are() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 16], Dtype::F32);
    let same = net.dense(x, [16, 16], "identity");
    let nothing = net.dense(x, [16, 16], "zeros");
    let both = net.node("Add", &[same, nothing], &[]);
    let y = net.node("Relu", &[both], &[("unused", Attribute::Int(1))]);
    let predicted = net.predict(y);
    assert_eq!((predicted.at(same).second, predicted.at(nothing).second), (1.0, 0.0));
    assert!(close(predicted.at(y).second, 0.5, 1e-12));
}

#[test]
fn a_rectified_stream_keeps_what_no_branch_takes_away() {
    let mut net = Net::default();
    let (x, other) = (net.input("x", &[4, 64], Dtype::F32), net.input("other", &[4, 64], Dtype::F32));
    let first = net.dense(x, [64, 64], "lecun");
    let mut stream = net.node("Relu", &[first], &[]);
    let mut sums = Vec::new();
    for _ in 0..8 {
        let branch = net.dense(other, [64, 64], "normal(std=0.00125)");
        sums.push(net.node("Add", &[stream, branch], &[]));
        stream = net.node("Relu", &[sums[sums.len() - 1]], &[]);
    }
    let predicted = net.predict(stream);
    // Branches of variance 1e-4 add 1e-4 each where the stream is positive, and half of it where it is zero; a normal number
    // of the stream's mean and variance would lose 9 % at the first rectifier already.
    let second = predicted.at(stream).second;
    assert!((0.498..0.505).contains(&second), "{second}");
    // Where the stream is positive every gate is open. Where it is zero it walks: eight steps of a walk stay positive with the
    // chance C(16,8)/2¹⁶ = 0.196, and so often the last gate is shut: (½ + ½·0.196)/(½ + ½·0.804) = 0.66 of the gradient passes
    // all. The prediction forgets at every sum for how long a gate was open, and comes to 0.51; gates that have nothing to do
    // with each other would let 0.13 through.
    let passed = predicted.at(sums[0]).gradient.unwrap() / predicted.at(sums[7]).gradient.unwrap();
    assert!((0.5..0.75).contains(&passed), "{passed}");
}

#[test]
fn weights_that_act_as_one_are_not_predicted_one_by_one() {
    let mut net = Net::default();
    let x = net.input("x", &[8, 64], Dtype::F32);
    let read = net.node("Relu", &[x], &[]);
    let first = net.dense(read, [64, 64], "risotto(skip=before, block=b)");
    let rectified = net.node("Relu", &[first], &[]);
    let last = net.dense(rectified, [64, 64], "risotto(skip=before, part=last, block=b)");
    let sum = net.node("Add", &[x, last], &[]);
    let predicted = net.predict(sum);
    assert!(predicted.signal.at(read).is_some());
    assert!(predicted.signal.at(last).is_none() && predicted.signal.at(sum).is_none());
    let whys: Vec<&str> = predicted.signal.ends.iter().map(|end| end.why.as_str()).collect();
    assert!(whys.iter().any(|why| why.contains("together with the other weights of its block")), "{whys:?}");
}
