//! Batch, layer, group, instance and root-mean-square normalization as operators.
//!
//! # Formula
//! Subtracting the mean over a group takes from every moment the mean of the moments over the group; dividing by the root
//! of what is left makes the second moment v/(v + ε). So batch normalization keeps only what tells samples apart, and layer
//! normalization only what tells units apart.
//!
//! # Assumes
//! The groups are large enough that all have the predicted second moment.

use super::super::array::Array;
use super::super::contract::{contract, product};
use super::super::flow::{Flow, Unknown};
use super::super::view::View;
use super::{Gradients, Outcome, Rule};
use crate::graph::Node;
use std::rc::Rc;

pub(super) const RULES: &[Rule] = &[Rule {
    ops: &[
        "BatchNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "SimplifiedLayerNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "LpNormalization",
        "MeanVarianceNormalization",
    ],
    forward,
    backward,
}];

/// The array less its mean over the axes `over`.
pub(super) fn centred(array: &Array, over: usize) -> Array {
    let mut result = array.clone();
    for (set, k) in result.table.iter_mut().enumerate() {
        *k -= array.average(set, over);
    }
    result.mean = 0.0;
    let mirrored = array.atoms().position(|atom| atom.mirrored);
    match (&array.pair, mirrored) {
        (Some(pair), Some(bit)) if over >> bit & 1 == 0 => {
            let partner = Array { table: pair.clone(), pair: None, ..array.clone() };
            let of = |(set, k): (usize, &f64)| k - partner.average(set, over);
            result.pair = Some(pair.iter().enumerate().map(of).collect());
            result
        }
        _ => result.without_pair(),
    }
}

/// The array over the root of its mean square over the axes `over`, plus ε.
pub(super) fn scaled(array: &Array, _over: usize, eps: f64) -> Array {
    let square = array.second() + eps;
    let factor = if square > 0.0 { 1.0 / square } else { 0.0 };
    let mut result = array.with(array.mean * factor.sqrt(), |k| k * factor);
    for atom in result.dims.iter_mut().flatten() {
        atom.pieces = None;
    }
    result
}

/// What a node normalizes over, and how.
struct Norm {
    /// The input, with the channels cut into groups.
    array: Array,
    /// The axes of a group.
    over: usize,
    centre: bool,
    eps: f64,
    /// Dimensions, of the input as it was, along which scale and shift run; the first one and how many.
    affine: Option<(usize, usize)>,
    factor: f64,
}

impl Norm {
    fn of(view: &View) -> Option<Norm> {
        let (node, array) = (view.node, view.array(0).ok()?.clone());
        let rank = array.rank();
        let eps = node.float("epsilon").unwrap_or(1e-5);
        let tail: Vec<usize> = (2..rank).collect();
        let norm = |array: Array, dims: &[usize], affine| {
            let over = array.mask(dims);
            Norm { array, over, centre: true, eps, affine, factor: 1.0 }
        };
        Some(match node.op.as_str() {
            "BatchNormalization" => {
                let dims: Vec<usize> = std::iter::once(0).chain(2..rank).collect();
                norm(array, &dims, Some((1, 1)))
            }
            "InstanceNormalization" => norm(array, &tail, Some((1, 1))),
            "GroupNormalization" => {
                let groups = u64::try_from(node.int("num_groups")?).ok().filter(|&g| g > 0)?;
                let channels = array.size(1);
                let inner = channels.checked_div(groups).filter(|n| n * groups == channels)?;
                let cut = array.regrouped(1, &[groups, inner].into_iter().filter(|&n| n > 1).collect::<Vec<_>>())?;
                let (first, len) = cut.place(1);
                let own = if inner > 1 { 1 << (first + len - 1) } else { 0 };
                let over = own | cut.mask(&tail);
                Norm { array: cut, over, centre: true, eps, affine: Some((1, 1)), factor: 1.0 }
            }
            "MeanVarianceNormalization" => {
                let axes = node.ints("axes").map_or_else(|| vec![0, 2, 3], <[i64]>::to_vec);
                let dims: Vec<usize> = axes.iter().map(|&axis| View::axis(axis, rank)).collect::<Option<_>>()?;
                norm(array, &dims, None)
            }
            "LpNormalization" => {
                let dim = View::axis(node.int("axis").unwrap_or(-1), rank).filter(|_| node.int("p") != Some(1))?;
                let factor = 1.0 / (array.size(dim) as f64).sqrt();
                Norm { centre: false, eps: 0.0, factor, ..norm(array, &[dim], None) }
            }
            op => {
                let axis = View::axis(node.int("axis").unwrap_or(-1), rank)?;
                let dims: Vec<usize> = (axis..rank).collect();
                Norm { centre: op == "LayerNormalization", ..norm(array, &dims, Some((axis, rank - axis))) }
            }
        })
    }

    /// The signal before scale and shift.
    fn normalized(&self) -> Array {
        let centred = if self.centre { centred(&self.array, self.over) } else { self.array.clone() };
        scaled(&centred, self.over, self.eps).affine(self.factor, 0.0)
    }

    /// What the gradient is multiplied by, squared: 1/(v + ε), less the direction along which the scale cannot change.
    fn share(&self) -> f64 {
        let centred = if self.centre { centred(&self.array, self.over) } else { self.array.clone() };
        let count: f64 = self
            .array
            .atoms()
            .enumerate()
            .filter(|(i, _)| self.over >> i & 1 == 1)
            .map(|(_, a)| a.size as f64)
            .product();
        let square = centred.second() + self.eps;
        if square > 0.0 && count > 1.0 { self.factor * self.factor * (1.0 - 1.0 / count) / square } else { 0.0 }
    }
}

/// A scale or shift, with its dimensions at those of the signal.
fn placed(view: &View, input: usize, norm: &Norm) -> Option<Array> {
    let mut array = view.array(input).ok()?.clone();
    let (first, len) = norm.affine?;
    while array.rank() < len {
        array = array.unsqueezed(0);
    }
    for dim in 0..norm.array.rank() {
        if dim < first {
            array = array.unsqueezed(0);
        } else if dim >= first + len {
            let end = array.rank();
            array = array.unsqueezed(end);
        }
    }
    Some(array)
}

/// Whether running statistics are used as they are.
fn is_fixed(view: &View) -> bool {
    let node: &Node = view.node;
    node.op == "BatchNormalization" && !view.training && node.int("training_mode").unwrap_or(0) == 0
}

fn forward(view: &View) -> Outcome {
    view.array(0)?;
    let norm = Norm::of(view).ok_or("its axes do not fit its input")?;
    let mut array = if is_fixed(view) {
        let (mean, variance) = (view.array(3)?, view.array(4)?);
        let (Some(mean), Some(variance)) = (mean.value(), variance.value()) else {
            return Err("its running statistics differ by channel".into());
        };
        let scale = 1.0 / (variance + norm.eps).max(f64::MIN_POSITIVE).sqrt();
        norm.array.affine(scale, -mean * scale)
    } else {
        norm.normalized()
    };
    if view.has(1) && norm.affine.is_some() {
        view.array(1)?;
        let scale = placed(view, 1, &norm).ok_or("its scale does not fit")?;
        array = match scale.value() {
            Some(value) => array.affine(value, 0.0),
            None => product(&array, &scale).ok_or("its scale does not fit")?,
        };
    }
    if view.has(2) && norm.affine.is_some() {
        view.array(2)?;
        let shift = placed(view, 2, &norm).ok_or("its shift does not fit")?;
        array = match shift.value() {
            Some(value) => array.affine(1.0, value),
            None => array.aligned(&shift).and_then(|(a, b)| a.plus(&b)).ok_or("its shift does not fit")?,
        };
    }
    let mut flows = vec![view.fresh(array)];
    let statistic =
        Rc::new(Unknown { at: view.graph.label(view.id), why: "a statistic of a normalization".to_owned() });
    flows.extend((1..view.node.outputs.len()).map(|_| Flow::Unknown(statistic.clone())));
    Ok(flows)
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let norm = Norm::of(view)?;
    let mut results = Vec::new();
    let mut inner = gradient.clone();
    if view.has(1) && norm.affine.is_some() {
        let scale = placed(view, 1, &norm)?;
        inner = match scale.value() {
            Some(value) => inner.affine(value, 0.0),
            None => product(&inner, &scale)?,
        };
        let labels: Vec<u8> = (0..u8::try_from(gradient.rank()).ok()?).collect();
        let (first, len) = norm.affine?;
        let out = &labels[first..first + len];
        let normalized = norm.normalized();
        results.push((1, contract((gradient, &labels), (&normalized, &labels), out)?));
        if view.has(2) {
            let others: Vec<usize> = (0..gradient.rank()).filter(|d| !(first..first + len).contains(d)).collect();
            let mut shift = gradient.summed(&others);
            shift.dims = shift.dims[first..first + len].to_vec();
            results.push((2, shift));
        }
    }
    if is_fixed(view) {
        let scale = 1.0 / (view.array(4).ok()?.value()? + norm.eps).sqrt();
        results.push((0, inner.affine(scale, 0.0)));
        return Some(results);
    }
    let (share, over) = (norm.share(), norm.over);
    let inner = if inner.table.len() == norm.array.table.len() { inner } else { inner.aligned(&norm.array)?.0 };
    let inner = if norm.centre { centred(&inner, over) } else { inner };
    results.push((0, inner.with(0.0, |k| k * share)));
    Some(results)
}
