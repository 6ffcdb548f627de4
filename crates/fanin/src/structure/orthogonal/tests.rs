use super::*;
use crate::structure::gaussian::gaussian;
use crate::structure::testing::{bits, defect, regions_agree, whole_of as whole};
use proptest::prelude::*;

fn layout(rows: u64, cols: u64) -> Layout {
    Layout::matrix(rows, cols, false).unwrap()
}

fn draw(rows: u64, cols: u64, seed: u64) -> Vec<f32> {
    whole(&Orthogonal::new(layout(rows, cols), 1.0).unwrap(), Stream::new(seed, "q"))
}

/// The definition: Householder reflections in double precision, applied one after the other.
fn reflected(m: usize, n: usize, stream: Stream) -> Vec<f64> {
    let mut q: Vec<f64> = (0..m * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    let mut diagonal = vec![0.0; n];
    for k in (0..n).rev() {
        let mut v: Vec<f64> = (0..m)
            .map(|i| {
                let mut x = [0.0];
                gaussian(&stream.lane(1), (i * n + k) as u64, &mut x);
                if i < k { 0.0 } else { f64::from(x[0]) }
            })
            .collect();
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        diagonal[k] = -v[k].signum();
        v[k] += v[k].signum() * norm;
        let square: f64 = v.iter().map(|x| x * x).sum();
        for j in 0..n {
            let dot: f64 = (0..m).map(|i| v[i] * q[i * n + j]).sum();
            for i in 0..m {
                q[i * n + j] -= 2.0 * v[i] * dot / square;
            }
        }
    }
    for (at, value) in q.iter_mut().enumerate() {
        *value *= diagonal[at % n];
    }
    q
}

const SHAPES: [(u64, u64); 14] = [
    (1, 1),
    (1, 9),
    (9, 1),
    (2, 2),
    (3, 5),
    (31, 33),
    (64, 64),
    (65, 33),
    (200, 7),
    (7, 200),
    (257, 130),
    (130, 257),
    (300, 300),
    (3000, 40),
];

#[test]
fn rows_or_columns_are_orthonormal() {
    for (rows, cols) in SHAPES {
        let q = draw(rows, cols, 3);
        let defect = defect(&q, rows as usize, cols as usize);
        assert!(defect < 2e-6, "{rows}×{cols}: {defect:e}");
    }
}

#[test]
fn it_is_the_product_of_the_reflections() {
    for (rows, cols) in SHAPES {
        let stream = Stream::new(11, "q");
        let q = whole(&Orthogonal::new(layout(rows, cols), 1.5).unwrap(), stream);
        let (m, n) = (rows.max(cols) as usize, rows.min(cols) as usize);
        let expected = reflected(m, n, stream);
        for i in 0..m {
            for k in 0..n {
                let value = if rows >= cols { q[i * n + k] } else { q[k * m + i] };
                let wanted = 1.5 * expected[i * n + k];
                assert!((f64::from(value) - wanted).abs() < 5e-6, "{rows}×{cols} ({i}, {k}): {value} {wanted}");
            }
        }
    }
}

#[test]
fn empty_matrices_are_empty() {
    for (rows, cols) in [(0, 0), (0, 5), (5, 0)] {
        assert!(draw(rows, cols, 0).is_empty());
        assert_eq!(
            Orthogonal::new(layout(rows, cols), 1.0).unwrap().variance(),
            1.0 / rows.max(cols).max(1) as f64 * f64::from(u8::from(rows.max(cols) > 0))
        );
    }
}

#[test]
fn impossible_laws_are_refused() {
    for gain in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(Orthogonal::new(layout(2, 2), gain).is_err());
    }
    assert!(Orthogonal::new(layout(1 << 17, 1 << 17), 1.0).is_err());
}

/// Moments of the Haar measure on O(3), each as a distance in standard errors; `draw` gives one matrix a seed.
fn haar_scores(draw: impl Fn(u64) -> Vec<f64>) -> Vec<(&'static str, f64)> {
    let trials = 20_000u32;
    let n = f64::from(trials);
    let (mut first, mut fourth, mut trace, mut trace2, mut det, mut mixed) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for seed in 0..trials {
        let q = draw(u64::from(seed));
        let t = q[0] + q[4] + q[8];
        first += q[0];
        fourth += q[0].powi(4);
        trace += t;
        trace2 += t * t;
        mixed += q[0] * q[4];
        det += q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6])
            + q[2] * (q[3] * q[7] - q[4] * q[6]);
    }
    // A row of Q is uniform on the sphere: its coordinates are uniform on [−1, 1] (Archimedes), so E q² = 1/3,
    // E q⁴ = 1/5, E q⁸ = 1/9. E tr² = 1 and E tr⁴ = 3 (Diaconis and Shahshahani 1994); E det = 0.
    vec![
        ("mean", first / (n / 3.0).sqrt()),
        ("fourth moment", (fourth / n - 0.2) / ((1.0 / 9.0 - 0.04) / n).sqrt()),
        ("trace", trace / n.sqrt()),
        ("trace²", (trace2 / n - 1.0) / (2.0 / n).sqrt()),
        ("determinant", det / n.sqrt()),
        // Var(q₁₁q₂₂) = E q₁₁²q₂₂² = 2/15 on O(3).
        ("q₁₁q₂₂", mixed / (n * 2.0 / 15.0).sqrt()),
    ]
}

fn worst(scores: &[(&'static str, f64)]) -> f64 {
    scores.iter().map(|s| s.1.abs()).fold(0.0, f64::max)
}

#[test]
fn it_is_uniform_on_the_orthogonal_group() {
    let doubles = |q: Vec<f32>| q.into_iter().map(f64::from).collect::<Vec<_>>();
    let scores = haar_scores(|seed| doubles(draw(3, 3, seed)));
    // Six scores; one beyond 4.5 standard errors has a chance below 10⁻⁴, once and for all: the seeds are fixed.
    assert!(worst(&scores) < 4.5, "{scores:?}");

    // What the test must see: no D (the signs that QR leaves), and a rotation instead of a reflection.
    let without_signs = haar_scores(|seed| {
        let mut q = doubles(draw(3, 3, seed));
        for (k, sign) in (0..3).map(|k| {
            let mut x = [0.0];
            gaussian(&Stream::new(seed, "q").lane(1), k * 3 + k, &mut x);
            (k as usize, -f64::from(x[0]).signum())
        }) {
            (0..3).for_each(|i| q[i * 3 + k] *= sign);
        }
        q
    });
    assert!(worst(&without_signs) > 20.0, "{without_signs:?}");
    let positive = haar_scores(|seed| {
        let mut q = doubles(draw(3, 3, seed));
        let det = q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6])
            + q[2] * (q[3] * q[7] - q[4] * q[6]);
        (0..3).for_each(|i| q[i * 3 + 2] *= det.signum());
        q
    });
    assert!(worst(&positive) > 20.0, "{positive:?}");
}

#[test]
fn elements_have_the_variance() {
    // E q² = 1/m: 400 elements of independent matrices each; Var q² = 2(m−1)/(m²(m+2)).
    let (m, trials) = (12.0f64, 4000u32);
    let sample = |gain: f64| {
        let law = Orthogonal::new(layout(12, 5), gain).unwrap();
        let squares = (0..trials).map(|seed| f64::from(whole(&law, Stream::new(seed.into(), "v"))[7]).powi(2));
        let error = (2.0 * (m - 1.0) / (m * m * (m + 2.0)) / f64::from(trials)).sqrt();
        (squares.sum::<f64>() / f64::from(trials) - Orthogonal::new(layout(12, 5), 1.0).unwrap().variance()) / error
    };
    assert!(sample(1.0).abs() < 4.0);
    assert!(sample(1.1).abs() > 4.0);
    // The mean square over all elements is exact: the columns have length 1.
    let q = draw(80, 33, 1);
    let mean: f64 = q.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / q.len() as f64;
    assert!((mean * 80.0 - 1.0).abs() < 1e-6);
}

#[test]
fn every_path_and_every_number_of_threads_gives_the_same_bits() {
    for (rows, cols, transposed) in [(300, 300, false), (700, 130, false), (130, 700, true), (333, 290, true)] {
        let law = Orthogonal::new(Layout::matrix(rows, cols, transposed).unwrap(), 1.0).unwrap();
        let expected = bits(&whole(&law, Stream::new(5, "w")));
        for path in Path::ALL {
            for threads in [1, 2, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out = vec![f32::NAN; expected.len()];
                pool.install(|| law.prepare_on(path, Stream::new(5, "w")).fill(&Region::All, &mut out));
                assert!(bits(&out) == expected, "{rows}×{cols} {path:?} {threads}");
            }
        }
    }
}

#[test]
fn every_layout_holds_the_same_matrix() {
    let stream = Stream::new(2, "w");
    for (out, input, kh, kw) in [(40, 3, 3, 2), (6, 20, 2, 3), (70, 40, 1, 1), (90, 4, 3, 3), (300, 20, 2, 2)] {
        let (o, i, h, w) = (out as usize, input as usize, kh as usize, kw as usize);
        let torch = whole(&Orthogonal::new(layout(out, input * kh * kw), 1.0).unwrap(), stream);
        let view = |shape: [u64; 4], out, input| {
            whole(&Orthogonal::new(Layout::kernel(&shape, out, input).unwrap(), 1.0).unwrap(), stream)
        };
        let keras = view([kh, kw, input, out], 3, 2);
        let transposed = view([input, out, kh, kw], 1, 0);
        let keras_transposed = view([kh, kw, out, input], 2, 3);
        for (at, value) in torch.iter().enumerate() {
            let (x, y, c, r) = (at % w, at / w % h, at / (w * h) % i, at / (w * h * i));
            assert_eq!(*value, keras[((y * w + x) * i + c) * o + r]);
            assert_eq!(*value, transposed[((c * o + r) * h + y) * w + x]);
            assert_eq!(*value, keras_transposed[((y * w + x) * o + r) * i + c]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn regions_have_the_bits_of_the_whole((a, b, c, axes) in (1u64..9, 1u64..9, 1u64..9, 0usize..6)) {
        let [out, input] = [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]][axes];
        let layout = Layout::kernel(&[a * a, b * 5, c], out, input).unwrap();
        regions_agree(&Orthogonal::new(layout, 1.0).unwrap());
    }
}

#[test]
#[ignore = "takes seconds in release and minutes otherwise: cargo test --release -p fanin -- --ignored large"]
fn large_matrices_are_orthogonal_and_shards_have_their_bits() {
    let n = 4096usize;
    let (law, stream) = (Orthogonal::new(layout(n as u64, n as u64), 1.0).unwrap(), Stream::new(1, "large"));
    let q = whole(&law, stream);
    // All columns against sixteen of them.
    let mut dots = vec![0.0f64; 16 * n];
    for row in q.chunks_exact(n) {
        for (c, dots) in dots.chunks_exact_mut(n).enumerate() {
            let left = f64::from(row[c * 273]);
            dots.iter_mut().zip(row).for_each(|(dot, &right)| *dot += left * f64::from(right));
        }
    }
    for (c, dots) in dots.chunks_exact(n).enumerate() {
        for (j, dot) in dots.iter().enumerate() {
            assert!((dot - f64::from(u8::from(j == c * 273))).abs() < 1e-5, "columns {} and {j}: {dot}", c * 273);
        }
    }
    let prepared = law.prepare(stream);
    for (rows, cols) in [(0..512, 0..4096), (1000..1001, 0..4096), (3000..4096, 77..1500), (0..4096, 4000..4003)] {
        let region = Region::boxed(&[rows, cols]);
        let mut part = vec![f32::NAN; region.len(law.layout.shape()) as usize];
        prepared.fill(&region, &mut part);
        let wanted = region.runs(law.layout.shape()).unwrap().flatten().map(|flat| q[flat as usize].to_bits());
        assert!(part.iter().map(|v| v.to_bits()).eq(wanted));
    }
}
