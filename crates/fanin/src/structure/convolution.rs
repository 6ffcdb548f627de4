//! [`ConvolutionOrthogonal`]: convolutions of full support that keep every norm.

use super::kernel::{Centre, Kernel};
use super::orthogonal::haar;
use crate::error::Refusal;
use crate::law::{Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;
use rayon::prelude::*;

/// A random convolution that is an isometry: with circular padding and stride 1 every signal keeps its norm, as with
/// [`super::DeltaOrthogonal`], but all taps take part.
///
/// It is a product of convolutions of two taps along one axis each, P and I − P with a random orthogonal projection P of the
/// outputs, behind a random orthogonal matrix of the channels; k − 1 of them make a field of size k.
///
/// # Formula
/// `K(z) = Q · Π_steps Π_axes (P + (I − P) z_axis)`, with Q of inputs × outputs semi-orthogonal and the rank of each P that of
/// as many fair coins as there are outputs. The variance over all elements is `gain²/(outputs·taps)`.
///
/// # Precision
/// Products and sums in `f64` on orthogonal matrices of `f32`: norms are kept to about 10⁻⁶ for each factor.
///
/// # Source
/// L. Xiao, Y. Bahri, J. Sohl-Dickstein, S. Schoenholz, J. Pennington, "Dynamical isometry and a mean field theory of
/// CNNs", ICML 2018, arXiv:1806.05393, after J. Kautský and R. Turcajová 1994; as TensorFlow 1's
/// `ConvolutionOrthogonal2D`, whose block kernels are these factors multiplied out. Fields with unequal sides are ours.
#[derive(Clone, Debug)]
pub struct ConvolutionOrthogonal {
    pub(super) kernel: Kernel,
    field: Vec<u64>,
    gain: f64,
}

impl ConvolutionOrthogonal {
    /// The convolution of a tensor of `shape` with the output axis `out` and the input axis `input`, times `gain`.
    ///
    /// # Errors
    /// If there are fewer outputs than inputs, the axes are not there, or the gain is not finite.
    pub fn new(shape: &[u64], out: usize, input: usize, gain: f64) -> Result<ConvolutionOrthogonal, Refusal> {
        super::finite("gain", gain)?;
        let kernel = Kernel::new(shape, out, input, Centre::Lower)?;
        if kernel.outputs() < kernel.inputs() {
            return Err(Refusal::new(
                format!("{} outputs for {} inputs", kernel.outputs(), kernel.inputs()),
                "at least as many outputs as inputs",
                "Use `orthogonal` for this layer: no kernel keeps all signals of more channels than it puts out.",
            ));
        }
        let field = (0..shape.len()).filter(|&axis| axis != out && axis != input).map(|axis| shape[axis]).collect();
        Ok(ConvolutionOrthogonal { kernel, field, gain })
    }

    /// The matrices of all taps, inputs × outputs each, taps in the order of the field.
    fn taps(&self, stream: Stream) -> Vec<f64> {
        let (inputs, outputs) = (self.kernel.inputs() as usize, self.kernel.outputs() as usize);
        let start = haar(outputs as u64, inputs as u64, stream.part("[channels]"));
        let gain = self.gain;
        let mut kernel: Vec<f64> =
            (0..inputs * outputs).map(|at| gain * f64::from(start[at % outputs * inputs + at / outputs])).collect();
        let mut sizes = vec![1usize; self.field.len()];
        let longest = self.field.iter().copied().max().unwrap_or(1);
        for step in 1..longest {
            for axis in 0..self.field.len() {
                if sizes[axis] < self.field[axis] as usize {
                    let label = format!("[step {step}, axis {axis}]");
                    let projection = Projection::draw(outputs, stream.part(&label));
                    kernel = grown(&kernel, &sizes, axis, inputs * outputs, &projection.of(&kernel));
                    sizes[axis] += 1;
                }
            }
        }
        kernel
    }
}

/// The kernel behind one more pair of taps along `axis`: tap t is what the projection keeps of t and drops of t − 1.
fn grown(kernel: &[f64], sizes: &[usize], axis: usize, block: usize, kept: &[f64]) -> Vec<f64> {
    let inner: usize = sizes[axis + 1..].iter().product::<usize>() * block;
    let width = sizes[axis] * inner;
    let mut next = vec![0.0; kernel.len() / width * (width + inner)];
    for ((from, kept), to) in
        kernel.chunks_exact(width).zip(kept.chunks_exact(width)).zip(next.chunks_exact_mut(width + inner))
    {
        to[..width].copy_from_slice(kept);
        for ((to, value), kept) in to[inner..].iter_mut().zip(from).zip(kept) {
            *to += value - kept;
        }
    }
    next
}

/// An orthogonal projection C·Cᵀ of n-dimensional vectors.
struct Projection {
    n: usize,
    /// Cᵀ, row by row.
    rows: Vec<f64>,
}

impl Projection {
    fn draw(n: usize, stream: Stream) -> Projection {
        let q = haar(n as u64, n as u64, stream);
        // A fair coin for each column, by the upper half of a word.
        let taken = (0..n).filter(|&col| stream.lane(3).word(col as u64) >> 31 == 0);
        let rows =
            taken.flat_map(|col| (0..n).map(move |row| (row, col))).map(|(row, col)| f64::from(q[row * n + col]));
        Projection { n, rows: rows.collect() }
    }

    /// Every row of `vectors` projected; each element is one sum in a fixed order.
    fn of(&self, vectors: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; vectors.len()];
        out.par_chunks_mut(self.n).zip(vectors.par_chunks(self.n)).for_each(|(out, vector)| {
            for direction in self.rows.chunks_exact(self.n) {
                let along: f64 = direction.iter().zip(vector).map(|(c, x)| c * x).sum();
                for (out, c) in out.iter_mut().zip(direction) {
                    *out += along * c;
                }
            }
        });
        out
    }
}

impl Structure for ConvolutionOrthogonal {
    fn variance(&self) -> f64 {
        if self.kernel.len() == 0 {
            return 0.0;
        }
        self.gain * self.gain / (self.kernel.outputs() * self.kernel.taps()) as f64
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        let taps = if self.kernel.len() == 0 { Vec::new() } else { self.taps(stream) };
        Box::new(PreparedConvolution { kernel: &self.kernel, taps })
    }
}

struct PreparedConvolution<'a> {
    kernel: &'a Kernel,
    taps: Vec<f64>,
}

impl Prepared for PreparedConvolution<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let (inputs, outputs, taps) = (self.kernel.inputs(), self.kernel.outputs(), self.kernel.taps());
        self.kernel.layout.each(region, out, |row, col| {
            let (input, tap) = (col / taps, col % taps);
            self.taps[((tap * inputs + input) * outputs + row) as usize] as f32
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{regions_agree, whole};

    /// The circular convolution of `x` (inputs × places) on a torus of `sizes` by a kernel [out, in, field…].
    fn convolved(w: &[f32], channels: [usize; 2], field: &[usize], sizes: &[usize], x: &[f64]) -> Vec<f64> {
        let [outputs, inputs] = channels;
        let (places, taps) = (sizes.iter().product::<usize>(), field.iter().product::<usize>());
        let index = |mut flat: usize, sizes: &[usize]| {
            let mut at = vec![0; sizes.len()];
            for (at, size) in at.iter_mut().zip(sizes).rev() {
                *at = flat % size;
                flat /= size;
            }
            at
        };
        let mut y = vec![0.0; outputs * places];
        for place in 0..places {
            let to = index(place, sizes);
            for tap in 0..taps {
                let from =
                    index(tap, field).iter().zip(&to).zip(sizes).fold(0, |flat, ((t, p), n)| flat * n + (t + p) % n);
                for o in 0..outputs {
                    for i in 0..inputs {
                        y[o * places + place] += f64::from(w[(o * inputs + i) * taps + tap]) * x[i * places + from];
                    }
                }
            }
        }
        y
    }

    #[test]
    fn every_signal_keeps_its_norm_under_circular_padding() {
        let cases: [(&[u64], &[usize]); 7] = [
            (&[6, 4, 3], &[7]),
            (&[5, 5, 4], &[6]),
            (&[6, 3, 3, 3], &[5, 4]),
            (&[4, 4, 2, 2], &[3, 5]),
            (&[4, 2, 3, 1], &[5, 2]),
            (&[3, 3, 2, 3, 2], &[3, 4, 3]),
            (&[1, 1, 5], &[8]),
        ];
        for (shape, sizes) in cases {
            let law = ConvolutionOrthogonal::new(shape, 0, 1, 2.0).unwrap();
            let w = whole(&law);
            let field: Vec<usize> = shape[2..].iter().map(|&k| k as usize).collect();
            let places: usize = sizes.iter().product();
            let x: Vec<f64> = (0..shape[1] as usize * places).map(|i| ((i * i) % 17) as f64 / 8.0 - 0.9).collect();
            let y = convolved(&w, [shape[0] as usize, shape[1] as usize], &field, sizes, &x);
            let norm = |v: &[f64]| v.iter().map(|a| a * a).sum::<f64>().sqrt();
            assert!((norm(&y) / norm(&x) - 2.0).abs() < 2e-5, "{shape:?}: {} {}", norm(&y), norm(&x));
            let mean = w.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / w.len() as f64;
            assert!((mean / law.variance() - 1.0).abs() < 1e-5, "{shape:?}");
            regions_agree(&law);
        }
    }

    #[test]
    fn all_taps_take_part_and_both_orders_hold_the_same_kernel() {
        let torch = whole(&ConvolutionOrthogonal::new(&[8, 6, 3, 3], 0, 1, 1.0).unwrap());
        let keras = whole(&ConvolutionOrthogonal::new(&[3, 3, 6, 8], 3, 2, 1.0).unwrap());
        let mut power = [0.0f64; 9];
        for (at, value) in torch.iter().enumerate() {
            let (tap, i, o) = (at % 9, at / 9 % 6, at / 54);
            assert_eq!(*value, keras[(tap * 6 + i) * 8 + o]);
            power[tap] += f64::from(*value).powi(2);
        }
        assert!(power.iter().all(|p| *p > 0.01), "{power:?}");
    }

    #[test]
    fn contracting_kernels_are_refused() {
        assert!(ConvolutionOrthogonal::new(&[3, 5, 3], 0, 1, 1.0).is_err());
        assert_eq!(whole(&ConvolutionOrthogonal::new(&[4, 0, 3], 0, 1, 1.0).unwrap()).len(), 0);
    }
}
