//! Convolutions plane by plane, tap by tap: for channels that are for themselves, and for windows that stand so far apart or
//! so far out that frames would be much larger than pictures.

use super::Convolution;
use crate::element::Float;
use crate::parallel;

impl Convolution {
    pub(super) fn forward_by_planes<T: Float>(&self, x: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let (picture, plane, taps) = (self.geometry.input(), self.geometry.output(), self.geometry.taps());
        parallel::heavy_pieces(out, plane.max(1), &|at, out| {
            let channel = at % (self.groups * self.outputs);
            out.fill(bias.map_or(T::ZERO, |bias| bias[channel]));
            for input in 0..self.inputs {
                let x = &x[(at / self.outputs * self.inputs + input) * picture..][..picture];
                let kernel = &kernels[channel * self.patch() + input * taps..][..taps];
                self.each_tap(kernel, &mut |weight, window, from, count, step| {
                    add_scaled(&mut out[window..window + count], 1, weight, &x[from..], step);
                });
            }
        });
    }

    pub(super) fn input_gradient_by_planes<T: Float>(&self, g: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let (picture, plane, taps) = (self.geometry.input(), self.geometry.output(), self.geometry.taps());
        parallel::heavy_pieces(out, picture.max(1), &|at, out| {
            let (of, input) = (at / self.inputs, at % self.inputs);
            out.fill(bias.map_or(T::ZERO, |bias| bias[at % (self.groups * self.inputs)]));
            for output in 0..self.outputs {
                let channel = of % self.groups * self.outputs + output;
                let g = &g[(of * self.outputs + output) * plane..][..plane];
                let kernel = &kernels[channel * self.patch() + input * taps..][..taps];
                self.each_tap(kernel, &mut |weight, window, from, count, step| {
                    add_scaled(&mut out[from..], step, weight, &g[window..window + count], 1);
                });
            }
        });
    }

    pub(super) fn weight_gradient_by_planes<T: Float>(&self, x: &[T], g: &[T]) -> Vec<T> {
        let (picture, plane, taps) = (self.geometry.input(), self.geometry.output(), self.geometry.taps());
        let (channels, step) = (self.groups * self.outputs, self.geometry.axes[2].stride);
        let mut sums = vec![T::ZERO; channels * self.patch()];
        parallel::heavy_pieces(&mut sums, taps.max(1), &|at, sums| {
            let (channel, input) = (at / self.inputs, at % self.inputs);
            for image in 0..self.images {
                let g = &g[(image * channels + channel) * plane..][..plane];
                let of = image * self.groups + channel / self.outputs;
                let x = &x[(of * self.inputs + input) * picture..][..picture];
                for (tap, sum) in sums.iter_mut().enumerate() {
                    let mut own = T::ZERO;
                    self.geometry.stretches(tap, 0..self.geometry.lines(), |window, from, count| {
                        let pairs = g[window..window + count].iter().zip(x[from..].iter().step_by(step));
                        own += pairs.fold(T::ZERO, |sum, (&g, &x)| sum + g * x);
                    });
                    *sum += own;
                }
            }
        });
        sums
    }

    /// `visit(weight, window, element, count, step)` for every tap and row of windows.
    fn each_tap<T: Float>(&self, kernel: &[T], visit: &mut dyn FnMut(T, usize, usize, usize, usize)) {
        let step = self.geometry.axes[2].stride;
        for (tap, &weight) in kernel.iter().enumerate() {
            self.geometry.stretches(tap, 0..self.geometry.lines(), |window, from, count| {
                visit(weight, window, from, count, step);
            });
        }
    }
}

fn add_scaled<T: Float>(out: &mut [T], out_step: usize, factor: T, x: &[T], step: usize) {
    if out_step == 1 && step == 1 {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out += factor * x);
    } else {
        out.iter_mut().step_by(out_step).zip(x.iter().step_by(step)).for_each(|(out, &x)| *out += factor * x);
    }
}
