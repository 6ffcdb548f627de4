//! [`Profile`]: how the second moment varies along an axis whose indices are alike but for their scale: blocks of a fused
//! weight, places near an edge, a class token beside patches, queries that see few keys.

use crate::numerics::powf;
use std::sync::Arc;

/// The most runs of equal factors that are kept apart.
const MOST: usize = 512;
/// Factors closer than this, relative to the mean, are one run.
const ALIKE: f64 = 1e-3;

/// Factors of the second moment along an axis, in runs of equal ones, with mean 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile(Arc<[(u64, f64)]>);

impl Profile {
    /// The profile of these runs and their mean; no profile if they are all alike, too many, or none that is positive.
    pub(super) fn new(runs: impl IntoIterator<Item = (u64, f64)>) -> (Option<Profile>, f64) {
        let mut merged: Vec<(u64, f64)> = Vec::new();
        let (mut sum, mut count) = (0.0, 0.0);
        for (len, factor) in runs.into_iter().filter(|(len, _)| *len > 0) {
            sum += len as f64 * factor;
            count += len as f64;
            match merged.last_mut() {
                Some(last) if (last.1 - factor).abs() <= ALIKE * last.1.abs().max(factor.abs()) => last.0 += len,
                _ => merged.push((len, factor)),
            }
        }
        let mean = if count > 0.0 { sum / count } else { 1.0 };
        if merged.len() < 2 || merged.len() > MOST || !mean.is_finite() || mean <= 0.0 {
            return (None, mean);
        }
        (Some(Profile(merged.into_iter().map(|(len, factor)| (len, factor / mean)).collect())), mean)
    }

    /// Its runs.
    pub(super) fn runs(&self) -> &[(u64, f64)] {
        &self.0
    }

    fn size(&self) -> u64 {
        self.0.iter().map(|(len, _)| len).sum()
    }

    /// Runs over which both are constant.
    fn zip(a: &Profile, b: &Profile) -> Vec<(u64, f64, f64)> {
        let (mut a, mut b) = (a.0.iter().copied(), b.0.iter().copied());
        let (mut left, mut right) = (a.next(), b.next());
        let mut runs = Vec::new();
        while let (Some((m, f)), Some((n, g))) = (left, right) {
            let len = m.min(n);
            runs.push((len, f, g));
            left = if m > len { Some((m - len, f)) } else { a.next() };
            right = if n > len { Some((n - len, g)) } else { b.next() };
        }
        runs
    }

    /// The product of two, and its mean.
    pub(super) fn product(a: Option<&Profile>, b: Option<&Profile>) -> (Option<Profile>, f64) {
        match (a, b) {
            (Some(a), Some(b)) if a.size() == b.size() => {
                Profile::new(Profile::zip(a, b).into_iter().map(|(len, f, g)| (len, f * g)))
            }
            (Some(one), None) | (None, Some(one)) => (Some(one.clone()), 1.0),
            _ => (None, 1.0),
        }
    }

    /// The profile of a sum of signals with these second moments.
    pub(super) fn sum(a: Option<&Profile>, b: Option<&Profile>, size: u64, weights: (f64, f64)) -> Option<Profile> {
        if a.is_none() && b.is_none() {
            return None;
        }
        let flat = Profile([(size, 1.0)].into());
        let (a, b) = (a.unwrap_or(&flat), b.unwrap_or(&flat));
        if a.size() != b.size() {
            return None;
        }
        Profile::new(Profile::zip(a, b).into_iter().map(|(len, f, g)| (len, weights.0 * f + weights.1 * g))).0
    }

    /// Every factor to a power, and the mean of that.
    pub(super) fn power(&self, p: f64) -> (Option<Profile>, f64) {
        if p == 0.0 {
            return (None, 1.0);
        }
        let raise = |f: f64| if p == 1.0 { f } else { powf(f.max(1e-12), p) };
        Profile::new(self.0.iter().map(|&(len, f)| (len, raise(f))))
    }

    /// The indices from `start`, and their mean factor.
    pub(super) fn block(&self, start: u64, count: u64) -> (Option<Profile>, f64) {
        let (mut at, mut runs) = (0u64, Vec::new());
        for &(len, factor) in self.0.iter() {
            let end = at.saturating_add(len);
            let overlap = end.min(start.saturating_add(count)).saturating_sub(at.max(start));
            runs.push((overlap, factor));
            at = end;
        }
        Profile::new(runs)
    }

    /// The same indices among `total`, all others of which are 0.
    pub(super) fn embedded(own: Option<&Profile>, start: u64, count: u64, total: u64) -> Option<Profile> {
        let after = total.checked_sub(start.checked_add(count)?)?;
        let flat = [(count, 1.0)];
        let inner = own.map_or(&flat[..], Profile::runs);
        Profile::new([(start, 0.0)].into_iter().chain(inner.iter().copied()).chain([(after, 0.0)])).0
    }

    /// Profiles of an outer and an inner axis as that of their product.
    pub(super) fn fused(outer: Option<&Profile>, inner: Option<&Profile>, sizes: (u64, u64)) -> Option<Profile> {
        match (outer, inner) {
            (None, None) => None,
            (Some(outer), None) => Profile::new(outer.0.iter().map(|&(len, f)| (len.saturating_mul(sizes.1), f))).0,
            (outer, Some(inner)) => {
                let flat = [(sizes.0, 1.0)];
                let outer = outer.map_or(&flat[..], Profile::runs);
                if sizes.0 > MOST as u64 {
                    return None;
                }
                let repeats = outer.iter().flat_map(|&(len, f)| std::iter::repeat_n(f, len as usize));
                Profile::new(repeats.flat_map(|f| inner.0.iter().map(move |&(len, g)| (len, f * g)))).0
            }
        }
    }

    /// The profiles of an outer and an inner axis that this axis is cut into: means over the other one.
    pub(super) fn split(&self, outer: u64, inner: u64) -> (Option<Profile>, Option<Profile>) {
        if outer > MOST as u64 && self.0.iter().any(|(len, _)| !len.is_multiple_of(inner)) {
            return (None, None);
        }
        if self.0.iter().all(|(len, _)| len.is_multiple_of(inner)) {
            return (Profile::new(self.0.iter().map(|&(len, f)| (len / inner, f))).0, None);
        }
        let rows: Vec<(Option<Profile>, f64)> = (0..outer).map(|i| self.block(i * inner, inner)).collect();
        let above = Profile::new(rows.iter().map(|(_, mean)| (1, *mean))).0;
        let same = rows.windows(2).all(|pair| pair[0].0 == pair[1].0);
        (above, rows.first().and_then(|(row, _)| row.clone()).filter(|_| same))
    }

    /// The factors one by one, if they are few.
    pub(super) fn list(&self, most: usize) -> Option<Vec<f64>> {
        (self.size() <= most as u64)
            .then(|| self.0.iter().flat_map(|&(len, f)| std::iter::repeat_n(f, len as usize)).collect())
    }

    /// The profile along as many as `count` indices of the same extent.
    pub(super) fn resampled(&self, count: u64) -> Option<Profile> {
        let size = self.size() as f64;
        let step = size / count as f64;
        if count > MOST as u64 {
            return None;
        }
        let mean = |i: u64| {
            let (from, to) = (i as f64 * step, (i + 1) as f64 * step);
            let (mut at, mut sum) = (0.0, 0.0);
            for &(len, factor) in self.0.iter() {
                let end: f64 = at + len as f64;
                sum += (end.min(to) - at.max(from)).max(0.0) * factor;
                at = end;
            }
            sum / step
        };
        Profile::new((0..count).map(|i| (1, mean(i)))).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(runs: &[(u64, f64)]) -> Profile {
        Profile::new(runs.iter().copied()).0.unwrap()
    }

    #[test]
    fn the_mean_is_taken_out() {
        let (own, mean) = Profile::new([(1, 3.0), (2, 0.0), (1, 1.0)]);
        assert_eq!((own.unwrap().runs(), mean), (&[(1, 3.0), (2, 0.0), (1, 1.0)][..], 1.0));
        assert_eq!(Profile::new([(3, 2.0), (4, 2.0)]), (None, 2.0));
    }

    #[test]
    fn products_meet_run_by_run() {
        let (a, b) = (profile(&[(2, 2.0), (2, 0.0)]), profile(&[(1, 2.0), (3, 2.0 / 3.0)]));
        let (product, mean) = Profile::product(Some(&a), Some(&b));
        assert!((mean - (4.0 + 4.0 / 3.0) / 4.0).abs() < 1e-12);
        assert_eq!(product.unwrap().runs().len(), 3);
    }

    #[test]
    fn blocks_and_what_they_lie_in() {
        let own = profile(&[(1, 4.0), (3, 0.0)]);
        assert_eq!(own.block(0, 2).1, 2.0);
        assert_eq!(own.block(1, 3), (None, 0.0));
        let back = Profile::embedded(None, 2, 1, 4).unwrap();
        assert_eq!(back.runs(), [(2, 0.0), (1, 4.0), (1, 0.0)]);
    }

    #[test]
    fn cuts_and_joins() {
        let own = profile(&[(1, 2.0), (1, 0.0), (1, 2.0), (1, 0.0)]);
        let (outer, inner) = own.split(2, 2);
        assert_eq!((outer, inner.clone().unwrap().runs().to_vec()), (None, vec![(1, 2.0), (1, 0.0)]));
        assert_eq!(Profile::fused(None, inner.as_ref(), (2, 2)).unwrap(), own);
        assert_eq!(own.resampled(2), None);
        assert_eq!(profile(&[(2, 2.0), (2, 0.0)]).resampled(2).unwrap().runs(), [(1, 2.0), (1, 0.0)]);
    }
}
