//! Convolutions, pooling, resizing.

use super::net::{Net, close};
use crate::dtype::Dtype;
use crate::graph::Attribute;

fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

#[test]
fn padding_and_strides_count_the_taps_that_meet_something() {
    let mut net = Net::default();
    let x = net.input("x", &[2, 3, 8, 8], Dtype::F32);
    let w = net.weight("w", &[16, 3, 3, 3], "normal(std=0.1)");
    let padded = net.node("Conv", &[x, w], &[("pads", ints(&[1, 1, 1, 1]))]);
    let bare = net.node("Conv", &[x, w], &[]);
    let strided = net.node("Conv", &[x, w], &[("strides", ints(&[2, 2])), ("pads", ints(&[1, 1, 1, 1]))]);
    let sum = net.node("GlobalAveragePool", &[padded], &[]);
    let predicted = net.predict(sum);
    let each = 3.0 * 0.01;
    // Along 8 places three taps meet 22 times, so 2.75 on average; with stride 2 along 4 places 11 times.
    assert!(close(predicted.at(padded).second, each * 2.75 * 2.75, 1e-12));
    assert!(close(predicted.at(bare).second, each * 9.0, 1e-12));
    assert!(close(predicted.at(strided).second, each * 2.75 * 2.75, 1e-12));
    // 64 independent places.
    assert!(close(predicted.at(sum).second, each * 2.75 * 2.75 / 64.0, 1e-2), "{}", predicted.at(sum).second);
}

#[test]
fn grouped_and_transposed_convolutions_have_their_own_fans() {
    let mut net = Net::default();
    let x = net.input("x", &[2, 8, 6, 6], Dtype::F32);
    let depthwise = net.weight("d", &[8, 1, 3, 3], "normal(std=0.1)");
    let d = net.node("Conv", &[x, depthwise], &[("group", Attribute::Int(8))]);
    let up = net.weight("u", &[8, 4, 2, 2], "normal(std=0.1)");
    let u = net.node("ConvTranspose", &[d, up], &[("strides", ints(&[2, 2]))]);
    let predicted = net.predict(u);
    assert!(close(predicted.at(d).second, 9.0 * 0.01, 1e-12));
    // Every output sees one tap of each of 8 channels.
    assert!(close(predicted.at(u).second, 0.09 * 8.0 * 0.01, 1e-12));
    // Back: 4 channels and 4 taps; then 9 taps of one channel, of which an inner place of 6 × 6 meets 4 · 4 / (6 · 6).
    assert!(close(predicted.at(d).gradient.unwrap(), 4.0 * 4.0 * 0.01, 1e-12));
    assert!(close(predicted.at(x).gradient.unwrap(), 0.16 * 0.01 * 9.0 * 16.0 / 36.0, 1e-9));
}

#[test]
fn pools_of_independent_places() {
    let mut net = Net::default();
    let x = net.input("x", &[2, 8, 8, 8], Dtype::F32);
    let window = [("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2]))];
    let mean = net.node("AveragePool", &[x], &window);
    let largest = net.node("MaxPool", &[x], &window);
    let rectified = net.node("Relu", &[x], &[]);
    let both = net.node("MaxPool", &[rectified], &window);
    let sum = net.node("Add", &[mean, both], &[]);
    let predicted = net.predict(sum);
    assert!(close(predicted.at(mean).second, 0.25, 1e-12));
    // The largest of four normal numbers: mean 1.02938, variance 0.49172 (David and Nagaraja, table of normal order
    // statistics).
    assert!((predicted.at(largest).mean - 1.029_375_4).abs() < 1e-5, "{:?}", predicted.at(largest));
    assert!((predicted.at(largest).second - (1.029_375_4f64.powi(2) + 0.491_715)).abs() < 1e-4);
    // A quarter of the places gets the gradient of the largest, almost all of them positive (15/16).
    let gradient = predicted.at(rectified).gradient.unwrap();
    assert!(close(gradient, 0.25, 1e-9), "{gradient}");
    let passed = predicted.at(x).gradient.unwrap();
    assert!((passed - (0.25 * 15.0 / 16.0 + 0.25 / 4.0)).abs() < 1e-3, "{passed}");
}

#[test]
fn nearest_neighbours_repeat() {
    let mut net = Net::default();
    let x = net.input("x", &[2, 4, 4, 4], Dtype::F32);
    let (none, sizes) = (net.number(0.0), net.ints(&[2, 4, 8, 8]));
    let wide = net.node("Resize", &[x, none, none, sizes], &[("mode", Attribute::Text("nearest".into()))]);
    let mean = net.node("GlobalAveragePool", &[wide], &[]);
    let predicted = net.predict(mean);
    assert_eq!(predicted.at(wide).second, 1.0);
    // 16 independent places, four times each.
    assert!(close(predicted.at(mean).second, 1.0 / 16.0, 1e-9), "{}", predicted.at(mean).second);
}

#[test]
fn delta_kernels_do_not_fall_over_the_edge() {
    let mut net = Net::default();
    let x = net.input("x", &[2, 8, 5, 5], Dtype::F32);
    let w = net.weight("w", &[8, 8, 3, 3], "delta_orthogonal");
    let y = net.node("Conv", &[x, w], &[("pads", ints(&[1, 1, 1, 1]))]);
    let predicted = net.predict(y);
    assert!(close(predicted.at(y).second, 1.0, 1e-12));
    assert!(close(predicted.at(x).gradient.unwrap(), 1.0, 1e-12));
}
