//! Complex weights.

use super::matrix::whole;
use super::prelude::*;
use crate::numerics::{cos_pi, exp, ln, ln_1p, normal_quantile, sin_pi};
use crate::stream::Stream;
use crate::structure::{Formula, Layout, Moments, unit};

/// Complex weights of variance gain²/fan, whose phases are uniform: He's or Glorot's rule for complex networks.
///
/// `normal` has independent normal parts, which is a Rayleigh law of the modulus; `uniform` is uniform on a disk, `truncated` a
/// normal whose modulus is cut at two standard deviations of the uncut law and widened for it. The variance is E|w|², so each
/// part has half of it. A tensor of complex elements gets both parts; one of real elements is one part of a complex weight, and
/// gets that part's law (the other part is another tensor). `glorot`, `he`, `lecun`, `normal` and `variance_scaling` do the same
/// for a tensor of complex elements, and there the frameworks' names have the frameworks' laws: JAX widens a cut law by 1/0.9531
/// where the cut leaves 0.9620, which is 0.93 % too much, and torch draws a square instead of a disk, √2 too wide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Complex {
    /// Which fan divides: `in` (He), `mean` (Glorot), `out` or `geometric`.
    pub fan: Fan,
    /// Factor of the standard deviation; √2 with `fan=in` is the rule for rectifiers of each part.
    pub gain: f64,
    /// The standard deviation √E|w|² itself, instead of gain/√fan.
    pub std: Option<f64>,
    /// The law: `normal`, `uniform` (on a disk) or `truncated` (in the modulus).
    pub draw: Draw,
}

impl Default for Complex {
    fn default() -> Complex {
        Complex { fan: Fan::Mean, gain: 1.0, std: None, draw: Draw::Normal }
    }
}

/// The square of the modulus at which a law of variance 1 is cut.
const CUT: f64 = 4.0;
/// What JAX takes for the standard deviation of a law cut there (`jax.nn.initializers`, 0.10); it is 0.96196.
const CUT_IN_JAX: f64 = 0.953_111_643_804_912_08;

/// Variance of a complex normal of variance 1 cut at the modulus 2: 1 − 4e⁻⁴/(1 − e⁻⁴).
fn truncated_variance() -> f64 {
    1.0 - CUT * exp(-CUT) / (1.0 - exp(-CUT))
}

/// The modulus of a complex number of variance 1, at the quantile `u`.
fn modulus(draw: Draw, u: f64) -> f64 {
    match draw {
        // A disk of radius √2.
        Draw::Uniform => (2.0 * u).sqrt(),
        Draw::Truncated => (-ln_1p(u * (exp(-CUT) - 1.0)) / truncated_variance()).sqrt(),
        _ => (-ln(1.0 - u)).sqrt(),
    }
}

/// The zero-mean law of this variance, spread as `draw` says: of complex numbers where `param` has such elements, with the
/// mistakes of the framework that counts.
///
/// # Errors
/// If the variance is none, or `draw` has no complex form.
pub(super) fn spread(draw: Draw, variance: f64, count: Count, param: &Param) -> Result<Law, Refusal> {
    let real = draw.with_variance(variance)?;
    if param.dtype.component().is_none() || variance == 0.0 {
        return Ok(real);
    }
    match (count, draw) {
        (Count::Torch, Draw::Uniform) => square(3.0 * variance, param),
        (Count::Jax, Draw::Truncated) => {
            numbers(draw, variance * truncated_variance() / (CUT_IN_JAX * CUT_IN_JAX), param)
        }
        _ => numbers(draw, variance, param),
    }
}

/// Both parts of each number uniform between ±√`bound_squared`, independent of each other.
fn square(bound_squared: f64, param: &Param) -> Result<Law, Refusal> {
    let bound = bound_squared.sqrt();
    let moments = Moments { mean: 0.0, variance: 2.0 / 3.0 * bound_squared };
    let value = move |row: u64, col: u64, stream: &Stream| bound * (2.0 * unit(stream, 2 * row + col) - 1.0);
    Ok(whole(Formula::new(layout(param, 2)?, moments, value).of_complex()))
}

/// Complex numbers of this variance: both parts, or the first of them where the elements are real.
fn numbers(draw: Draw, variance: f64, param: &Param) -> Result<Law, Refusal> {
    if draw == Draw::Sine {
        return Err(Refusal::new("a sine of complex numbers", "normal, uniform or truncated", "Choose another draw."));
    }
    let complex = param.dtype.component().is_some();
    let std = variance.sqrt();
    let moments = Moments { mean: 0.0, variance: if complex { variance } else { 0.5 * variance } };
    let value = move |row: u64, col: u64, stream: &Stream| {
        if draw == Draw::Normal {
            return std * std::f64::consts::FRAC_1_SQRT_2 * normal_quantile(unit(stream, 2 * row + col));
        }
        let (length, phase) = (std * modulus(draw, unit(stream, 2 * row)), 2.0 * unit(stream, 2 * row + 1));
        length * if col == 0 { cos_pi(phase) } else { sin_pi(phase) }
    };
    let formula = Formula::new(layout(param, if complex { 2 } else { 1 })?, moments, value);
    Ok(whole(if complex { formula.of_complex() } else { formula }))
}

/// One complex number a row, with `parts` of it as columns.
fn layout(param: &Param, parts: u64) -> Result<Layout, Refusal> {
    let mut shape = param.shape.clone();
    shape.push(parts);
    let dims: Vec<usize> = (0..shape.len()).collect();
    let (rows, cols) = dims.split_at(param.shape.len());
    Layout::of(&shape, rows, cols)
}

impl Complex {
    fn variance(&self, param: &Param) -> Result<f64, Refusal> {
        if let Some(std) = self.std {
            require(std >= 0.0 && std.is_finite(), "std", std, "a finite number, 0 or more")?;
            return Ok(std * std);
        }
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        Ok(self.gain * self.gain / param.fan(self.fan, Count::True)?)
    }
}

impl Method for Complex {
    const ABOUT: About = About {
        name: "complex",
        formula: "E|w|² = gain²/fan: |w| Rayleigh, uniform on a disk or cut; phase uniform",
        source: Source { authors: "Trabelsi, Bilaniuk, Zhang, Serdyuk et al.", year: 2018, at: "Deep complex networks, arXiv:1705.09792", place: "its weight initialization; the disk and the cut are JAX'" },
        when: "For the weights of complex networks, as complex tensors or as two real ones.",
        spellings: &[
            Spelling::same("complex_glorot", "complex"),
            Spelling::same("complex_he", "complex(fan=in, gain=1.4142135623730951)"),
            Spelling::same("complex_normal", "complex(std=1)"),
            Spelling::of("lux", "randnC16", "complex(std=1)", &[]),
            Spelling::of("lux", "randnC32", "complex(std=1)", &[]),
            Spelling::of("lux", "randnC64", "complex(std=1)", &[]),
        ],
        cases: &[
            Case::std("complex", &[128, 72], Axes::linear, 0.07071067811865475, "one of two parts: √(2/200)/√2"),
            Case::std("complex_he", &[10, 50], Axes::linear, 0.1414213562373095, "one of two parts: √(2/50)/√2"),
            Case::std("lux:randnC32", &[8, 8], Axes::linear, 0.707_106_781_186_547_5, "one of two parts, as Julia's randn of a complex type"),
            Case::std("complex(std=4, draw=uniform)", &[8, 8], Axes::linear, 2.8284271247461903, "one of two parts: 4/√2"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let variance = self.variance(param)?;
        if param.dtype.component().is_none() && self.draw == Draw::Normal {
            return Draw::Normal.with_variance(0.5 * variance);
        }
        numbers(self.draw, variance, param)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role};

    fn moduli(draw: Draw) -> Vec<f64> {
        let param = Param::new("w", &[200, 200], Dtype::C64, Role::Weight, Axes::linear());
        let Law::Whole(law) = Complex { draw, std: Some(3.0), ..Complex::default() }.law(&param).unwrap() else {
            panic!("a structure")
        };
        assert!(law.is_complex() && (law.variance() - 9.0).abs() < 1e-12);
        let mut out = vec![0.0; 80_000];
        law.prepare(Stream::new(1, "w")).fill(&Region::All, &mut out);
        out.chunks_exact(2).map(|z| f64::from(z[0]).hypot(f64::from(z[1]))).collect()
    }

    #[test]
    fn every_law_has_its_variance_and_its_reach() {
        for (draw, reach) in [(Draw::Normal, 1e9), (Draw::Uniform, 3.0 * 2f64.sqrt()), (Draw::Truncated, 6.0 / truncated_variance().sqrt())] {
            let r = moduli(draw);
            let n = r.len() as f64;
            let power = r.iter().map(|r| r * r).sum::<f64>() / n;
            let fourth = r.iter().map(|r| r.powi(4)).sum::<f64>() / n;
            let bound = 4.5 * ((fourth - power * power) / n).sqrt();
            assert!((power - 9.0).abs() < bound && (power * 1.05 * 1.05 - 9.0).abs() > bound, "{draw:?}: {power}");
            let longest = r.iter().copied().fold(0.0, f64::max);
            assert!(longest <= reach * (1.0 + 1e-6) && (reach > 1e8 || longest > 0.999 * reach), "{draw:?}: {longest}");
        }
    }

    #[test]
    fn a_disk_is_filled_evenly() {
        let inside = moduli(Draw::Uniform).iter().filter(|r| **r < 3.0).count() as f64 / 40_000.0;
        // Half of the area.
        assert!((inside - 0.5).abs() < 4.5 * 0.5 / 200.0);
    }
}
