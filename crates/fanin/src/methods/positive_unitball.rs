//! Rows of positive numbers that sum to one.

use super::matrix::{layout, line_sums, whole};
use super::prelude::*;
use crate::gain::integral;
use crate::numerics::{exp, powf};
use crate::structure::{Formula, Moments, unit};

/// Uniform numbers between 0 and 1, of which every output's are divided by their sum: each output starts as a weighed mean of
/// its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PositiveUnitball {}

/// E[(u₁ / Σu)²] for n uniform numbers u: the integral of t E[u² e^(−tu)] E[e^(−tu)]^(n−1) over t > 0, since 1/s² is that of
/// t e^(−ts).
fn second_moment(n: f64) -> f64 {
    // Panels that double, from where the integrand is too small to count to where its tail is 2 t^(−n−1).
    let breaks: Vec<f64> = (-60..=60).map(|k| powf(2.0, f64::from(k))).collect();
    let square = |t: f64| {
        if t < 1.0 {
            // Σ (−t)^k / (k! (k + 3)), whose closed form cancels near 0.
            let (mut term, mut sum) = (1.0, 1.0 / 3.0);
            for k in 1..20 {
                term *= -t / f64::from(k);
                sum += term / f64::from(k + 3);
            }
            return sum;
        }
        (2.0 - exp(-t) * (t * t + 2.0 * t + 2.0)) / (t * t * t)
    };
    let mean = |t: f64| if t < 1e-5 { 1.0 - 0.5 * t } else { -crate::numerics::exp_m1(-t) / t };
    integral(&breaks, |t| [t * square(t) * powf(mean(t), n - 1.0)])[0]
}

impl Method for PositiveUnitball {
    const ABOUT: About = About {
        name: "positive_unitball",
        formula: "w[o, i] = u[o, i] / Σ_i u[o, i], u ~ U(0, 1)",
        source: Source { authors: "Jia, Shelhamer, Donahue et al.", year: 2014, at: "Caffe, arXiv:1408.5093", place: "PositiveUnitballFiller" },
        when: "For layers that shall start as averages: mixtures, pooling weights.",
        spellings: &[Spelling::of("caffe", "positive_unitball", "positive_unitball", &[])],
        cases: &[
            Case::std("positive_unitball", &[8, 2], Axes::linear, 0.23843829273012063, "by mpmath"),
            Case::std("caffe:positive_unitball", &[8, 10], Axes::linear, 0.057536691452999965, "by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layout = layout(param)?;
        let (rows, cols) = (layout.rows(), layout.cols());
        let n = (cols as f64).max(1.0);
        let second = if cols < 2 { 1.0 } else { second_moment(n) };
        let moments = Moments { mean: 1.0 / n, variance: (second - 1.0 / (n * n)).max(0.0) };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let sums = line_sums(rows, cols, |row, col| unit(&stream, row * cols + col));
            Box::new(move |row, col| unit(&stream, row * cols + col) / sums[row as usize])
        })))
    }
}
