//! [`Numbers`]: what depends on no input and on no drawn parameter, computed number by number where it is little: the sines and
//! cosines of rotary positions, which are nothing like those of random angles where sequences are short.

use super::array::Array;
use super::flow::Flow;
use super::profile::Profile;
use super::view::View;
use crate::numerics::{cos_pi, sin_pi};
use std::f64::consts::PI;
use std::rc::Rc;

/// The most numbers that are computed.
const MOST: u64 = 1 << 18;

/// The numbers of a value, in row-major order.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    shape: Vec<u64>,
    values: Rc<[f64]>,
}

/// How far a step along each dimension of `shape` moves in an operand of the shape `own`: not at all where it is spread out.
pub(super) fn strides(own: &[u64], shape: &[u64]) -> Vec<u64> {
    let mut step = 1u64;
    let mut strides = vec![0; shape.len()];
    for (stride, &size) in strides.iter_mut().rev().zip(own.iter().rev()) {
        *stride = if size == 1 { 0 } else { step };
        step = step.saturating_mul(size);
    }
    strides
}

impl Numbers {
    /// Numbers of this shape, if they fill it.
    pub(super) fn new(shape: Vec<u64>, values: Rc<[f64]>) -> Option<Numbers> {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
        (count == values.len() as u64 && count > 0 && count <= MOST).then_some(Numbers { shape, values })
    }

    /// What a node makes of numbers; `known` has those of its inputs, and `made` the flow that its rule gives.
    pub(super) fn of(view: &View, known: &dyn Fn(usize) -> Option<Numbers>, made: &Flow) -> Option<Numbers> {
        let Flow::Signal(state) = made else { return None };
        let shape = state.array.shape();
        let first = || known(0);
        match view.node.op.as_str() {
            "Identity" | "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => Numbers::new(shape, first()?.values),
            // The rule takes it for a signal, so it is no cast to whole numbers.
            "Cast" => first(),
            "Neg" => Some(first()?.each(|x| -x)),
            "Sin" => Some(first()?.each(|x| sin_pi(x / PI))),
            "Cos" => Some(first()?.each(|x| cos_pi(x / PI))),
            "Add" => first()?.with(&known(1)?, shape, |x, y| x + y),
            "Sub" => first()?.with(&known(1)?, shape, |x, y| x - y),
            "Mul" => first()?.with(&known(1)?, shape, |x, y| x * y),
            "Div" => first()?.with(&known(1)?, shape, |x, y| x / y),
            // Column times row.
            "MatMul" => {
                let (a, b) = (first()?, known(1)?);
                let outer = a.shape.last() == Some(&1) && b.shape.iter().nth_back(1) == Some(&1);
                a.with(&b, shape, |x, y| x * y).filter(|_| outer)
            }
            "Transpose" => first()?.permuted(view.node.ints("perm")),
            "Concat" => {
                let parts: Vec<Numbers> = (0..view.node.inputs.len()).map(known).collect::<Option<_>>()?;
                Numbers::joined(&parts, View::axis(view.node.int("axis")?, shape.len())?, shape)
            }
            "Range" => {
                let (start, step) = (view.number(0)?, view.number(2)?);
                let count = *shape.first().filter(|&&n| n <= MOST)?;
                Numbers::new(shape, (0..count).map(|i| start + step * i as f64).collect())
            }
            _ => None,
        }
    }

    fn each(&self, f: impl Fn(f64) -> f64) -> Numbers {
        Numbers { shape: self.shape.clone(), values: self.values.iter().map(|&x| f(x)).collect() }
    }

    /// Element by element, both spread out to `shape`.
    fn with(&self, other: &Numbers, shape: Vec<u64>, f: impl Fn(f64, f64) -> f64) -> Option<Numbers> {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n <= MOST)?;
        let (left, right) = (strides(&self.shape, &shape), strides(&other.shape, &shape));
        let values: Option<Rc<[f64]>> = (0..count)
            .map(|flat| {
                let (mut rest, mut i, mut j) = (flat, 0, 0);
                for dim in (0..shape.len()).rev() {
                    let at = rest % shape[dim];
                    rest /= shape[dim];
                    i += at * left[dim];
                    j += at * right[dim];
                }
                Some(f(*self.values.get(i as usize)?, *other.values.get(j as usize)?))
            })
            .collect();
        Numbers::new(shape, values?)
    }

    fn permuted(&self, order: Option<&[i64]>) -> Option<Numbers> {
        let rank = self.shape.len();
        let order: Vec<usize> = match order {
            Some(order) => order.iter().map(|&d| View::axis(d, rank)).collect::<Option<_>>()?,
            None => (0..rank).rev().collect(),
        };
        let own = strides(&self.shape, &self.shape);
        let shape: Vec<u64> = order.iter().map(|&d| self.shape.get(d).copied()).collect::<Option<_>>()?;
        let values: Option<Rc<[f64]>> = (0..self.values.len() as u64)
            .map(|flat| {
                let (mut rest, mut at) = (flat, 0);
                for (dim, &from) in order.iter().enumerate().rev() {
                    at += rest % shape[dim] * own[from];
                    rest /= shape[dim];
                }
                self.values.get(at as usize).copied()
            })
            .collect();
        Numbers::new(shape, values?)
    }

    fn joined(parts: &[Numbers], axis: usize, shape: Vec<u64>) -> Option<Numbers> {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n <= MOST)?;
        let outer: u64 = shape.iter().take(axis).product();
        let mut values = Vec::with_capacity(count as usize);
        for row in 0..outer as usize {
            for part in parts {
                let run = part.values.len() / outer.max(1) as usize;
                values.extend_from_slice(part.values.get(row * run..(row + 1) * run)?);
            }
        }
        Numbers::new(shape, values.into())
    }

    /// Their moments, as of independent elements, and how the second one varies along each axis.
    pub(super) fn array(&self) -> Option<Array> {
        let count = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / count;
        let second = self.values.iter().map(|x| x * x).sum::<f64>() / count;
        let mut array = Array::independent(&self.shape, mean, (second - mean * mean).max(0.0))?;
        let own = strides(&self.shape, &self.shape);
        for (dim, atoms) in array.dims.iter_mut().enumerate() {
            let (size, step) = (self.shape[dim], own[dim].max(1));
            let mut sums = vec![0.0; size as usize];
            self.values.iter().enumerate().for_each(|(i, x)| sums[(i as u64 / step % size) as usize] += x * x);
            if let [atom] = &mut atoms[..] {
                atom.profile = Profile::new(sums.into_iter().map(|sum| (1, sum))).0;
            }
        }
        array.is_sound().then_some(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[u64], values: &[f64]) -> Numbers {
        Numbers::new(shape.to_vec(), values.into()).unwrap()
    }

    #[test]
    fn arithmetic_spreads_and_joins_and_turns() {
        let (column, row) = (numbers(&[2, 1], &[1.0, 10.0]), numbers(&[3], &[1.0, 2.0, 3.0]));
        let table = column.with(&row, vec![2, 3], |x, y| x * y).unwrap();
        assert_eq!(table.values[..], [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        assert_eq!(table.permuted(None).unwrap().values[..], [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        let wide = Numbers::joined(&[table.clone(), table.clone()], 1, vec![2, 6]).unwrap();
        assert_eq!(wide.values[..], [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 10.0, 20.0, 30.0]);
        assert!(Numbers::new(vec![2, 2], vec![0.0; 3].into()).is_none() && Numbers::new(vec![0], [].into()).is_none());
    }

    #[test]
    fn moments_know_the_rows() {
        let array = numbers(&[2, 2], &[0.0, 0.0, 1.0, 3.0]).array().unwrap();
        assert_eq!((array.mean, array.second()), (1.0, 2.5));
        let runs = |dim: usize| array.dims[dim][0].profile.as_ref().unwrap().runs().to_vec();
        assert_eq!(runs(0), [(1, 0.0), (1, 2.0)]);
        assert!((runs(1)[0].1 - 0.2).abs() < 1e-12);
    }
}
