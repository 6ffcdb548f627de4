//! Means and sums over dimensions.
//!
//! # Formula
//! A mean over n keeps 1/n of what its terms have alone, and all that they have in common.
//!
//! # Assumes
//! All indices of the dimensions are alike.

use super::super::array::Array;
use super::super::view::{View, Why};
use super::{Gradients, Outcome, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    ops: &["ReduceMean", "ReduceSum", "GlobalAveragePool", "ReduceSumSquare", "ReduceL2"],
    forward,
    backward,
}];

/// The dimensions, and whether they stay as dimensions of size 1.
fn dims(view: &View, rank: usize) -> Result<(Vec<usize>, bool), Why> {
    let node = view.node;
    if node.op == "GlobalAveragePool" {
        return Ok(((2..rank).collect(), true));
    }
    let keeps = node.int("keepdims").unwrap_or(1) != 0;
    let axes = view.ints(1, "axes").filter(|axes| !axes.is_empty());
    let dims = match axes {
        Some(axes) => axes.iter().map(|&axis| View::axis(axis, rank)).collect::<Option<Vec<_>>>(),
        None if view.has(1) && view.whole(1).is_none_or(|w| w.values.is_none()) => None,
        None if node.int("noop_with_empty_axes").unwrap_or(0) != 0 => Some(Vec::new()),
        None => Some((0..rank).collect()),
    };
    let mut dims = dims.ok_or("its axes are not known")?;
    dims.sort_unstable();
    dims.dedup();
    Ok((dims, keeps))
}

fn forward(view: &View) -> Outcome {
    let x = view.array(0)?;
    let (dims, keeps) = dims(view, x.rank())?;
    let mut y = match view.node.op.as_str() {
        "ReduceSum" => x.summed(&dims),
        "ReduceSumSquare" | "ReduceL2" => squares(view, x, &dims),
        _ => x.averaged(&dims),
    };
    if !keeps {
        for &dim in dims.iter().rev() {
            y.dims.remove(dim);
        }
    }
    view.one(Some(y))
}

/// Sums of squares of many elements hardly vary: their moments are those of their mean.
fn squares(view: &View, x: &Array, dims: &[usize]) -> Array {
    let count: f64 = dims.iter().map(|&dim| x.size(dim) as f64).product();
    let sum = count * x.second();
    let mean = if view.node.op == "ReduceL2" { sum.sqrt() } else { sum };
    let y = x.averaged(dims);
    y.with(mean, |_| mean * mean).without_pair()
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let x = view.array(0).ok()?;
    let (dims, keeps) = dims(view, x.rank()).ok()?;
    if matches!(view.node.op.as_str(), "ReduceSumSquare" | "ReduceL2") {
        return None;
    }
    let mut gradient = gradients.first()?.clone()?;
    if !keeps {
        for &dim in &dims {
            gradient = gradient.unsqueezed(dim);
        }
    }
    for &dim in &dims {
        gradient = gradient.repeated(dim, &x.dims[dim])?;
    }
    let count: f64 = dims.iter().map(|&dim| x.size(dim) as f64).product();
    let share = if view.node.op == "ReduceSum" { 1.0 } else { 1.0 / count };
    Some(vec![(0, gradient.affine(share, 0.0))])
}
