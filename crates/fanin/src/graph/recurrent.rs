//! The stacked, fused weights of recurrent operators: directions, gates, and their order.

use super::Node;
use crate::axes::{Axes, Axis};

/// Gates of one recurrent operator in ONNX's order.
fn gates(op: &str) -> &'static [&'static str] {
    match op {
        // ONNX LSTM: "W[iofc]", GRU: "W[zrh]", RNN: "Wi".
        "LSTM" => &["input", "output", "forget", "cell"],
        "GRU" => &["update", "reset", "hidden"],
        _ => &["hidden"],
    }
}

/// Axes of the input weight, the recurrent weight (`[directions, gates·hidden, columns]`) or the bias
/// (`[directions, 2·gates·hidden]`) of LSTM, GRU and RNN.
pub(super) fn axes(node: &Node, input: usize, shape: &[u64]) -> Option<Axes> {
    let gates = gates(&node.op);
    match input {
        1 | 2 if shape.len() == 3 => Axes::of(&[Axis::Stack, Axis::Out, Axis::In]).fused(1, shape[1], 1, gates).ok(),
        3 if shape.len() == 2 => {
            let labels: Vec<String> = ["", "recurrent "]
                .iter()
                .flat_map(|kind| gates.iter().map(move |gate| format!("{kind}{gate}")))
                .collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            Axes::of(&[Axis::Stack, Axis::Out]).fused(1, shape[1], 1, &labels).ok()
        }
        _ => None,
    }
}
