//! Graphs that make no sense must not end the program.

use super::net::Net;
use crate::dtype::Dtype;
use crate::graph::{Attribute, ValueId};
use crate::signal::rules::operators;
use proptest::prelude::*;

fn attributes(choice: u64, size: i64) -> Vec<(&'static str, Attribute)> {
    let list = |n: i64| Attribute::Ints(vec![n, size]);
    match choice % 8 {
        0 => vec![],
        1 => vec![("axis", Attribute::Int(size)), ("kernel_shape", list(size))],
        2 => vec![("axes", list(0)), ("keepdims", Attribute::Int(0))],
        3 => vec![("strides", list(size)), ("pads", Attribute::Ints(vec![size; 4])), ("kernel_shape", list(1))],
        4 => vec![("perm", list(1)), ("group", Attribute::Int(size)), ("num_groups", Attribute::Int(size))],
        5 => vec![
            ("dilations", list(i64::MAX)),
            ("strides", list(i64::MAX)),
            ("auto_pad", Attribute::Text("SAME_UPPER".into())),
        ],
        6 => vec![("equation", Attribute::Text("ab,bc->ac".into())), ("blocksize", Attribute::Int(size))],
        _ => vec![("alpha", Attribute::Float(f64::NAN)), ("axis", Attribute::Int(i64::MIN)), ("split", list(size))],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_is_predicted_or_given_up(
        nodes in proptest::collection::vec((0usize..1000, any::<u64>(), -3i64..9, proptest::collection::vec(0usize..1000, 0..4)), 1..24),
        sizes in proptest::collection::vec(1u64..7, 1..5),
    ) {
        let ops = operators();
        let mut net = Net::default();
        let mut known: Vec<ValueId> = vec![net.input("x", &sizes, Dtype::F32), net.input("t", &sizes, Dtype::I64)];
        known.push(net.weight("w", &[4, 3, 3, 3], "he"));
        known.push(net.weight("v", &[6, 6], "mirrored(part=hidden)"));
        known.push(net.weight("i", &[6, 6], "identity"));
        known.push(net.number(f64::INFINITY));
        known.push(net.number(-2.5));
        known.push(net.ints(&[-1, 0, i64::MAX]));
        known.push(net.ints(&[0, 1]));
        known.push(net.mask(6));
        let mut last = known[0];
        for (op, choice, size, inputs) in nodes {
            let inputs: Vec<ValueId> = inputs.iter().map(|i| known[i % known.len()]).collect();
            let outputs = net.nodes(ops[op % ops.len()], &inputs, &attributes(choice, size), 1 + (choice >> 8) as usize % 3);
            last = outputs[0];
            known.extend(outputs);
        }
        let predicted = net.predict(last);
        for moment in predicted.signal.values.iter().flatten() {
            prop_assert!(moment.second.is_finite() && moment.mean.is_finite());
            prop_assert!(moment.gradient.is_none_or(f64::is_finite));
        }
    }
}

#[test]
fn a_long_chain_of_nodes_costs_little() {
    let mut net = Net::default();
    let mut x = net.input("x", &[4, 16], Dtype::F32);
    for _ in 0..3000 {
        x = net.dense(x, [16, 16], "normal(std=0.25)");
        x = net.node("Tanh", &[x], &[]);
    }
    let predicted = net.predict(x);
    assert!(predicted.at(x).second > 0.0 && predicted.signal.ends.is_empty());
}
