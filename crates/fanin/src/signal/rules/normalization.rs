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
use super::super::profile::Profile;
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
    // A place of the scale f keeps f (E[x²] − 2m) + m, where m is the square of the mean that is taken away.
    let (square, mean) = (array.second(), array.average(array.full(), over));
    for (_, atom) in result.dims.iter_mut().flatten().enumerate().filter(|(bit, _)| over >> bit & 1 == 1) {
        let left = |f: f64| (f * (square - 2.0 * mean) + mean).max(0.0);
        atom.profile =
            atom.profile.as_ref().and_then(|own| Profile::new(own.runs().iter().map(|&(len, f)| (len, left(f)))).0);
    }
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
pub(super) fn scaled(array: &Array, over: usize, eps: f64) -> Array {
    let square = array.second() + eps;
    let factor = if square > 0.0 { 1.0 / square } else { 0.0 };
    let mut result = array.with(array.mean * factor.sqrt(), |k| k * factor);
    // Groups that differ in scale have one scale after.
    for (_, atom) in result.dims.iter_mut().flatten().enumerate().filter(|(i, _)| over >> i & 1 == 0) {
        atom.profile = None;
    }
    result
}

/// The gradient divided by what its group was divided by: `share` for the average group.
pub(super) fn divided(gradient: &Array, by: &Array, over: usize, eps: f64, share: f64) -> Option<Array> {
    let mut result = gradient.with(0.0, |k| k * share);
    let second = by.second();
    if result.table.len() != by.table.len() {
        return Some(result.without_pair());
    }
    for (bit, own) in by.atoms().enumerate().filter(|(i, _)| over >> i & 1 == 0) {
        let Some(own) = &own.profile else { continue };
        let inverse = |f: f64| (second + eps) / (second * f + eps);
        let (inverse, mean) = Profile::new(own.runs().iter().map(|&(len, f)| (len, inverse(f))));
        let atom = result.dims.iter_mut().flatten().nth(bit)?;
        let (product, even) = Profile::product(atom.profile.as_ref(), inverse.as_ref());
        atom.profile = product;
        for (_, k) in result.table.iter_mut().enumerate().filter(|(set, _)| set >> bit & 1 == 1) {
            *k *= mean * even;
        }
    }
    Some(result)
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

    /// The same with one axis for each dimension that the gradient has cut otherwise, and the gradient so: a group is told by
    /// its axes, which have to be those of both.
    fn alike(self, mut gradient: Array) -> (Norm, Array) {
        let mut norm = self;
        for dim in 0..norm.array.rank().min(gradient.rank()) {
            let sizes = |array: &Array| array.dims[dim].iter().map(|atom| atom.size).collect::<Vec<_>>();
            if sizes(&norm.array) == sizes(&gradient) {
                continue;
            }
            // Dimensions of the group; of one that is in it in part the axes stay as they are, and so do all others.
            let grouped: Vec<usize> =
                (0..norm.array.rank()).filter(|&d| norm.over & norm.array.mask(&[d]) != 0).collect();
            if norm.array.mask(&grouped) != norm.over {
                return (norm, gradient);
            }
            norm.array = norm.array.flat(dim);
            norm.over = norm.array.mask(&grouped);
            gradient = gradient.flat(dim);
        }
        (norm, gradient)
    }

    /// The signal less its mean.
    fn middle(&self) -> Array {
        if self.centre { centred(&self.array, self.over) } else { self.array.clone() }
    }

    /// The signal before scale and shift.
    fn normalized(&self) -> Array {
        scaled(&self.middle(), self.over, self.eps).affine(self.factor, 0.0)
    }
}

/// What the gradient of `middle` is multiplied by, squared, when that is divided by its root mean square: 1/(v + ε), less
/// what the gradient has along the signal itself, whose scale cannot change (`met`, where it is known), and more because the square is measured on few independent numbers.
pub(super) fn share(middle: &Array, gradient: &Array, over: usize, eps: f64, met: Option<f64>) -> f64 {
    let sizes = middle.atoms().enumerate().filter(|(i, _)| over >> i & 1 == 1).map(|(_, a)| a.size as f64);
    let (count, square): (f64, f64) = (sizes.product(), middle.second());
    if square + eps <= 0.0 || count <= 1.0 || square <= 0.0 {
        return 0.0;
    }
    // Mean over the pairs of a group of the product of two correlations.
    let together = |other: &Array, power: f64| {
        let mut both = middle.clone();
        both.table.iter_mut().zip(&other.table).for_each(|(k, g)| *k = (*k / square) * (g / power));
        both.average(both.full(), over)
    };
    // Two squares of normal numbers of correlation ρ have the covariance 2ρ².
    let few = together(middle, square).min(0.25);
    let fits = gradient.table.len() == middle.table.len() && gradient.second() > 0.0;
    let along = met.unwrap_or_else(|| if fits { together(gradient, gradient.second()) } else { 1.0 / count });
    (1.0 - along.clamp(1.0 / count, 1.0)) / (square + eps) * (1.0 + 2.0 * few)
}

/// The share of a gradient `inner` that lies along the signal, where signal and gradient meet in the activation behind: what
/// a place passes on is then no accident, and all places of a sample may get the same from behind.
fn met(view: &View, inner: &Array, over: usize) -> Option<f64> {
    let plain = |input: usize| if view.has(input) { view.array(input).ok()?.value() } else { Some(0.0) };
    let weighed = view.weighed.as_ref().filter(|_| plain(2) == Some(0.0))?;
    let fits = weighed.table.len() == inner.table.len() && inner.second() > 0.0;
    fits.then(|| weighed.average(weighed.full(), over) / inner.second())
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

/// Σ g·x̂ for the scale: gradient and signal meet in the activation that follows, so their product is not that of two
/// independent ones wherever it is known.
fn scale_gradient(view: &View, gradient: &Array, norm: &Norm, labels: &[u8], out: &[u8]) -> Option<Array> {
    let plain = |input: usize| if view.has(input) { view.array(input).ok()?.value() } else { Some(0.0) };
    if let (Some(scale), Some(0.0), Some(weighed)) = (plain(1), plain(2), &view.weighed)
        && scale != 0.0
    {
        let others: Vec<usize> = (0..weighed.rank()).filter(|&d| !out.contains(&labels[d])).collect();
        let mut sum = weighed.affine(1.0 / scale, 0.0).summed(&others);
        let first = labels.iter().position(|label| label == out.first().unwrap_or(&0))?;
        sum.dims = sum.dims[first..first + out.len()].to_vec();
        return Some(sum);
    }
    let before = if is_fixed(view) { fixed(view, norm)? } else { norm.normalized() };
    contract((gradient, labels), (&before, labels), out)
}

/// The signal normalized by running statistics that are the same for all channels.
fn fixed(view: &View, norm: &Norm) -> Option<Array> {
    let (mean, variance) = (view.array(3).ok()?.value()?, view.array(4).ok()?.value()?);
    let scale = 1.0 / (variance + norm.eps).max(f64::MIN_POSITIVE).sqrt();
    Some(norm.array.affine(scale, -mean * scale))
}

/// Whether running statistics are used as they are.
fn is_fixed(view: &View) -> bool {
    let node: &Node = view.node;
    node.op == "BatchNormalization" && !view.batch_statistics && node.int("training_mode").unwrap_or(0) == 0
}

fn forward(view: &View) -> Outcome {
    view.array(0)?;
    let norm = Norm::of(view).ok_or("its axes do not fit its input")?;
    let mut array = if is_fixed(view) {
        view.array(3)?;
        view.array(4)?;
        fixed(view, &norm).ok_or("its running statistics differ by channel")?
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
        results.push((1, scale_gradient(view, gradient, &norm, &labels, out)?));
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
    let (norm, inner) = norm.alike(inner);
    let over = norm.over;
    let middle = norm.middle();
    let inner = if inner.table.len() == norm.array.table.len() { inner } else { inner.aligned(&norm.array)?.0 };
    let inner = if norm.centre { centred(&inner, over) } else { inner };
    results.push((
        0,
        divided(
            &inner,
            &middle,
            over,
            norm.eps,
            norm.factor * norm.factor * share(&middle, &inner, over, norm.eps, met(view, &inner, over)),
        )?,
    ));
    Some(results)
}
