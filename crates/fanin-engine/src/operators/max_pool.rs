//! `MaxPool` and `GlobalMaxPool`: the largest element that a window sees.

use super::pool::{Windows, picture};
use crate::element::{Float, Number};
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::{heavy_pairs, heavy_pieces};
use crate::setup::Setup;
use crate::spare;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use crate::window::{Axis, Geometry};
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The largest element of each window; the second output says where it stands. The first of equal ones counts.
#[derive(Debug)]
pub(crate) struct Largest<const GLOBAL: bool> {
    windows: Windows,
    indices: bool,
    /// Whether places are counted with the first dimension of the picture running fastest.
    column_major: bool,
}

pub(crate) type MaxPool = Largest<false>;
pub(crate) type GlobalMaxPool = Largest<true>;

/// The largest elements of a plane's windows, and where they stand.
///
/// Tap by tap and not window by window: neighbouring windows are compared side by side.
fn places<T: Number>(x: &[T], geometry: &Geometry, y: &mut [T], best: &mut [u32]) {
    y.fill(T::LEAST);
    best.fill(u32::MAX);
    let step = geometry.axes[2].stride;
    for tap in 0..geometry.taps() {
        geometry.stretches(tap, 0..geometry.lines(), |window, from, count| {
            let (y, best) = (&mut y[window..window + count], &mut best[window..window + count]);
            match step {
                1 => raise(y, best, &x[from..from + count], from as u32, 1),
                2 => {
                    let (pairs, last) = x[from..=from + 2 * (count - 1)].as_chunks::<2>();
                    let (y, y_last) = y.split_at_mut(pairs.len());
                    let (best, best_last) = best.split_at_mut(pairs.len());
                    for (i, (pair, (y, best))) in pairs.iter().zip(y.iter_mut().zip(best)).enumerate() {
                        larger(pair[0], y, best, (from + 2 * i) as u32);
                    }
                    raise(y_last, best_last, last, (from + 2 * pairs.len()) as u32, 2);
                }
                _ => {
                    for (i, (y, best)) in y.iter_mut().zip(best).enumerate() {
                        larger(x[from + i * step], y, best, (from + i * step) as u32);
                    }
                }
            }
        });
    }
    // Where all that a window sees is the least there is, the first counts.
    if best.contains(&u32::MAX) {
        geometry.views().runs(|window, first, count, _| {
            if best[window] == u32::MAX && count > 0 {
                best[window] = first as u32;
            }
        });
    }
}

/// Whether windows are squares of two by two that stand side by side, all of them whole: the usual pool.
fn by_pairs(geometry: &Geometry) -> bool {
    let [z, y, x] = geometry.axes;
    let pairs = |a: Axis| [a.kernel, a.stride, a.dilation, a.before] == [2, 2, 1, 0] && 2 * a.output <= a.input;
    [z.kernel, z.input, z.output] == [1, 1, 1] && pairs(y) && pairs(x)
}

/// As [`places`], for windows [`by_pairs`].
fn places_by_pairs<T: Number>(x: &[T], geometry: &Geometry, y: &mut [T], best: &mut [u32]) {
    let (input, output) = (geometry.axes[2].input, geometry.axes[2].output);
    for (line, (y, best)) in y.chunks_mut(output).zip(best.chunks_mut(output)).enumerate() {
        let from = 2 * line * input;
        let (above, _) = x[from..][..2 * output].as_chunks::<2>();
        let (below, _) = x[from + input..][..2 * output].as_chunks::<2>();
        for (i, ((above, below), (y, best))) in above.iter().zip(below).zip(y.iter_mut().zip(best)).enumerate() {
            let (first, second) = ((from + 2 * i) as u32, (from + input + 2 * i) as u32);
            (*y, *best) = (above[0], first);
            larger(above[1], y, best, first + 1);
            larger(below[0], y, best, second);
            larger(below[1], y, best, second + 1);
        }
    }
}

/// Gradients of a plane whose windows are [`by_pairs`]: each element is in one window or none.
fn spread_by_pairs<T: Float>(g: &[T], best: &[u32], geometry: &Geometry, out: &mut [T]) {
    let (input, output) = (geometry.axes[2].input, geometry.axes[2].output);
    let mut lines = out.chunks_mut(2 * input);
    for (line, (g, best)) in g.chunks(output).zip(best.chunks(output)).enumerate() {
        let Some((above, below)) = lines.next().and_then(|two| two.split_at_mut_checked(input)) else { return };
        above[2 * output..].fill(T::ZERO);
        below[2 * output..].fill(T::ZERO);
        let from = 2 * line * input;
        let (above, below) = (above.as_chunks_mut::<2>().0, below.as_chunks_mut::<2>().0);
        for (i, ((above, below), (&g, &best))) in above.iter_mut().zip(below).zip(g.iter().zip(best)).enumerate() {
            let of = |at: usize| if best == at as u32 { g } else { T::ZERO };
            *above = [of(from + 2 * i), of(from + 2 * i + 1)];
            *below = [of(from + input + 2 * i), of(from + input + 2 * i + 1)];
        }
    }
    lines.for_each(|rest| rest.fill(T::ZERO));
}

/// Compares neighbours of a row with neighbouring windows.
fn raise<T: Number>(y: &mut [T], best: &mut [u32], x: &[T], from: u32, step: u32) {
    for (i, (&x, (y, best))) in (0..).zip(x.iter().zip(y.iter_mut().zip(best))) {
        larger(x, y, best, from + i * step);
    }
}

/// Takes an element if it is larger; a NaN is larger than all.
#[inline]
fn larger<T: Number>(x: T, y: &mut T, best: &mut u32, at: u32) {
    let up = (x > *y) | x.is_nan();
    *best = if up { at } else { *best };
    *y = if up { x } else { *y };
}

/// What all windows of all planes see: the largest, and their places.
fn pooled<T: Number>(x: &[T], geometry: &Geometry) -> (Vec<T>, Vec<u32>) {
    let (input, output) = (geometry.input(), geometry.output());
    let planes = x.len() / input;
    let (mut y, mut best) = (spare::any(planes * output), spare::any(planes * output));
    let by_pairs = by_pairs(geometry);
    heavy_pairs(&mut y, &mut best, output, &|plane, y, best| {
        let x = &x[plane * input..][..input];
        if by_pairs { places_by_pairs(x, geometry, y, best) } else { places(x, geometry, y, best) }
    });
    (y, best)
}

fn spread<T: Float>(g: &[T], best: &[u32], geometry: &Geometry) -> Vec<T> {
    let (input, output) = (geometry.input(), geometry.output());
    let mut out = spare::any(g.len() / output * input);
    let by_pairs = by_pairs(geometry);
    heavy_pieces(&mut out, input, &|plane, out| {
        let range = plane * output..(plane + 1) * output;
        if by_pairs {
            return spread_by_pairs(&g[range.clone()], &best[range], geometry, out);
        }
        out.fill(T::ZERO);
        for (&g, &at) in g[range.clone()].iter().zip(&best[range]) {
            // A window that sees only padding has no place.
            if let Some(out) = out.get_mut(at as usize) {
                *out += g;
            }
        }
    });
    out
}

impl<const GLOBAL: bool> Largest<GLOBAL> {
    /// Places as the second output counts them: over the whole tensor.
    fn counted(&self, best: &[u32], geometry: &Geometry) -> Vec<i64> {
        let ([z, y, x], input, output) = (geometry.axes.map(|a| a.input as u64), geometry.input(), geometry.output());
        let place = |(i, at): (usize, u64)| {
            let own = if self.column_major { at / x / y + at / x % y * z + at % x * z * y } else { at };
            (i / output * input) as i64 + own as i64
        };
        best.iter().map(|&at| u64::from(at)).enumerate().map(place).collect()
    }
}

impl<const GLOBAL: bool> Define for Largest<GLOBAL> {
    const NAME: &'static str = if GLOBAL { "GlobalMaxPool" } else { "MaxPool" };
    const INPUTS: RangeInclusive<usize> = 1..=1;
    const OUTPUTS: RangeInclusive<usize> = if GLOBAL { 1..=1 } else { 1..=2 };

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let column_major = !GLOBAL && setup.flag("storage_order", false)?;
        Ok(Largest { windows: Windows::read(setup, GLOBAL)?, indices: setup.outputs() > 1, column_major })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let x = t(&[1, 1, 3, 3], &[1.0, 5.0, 2.0, 4.0, 3.0, 9.0, 8.0, 6.0, 7.0]);
        if GLOBAL {
            return vec![
                Case::new("a picture").input(x).expect(t(&[1, 1, 1, 1], &[9.0])),
                Case::new("many").random(&[3, 4, 5, 2]),
                Case::new("one dimension").random(&[2, 3, 7]),
                Case::new("no picture").random(&[2, 3, 0]).refused("one element or more"),
                Case::new("a number").random(&[]).refused("[images, channels, …]"),
            ];
        }
        let places = |values: &[i64]| Tensor::of(&[1, 1, 2, 2], values.to_vec());
        let two = |name: &str| Case::new(name).input(x.clone()).list("kernel_shape", &[2, 2]);
        let random =
            |name: &str, shape: &[usize], kernel: &[i64]| Case::new(name).random(shape).list("kernel_shape", kernel);
        let small = Tensor::of(&[1, 1, 3], vec![3u8, 200, 7]);
        vec![
            two("every place").expect(t(&[1, 1, 2, 2], &[5.0, 9.0, 8.0, 9.0])).expect(places(&[1, 5, 6, 5])),
            two("columns first")
                .int("storage_order", 1)
                .expect(t(&[1, 1, 2, 2], &[5.0, 9.0, 8.0, 9.0]))
                .expect(places(&[3, 7, 2, 7])),
            two("windows that are not whole")
                .int("ceil_mode", 1)
                .list("strides", &[2, 2])
                .expect(t(&[1, 1, 2, 2], &[5.0, 9.0, 8.0, 7.0])),
            two("dilated").list("dilations", &[2, 2]).expect(t(&[1, 1, 1, 1], &[8.0])),
            two("padded")
                .list("pads", &[1, 1, 0, 0])
                .list("strides", &[2, 2])
                .expect(t(&[1, 1, 2, 2], &[1.0, 5.0, 8.0, 9.0])),
            Case::new("bytes").input(small).list("kernel_shape", &[2]).expect(Tensor::of(&[1, 1, 2], vec![200u8, 200])),
            Case::new("a tie")
                .input(t(&[1, 1, 2], &[1.0, 1.0]))
                .list("kernel_shape", &[2])
                .outputs(2)
                .without_gradients()
                .expect(t(&[1, 1, 1], &[1.0]))
                .expect(Tensor::of(&[1, 1, 1], vec![0i64])),
            Case::new("not a number")
                .input(t(&[1, 1, 3], &[1.0, f64::NAN, 2.0]))
                .list("kernel_shape", &[3])
                .without_gradients()
                .expect(t(&[1, 1, 1], &[f64::NAN])),
            random("a ResNet's", &[2, 2, 7, 7], &[3, 3]).list("strides", &[2, 2]).list("pads", &[1; 4]),
            random("same", &[1, 2, 5, 4], &[2, 3]).text("auto_pad", "SAME_UPPER").list("strides", &[2, 2]),
            random("one dimension", &[2, 2, 8], &[3]).list("dilations", &[2]),
            random("three dimensions", &[1, 2, 4, 3, 4], &[2, 2, 2]).outputs(2),
            random("many", &[6, 20, 14, 14], &[2, 2]).list("strides", &[2, 2]),
            random("many, odd", &[3, 5, 7, 9], &[2, 2]).list("strides", &[2, 2]).outputs(2),
            random("padding of a whole window", &[1, 1, 4], &[2])
                .list("pads", &[2, 0])
                .refused("smaller than the window"),
            Case::new("no size").random(&[1, 1, 4]).refused("kernel_shape is missing"),
        ]
    }
}

impl<const GLOBAL: bool> Operator for Largest<GLOBAL> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if x.dtype() == Dtype::Bool {
            return Err(wrong_dtype(x, "numbers"));
        }
        let shape = self.windows.shape(x.shape())?;
        if self.windows.place(picture(x.shape())?)?.input() >= u32::MAX as usize {
            return Err(mismatch(
                format!("an operand of shape {:?}", x.shape()),
                "pictures of fewer than 2³² elements",
            ));
        }
        let mut specs = vec![Spec::new(x.dtype(), &shape)];
        specs.extend(self.indices.then(|| Spec::new(Dtype::I64, &shape)));
        Ok(specs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (dtype, x) = (x.dtype(), x.plain());
        let (shape, geometry) = (self.windows.shape(x.shape())?, self.windows.place(picture(x.shape())?)?);
        let (y, best) = on_numbers!(x, values => {
            let (y, best) = pooled(values, &geometry);
            (Tensor::of(&shape, y).cast(dtype)?, best)
        });
        let mut outputs = vec![y];
        outputs.extend(self.indices.then(|| Tensor::of(&shape, self.counted(&best, &geometry))));
        pass.save(|| Tensor::of(&shape, best));
        Ok(outputs)
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, shape) = (pass.grad()?, &pass.input_spec(0)?.shape);
        let (geometry, best) = (self.windows.place(picture(shape)?)?, pass.saved(0)?.expect()?);
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(shape, spread(g, best, &geometry)))))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
