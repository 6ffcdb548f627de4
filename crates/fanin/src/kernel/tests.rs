//! The kernels at chosen words, which a stream would not meet in a lifetime.

use super::form::{Form, Shape};
use super::generated::polynomials::TAIL;
use super::*;
use crate::numerics::{normal_quantile, sin_pi};

/// Words near both ends, near the middle, near every power of two from both ends, and some of all sizes.
fn words() -> Vec<u32> {
    let mut words: Vec<u32> = (0..3000).collect();
    for power in 1..32 {
        words.extend((0..40).map(|k| (1u32 << power).wrapping_add(k).wrapping_sub(20)));
    }
    words.extend((0..1 << 16).map(|k: u32| k.wrapping_mul(0x9E37_79B9)));
    let mirrored: Vec<u32> = words.iter().map(|w| !w).collect();
    words.extend(mirrored);
    words
}

fn at(path: Path, dist: &Dist, words: &[u32]) -> Vec<f32> {
    let Form::Scaled(law) = Form::new(dist) else { panic!("{dist} is not a vector law") };
    let mut out = vec![0.0; words.len()];
    path.kernels().transformed(&law, words, &mut out);
    out
}

fn laws() -> [Dist; 6] {
    [
        Dist::Normal { mean: 0.0, std: 1.0 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -5.5, high: 5.5 },
        Dist::Truncated { mean: 0.0, std: 1.0, low: -0.01, high: 0.01 },
        Dist::Arcsine { mean: 0.0, amplitude: 1.0 },
        Dist::Uniform { low: -1.0, high: 1.0 },
    ]
}

#[test]
fn all_instruction_sets_agree_at_the_ends() {
    let words = words();
    for dist in laws() {
        let scalar = at(Path::Scalar, &dist, &words);
        for path in [Path::Avx2, Path::Avx512] {
            for ((a, b), word) in scalar.iter().zip(at(path, &dist, &words)).zip(&words) {
                assert_eq!(a.to_bits(), b.to_bits(), "{dist} at {word:x} by {path:?}: {a} {b}");
            }
        }
    }
}

#[test]
fn errors_are_as_documented() {
    let words = words();
    for (dist, allowed) in laws().into_iter().zip([6e-7, 3e-7, 6e-7, 2e-7, 3e-7, 6e-8]) {
        for (x, &word) in at(Path::best(), &dist, &words).iter().zip(&words) {
            let exact = dist.quantile((f64::from(word) + 0.5) / 4_294_967_296.0);
            assert!((f64::from(*x) - exact).abs() < allowed, "{dist} at {word:x}: {x} {exact}");
        }
    }
}

#[test]
fn values_grow_with_the_word() {
    let mut words = words();
    words.sort_unstable();
    for dist in laws() {
        let values = at(Path::best(), &dist, &words);
        // Neighbouring words may round to the wrong side of each other, by the error of the last operations.
        let mut largest = f32::MIN;
        for value in values {
            assert!(value >= largest - 3e-7, "{dist}: {value} after {largest}");
            largest = largest.max(value);
        }
    }
}

#[test]
fn the_table_is_the_normal_quantile() {
    for (row, power) in TAIL.iter().zip(-1i32..) {
        for step in 0..=20 {
            let s = f64::from(step) / 20.0 - 0.5;
            let value = row.iter().rev().fold(0.0, |sum, &c| sum * s + f64::from(c));
            let exact = normal_quantile((s + 1.5) * 2f64.powi(power - 32));
            assert!((value - exact).abs() < 3e-7, "octave {power} at {s}: {value} {exact}");
        }
    }
}

#[test]
fn the_polynomial_is_a_sine() {
    for step in 0..=100 {
        let s = f64::from(step) / 100.0;
        let value =
            s * super::generated::polynomials::SINE.iter().rev().fold(0.0, |sum, &c| sum * s * s + f64::from(c));
        assert!((value - sin_pi(0.5 * s)).abs() < 6e-8, "{s}");
    }
}

#[test]
fn each_cut_takes_the_path_it_should() {
    let inf = f64::INFINITY;
    let cut = |mean, std, low, high| Form::new(&Dist::Truncated { mean, std, low, high });
    let plain = |form| matches!(form, Form::Scaled(Scaled { shape: Shape::Normal(tails), .. }) if tails.floor == 0.5);
    assert!(plain(cut(0.0, 1.0, -inf, inf)));
    assert!(plain(cut(0.5, 0.02, -2.0, 2.0)), "too far out to be seen, though not symmetric");
    assert!(!plain(cut(0.0, 1.0, -2.0, 2.0)));
    assert!(matches!(cut(0.0, 1.0, -2.0, 2.0), Form::Scaled(_)));
    assert!(matches!(cut(0.1, 0.02, 0.1 - 0.04, 0.1 + 0.04), Form::Scaled(_)), "symmetric but for rounding");
    assert!(matches!(cut(0.0, 1.0, -1.0, 2.0), Form::Exact(_)));
    assert!(matches!(cut(0.0, 1.0, 7.0, inf), Form::Exact(_)));
    assert!(matches!(cut(0.0, 0.0, -1.0, 2.0), Form::Constant(0.0)));
    assert!(matches!(cut(0.0, 1.0, 2.0, 2.0), Form::Constant(2.0)));
}

#[test]
fn words_of_all_instruction_sets_are_those_of_the_stream() {
    let stream = Stream::new(0x0123_4567_89ab_cdef, "layer.weight").lane(200);
    for block in [0, 1, 77, (1 << 32) - 3, (1 << 32) - 40, 1 << 32, (1 << 56) - 400] {
        for path in Path::ALL {
            let mut words = Words([0; CHUNK + STEP]);
            let words = path.kernels().draw(&stream, 4 * block + 3, 1000, &mut words);
            for (k, &word) in words.iter().enumerate() {
                assert_eq!(word, stream.word(4 * block + 3 + k as u64), "{path:?} block {block} word {k}");
            }
        }
    }
}

#[test]
fn binary64_values_use_two_words() {
    let (dist, stream) = (Dist::Uniform { low: 0.0, high: 1.0 }, Stream::new(5, "a").lane(130));
    let mut out = [0; 800];
    fill(&dist, &stream, 21, Dtype::F64, &mut out).unwrap();
    for (i, bytes) in (21..).zip(out.as_chunks::<8>().0) {
        let word = u64::from(stream.word(i)) << 32 | u64::from(stream.lane(2).word(i));
        let u = word as f64 / 2f64.powi(64);
        assert!((f64::from_le_bytes(*bytes) - u).abs() < 2e-16, "{i}");
    }
}
