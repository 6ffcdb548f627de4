//! [`Mirrored`]: layers that make a network linear where it starts.

use super::gaussian::gaussian;
use super::kernel::Kernel;
use super::layout::Layout;
use super::orthogonal::Orthogonal;
use crate::error::Refusal;
use crate::law::{Acts, Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;

/// Where the values of unpaired units live in a parameter's stream; those of the matrix are in lane 1.
const UNPAIRED: u8 = 2;

/// Where in the network a mirrored layer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It reads the data: `[W; −W]`.
    First,
    /// It reads and writes mirrored units: `[[W, −W], [−W, W]]`.
    Hidden,
    /// It writes the outputs: `[W, −W]`.
    Head,
}

/// Which taps of a convolution the mirrored matrix fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taps {
    /// All: the matrix is outputs × (inputs · taps).
    All,
    /// The centre: the matrix is outputs × inputs, and the layer an isometry of the channels at every place.
    Centre,
}

/// "Looks-linear" layers: units come in pairs that see `z` and `−z`, and the next layer reads their difference.
///
/// For an activation with `f(z) − f(−z) = k·z` (ReLU, GELU, SiLU, hard swish, softplus: k = 1; leaky ReLU with slope a:
/// k = 1 + a) the network is then *exactly* linear where it starts, and with orthogonal W an isometry at any depth.
/// Biases must be 0. Half of the units are negatives of the other half; training separates them at the first step.
///
/// Of an odd number of units the last has no partner. It is drawn plainly, N(0, 2/columns), as are the weights from it;
/// those keep the pairs of a hidden layer opposite.
///
/// # Formula
/// With W a Haar-distributed (semi-)orthogonal matrix over half of the units on each mirrored side:
/// `[W; −W]·gain`, `[[W, −W], [−W, W]]·gain/k`, `[W, −W]·gain/k`.
///
/// # Source
/// D. Balduzzi, M. Frean, L. Leary, J. P. Lewis, K. Wan-Duo Ma, B. McWilliams, "The shattered gradients problem: if
/// resnets are the answer, then what is the question?", ICML 2017, arXiv:1702.08591. There for ReLU; the constant k
/// and unpaired units are ours.
#[derive(Clone, Debug)]
pub struct Mirrored {
    pub(super) kernel: Kernel,
    part: Part,
    taps: Taps,
    /// Rows and inputs of the matrix W.
    half: (u64, u64),
    matrix: Orthogonal,
}

impl Mirrored {
    /// A mirrored layer before (and, but for [`Part::First`], after) activations with `f(z) − f(−z) = slope·z`.
    ///
    /// # Errors
    /// If the slope is 0 (then the activation is even, and pairs cancel) or a number is not finite.
    pub fn new(kernel: Kernel, part: Part, taps: Taps, slope: f64, gain: f64) -> Result<Mirrored, Refusal> {
        super::finite("slope", slope)?;
        super::finite("gain", gain)?;
        let scale = if part == Part::First { gain } else { gain / slope };
        if !(scale as f32).is_finite() {
            return Err(Refusal::new(
                format!("f(z) − f(−z) is {slope}·z, and the gain {gain}"),
                "a multiple of z that is not 0",
                "Use mirrored layers with ReLU, leaky ReLU, GELU, SiLU, hard swish or softplus.",
            ));
        }
        let outputs = if part == Part::Head { kernel.outputs() } else { kernel.outputs() / 2 };
        let inputs = if part == Part::First { kernel.inputs() } else { kernel.inputs() / 2 };
        let columns = if taps == Taps::All { inputs * kernel.taps() } else { inputs };
        let matrix = Orthogonal::new(Layout::matrix(outputs, columns, false)?, scale)?;
        Ok(Mirrored { kernel, part, taps, half: (outputs, inputs), matrix })
    }

    /// How often W appears.
    fn copies(&self) -> u64 {
        if self.part == Part::Hidden { 4 } else { 2 }
    }

    /// The row of W and the sign that an output has, or `None` for an unpaired output.
    fn output(&self, row: u64) -> Option<(u64, f32)> {
        if self.part == Part::Head { Some((row, 1.0)) } else { paired(row, self.half.0) }
    }

    /// The same for an input.
    fn input(&self, input: u64) -> Option<(u64, f32)> {
        if self.part == Part::First { Some((input, 1.0)) } else { paired(input, self.half.1) }
    }
}

fn paired(index: u64, half: u64) -> Option<(u64, f32)> {
    if index < half {
        Some((index, 1.0))
    } else if index < 2 * half {
        Some((index - half, -1.0))
    } else {
        None
    }
}

impl Structure for Mirrored {
    fn variance(&self) -> f64 {
        if self.kernel.len() == 0 {
            return 0.0;
        }
        let taps = self.kernel.taps();
        let (rows, inputs) = self.half;
        let columns = if self.taps == Taps::All { inputs * taps } else { inputs };
        let matrix = rows as f64 * columns as f64 * self.matrix.variance() * self.copies() as f64;
        let rows = if self.part == Part::Head { rows } else { 2 * rows };
        let inputs = if self.part == Part::First { inputs } else { 2 * inputs };
        let unpaired = self.kernel.len() - rows * inputs * taps;
        let plain = unpaired as f64 * 2.0 / self.kernel.layout.cols() as f64;
        (matrix + plain) / self.kernel.len() as f64
    }

    fn acts(&self) -> Acts {
        Acts::Mirrored {
            reads: self.part != Part::First,
            writes: self.part != Part::Head,
            centre: self.taps == Taps::Centre,
        }
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        let std = (2.0 / self.kernel.layout.cols().max(1) as f64).sqrt() as f32;
        Box::new(PreparedMirrored { law: self, matrix: self.matrix.whole(stream), plain: stream.lane(UNPAIRED), std })
    }
}

struct PreparedMirrored<'a> {
    law: &'a Mirrored,
    /// W, row by row, with its scale.
    matrix: Vec<f32>,
    plain: Stream,
    std: f32,
}

impl PreparedMirrored<'_> {
    fn value(&self, row: u64, col: u64) -> f32 {
        let Mirrored { kernel, taps, half, .. } = self.law;
        let (input, centre) = kernel.input(col);
        match (self.law.output(row), self.law.input(input)) {
            (Some((row, sign)), Some((input, other))) => {
                let at = match taps {
                    Taps::Centre if !centre => return 0.0,
                    Taps::Centre => row * half.1 + input,
                    Taps::All => (row * half.1 + input) * kernel.taps() + col % kernel.taps(),
                };
                sign * other * self.matrix[at as usize]
            }
            (Some((row, sign)), None) => sign * self.unpaired(row, col),
            (None, _) => self.unpaired(row, col),
        }
    }

    fn unpaired(&self, row: u64, col: u64) -> f32 {
        let mut value = [0.0];
        gaussian(&self.plain, row * self.law.kernel.layout.cols() + col, &mut value);
        value[0] * self.std
    }
}

impl Prepared for PreparedMirrored<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        self.law.kernel.layout.each(region, out, |row, col| self.value(row, col));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Centre;
    use crate::structure::testing::{regions_agree, whole, whole_of};

    fn matrix(outputs: u64, inputs: u64, part: Part, slope: f64) -> Mirrored {
        Mirrored::new(Kernel::matrix(outputs, inputs, false).unwrap(), part, Taps::All, slope, 1.0).unwrap()
    }

    fn apply(w: &[f32], x: &[f64]) -> Vec<f64> {
        w.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()).collect()
    }

    /// A network of `widths` with leaky ReLU of slope `a`.
    fn network(widths: &[u64], a: f64, slope: f64, x: &[f64]) -> Vec<f64> {
        let mut signal = x.to_vec();
        for (layer, pair) in widths.windows(2).enumerate() {
            let part = match layer {
                0 => Part::First,
                _ if layer + 2 == widths.len() => Part::Head,
                _ => Part::Hidden,
            };
            let w = whole_of(&matrix(pair[1], pair[0], part, slope), Stream::new(1, &format!("layer{layer}")));
            if layer > 0 {
                for z in &mut signal {
                    *z = z.max(a * *z);
                }
            }
            signal = apply(&w, &signal);
        }
        signal
    }

    /// How far the network is from additive, and from keeping the norm.
    fn defects(a: f64, slope: f64) -> (f64, f64) {
        let widths = [6, 12, 12, 12, 12, 6];
        let x: Vec<f64> = (0..6).map(|i| f64::from(i) - 2.3).collect();
        let y: Vec<f64> = (0..6).map(|i| f64::from(i * i % 5) - 1.9).collect();
        let both: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
        let [fx, fy, fb] = [&x, &y, &both].map(|x| network(&widths, a, slope, x));
        let additive = (0..6).map(|i| (fx[i] + fy[i] - fb[i]).abs()).fold(0.0, f64::max);
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        (additive, (norm(&fx) / norm(&x) - 1.0).abs())
    }

    #[test]
    fn networks_are_linear_and_keep_the_norm() {
        for a in [0.0, 0.25, 1.0] {
            let (additive, norm) = defects(a, 1.0 + a);
            assert!(additive < 1e-5 && norm < 1e-6, "{a}: {additive:e} {norm:e}");
        }
        assert!(defects(0.25, 1.0).1 > 0.5, "the wrong slope is seen");
    }

    #[test]
    fn odd_widths_leave_the_last_unit_unpaired() {
        let w = whole(&matrix(7, 5, Part::Hidden, 1.0));
        for row in 0..3 {
            for col in 0..2 {
                let at = |r: usize, c: usize| w[r * 5 + c];
                assert_eq!(at(row, col), -at(row + 3, col));
                assert_eq!(at(row, col), -at(row, col + 2));
                assert_eq!(at(row, col), at(row + 3, col + 2));
                assert_eq!(at(row, 4), -at(row + 3, 4));
            }
        }
        let mut distinct: Vec<u32> = w[30..].iter().map(|v| v.abs().to_bits()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 5);
    }

    #[test]
    fn variance_is_that_of_the_sample() {
        let conv = |out, input, part, taps| {
            Mirrored::new(Kernel::new(&[out, input, 3], 0, 1, Centre::Lower).unwrap(), part, taps, 2.0, 3.0).unwrap()
        };
        for part in [Part::First, Part::Hidden, Part::Head] {
            for taps in [Taps::All, Taps::Centre] {
                for (out, input) in [(64, 32), (32, 64), (48, 48)] {
                    let law = conv(out, input, part, taps);
                    let values = whole(&law);
                    let mean = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64;
                    // No element is drawn plainly, so the sum of squares is fixed.
                    assert!((mean / law.variance() - 1.0).abs() < 1e-6, "{part:?} {taps:?} {out}×{input}");
                }
                let law = conv(201, 5, part, taps);
                let values = whole(&law);
                let mean = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len() as f64;
                // At most 603 independent plain values: a relative standard error of √(2/603) of their share.
                assert!((mean / law.variance() - 1.0).abs() < 0.25, "{part:?} {taps:?}");
                regions_agree(&law);
            }
        }
    }

    #[test]
    fn centre_taps_mirror_channels() {
        let kernel = Kernel::new(&[3, 3, 4, 6], 3, 2, Centre::Lower).unwrap();
        let values = whole(&Mirrored::new(kernel, Part::Hidden, Taps::Centre, 1.0, 1.0).unwrap());
        let at = |tap: usize, input: usize, out: usize| values[(tap * 4 + input) * 6 + out];
        for out in 0..3 {
            for input in 0..2 {
                assert_eq!(at(4, input, out), -at(4, input + 2, out));
                assert_eq!(at(4, input, out), -at(4, input, out + 3));
                assert_ne!(at(4, input, out), 0.0);
                assert!((0..9).filter(|&tap| tap != 4).all(|tap| at(tap, input, out) == 0.0));
            }
        }
    }

    #[test]
    fn even_activations_are_refused() {
        let kernel = || Kernel::matrix(4, 4, false).unwrap();
        assert!(Mirrored::new(kernel(), Part::Hidden, Taps::All, 0.0, 1.0).is_err());
        assert!(Mirrored::new(kernel(), Part::First, Taps::All, f64::NAN, 1.0).is_err());
        assert!(Mirrored::new(kernel(), Part::Head, Taps::All, 1.0, f64::INFINITY).is_err());
    }
}
