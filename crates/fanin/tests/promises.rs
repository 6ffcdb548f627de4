//! What methods whose elements depend on each other promise, on the values they make.

use fanin::generate::Filler;
use fanin::plan::Laws;
use fanin::{Axes, Axis, Dtype, Param, Region, Role};

fn param(shape: &[u64], dtype: Dtype, axes: Axes) -> Param {
    Param::new("blocks.0.w", shape, dtype, Role::Weight, axes)
}

fn bytes(call: &str, param: &Param, region: &Region) -> Vec<u8> {
    let laws = Laws::of(param, &call.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let mut out = vec![0; region.len(&param.shape) as usize * param.dtype.size().unwrap()];
    Filler::new(&laws, 3, &param.name, param.dtype).unwrap().fill(region, &mut out).unwrap();
    out
}

fn values(call: &str, shape: &[u64], axes: Axes) -> Vec<f64> {
    let out = bytes(call, &param(shape, Dtype::F32, axes), &Region::All);
    out.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
}

/// The largest element of `WᵀW` − gain²·I for the columns of a matrix given row by row.
fn defect(w: &[f64], cols: usize, square: f64) -> f64 {
    let dot = |a: usize, b: usize| w.chunks(cols).map(|row| row[a] * row[b]).sum::<f64>();
    let pairs = (0..cols).flat_map(|a| (0..=a).map(move |b| (a, b)));
    pairs.map(|(a, b)| (dot(a, b) - if a == b { square } else { 0.0 }).abs()).fold(0.0, f64::max)
}

#[test]
fn each_head_is_orthogonal_by_itself() {
    let w = values("orthogonal(blocks=3, gain=2)", &[36, 10], Axes::linear());
    for head in w.chunks(120) {
        assert!(defect(head, 10, 4.0) < 1e-5);
    }
    assert_ne!(w[..120], w[120..240]);
    // RWKV and SUO: a widening map keeps the mean square, not the norm.
    let wide = values("suo", &[36, 9], Axes::linear());
    assert!(defect(&wide, 9, 4.0) < 1e-5);
}

#[test]
fn rotations_are_orthogonal_and_their_generators_skew() {
    for angles in ["henaff", "cayley"] {
        let w = values(&format!("henaff(angles={angles})"), &[7, 7], Axes::linear());
        assert!(defect(&w, 7, 1.0) < 1e-6 && w[48] == 1.0);
        let s = values(&format!("henaff(angles={angles}, form=generator)"), &[6, 6], Axes::linear());
        for at in 0..36 {
            assert_eq!(s[at], -s[at % 6 * 6 + at / 6]);
        }
        // One generator makes the rotation: the angle itself, or Cayley's map of its half's tangent.
        let r = values(&format!("henaff(angles={angles})"), &[6, 6], Axes::linear());
        let angle = if angles == "henaff" { s[1] } else { 2.0 * s[1].atan() };
        assert!((r[0] - angle.cos()).abs() < 1e-6 && (r[1] - angle.sin()).abs() < 1e-6);
    }
}

#[test]
fn vectors_have_length_one_over_inputs_or_outputs() {
    let (rows, cols) = (40, 25);
    let w = values("unit_norm(gain=3)", &[rows, cols], Axes::linear());
    assert!(w.chunks(25).all(|row| (row.iter().map(|x| x * x).sum::<f64>() - 9.0).abs() < 1e-5));
    let w = values("unit_norm(over=outputs)", &[rows, cols], Axes::linear());
    assert!((0..25).all(|c| (w.chunks(25).map(|row| row[c] * row[c]).sum::<f64>() - 1.0).abs() < 1e-6));
    let w = values("positive_unitball", &[rows, cols], Axes::linear());
    assert!(w.iter().all(|x| *x > 0.0) && w.chunks(25).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-6));
    let w = values("nguyen_widrow", &[16, 2], Axes::linear());
    assert!(w.chunks(2).all(|row| (row[0].hypot(row[1]) - 2.8).abs() < 1e-6));
}

#[test]
fn sparse_lines_have_their_number_of_weights() {
    let kept = |line: &[f64]| line.iter().filter(|x| **x != 0.0).count();
    let w = values("martens", &[30, 50], Axes::linear());
    assert!(w.chunks(50).all(|row| kept(row) == 15));
    let w = values("lasagne:Sparse(sparsity=0.25)", &[50, 30], Axes::matmul());
    assert!((0..30).all(|unit| w.iter().skip(unit).step_by(30).filter(|x| **x != 0.0).count() == 12));
    // Each by its own chance: 4.5 standard errors of a binomial number.
    let w = values("caffe:gaussian_sparse(sparse=25)", &[100, 400], Axes::linear());
    let (n, p) = (40_000.0, 0.25);
    let off = (kept(&w) as f64 - n * p).abs();
    let bound = 4.5 * (n * p * (1.0f64 - p)).sqrt();
    assert!(off < bound && 0.05 * n * p > bound, "{off}");
}

#[test]
fn one_tap_of_each_filter_is_struck_and_all_taps_are_alike() {
    let w = values("impulse(gain=2)", &[9000, 1, 3, 3], Axes::conv(2, 9000));
    let mut struck = [0.0; 9];
    for filter in w.chunks(9) {
        assert_eq!(filter.iter().filter(|x| **x == 2.0).count(), 1);
        struck[filter.iter().position(|x| *x == 2.0).unwrap()] += 1.0;
    }
    // χ² with 8 degrees of freedom is above 40 once in 300,000 times.
    assert!(struck.iter().map(|n: &f64| (n - 1000.0).powi(2) / 1000.0).sum::<f64>() < 40.0, "{struck:?}");
}

#[test]
fn tails_that_come_back_stay_inside() {
    let w = values("fastai:trunc_normal_(std=0.5, mean=1)", &[200, 500], Axes::linear());
    assert!(w.iter().all(|x| (x - 1.0).abs() < 1.0));
    let n = w.len() as f64;
    let power = w.iter().map(|x| (x - 1.0).powi(2)).sum::<f64>() / n;
    let fourth = w.iter().map(|x| (x - 1.0).powi(4)).sum::<f64>() / n;
    let bound = 4.5 * ((fourth - power * power) / n).sqrt();
    let expected = 0.25 * 0.865_888_435_269_950_2f64.powi(2);
    assert!((power - expected).abs() < bound && (power * 1.05 - expected).abs() > bound, "{power}");
}

#[test]
fn frequencies_of_legs_are_hippos_eigenvalues() {
    // numpy.linalg.eigvals of the skew-symmetric part, N = 8.
    let expected = [19.857_410_370_970_587, 5.354_208_515_030_871, 1.957_794_150_902_806, 0.427_488_712_285_860_4];
    let found = values("s4d(kind=legs)", &[3, 4], Axes::linear());
    for (at, value) in found.iter().enumerate() {
        assert!((value - expected[at % 4]).abs() < 1e-5, "{at}: {value}");
    }
}

#[test]
fn a_complex_state_matrix_has_both_parts() {
    let state = param(&[2, 3], Dtype::C64, Axes::linear());
    let out = bytes("s4d", &state, &Region::All);
    let parts: Vec<f32> = out.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let pi = std::f32::consts::PI;
    assert_eq!(parts, [-0.5, 0.0, -0.5, pi, -0.5, 2.0 * pi, -0.5, 0.0, -0.5, pi, -0.5, 2.0 * pi]);
}

#[test]
fn complex_weights_have_their_variance_regions_and_parts() {
    let axes = Axes::linear().fused(0, 120, 1, &["q", "k", "v"]).unwrap();
    let weight = param(&[120, 500], Dtype::C128, axes);
    for call in ["complex", "complex(draw=uniform)", "complex(draw=truncated)"] {
        let whole = bytes(call, &weight, &Region::All);
        let parts: Vec<f64> = whole.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let n = parts.len() as f64 / 2.0;
        let power = parts.iter().map(|x| x * x).sum::<f64>() / n;
        // E|w|² = 2/(500 + 40); |w|² of a Rayleigh law has its mean for a standard deviation, the others less.
        let (off, bound) = (power * 270.0 - 1.0, 4.5 / n.sqrt());
        assert!(off.abs() < bound && (off + 0.05).abs() > bound, "{call}: {off}");
        let part = bytes(call, &weight, &Region::boxed(&[30..50, 7..9]));
        let wanted: Vec<u8> =
            (30..50).flat_map(|row: usize| whole[(row * 500 + 7) * 16..(row * 500 + 9) * 16].to_vec()).collect();
        assert_eq!(part, wanted, "{call}");
    }
}

#[test]
fn a_weight_and_its_mup_differ_by_the_width_only() {
    let plain = values("normal(std=0.5)", &[64, 64], Axes::linear());
    let scaled = values("mup(of=\"normal(std=0.5)\", base_in=16, base_out=16)", &[64, 64], Axes::linear());
    assert!(plain.iter().zip(&scaled).all(|(a, b)| (a - 2.0 * b).abs() < 1e-6));
    let refused = |call: &str| Laws::of(&param(&[8, 8], Dtype::F32, Axes::linear()), &call.parse().unwrap()).is_err();
    assert!(
        refused("mup(of=orthogonal, base_in=4, base_out=4)") && refused("mup(of=hee)") && refused("mup(base_in=0)")
    );
}

#[test]
fn interpolation_of_paddle_is_skewed() {
    // The kernel of size 4 that the framework makes: its sum is 3.9375 and its last corner negative.
    let w = values("paddle:Bilinear", &[1, 1, 4, 4], Axes::conv(2, 1));
    assert!((w.iter().sum::<f64>() - 3.9375).abs() < 1e-6 && (w[15] + 0.03125).abs() < 1e-6, "{w:?}");
    let right = values("bilinear", &[1, 1, 4, 4], Axes::conv(2, 1));
    assert!((right.iter().sum::<f64>() - 4.0).abs() < 1e-6 && right.iter().all(|x| *x > 0.0));
    let shrink = values("bilinear(mean=true)", &[1, 1, 4, 4], Axes::conv(2, 1));
    assert!((shrink.iter().sum::<f64>() - 1.0).abs() < 1e-6);
}

#[test]
fn the_noise_around_an_identity_has_its_size() {
    let n = 300;
    let w = values("tanh_fixed_point", &[n, n], Axes::linear());
    let noise: Vec<f64> =
        w.iter().enumerate().map(|(at, x)| if at as u64 / n == at as u64 % n { x - 1.0 } else { *x }).collect();
    let count = (n * n) as f64;
    let power = noise.iter().map(|x| x * x).sum::<f64>() / count * n as f64 / 0.085f64.powi(2);
    let bound = 4.5 * (2.0 / count).sqrt();
    assert!((power - 1.0).abs() < bound && (power * 1.05 - 1.0).abs() > bound, "{power}");
}

#[test]
fn branches_start_at_zero_but_not_dead() {
    for (rows, cols) in [(4, 8), (8, 8), (8, 4)] {
        let w = values("idinit(kind=zero, epsilon=1)", &[rows, cols], Axes::linear());
        for row in w.chunks(cols as usize) {
            assert_eq!(row.iter().sum::<f64>(), 0.0);
            assert!(row.contains(&1.0) && row.contains(&-1.0));
        }
    }
}

#[test]
fn axes_of_tables_do_not_matter() {
    let linear = values("linspace(low=3, high=6)", &[2, 4], Axes::linear());
    assert_eq!(linear, values("linspace(low=3, high=6)", &[2, 4], Axes::of(&[Axis::In, Axis::Out])));
    assert_eq!(linear, [3.0, 4.0, 5.0, 6.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn a_widened_identity_passes_its_inputs_on_and_draws_the_rest() {
    let (out, inputs, taps) = (96, 16, 9);
    let w = values("airbench:conv", &[out, inputs, 3, 3], Axes::conv(2, 1));
    let (passed, drawn) = w.split_at((inputs * inputs * taps) as usize);
    for (at, value) in passed.iter().enumerate() {
        let (o, i, tap) = (at / 144, at / 9 % 16, at % 9);
        assert_eq!(*value, f64::from(u8::from(o == i && tap == 4)));
    }
    // torch's default: U(±1/√fan_in).
    let bound = 1.0 / f64::from(144u32).sqrt();
    let n = drawn.len() as f64;
    let square = drawn.iter().map(|w| w * w).sum::<f64>() / n;
    let expected = bound * bound / 3.0;
    // The square of a uniform number varies by 2/√5 of its mean.
    let error = 4.5 * expected * (4.0 / 5.0 / n).sqrt();
    assert!((square - expected).abs() < error && (square * 1.1025 - expected).abs() > error, "{square}");
    assert!(drawn.iter().all(|w| w.abs() <= bound * (1.0 + 1e-6)));
}
