//! The kernel of a short-time Fourier transform.

use super::matrix::whole;
use super::prelude::*;
use crate::numerics::{cos_pi, sin_pi};
use crate::structure::{Formula, Layout};

/// Cosines or sines under a window: a convolution that computes a short-time Fourier transform.
///
/// The kernel is [time, 1, frequencies], as Keras stores it, with frequencies = n/2 + 1 for a transform of length n. A real
/// spectrogram has one layer with `side=real` and one with `side=imag`. Not drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stft {
    /// Which part of the transform: `real` (cosines) or `imag` (sines, negative as in e^(−iωt)).
    pub side: Side,
    /// The window: `hann`, `hamming`, `blackman`, `bartlett`, or `boxcar` for none.
    pub window: Window,
    /// What the window is divided by: `density` (√Σw²), `spectrum` (Σ|w|) or `none`.
    pub scaling: Scaling,
    /// Whether the window is one period (for transforms) or symmetric (for filters), as Keras has it by default.
    pub periodic: bool,
}

/// A part of a complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The real part.
    #[default]
    Real,
    /// The imaginary part.
    Imag,
}

/// A window over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A raised cosine.
    #[default]
    Hann,
    /// A raised cosine on a pedestal of 0.08.
    Hamming,
    /// Three cosine terms, 0.42, 0.5 and 0.08.
    Blackman,
    /// A triangle.
    Bartlett,
    /// Ones.
    Boxcar,
}

/// What a window is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Its root sum of squares.
    #[default]
    Density,
    /// Its sum.
    Spectrum,
    /// Nothing.
    None,
}

impl Window {
    /// Its height at time `t` of `n`.
    fn at(self, t: u64, n: u64, periodic: bool) -> f64 {
        let span = if periodic { n } else { n.saturating_sub(1) };
        if span == 0 {
            return 1.0;
        }
        let turn = t as f64 / span as f64;
        match self {
            Window::Hann => 0.5 - 0.5 * cos_pi(2.0 * turn),
            Window::Hamming => 0.54 - 0.46 * cos_pi(2.0 * turn),
            Window::Blackman => 0.42 - 0.5 * cos_pi(2.0 * turn) + 0.08 * cos_pi(4.0 * turn),
            Window::Bartlett => 1.0 - (2.0 * turn - 1.0).abs(),
            Window::Boxcar => 1.0,
        }
    }
}

const ARGS: &[(&str, &str)] =
    &[("side", "side"), ("window", "window"), ("scaling", "scaling"), ("periodic", "periodic")];

impl Method for Stft {
    const ABOUT: About = About {
        name: "stft",
        formula: "w[t, 1, k] = cos(2π t k/n) · window[t] / scale, or −sin; n = 2 (frequencies − 1)",
        source: Source { authors: "Keras", year: 2025, at: "keras.initializers.STFT", place: "its docstring" },
        when: "For a spectrogram layer, trained or not.",
        spellings: &[
            Spelling::of("keras", "STFT", "stft", ARGS),
            Spelling::of("keras", "stft", "stft", ARGS),
            Spelling::of("keras", "STFTInitializer", "stft", ARGS),
        ],
        cases: &[
            Case::std("stft", &[16, 1, 9], line, 0.198576451304535, "by mpmath"),
            Case::std("keras:STFT(side=imag, scaling=spectrum, periodic=true)", &[8, 1, 5], line, 0.07905694150420949, "by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let (times, frequencies) = match param.shape[..] {
            [times, 1, frequencies] if times > 0 && frequencies > 1 && times < 1 << 32 && frequencies < 1 << 32 => {
                (times, frequencies)
            }
            _ => {
                return Err(Refusal::new(
                    format!("the shape {:?}", param.shape),
                    "[time, 1, frequencies], two frequencies or more",
                    "Use another method for this parameter.",
                ));
            }
        };
        let Stft { side, window, scaling, periodic } = *self;
        let heights: Vec<f64> = (0..times).map(|t| window.at(t, times, periodic)).collect();
        let scale = match scaling {
            Scaling::Density => heights.iter().map(|w| w * w).sum::<f64>().sqrt(),
            Scaling::Spectrum => heights.iter().map(|w| w.abs()).sum::<f64>(),
            Scaling::None => 1.0,
        };
        // A symmetric window of two points is 0 everywhere.
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let length = 2 * (frequencies - 1);
        let value = move |t: u64, k: u64| {
            // Whole turns taken off in integers.
            let half_turns = 2.0 * (t * k % length) as f64 / length as f64;
            let wave = if side == Side::Real { cos_pi(half_turns) } else { 0.0 - sin_pi(half_turns) };
            wave * heights[t as usize] / scale
        };
        Ok(whole(Formula::fixed(Layout::of(&param.shape, &[0], &[1, 2])?, value)))
    }
}

fn line() -> Axes {
    Axes::of(&[crate::axes::Axis::Field, crate::axes::Axis::In, crate::axes::Axis::Out])
}
