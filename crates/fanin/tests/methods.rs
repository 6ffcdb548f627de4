//! Every method from its call to its values: mean and standard deviation of a tensor are those of its law.

use fanin::generate::Filler;
use fanin::methods::METHODS;
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

impl Sample {
    fn of(laws: &Laws, name: &str) -> Sample {
        let filler = Filler::new(laws, 5, name, Dtype::F64).unwrap();
        let mut out = vec![0; (SIDE * SIDE * 8) as usize];
        filler.fill(&Region::All, &mut out).unwrap();
        Sample::new(out.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect())
    }

    fn new(values: Vec<f64>) -> Sample {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
        Sample { values, mean, std }
    }

    /// Fourth moment over the squared variance: what the error of a standard deviation depends on.
    fn kurtosis(&self) -> f64 {
        let fourth = self.values.iter().map(|v| (v - self.mean).powi(4)).sum::<f64>();
        fourth / self.values.len() as f64 / self.std.powi(4)
    }

    /// Whether the sample may be of a law with these moments.
    fn is_of(&self, mean: f64, std: f64) -> bool {
        if std == 0.0 {
            return self.values.iter().all(|value| *value == mean);
        }
        let n = self.values.len() as f64;
        let error = std * ((self.kurtosis() - 1.0) / (4.0 * n)).sqrt();
        (self.mean - mean).abs() <= ERRORS * std / n.sqrt() && (self.std - std).abs() <= ERRORS * error
    }
}

/// The mean of a law of whole tensors; all but the ones of the identity are symmetric about zero.
fn mean(law: &Law, name: &str) -> f64 {
    match law {
        Law::Each(dist) => dist.mean(),
        Law::Whole(_) if matches!(name, "identity" | "dirac") => 1.0 / SIDE as f64,
        Law::Whole(_) => 0.0,
    }
}

#[test]
fn the_values_of_every_method_have_the_moments_of_its_law_and_no_others() {
    for entry in METHODS {
        let name = entry.about().name;
        let param = Param::new(name, &[SIDE, SIDE], Dtype::F64, Role::Weight, Axes::linear());
        let laws = Laws::of(&param, &Call::plain(name)).unwrap();
        let law = &laws.parts[0].1;
        let sample = Sample::of(&laws, name);
        // A table of cosines and sines has the mean that it has.
        let mean = if name == "rotary" { sample.mean } else { mean(law, name) };
        let std = law.variance().sqrt();
        assert!(sample.is_of(mean, std), "{name}: {} ± {}, the law says {mean} ± {std}", sample.mean, sample.std);
        // Ones and zeros with a variance of their own cannot be scaled without becoming something else.
        if matches!(law, Law::Each(Dist::Constant(0.0))) || matches!(name, "identity" | "dirac") {
            continue;
        }
        for factor in [0.95, 1.05] {
            let off = Sample::new(sample.values.iter().map(|value| value * factor).collect());
            assert!(!off.is_of(mean, std), "{name} × {factor} is not found");
        }
    }
}
