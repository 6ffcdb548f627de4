//! What Swin needs: attention within groups, pictures that are rolled, axes that are cut in more than one way.

use super::net::{Net, close};
use crate::dtype::Dtype;
use crate::graph::{Attribute, ValueId};

fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

/// Attention in two windows of four places, of which the second one is in groups of 2, 1 and 1; `hidden` writes the mask
/// the other way round.
fn attended(hidden: bool) -> (f64, f64) {
    let mut net = Net::default();
    let x = net.input("x", &[8, 2, 4, 16], Dtype::F32);
    let q = net.dense(x, [16, 16], "normal(std=0.02)");
    let k = net.dense(x, [16, 16], "normal(std=0.02)");
    let v = net.dense(x, [16, 16], "normal(std=0.25)");
    let turned = net.node("Transpose", &[k], &[("perm", ints(&[0, 1, 3, 2]))]);
    let scores = net.node("MatMul", &[q, turned], &[]);
    let regions = net.ints(&[0, 0, 0, 0, 0, 0, 1, 2]);
    let shaped = |net: &mut Net, shape: &[i64]| {
        let shape = net.ints(shape);
        net.node("Reshape", &[regions, shape], &[])
    };
    let (rows, columns) = (shaped(&mut net, &[2, 4, 1]), shaped(&mut net, &[2, 1, 4]));
    let sees = net.node("Equal", &[rows, columns], &[]);
    let never = net.number(-1e9);
    let scores = if hidden {
        let hides = net.node("Not", &[sees], &[]);
        net.node("Where", &[hides, never, scores], &[])
    } else {
        net.node("Where", &[sees, scores, never], &[])
    };
    let p = net.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
    let y = net.node("MatMul", &[p, v], &[]);
    let predicted = net.predict(y);
    (predicted.at(y).second, predicted.at(v).gradient.unwrap())
}

#[test]
fn places_see_those_of_their_group() {
    // The mean of 1/t over places that see t: four see 4, two see 2, two see themselves.
    let expected = (4.0 / 4.0 + 2.0 / 2.0 + 2.0 / 1.0) / 8.0;
    for hidden in [false, true] {
        let (forward, backward) = attended(hidden);
        assert!(close(forward, expected, 0.02) && close(backward, expected, 0.02), "{hidden}: {forward} {backward}");
    }
}

/// `x` moved along its dimension 1 by `by` of `count`.
fn rolled(net: &mut Net, x: ValueId, by: i64) -> ValueId {
    let (zero, cut, end, axes) = (net.ints(&[0]), net.ints(&[by]), net.ints(&[i64::MAX]), net.ints(&[1]));
    let first = net.node("Slice", &[x, zero, cut, axes], &[]);
    let rest = net.node("Slice", &[x, cut, end, axes], &[]);
    net.node("Concat", &[rest, first], &[("axis", Attribute::Int(1))])
}

#[test]
fn what_all_places_get_they_get_across_a_roll() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 8, 16], Dtype::F32);
    let h = net.dense(x, [16, 16], "lecun");
    let bias = net.weight("b", &[16], "zeros");
    let h = net.node("Add", &[h, bias], &[]);
    let moved = rolled(&mut net, h, 3);
    let axes = net.ints(&[1]);
    let mean = net.node("ReduceMean", &[moved, axes], &[("keepdims", Attribute::Int(0))]);
    let predicted = net.predict(mean);
    assert!(close(predicted.at(h).gradient.unwrap(), 1.0 / 64.0, 1e-9));
    // Eight places hand the same eighth to the bias, of each of four samples; independent ones would add up to an eighth.
    let gradient = predicted.param("b").gradient.unwrap();
    assert!(close(gradient, 4.0, 1e-9), "{gradient}");
}

#[test]
fn a_norm_knows_its_group_when_the_gradient_cuts_other_axes() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 8, 8, 32], Dtype::F32);
    let h = net.dense(x, [32, 32], "normal(std=0.5)");
    let (scale, shift) = (net.weight("g", &[32], "ones"), net.weight("s", &[32], "zeros"));
    let norm = net.node("LayerNormalization", &[h, scale, shift], &[("axis", Attribute::Int(-1))]);
    // Four neighbours become one place of four times the width.
    let cut = net.ints(&[4, 4, 2, 4, 2, 32]);
    let y = net.node("Reshape", &[norm, cut], &[]);
    let y = net.node("Transpose", &[y], &[("perm", ints(&[0, 1, 3, 2, 4, 5]))]);
    let joined = net.ints(&[4, 4, 4, 128]);
    let y = net.node("Reshape", &[y, joined], &[]);
    let y = net.dense(y, [128, 64], "lecun");
    let predicted = net.predict(y);
    let (inner, outer) = (predicted.at(h).gradient.unwrap(), predicted.at(norm).gradient.unwrap());
    // Divided by the variance of 32 numbers (E[1/χ²] with 31 degrees), less the directions of the mean and of the signal.
    let expected = outer / predicted.at(h).second * (1.0 - 2.0 / 32.0) * 31.0 / 29.0;
    assert!(close(inner, expected, 0.08), "{inner} {expected}");
}

#[test]
fn angles_of_places_are_no_random_angles() {
    let mut net = Net::default();
    let x = net.input("x", &[4, 3, 2], Dtype::F32);
    let (zero, end, step) = (net.number(0.0), net.number(3.0), net.number(1.0));
    let places = net.node("Range", &[zero, end, step], &[]);
    let axis = net.ints(&[1]);
    let column = net.node("Unsqueeze", &[places, axis], &[]);
    let quarter = net.number(std::f64::consts::FRAC_PI_2);
    let angles = net.node("Mul", &[column, quarter], &[]);
    let both = net.node("Concat", &[angles, angles], &[("axis", Attribute::Int(1))]);
    let (cosine, sine) = (net.node("Cos", &[both], &[]), net.node("Sin", &[both], &[]));
    let (y, z) = (net.node("Mul", &[x, cosine], &[]), net.node("Mul", &[x, sine], &[]));
    let sum = net.node("Add", &[y, z], &[]);
    let predicted = net.predict(sum);
    // Cosines of 0, π/2, π: 1, 0, −1.
    assert!(close(predicted.at(y).second, 2.0 / 3.0, 1e-9) && close(predicted.at(z).second, 1.0 / 3.0, 1e-9));
}
