//! Values are a pure function: any region, any number of threads, fused or apart, the same bits.

use fanin::generate::{Filler, fill};
use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Decision, Dtype, Param, Plan, Recipe, Region, Role};
use proptest::prelude::*;
use std::ops::Range;

/// Laws of independent values and laws of whole tensors.
const CALLS: [&str; 7] = ["he", "truncated", "glorot(draw=uniform)", "sinusoidal", "orthogonal", "mirrored", "sparse"];

fn planned(params: &[Param], call: &str) -> Plan {
    let options = Options { seed: 11, sets: vec![Rule::set(&format!("*={call}")).unwrap()], dtype: None };
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
