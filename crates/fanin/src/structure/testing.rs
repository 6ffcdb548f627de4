//! What the tests of all structures share.

use crate::law::Structure;
use crate::region::Region;
use crate::stream::Stream;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::ops::Range;

/// A structure that knows the shape it was built for.
pub(super) trait Shaped: Structure {
    fn shape(&self) -> &[u64];
}

macro_rules! shaped {
    ($($law:ty: $layout:ident $(. $inner:ident)?),+) => {$(
        impl Shaped for $law {
            fn shape(&self) -> &[u64] {
                self.$layout $(. $inner)?.shape()
            }
        }
    )+};
}
shaped!(
    super::Orthogonal: layout,
    super::DeltaOrthogonal: kernel.layout,
    super::Mirrored: kernel.layout,
    super::Identity: kernel.layout,
    super::Dirac: kernel.layout,
    super::Sparse: layout,
    super::Sinusoidal: layout,
    super::Formula: layout,
    super::ZeroRow: layout,
    super::Packed: layout,
    super::ConvolutionOrthogonal: kernel.layout
);

/// All values of a law, for one stream.
pub(super) fn whole(law: &impl Shaped) -> Vec<f32> {
    whole_of(law, Stream::new(9, "weight"))
}

pub(super) fn whole_of(law: &(impl Shaped + ?Sized), stream: Stream) -> Vec<f32> {
    let mut out = vec![f32::NAN; law.shape().iter().product::<u64>() as usize];
    law.prepare(stream).fill(&Region::All, &mut out);
    out
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Mean squared deviation from the mean.
pub(super) fn spread(values: &[f32]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / n;
    values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n
}

/// The largest element of `QᵀQ − I` (of `QQᵀ − I` for a wide matrix).
pub(super) fn defect(q: &[f32], rows: usize, cols: usize) -> f64 {
    let n = rows.min(cols);
    let at = |i: usize, k: usize| f64::from(if rows >= cols { q[i * cols + k] } else { q[k * cols + i] });
    let mut worst = 0.0f64;
    for a in 0..n {
        for b in 0..=a {
            let dot: f64 = (0..rows.max(cols)).map(|i| at(i, a) * at(i, b)).sum();
            worst = worst.max((dot - f64::from(u8::from(a == b))).abs());
        }
    }
    worst
}

fn ranges(size: u64) -> impl Strategy<Value = Vec<Range<u64>>> {
    proptest::collection::btree_set(0..=size, 0..6).prop_map(|cuts| {
        let cuts: Vec<u64> = cuts.into_iter().collect();
        cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
    })
}

/// Random boxes, strided shards and flat ranges have the bits that they have in the whole.
pub(super) fn regions_agree(law: &impl Shaped) {
    let (stream, shape) = (Stream::new(9, "weight"), law.shape());
    let expected = whole_of(law, stream);
    let prepared = law.prepare(stream);
    let total = expected.len() as u64;
    let dims: Vec<_> = shape.iter().map(|&d| ranges(d)).collect();
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let check = TestRunner::new(config).run(&(dims, 0..=total, 0..=total), |(dims, a, b)| {
        for region in [Region::ranges(dims), Region::Flat(a.min(b)..a.max(b))] {
            let mut part = vec![f32::NAN; region.len(shape) as usize];
            prepared.fill(&region, &mut part);
            let wanted: Vec<f32> = region.runs(shape).unwrap().flatten().map(|flat| expected[flat as usize]).collect();
            prop_assert_eq!(bits(&part), bits(&wanted), "{:?}", region);
        }
        Ok(())
    });
    check.unwrap();
}
