//! Elements put into a tensor at given places: `ScatterND`, `ScatterElements`.
//!
//! # Assumes
//! Places are distinct and do not depend on what is there, so that an element of the result is one that was put with
//! the share of those that were, and one of the tensor otherwise. Sums (`reduction`) are not followed.

use super::super::array::Array;
use super::super::flow::{Flow, Mask, MaskKind, Whole};
use super::super::view::View;
use super::{Gradients, Outcome, Rule};

pub(super) const RULES: &[Rule] = &[Rule { ops: &["ScatterND", "ScatterElements"], forward: put, backward: put_back }];

fn put(view: &View) -> Outcome {
    if view.node.text("reduction").is_some_and(|how| how != "none") {
        return Err("sums at given places are not followed".into());
    }
    let into = match (view.flow(0), view.flow(2)) {
        (Some(Flow::Mask(mask)), _) => {
            return Ok(vec![Flow::Mask(Mask::new(mask.shape.clone(), MaskKind::Some))]);
        }
        (Some(Flow::Whole(whole)), Some(Flow::Whole(_))) => {
            return Ok(vec![Flow::Whole(Whole { values: None, equal: Some(0.0), ..whole.clone() })]);
        }
        // What a fresh tensor is filled with, where nothing says otherwise.
        (Some(Flow::Whole(whole)), _) => Array::constant(&whole.shape, 0.0).ok_or("it has too many axes")?,
        _ => view.array(0)?.clone(),
    };
    let own = view.array(2)?;
    view.one(Some(mixed(&into, own)))
}

fn mixed(into: &Array, own: &Array) -> Array {
    let share = share(into, own);
    let mean = (1.0 - share) * into.mean + share * own.mean;
    let axes = into.draw() - 1;
    let itself = |draw: bool| own.table[if draw { own.full() } else { own.draw() - 1 }];
    let mut mixed = into.clone().without_pair();
    mixed.mean = mean;
    for (set, k) in mixed.table.iter_mut().enumerate() {
        *k = if set & axes == axes {
            (1.0 - share) * *k + share * itself(set & into.draw() != 0)
        } else {
            (1.0 - share) * ((1.0 - share) * *k + 2.0 * share * into.mean * own.mean)
                + share * share * own.mean * own.mean
        };
    }
    mixed
}

fn share(into: &Array, own: &Array) -> f64 {
    let count = |array: &Array| array.shape().iter().map(|&n| n as f64).product::<f64>();
    (count(own) / count(into).max(1.0)).min(1.0)
}

fn put_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let own = view.array(2).ok()?;
    let kept = 1.0 - share(gradient, own);
    let put = Array::independent(&own.shape(), gradient.mean, gradient.variance())?;
    // Most of the gradient, or none of it, at each place of the tensor.
    Some(vec![(0, gradient.with(kept * gradient.mean, |k| kept * k)), (2, put)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_counts_by_its_share() {
        let into = Array::constant(&[2, 5], 2.0).unwrap();
        let own = Array::independent(&[2, 2], 5.0, 1.0).unwrap();
        let mixed = mixed(&into, &own);
        assert!((mixed.mean - 3.2).abs() < 1e-12, "{}", mixed.mean);
        // Six elements of 2, and four of mean square 26.
        assert!((mixed.second() - 12.8).abs() < 1e-12, "{}", mixed.second());
        // Two different elements have nothing but their means in common.
        assert!((mixed.table[0] - 3.2 * 3.2).abs() < 1e-12, "{}", mixed.table[0]);
        assert_eq!(mixed.shape(), [2, 5]);
    }
}
