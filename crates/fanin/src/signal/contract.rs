//! Products of independent arrays, summed over shared dimensions: what matrix products, convolutions, attention and
//! their gradients have in common.

use super::array::{Array, Atom, MOST_ATOMS};
use super::profile::Profile;
use super::regroup::alike;

/// One axis of a contraction: its place in either operand and its size.
struct Wire {
    size: f64,
    /// Mean of the product of both operands' profiles.
    even: f64,
    a: Option<usize>,
    b: Option<usize>,
}

/// Σ a·b over the labels that the result lacks, for arrays that are independent of each other.
///
/// # Formula
/// E\[y y′\] = Σ over the ways in which two terms agree on the summed axes: Π n (agree) or n(n − 1) (differ) times
/// E\[a a′\] E\[b b′\].
pub(super) fn contract(a: (&Array, &[u8]), b: (&Array, &[u8]), out: &[u8]) -> Option<Array> {
    // More axes than are kept apart: windows within windows. Then each dimension is one axis again.
    let flat = |array: &Array| (0..array.rank()).fold(array.clone(), |array, dim| array.flat(dim));
    exactly(a, b, out).or_else(|| exactly((&flat(a.0), a.1), (&flat(b.0), b.1), out))
}

fn exactly(a: (&Array, &[u8]), b: (&Array, &[u8]), out: &[u8]) -> Option<Array> {
    let (mut left, mut right) = (a.0.clone(), b.0.clone());
    for (i, label) in a.1.iter().enumerate() {
        if let Some(j) = b.1.iter().position(|other| other == label) {
            match (left.size(i), right.size(j)) {
                (m, n) if m == n => (left, right) = alike(&left, i, &right, j)?,
                (1, _) | (_, 1) => {}
                _ => return None,
            }
        }
    }
    let (kept, dims) = wires(&left, a.1, &right, b.1, out)?;
    let labels: Vec<u8> = {
        let mut all: Vec<u8> = a.1.iter().chain(b.1).copied().filter(|label| !out.contains(label)).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (summed, _) = wires(&left, a.1, &right, b.1, &labels)?;
    if kept.len() > MOST_ATOMS || summed.len() > MOST_ATOMS {
        return None;
    }
    let places = |wires: &[Wire], set: usize| {
        let (mut a, mut b) = (0, 0);
        for (_, wire) in wires.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1) {
            a |= wire.a.map_or(0, |bit| 1 << bit);
            b |= wire.b.map_or(0, |bit| 1 << bit);
        }
        (a, b)
    };
    let terms: Vec<(usize, usize, f64)> = (0..1usize << summed.len())
        .map(|set| {
            let weigh = |(i, wire): (usize, &Wire)| {
                if set >> i & 1 == 1 { wire.size * wire.even } else { wire.size * (wire.size - 1.0) }
            };
            let (a, b) = places(&summed, set);
            (a, b, summed.iter().enumerate().map(weigh).product())
        })
        .collect();
    let moment = |set: usize| {
        let (mut own, mut theirs) = places(&kept, set);
        if set >> kept.len() == 1 {
            own |= left.draw();
            theirs |= right.draw();
        }
        let sum: f64 = terms.iter().map(|&(a, b, weight)| weight * left.table[own | a] * right.table[theirs | b]).sum();
        let even: f64 = kept.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, wire)| wire.even).product();
        sum * even
    };
    let count: f64 = summed.iter().map(|wire| wire.size).product();
    let table = (0..2usize << kept.len()).map(moment).collect();
    Some(Array { dims, mean: count * left.mean * right.mean, table, pair: None })
}

/// The axes of the dimensions that `labels` name, and what these dimensions are.
fn wires(a: &Array, la: &[u8], b: &Array, lb: &[u8], labels: &[u8]) -> Option<(Vec<Wire>, Vec<Vec<Atom>>)> {
    let (mut wires, mut dims) = (Vec::new(), Vec::new());
    for label in labels {
        let own = la.iter().position(|other| other == label);
        let theirs = lb.iter().position(|other| other == label);
        let (first, len) = own.map_or((0, 0), |dim| a.place(dim));
        let (second, other) = theirs.map_or((0, 0), |dim| b.place(dim));
        let mut atoms = Vec::new();
        for i in 0..len.max(other) {
            let mine = own.filter(|_| i < len).map(|dim| &a.dims[dim][i]);
            let yours = theirs.filter(|_| i < other).map(|dim| &b.dims[dim][i]);
            let atom = mine.or(yours)?;
            let (profile, even) =
                Profile::product(mine.and_then(|a| a.profile.as_ref()), yours.and_then(|a| a.profile.as_ref()));
            atoms.push(Atom { mirrored: false, profile, ..atom.clone() });
            let place = |first: usize, own: Option<&Atom>| own.map(|_| first + i);
            wires.push(Wire { size: atom.size as f64, even, a: place(first, mine), b: place(second, yours) });
        }
        dims.push(atoms);
    }
    Some((wires, dims))
}

/// The element-wise product of two independent arrays.
pub(super) fn product(a: &Array, b: &Array) -> Option<Array> {
    let (a, b) = a.aligned(b)?;
    let labels: Vec<u8> = (0..u8::try_from(a.rank()).ok()?).collect();
    contract((&a, &labels), (&b, &labels), &labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_product_with_independent_weights() {
        let mut x = Array::independent(&[3, 5], 0.0, 1.0).unwrap();
        x.table = vec![0.1, 0.1, 0.6, 0.6, 0.3, 0.5, 0.7, 1.0];
        let w = Array::independent(&[5, 4], 0.0, 0.2).unwrap();
        let y = contract((&x, &[0, 1]), (&w, &[1, 2]), &[0, 2]).unwrap();
        // Units differ: nothing in common. One unit, two samples: 5 · 0.2 · E[x x′].
        assert_eq!(y.shape(), [3, 4]);
        let expected = [0.0, 0.0, 0.6, 0.6, 0.0, 0.0, 0.7, 1.0];
        assert!(y.table.iter().zip(expected).all(|(k, e)| (k - e).abs() < 1e-15), "{:?}", y.table);
        assert!((y.correlation() - 0.6).abs() < 1e-15);
    }

    #[test]
    fn weights_with_a_mean_see_the_sum() {
        let x = Array::independent(&[5], 2.0, 1.0).unwrap();
        let w = Array::constant(&[5], 3.0).unwrap();
        let y = contract((&x, &[0]), (&w, &[0]), &[]).unwrap();
        // The sum of 5 numbers of mean 2 and variance 1, times 3.
        assert_eq!((y.mean, y.second()), (30.0, 900.0 + 45.0));
    }

    #[test]
    fn products_broadcast() {
        let x = Array::independent(&[3, 5], 1.0, 1.0).unwrap();
        let gate = Array::independent(&[5], 0.5, 0.25).unwrap();
        let y = product(&x, &gate).unwrap();
        assert_eq!((y.mean, y.second(), y.table[6], y.table[4]), (0.5, 1.0, 0.5, 0.25));
    }
}
