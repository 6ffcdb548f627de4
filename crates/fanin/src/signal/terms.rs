//! Gradients on their way back: independent factors times functions of the signal they pass.

use super::array::Array;
use super::contract::product;
use super::mixture::Mixture;
use super::program::{Join, Program};
use super::series::Store;
use std::rc::Rc;

/// A part of the gradient of a value that is a function of some root: γ · factor(root), with γ independent of the root.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) gamma: Rc<Array>,
    /// Which γ: parts with one γ add up before they are squared.
    pub(super) id: usize,
    pub(super) factor: Program,
}

/// What an element-wise node hands back to an input.
#[derive(Debug)]
pub(super) enum Back {
    /// Parts of the gradient, as functions of the input's own root.
    Terms(Vec<Term>),
    /// A gradient on its own.
    Fresh(Array),
}

/// The moments of the whole gradient; `root` are those of the signal that the factors are functions of, `law` how its elements
/// are distributed if not normally.
pub(super) fn total(terms: &[Term], root: &Array, law: Option<&Mixture>, store: &Store) -> Option<Array> {
    let mut seen: Vec<usize> = Vec::new();
    let mut sum: Option<Array> = None;
    for term in terms {
        if seen.contains(&term.id) {
            continue;
        }
        seen.push(term.id);
        let same = terms.iter().filter(|other| other.id == term.id);
        let factor = same.skip(1).try_fold(term.factor.clone(), |sum, next| sum.join(Join::Add, &next.factor))?;
        let part = match factor.constant() {
            Some(1.0) => (*term.gamma).clone(),
            Some(value) => term.gamma.affine(value, 0.0),
            None => slope(&term.gamma, &store.image_of(root, law, &factor))?,
        };
        sum = Some(match sum {
            None => part,
            Some(sum) => {
                let (sum, part) = sum.aligned(&part)?;
                sum.plus(&part)?
            }
        });
    }
    sum
}

/// γ times the image of a slope, with the pairs that mirrored weights make of both.
fn slope(gamma: &Array, image: &Array) -> Option<Array> {
    let mut array = product(gamma, image)?;
    let axis = |array: &Array| array.atoms().map(|atom| (atom.size, atom.mirrored)).collect::<Vec<_>>();
    if let (Some(a), Some(b)) = (&gamma.pair, &image.pair)
        && axis(gamma) == axis(image)
        && gamma.dims.len() == image.dims.len()
    {
        array.pair = Some(a.iter().zip(b).map(|(a, b)| a * b).collect());
        for (own, theirs) in array.dims.iter_mut().flatten().zip(gamma.atoms()) {
            own.mirrored = theirs.mirrored;
        }
    }
    Some(array)
}

/// A gradient summed over the dimensions along which the input was repeated.
pub(super) fn reduced(gradient: &Array, to: &Array) -> Option<Array> {
    let lead = gradient.rank().checked_sub(to.rank())?;
    let wide: Vec<usize> =
        (0..gradient.rank()).filter(|&dim| dim < lead || to.size(dim - lead) == 1 && gradient.size(dim) > 1).collect();
    let mut sum = if wide.is_empty() { gradient.clone() } else { gradient.summed(&wide) };
    sum.dims.drain(..lead);
    (sum.shape() == to.shape()).then_some(sum)
}
