//! Convolution filters that are smooth and lie around their centre.

use super::matrix::{dims, whole};
use super::prelude::*;
use crate::numerics::{exp, normal_quantile};
use crate::structure::{Formula, Layout, Moments, unit};
use std::sync::Arc;

/// Normal filters whose neighbouring taps are alike and whose outer taps are small: what trained depthwise filters look like.
///
/// The filters of a trained depthwise convolution have a covariance that is smooth in space and falls off from the centre, more
/// so in the first layers; filters drawn with such a covariance train faster than independent ones, and need no training at all
/// where they are large. Here a filter is white noise, smoothed by a Gaussian of `smooth` taps and weighed by a Gaussian window
/// of `window` taps around the centre. The mean variance of a tap is `gain²/fan_in`, so that the scale of the signal is that of
/// independent weights. Let the window grow with depth: `conv_covariance(window=1 + 2 * layer / layers)`. The authors' covariance
/// has a third, static part, and a schedule whose numbers are fitted to their models: both are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConvCovariance {
    /// Standard deviation of the window, in taps.
    pub window: f64,
    /// Standard deviation of the smoothing, in taps; 0 keeps taps independent.
    pub smooth: f64,
    /// Factor of the standard deviation; √2 is that of He's rule.
    pub gain: f64,
}

impl Default for ConvCovariance {
    fn default() -> ConvCovariance {
        ConvCovariance { window: 2.0, smooth: 1.0, gain: 1.0 }
    }
}

/// Taps of the largest filter: every value sums over them.
const MOST_TAPS: u64 = 1024;

/// How white noise becomes a filter: row p has the weights of the noise that tap p sums.
struct Filter {
    taps: usize,
    weights: Vec<f64>,
}

impl Filter {
    fn new(sizes: &[u64], window: f64, smooth: f64) -> Filter {
        let taps = sizes.iter().product::<u64>() as usize;
        let place = |tap: usize| -> Vec<f64> {
            let mut rest = tap as u64;
            let axis = |&size: &u64| {
                let at = rest % size;
                rest /= size;
                at as f64
            };
            sizes.iter().rev().map(axis).collect()
        };
        let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let centre: Vec<f64> = sizes.iter().rev().map(|&size| (size as f64 - 1.0) / 2.0).collect();
        let places: Vec<Vec<f64>> = (0..taps).map(place).collect();
        let mut weights = Vec::with_capacity(taps * taps);
        for (p, at) in places.iter().enumerate() {
            let near = |(q, other): (usize, &Vec<f64>)| {
                if p == q { 1.0 } else { exp(-0.5 * square(at, other) / (smooth * smooth).max(1e-6)) }
            };
            let row: Vec<f64> = places.iter().enumerate().map(near).collect();
            // Every tap has the variance that the window gives it, whatever the smoothing.
            let length = row.iter().map(|w| w * w).sum::<f64>().sqrt();
            let factor = exp(-0.5 * square(at, &centre) / (window * window)) / length;
            weights.extend(row.iter().map(|w| w * factor));
        }
        Filter { taps, weights }
    }

    /// The mean variance of a tap.
    fn variance(&self) -> f64 {
        self.weights.iter().map(|w| w * w).sum::<f64>() / self.taps as f64
    }

    fn value(&self, tap: usize, noise: impl Fn(u64) -> f64) -> f64 {
        let row = &self.weights[tap * self.taps..(tap + 1) * self.taps];
        row.iter().enumerate().map(|(q, weight)| weight * noise(q as u64)).sum()
    }
}

impl Method for ConvCovariance {
    const ABOUT: About = About {
        name: "conv_covariance",
        formula: "W[tap p] = c e^(−|p − centre|²/2 window²) Σ_q e^(−|p − q|²/2 smooth²) z_q / length; mean var = gain²/fan_in",
        source: Source { authors: "Trockman, Willmott, Kolter", year: 2022, at: "Understanding the covariance structure of convolutional filters, arXiv:2210.03651", place: "smoothness and locality of its covariance; this form of it is ours" },
        when: "For depthwise convolutions with large filters (7 × 7 and more).",
        spellings: &[],
        cases: &[
            Case::std("conv_covariance", &[96, 1, 7, 7], depthwise, 0.142_857_142_857_142_85, "1/√49"),
            Case::std("conv_covariance(gain=2, window=1, smooth=0)", &[32, 1, 5, 5], few, 0.4, "2/√25"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        require(self.window > 0.01 && self.window.is_finite(), "window", self.window, "a number of taps above 0.01")?;
        require(self.smooth >= 0.0 && self.smooth.is_finite(), "smooth", self.smooth, "a number of taps, 0 or more")?;
        let [out, input, field] = dims(param)?;
        let sizes: Vec<u64> = field.iter().map(|&d| param.shape[d]).collect();
        let taps = sizes.iter().try_fold(1u64, |taps, &size| taps.checked_mul(size)).filter(|taps| (2..=MOST_TAPS).contains(taps));
        let Some(taps) = taps else {
            return Err(Refusal::new(
                format!("the shape {:?} has a field of {sizes:?}", param.shape),
                format!("a convolution of 2 to {MOST_TAPS} taps"),
                "Use `he` or `orthogonal` for others.",
            ));
        };
        let layout = Layout::of(&param.shape, &out, &[input, field].concat())?;
        let filter = Arc::new(Filter::new(&sizes, self.window, self.smooth));
        let variance = self.gain * self.gain / param.fan(Fan::In, Count::True)?;
        let (factor, cols) = ((variance / filter.variance()).sqrt(), layout.cols());
        Ok(whole(Formula::new(layout, Moments { mean: 0.0, variance }, move |row, col, stream| {
            let first = row * cols + col / taps * taps;
            factor * filter.value((col % taps) as usize, |q| normal_quantile(unit(stream, first + q)))
        })))
    }
}

fn depthwise() -> Axes {
    Axes::conv(2, 96)
}

fn few() -> Axes {
    Axes::conv(2, 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;
    use crate::{Dtype, Region, Role};

    #[test]
    fn taps_have_the_covariance_of_the_formula() {
        let (channels, k) = (20_000u64, 5u64);
        let param = Param::new("w", &[channels, 1, k, k], Dtype::F32, Role::Weight, Axes::conv(2, channels));
        let method = ConvCovariance { window: 1.5, smooth: 0.8, gain: 3.0 };
        let Law::Whole(law) = method.law(&param).unwrap() else { panic!("a structure") };
        let mut w = vec![0.0; (channels * k * k) as usize];
        law.prepare(Stream::new(4, "w")).fill(&Region::All, &mut w);
        let product = |p: usize, q: usize| {
            let each = |filter: &[f32]| f64::from(filter[p]) * f64::from(filter[q]);
            w.chunks_exact((k * k) as usize).map(each).sum::<f64>() / channels as f64
        };
        let smoothed = |p: usize, q: usize| {
            let near = |p: usize, r: usize| {
                let (a, b) = ((p / 5) as f64 - (r / 5) as f64, (p % 5) as f64 - (r % 5) as f64);
                (-(a * a + b * b) / 2.0 / 0.64).exp()
            };
            let dot = |p: usize, q: usize| (0..25).map(|r| near(p, r) * near(q, r)).sum::<f64>();
            dot(p, q) / (dot(p, p) * dot(q, q)).sqrt()
        };
        let window = |p: usize| {
            let (a, b) = ((p / 5) as f64 - 2.0, (p % 5) as f64 - 2.0);
            (-(a * a + b * b) / 2.0 / 2.25).exp()
        };
        let scale = 9.0 / (0..25).map(|p| window(p) * window(p)).sum::<f64>();
        for (p, q) in [(12, 12), (12, 13), (12, 7), (0, 0), (0, 1), (6, 18), (3, 21)] {
            let expected = scale * window(p) * window(q) * smoothed(p, q);
            let deviation = scale * window(p) * window(q) * (1.0 + smoothed(p, q).powi(2)).sqrt();
            let bound = 4.5 * deviation / (channels as f64).sqrt();
            assert!((product(p, q) - expected).abs() < bound, "{p} {q}: {} for {expected}", product(p, q));
            // 5 % more of every weight would be seen where taps are alike.
            let found = (product(p, q) * 1.1025 - expected).abs() > bound;
            assert!(found || smoothed(p, q) < 0.5, "{p} {q}: 5 % are not found");
        }
    }

    #[test]
    fn a_filter_without_a_field_is_refused() {
        let param = Param::new("w", &[8, 8], Dtype::F32, Role::Weight, Axes::linear());
        assert!(ConvCovariance::default().law(&param).unwrap_err().to_string().contains("2 to 1024 taps"));
    }
}
