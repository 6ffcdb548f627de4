//! Methods whose elements are formulas of their place: what each promises, on values as they are filled.

use fanin::generate::Filler;
use fanin::plan::Laws;
use fanin::{Axes, Dtype, Param, Region, Role};

fn param(shape: &[u64], axes: Axes) -> Param {
    Param::new("w", shape, Dtype::F32, Role::Weight, axes)
}

fn values(call: &str, shape: &[u64], axes: Axes) -> Vec<f64> {
    let laws = Laws::of(&param(shape, axes), &call.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let filler = Filler::new(&laws, 3, "w", Dtype::F32).unwrap();
    let mut out = vec![0; shape.iter().product::<u64>() as usize * 4];
    filler.fill(&Region::All, &mut out).unwrap();
    out.chunks_exact(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))).collect()
}

fn refusal(call: &str, shape: &[u64]) -> String {
    Laws::of(&param(shape, Axes::linear()), &call.parse().unwrap()).unwrap_err().to_string()
}

fn near(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-7 * expected.abs().max(1.0)
}

#[test]
fn every_value_has_the_variance_that_the_law_says() {
    for (call, shape, axes) in [
        ("zero_2022", vec![12, 5], Axes::linear()),
        ("zero_2022(gain=2)", vec![5, 12, 3], Axes::conv(1, 1)),
        ("hippo", vec![7, 7], Axes::linear()),
        ("s4d_real", vec![3, 16], Axes::linear()),
        ("sinusoid_positions", vec![9, 8], Axes::linear()),
        ("bilinear", vec![3, 3, 4, 5], Axes::conv(2, 1)),
        ("idinit(noise=0, tau=3)", vec![10, 4], Axes::linear()),
        ("idinit(noise=0)", vec![4, 10], Axes::linear()),
    ] {
        let laws = Laws::of(&param(&shape, axes.clone()), &call.parse().unwrap()).unwrap();
        let values = values(call, &shape, axes);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(near(variance / laws.variance(), 1.0), "{call}: {variance} {}", laws.variance());
    }
}

#[test]
fn a_hadamard_matrix_has_orthonormal_columns() {
    let (rows, cols) = (16, 9);
    let w = values("zero_2022", &[rows, cols], Axes::linear());
    let column = |c: usize| w.iter().skip(c).step_by(cols as usize);
    for a in 0..cols as usize {
        for b in 0..=a {
            let dot: f64 = column(a).zip(column(b)).map(|(x, y)| x * y).sum();
            assert!(near(dot, f64::from(u8::from(a == b))), "{a} {b}: {dot}");
        }
    }
}

#[test]
fn hippo_is_its_formula() {
    let root = |n: usize| (2.0 * n as f64 + 1.0).sqrt();
    for (at, value) in values("hippo", &[6, 6], Axes::linear()).iter().enumerate() {
        let (n, k) = (at / 6, at % 6);
        let lower = if n > k { -root(n) * root(k) } else { 0.0 };
        let expected = if n == k { -(n as f64) - 1.0 } else { lower };
        assert!(near(*value, expected), "{n} {k}");
    }
    assert!(refusal("hippo", &[6, 5]).contains("[6, 5]"));
}

#[test]
fn positions_are_their_formula_in_both_orders() {
    let angle = |p: f64, exponent: f64| p * 10000f64.powf(-exponent);
    for (at, value) in values("sinusoid_positions", &[50, 8], Axes::linear()).iter().enumerate() {
        let (p, j) = ((at / 8) as f64, at % 8);
        let a = angle(p, (j / 2 * 2) as f64 / 8.0);
        assert!(near(*value, if j % 2 == 0 { a.sin() } else { a.cos() }), "{p} {j}");
    }
    // Whisper: log_timescale = ln(10000)/(d/2 − 1), then sines beside cosines.
    for (at, value) in values("whisper:sinusoids", &[50, 8], Axes::linear()).iter().enumerate() {
        let (p, j) = ((at / 8) as f64, at % 8);
        let a = angle(p, (j % 4) as f64 / 3.0);
        assert!(near(*value, if j < 4 { a.sin() } else { a.cos() }), "{p} {j}");
    }
    assert!(refusal("sinusoid_positions", &[4, 7]).contains("even number"));
}

#[test]
fn steps_are_spread_evenly_over_orders_of_magnitude() {
    let n = 40_000u64;
    let bias = values("dt_bias", &[n], Axes::of(&[fanin::Axis::Out]));
    let place = |b: &f64| (b.exp().ln_1p().ln() - 0.001f64.ln()) / (0.1f64.ln() - 0.001f64.ln());
    let (places, bound) = (bias.iter().map(place).collect::<Vec<_>>(), 4.5 / (12.0 * n as f64).sqrt());
    assert!(places.iter().all(|u| (-1e-5..=1.0 + 1e-5).contains(u)), "steps from 0.001 to 0.1");
    let mean = places.iter().sum::<f64>() / n as f64;
    assert!((mean - 0.5).abs() < bound && (mean * 1.05 - 0.5).abs() > bound, "{mean}");
    let std = |v: &[f64]| {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt()
    };
    // The kurtosis is below 3, so this is more than 4.5 standard errors.
    let (off, bound) = (std(&bias) / 1.340_381_597_334_047_7 - 1.0, 4.5 / (2.0 * n as f64).sqrt());
    assert!(off.abs() < bound && (off - 0.05).abs() > bound, "{off}");
    let rates = values("mamba2:A_log", &[n], Axes::of(&[fanin::Axis::Out]));
    assert!(rates.iter().all(|a| (1.0 - 1e-6..=16.0 + 1e-5).contains(&a.exp())));
    let mean = rates.iter().map(|a| a.exp()).sum::<f64>() / n as f64;
    let bound = 4.5 * 15.0 / (12.0 * n as f64).sqrt();
    assert!((mean - 8.5).abs() < bound && (mean * 1.05 - 8.5).abs() > bound, "{mean}");
}

#[test]
fn the_kernels_of_a_block_are_equal_and_the_blocks_are_not() {
    let (outputs, size) = (12_000, 18);
    let w = values("icnr", &[outputs, 2, 3, 3], Axes::conv(2, 1));
    let kernel = |o: usize| &w[o * size..(o + 1) * size];
    for o in (0..outputs as usize).step_by(4) {
        assert!((1..4).all(|i| kernel(o) == kernel(o + i)) && (o == 0 || kernel(o) != kernel(o - 1)));
    }
    // A quarter of the values is independent.
    let (n, power) = (w.len() as f64 / 4.0, w.iter().map(|v| v * v).sum::<f64>() / w.len() as f64);
    let bound = 4.5 * (2.0 / n).sqrt();
    let off = power * 9.0 - 1.0;
    assert!(off.abs() < bound && ((1.0 + off) * 1.05f64.powi(2) - 1.0).abs() > bound, "{off}");
    assert!(refusal("icnr", &[6, 5]).contains("6 output channels"));
}

#[test]
fn interpolation_keeps_a_constant() {
    // Stride 2, size 4: each output is the sum of every second tap in each direction.
    for shape in [[3, 3, 4, 4], [3, 1, 4, 4]] {
        let w = values("bilinear", &shape, Axes::conv(2, 1));
        let inputs = shape[1] as usize;
        for o in 0..3 {
            for phase in 0..4 {
                let taps = (0..16).filter(|t| t / 4 % 2 == phase / 2 && t % 2 == phase % 2);
                let sum: f64 = taps.map(|t| (0..inputs).map(|i| w[(o * inputs + i) * 16 + t]).sum::<f64>()).sum();
                assert!(near(sum, 1.0), "{shape:?}: {sum}");
            }
        }
    }
}

#[test]
fn identities_are_stacked_and_barely_disturbed() {
    let w = values("idinit(tau=2)", &[300, 100], Axes::linear());
    let (mut squares, mut count) = (0.0, 0.0);
    for (at, value) in w.iter().enumerate() {
        let one = (at / 100) % 100 == at % 100;
        assert!((value - if one { 2.0 } else { 0.0 }).abs() < 6e-6, "{at}: {value}");
        if !one {
            squares += value * value * 1e12;
            count += 1.0;
        }
    }
    let (off, bound) = (squares / count - 1.0, 4.5 * (2.0f64 / count).sqrt());
    assert!(off.abs() < bound && ((1.0 + off) * 1.05f64.powi(2) - 1.0).abs() > bound, "{off}");
}

#[test]
fn depth_must_be_said() {
    for call in ["depth_scaled", "wang_init", "mitchell(part=out)", "deepnorm", "sub_ln", "t_fixup", "fixup", "ds_init"]
    {
        assert!(refusal(call, &[8, 8]).contains("is not given"), "{call}");
    }
    assert!(refusal("depth_scaled(layers=0)", &[8, 8]).contains("`layers` is 0"));
    assert!(refusal("mean_field(activation=softplus)", &[8, 8]).contains("no critical point"));
}
