//! Values of tensors in every layout: fused along rows and columns, stacked, interleaved, as convolutions, in every type.

use fanin::digest::Digest;
use fanin::generate::fill;
use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Axis, Decision, Dtype, Param, Recipe, Region, Role};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::ops::Range;

const DTYPES: [Dtype; 6] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::F8E4m3, Dtype::F8E5m2];

/// Calls that fit every layout below, first those of independent values.
const CALLS: [&str; 11] = [
    "normal(std=0.5)",
    "he(draw=uniform)",
    "truncated(std=0.5)",
    "glorot(draw=sine)",
    "torch:xavier_normal_",
    "constant(value=0.25)",
    "orthogonal",
    "sparse(sparsity=0.5, std=0.5)",
    "sinusoidal_2025",
    "idinit(tau=0.5, noise=0.25)",
    "dt_bias",
];

fn layouts() -> Vec<(&'static str, Axes, Vec<u64>)> {
    let qkv = ["q", "k", "v"];
    let fused = |axes: Axes, axis, size, repeat| axes.fused(axis, size, repeat, &qkv).unwrap();
    let experts = Axes::of(&[Axis::Stack, Axis::Out, Axis::In]);
    vec![
        ("linear", Axes::linear(), vec![18, 20]),
        ("rows", fused(Axes::linear(), 0, 18, 1), vec![18, 20]),
        ("columns", fused(Axes::matmul(), 1, 24, 1), vec![14, 24]),
        ("interleaved rows", fused(Axes::linear(), 0, 24, 4), vec![24, 14]),
        ("interleaved columns", fused(Axes::matmul(), 1, 24, 2), vec![14, 24]),
        ("stack", experts.clone(), vec![3, 10, 12]),
        ("stack of fused rows", fused(experts, 1, 12, 2), vec![3, 12, 10]),
        ("inner stack", Axes::of(&[Axis::Out, Axis::Stack, Axis::In]), vec![10, 3, 12]),
        ("convolution", Axes::conv(2, 1), vec![8, 5, 3, 3]),
        ("fused convolution", fused(Axes::conv(1, 1), 0, 12, 1), vec![12, 7, 4]),
        ("last", Axes::of(&[Axis::Field, Axis::Field, Axis::In, Axis::Out]), vec![3, 3, 5, 8]),
    ]
}

fn decision(name: &str, axes: &Axes, shape: &[u64], dtype: Dtype, call: &str) -> Decision {
    let param = Param::new(name, shape, dtype, Role::Weight, axes.clone());
    let options = Options { seed: 11, sets: vec![Rule::set(&format!("*={call}")).unwrap()], ..Options::default() };
    let made = plan(&[param], &Recipe::named("zero").unwrap(), &options);
    made.unwrap_or_else(|error| panic!("{call} {shape:?}: {error}")).decisions.remove(0)
}

fn bytes(decision: &Decision, region: &Region) -> Vec<u8> {
    let mut out = vec![0xa5; region.len(&decision.param.shape) as usize * decision.dtype.size().unwrap()];
    fill(decision, 11, region, &mut out).unwrap();
    out
}

fn picked(whole: &[u8], decision: &Decision, region: &Region) -> Vec<u8> {
    let size = decision.dtype.size().unwrap();
    let runs = region.runs(&decision.param.shape).unwrap();
    runs.flat_map(|run| whole[run.start as usize * size..run.end as usize * size].to_vec()).collect()
}

/// A strided region of each dimension from fractions of its size.
fn region(shape: &[u64], cuts: &[[f64; 4]]) -> Region {
    let ranges = |(&size, cuts): (&u64, &[f64; 4])| -> Vec<Range<u64>> {
        let mut at = cuts.map(|cut| (cut * (size + 1) as f64) as u64);
        at.sort_unstable();
        vec![at[0]..at[1], at[2]..at[3]]
    };
    Region::ranges(shape.iter().zip(cuts).map(ranges).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_region_of_any_layout_has_the_bits_of_the_whole(
        cuts in proptest::collection::vec(proptest::array::uniform4(0.0..1.0f64), 4),
        dtype in proptest::sample::select(DTYPES.to_vec()),
        flat in proptest::array::uniform2(0.0..1.0f64),
    ) {
        for (name, axes, shape) in layouts() {
            for call in CALLS {
                let decision = decision("w", &axes, &shape, dtype, call);
                let whole = bytes(&decision, &Region::All);
                let count = shape.iter().product::<u64>() as f64;
                let ends = flat.map(|end| (end * count) as u64);
                let flat = Region::Flat(ends[0].min(ends[1])..ends[0].max(ends[1]));
                for region in [region(&shape, &cuts), flat] {
                    let expected = picked(&whole, &decision, &region);
                    prop_assert!(bytes(&decision, &region) == expected, "{} {} {} {:?}", name, call, dtype, region);
                }
            }
        }
    }

    #[test]
    fn digests_of_shards_add_up_to_that_of_the_whole(rows in 1u64..12, dtype in proptest::sample::select(DTYPES.to_vec())) {
        for call in ["he", "orthogonal"] {
            let decision = decision("w", &Axes::linear(), &[36, 11], dtype, call);
            let digest = |region: &Region| Digest::of("w", dtype, &[36, 11], region, &bytes(&decision, region)).unwrap();
            let shards = (0..rows).map(|rank| {
                let held = (rank..36).step_by(rows as usize).map(|row| row..row + 1).collect();
                digest(&Region::ranges(vec![held, vec![0..11]]))
            });
            prop_assert_eq!(shards.sum::<Digest>(), digest(&Region::All));
        }
    }
}

#[test]
fn threads_change_no_layout() {
    for (name, axes, shape) in layouts() {
        for call in CALLS {
            let decision = decision("w", &axes, &shape, Dtype::F32, call);
            let whole = bytes(&decision, &Region::All);
            for threads in [1, 2, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert!(pool.install(|| bytes(&decision, &Region::All)) == whole, "{name} {call} on {threads} threads");
            }
        }
    }
}

#[test]
fn every_part_has_the_bits_of_a_tensor_of_its_own() {
    for (name, axes, shape) in layouts() {
        for call in CALLS {
            let stored = decision("w", &axes, &shape, Dtype::F32, call);
            let laws = stored.laws().unwrap().unwrap();
            if laws.parts.len() < 2 || call.starts_with("torch:") {
                continue;
            }
            let whole = bytes(&stored, &Region::All);
            let mut pieces: Vec<Vec<u8>> = Vec::new();
            for (part, _) in &laws.parts {
                let dims = part.param.axes.as_ref().unwrap().value.dims.iter().zip(&part.param.shape);
                // A part has no stack: what is left of it has size one.
                let (dims, sizes): (Vec<Axis>, Vec<u64>) = dims.filter(|(axis, _)| **axis != Axis::Stack).unzip();
                let alone = decision(&part.key("w"), &Axes::of(&dims), &sizes, Dtype::F32, call);
                pieces.push(bytes(&alone, &Region::All));
            }
            // Every four bytes of the parts are in the whole, as often: the order is what `Part` is tested for.
            let sorted = |bytes: &[u8]| {
                let mut values: Vec<[u8; 4]> = bytes.chunks_exact(4).map(|b| b.try_into().unwrap()).collect();
                values.sort_unstable();
                values
            };
            assert!(sorted(&whole) == sorted(&pieces.concat()), "{name} {call}");
        }
    }
}

#[test]
fn whole_decisions_have_not_changed() {
    let mut text = String::new();
    for (name, axes, shape) in layouts() {
        for call in CALLS {
            for dtype in DTYPES {
                let decision = decision("w", &axes, &shape, dtype, call);
                let digest = Digest::of("w", dtype, &shape, &Region::All, &bytes(&decision, &Region::All)).unwrap();
                writeln!(text, "{name}: {call} {dtype} {digest}").unwrap();
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/decisions.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    for (line, golden) in text.lines().zip(golden.lines()) {
        assert_eq!(line, golden);
    }
    assert_eq!(text.len(), golden.len());
}
