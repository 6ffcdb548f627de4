//! Values are a pure function: any region, any number of threads, fused or apart, the same bits.

use fanin::generate::{Filler, fill};
use fanin::plan::{Adjust, Mix, Options, Reason, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Decision, Dtype, Param, Plan, Recipe, Region, Role};
use proptest::prelude::*;
use std::ops::Range;

/// Laws of independent values and laws of whole tensors.
const CALLS: [&str; 7] = ["he", "truncated", "glorot(draw=uniform)", "sinusoidal", "orthogonal", "mirrored", "sparse"];

fn planned(params: &[Param], call: &str) -> Plan {
    let options = Options { seed: 11, sets: vec![Rule::set(&format!("*={call}")).unwrap()], ..Options::default() };
    plan(params, &Recipe::named("zero").unwrap(), &options).unwrap()
}

fn weight(name: &str, shape: &[u64], dtype: Dtype) -> Param {
    Param::new(name, shape, dtype, Role::Weight, Axes::linear())
}

fn bytes(decision: &Decision, seed: u64, region: &Region) -> Vec<u8> {
    let size = decision.dtype.size().unwrap();
    let mut out = vec![0xa5; region.len(&decision.param.shape) as usize * size];
    fill(decision, seed, region, &mut out).unwrap();
    out
}

/// The elements of `region`, picked out of the whole.
fn picked(whole: &[u8], shape: &[u64], size: usize, region: &Region) -> Vec<u8> {
    let runs = region.runs(shape).unwrap();
    runs.flat_map(|run| whole[run.start as usize * size..run.end as usize * size].to_vec()).collect()
}

fn ranges(size: u64) -> impl Strategy<Value = Vec<Range<u64>>> {
    proptest::collection::btree_set(0..=size, 2..8).prop_map(|cuts| {
        let cuts: Vec<u64> = cuts.into_iter().collect();
        cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_region_has_the_bits_of_the_whole(rows in ranges(36), columns in ranges(50), from in 0u64..1800, len in 0u64..900) {
        let shape = [36, 50];
        for call in CALLS {
            for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
                let plan = planned(&[weight("w", &shape, dtype)], call);
                let decision = &plan.decisions[0];
                let whole = bytes(decision, 11, &Region::All);
                let flat = Region::Flat(from..(from + len).min(1800));
                for region in [Region::ranges(vec![rows.clone(), columns.clone()]), flat] {
                    let expected = picked(&whole, &shape, dtype.size().unwrap(), &region);
                    prop_assert!(bytes(decision, 11, &region) == expected, "{} {} {:?}", call, dtype, region);
                }
            }
        }
    }
}

#[test]
fn threads_and_strided_shards_change_nothing() {
    // More than one task of independent values, and more than one block of a structure.
    let shape = [700, 300];
    for call in CALLS {
        let plan = planned(&[weight("w", &shape, Dtype::F32)], call);
        let decision = &plan.decisions[0];
        let whole = bytes(decision, 11, &Region::All);
        let laws = decision.laws().unwrap().unwrap();
        let mut at_once = vec![0; whole.len()];
        Filler::new(&laws, 11, "w", Dtype::F32).unwrap().fill_flat(0, &mut at_once).unwrap();
        assert!(at_once == whole, "{call} without tasks");
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| bytes(decision, 11, &Region::All)) == whole, "{call} on {threads} threads");
        }
        for rank in 0..3 {
            let rows = (rank..700).step_by(3).map(|row| row..row + 1).collect();
            let shard = Region::ranges(vec![rows, vec![0..300]]);
            assert!(bytes(decision, 11, &shard) == picked(&whole, &shape, 4, &shard), "{call}: shard {rank} of 3");
        }
    }
}

#[test]
fn a_fused_weight_has_the_bits_of_its_parts() {
    for call in CALLS {
        let axes = Axes::linear().fused(0, 48, 1, &["q", "k", "v"]).unwrap();
        let fused = Param::new("qkv", &[48, 20], Dtype::F32, Role::Weight, axes);
        let whole = bytes(&planned(&[fused], call).decisions[0], 11, &Region::All);
        let parts: Vec<u8> = ["q", "k", "v"]
            .iter()
            .flat_map(|label| {
                let alone = planned(&[weight(&format!("qkv[{label}]"), &[16, 20], Dtype::F32)], call);
                bytes(&alone.decisions[0], 11, &Region::All)
            })
            .collect();
        assert!(whole == parts, "{call}");
        assert!(whole[..1280] != whole[1280..2560], "{call}: q and k are drawn apart");
    }
}

#[test]
fn seed_and_name_change_the_values() {
    let plan = planned(&[weight("a", &[8, 8], Dtype::F32), weight("b", &[8, 8], Dtype::F32)], "he");
    let [a, b] = &plan.decisions[..] else { panic!("two decisions") };
    assert_ne!(bytes(a, 1, &Region::All), bytes(a, 2, &Region::All));
    assert_ne!(bytes(a, 1, &Region::All), bytes(a, 1 << 40 | 1, &Region::All));
    assert_ne!(bytes(a, 1, &Region::All), bytes(b, 1, &Region::All));
}

#[test]
fn what_does_not_fit_is_refused() {
    let plan = planned(&[weight("w", &[8, 4], Dtype::F32)], "he");
    let decision = &plan.decisions[0];
    let laws = decision.laws().unwrap().unwrap();
    let filler = Filler::new(&laws, 0, "w", Dtype::F32).unwrap();
    let refused = |region: Region, len: usize| filler.fill(&region, &mut vec![0; len]).is_err();
    assert!(
        refused(Region::All, 127) && refused(Region::Flat(0..33), 132) && refused(Region::boxed(&[0..9, 0..4]), 144)
    );
    assert!(!refused(Region::All, 128) && !refused(Region::Flat(31..32), 4));
    assert!(filler.fill_flat(31, &mut [0; 8]).is_err() && filler.fill_flat(u64::MAX, &mut [0; 8]).is_err());
    assert!(Filler::new(&laws, 0, "w", Dtype::I64).is_err());
    let kept = planned(&[weight("w", &[0, 4], Dtype::F32)], "he");
    assert!(fill(&kept.decisions[0], 0, &Region::All, &mut []).is_err(), "nothing is drawn");
}

/// A factor, factors by column, a shift by row, and a mix of the columns.
fn adjustments(rows: usize, columns: usize) -> Vec<Adjust> {
    let ramp = |n: usize| (0..n).map(|i| 0.5 + i as f64 / n as f64).collect::<Vec<_>>();
    let scaled = Adjust::default().scaled(1.7).scaled_along(1, &ramp(columns)).unwrap();
    let shifted = scaled.clone().shifted_along(0, &ramp(rows)).unwrap();
    let matrix = ramp(columns * columns);
    let mix = Some(Mix { axes: [1, 2], matrix: matrix.clone() });
    let across = Some(Mix { axes: [0, 1], matrix: ramp(rows * rows) });
    vec![scaled, shifted.clone(), Adjust { mix, ..shifted.clone() }, Adjust { mix: across, ..shifted }]
}

#[test]
fn an_adjusted_shard_has_the_bits_of_the_whole() {
    let shape = [36, 50];
    for call in ["he", "orthogonal"] {
        for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
            for adjust in adjustments(36, 50) {
                let mut plan = planned(&[weight("w", &shape, dtype)], call);
                plan.decisions[0].adjusted(adjust, Reason::new("calibrate", "measured")).unwrap();
                let read = Plan::from_json("p", &plan.to_json()).unwrap();
                assert_eq!(read, plan);
                assert_eq!(read.id(), plan.id());
                let whole = bytes(&read.decisions[0], 11, &Region::All);
                for region in [Region::boxed(&[3..17, 7..9]), Region::Flat(77..1231), Region::Flat(1799..1800)] {
                    let expected = picked(&whole, &shape, dtype.size().unwrap(), &region);
                    assert!(bytes(&plan.decisions[0], 11, &region) == expected, "{call} {dtype} {region:?}");
                }
            }
        }
    }
}

#[test]
fn adjusted_values_are_the_formula() {
    let shape = [300, 40];
    for adjust in adjustments(300, 40) {
        let mut plan = planned(&[weight("w", &shape, Dtype::F64)], "he");
        let numbers = |plan: &Plan| -> Vec<f64> {
            let bytes = bytes(&plan.decisions[0], 11, &Region::All);
            bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let drawn = numbers(&plan);
        let before = plan.id();
        plan.decisions[0].adjusted(adjust.clone(), Reason::new("calibrate", "measured")).unwrap();
        assert_ne!(plan.id(), before);
        let adjusted = numbers(&plan);
        for (index, value) in adjusted.iter().enumerate() {
            let (row, column) = (index / 40, index % 40);
            let mixed: f64 = match &adjust.mix {
                None => drawn[index],
                Some(Mix { axes: [1, 2], matrix }) => {
                    (0..40).map(|k| drawn[row * 40 + k] * matrix[k * 40 + column]).sum()
                }
                Some(Mix { matrix, .. }) => (0..300).map(|k| drawn[k * 40 + column] * matrix[k * 300 + row]).sum(),
            };
            let shift = adjust.shift.as_ref().map_or(0.0, |shift| shift.values[row]);
            let expected = 1.7 * (0.5 + column as f64 / 40.0) * mixed + shift;
            assert!((value - expected).abs() < 1e-9, "element {index}: {value} instead of {expected}");
        }
        // The promised std, within four standard errors of an estimate from 12,000 elements (10,000 of them at least
        // behave as independent only without a mix, whose columns share what they are made of).
        let mean = adjusted.iter().sum::<f64>() / 12_000.0;
        let std = (adjusted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 12_000.0).sqrt();
        let bound =
            if adjust.mix.is_some() { 4.0 / (2.0 * 40f64).sqrt() } else { 4.0 / (2.0 * 12_000f64).sqrt() * 1.5 };
        let promised = plan.decisions[0].std().unwrap();
        assert!((std / promised - 1.0).abs() < bound, "{std} instead of {promised}");
    }
}

#[test]
fn an_adjustment_that_does_not_fit_is_refused() {
    let mut plan = planned(&[weight("w", &[8, 4], Dtype::F32)], "he");
    let reason = || Reason::new("calibrate", "measured");
    let along = Adjust::default().scaled_along(1, &[1.0; 8]).unwrap();
    assert!(plan.decisions[0].adjusted(along.clone(), reason()).is_err());
    plan.decisions[0].adjust = along;
    assert!(Plan::from_json("p", &plan.to_json()).is_err());
    let mut kept = planned(&[weight("w", &[0, 4], Dtype::F32)], "he");
    assert!(kept.decisions[0].adjusted(Adjust::default(), reason()).is_err());
}
