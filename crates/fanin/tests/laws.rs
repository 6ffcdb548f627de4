//! Moments and distribution of many values, with bounds from their number; a law that is 5 % off must fail them.

use fanin::numerics::normal_cdf;
use fanin::{Dist, Dtype, Stream, kernel};

const N: usize = 1 << 20;

struct Case {
    dist: Dist,
    /// Fourth central moment over the square of the variance.
    kurtosis: f64,
}

fn cases() -> Vec<Case> {
    let case = |dist, kurtosis| Case { dist, kurtosis };
    vec![
        case(Dist::Uniform { low: -0.25, high: 0.75 }, 1.8),
        case(Dist::Normal { mean: 0.5, std: 2.0 }, 3.0),
        // Kurtosis of a normal cut at ±2: integrated numerically; both at 0 ± 2 and in the slow path at −1 … 3 (upper bound).
        case(Dist::Truncated { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 }, 2.3655),
        case(Dist::Truncated { mean: 1.0, std: 0.5, low: 0.5, high: 2.5 }, 3.0),
        case(Dist::Truncated { mean: 0.0, std: 1.0, low: 4.0, high: f64::INFINITY }, 9.0),
        case(Dist::Arcsine { mean: -1.0, amplitude: 0.5 }, 1.5),
    ]
}

/// The law with its spread, and its distance from the mean, 5 % larger.
fn five_percent_off(dist: &Dist) -> Dist {
    let m = dist.mean();
    let out = |x: f64| m + 1.05 * (x - m);
    match *dist {
        Dist::Uniform { low, high } => Dist::Uniform { low: out(low), high: out(high) },
        Dist::Normal { mean, std } => Dist::Normal { mean, std: 1.05 * std },
        Dist::Truncated { mean, std, low, high } => {
            Dist::Truncated { mean: out(mean), std: 1.05 * std, low: out(low), high: out(high) }
        }
        Dist::Arcsine { mean, amplitude } => Dist::Arcsine { mean, amplitude: 1.05 * amplitude },
        Dist::Constant(value) => Dist::Constant(1.05 * value),
    }
}

/// The law with its mean moved by 5 % of its standard deviation.
fn moved(dist: &Dist) -> Dist {
    let by = 0.05 * dist.variance().sqrt();
    match *dist {
        Dist::Uniform { low, high } => Dist::Uniform { low: low + by, high: high + by },
        Dist::Normal { mean, std } => Dist::Normal { mean: mean + by, std },
        Dist::Truncated { mean, std, low, high } => {
            Dist::Truncated { mean: mean + by, std, low: low + by, high: high + by }
        }
        Dist::Arcsine { mean, amplitude } => Dist::Arcsine { mean: mean + by, amplitude },
        Dist::Constant(value) => Dist::Constant(value + by),
    }
}

fn cdf(dist: &Dist, x: f64) -> f64 {
    match *dist {
        Dist::Constant(value) => f64::from(u8::from(x >= value)),
        Dist::Uniform { low, high } => (x - low) / (high - low),
        Dist::Normal { mean, std } => normal_cdf((x - mean) / std),
        Dist::Truncated { mean, std, low, high } => {
            // From above, where the interval lies in the upper tail.
            let above = |x: f64| normal_cdf(-(x - mean) / std);
            (above(low) - above(x)) / (above(low) - above(high))
        }
        Dist::Arcsine { mean, amplitude } => {
            0.5 + ((x - mean) / amplitude).clamp(-1.0, 1.0).asin() / std::f64::consts::PI
        }
    }
    .clamp(0.0, 1.0)
}

fn values(dist: &Dist, dtype: Dtype) -> Vec<f64> {
    let size = dtype.size().unwrap();
    let mut bytes = vec![0; N * size];
    kernel::fill(dist, &Stream::new(20, "weight"), 0, dtype, &mut bytes).unwrap();
    match dtype {
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        _ => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
    }
}

/// Distances of sample mean and variance from those of the law, in their standard errors.
fn moments(sample: &[f64], dist: &Dist, kurtosis: f64) -> (f64, f64) {
    let n = sample.len() as f64;
    let (mean, variance) = (dist.mean(), dist.variance());
    let first = sample.iter().map(|x| x - mean).sum::<f64>() / n;
    let second = sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (first.abs() / (variance / n).sqrt(), (second - variance).abs() / (variance * ((kurtosis - 1.0) / n).sqrt()))
}

/// √n times the largest distance between the distribution of the sample (sorted) and that of the law.
fn kolmogorov(sample: &[f64], dist: &Dist) -> f64 {
    let n = sample.len() as f64;
    let distance = |(i, &x): (usize, &f64)| {
        let f = cdf(dist, x);
        (f - i as f64 / n).max((i + 1) as f64 / n - f)
    };
    n.sqrt() * sample.iter().enumerate().map(distance).fold(0.0, f64::max)
}

#[test]
fn values_follow_their_law_and_no_other() {
    for Case { dist, kurtosis } in cases() {
        for dtype in [Dtype::F32, Dtype::F64] {
            let mut sample = values(&dist, dtype);
            sample.sort_unstable_by(f64::total_cmp);
            // 4.5 standard errors: once in 150 000. √n·D > 2.3: once in 20 000 (Kolmogorov's limit 2·exp(−2·2.3²)).
            let (mean, variance) = moments(&sample, &dist, kurtosis);
            assert!(
                mean < 4.5 && variance < 4.5,
                "{dist} {dtype}: mean {mean}, variance {variance} standard errors off"
            );
            let d = kolmogorov(&sample, &dist);
            assert!(d < 2.3, "{dist} {dtype}: {d}");

            let wide = five_percent_off(&dist);
            assert!(moments(&sample, &wide, kurtosis).1 > 4.5, "the variance of {wide} passes for that of {dist}");
            assert!(kolmogorov(&sample, &wide) > 2.3, "{wide} passes for {dist}");
            assert!(moments(&sample, &moved(&dist), kurtosis).0 > 4.5, "the mean of {} passes", moved(&dist));
            assert!(kolmogorov(&sample, &moved(&dist)) > 2.3, "{} passes for {dist}", moved(&dist));
        }
    }
}

#[test]
fn binary32_and_binary64_values_are_the_same_draw() {
    for Case { dist, .. } in cases() {
        let (mean, scale) = (dist.mean(), dist.variance().sqrt());
        for (a, b) in values(&dist, Dtype::F32).iter().zip(values(&dist, Dtype::F64)) {
            // The words agree in 32 bits, which in the far tail (one in a million) is not much.
            let far = (a - mean).abs() > 4.5 * scale;
            assert!(far || (a - b).abs() < 2e-5 * scale, "{dist}: {a} {b}");
        }
    }
}

#[test]
fn values_never_leave_the_bounds() {
    for (low, high) in [(-2.0, 2.0), (-0.1, 0.3), (0.1, 0.1 + 1e-7), (-4.9, 4.9), (1.0, 1.0 + 2e-7)] {
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        for dist in [
            Dist::Uniform { low, high },
            Dist::Truncated { mean: middle, std: 1.0, low, high },
            Dist::Truncated { mean: 0.0, std: 1.0, low, high },
            Dist::Arcsine { mean: middle, amplitude: half },
        ] {
            let sample = values(&dist, Dtype::F32);
            let (least, most) = sample.iter().fold((f64::MAX, f64::MIN), |(a, b), &x| (a.min(x), b.max(x)));
            assert!(f64::from(low as f32) <= least && most <= f64::from(high as f32), "{dist}: {least} {most}");
            assert!(most > least, "{dist} is not constant");
        }
    }
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let (dist, stream) = (Dist::Normal { mean: 0.0, std: 1.0 }, Stream::new(0, "a"));
    assert!(kernel::fill(&dist, &stream, 0, Dtype::I32, &mut [0; 4]).is_err());
    assert!(kernel::fill(&dist, &stream, 0, Dtype::F32, &mut [0; 6]).is_err());
    assert!(kernel::fill(&dist, &stream, u64::MAX, Dtype::F32, &mut [0; 8]).is_err());
    assert!(kernel::fill(&Dist::Normal { mean: 0.0, std: -1.0 }, &stream, 0, Dtype::F32, &mut [0; 8]).is_err());
    assert!(kernel::fill(&dist, &stream, (1 << 58) - 34, Dtype::F32, &mut [0; 8]).is_ok());
    assert!(kernel::fill(&dist, &stream, (1 << 58) - 33, Dtype::F32, &mut [0; 8]).is_err());
    assert!(kernel::fill(&dist, &stream, 0, Dtype::F32, &mut []).is_ok());
}
