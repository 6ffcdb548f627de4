//! How the taps of a convolution meet the places of a field: stride, dilation, and what falls over the edge.

use super::super::array::{Array, Atom};
use super::super::profile::Profile;
use super::super::view::View;

/// The taps along one dimension of the field, between a wide side (the input of a convolution) and a narrow one (its
/// output).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taps {
    pub(super) wide: u64,
    pub(super) narrow: u64,
    /// Number of taps.
    pub(super) count: u64,
    stride: u64,
    dilation: u64,
    before: i64,
    /// Σ over taps of the places at which it meets the field.
    met: f64,
    /// Σ over taps of the ordered pairs of such places.
    pairs: f64,
}

/// Terms that a place sums along one dimension: on average, shared by two places, and how they vary.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) agree: f64,
    pub(super) differ: f64,
    pub(super) profile: Option<Profile>,
}

/// The longest dimension whose places are told apart.
const LONGEST: u64 = 512;

/// Beyond this many taps their edges are taken to be alike.
const MOST: u64 = 1 << 12;

impl Taps {
    /// The taps of a convolution; `None` if it has no output.
    pub(super) fn new(wide: u64, narrow: u64, count: u64, stride: u64, dilation: u64, before: i64) -> Option<Taps> {
        if wide == 0 || narrow == 0 || count == 0 || stride == 0 {
            return None;
        }
        let (mut met, mut pairs) = (0.0, 0.0);
        for tap in 0..count.min(MOST) {
            // Places q of the narrow side with 0 ≤ q·stride + tap·dilation − before < wide.
            let shift = i128::from(tap) * i128::from(dilation) - i128::from(before);
            let (s, n) = (i128::from(stride), i128::from(narrow));
            let first = (-shift).max(0).div_euclid(s) + i128::from((-shift).max(0).rem_euclid(s) != 0);
            let last = (i128::from(wide) - 1 - shift).div_euclid(s).min(n - 1);
            let places = (last - first.max(0) + 1).clamp(0, n) as f64;
            met += places;
            pairs += places * (places - 1.0);
        }
        let all = count as f64 / count.min(MOST) as f64;
        Some(Taps { wide, narrow, count, stride, dilation, before, met: met * all, pairs: pairs * all })
    }

    /// Terms that a place of the narrow side sums: on average, and shared by two places.
    pub(super) fn into_narrow(self) -> (f64, f64) {
        shares(self.met, self.pairs, self.narrow)
    }

    /// The same for the wide side.
    pub(super) fn into_wide(self) -> (f64, f64) {
        shares(self.met, self.pairs, self.wide)
    }

    /// Where the taps of place `q` of the narrow side lie on the wide side.
    fn places(self, q: u64) -> impl Iterator<Item = usize> {
        let first = i128::from(q) * i128::from(self.stride) - i128::from(self.before);
        let place = move |tap: u64| first + i128::from(tap) * i128::from(self.dilation);
        (0..self.count.min(MOST))
            .filter_map(move |tap| usize::try_from(place(tap)).ok())
            .filter(move |&p| (p as u64) < self.wide)
    }

    /// What a place of the narrow side (or of the wide one) sums, place by place, of a signal that varies along the other.
    fn shares(self, own: Option<&Profile>, narrow: bool) -> Option<Vec<f64>> {
        let from = if narrow { self.wide } else { self.narrow };
        if self.wide.max(self.narrow) > LONGEST || self.count > LONGEST {
            return None;
        }
        let own = own
            .map_or(Some(vec![1.0; from as usize]), |own| own.list(LONGEST as usize))
            .filter(|l| l.len() == from as usize)?;
        let mut sums = vec![0.0; if narrow { self.narrow } else { self.wide } as usize];
        for q in 0..self.narrow {
            for p in self.places(q) {
                let (to, from) = if narrow { (q as usize, p) } else { (p, q as usize) };
                sums[to] += own[from];
            }
        }
        Some(sums)
    }

    /// Terms that a place sums on average, and how that varies from place to place.
    pub(super) fn share(self, own: Option<&Profile>, narrow: bool) -> Share {
        let (agree, differ) = if narrow { self.into_narrow() } else { self.into_wide() };
        match self.shares(own, narrow) {
            Some(sums) => {
                let (profile, agree) = Profile::new(sums.into_iter().map(|sum| (1, sum)));
                Share { agree, differ, profile }
            }
            None => Share { agree, differ, profile: None },
        }
    }

    /// The share of taps that meet the field.
    pub(super) fn inside(self) -> f64 {
        self.met / (self.count as f64 * self.narrow as f64)
    }
}

fn shares(met: f64, pairs: f64, places: u64) -> (f64, f64) {
    let n = places as f64;
    (met / n, if places > 1 { pairs / (n * (n - 1.0)) } else { 0.0 })
}

/// The taps of every dimension of the field; the sizes of the output follow from pads and strides.
pub(super) fn of_window(view: &View, field: &[u64], kernel: &[u64]) -> Option<Vec<Taps>> {
    let node = view.node;
    let rank = field.len();
    let each = |name: &str| -> Option<Vec<u64>> {
        match node.ints(name) {
            Some(list) if list.len() == rank => list.iter().map(|&n| u64::try_from(n).ok()).collect(),
            Some(_) => None,
            None => Some(vec![1; rank]),
        }
    };
    let (strides, dilations) = (each("strides")?, each("dilations")?);
    let pads = node.ints("pads").map_or_else(|| vec![0; 2 * rank], <[i64]>::to_vec);
    let automatic = node.text("auto_pad").unwrap_or("NOTSET");
    let ceil = node.int("ceil_mode").unwrap_or(0) != 0;
    if pads.len() != 2 * rank || kernel.len() != rank || strides.contains(&0) {
        return None;
    }
    (0..rank)
        .map(|d| {
            let extent = i128::from(kernel[d].checked_sub(1)?) * i128::from(dilations[d]) + 1;
            let (n, s) = (i128::from(field[d]), i128::from(strides[d]));
            let (before, narrow) = match automatic {
                "SAME_UPPER" | "SAME_LOWER" => {
                    let narrow = (n + s - 1) / s;
                    let total = ((narrow - 1) * s + extent - n).max(0);
                    (if automatic == "SAME_UPPER" { total / 2 } else { total - total / 2 }, narrow)
                }
                _ => {
                    let (before, after) =
                        if automatic == "VALID" { (0, 0) } else { (i128::from(pads[d]), i128::from(pads[d + rank])) };
                    let room = n + before + after - extent;
                    let steps = if ceil { (room + s - 1).div_euclid(s) } else { room.div_euclid(s) };
                    (before, steps + 1)
                }
            };
            let narrow = u64::try_from(narrow).ok()?;
            Taps::new(field[d], narrow, kernel[d], strides[d], dilations[d], i64::try_from(before).ok()?)
        })
        .collect()
}

/// Sums over channels and taps with fresh weights: the moments of `x` `[batch, channels, field…]` become those of a field
/// of `sizes` with `units` channels, `terms[d]` products for a place and shared by two places along dimension `d`.
pub(super) fn passed(
    x: &Array,
    units: u64,
    channels: f64,
    weight: (f64, f64),
    sizes: &[u64],
    terms: &[Share],
) -> Option<Array> {
    let (mean, square) = weight;
    let variance = (square - mean * mean).max(0.0);
    let x = (1..x.rank()).fold(x.clone(), |x, dim| x.flat(dim));
    let mut dims: Vec<Vec<Atom>> = vec![x.dims[0].clone()];
    let shape = std::iter::once(&units).chain(sizes);
    dims.extend(shape.map(|&n| super::super::array::atoms_of(n)));
    for (atoms, share) in dims.iter_mut().skip(2).zip(terms) {
        if let Some(atom) = atoms.first_mut() {
            atom.profile.clone_from(&share.profile);
        }
    }
    let atoms: usize = dims.iter().map(Vec::len).sum();
    if atoms > super::super::array::MOST_ATOMS || sizes.contains(&0) || units == 0 {
        return None;
    }
    let lead = dims[0].len();
    let channel = x.mask(&[1]);
    let total: f64 = terms.iter().map(|share| share.agree).product();
    let mut table = vec![0.0; 2 << atoms];
    for (set, moment) in table.iter_mut().enumerate() {
        // Bits of the output, dimension by dimension, and those of the input with which they go.
        let (mut bit, mut source, mut share) = (lead, set & ((1 << lead) - 1), 1.0);
        let own = units == 1 || set >> bit & 1 == 1;
        bit += usize::from(units > 1);
        for (d, &size) in sizes.iter().enumerate() {
            let agree = size == 1 || set >> bit & 1 == 1;
            bit += usize::from(size > 1);
            share *= if agree { terms[d].agree } else { terms[d].differ };
            source |= if agree { x.mask(&[d + 2]) } else { 0 };
        }
        source |= if set >> bit & 1 == 1 { x.draw() } else { 0 };
        if own {
            *moment = variance * channels * share * x.table[source | channel];
        }
        // What weights of one sign see of the common part of the field.
        let common = x.table[source & !channel & !x.mask(&(2..x.rank()).collect::<Vec<_>>())];
        let one = channels * total * x.table[source | channel];
        *moment += mean * mean * (one + (channels * total * channels * total - channels * total).max(0.0) * common);
    }
    Some(Array { dims, mean: mean * channels * total * x.mean, table, pair: None })
}

/// A field with other sizes, where whose places are met is all the same.
pub(super) fn resized(x: &Array, sizes: &[u64]) -> Option<Array> {
    let mut array = (1..x.rank()).fold(x.clone(), |x, dim| x.flat(dim));
    for (d, &size) in sizes.iter().enumerate() {
        let dim = d + 2;
        if array.size(dim) == size {
            continue;
        }
        if size == 1 {
            array = array.taken(dim, 1)?;
        } else if array.dims[dim].is_empty() {
            array = array.repeated(dim, &[Atom::new(size)])?;
        } else {
            let profile = array.dims[dim][0].profile.as_ref().and_then(|own| own.resampled(size));
            array.dims[dim] = vec![Atom { profile, ..Atom::new(size) }];
        }
    }
    Some(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_take_their_share() {
        // 4 places, 3 taps, padding 1: the outer taps miss one place each.
        let taps = Taps::new(4, 4, 3, 1, 1, 1).unwrap();
        assert_eq!(taps.met, 10.0);
        assert_eq!(taps.into_narrow(), (2.5, (12.0 + 6.0 + 6.0) / 12.0));
        // One place: only the centre tap meets it.
        assert_eq!(Taps::new(1, 1, 3, 1, 1, 1).unwrap().into_narrow().0, 1.0);
        // Stride 2 without padding: every tap meets every second place.
        let half = Taps::new(8, 4, 2, 2, 1, 0).unwrap();
        assert_eq!((half.into_narrow().0, half.into_wide().0), (2.0, 1.0));
        assert!(Taps::new(4, 0, 3, 1, 1, 0).is_none());
    }

    #[test]
    fn a_field_passes_with_its_correlations() {
        let mut x = Array::independent(&[2, 5, 4], 0.0, 1.0).unwrap();
        for (set, k) in x.table.iter_mut().enumerate().filter(|(set, _)| set & 3 == 3 && set & 4 == 0) {
            *k = if set >= 8 { 0.25 } else { *k };
        }
        let y = passed(&x, 3, 5.0, (0.0, 0.1), &[4], &[Share { agree: 2.5, differ: 2.0, profile: None }]).unwrap();
        assert_eq!(y.shape(), [2, 3, 4]);
        assert!((y.second() - 5.0 * 0.1 * 2.5).abs() < 1e-15);
        let places = y.full() & !y.mask(&[2]);
        assert!((y.table[places] - 5.0 * 0.1 * 2.0 * 0.25).abs() < 1e-15);
        assert_eq!(y.table[y.full() & !y.mask(&[1])], 0.0);
    }
}
