//! Matrix products: `MatMul`, `Gemm`, `Einsum`, of a signal with a weight or of two signals.
//!
//! # Formula
//! E\[y y′\] = n E\[x x′\] E\[w w′\] for terms of one index plus n(n − 1) times those of two: n·var(w)·E\[x²\] for weights
//! of mean 0, whatever the mean of x.
//!
//! # Assumes
//! The operands are independent, but for attention (`attended`). An orthogonal weight acts on average as independent elements of its variance do; its
//! advantage, that it does so without fluctuation, is none of the mean.

use super::super::array::Array;
use super::super::contract::contract;
use super::super::flow::{Flow, State};
use super::super::mirror::{identity, mirrored, turned};
use super::super::terms::reduced;
use super::super::view::{View, Why};
use super::attended::{averaged, queried};
use super::{Gradients, Outcome, Rule};
use crate::law::Acts;

pub(super) const RULES: &[Rule] =
    &[Rule { ops: &["MatMul", "FusedMatMul", "Gemm", "FusedGemm", "Einsum"], forward, backward }];

/// Labels of the dimensions of both operands and of the result.
struct Labels {
    a: Vec<u8>,
    b: Vec<u8>,
    out: Vec<u8>,
}

const SUMMED: u8 = 253;
const ROWS: u8 = 254;
const COLUMNS: u8 = 255;

impl Labels {
    fn of(view: &View) -> Option<Labels> {
        let (a, b) = (view.array(0).ok()?.rank(), view.array(1).ok().map_or(0, Array::rank));
        let flag = |name: &str| view.node.int(name).unwrap_or(0) != 0;
        match view.node.op.as_str() {
            "Einsum" => Labels::einsum(view.node.text("equation")?, a, b),
            "Gemm" | "FusedGemm" => {
                let pair = |turned: bool, first: u8, second: u8| {
                    if turned { vec![second, first] } else { vec![first, second] }
                };
                Some(Labels {
                    a: pair(flag("transA"), ROWS, SUMMED),
                    b: pair(flag("transB"), SUMMED, COLUMNS),
                    out: vec![ROWS, COLUMNS],
                })
                .filter(|_| a == 2 && b == 2)
            }
            _ => Labels::matmul(a, b, flag("transA"), flag("transB")),
        }
    }

    fn matmul(a: usize, b: usize, flip_a: bool, flip_b: bool) -> Option<Labels> {
        let (lead_a, lead_b) = (a.saturating_sub(2), b.saturating_sub(2));
        let lead = lead_a.max(lead_b);
        if lead > 200 || a == 0 || b == 0 {
            return None;
        }
        // Leading dimensions are aligned at their ends.
        let batch = |own: usize| (lead - own..lead).map(|i| i as u8);
        let ends = |rank: usize, first: u8, second: u8, flip: bool, only: u8| match (rank, flip) {
            (1, _) => vec![only],
            (_, false) => vec![first, second],
            (_, true) => vec![second, first],
        };
        let mut out: Vec<u8> = batch(lead).collect();
        out.extend((a > 1).then_some(ROWS));
        out.extend((b > 1).then_some(COLUMNS));
        Some(Labels {
            a: batch(lead_a).chain(ends(a, ROWS, SUMMED, flip_a, SUMMED)).collect(),
            b: batch(lead_b).chain(ends(b, SUMMED, COLUMNS, flip_b, SUMMED)).collect(),
            out,
        })
    }

    fn einsum(equation: &str, a: usize, b: usize) -> Option<Labels> {
        let equation: Vec<u8> = equation.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
        let text = std::str::from_utf8(&equation).ok()?;
        let (operands, out) = text.split_once("->")?;
        let mut operands = operands.split(',').map(str::as_bytes);
        let labels = Labels {
            a: operands.next()?.to_vec(),
            b: operands.next().unwrap_or_default().to_vec(),
            out: out.as_bytes().to_vec(),
        };
        let plain =
            |list: &[u8]| list.iter().enumerate().all(|(i, c)| c.is_ascii_alphabetic() && !list[..i].contains(c));
        let whole = plain(&labels.a) && plain(&labels.b) && plain(&labels.out);
        (operands.next().is_none() && whole && labels.a.len() == a && labels.b.len() == b).then_some(labels)
    }
}

/// The operands of a product; a lone one is multiplied by 1.
fn operands(view: &View) -> Result<(State, State), Why> {
    let a = view.signal(0)?.clone();
    if view.has(1) {
        return Ok((a, view.signal(1)?.clone()));
    }
    let one = Array::constant(&[], 1.0).ok_or("1 is no number")?;
    Ok((a.clone(), State { array: one, acts: Acts::Freely, law: None, ..a }))
}

/// Factor of the product: `alpha`.
fn factor(view: &View) -> f64 {
    view.node.float("alpha").unwrap_or(1.0)
}

/// A weight that acts in a way of its own: its place, the dimension of the signal that it sums over, its outputs.
struct Special {
    /// Which input is the weight.
    weight: usize,
    /// The dimension of the other operand.
    dim: usize,
    units: u64,
    acts: Acts,
}

fn special(labels: &Labels, a: &State, b: &State) -> Option<Special> {
    let is = |state: &State| !matches!(state.acts, Acts::Freely | Acts::Centre);
    let (weight, own, other, acts) = match (is(a), is(b)) {
        (false, true) => (1, (&labels.b, &b.array), &labels.a, b.acts),
        (true, false) => (0, (&labels.a, &a.array), &labels.b, a.acts),
        _ => return None,
    };
    let summed: Vec<&u8> = own.0.iter().filter(|label| !labels.out.contains(label)).collect();
    let [summed] = summed[..] else { return None };
    let dim = other.iter().position(|label| label == summed)?;
    let units = own
        .0
        .iter()
        .zip(own.1.shape())
        .filter(|(label, _)| *label != summed)
        .fold(1, |all: u64, (_, n)| all.saturating_mul(n));
    Some(Special { weight, dim, units, acts })
}

fn multiplied(labels: &Labels, a: &State, b: &State) -> Option<Array> {
    let Some(special) = special(labels, a, b) else {
        return contract((&a.array, &labels.a), (&b.array, &labels.b), &labels.out);
    };
    let (signal, weight, own) = if special.weight == 1 { (a, b, &labels.a) } else { (b, a, &labels.b) };
    let last = signal.array.rank() - 1;
    // The result has the new units where it has the weight's label; signals keep theirs at the end, or in front.
    let y = acted(&signal.array, special.dim, special.units, weight.array.second(), special.acts)?;
    let mut named: Vec<u8> = own.clone();
    let fresh = labels.out.iter().find(|label| !own.contains(label)).copied()?;
    named[special.dim] = fresh;
    let order: Option<Vec<usize>> = labels.out.iter().map(|label| named.iter().position(|own| own == label)).collect();
    let order = order.filter(|order| order.len() == last + 1)?;
    y.permuted(&order)
}

fn acted(x: &Array, dim: usize, units: u64, square: f64, acts: Acts) -> Option<Array> {
    match acts {
        Acts::Identity(gain) => identity(x, dim, units, gain),
        _ => mirrored(x, dim, units, square, acts),
    }
}

fn forward(view: &View) -> Outcome {
    let (a, b) = operands(view)?;
    let labels = Labels::of(view).ok_or("the equation, or the number of dimensions, is not one that is known")?;
    let mut y = multiplied(&labels, &a, &b).ok_or("its shapes do not fit together")?.affine(factor(view), 0.0);
    if matches!(view.node.op.as_str(), "Gemm" | "FusedGemm") && view.has(2) {
        let bias = view.array(2)?.affine(view.node.float("beta").unwrap_or(1.0), 0.0);
        y = match bias.value() {
            Some(value) => y.affine(1.0, value),
            None => y.aligned(&bias).and_then(|(y, bias)| y.plus(&bias)).ok_or("its bias does not fit")?,
        };
    }
    if let Some(flow) = handed_on(view, &a, &b, &y) {
        return Ok(vec![flow]);
    }
    Ok(vec![view.fresh(averaged(view, y))])
}

/// A square identity leaves a signal what it is: also the function of an earlier one.
fn handed_on(view: &View, a: &State, b: &State, y: &Array) -> Option<Flow> {
    let Acts::Identity(gain) = b.acts else { return None };
    let same = a.array.shape() == y.shape() && factor(view) == 1.0 && view.node.inputs.len() == 2;
    (same && gain == 1.0).then(|| Flow::Signal(State { acts: Acts::Freely, ..a.clone() }))
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?.affine(factor(view), 0.0);
    let (a, b) = operands(view).ok()?;
    let labels = Labels::of(view)?;
    let special = special(&labels, &a, &b);
    let mut results = Vec::new();
    for (input, own, other, own_labels, other_labels) in
        [(0, &a, &b, &labels.a, &labels.b), (1, &b, &a, &labels.b, &labels.a)]
    {
        if !view.has(input) {
            continue;
        }
        let back = match &special {
            Some(special) if special.weight != input => {
                let fresh = labels.out.iter().position(|label| !own_labels.contains(label))?;
                let units = own.array.size(special.dim);
                let mut named = labels.out.clone();
                named[fresh] = own_labels[special.dim];
                let y = acted(&gradient, fresh, units, other.array.second(), turned(special.acts))?;
                let order: Option<Vec<usize>> =
                    own_labels.iter().map(|label| named.iter().position(|name| name == label)).collect();
                y.permuted(&order?)?
            }
            _ => contract((&gradient, &labels.out), (&other.array, other_labels), own_labels)?,
        };
        let back = if input == 0 { back.affine(queried(view).sqrt(), 0.0) } else { back };
        results.push((input, reduced(&back, &own.array)?));
    }
    if view.has(2) {
        let beta = view.node.float("beta").unwrap_or(1.0);
        let plain = gradients.first()?.as_ref()?.affine(beta, 0.0);
        results.push((2, reduced(&plain, view.array(2).ok()?)?));
    }
    Some(results)
}
