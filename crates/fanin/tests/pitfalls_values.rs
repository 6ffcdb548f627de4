//! Known mistakes of initializers, shown not to be made here: how numbers are drawn. The numbers in the names are those of the
//! survey that found them in the frameworks.

mod pitfall;

use fanin::generate::fill;
use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Axis, Decision, Dist, Dtype, Law, Param, Recipe, Region, Role};
use pitfall::{ERRORS, drawn, gram_error, largest, laws, line, mean, std, values};
use std::collections::BTreeSet;

/// The standard deviation of a standard normal that is cut at ±2, by mpmath.
const CUT_AT_TWO: f64 = 0.879_625_661_034_239_8;

#[test]
fn pitfall_01_a_truncated_law_has_the_variance_that_was_asked_for() {
    // Dividing by the factor without cutting makes everything 13.7 % too wide.
    let lecun = laws("lecun(draw=truncated)", &[1000, 1000], Axes::linear());
    assert!((lecun.variance() * 1000.0 - 1.0).abs() < 1e-13);
    let drawn = drawn(&lecun, "w", 7, Dtype::F32);
    let error = ERRORS * (0.5 / drawn.len() as f64).sqrt();
    assert!((std(&drawn) * 1000f64.sqrt() - 1.0).abs() < error);
    let edge = 2.0 / CUT_AT_TWO / 1000f64.sqrt();
    assert!(largest(&drawn) <= edge * (1.0 + 1e-7) && largest(&drawn) > 0.999 * edge);
    // Any cut, also a lopsided one: the moments are those of the quantile function.
    for (mean, std, low, high) in [(0.0, 1.0, -0.5, 3.0), (0.02, 0.02, 0.0, 0.03), (0.0, 1.0, 2.0, 2.5)] {
        let law = Dist::Truncated { mean, std, low, high };
        const N: usize = 200_000;
        let sample: Vec<f64> = (0..N).map(|i| law.quantile((i as f64 + 0.5) / N as f64)).collect();
        assert!((pitfall::mean(&sample) - law.mean()).abs() < 1e-6 * (high - low), "{law}");
        assert!((pitfall::std(&sample).powi(2) / law.variance() - 1.0).abs() < 1e-5, "{law}");
    }
}

/// torch's truncated normal: absolute bounds, by default at ±2 whatever the standard deviation.
fn torch(sigma: f64) -> String {
    format!("truncated(std={sigma}, low=-2, high=2, units=absolute, corrected=false)")
}

#[test]
fn pitfall_02_far_bounds_get_no_values_in_any_type() {
    // An inverse error function in bfloat16 gives −2.0, a hundred standard deviations away, once in 500 elements.
    for (dtype, sigma) in [(Dtype::Bf16, 0.02), (Dtype::F16, 0.02), (Dtype::F32, 0.001), (Dtype::F8E5m2, 0.5)] {
        let drawn = line(&torch(sigma), 1 << 20, dtype);
        let n = drawn.len() as f64;
        assert!(largest(&drawn) < 6.5 * sigma, "{dtype}: {}", largest(&drawn));
        // Rounding to two bits of mantissa adds a twelfth of a squared quarter; that is the type, not the law.
        let rounding = if dtype == Dtype::F8E5m2 { 0.05 } else { 1e-3 };
        let narrow = laws(&torch(sigma), &[2], Axes::of(&[Axis::Out]));
        let expected = narrow.variance().sqrt();
        assert!(
            (std(&drawn) / expected - 1.0).abs() < ERRORS * (0.5 / n).sqrt() + rounding,
            "{dtype}: {}",
            std(&drawn)
        );
        assert!(mean(&drawn).abs() < ERRORS * sigma / n.sqrt(), "{dtype}: {}", mean(&drawn));
    }
}

#[test]
fn pitfall_03_half_precision_has_all_its_values_and_its_tails() {
    // Seven random bits give 128 different normals, none beyond 2.9.
    for (dtype, distinct) in [(Dtype::Bf16, 3000), (Dtype::F16, 10_000)] {
        let drawn = line("normal(std=1)", 1 << 20, dtype);
        let different: BTreeSet<u64> = drawn.iter().map(|value| value.to_bits()).collect();
        assert!(different.len() > distinct, "{dtype}: {} values", different.len());
        assert!(largest(&drawn) > 4.4, "{dtype}: {}", largest(&drawn));
        assert!(mean(&drawn).abs() < ERRORS / (drawn.len() as f64).sqrt());
    }
}

#[test]
fn pitfall_04_nothing_leaks_through_a_truncation() {
    let sigma = 0.05;
    let drawn = line("truncated(std=0.05, corrected=false)", 4 << 20, Dtype::F32);
    assert!(largest(&drawn) <= 2.0 * sigma * (1.0 + 1e-7), "{}", largest(&drawn));
    assert!(largest(&drawn) > 1.9999 * sigma);
    let keras = line("keras:TruncatedNormal(stddev=0.05)", 1 << 20, Dtype::F32);
    assert!(largest(&keras) <= 0.1 * (1.0 + 1e-7) && largest(&keras) > 0.0999);
}

#[test]
fn pitfall_05_variance_scaling_draws_what_its_name_says() {
    // A misspelled branch draws from a uniform law instead.
    let kurtosis = |draw: &str| {
        let drawn = values(&format!("variance_scaling(draw={draw})"), &[512, 512], Axes::linear(), Dtype::F32);
        let std = std(&drawn);
        drawn.iter().map(|value| (value / std).powi(4)).sum::<f64>() / drawn.len() as f64
    };
    // Of the normal, of the normal cut at two (by mpmath), of the uniform and of the arcsine law.
    for (draw, truth) in [("normal", 3.0), ("truncated", 2.366_024_8), ("uniform", 1.8), ("sine", 1.5)] {
        let found = kurtosis(draw);
        // The fourth power of a standard normal has a standard deviation of √96.
        assert!((found - truth).abs() < ERRORS * (96.0 / 262_144.0f64).sqrt(), "{draw}: {found}");
    }
}

#[test]
fn pitfall_06_bilinear_kernels_are_symmetric_at_any_size() {
    // Kernels of 2f − f mod 2 taps, for a stride of f.
    for size in [1u64, 4, 5, 8, 9, 16] {
        let kernel = values("bilinear", &[1, 1, size, size], Axes::conv_transposed(2, 1, 1), Dtype::F64);
        let n = size as usize;
        for (i, value) in kernel.iter().enumerate() {
            assert_eq!(*value, kernel[(n - 1 - i / n) * n + i % n], "{size}: upside down");
            assert_eq!(*value, kernel[i % n * n + i / n], "{size}: along the diagonal");
            assert!(*value > 0.0);
        }
        // Every input is handed on as a whole, to f outputs along each axis.
        let (sum, stride): (f64, f64) = (kernel.iter().sum(), size.div_ceil(2) as f64);
        assert!((sum - stride * stride).abs() < 1e-6, "{size}: {sum}");
    }
    // More than a million elements are no trouble.
    let large = values("bilinear", &[260, 1, 64, 64], Axes::conv_transposed(2, 260, 1), Dtype::F32);
    assert_eq!(large.len(), 1_064_960);
}

#[test]
fn pitfall_20_orthogonal_matrices_in_every_type_layout_and_shape() {
    // The rounding of half precision is all that is missing from the identity.
    for (dtype, slack) in [(Dtype::F64, 2e-6), (Dtype::F32, 2e-6), (Dtype::F16, 2e-3), (Dtype::Bf16, 1e-2)] {
        for (rows, columns) in [(96, 96), (40, 96), (96, 40)] {
            let matrix = values("orthogonal", &[rows, columns], Axes::linear(), dtype);
            let error = gram_error(&matrix, rows as usize, columns as usize);
            assert!(error < slack, "{dtype} {rows}×{columns}: {error}");
        }
    }
    // A kernel keeps its shape, wherever its channels stand, and is orthogonal as a matrix of outputs and the rest.
    let first = values("orthogonal", &[16, 3, 3, 3], Axes::conv(2, 1), Dtype::F32);
    assert!(gram_error(&first, 16, 27) < 2e-6);
    let last = Axes::of(&[Axis::Out, Axis::Field, Axis::Field, Axis::In]);
    assert!(gram_error(&values("orthogonal", &[16, 3, 3, 3], last, Dtype::F32), 16, 27) < 2e-6);
    // A long thin table needs no square of its length.
    let table = values("orthogonal", &[20_000, 8], Axes::matmul(), Dtype::F32);
    assert!(gram_error(&table, 20_000, 8) < 4e-6);
    // Haar: the sign of every element is a fair coin.
    let positive = values("orthogonal", &[256, 256], Axes::linear(), Dtype::F32).iter().filter(|v| **v > 0.0).count();
    assert!((positive as f64 - 32_768.0).abs() < ERRORS * 128.0, "{positive}");
}

/// A decision of its own for a call on a matrix.
fn decision(name: &str, shape: &[u64], dtype: Dtype, call: &str) -> Decision {
    let param = Param::new(name, shape, dtype, Role::Weight, Axes::linear());
    let options = Options { sets: vec![Rule::set(&format!("*={call}")).unwrap()], ..Options::default() };
    plan(&[param], &Recipe::named("zero").unwrap(), &options).unwrap().decisions.remove(0)
}

fn bytes(decision: &Decision, seed: u64, region: &Region) -> Vec<u8> {
    let mut out = vec![0; region.len(&decision.param.shape) as usize * decision.dtype.size().unwrap()];
    fill(decision, seed, region, &mut out).unwrap();
    out
}

#[test]
fn pitfall_22_a_value_is_a_function_of_seed_name_and_index_alone() {
    let normal = |shape: &[u64], dtype| decision("w", shape, dtype, "normal(std=1)");
    let long = bytes(&normal(&[4, 16], Dtype::F32), 1, &Region::All);
    // A shorter tensor is the beginning of a longer one, at every length.
    for n in [1u64, 15, 16, 17, 32, 63] {
        assert_eq!(bytes(&normal(&[1, n], Dtype::F32), 1, &Region::All), long[..n as usize * 4], "{n}");
    }
    // The type only rounds.
    let single: Vec<f64> = long.chunks(4).map(|b| Dtype::F32.number(b).unwrap()).collect();
    let half = bytes(&normal(&[4, 16], Dtype::Bf16), 1, &Region::All);
    for (value, rounded) in single.iter().zip(half.chunks(2).map(|b| Dtype::Bf16.number(b).unwrap())) {
        assert!((rounded - value).abs() <= value.abs() / 256.0, "{value} {rounded}");
    }
    // Nothing that is drawn before or beside it moves it.
    let recipe = Recipe::named("he").unwrap();
    let model = |names: &[&str]| {
        let param = |name: &&str| Param::new(*name, &[8, 8], Dtype::F32, Role::Weight, Axes::linear());
        let params: Vec<Param> = names.iter().map(param).collect();
        let plan = plan(&params, &recipe, &Options::default()).unwrap();
        bytes(plan.get("b").unwrap(), plan.seed, &Region::All)
    };
    assert_eq!(model(&["b"]), model(&["a", "new", "b", "c"]));
    // Truncated and sparse draws take one word an element as well.
    for call in ["truncated(std=1, low=-1, high=1)", "sparse(sparsity=0.5)"] {
        let whole = bytes(&decision("w", &[32, 16], Dtype::F32, call), 1, &Region::All);
        let tail = bytes(&decision("w", &[32, 16], Dtype::F32, call), 1, &Region::Flat(300..512));
        assert_eq!(tail, whole[1200..], "{call}");
        assert_ne!(
            whole,
            bytes(&decision("w", &[32, 16], Dtype::F32, call), 2, &Region::All),
            "{call}: the seed counts"
        );
    }
}

#[test]
fn pitfall_23_a_shard_has_the_bits_and_the_fans_of_the_whole() {
    for call in ["he", "lecun(draw=truncated)", "orthogonal", "sparse(sparsity=0.25)"] {
        let whole = decision("w", &[48, 32], Dtype::F32, call);
        let all = bytes(&whole, 3, &Region::All);
        for ranks in [2u64, 3, 8] {
            for rank in 0..ranks {
                let rows = 48 / ranks * rank..48 / ranks * (rank + 1);
                let own = bytes(&whole, 3, &Region::boxed(&[rows.clone(), 0..32]));
                assert_eq!(
                    own,
                    all[rows.start as usize * 128..rows.end as usize * 128],
                    "{call}: rank {rank} of {ranks}"
                );
            }
        }
        // Cut along the other dimension: what a rank holds is strided.
        let columns = bytes(&whole, 3, &Region::boxed(&[0..48, 8..16]));
        let expected: Vec<u8> = (0..48).flat_map(|row| all[row * 128 + 32..row * 128 + 64].to_vec()).collect();
        assert_eq!(columns, expected, "{call}");
        // The fan is the whole matrix's, not the shard's.
        assert_eq!(whole.reasons.iter().find(|r| r.about == "fan_in").unwrap().value, Some(32.0));
    }
    let delta = Param::new("w", &[32, 16, 3, 3], Dtype::F32, Role::Weight, Axes::conv(2, 1));
    let options = Options { sets: vec![Rule::set("*=delta_orthogonal").unwrap()], ..Options::default() };
    let delta = plan(&[delta], &Recipe::named("zero").unwrap(), &options).unwrap().decisions.remove(0);
    let shard = bytes(&delta, 3, &Region::boxed(&[4..8, 0..16, 0..3, 0..3]));
    assert_eq!(shard, bytes(&delta, 3, &Region::All)[4 * 144 * 4..8 * 144 * 4]);
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    let cov: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum::<f64>() / a.len() as f64;
    cov / (std(a) * std(b))
}

#[test]
fn pitfall_24_one_seed_gives_no_two_parameters_the_same_numbers() {
    // A seed that is handed to two initializers makes them correlate by 1.000000.
    let names = ["a", "b", "layers.0.weight", "layers.1.weight"];
    let normals: Vec<Vec<f64>> = names
        .iter()
        .map(|name| drawn(&laws("normal(std=1)", &[1 << 16], Axes::of(&[Axis::Out])), name, 0, Dtype::F32))
        .collect();
    let uniform = drawn(&laws("uniform(low=0, high=1)", &[1 << 16], Axes::of(&[Axis::Out])), "u", 0, Dtype::F32);
    let all: Vec<&Vec<f64>> = normals.iter().chain([&uniform]).collect();
    for (i, a) in all.iter().enumerate() {
        for b in &all[..i] {
            let r = correlation(a, b);
            assert!(r.abs() < ERRORS / 256.0, "{r}");
        }
    }
    // The same parameter under the same seed is the same, however often it is asked for.
    assert_eq!(normals[0], drawn(&laws("normal(std=1)", &[1 << 16], Axes::of(&[Axis::Out])), "a", 0, Dtype::F32));
    let other = drawn(&laws("normal(std=1)", &[1 << 16], Axes::of(&[Axis::Out])), "a", 1, Dtype::F32);
    assert!(correlation(&normals[0], &other).abs() < ERRORS / 256.0);
}

#[test]
fn pitfall_25_empty_tensors_vectors_and_eight_bit_floats_have_one_policy() {
    for recipe in ["torch", "keras", "jax", "he", "xavier"] {
        let shapes: [&[u64]; 4] = [&[0, 0], &[3, 0], &[0], &[0, 3, 3, 3]];
        let params: Vec<Param> = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| {
                let axes = Axes::of(&vec![Axis::Out; shape.len()]);
                Param::new(format!("w{i}"), shape, Dtype::F32, Role::Weight, axes)
            })
            .collect();
        let plan = plan(&params, &Recipe::named(recipe).unwrap(), &Options::default()).unwrap();
        assert!(plan.decisions.iter().all(|d| d.action == fanin::Action::Keep), "{recipe}");
    }
    // A vector has no fans: a method that needs them says so, and does not take 1 or its length.
    let vector = Param { axes: None, ..Param::new("v", &[8], Dtype::F32, Role::Weight, Axes::of(&[Axis::Out])) };
    let error = plan(&[vector], &Recipe::named("he").unwrap(), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("the axes of shape [8] are not known"), "{error}");
    for dtype in [Dtype::F8E4m3, Dtype::F8E5m2] {
        let drawn = line("normal(std=1)", 1 << 16, dtype);
        assert!((std(&drawn) - 1.0).abs() < 0.05 && mean(&drawn).abs() < 0.03, "{dtype}: {}", std(&drawn));
        assert!(largest(&drawn) > 3.0);
    }
}

#[test]
fn pitfall_29_truncations_at_the_edges_are_exact_and_end() {
    let quantiles = [0.0, 1e-300, 0.25, 0.5, 0.75, 1.0 - 1e-16, 1.0];
    let law = |mean: f64, std: f64, low: f64, high: f64| Dist::Truncated { mean, std, low, high };
    for (dist, low, high) in [
        // No width: the mean, moved into the interval.
        (law(0.5, 0.0, -1.0, 1.0), 0.5, 0.5),
        (law(3.0, 0.0, -1.0, 1.0), 1.0, 1.0),
        // Half-infinite, and far out in the tail where a rejection loop would never end.
        (law(0.0, 1.0, 3.0, f64::INFINITY), 3.0, f64::INFINITY),
        (law(0.0, 1.0, 8.0, 9.0), 8.0, 9.0),
        (law(0.0, 1.0, -40.0, -38.0), -40.0, -38.0),
        (law(0.0, 1.0, f64::NEG_INFINITY, f64::INFINITY), f64::NEG_INFINITY, f64::INFINITY),
    ] {
        dist.check().unwrap();
        let values: Vec<f64> = quantiles.iter().map(|&u| dist.quantile(u)).collect();
        assert!(values.iter().all(|v| !v.is_nan() && *v >= low && *v <= high), "{dist}: {values:?}");
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{dist}: {values:?}");
        assert!(dist.mean().is_finite() && dist.variance().is_finite() && dist.variance() >= 0.0, "{dist}");
    }
    // The far tail is an exponential of rate about 8: its mean lies an eighth above the cut.
    let tail = law(0.0, 1.0, 8.0, f64::INFINITY);
    assert!((tail.mean() - 8.0 - 0.121_368).abs() < 1e-5, "{}", tail.mean());
    let sample = line("truncated(std=1, low=8, high=9, corrected=false)", 1 << 18, Dtype::F32);
    let truth = law(0.0, 1.0, 8.0, 9.0);
    let error = ERRORS * (truth.variance() / sample.len() as f64).sqrt();
    assert!((mean(&sample) - truth.mean()).abs() < error, "{}", mean(&sample));
    assert!(sample.iter().all(|v| (8.0..=9.0).contains(v)));
}

#[test]
fn a_law_5_percent_off_would_be_seen() {
    let drawn = values("lecun(draw=truncated)", &[1000, 1000], Axes::linear(), Dtype::F32);
    for factor in [0.95, 1.05] {
        let other: Vec<f64> = drawn.iter().map(|v| v * factor).collect();
        assert!((std(&other) * 1000f64.sqrt() - 1.0).abs() > ERRORS * (0.5 / 1e6f64).sqrt());
    }
    assert!(matches!(
        laws("lecun(draw=truncated)", &[4, 4], Axes::linear()).parts[0].1,
        Law::Each(Dist::Truncated { .. })
    ));
}
