//! [`Take`]: values that come from another file, and the steps that make them fit.
//!
//! Every step is data: it moves elements, or gives each index along one axis as a sum of indices of the source. So a plan
//! says in full how a weight came about, and the same tensors give the same bits again.

mod array;
mod cast;
mod cubic;
mod factor;
mod map;
mod pieces;
mod symbols;

pub use array::Array;
pub use cast::cast;
pub(crate) use cast::write as cast_numbers;
pub use factor::{Factor, Part, singular_vectors};
pub use map::Map;
pub use pieces::{Gather, Pieces};

use crate::call::Call;
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::tied::kept;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A tensor of another file, with the digest that proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Its name there.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<u64>,
    /// How its elements are stored there.
    pub dtype: Dtype,
    /// Its fingerprint ([`crate::digest::Digest`]); empty while nothing of it has been read. Such a plan is not stored.
    pub digest: String,
}

/// Values that are taken from another file.
///
/// # Formula
/// `value = steps(tensors) + noise`, and `rest` wherever the steps give nothing.
///
/// # Precision
/// A copy of the same type has the bits of the source. Everything else is computed in binary64 and rounded once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The file, as it was named.
    pub file: String,
    /// What is taken, in the order in which [`Step::Join`] puts them.
    pub tensors: Vec<Taken>,
    /// What is done to it, first to last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Draws the elements that no step gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Call>,
    /// Is drawn and added to those that are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Call>,
}

/// One step from the tensors of a file to the values of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// All tensors become one, behind each other along an axis.
    Join {
        /// The axis.
        axis: usize,
    },
    /// Axis `i` of the result is axis `order[i]` of the source.
    Permute {
        /// Axes of the source.
        order: Vec<usize>,
    },
    /// The same elements in another shape.
    Reshape {
        /// The new shape.
        shape: Vec<u64>,
    },
    /// The indices along an axis become others.
    Along {
        /// The axis.
        axis: usize,
        /// How they follow from those of the source.
        map: Map,
    },
    /// The Euclidean lengths of slices: the g of a weight norm.
    Lengths {
        /// The shape of the lengths, in which each axis is whole or 1 ([`crate::tied::Form::Lengths`]).
        shape: Vec<u64>,
    },
    /// A factor of a matrix [outputs, inputs] ≈ scale·BA, or what these leave of it.
    Factor {
        /// Which factors.
        kind: Factor,
        /// Rows of A and columns of B.
        rank: u64,
        /// What the model multiplies BA by.
        scale: f64,
        /// What is wanted.
        part: Part,
    },
    /// Numbers that were measured, instead of what came before.
    Given {
        /// Their shape.
        shape: Vec<u64>,
        /// Row by row.
        values: Vec<f32>,
    },
    /// A matrix without scale·BA, for factors that were measured.
    Less {
        /// Rank × inputs.
        a: Vec<f32>,
        /// Outputs × rank.
        b: Vec<f32>,
        /// What the model multiplies BA by.
        scale: f64,
    },
    /// All values are multiplied.
    Scale {
        /// The factor.
        factor: f64,
    },
}

/// How many times as many elements as stand before and behind all steps may be held between them, so that a plan that lies cannot take
/// all memory.
const BETWEEN: u64 = 64;

impl Take {
    /// Whether the values are those of one tensor, one by one and in order.
    pub fn is_copy(&self) -> bool {
        let plain = self.steps.iter().all(|step| matches!(step, Step::Reshape { .. }));
        plain && self.tensors.len() == 1 && self.rest.is_none() && self.noise.is_none()
    }

    /// Whether it gives other numbers than the source has, and not only in another order.
    pub fn changes(&self) -> bool {
        self.rest.is_some() || self.noise.is_some() || !self.steps.iter().all(Step::moves)
    }

    /// The shape that the steps give; nothing is computed.
    ///
    /// # Errors
    /// The first step that does not fit.
    pub fn shape(&self) -> Result<Vec<u64>, Refusal> {
        let shapes: Vec<_> = self.tensors.iter().map(|tensor| tensor.shape.clone()).collect();
        let (first, rest) = shapes.split_first().ok_or_else(|| misfit("nothing is taken", "at least one tensor"))?;
        if !(rest.is_empty() || matches!(self.steps.first(), Some(Step::Join { .. }))) {
            return Err(misfit(format!("{} tensors are taken and not joined", shapes.len()), "a first step `join`"));
        }
        let (mut shape, mut more) = (first.clone(), rest);
        let mut largest = 0;
        for step in &self.steps {
            shape = step.shape(&shape, more)?;
            more = &[];
            largest = largest.max(count(&shape).unwrap_or(u64::MAX));
        }
        let held = shapes.iter().filter_map(|shape| count(shape)).fold(count(&shape).unwrap_or(0), u64::saturating_add);
        if largest > held.saturating_mul(BETWEEN) {
            return Err(misfit(format!("{largest} elements between {held}"), "steps that hold no more than they need"));
        }
        Ok(shape)
    }

    /// What the steps make of the tensors, which stand in the order of [`Take::tensors`].
    ///
    /// # Errors
    /// The first step that does not fit.
    pub fn apply(&self, tensors: Vec<Array>) -> Result<Array, Refusal> {
        self.shape()?;
        let mut all = tensors.into_iter();
        let mut array = all.next().ok_or_else(|| misfit("nothing is taken", "at least one tensor"))?;
        for step in &self.steps {
            array = match step {
                Step::Join { axis } => {
                    let every: Vec<Array> = std::iter::once(array).chain(&mut all).collect();
                    Array::joined(&every, *axis)?
                }
                Step::Permute { order } => array.permuted(order)?,
                Step::Reshape { shape } => array.reshaped(shape)?,
                Step::Along { axis, map } => array.along(*axis, map)?,
                Step::Lengths { shape } => array.lengths(shape)?,
                Step::Scale { factor } => array.scaled(*factor),
                Step::Given { shape, values } => Array::new(shape, values.iter().map(|&x| f64::from(x)).collect())?,
                Step::Less { a, b, scale } => array.less(a, b, *scale),
                Step::Factor { kind, rank, scale, part } => array.factor(*kind, *rank, *scale, *part)?,
            };
        }
        Ok(array)
    }
}

impl Step {
    /// Whether it only moves elements, or cuts some off.
    fn moves(&self) -> bool {
        match self {
            Step::Join { .. } | Step::Permute { .. } | Step::Reshape { .. } => true,
            Step::Along { map, .. } => matches!(map, Map::Blocks { .. } | Map::Slice { .. }),
            _ => false,
        }
    }

    /// The shape behind steps about factors of a matrix, and numbers that were measured.
    fn factored(&self, shape: &[u64]) -> Result<Vec<u64>, Refusal> {
        let mut out = shape.to_vec();
        match self {
            Step::Given { shape: new, values } => {
                if count(new) != Some(values.len() as u64) {
                    return Err(misfit(format!("{} numbers as {new:?}", values.len()), "a number for each element"));
                }
                out.clone_from(new);
            }
            Step::Less { a, b, scale } => {
                let rank = if let [_, n] = shape { (a.len() as u64).checked_div(*n) } else { None };
                let fits = matches!((shape, rank), ([m, n], Some(rank))
                    if n.checked_mul(rank) == Some(a.len() as u64) && m.checked_mul(rank) == Some(b.len() as u64));
                if !fits || !scale.is_finite() {
                    return Err(misfit(
                        format!("factors of {} and {} numbers", a.len(), b.len()),
                        "factors of the matrix",
                    ));
                }
            }
            Step::Factor { rank, scale, part, .. } => {
                let fits =
                    matches!(shape, [m, n] if *rank > 0 && rank <= m.min(n)) && scale.is_finite() && *scale > 0.0;
                if !fits {
                    let expected = "a matrix, a rank up to its smaller size, and a scale above 0";
                    return Err(misfit(format!("factors of rank {rank} of {shape:?}, scale {scale}"), expected));
                }
                match part {
                    Part::A => out[0] = *rank,
                    Part::B => out[1] = *rank,
                    Part::Rest => {}
                }
            }
            _ => {}
        }
        Ok(out)
    }

    fn shape(&self, shape: &[u64], more: &[Vec<u64>]) -> Result<Vec<u64>, Refusal> {
        let mut out = shape.to_vec();
        match self {
            Step::Join { axis } => {
                for other in more {
                    let fits = other.len() == shape.len() && *axis < shape.len();
                    if !fits || (0..shape.len()).any(|d| d != *axis && other[d] != shape[d]) {
                        return Err(misfit(format!("{shape:?} and {other:?} along axis {axis}"), "equal other axes"));
                    }
                    out[*axis] = out[*axis].saturating_add(other[*axis]);
                }
            }
            Step::Permute { order } => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if sorted.iter().copied().ne(0..shape.len()) {
                    return Err(misfit(format!("the order {order:?} of {} axes", shape.len()), "each axis once"));
                }
                out = order.iter().map(|&axis| shape[axis]).collect();
            }
            Step::Reshape { shape: new } => {
                if count(new) != count(shape) {
                    return Err(misfit(format!("{shape:?} as {new:?}"), "as many elements"));
                }
                out.clone_from(new);
            }
            Step::Along { axis, map } => {
                let size = shape.get(*axis).ok_or_else(|| misfit(format!("axis {axis} of {shape:?}"), "an axis"))?;
                out[*axis] = map.to(*size)?;
            }
            Step::Lengths { shape: new } => {
                if kept(new, shape).is_none() {
                    return Err(misfit(format!("lengths {new:?} of {shape:?}"), "axes that are whole or 1"));
                }
                out.clone_from(new);
            }
            Step::Given { .. } | Step::Less { .. } | Step::Factor { .. } => return self.factored(shape),
            Step::Scale { factor } if !factor.is_finite() => return Err(misfit(factor.to_string(), "a finite factor")),
            Step::Scale { .. } => {}
        }
        Ok(out)
    }
}

/// Number of elements, if a tensor can have so many.
fn count(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n < 1 << 58)
}

fn misfit(wrong: impl Into<String>, expected: impl Into<String>) -> Refusal {
    Refusal::new(wrong, expected, "Make the plan again, or mend its `take`.")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Join { axis } => write!(f, "joined along axis {axis}"),
            Step::Permute { order } if order == &[1, 0] => f.write_str("transposed"),
            Step::Permute { order } => write!(f, "axes in the order {order:?}"),
            Step::Reshape { shape } => write!(f, "as {shape:?}"),
            Step::Along { axis, map } => write!(f, "{map} along axis {axis}"),
            Step::Lengths { .. } => f.write_str("lengths of slices"),
            Step::Scale { factor } => write!(f, "times {factor}"),
            Step::Given { shape, .. } => write!(f, "measured, {shape:?}"),
            Step::Less { .. } => f.write_str("without measured factors"),
            Step::Factor { kind, rank, part, .. } => match part {
                Part::Rest => write!(f, "without its factors of rank {rank} {kind}"),
                part => write!(f, "factor {part:?} of rank {rank} {kind}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(shape: &[u64]) -> Taken {
        Taken { name: "w".into(), shape: shape.to_vec(), dtype: Dtype::F32, digest: String::new() }
    }

    fn take(shapes: &[&[u64]], steps: &[Step]) -> Take {
        let tensors = shapes.iter().map(|shape| taken(shape)).collect();
        Take { file: "f".into(), tensors, steps: steps.to_vec(), rest: None, noise: None }
    }

    fn counted(shape: &[u64], from: f64) -> Array {
        let count = shape.iter().product::<u64>();
        Array::new(shape, (0..count).map(|i| from + i as f64).collect()).unwrap()
    }

    #[test]
    fn steps_follow_one_another() {
        let steps = [Step::Join { axis: 0 }, Step::Permute { order: vec![1, 0] }, Step::Scale { factor: 2.0 }];
        let take = take(&[&[1, 2], &[2, 2]], &steps);
        assert_eq!(take.shape().unwrap(), [2, 3]);
        let made = take.apply(vec![counted(&[1, 2], 0.0), counted(&[2, 2], 10.0)]).unwrap();
        assert_eq!(made.values(), [0.0, 20.0, 24.0, 2.0, 22.0, 26.0]);
        assert!(!take.is_copy());
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        let along = |axis, map| Step::Along { axis, map };
        for (shapes, step) in [
            (&[&[2u64, 2][..], &[2, 3]][..], Step::Join { axis: 0 }),
            (&[&[2, 2], &[2, 2]], Step::Scale { factor: 1.0 }),
            (&[&[2, 2]], Step::Permute { order: vec![0, 0] }),
            (&[&[2, 2]], Step::Reshape { shape: vec![3] }),
            (&[&[2, 2]], Step::Reshape { shape: vec![u64::MAX, u64::MAX] }),
            (&[&[2, 2]], Step::Scale { factor: f64::NAN }),
            (&[&[2, 2]], along(2, Map::Slice { start: 0, len: 1 })),
            (&[&[2, 2]], along(0, Map::Slice { start: 1, len: u64::MAX })),
            (&[&[2, 2]], along(0, Map::Blocks { order: vec![0, 1, 2] })),
            (&[&[2, 2]], along(0, Map::Choose { indices: vec![2] })),
            (&[&[2, 2]], along(0, Map::Repeat { to: 1 << 60, share: false })),
            (&[&[2, 2]], along(0, Map::Grid { prefix: 1, from: vec![2, 2], to: vec![4, 4] })),
        ] {
            let take = take(shapes, std::slice::from_ref(&step));
            assert!(take.shape().is_err(), "{step:?}");
        }
        assert!(take(&[], &[]).shape().is_err());
        // Each step fits, and the first would hold a million elements for two of four.
        let steps = [along(0, Map::Repeat { to: 1 << 20, share: false }), along(0, Map::Slice { start: 0, len: 1 })];
        assert!(take(&[&[2, 2]], &steps).shape().unwrap_err().to_string().contains("2097152 elements"));
    }
}
