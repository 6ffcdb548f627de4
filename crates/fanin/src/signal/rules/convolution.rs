//! Convolutions: channels and taps are summed, strides skip, and padding lets taps meet nothing.
//!
//! # Formula
//! E\[y²\] = (channels of a group) · (taps that meet the field, on average over places) · var(w) · E\[x²\]; two places have
//! in common what the same taps see at both.
//!
//! # Assumes
//! All places are alike: edges lower the average, not the edge alone, and how far two places are apart does not matter.

use super::super::array::Array;
use super::super::contract::contract;
use super::super::flow::State;
use super::super::mirror::{difference, identity, paired, turned};
use super::super::view::View;
use super::taps::{Share, Taps, of_window, passed, resized};
use super::{Gradients, Outcome, Rule};
use crate::law::Acts;

pub(super) const RULES: &[Rule] = &[Rule { ops: &["Conv", "FusedConv"], forward, backward }];

/// A convolution between a wide side (its input) and a narrow one.
pub(super) struct Field {
    pub(super) taps: Vec<Taps>,
    pub(super) groups: u64,
    /// Mean and second moment of a weight.
    pub(super) weight: (f64, f64),
    pub(super) acts: Acts,
}

impl Field {
    fn of(view: &View) -> Option<Field> {
        let (x, weight) = (view.array(0).ok()?, view.signal(1).ok()?);
        let (shape, kernel) = (x.shape(), weight.array.shape());
        if shape.len() < 3 || kernel.len() != shape.len() {
            return None;
        }
        let taps = of_window(view, &shape[2..], &kernel[2..])?;
        Field::with(view, weight, taps)
    }

    pub(super) fn with(view: &View, weight: &State, taps: Vec<Taps>) -> Option<Field> {
        let groups = u64::try_from(view.node.int("group").unwrap_or(1)).ok().filter(|&g| g > 0)?;
        Some(Field { taps, groups, weight: (weight.array.mean, weight.array.second()), acts: weight.acts })
    }

    /// The terms that a place of the narrow (or the wide) side sums of `x`: none falls over the edge if all weight is on the
    /// centre.
    pub(super) fn terms(&self, x: &Array, narrow: bool) -> Vec<Share> {
        let centre = matches!(self.acts, Acts::Centre | Acts::Mirrored { centre: true, .. });
        let term = |(d, taps): (usize, &Taps)| {
            let flat = x.flat(d + 2);
            let own = flat.dims[d + 2].first().and_then(|atom| atom.profile.as_ref());
            if !centre {
                return taps.share(own, narrow);
            }
            // A strided layer hands gradients to every stride-th place only.
            let (from, to) = if narrow { (taps.wide, taps.narrow) } else { (taps.narrow, taps.wide) };
            let share = taps.count as f64 * (from as f64 / to as f64).min(1.0);
            Share { agree: share, differ: share, profile: own.and_then(|own| own.resampled(to)) }
        };
        self.taps.iter().enumerate().map(term).collect()
    }

    /// `x` through the layer, to `units` channels and the places `sizes`.
    pub(super) fn through(&self, x: &Array, units: u64, sizes: &[u64], terms: &[Share]) -> Option<Array> {
        let groups = self.groups as f64;
        match self.acts {
            Acts::Identity(gain) => resized(&identity(x, 1, units, gain)?, sizes),
            Acts::Mirrored { reads, writes, .. } => {
                let read = if reads { difference(x, 1)? } else { x.clone() };
                let channels = read.size(1) as f64 / groups;
                let y = passed(&read, units, channels, (0.0, self.weight.1), sizes, terms)?;
                Some(if writes { paired(&y, 1) } else { y })
            }
            _ => passed(x, units, x.size(1) as f64 / groups, self.weight, sizes, terms),
        }
    }
}

/// Whether places stay what they are: one tap, no stride.
fn is_pointwise(view: &View, field: &Field) -> bool {
    let plain = field.taps.iter().all(|taps| taps.count == 1 && taps.wide == taps.narrow);
    plain
        && field.groups == 1
        && matches!(field.acts, Acts::Freely | Acts::Centre)
        && view.node.ints("strides").is_none_or(|s| s.iter().all(|&s| s == 1))
}

fn labels(rank: usize) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let places = 3..u8::try_from(rank).ok()?.checked_add(1)?;
    let with = |first: [u8; 2]| first.into_iter().chain(places.clone()).collect::<Vec<u8>>();
    Some((
        with([0, 1]),
        [2, 1].into_iter().chain(100..100 + u8::try_from(rank).ok()?.checked_sub(2)?).collect(),
        with([0, 2]),
    ))
}

fn forward(view: &View) -> Outcome {
    let (x, weight) = (view.array(0)?, view.signal(1)?);
    let field = Field::of(view).ok_or("its kernel, strides or pads do not fit its input")?;
    let units = weight.array.size(0);
    let y = if is_pointwise(view, &field) {
        labels(x.rank()).and_then(|(from, kernel, to)| contract((x, &from), (&weight.array, &kernel), &to))
    } else {
        let sizes: Vec<u64> = field.taps.iter().map(|taps| taps.narrow).collect();
        let terms = field.terms(x, true);
        field.through(x, units, &sizes, &terms)
    };
    view.one(y.and_then(|y| biased(view, y, 2)))
}

/// With a bias for each channel, if there is one.
pub(super) fn biased(view: &View, y: Array, input: usize) -> Option<Array> {
    if !view.has(input) {
        return Some(y);
    }
    let bias = view.array(input).ok()?;
    if let Some(value) = bias.value() {
        return Some(if value == 0.0 { y } else { y.affine(1.0, value) });
    }
    let bias = (2..y.rank()).fold(bias.clone(), |bias, _| {
        let end = bias.rank();
        bias.unsqueezed(end)
    });
    let (y, bias) = y.aligned(&bias)?;
    y.plus(&bias)
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let (x, weight) = (view.array(0).ok()?, view.signal(1).ok()?);
    let field = Field::of(view)?;
    let sizes: Vec<u64> = field.taps.iter().map(|taps| taps.wide).collect();
    let narrow: Vec<u64> = field.taps.iter().map(|taps| taps.narrow).collect();
    let back = if is_pointwise(view, &field) {
        let (from, kernel, to) = labels(x.rank())?;
        contract((gradient, &to), (&weight.array, &kernel), &from)?
    } else {
        let terms = field.terms(gradient, false);
        let turned = Field { acts: turned(field.acts), ..field };
        let back = turned.through(gradient, x.size(1), &sizes, &terms)?;
        return finish(view, gradient, &turned, back, &resized(x, &narrow)?, gradient);
    };
    finish(view, gradient, &field, back, &resized(x, &narrow)?, gradient)
}

/// The gradients of input, weight and bias; `narrow` and `out` are input and gradient at the places of the narrow side.
pub(super) fn finish(
    view: &View,
    gradient: &Array,
    field: &Field,
    back: Array,
    narrow: &Array,
    out: &Array,
) -> Gradients {
    let weight = view.array(1).ok()?;
    let places: Vec<u8> = (0..u8::try_from(out.rank()).ok()?.checked_sub(2)?).map(|d| d + 3).collect();
    let with = |first: [u8; 2]| first.into_iter().chain(places.iter().copied()).collect::<Vec<u8>>();
    let moments = contract((out, &with([0, 2])), (narrow, &with([0, 1])), &[2, 1])?;
    let inside: f64 = field.taps.iter().map(|taps| taps.inside()).product();
    let mut results =
        vec![(0, back), (1, Array::independent(&weight.shape(), 0.0, moments.second() * inside)?.redrawn())];
    if view.has(2) {
        let others: Vec<usize> = std::iter::once(0).chain(2..gradient.rank()).collect();
        let mut bias = gradient.summed(&others);
        bias.dims = vec![bias.dims[1].clone()];
        results.push((2, bias));
    }
    Some(results)
}
