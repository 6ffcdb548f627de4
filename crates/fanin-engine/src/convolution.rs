//! Convolutions as products of matrices: the patches that the windows see, times the kernels.
//!
//! Patches are laid out for some rows of windows at a time, as many as stay in the second-level cache. Pictures are divided
//! among threads; the gradient of the kernels is summed in a number of parts that is always the same.

use crate::element::Float;
use crate::gemm::{Threads, View, multiply_into};
use crate::parallel;
use crate::window::Geometry;
use std::ops::Range;

/// Parts in which the gradient of the kernels is summed; more threads than that find no work there.
const PARTS: usize = 8;
/// From so many pictures on, threads take whole ones; below, they share the products.
const MANY: usize = 4;
/// Elements of patches that are laid out at a time.
const PATCHES: usize = 64 * 1024;

/// Work on one picture: its number, its part of the result, and a place to lay out patches.
type OfImage<'a, T> = dyn Fn(usize, &mut [T], &mut Vec<T>) + Sync + 'a;

/// Sizes of a convolution. Kernels are `[groups · outputs, inputs, taps]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    pub(crate) images: usize,
    pub(crate) groups: usize,
    /// Channels of the picture, for each group.
    pub(crate) inputs: usize,
    /// Channels of the result, for each group.
    pub(crate) outputs: usize,
    pub(crate) geometry: Geometry,
}

impl Convolution {
    /// Elements that one window sees of the channels of a group.
    fn patch(&self) -> usize {
        self.inputs * self.geometry.taps()
    }

    /// Elements of a group's kernels.
    fn kernels(&self) -> usize {
        self.outputs * self.patch()
    }

    /// A channel for itself: a product of matrices would be one of vectors.
    fn is_depthwise(&self) -> bool {
        self.inputs == 1 && self.groups > 1
    }

    /// Each window sees one element, the one it stands at: the picture is the matrix of patches.
    fn is_pointwise(&self) -> bool {
        self.geometry.axes.iter().all(|a| a.kernel == 1 && a.stride == 1 && a.before == 0 && a.output == a.input)
    }

    fn threads(&self) -> Threads {
        if self.images < MANY { Threads::All } else { Threads::One }
    }

    /// Rows of windows of which patches are laid out at a time.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let budget = if self.images < MANY { 8 * PATCHES } else { PATCHES };
        let line = self.patch() * self.geometry.axes[2].output;
        let (lines, height) = (self.geometry.lines(), (budget / line.max(1)).max(1));
        (0..lines).step_by(height).map(move |from| from..(from + height).min(lines))
    }

    /// The convolution of `x`, plus a bias for each channel of the result if there is one, written to `out`.
    pub(crate) fn forward<T: Float>(&self, x: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let (picture, plane) = (self.geometry.input(), self.geometry.output());
        let bias = |channel: usize| bias.map_or(T::ZERO, |bias| bias[channel]);
        if self.is_depthwise() {
            return parallel::heavy_pieces(out, plane.max(1), &|at, out| {
                out.fill(bias(at % (self.groups * self.outputs)));
                let (kernel, x) = self.depthwise(at, x, kernels);
                self.each_tap(kernel, &mut |weight, window, from, count, step| {
                    add_scaled(&mut out[window..window + count], 1, weight, &x[from..], step);
                });
            });
        }
        let size = self.groups * self.outputs * plane;
        self.each_image(out, size, &|image, out, patches| {
            out.chunks_mut(plane.max(1)).enumerate().for_each(|(channel, out)| out.fill(bias(channel)));
            for (group, out) in out.chunks_mut(self.outputs * plane).enumerate() {
                let x = &x[(image * self.groups + group) * self.inputs * picture..][..self.inputs * picture];
                let kernels =
                    View::new(&kernels[group * self.kernels()..][..self.kernels()], self.outputs, self.patch());
                for lines in self.blocks() {
                    let (from, width) = (lines.start * self.geometry.axes[2].output, self.width(&lines));
                    let patches = self.gathered(x, lines, patches);
                    multiply_into(T::ONE, kernels, patches, T::ONE, &mut out[from..], plane, self.threads());
                    debug_assert!(from + width <= plane);
                }
            }
        });
    }

    /// The gradient of the picture, given that of the result; plus a bias for each channel of the picture if there is one.
    pub(crate) fn input_gradient<T: Float>(&self, g: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        let (picture, plane) = (self.geometry.input(), self.geometry.output());
        let bias = |channel: usize| bias.map_or(T::ZERO, |bias| bias[channel]);
        if self.is_depthwise() {
            return parallel::heavy_pieces(out, picture.max(1), &|at, out| {
                out.fill(bias(at % self.groups));
                for output in 0..self.outputs {
                    let at = at * self.outputs + output;
                    let (g, kernel) = (&g[at * plane..][..plane], at % (self.groups * self.outputs));
                    let kernel = &kernels[kernel * self.patch()..][..self.patch()];
                    self.each_tap(kernel, &mut |weight, window, from, count, step| {
                        add_scaled(&mut out[from..], step, weight, &g[window..window + count], 1);
                    });
                }
            });
        }
        let size = self.groups * self.inputs * picture;
        self.each_image(out, size, &|image, out, patches| {
            out.chunks_mut(picture.max(1)).enumerate().for_each(|(channel, out)| out.fill(bias(channel)));
            for (group, out) in out.chunks_mut(self.inputs * picture).enumerate() {
                let g = &g[(image * self.groups + group) * self.outputs * plane..][..self.outputs * plane];
                let kernels =
                    View::new(&kernels[group * self.kernels()..][..self.kernels()], self.outputs, self.patch());
                if self.is_pointwise() {
                    let g = View::new(g, self.outputs, plane);
                    multiply_into(T::ONE, kernels.transposed(), g, T::ONE, out, plane, self.threads());
                    continue;
                }
                for lines in self.blocks() {
                    let width = self.width(&lines);
                    let g = self.columns(g, &lines);
                    patches.resize(self.patch() * width, T::ZERO);
                    multiply_into(T::ONE, kernels.transposed(), g, T::ZERO, patches, width, self.threads());
                    self.scatter(patches, lines, out);
                }
            }
        });
    }

    /// The gradient of the kernels.
    pub(crate) fn weight_gradient<T: Float>(&self, x: &[T], g: &[T]) -> Vec<T> {
        if self.is_depthwise() {
            return self.depthwise_weight_gradient(x, g);
        }
        let size = self.groups * self.kernels();
        let parts = if self.images < MANY { 1 } else { PARTS.min(self.images) };
        let mut sums = vec![T::ZERO; parts * size];
        let add = |part: usize, out: &mut [T]| {
            let mut patches = Vec::new();
            for image in part * self.images / parts..(part + 1) * self.images / parts {
                self.add_weight_gradient(image, x, g, out, &mut patches);
            }
        };
        if size == 0 {
            return sums;
        }
        if parts == 1 {
            add(0, &mut sums);
        } else {
            parallel::heavy_pieces(&mut sums, size, &add);
        }
        let (first, others) = sums.split_at_mut(size);
        parallel::fill(first, &|start, sum| {
            for part in others.chunks(size) {
                sum.iter_mut().zip(&part[start..]).for_each(|(sum, &x)| *sum += x);
            }
        });
        sums.truncate(size);
        sums
    }

    fn add_weight_gradient<T: Float>(&self, image: usize, x: &[T], g: &[T], out: &mut [T], patches: &mut Vec<T>) {
        let (picture, plane) = (self.inputs * self.geometry.input(), self.outputs * self.geometry.output());
        for (group, out) in out.chunks_mut(self.kernels()).enumerate() {
            let at = image * self.groups + group;
            let (x, g) = (&x[at * picture..][..picture], &g[at * plane..][..plane]);
            for lines in self.blocks() {
                let g = self.columns(g, &lines);
                let patches = self.gathered(x, lines, patches);
                multiply_into(T::ONE, g, patches.transposed(), T::ONE, out, self.patch(), self.threads());
            }
        }
    }

    fn depthwise_weight_gradient<T: Float>(&self, x: &[T], g: &[T]) -> Vec<T> {
        let (plane, taps) = (self.geometry.output(), self.geometry.taps());
        let channels = self.groups * self.outputs;
        let mut sums = vec![T::ZERO; channels * taps];
        parallel::heavy_pieces(&mut sums, taps.max(1), &|channel, sums| {
            for image in 0..self.images {
                let at = image * channels + channel;
                let (_, x) = self.depthwise(at, x, &[]);
                let g = &g[at * plane..][..plane];
                for (tap, sum) in sums.iter_mut().enumerate() {
                    let mut own = T::ZERO;
                    let step = self.geometry.axes[2].stride;
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

    /// The kernel (none, if none are given) and the picture's plane of plane `at` of the result.
    fn depthwise<'a, T>(&self, at: usize, x: &'a [T], kernels: &'a [T]) -> (&'a [T], &'a [T]) {
        let (picture, taps) = (self.geometry.input(), self.geometry.taps());
        let kernel = at % (self.groups * self.outputs) * taps;
        (kernels.get(kernel..kernel + taps).unwrap_or_default(), &x[at / self.outputs * picture..][..picture])
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

    /// Runs `each(image, part of out, scratch)` for every picture.
    fn each_image<T: Float>(&self, out: &mut [T], size: usize, each: &OfImage<'_, T>) {
        if out.is_empty() {
            return;
        }
        // Threads take some pictures at a time, and lay out all their patches in one place.
        let some = self.images.div_ceil(32);
        let run = |first: usize, out: &mut [T]| {
            let mut patches = Vec::new();
            out.chunks_mut(size).enumerate().for_each(|(i, out)| each(first + i, out, &mut patches));
        };
        if self.images < MANY {
            return run(0, out);
        }
        parallel::heavy_pieces(out, some * size, &|i, out| run(i * some, out));
    }

    /// Number of windows in some rows of them.
    fn width(&self, lines: &Range<usize>) -> usize {
        lines.len() * self.geometry.axes[2].output
    }

    /// Some rows of windows of the result, for each of its channels.
    fn columns<'a, T: Float>(&self, g: &'a [T], lines: &Range<usize>) -> View<'a, T> {
        let (plane, from) = (self.geometry.output(), lines.start * self.geometry.axes[2].output);
        View::strided(&g[from..], [self.outputs, self.width(lines)], [plane, 1])
    }

    /// What the windows of some rows see: `[patch, windows]`.
    fn gathered<'a, T: Float>(&self, x: &'a [T], lines: Range<usize>, patches: &'a mut Vec<T>) -> View<'a, T> {
        let (geometry, width) = (&self.geometry, self.width(&lines));
        if self.is_pointwise() {
            let from = lines.start * geometry.axes[2].output;
            return View::strided(&x[from..], [self.patch(), width], [geometry.input(), 1]);
        }
        patches.resize(self.patch() * width, T::ZERO);
        let (taps, step) = (geometry.taps(), geometry.axes[2].stride);
        for (row, out) in patches.chunks_mut(width).enumerate() {
            let x = &x[row / taps * geometry.input()..][..geometry.input()];
            let mut written = 0;
            geometry.stretches(row % taps, lines.clone(), |window, from, count| {
                out[written..window].fill(T::ZERO);
                written = window + count;
                let out = &mut out[window..written];
                if step == 1 {
                    out.copy_from_slice(&x[from..from + count]);
                } else {
                    out.iter_mut().zip(x[from..].iter().step_by(step)).for_each(|(out, &x)| *out = x);
                }
            });
            out[written..].fill(T::ZERO);
        }
        View::new(patches, self.patch(), width)
    }

    /// Adds patches to the picture they were seen in.
    fn scatter<T: Float>(&self, patches: &[T], lines: Range<usize>, out: &mut [T]) {
        let (geometry, width) = (&self.geometry, self.width(&lines));
        let (taps, step) = (geometry.taps(), geometry.axes[2].stride);
        for (row, patch) in patches.chunks(width).enumerate() {
            let out = &mut out[row / taps * geometry.input()..][..geometry.input()];
            geometry.stretches(row % taps, lines.clone(), |window, from, count| {
                add(&mut out[from..], step, &patch[window..window + count]);
            });
        }
    }
}

fn add<T: Float>(out: &mut [T], step: usize, x: &[T]) {
    if step == 1 {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out += x);
    } else {
        out.iter_mut().step_by(step).zip(x).for_each(|(out, &x)| *out += x);
    }
}

fn add_scaled<T: Float>(out: &mut [T], out_step: usize, factor: T, x: &[T], step: usize) {
    if out_step == 1 && step == 1 {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out += factor * x);
    } else {
        out.iter_mut().step_by(out_step).zip(x.iter().step_by(step)).for_each(|(out, &x)| *out += factor * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};
    use crate::window::{Padding, Window};

    fn convolution(
        images: usize,
        [groups, inputs, outputs]: [usize; 3],
        picture: &[usize],
        window: &Window,
    ) -> Convolution {
        let kernel = window.kernel.clone().unwrap();
        Convolution { images, groups, inputs, outputs, geometry: window.place(picture, &kernel).unwrap() }
    }

    fn window(kernel: &[usize], stride: usize, dilation: usize, pads: &[usize]) -> Window {
        Window {
            kernel: Some(kernel.to_vec()),
            strides: Some(vec![stride; kernel.len()]),
            dilations: Some(vec![dilation; kernel.len()]),
            padding: Padding::Given(Some(pads.to_vec())),
            ceil: false,
        }
    }

    /// The definition, element by element.
    fn naive(c: &Convolution, x: &[f64], kernels: &[f64]) -> Vec<f64> {
        let [az, ay, ax] = c.geometry.axes;
        let mut out = Vec::new();
        for plane in 0..c.images * c.groups * c.outputs {
            let (image, channel) = (plane / (c.groups * c.outputs), plane % (c.groups * c.outputs));
            for window in 0..c.geometry.output() {
                let own = [window / ax.output / ay.output, window / ax.output % ay.output, window % ax.output];
                let mut sum = 0.0;
                for (k, weight) in kernels[channel * c.patch()..][..c.patch()].iter().enumerate() {
                    let (input, tap) = (k / c.geometry.taps(), k % c.geometry.taps());
                    let taps = [tap / ax.kernel / ay.kernel, tap / ax.kernel % ay.kernel, tap % ax.kernel];
                    let mut index = (image * c.groups + channel / c.outputs) * c.inputs + input;
                    let mut inside = true;
                    for (axis, (own, tap)) in [az, ay, ax].iter().zip(own.into_iter().zip(taps)) {
                        let at = (own * axis.stride + tap * axis.dilation) as i64 - axis.before as i64;
                        inside &= (0..axis.input as i64).contains(&at);
                        index = index * axis.input + at.max(0) as usize;
                    }
                    sum += if inside { weight * x[index] } else { 0.0 };
                }
                out.push(sum);
            }
        }
        out
    }

    #[test]
    fn convolutions_are_what_the_definition_says() {
        let cases = [
            convolution(5, [1, 3, 4], &[6, 7], &window(&[3, 3], 1, 1, &[0; 4])),
            convolution(2, [2, 3, 2], &[7, 5], &window(&[3, 2], 2, 1, &[1, 0, 2, 1])),
            convolution(4, [3, 1, 2], &[9], &window(&[3], 1, 2, &[2, 3])),
            convolution(1, [1, 2, 3], &[4, 5, 6], &window(&[2, 3, 2], 2, 2, &[1; 6])),
            convolution(6, [1, 4, 3], &[5, 5], &window(&[1, 1], 1, 1, &[0; 4])),
            convolution(6, [1, 4, 3], &[5, 5], &window(&[1, 1], 2, 1, &[0; 4])),
            // More than one block of patches.
            convolution(4, [1, 40, 2], &[40, 20], &window(&[3, 3], 1, 1, &[1; 4])),
        ];
        for c in cases {
            let x = random(&[c.images * c.groups * c.inputs * c.geometry.input()], 1);
            let kernels = random(&[c.groups * c.kernels()], 2);
            let (x, kernels) = (x.values::<f64>().unwrap(), kernels.values::<f64>().unwrap());
            let expected = naive(&c, x, kernels);
            let (mut own, bias) = (vec![f64::NAN; expected.len()], vec![0.0; c.groups * c.outputs]);
            c.forward(x, kernels, Some(&bias), &mut own);
            assert!(own.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{c:?}");
            // ⟨g, conv(x, k)⟩ is linear in both: each gradient times its operand gives the same number.
            let g = random(&[own.len()], 3);
            let g = g.values::<f64>().unwrap();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let mut dx = vec![f64::NAN; x.len()];
            c.input_gradient(g, kernels, None, &mut dx);
            let dk = c.weight_gradient(x, g);
            let value = dot(g, &own);
            assert!((dot(&dx, x) - value).abs() < 1e-9 && (dot(&dk, kernels) - value).abs() < 1e-9, "{c:?}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        for (images, groups) in [(13, [1, 8, 8]), (2, [1, 16, 32]), (9, [8, 1, 1])] {
            let c = convolution(images, groups, &[20, 20], &window(&[3, 3], 1, 1, &[1; 4]));
            let f32s = |n: usize, seed| random(&[n], seed).cast(fanin::Dtype::F32).unwrap();
            let x = f32s(images * c.groups * c.inputs * 400, 1);
            let kernels = f32s(c.groups * c.kernels(), 2);
            let g = f32s(images * c.groups * c.outputs * 400, 3);
            let [x, kernels, g] = [&x, &kernels, &g].map(|t| t.values::<f32>().unwrap());
            let run = |threads| {
                on_threads(threads, || {
                    let (mut y, mut dx) = (vec![0.0; g.len()], vec![0.0; x.len()]);
                    c.forward(x, kernels, None, &mut y);
                    c.input_gradient(g, kernels, None, &mut dx);
                    (y, dx, c.weight_gradient(x, g))
                })
            };
            let one = run(1);
            assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one), "{c:?}");
        }
    }
}
