//! Kolmogorov–Arnold networks.

use super::matrix::dims;
use super::prelude::*;
use crate::numerics::powf;

/// Spline coefficients, and the scales of splines and of the residual activation, of a Kolmogorov–Arnold network.
///
/// A layer has a spline of order k on a grid of G intervals for every pair of units. `lecun` keeps the scale of the signal
/// through all G + k basis functions and the residual term, for inputs uniform on the grid; `power` is the rule that did best
/// in comparisons; `pykan` and `jaxkan` are those packages' noise. Scales: `base` multiplies the residual activation, `spline`
/// the splines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kan {
    /// Which parameter: spline `coefficients`, the `base` scale, or the `spline` scale.
    pub part: Part,
    /// The law of the coefficients: `lecun`, `power`, `pykan` or `jaxkan`.
    pub kind: Kind,
    /// Intervals G of the grid.
    pub grid: u64,
    /// Order k of the splines: 1, 2 or 3.
    pub order: u64,
    /// Factor of the standard deviation, for `lecun` and `power`.
    pub gain: f64,
    /// Exponents of (G + k + 1) and of the inputs, for `power`.
    pub powers: [f64; 2],
}

/// A parameter of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Of the splines.
    #[default]
    Coefficients,
    /// Of the residual activation.
    Base,
    /// The splines' common factor.
    Spline,
}

/// A law of spline coefficients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// gain/√(inputs (G + k + 1) E[B²]).
    #[default]
    Lecun,
    /// gain/((G + k + 1)^p₁ inputs^p₂).
    Power,
    /// U(±¼/G).
    Pykan,
    /// N(0, 0.1²).
    Jaxkan,
}

impl Default for Kan {
    fn default() -> Kan {
        Kan { part: Part::Coefficients, kind: Kind::Lecun, grid: 5, order: 3, gain: 1.0, powers: [0.25, 0.75] }
    }
}

impl Kan {
    /// Mean square of a basis function at a uniform place of the grid: ∫B² over its support, shared by G + k functions.
    fn mean_square(&self) -> f64 {
        // The central value of the B-spline of order 2k + 1.
        let square = match self.order {
            1 => 2.0 / 3.0,
            2 => 11.0 / 20.0,
            _ => 151.0 / 315.0,
        };
        square / (self.grid + self.order) as f64
    }
}

impl Method for Kan {
    const ABOUT: About = About {
        name: "kan",
        formula: "coefficients: std = gain/√(in (G + k + 1) E[B²]); base: U(±1/√in); spline: 1/√in",
        source: Source { authors: "Liu et al. (pykan); Rigas et al.", year: 2025, at: "KAN, arXiv:2404.19756; Initialization schemes for Kolmogorov–Arnold networks, arXiv:2509.03417", place: "the packages' code; the LeCun-like and power-law rules, E[B²] for uniform inputs" },
        when: "For the splines of Kolmogorov–Arnold networks.",
        spellings: &[
            Spelling::of("pykan", "coef", "kan(kind=pykan)", &[("num", "grid")]).noting("the noise of the spline's *values*, (U − ½) · 0.5/G, from which the package computes coefficients"),
            Spelling::of("pykan", "scale_base", "kan(part=base)", &[]),
            Spelling::of("pykan", "scale_sp", "kan(part=spline)", &[]),
            Spelling::of("jaxkan", "c_basis", "kan(kind=jaxkan)", &[]),
        ],
        cases: &[
            Case::std("kan", &[16, 4, 8], splines, 0.6808642735086027, "1/√(4 · 9 · 151/(315 · 8))"),
            Case::std("kan(kind=power, powers=[0.5, 1])", &[16, 4, 8], splines, 0.08333333333333333, "1/(√9 · 4)"),
            Case::bound("pykan:coef(num=5)", &[16, 4, 8], splines, 0.05, "¼/5"),
            Case::bound("pykan:scale_base", &[16, 4], Axes::linear, 0.5, "1/√4"),
            Case::value("pykan:scale_sp", 0.5773502691896257, "1/√3"),
            Case::std("jaxkan:c_basis", &[16, 4, 8], splines, 0.1, "by definition"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let [_, input, _] = dims(param)?;
        let inputs = input.iter().map(|&d| param.shape[d] as f64).product::<f64>();
        require(inputs > 0.0, "inputs", inputs, "one or more")?;
        require(self.grid > 0 && (1..=3).contains(&self.order), "order", self.order as f64, "1, 2 or 3, on a grid of one or more")?;
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        let terms = (self.grid + self.order + 1) as f64;
        let bound = match (self.part, self.kind) {
            (Part::Spline, _) => return each(Dist::Constant(1.0 / inputs.sqrt())),
            (Part::Base, _) => 1.0 / inputs.sqrt(),
            (_, Kind::Pykan) => 0.25 / self.grid as f64,
            (_, Kind::Jaxkan) => return Draw::Normal.with_variance(0.01),
            (_, Kind::Lecun) => {
                return Draw::Normal.with_variance(self.gain * self.gain / (inputs * terms * self.mean_square()));
            }
            (_, Kind::Power) => {
                let std = self.gain / (powf(terms, self.powers[0]) * powf(inputs, self.powers[1]));
                return Draw::Normal.with_variance(std * std);
            }
        };
        each(Dist::Uniform { low: -bound, high: bound })
    }
}

fn splines() -> Axes {
    use crate::axes::Axis;
    Axes::of(&[Axis::Out, Axis::In, Axis::Field])
}
