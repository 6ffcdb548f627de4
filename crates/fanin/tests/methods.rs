//! Every method from its call to its values: mean and standard deviation of a tensor are those of its law.

use fanin::generate::Filler;
use fanin::methods::{Entry, METHODS};
use fanin::plan::Laws;
use fanin::{Axes, Call, Dist, Dtype, Law, Param, Region, Role};

const SIDE: u64 = 512;
/// Standard errors allowed: once in three million figures.
const ERRORS: f64 = 5.0;

struct Sample {
    values: Vec<f64>,
    mean: f64,
    std: f64,
}

/// Values other than 0 that a sample has, if a few tensors have as many.
const WANTED: usize = 8192;

impl Sample {
    /// One tensor; some more of them where most values are 0.
    fn of(laws: &Laws, name: &str) -> Sample {
        let mut values = Vec::new();
        for tensor in 0..16 {
            let filler = Filler::new(laws, 5, &format!("{name}.{tensor}"), Dtype::F64).unwrap();
            let mut out = vec![0; (SIDE * SIDE * 8) as usize];
            filler.fill(&Region::All, &mut out).unwrap();
            values.extend(out.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            if values.iter().filter(|value| **value != 0.0).count() >= WANTED {
                break;
            }
        }
        Sample::new(values)
    }

    fn new(values: Vec<f64>) -> Sample {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
        Sample { values, mean, std }
    }

    /// The standard error of the standard deviation. How many values are 0 is no chance in any of the laws, so the squares
    /// vary as those of the other values do.
    fn error(&self) -> f64 {
        let squares = || self.values.iter().filter(|v| **v != 0.0).map(|v| (v - self.mean) * (v - self.mean));
        let count = squares().count() as f64;
        let mean = squares().sum::<f64>() / count;
        let variance = squares().map(|square| (square - mean) * (square - mean)).sum::<f64>() / count;
        (count * variance).sqrt() / self.values.len() as f64 / (2.0 * self.std)
    }

    /// Whether the sample may be of a law with these moments.
    fn is_of(&self, mean: f64, std: f64) -> bool {
        if std == 0.0 {
            return self.values.iter().all(|value| *value == mean);
        }
        let n = self.values.len() as f64;
        let rounding = 1e-6 * std;
        (self.mean - mean).abs() <= ERRORS * std / n.sqrt() + rounding
            && (self.std - std).abs() <= ERRORS * self.error() + rounding
    }
}

/// Methods of ones and zeros with a variance of their own, which cannot be scaled without becoming something else; the noise
/// around the ones of `tanh_fixed_point` has its own test, and so has the largest eigenvalue of `np_rnn`, whose variance lies
/// half in the few elements of its diagonal.
const ONES: [&str; 7] = ["identity", "dirac", "zero_2022", "idinit", "bilinear", "tanh_fixed_point", "np_rnn"];

/// The laws of a method's defaults, or of its first worked case where it has arguments that must be given; `None` if it
/// is for other shapes only.
fn laws(entry: &Entry) -> Option<Laws> {
    let about = entry.about();
    let param = Param::new(about.name, &[SIDE, SIDE], Dtype::F64, Role::Weight, Axes::linear());
    let calls = [Call::plain(about.name), about.cases[0].call.parse().unwrap()];
    calls.iter().find_map(|call| Laws::of(&param, call).ok())
}

#[test]
fn the_values_of_every_method_have_the_moments_of_its_law_and_no_others() {
    let mut checked = 0;
    for entry in METHODS {
        let name = entry.about().name;
        let Some(laws) = laws(entry) else { continue };
        checked += 1;
        let law = &laws.parts[0].1;
        let sample = Sample::of(&laws, name);
        let (mean, std) = (law.mean(), law.variance().sqrt());
        assert!(sample.is_of(mean, std), "{name}: {} ± {}, the law says {mean} ± {std}", sample.mean, sample.std);
        if matches!(law, Law::Each(Dist::Constant(0.0))) || ONES.contains(&name) {
            continue;
        }
        for factor in [0.95, 1.05] {
            let off = Sample::new(sample.values.iter().map(|value| value * factor).collect());
            assert!(!off.is_of(mean, std), "{name} × {factor} is not found");
        }
    }
    assert!(checked * 5 > METHODS.len() * 4, "{checked} of {} methods", METHODS.len());
}
