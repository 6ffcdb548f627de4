//! Blocks of rotations, for recurrent weights.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::{cos_pi, sin_pi};
use crate::structure::{Formula, Moments, unit};

/// A block-diagonal matrix of 2 × 2 rotations by random angles, or the skew-symmetric matrix that generates it.
///
/// A recurrent network with it remembers without decay. Models that train on the orthogonal group (expRNN, scoRNN) store the
/// generator: `form=generator`. `henaff` angles are uniform on the circle; `cayley` angles lie between 0 and π/2, near which
/// memories last longest. An odd last unit stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Henaff {
    /// The law of the angles: `henaff` or `cayley`.
    pub angles: Angles,
    /// What is stored: the `rotation` or its `generator`.
    pub form: Stored,
}

/// A law of angles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Angles {
    /// U(−π, π).
    #[default]
    Henaff,
    /// −u, u ~ U(0, π/2).
    Cayley,
}

/// What of a rotation is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// (cos, sin; −sin, cos).
    #[default]
    Rotation,
    /// (0, θ; −θ, 0); tan(θ/2) in place of θ with `cayley`, whose map is Cayley's.
    Generator,
}

impl Method for Henaff {
    const ABOUT: About = About {
        name: "henaff",
        formula: "blocks (cos θ, sin θ; −sin θ, cos θ), θ ~ U(−π, π); or (0, s; −s, 0), s = −√((1 − cos u)/(1 + cos u))",
        source: Source { authors: "Henaff, Szlam, LeCun; Helfrich, Willmott, Ye; Lezcano-Casado", year: 2016, at: "arXiv:1602.06662; arXiv:1707.09520; arXiv:1901.08428", place: "the initializations of expRNN's code" },
        when: "For recurrent weights that must remember without decay.",
        spellings: &[
            Spelling::of("exprnn", "henaff_init_", "henaff(form=generator)", &[]),
            Spelling::of("exprnn", "cayley_init_", "henaff(angles=cayley, form=generator)", &[]),
        ],
        cases: &[
            Case::std("henaff", &[100, 100], Axes::linear, 0.1, "1/√100: an orthogonal matrix"),
            Case::std("exprnn:henaff_init_", &[4, 4], Axes::linear, 0.9068996821171089, "π²/3 on a quarter of the elements"),
            Case::std("exprnn:cayley_init_", &[2, 2], Axes::linear, 0.36962112002370934, "4/π − 1 on half of the elements"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layout = layout(param)?;
        let n = layout.rows();
        if n != layout.cols() || n == 0 {
            return Err(Refusal::new(
                format!("{n} outputs for {} inputs", layout.cols()),
                "a square matrix",
                "Use `orthogonal` for others.",
            ));
        }
        let Henaff { angles, form } = *self;
        let pairs = (n / 2) as f64;
        // Mean squares: of an angle, of tan(u/2), of a block of a rotation, where an odd last unit adds its one.
        let square = match (form, angles) {
            (Stored::Rotation, _) => n as f64,
            (_, Angles::Henaff) => 2.0 * pairs * std::f64::consts::PI * std::f64::consts::PI / 3.0,
            (_, Angles::Cayley) => 2.0 * pairs * (4.0 / std::f64::consts::PI - 1.0),
        };
        let trace = match (form, angles) {
            (Stored::Generator, _) => 0.0,
            (_, Angles::Henaff) => (n % 2) as f64,
            (_, Angles::Cayley) => 2.0 * pairs * std::f64::consts::FRAC_2_PI + (n % 2) as f64,
        };
        let count = n as f64 * n as f64;
        let mean = trace / count;
        let moments = Moments { mean, variance: square / count - mean * mean };
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            let last = row / 2 == n / 2;
            if row / 2 != col / 2 || last {
                return if row == col && last && form == Stored::Rotation { 1.0 } else { 0.0 };
            }
            let u = unit(stream, row / 2);
            // In half turns.
            let angle = if angles == Angles::Henaff { 2.0 * u - 1.0 } else { -0.5 * u };
            let sign = if row < col { 1.0 } else { -1.0 };
            match (form, row == col) {
                (Stored::Rotation, true) => cos_pi(angle),
                (Stored::Rotation, false) => sign * sin_pi(angle),
                (Stored::Generator, true) => 0.0,
                (Stored::Generator, false) if angles == Angles::Henaff => sign * std::f64::consts::PI * angle,
                (Stored::Generator, false) => sign * sin_pi(0.5 * angle) / cos_pi(0.5 * angle),
            }
        })))
    }
}
