//! Elements by their places: lists of flat positions that indices stand for, read and written in the order of the list.

use crate::element::{Element, Float, Number};
use crate::error::mismatch;
use crate::parallel::build;
use crate::shape::{self, strides};
use crate::tensor::Tensor;
use fanin::Refusal;

/// An index below `size`; negative ones count from the end.
pub(crate) fn position(index: i64, size: usize) -> Result<usize, Refusal> {
    let at = if index < 0 { index.saturating_add(size as i64) } else { index };
    usize::try_from(at).ok().filter(|&at| at < size).ok_or_else(|| {
        mismatch(format!("the index {index} is looked up among {size}"), format!("−{size} to {}", size as i64 - 1))
    })
}

/// Places in a tensor of shape `whole` for each index along an axis: all other dimensions of the index stay.
pub(crate) fn along(indices: &Tensor, whole: &[usize], axis: i64) -> Result<Vec<usize>, Refusal> {
    let own = indices.shape();
    let axis = shape::axis(axis, whole.len())?;
    let fits = own.len() == whole.len() && (0..own.len()).all(|i| i == axis || own[i] <= whole[i]);
    if !fits {
        let wrong = format!("indices of shape {own:?} point into {whole:?}");
        return Err(mismatch(wrong, "as many dimensions, none larger but the one along which they point"));
    }
    let (steps, mut at) = (strides(whole), vec![0usize; own.len()]);
    let mut places = Vec::with_capacity(indices.len());
    for index in indices.ints()? {
        let place = |(i, &at): (usize, &usize)| if i == axis { 0 } else { at * steps[i] };
        let base: usize = at.iter().enumerate().map(place).sum();
        places.push(base + position(index, whole[axis])? * steps[axis]);
        advance(&mut at, own);
    }
    Ok(places)
}

/// The next index of a shape, in row-major order.
fn advance(at: &mut [usize], shape: &[usize]) {
    for (at, &size) in at.iter_mut().zip(shape).rev() {
        *at += 1;
        if *at < size {
            return;
        }
        *at = 0;
    }
}

/// Tuples of indices: the last dimension of `indices` points into the dimensions of `whole` behind the first `batch`.
///
/// The places are those of the first element of each block; a block is what the tuple leaves of the dimensions.
pub(crate) fn tuples(indices: &Tensor, whole: &[usize], batch: usize) -> Result<(Vec<usize>, usize), Refusal> {
    let own = indices.shape();
    let Some((&depth, lead)) = own.split_last() else {
        return Err(mismatch("the indices are a single number", "a last dimension that holds one tuple each"));
    };
    if batch > lead.len() || batch + depth > whole.len() || own[..batch] != whole[..batch] {
        let wrong = format!("indices of shape {own:?} point into {whole:?} behind {batch} dimensions");
        return Err(mismatch(wrong, "equal sizes before, and tuples no longer than what is left"));
    }
    let steps = strides(whole);
    let block: usize = whole[batch + depth..].iter().product();
    let batches: usize = whole[..batch].iter().product();
    let count: usize = lead.iter().product();
    let (values, size) = (indices.ints()?, whole[batch..].iter().product::<usize>());
    let mut places = Vec::with_capacity(count);
    for tuple in 0..count {
        let mut place = tuple / (count / batches.max(1)).max(1) * size;
        for (i, &index) in values[tuple * depth..][..depth].iter().enumerate() {
            place += position(index, whole[batch + i])? * steps[batch + i];
        }
        places.push(place);
    }
    Ok((places, block))
}

/// The places of all elements of blocks.
pub(crate) fn spread(places: &[usize], block: usize) -> Vec<usize> {
    places.iter().flat_map(|&place| place..place + block).collect()
}

/// What stands at the places.
pub(crate) fn take<T: Element>(x: &[T], places: &[usize]) -> Vec<T> {
    build(places.len(), &|start, out| {
        out.iter_mut().zip(&places[start..]).for_each(|(out, &place)| *out = x[place]);
    })
}

/// Zeros with `g` added at the places, in their order.
pub(crate) fn give_back<T: Float>(g: &[T], places: &[usize], len: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; len];
    places.iter().zip(g).for_each(|(&place, &g)| out[place] += g);
    out
}

/// How a new element meets the one at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// It takes its place; of several, the last.
    Replace,
    /// The sum.
    Add,
    /// The product.
    Mul,
    /// The larger.
    Max,
    /// The smaller.
    Min,
}

impl Reduction {
    /// By its name in files.
    pub(crate) fn named(name: &str) -> Option<Reduction> {
        Some(match name {
            "none" => Reduction::Replace,
            "add" => Reduction::Add,
            "mul" => Reduction::Mul,
            "max" => Reduction::Max,
            "min" => Reduction::Min,
            _ => return None,
        })
    }

    /// Whether a new element displaces the one before it.
    fn displaces<T: Number>(self, new: T, old: T) -> bool {
        match self {
            Reduction::Max => new > old || new.is_nan() && !old.is_nan(),
            Reduction::Min => new < old || new.is_nan() && !old.is_nan(),
            _ => true,
        }
    }

    /// `x` after all updates.
    pub(crate) fn scatter<T: Number>(self, x: &[T], places: &[usize], updates: &[T]) -> Vec<T> {
        let mut out = x.to_vec();
        for (&place, &new) in places.iter().zip(updates) {
            let old = out[place];
            out[place] = match self {
                Reduction::Add => old.plus(new),
                Reduction::Mul => old.times(new),
                _ if self.displaces(new, old) => new,
                _ => old,
            };
        }
        out
    }

    /// Gradients of `x` and of the updates.
    pub(crate) fn gradients<T: Float>(self, g: &[T], x: &[T], places: &[usize], updates: &[T]) -> [Vec<T>; 2] {
        match self {
            Reduction::Add => [g.to_vec(), take(g, places)],
            Reduction::Mul => Self::of_products(g, x, places, updates),
            _ => {
                // Who stands at each place in the end.
                let (mut standing, mut owner) = (x.to_vec(), vec![usize::MAX; x.len()]);
                for (i, (&place, &new)) in places.iter().zip(updates).enumerate() {
                    if self.displaces(new, standing[place]) {
                        (standing[place], owner[place]) = (new, i);
                    }
                }
                let own = g.iter().zip(&owner).map(|(&g, &owner)| if owner == usize::MAX { g } else { T::ZERO });
                let of = |(i, &place): (usize, &usize)| if owner[place] == i { g[place] } else { T::ZERO };
                [own.collect(), places.iter().enumerate().map(of).collect()]
            }
        }
    }

    /// Of a product, each factor's gradient is the product of the others.
    fn of_products<T: Float>(g: &[T], x: &[T], places: &[usize], updates: &[T]) -> [Vec<T>; 2] {
        let mut before = x.to_vec();
        let mut own: Vec<T> = Vec::with_capacity(places.len());
        for (&place, &factor) in places.iter().zip(updates) {
            own.push(before[place]);
            before[place] = before[place] * factor;
        }
        let mut behind = g.to_vec();
        for (i, (&place, &factor)) in places.iter().zip(updates).enumerate().rev() {
            own[i] = own[i] * behind[place];
            behind[place] = behind[place] * factor;
        }
        [behind, own]
    }
}
