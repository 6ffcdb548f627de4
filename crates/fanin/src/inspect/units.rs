//! [`Units`]: fingerprints of what comes into each unit and of what each input gives, to find units that are alike.

use super::tally::elements;
use crate::axes::{Axes, Axis};
use crate::dtype::Dtype;
use std::collections::BTreeMap;

/// More units than these are not compared: their fingerprints would take much memory, and embeddings have no twins.
const MOST: u64 = 1 << 17;

/// Fingerprints by index of an axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prints {
    /// Of the elements in order.
    pub(super) plain: Vec<u64>,
    /// Of the elements with the other sign.
    opposite: Vec<u64>,
    /// Whether all elements are zero.
    zero: Vec<bool>,
}

/// What is known of the units on both sides of a weight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// By output unit; stacked weights one after the other.
    pub(super) outputs: Prints,
    /// By input unit, where the weight is neither stacked nor grouped.
    pub(super) inputs: Prints,
}

/// How many units there are of some kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Alike {
    pub(super) zero: u64,
    pub(super) repeated: u64,
    pub(super) opposite: u64,
}

impl Units {
    /// The fingerprints of a weight, or `None` if its units cannot be told.
    pub(super) fn of(bytes: &[u8], dtype: Dtype, shape: &[u64], axes: &Axes) -> Option<Units> {
        let outputs = Lanes::of(shape, axes, Axis::Out)?;
        let outputs = outputs.prints(bytes, dtype);
        let plain = axes.groups == 1 && !axes.dims.contains(&Axis::Stack);
        let inputs = Lanes::of(shape, axes, Axis::In).filter(|_| plain);
        Some(Units { outputs, inputs: inputs.map(|lanes| lanes.prints(bytes, dtype)).unwrap_or_default() })
    }
}

/// A tensor as `[stack, before, size, after]`, where `size` counts units.
struct Lanes {
    stack: usize,
    before: usize,
    size: usize,
    after: usize,
}

impl Lanes {
    fn of(shape: &[u64], axes: &Axes, counted: Axis) -> Option<Lanes> {
        if axes.dims.len() != shape.len() {
            return None;
        }
        let mut at = axes.dims.iter().enumerate().filter(|(_, axis)| **axis == counted).map(|(at, _)| at);
        let (place, None) = (at.next()?, at.next()) else { return None };
        let leading = axes.dims.iter().take_while(|axis| **axis == Axis::Stack).count().min(place);
        let product = |dims: &[u64]| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let (stack, before) = (product(&shape[..leading])?, product(&shape[leading..place])?);
        let (size, after) = (shape[place], product(&shape[place + 1..])?);
        if stack.checked_mul(size)? > MOST || size == 0 || after == 0 {
            return None;
        }
        Some(Lanes { stack: stack as usize, before: before as usize, size: size as usize, after: after as usize })
    }

    fn prints(&self, bytes: &[u8], dtype: Dtype) -> Prints {
        let units = self.stack * self.size;
        let mut prints = Prints { plain: vec![0; units], opposite: vec![0; units], zero: vec![true; units] };
        let (mut stack, mut before, mut unit, mut after) = (0, 0, 0, 0);
        elements(bytes, dtype, &mut |x| {
            let at = (stack * self.size + unit).min(units - 1);
            // −0 is 0 here.
            let (plus, minus) = if x == 0.0 { (0, 0) } else { (x.to_bits(), (-x).to_bits()) };
            prints.zero[at] &= x == 0.0;
            prints.plain[at] = mixed(prints.plain[at], plus);
            prints.opposite[at] = mixed(prints.opposite[at], minus);
            after += 1;
            if after == self.after {
                (after, unit) = (0, unit + 1);
            }
            if unit == self.size {
                (unit, before) = (0, before + 1);
            }
            if before == self.before {
                (before, stack) = (0, stack + 1);
            }
        });
        prints
    }
}

/// One word more in a fingerprint: multiplication by the fraction of the golden ratio, and a turn so that high bits count.
pub(super) fn mixed(print: u64, word: u64) -> u64 {
    (print ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

impl Prints {
    pub(super) fn len(&self) -> usize {
        self.plain.len()
    }

    /// The fingerprints of so many groups of neighbouring units: a channel, of whose places each is an input.
    pub(super) fn grouped(&self, groups: usize) -> Option<Vec<u64>> {
        if groups == 0 || self.len() == 0 || !self.len().is_multiple_of(groups) {
            return None;
        }
        let each = self.len() / groups;
        Some(self.plain.chunks(each).map(|chunk| chunk.iter().fold(0, |print, &word| mixed(print, word))).collect())
    }

    /// How many units are zero, repeat another, or are the opposite of another. Units of zeros count once only.
    pub(super) fn alike(&self) -> Alike {
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        let filled = || self.plain.iter().zip(&self.opposite).zip(&self.zero).filter(|(_, zero)| !**zero);
        for ((&plain, _), _) in filled() {
            *seen.entry(plain).or_default() += 1;
        }
        let repeated = seen.values().map(|&count| count - 1).sum();
        let opposite = filled().filter(|((_, opposite), _)| seen.contains_key(opposite)).count() as u64;
        Alike { zero: self.zero.iter().filter(|&&zero| zero).count() as u64, repeated, opposite }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn twins_opposites_and_zeros_are_found_along_any_axis() {
        let rows = [1.0, 2.0, 0.0, -0.0, -1.0, -2.0, 1.0, 2.0, 3.0, 0.0];
        let expected = Alike { zero: 1, repeated: 1, opposite: 3 };
        let units = Units::of(&bytes(&rows), Dtype::F32, &[5, 2], &Axes::linear()).unwrap();
        assert_eq!(units.outputs.alike(), expected);
        assert_eq!(units.inputs.len(), 2);
        let columns: Vec<f32> = (0..10).map(|i| rows[i % 5 * 2 + i / 5]).collect();
        let units = Units::of(&bytes(&columns), Dtype::F32, &[2, 5], &Axes::matmul()).unwrap();
        assert_eq!(units.outputs.alike(), expected);
        // Two experts: twins in different ones count, since the same numbers twice are no accident.
        let axes = Axes::of(&[Axis::Stack, Axis::In, Axis::Out]);
        let units = Units::of(&bytes(&columns), Dtype::F32, &[1, 2, 5], &axes).unwrap();
        assert_eq!((units.outputs.alike(), units.inputs.len()), (expected, 0));
    }

    #[test]
    fn inputs_of_a_flattened_channel_are_one_group() {
        let weight = bytes(&[1.0, 2.0, 1.0, 2.0, 5.0, 6.0]);
        let units = Units::of(&weight, Dtype::F32, &[1, 6], &Axes::linear()).unwrap();
        let groups = units.inputs.grouped(3).unwrap();
        assert!(groups[0] == groups[1] && groups[1] != groups[2]);
        assert!(units.inputs.grouped(4).is_none());
    }
}
