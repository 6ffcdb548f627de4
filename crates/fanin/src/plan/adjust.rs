//! [`Adjust`]: what a calibration measured, as numbers that turn a law's values into the calibrated ones.
//!
//! A calibrated parameter stays a formula and a seed: its values are those of its law, mixed, scaled and shifted by the few
//! numbers that stand here. So a plan can be applied again without the data that it was calibrated with, and any shard has
//! the bits of the whole.

use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Numbers along one axis of a tensor, one for each index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Along {
    /// The axis, from 0.
    pub axis: usize,
    /// One number for each index of that axis.
    pub values: Vec<f64>,
}

/// A square matrix that mixes the elements along neighbouring axes, taken as one: the whitening of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// The axes that are mixed, as one: first, and one past the last.
    pub axes: [usize; 2],
    /// Row-major; element `j` along the axes becomes `Σₖ value[k] · matrix[k·n + j]`.
    pub matrix: Vec<f64>,
}

/// What is done to the values that a law gives: mixed, then scaled, then shifted.
///
/// # Formula
/// `value = factor · Π scale[index] · mixed + shift[index]`, where `mixed = Σₖ drawn[k] · matrix[k, j]` if there is a
/// [`Mix`], and the drawn value otherwise.
///
/// # Precision
/// The law's values are made in binary32 (binary64 for parameters of that type), combined in binary64 in a fixed order, and
/// rounded once to binary32 and once to the parameter's type.
///
/// # Example
/// ```
/// use fanin::plan::Adjust;
/// let lsuv = Adjust::default().scaled(0.5).scaled(3.0);
/// assert_eq!(lsuv.factor, 1.5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adjust {
    /// Multiplies every element.
    #[serde(skip_serializing_if = "is_one")]
    pub factor: f64,
    /// Multiplies the elements by their index along some axes; no axis occurs twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scale: Vec<Along>,
    /// Added after scaling, by index along one axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<Along>,
    /// Mixes elements before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

impl Default for Adjust {
    fn default() -> Adjust {
        Adjust { factor: 1.0, scale: Vec::new(), shift: None, mix: None }
    }
}

impl Adjust {
    /// Whether nothing is changed.
    pub fn is_identity(&self) -> bool {
        *self == Adjust::default()
    }

    /// The same, with all values `factor` times as large.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Adjust {
        self.factor *= factor;
        if let Some(shift) = &mut self.shift {
            shift.values.iter_mut().for_each(|value| *value *= factor);
        }
        self
    }

    /// The same, with the values at index `i` of `axis` multiplied by `factors[i]`.
    ///
    /// # Errors
    /// If a shift along another axis stands in the way, or the number of factors is not that of before.
    pub fn scaled_along(mut self, axis: usize, factors: &[f64]) -> Result<Adjust, Refusal> {
        if let Some(shift) = &mut self.shift {
            if shift.axis != axis || shift.values.len() != factors.len() {
                return Err(Refusal::new(
                    format!("factors along axis {axis} after a shift along axis {}", shift.axis),
                    "the axis of the shift",
                    "Calibrate the factors before the shift.",
                ));
            }
            shift.values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
        }
        match self.scale.iter_mut().find(|along| along.axis == axis) {
            Some(along) if along.values.len() != factors.len() => {
                return Err(length(axis, factors.len(), along.values.len()));
            }
            Some(along) => along.values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor),
            None => self.scale.push(Along { axis, values: factors.to_vec() }),
        }
        Ok(self)
    }

    /// The same, with `shifts[i]` added to the values at index `i` of `axis`.
    ///
    /// # Errors
    /// If there is a shift along another axis, or the number of shifts is not that of before.
    pub fn shifted_along(mut self, axis: usize, shifts: &[f64]) -> Result<Adjust, Refusal> {
        match &mut self.shift {
            Some(along) if along.axis != axis || along.values.len() != shifts.len() => {
                return Err(length(axis, shifts.len(), along.values.len()));
            }
            Some(along) => along.values.iter_mut().zip(shifts).for_each(|(value, shift)| *value += shift),
            None => self.shift = Some(Along { axis, values: shifts.to_vec() }),
        }
        Ok(self)
    }

    /// The same, with the elements along the axes from `axes[0]` up to `axes[1]`, taken as one, multiplied by a square matrix
    /// from the right.
    ///
    /// # Errors
    /// If something stands in the way that would have to be mixed as well: factors along these axes, a shift, a mix of other
    /// axes or another size.
    pub fn mixed(mut self, axes: [usize; 2], matrix: &[f64]) -> Result<Adjust, Refusal> {
        let size = matrix.len().isqrt();
        let among = |along: &&Along| (axes[0]..axes[1]).contains(&along.axis);
        if let Some(along) = self.scale.iter().find(among).or(self.shift.as_ref()) {
            let wrong = format!("a mix of the axes {axes:?} after numbers along axis {}", along.axis);
            return Err(Refusal::new(wrong, "a mix before factors and shifts", "Calibrate the mix first."));
        }
        self.mix = Some(match self.mix {
            None => Mix { axes, matrix: matrix.to_vec() },
            Some(mix) if mix.axes == axes && mix.matrix.len() == matrix.len() => {
                let at = |row: usize, column: usize| -> f64 {
                    (0..size).map(|k| mix.matrix[row * size + k] * matrix[k * size + column]).sum()
                };
                let matrix = (0..size * size).map(|i| at(i / size, i % size)).collect();
                Mix { axes, matrix }
            }
            Some(mix) => {
                let wrong = format!("a mix of the axes {axes:?} after one of the axes {:?}", mix.axes);
                return Err(Refusal::new(wrong, "one mix", "Plan the model anew, and calibrate it once."));
            }
        });
        Ok(self)
    }

    /// Checks that every axis is one of `shape`, has as many numbers as indices, and that all numbers are finite.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn fits(&self, shape: &[u64]) -> Result<(), Refusal> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let all = self.scale.iter().chain(&self.shift);
        for along in all.clone() {
            match shape.get(along.axis) {
                Some(&size) if size == along.values.len() as u64 => {}
                size => return Err(length(along.axis, along.values.len(), size.map_or(0, |&size| size as usize))),
            }
        }
        let twice = self.scale.iter().enumerate().find(|(i, a)| self.scale[..*i].iter().any(|b| b.axis == a.axis));
        if let Some((_, along)) = twice {
            return Err(refusal(format!("two lists of factors along axis {}", along.axis), "one list for each axis"));
        }
        if let Some(mix) = &self.mix {
            let size = mix
                .size(shape)
                .ok_or_else(|| refusal(format!("a mix of the axes {:?}", mix.axes), "axes of the tensor"))?;
            if size.checked_mul(size) != Some(mix.matrix.len() as u64) {
                let wrong = format!("a mix of {} numbers for {size} elements", mix.matrix.len());
                return Err(refusal(wrong, "a square matrix of that size"));
            }
        }
        let mixed = self.mix.as_ref().is_none_or(|mix| finite(&mix.matrix));
        if !(self.factor.is_finite() && mixed && all.into_iter().all(|along| finite(&along.values))) {
            return Err(refusal("a number that is not finite", "finite numbers"));
        }
        Ok(())
    }

    /// What elements that are all `value` become, if they are still all the same.
    pub fn constant(&self, value: f64) -> Option<f64> {
        let plain = self.scale.is_empty() && self.mix.is_none();
        match (&self.shift, value) {
            (None, _) if plain => Some(self.factor * value),
            (None, 0.0) => Some(0.0),
            _ => None,
        }
    }

    /// Variance over all elements of a tensor of `shape` whose elements are drawn with this variance and mean, independent of
    /// each other; exact without a [`Mix`] of dependent values.
    pub fn variance(&self, shape: &[u64], variance: f64, mean: f64) -> f64 {
        // Second moment and mean over the elements of E[value], by the product of the axes, which are independent.
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let squared = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64;
        let mixed = self.mix.as_ref().map_or([1.0, 1.0, 1.0], |mix| mix.powers(shape));
        let shifted = self.shift.as_ref().map(|shift| shift.axis);
        let (mut squares, mut means) = (self.factor * self.factor, self.factor);
        for along in self.scale.iter().filter(|along| Some(along.axis) != shifted) {
            squares *= squared(&along.values);
            means *= average(&along.values);
        }
        let ones = Vec::new();
        let of_shift = self.shift.as_ref().map_or(&ones, |shift| &shift.values);
        let scale = self.scale.iter().find(|along| Some(along.axis) == shifted).map(|along| &along.values);
        let (mut second, mut first) = (0.0, 0.0);
        let count = of_shift.len().max(1);
        for i in 0..count {
            let (s, t) = (scale.map_or(1.0, |s| s[i]), of_shift.get(i).copied().unwrap_or(0.0));
            let drawn = squares * s * s * (mixed[0] * variance + mixed[1] * mean * mean);
            let middle = means * s * mixed[2] * mean;
            second += drawn + 2.0 * middle * t + t * t;
            first += middle + t;
        }
        let (second, first) = (second / count as f64, first / count as f64);
        (second - first * first).max(0.0)
    }

    /// The elements of a tensor of `shape` that have to be drawn for those of `range`.
    pub(crate) fn needs(&self, shape: &[u64], range: Range<u64>) -> Range<u64> {
        let Some(mix) = self.mix.as_ref().filter(|_| !range.is_empty()) else { return range };
        let width = mix.width(shape);
        range.start / width * width..range.end.div_ceil(width) * width
    }

    /// The adjusted elements of `range` from the drawn ones of [`Adjust::needs`], which begin at `from`.
    pub(crate) fn apply(&self, shape: &[u64], drawn: &[f64], from: u64, range: Range<u64>, mut put: impl FnMut(f64)) {
        let stride = |axis: usize| shape[axis + 1..].iter().product::<u64>();
        let scales: Vec<_> = self.scale.iter().map(|along| (along, stride(along.axis))).collect();
        let shift = self.shift.as_ref().map(|along| (along, stride(along.axis)));
        let at = |along: &Along, stride: u64, index: u64| {
            along.values[(index / stride % along.values.len() as u64) as usize]
        };
        for index in range {
            let mut value = match &self.mix {
                Some(mix) => mix.element(shape, drawn, from, index),
                None => drawn[(index - from) as usize],
            };
            value *= self.factor;
            for (along, stride) in &scales {
                value *= at(along, *stride, index);
            }
            if let Some((along, stride)) = &shift {
                value += at(along, *stride, index);
            }
            put(value);
        }
    }
}

impl Mix {
    /// Number of elements along the mixed axes.
    fn size(&self, shape: &[u64]) -> Option<u64> {
        let axes = shape.get(self.axes[0]..self.axes[1]).filter(|axes| !axes.is_empty())?;
        axes.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n > 0)
    }

    fn inner(&self, shape: &[u64]) -> u64 {
        shape[self.axes[1]..].iter().product()
    }

    /// Elements of the smallest block that is mixed in itself.
    fn width(&self, shape: &[u64]) -> u64 {
        (self.inner(shape) * self.size(shape).unwrap_or(1)).max(1)
    }

    fn element(&self, shape: &[u64], drawn: &[f64], from: u64, index: u64) -> f64 {
        let (inner, size) = (self.inner(shape), self.size(shape).unwrap_or(1));
        let (block, within) = (index / (inner * size), index % (inner * size));
        let (column, lane) = (within / inner, within % inner);
        let start = block * inner * size + lane - from;
        (0..size)
            .fold(0.0, |sum, k| sum + drawn[(start + k * inner) as usize] * self.matrix[(k * size + column) as usize])
    }

    /// Per element, averaged over columns: Σₖ m², (Σₖ m)² and Σₖ m.
    fn powers(&self, shape: &[u64]) -> [f64; 3] {
        let size = self.size(shape).unwrap_or(1) as usize;
        let column = |j: usize| self.matrix.iter().skip(j).step_by(size);
        let sums: Vec<f64> = (0..size).map(|j| column(j).sum()).collect();
        let n = size as f64;
        [
            self.matrix.iter().map(|m| m * m).sum::<f64>() / n,
            sums.iter().map(|sum| sum * sum).sum::<f64>() / n,
            sums.iter().sum::<f64>() / n,
        ]
    }
}

fn refusal(wrong: impl Into<String>, expected: &str) -> Refusal {
    Refusal::new(wrong, expected, "Mend `adjust` in the plan, or calibrate it again.")
}

fn length(axis: usize, numbers: usize, size: usize) -> Refusal {
    refusal(format!("{numbers} numbers along axis {axis}"), &format!("{size}, one for each index of that axis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibrations_compose() {
        let adjust = Adjust::default().scaled(2.0).scaled_along(0, &[1.0, 3.0]).unwrap();
        let adjust = adjust.shifted_along(0, &[5.0, 7.0]).unwrap().scaled(0.5).scaled_along(0, &[1.0, 2.0]).unwrap();
        assert_eq!((adjust.factor, &adjust.scale[0].values), (1.0, &vec![1.0, 6.0]));
        assert_eq!(adjust.shift.as_ref().unwrap().values, [2.5, 7.0]);
        let mut out = Vec::new();
        adjust.apply(&[2, 2], &[1.0, 2.0, 3.0, 4.0], 0, 0..4, |value| out.push(value));
        assert_eq!(out, [3.5, 4.5, 25.0, 31.0]);
        assert!(adjust.clone().scaled_along(1, &[1.0, 1.0]).is_err() && adjust.shifted_along(1, &[0.0; 2]).is_err());
    }

    #[test]
    fn a_mix_is_a_product_of_matrices() {
        let mix = Mix { axes: [1, 2], matrix: vec![1.0, 2.0, 0.0, 10.0] };
        let adjust = Adjust { mix: Some(mix), ..Adjust::default() };
        adjust.fits(&[3, 2]).unwrap();
        assert_eq!(adjust.needs(&[3, 2], 3..4), 2..4);
        let mut out = Vec::new();
        adjust.apply(&[3, 2], &[3.0, 4.0], 2, 2..4, |value| out.push(value));
        assert_eq!(out, [3.0, 46.0]);
        // The same matrix along rows instead of columns.
        let adjust = Adjust { mix: Some(Mix { axes: [0, 1], matrix: vec![1.0, 2.0, 0.0, 10.0] }), ..Adjust::default() };
        let mut out = Vec::new();
        adjust.apply(&[2, 2], &[1.0, 2.0, 3.0, 4.0], 0, 0..4, |value| out.push(value));
        assert_eq!(out, [1.0, 2.0, 32.0, 44.0]);
    }

    #[test]
    fn mixes_compose_and_stand_before_everything_else() {
        let (a, b) = ([1.0, 2.0, 0.0, 10.0], [0.0, 1.0, 1.0, 3.0]);
        let adjust = Adjust::default().scaled(2.0).mixed([1, 2], &a).unwrap().mixed([1, 2], &b).unwrap();
        assert_eq!(adjust.mix.as_ref().unwrap().matrix, [2.0, 7.0, 10.0, 30.0]);
        assert_eq!(adjust.factor, 2.0);
        assert!(adjust.clone().mixed([0, 1], &a).is_err());
        assert!(adjust.clone().scaled_along(0, &[1.0; 2]).unwrap().mixed([1, 2], &b).is_ok());
        assert!(adjust.clone().scaled_along(1, &[1.0; 2]).unwrap().mixed([1, 2], &b).is_err());
        assert!(adjust.shifted_along(0, &[1.0; 2]).unwrap().mixed([1, 2], &b).is_err());
    }

    #[test]
    fn variance_is_that_of_the_elements() {
        let mix = Mix { axes: [1, 2], matrix: vec![2.0, 0.0, 1.0, 1.0] };
        let adjust = Adjust { mix: Some(mix), ..Adjust::default().scaled(3.0) };
        // Columns have 4 + 1 and 1 times the variance; 9 for the factor.
        assert_eq!(adjust.variance(&[4, 2], 1.0, 0.0), 27.0);
        let bias = Adjust::default().shifted_along(0, &[1.0, -1.0]).unwrap();
        assert_eq!(bias.variance(&[2], 0.0, 0.0), 1.0);
        // Of 1 and 3 times a value of mean 1 and variance 1: E[x²] = (2 + 18)/2, E[x] = 2.
        let scale = Adjust::default().scaled_along(0, &[1.0, 3.0]).unwrap();
        assert_eq!(scale.variance(&[2], 1.0, 1.0), 6.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let along = |axis, n| Adjust::default().scaled_along(axis, &vec![1.0; n]).unwrap();
        assert!(along(0, 2).fits(&[2, 3]).is_ok() && along(1, 3).fits(&[2, 3]).is_ok());
        assert!(along(0, 3).fits(&[2, 3]).is_err() && along(2, 1).fits(&[2, 3]).is_err());
        assert!(Adjust::default().scaled(f64::NAN).fits(&[1]).is_err());
        let mix = |axes, n| Adjust { mix: Some(Mix { axes, matrix: vec![0.0; n] }), ..Adjust::default() };
        assert!(mix([1, 2], 9).fits(&[2, 3]).is_ok() && mix([0, 2], 36).fits(&[2, 3]).is_ok());
        assert!(mix([1, 2], 8).fits(&[2, 3]).is_err() && mix([1, 3], 9).fits(&[2, 3]).is_err());
        assert!(mix([2, 1], 9).fits(&[2, 3]).is_err());
    }

    #[test]
    fn constants_stay_constants_where_they_can() {
        assert_eq!(Adjust::default().scaled(2.0).constant(3.0), Some(6.0));
        assert_eq!(Adjust::default().scaled_along(0, &[1.0, 2.0]).unwrap().constant(0.0), Some(0.0));
        assert_eq!(Adjust::default().scaled_along(0, &[1.0, 2.0]).unwrap().constant(1.0), None);
        assert_eq!(Adjust::default().shifted_along(0, &[1.0, 2.0]).unwrap().constant(0.0), None);
    }
}
