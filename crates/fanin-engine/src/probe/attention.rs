//! Where attention looks before anything was learned.

use super::Probe;
use crate::error::Error;
use crate::tensor::Tensor;
use fanin::graph::{NodeId, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// The rows of one softmax over places.
#[derive(Clone, Debug, PartialEq)]
pub struct Attended {
    /// The softmax.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Mean over rows of entropy / ln(places that are not masked); rows with one such place do not count.
    pub entropy: f64,
    /// Largest score of a place that is not masked.
    pub largest_score: f64,
}

/// Every softmax whose result weighs values: the input of a product with another signal.
///
/// # Errors
/// The first node that cannot be run.
pub fn attention(probe: &Probe<'_>) -> Result<Vec<Attended>, Error> {
    let graph = probe.program().graph();
    let mut found: BTreeMap<ValueId, NodeId> = BTreeMap::new();
    let mut watched: BTreeSet<ValueId> = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let (Some(scores), Some(weights)) = (node.input(0), node.output(0)) else { continue };
        let product = |value: ValueId| {
            graph.value(value).uses.iter().any(|slot| {
                let next = graph.node(slot.node);
                matches!(next.op.as_str(), "MatMul" | "Dropout" | "Einsum")
                    && next
                        .inputs
                        .iter()
                        .enumerate()
                        .all(|(i, v)| i == slot.input || graph.constant(*v).is_none() || next.op == "Dropout")
            })
        };
        if node.op == "Softmax" && product(weights) {
            found.insert(weights, NodeId(index));
            watched.extend([scores, weights]);
        }
    }
    let mut largest: BTreeMap<ValueId, Tensor> = BTreeMap::new();
    let mut rows: Vec<Attended> = Vec::new();
    if found.is_empty() {
        return Ok(rows);
    }
    probe.forward(&watched, &mut |id, tensor| {
        let Some(&node) = found.get(&id) else {
            largest.insert(id, tensor.clone());
            return;
        };
        // The scores come right before their softmax; they are not kept longer than that.
        let scores = graph.node(node).input(0).and_then(|scores| largest.remove(&scores));
        if let Some((entropy, largest_score)) = scores.and_then(|scores| even(tensor, &scores)) {
            rows.push(Attended { node, name: graph.label(node), entropy, largest_score });
        }
    })?;
    Ok(rows)
}

/// Mean relative entropy of the rows, and the largest score that counts.
fn even(weights: &Tensor, scores: &Tensor) -> Option<(f64, f64)> {
    let (p, s) = (weights.values::<f32>()?, scores.values::<f32>()?);
    let places = *weights.shape().last()?;
    if places == 0 || p.len() != s.len() {
        return None;
    }
    let (mut sum, mut rows, mut largest) = (0.0, 0u64, f64::NEG_INFINITY);
    for (p, s) in p.chunks_exact(places).zip(s.chunks_exact(places)) {
        // A place of weight 0 is masked: no score of a fresh model is a hundred below the largest.
        let open = p.iter().filter(|&&p| p > 0.0).count();
        if open < 2 {
            continue;
        }
        let entropy: f64 = p.iter().map(|&p| f64::from(p)).filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
        sum += entropy / (open as f64).ln();
        rows += 1;
        let top =
            p.iter().zip(s).filter(|(p, _)| **p > 0.0).map(|(_, &s)| f64::from(s)).fold(f64::NEG_INFINITY, f64::max);
        largest = largest.max(top);
    }
    (rows > 0).then(|| (sum / rows as f64, largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_and_masked_rows_have_full_entropy() {
        let p = Tensor::of(&[3, 4], vec![0.25f32, 0.25, 0.25, 0.25, 0.5, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        let s = Tensor::of(&[3, 4], vec![2.0f32, 2.0, 2.0, 2.0, 1.0, 1.0, -1e9, -1e9, 9.0, -1e9, -1e9, -1e9]);
        let (entropy, largest) = even(&p, &s).unwrap();
        assert!((entropy - 1.0).abs() < 1e-7);
        assert_eq!(largest, 2.0);
        let p = Tensor::of(&[1, 2], vec![0.9f32, 0.1]);
        let expected = -(0.9f64 * 0.9f64.ln() + 0.1 * 0.1f64.ln()) / 2f64.ln();
        assert!((even(&p, &p).unwrap().0 - expected).abs() < 1e-6);
    }
}
