//! Interpolation, one dimension after the other: each element is a weighted sum of some neighbours.

use super::coordinate::{Along, Coordinates};
use crate::element::Float;
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use fanin::Refusal;

/// How much a neighbour counts, by its distance.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `None` for 1 − |d|, else the coefficient of Keys' cubic (1981, eq. 8 and 15).
    cubic: Option<f64>,
    /// Neighbours outside of the picture do not count, rather than being those at its edge.
    exclude_outside: bool,
    /// Where a picture gets smaller, the kernel gets wider.
    antialias: bool,
}

impl Kernel {
    pub(super) fn linear(setup: &Setup<'_>, early: bool) -> Result<Kernel, Refusal> {
        if early {
            return Ok(Kernel { cubic: None, exclude_outside: false, antialias: false });
        }
        let (exclude_outside, antialias) = (setup.flag("exclude_outside", false)?, setup.flag("antialias", false)?);
        Ok(Kernel { cubic: None, exclude_outside, antialias })
    }

    pub(super) fn cubic(setup: &Setup<'_>) -> Result<Kernel, Refusal> {
        let cubic = Some(setup.float("cubic_coeff_a", -0.75)?);
        Ok(Kernel { cubic, ..Kernel::linear(setup, false)? })
    }

    fn weight(&self, distance: f64) -> f64 {
        let d = distance.abs();
        match self.cubic {
            None => (1.0 - d).max(0.0),
            Some(a) if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
            Some(a) if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
            Some(_) => 0.0,
        }
    }

    /// Neighbours of a place and their weights.
    fn neighbours(&self, at: f64, along: &Along) -> Vec<(usize, f64)> {
        // A kernel as wide as two pictures sees everything.
        let narrow = if self.antialias { along.scale.clamp(0.5 / along.input as f64, 1.0) } else { 1.0 };
        let reach = if self.cubic.is_some() { 2.0 } else { 1.0 };
        let (base, last) = (at.floor(), along.input as f64 - 1.0);
        let start = (-reach / narrow).floor() + 1.0;
        let mut taps: Vec<(usize, f64)> = Vec::new();
        for offset in start as i64..=1 - start as i64 {
            let place = base + offset as f64;
            let inside = (0.0..=last).contains(&place);
            if inside || !self.exclude_outside {
                let (index, weight) = (place.clamp(0.0, last) as usize, self.weight((place - at) * narrow));
                match taps.last_mut() {
                    Some((before, sum)) if *before == index => *sum += weight,
                    _ => taps.push((index, weight)),
                }
            }
        }
        if self.antialias || self.exclude_outside {
            let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
            for (_, weight) in &mut taps {
                *weight /= sum;
            }
        }
        taps.retain(|(_, weight)| *weight != 0.0);
        taps
    }
}

/// What each element along one dimension is made of; `None` for those that look outside of the picture.
#[derive(Debug)]
pub(super) struct Taps {
    elements: Vec<Option<Vec<(usize, f64)>>>,
}

impl Taps {
    pub(super) fn new(kernel: &Kernel, coordinates: Coordinates, along: &Along) -> Taps {
        let element = |i: usize| {
            let at = coordinates.of(i, along);
            let outside = coordinates == Coordinates::Crop && !(0.0..=along.input as f64 - 1.0).contains(&at);
            (!outside).then(|| kernel.neighbours(at, along))
        };
        Taps { elements: (0..along.output).map(element).collect() }
    }
}

/// `[before, size, after]` of a shape at an axis.
fn cut(shape: &[usize], axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

/// The result, with `outside` wherever one of the dimensions looks outside.
pub(super) fn forward<T: Float>(x: &[T], shape: &[usize], taps: &[Option<Taps>], outside: f64) -> Vec<T> {
    let (mut values, mut shape) = (x.to_vec(), shape.to_vec());
    for (axis, taps) in taps.iter().enumerate() {
        let Some(taps) = taps else { continue };
        let [before, along, after] = cut(&shape, axis);
        let mut out = vec![T::ZERO; before * taps.elements.len() * after];
        if !out.is_empty() {
            heavy_pieces(&mut out, taps.elements.len() * after, &|block, out| {
                let x = &values[block * along * after..][..along * after];
                for (out, element) in out.chunks_mut(after).zip(&taps.elements) {
                    for &(from, weight) in element.iter().flatten() {
                        let weight = T::from_f64(weight);
                        out.iter_mut().zip(&x[from * after..][..after]).for_each(|(out, &x)| *out += weight * x);
                    }
                }
            });
        }
        values = out;
        shape[axis] = taps.elements.len();
    }
    for_each_outside(&shape, taps, &mut |range| values[range].fill(T::from_f64(outside)));
    values
}

/// The gradient of what was interpolated.
pub(super) fn backward<T: Float>(g: &[T], x: &[usize], taps: &[Option<Taps>]) -> Vec<T> {
    let mut values = g.to_vec();
    let own = |(taps, &size): (&Option<Taps>, &usize)| taps.as_ref().map_or(size, |taps| taps.elements.len());
    let mut shape: Vec<usize> = taps.iter().zip(x).map(own).collect();
    for_each_outside(&shape, taps, &mut |range| values[range].fill(T::ZERO));
    for (axis, taps) in taps.iter().enumerate().rev() {
        let Some(taps) = taps else { continue };
        let ([before, along, after], size) = (cut(&shape, axis), x[axis]);
        let mut out = vec![T::ZERO; before * size * after];
        if !out.is_empty() {
            heavy_pieces(&mut out, size * after, &|block, out| {
                let g = &values[block * along * after..][..along * after];
                for (g, element) in g.chunks(after).zip(&taps.elements) {
                    for &(to, weight) in element.iter().flatten() {
                        let weight = T::from_f64(weight);
                        out[to * after..][..after].iter_mut().zip(g).for_each(|(out, &g)| *out += weight * g);
                    }
                }
            });
        }
        values = out;
        shape[axis] = size;
    }
    values
}

/// `visit` for every run of elements of which one dimension looks outside.
fn for_each_outside(shape: &[usize], taps: &[Option<Taps>], visit: &mut dyn FnMut(std::ops::Range<usize>)) {
    for (axis, taps) in taps.iter().enumerate() {
        let Some(taps) = taps else { continue };
        let [before, along, after] = cut(shape, axis);
        for (place, _) in taps.elements.iter().enumerate().filter(|(_, element)| element.is_none()) {
            (0..before).for_each(|block| {
                let start = (block * along + place) * after;
                visit(start..start + after);
            });
        }
    }
}
