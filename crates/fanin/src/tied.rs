//! [`Tied`]: a parameter whose values follow from those of another, which is drawn once.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The parameter that another one's values follow from, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tied {
    /// Name of the parameter that is drawn.
    pub to: String,
    /// How the values follow from its values.
    #[serde(default)]
    pub form: Form,
}

/// How the values of a tied parameter follow from those of the one that is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// They are the same: an output layer that shares the embedding's rows.
    #[default]
    Equal,
    /// They are the same with the two dimensions swapped, as exporters store the second use of a shared matrix.
    Transposed,
    /// They are the Euclidean lengths of its slices along the dimensions that are kept: the g of a weight norm, so that
    /// g·v/‖v‖ starts as v.
    ///
    /// Source: Salimans & Kingma 2016, arXiv:1602.07868.
    Lengths,
}

impl Form {
    /// Whether values of `shape` can follow from values of `of` in this form.
    pub fn fits(self, shape: &[u64], of: &[u64]) -> bool {
        match self {
            Form::Equal => shape == of,
            Form::Transposed => matches!((shape, of), ([a, b], [c, d]) if a == d && b == c),
            Form::Lengths => kept(shape, of).is_some(),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Equal => "equal to",
            Form::Transposed => "the transpose of",
            Form::Lengths => "the lengths of",
        })
    }
}

/// Which dimensions of a weight `of` are kept in the `lengths` of its slices.
///
/// torch keeps the rank (`[out, 1, 1]`), or has one number for all; Flax has one dimension, that of the outputs, which
/// comes last.
pub(crate) fn kept(lengths: &[u64], of: &[u64]) -> Option<Vec<bool>> {
    match *lengths {
        [] => Some(vec![false; of.len()]),
        _ if lengths.len() == of.len() => {
            let fits = lengths.iter().zip(of).all(|(&own, &size)| own == size || own == 1);
            fits.then(|| lengths.iter().zip(of).map(|(own, size)| own == size).collect())
        }
        [n] => {
            let last = of.len().checked_sub(1)?;
            let axis = if of[last] == n { last } else { of.iter().position(|&size| size == n)? };
            Some((0..of.len()).map(|d| d == axis).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_fit_the_shapes_they_can_be_made_for() {
        assert!(Form::Equal.fits(&[3, 4], &[3, 4]) && !Form::Equal.fits(&[4, 3], &[3, 4]));
        assert!(Form::Transposed.fits(&[4, 3], &[3, 4]) && !Form::Transposed.fits(&[3, 4], &[3, 4]));
        assert!(!Form::Transposed.fits(&[4, 3, 1], &[1, 3, 4]));
        for (lengths, of, expected) in [
            (&[8, 1, 1][..], &[8, 4, 3][..], Some(vec![true, false, false])),
            (&[1, 1, 3], &[8, 4, 3], Some(vec![false, false, true])),
            (&[], &[8, 4], Some(vec![false, false])),
            (&[1], &[8], Some(vec![false])),
            (&[6], &[4, 6], Some(vec![false, true])),
            (&[4], &[4, 4], Some(vec![false, true])),
            (&[4], &[4, 6], Some(vec![true, false])),
            (&[5], &[4, 6], None),
            (&[8, 2], &[8, 4], None),
            (&[8, 4], &[8, 4, 1], None),
            (&[2], &[], None),
        ] {
            assert_eq!(kept(lengths, of), expected, "{lengths:?} of {of:?}");
            assert_eq!(Form::Lengths.fits(lengths, of), expected.is_some());
        }
    }
}
