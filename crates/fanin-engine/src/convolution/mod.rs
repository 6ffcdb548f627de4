//! Convolutions: at every place of the result, the product of what a window sees and the kernels.
//!
//! Windows are not laid out: the blocks of [`crate::tile`] read pictures through tables of offsets, and only the kernels (for
//! their gradient, the result's) are laid out with channels side by side. The three passes are the same loop with different
//! tables. Pictures, or channels where there are few pictures, are divided among threads; the gradient of the kernels is
//! summed in a number of parts that is always the same.

mod frame;
mod laid;
mod planes;

use crate::element::Float;
use crate::gemm::{Threads, View, multiply_into};
use crate::parallel;
use crate::tile::{Left, Offsets, Right, Scratch, turn};
use crate::window::Geometry;
use frame::{Frame, Phase};
use laid::Laid;
use std::ops::Range;

/// Parts in which the gradient of the kernels is summed; more threads than that find no work there.
const PARTS: usize = 8;
/// Windows that are taken at a time for the gradient of the kernels.
const WINDOWS: usize = 512;
/// From so many pictures on, threads take whole ones; below, they share the products.
const MANY: usize = 4;

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

    /// Each window sees one element, the one it stands at: the picture is the right operand of a product.
    fn is_pointwise(&self) -> bool {
        self.geometry.axes.iter().all(|a| a.kernel == 1 && a.stride == 1 && a.before == 0 && a.output == a.input)
    }

    /// Plane by plane: where a channel is for itself, blocks would have one column; and where the frame would be much
    /// larger than what is in it.
    fn is_by_planes(&self) -> bool {
        let most = 8 * (self.geometry.input() + self.geometry.output()) + 4096;
        let frames = [Frame::of_picture(&self.geometry), Frame::of_result(&self.geometry)];
        self.inputs == 1 && self.groups > 1 || frames.iter().any(|frame| frame.plane().is_none_or(|n| n > most))
    }

    /// The convolution of `x`, plus a bias for each channel of the result if there is one, written to `out`.
    pub(crate) fn forward<T: Float>(&self, x: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        if self.is_by_planes() {
            return self.forward_by_planes(x, kernels, bias, out);
        }
        if self.is_pointwise() {
            return self.pointwise(x, kernels, bias, out, false);
        }
        let (patch, frame) = (self.patch(), Frame::of_picture(&self.geometry));
        let (windows, taps) = (frame.windows(&self.geometry), frame.taps(&self.geometry, self.inputs));
        let laid = Laid::new(self.groups, self.outputs, patch, |group, channels, width, panel| {
            let from = (group * self.outputs + channels.start) * patch;
            turn(&kernels[from..], patch, [channels.len(), patch], panel, width);
        });
        let (picture, plane) = (self.inputs * self.geometry.input(), self.geometry.output());
        laid.divide(out, plane, &|part, out| {
            let x = frame.around(&x[part.of * picture..][..picture], self.inputs);
            laid.multiply(part, x.data(), [&windows, &taps], bias, &mut |channel, from, block, width, size| {
                turn(block, width, size, &mut out[channel * plane + from..], plane);
            });
        });
    }

    /// The gradient of the picture, given that of the result; plus a bias for each channel of the picture if there is one.
    pub(crate) fn input_gradient<T: Float>(&self, g: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T]) {
        if self.is_by_planes() {
            return self.input_gradient_by_planes(g, kernels, bias, out);
        }
        if self.is_pointwise() {
            return self.pointwise(g, kernels, bias, out, true);
        }
        let (frame, plane) = (Frame::of_result(&self.geometry), self.outputs * self.geometry.output());
        let phases: Vec<_> = Phase::all(&self.geometry)
            .into_iter()
            .map(|phase| (self.kernels_of(&phase, kernels), phase.offsets(&frame, self.outputs), phase))
            .collect();
        let (Some((first, ..)), picture) = (phases.first(), self.geometry.input()) else { return };
        first.divide(out, picture, &|part, out| {
            let g = frame.around(&g[part.of * plane..][..plane], self.outputs);
            for (laid, [places, back], phase) in &phases {
                laid.multiply(
                    part,
                    g.data(),
                    [places, back],
                    bias,
                    &mut |channel, from, block, width, [rows, columns]| {
                        if phases.len() == 1 {
                            let out = &mut out[channel * picture + from..];
                            return turn(block, width, [rows, columns], out, picture);
                        }
                        for (i, place) in phase.places(&self.geometry, from..from + rows).enumerate() {
                            for (j, &value) in block[i * width..][..columns].iter().enumerate() {
                                out[(channel + j) * picture + place] = value;
                            }
                        }
                    },
                );
            }
        });
    }

    /// The kernels as the gradient of the picture reads them: channels of the picture side by side, for each channel of the
    /// result and each tap of a phase.
    fn kernels_of<T: Float>(&self, phase: &Phase, kernels: &[T]) -> Laid<T> {
        let (own, taps) = (phase.taps(&self.geometry), self.geometry.taps());
        Laid::new(self.groups, self.inputs, self.outputs * own.len(), |group, channels, width, panel| {
            for (k, out) in panel.chunks_mut(width).enumerate() {
                let from = (group * self.outputs + k / own.len()) * self.patch() + own[k % own.len()];
                let from = kernels[from + channels.start * taps..].iter().step_by(taps);
                out.iter_mut().zip(from).take(channels.len()).for_each(|(out, &x)| *out = x);
            }
        })
    }

    /// The convolution or its transpose, where windows have one element.
    fn pointwise<T: Float>(&self, x: &[T], kernels: &[T], bias: Option<&[T]>, out: &mut [T], transposed: bool) {
        let (plane, [from, to]) = (self.geometry.input(), [self.inputs, self.outputs]);
        let [from, to] = if transposed { [to, from] } else { [from, to] };
        let threads = if self.images < MANY { Threads::All } else { Threads::One };
        let run = |of: usize, out: &mut [T]| {
            let group = of % self.groups;
            for (channel, out) in out.chunks_mut(plane).enumerate() {
                out.fill(bias.map_or(T::ZERO, |bias| bias[group * to + channel]));
            }
            let kernels = View::new(&kernels[group * self.kernels()..][..self.kernels()], self.outputs, self.inputs);
            let x = View::new(&x[of * from * plane..][..from * plane], from, plane);
            multiply_into(T::ONE, kernels.transposed_if(transposed), x, T::ONE, out, plane, threads);
        };
        if to * plane == 0 {
            return;
        }
        if self.images < MANY {
            out.chunks_mut(to * plane).enumerate().for_each(|(of, out)| run(of, out));
        } else {
            parallel::heavy_pieces(out, to * plane, &run);
        }
    }

    /// The gradient of the kernels.
    pub(crate) fn weight_gradient<T: Float>(&self, x: &[T], g: &[T]) -> Vec<T> {
        if self.is_by_planes() {
            return self.weight_gradient_by_planes(x, g);
        }
        let sums = Sums::of::<T>(self);
        let blocks = self.geometry.output().div_ceil(WINDOWS);
        let (units, size) = (self.images * blocks, self.groups * sums.rows * sums.width);
        let parts = PARTS.min(units).max(1);
        let mut all = vec![T::ZERO; parts * size];
        if size > 0 {
            parallel::heavy_pieces(&mut all, size, &|part, out| {
                let units = part * units / parts..(part + 1) * units / parts;
                for image in units.start / blocks..units.end.div_ceil(blocks) {
                    let own = units.start.max(image * blocks)..units.end.min((image + 1) * blocks);
                    sums.add(image, own.start - image * blocks..own.end - image * blocks, x, g, out);
                }
            });
            let (first, others) = all.split_at_mut(size);
            parallel::fill(first, &|start, sum| {
                for part in others.chunks(size) {
                    sum.iter_mut().zip(&part[start..]).for_each(|(sum, &x)| *sum += x);
                }
            });
        }
        sums.kernels(&all)
    }
}

/// Gradients of the kernels as they are summed: for each group a row for each element of a window, channels of the result
/// side by side.
struct Sums<'a> {
    of: &'a Convolution,
    frame: Frame,
    windows: Offsets,
    taps: Offsets,
    /// Rows and columns, those that fill up blocks included.
    rows: usize,
    width: usize,
}

impl Sums<'_> {
    fn of<T: Float>(of: &Convolution) -> Sums<'_> {
        let frame = Frame::of_picture(&of.geometry);
        let (windows, taps) = (frame.windows(&of.geometry), frame.taps(&of.geometry, of.inputs));
        let tiles = T::tiles();
        let (rows, width) = (of.patch().next_multiple_of(tiles.rows), of.outputs.next_multiple_of(tiles.lanes));
        Sums { of, frame, windows, taps, rows, width }
    }

    /// Adds what some blocks of windows of a picture give.
    fn add<T: Float>(&self, image: usize, blocks: Range<usize>, x: &[T], g: &[T], out: &mut [T]) {
        let (of, plane) = (self.of, self.of.geometry.output());
        let (inputs, tiles) = (of.inputs * of.geometry.input(), T::tiles().cut(of.outputs));
        for (group, out) in out.chunks_mut(self.rows * self.width).enumerate() {
            let at = image * of.groups + group;
            let x = self.frame.around(&x[at * inputs..][..inputs], of.inputs);
            for block in blocks.clone() {
                let windows = block * WINDOWS..((block + 1) * WINDOWS).min(plane);
                let mut channel = 0;
                for tile in &tiles {
                    let columns = tile.columns.min(of.outputs - channel);
                    let mut laid = Scratch::new(windows.len() * tile.columns);
                    if columns < tile.columns {
                        laid.fill(T::ZERO);
                    }
                    let from = (at * of.outputs + channel) * plane + windows.start;
                    turn(&g[from..], plane, [columns, windows.len()], &mut laid, tile.columns);
                    let steps = Offsets::steps(windows.len(), tile.columns);
                    let right = Right { data: &laid, depth: steps.all() };
                    for row in (0..of.patch()).step_by(tile.rows) {
                        let rows = self.taps.range(row..(row + tile.rows).min(of.patch()));
                        let left = Left { data: x.data(), rows, depth: self.windows.range(windows.clone()) };
                        tile.run(&left, &right, &mut out[row * self.width + channel..], self.width, true);
                    }
                    channel += columns;
                }
            }
        }
    }

    /// The sums as kernels.
    fn kernels<T: Float>(&self, sums: &[T]) -> Vec<T> {
        let (of, patch) = (self.of, self.of.patch());
        let mut out = vec![T::ZERO; of.groups * of.kernels()];
        for group in 0..of.groups {
            let sums = &sums[group * self.rows * self.width..];
            turn(sums, self.width, [patch, of.outputs], &mut out[group * of.kernels()..], patch);
        }
        out
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
            // More windows, and longer sums, than are taken at a time.
            convolution(4, [1, 60, 2], &[30, 20], &window(&[3, 3], 1, 1, &[1; 4])),
            // A frame much larger than the picture.
            convolution(2, [1, 2, 3], &[2, 3], &window(&[2, 1], 500, 1, &[499, 499, 400, 400])),
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
