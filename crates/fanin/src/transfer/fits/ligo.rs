//! Deeper models whose blocks are made of the source's in other ways than by stacking.
//!
//! Source: Wang et al. 2023, arXiv:2303.00980 (LiGO): block i of the larger model is a sum of the source's blocks with weights
//! that the paper learns in a hundred steps. Here they are what it starts from: each block follows its place on the way
//! from first to last, either the nearest block (interpolation, Chang et al. 2018, arXiv:1710.10348), or the two it lies
//! between, in proportion. Its growth in width is that of `net2net`.

use crate::fit::{Map, Step};

/// The source's block that block `i` of `to` is, where each of `from` is repeated in its place.
pub(in super::super) fn nearest(i: u64, from: u64, to: u64) -> u64 {
    (u128::from(i) * u128::from(from) / u128::from(to.max(1))) as u64
}

/// The two blocks of the source that block `i` of `to` lies between, and how much of the second it is.
pub(in super::super) fn between(i: u64, from: u64, to: u64) -> (u64, u64, f64) {
    if to < 2 || from < 2 {
        return (0, 0, 0.0);
    }
    let at = i * (from - 1);
    let low = at / (to - 1);
    let part = (at % (to - 1)) as f64 / (to - 1) as f64;
    (low, (low + 1).min(from - 1), part)
}

/// The steps that mix two tensors of one shape.
pub(in super::super) fn mixed(shape: &[u64], part: f64) -> Option<Vec<Step>> {
    let (&first, rest) = shape.split_first()?;
    let apart: Vec<u64> = [2, first].iter().chain(rest).copied().collect();
    Some(vec![
        Step::Join { axis: 0 },
        Step::Reshape { shape: apart },
        Step::Along { axis: 0, map: Map::Mix { factors: vec![1.0 - part, part] } },
        Step::Reshape { shape: shape.to_vec() },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_their_place() {
        let all = |from, to| (0..to).map(|i| nearest(i, from, to)).collect::<Vec<_>>();
        assert_eq!(all(2, 4), [0, 0, 1, 1]);
        assert_eq!(all(3, 4), [0, 0, 1, 2]);
        let all = |from, to| (0..to).map(|i| between(i, from, to)).collect::<Vec<_>>();
        assert_eq!(all(2, 3), [(0, 1, 0.0), (0, 1, 0.5), (1, 1, 0.0)]);
        assert_eq!(all(3, 3), [(0, 1, 0.0), (1, 2, 0.0), (2, 2, 0.0)]);
        assert_eq!(all(1, 2), [(0, 0, 0.0), (0, 0, 0.0)]);
    }
}
