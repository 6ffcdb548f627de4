//! `MaxPool` and `GlobalMaxPool`: the largest element that a window sees.

use super::average_pool::{Pool, picture};
use crate::element::{Float, Number};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use crate::window::{Geometry, Views};
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// The largest element of each window; the second output says where it stands. The first of equal ones counts.
#[derive(Debug)]
pub(crate) struct Largest<const GLOBAL: bool> {
    pool: Pool,
    indices: bool,
    /// Whether places are counted with the first dimension of the picture running fastest.
    column_major: bool,
}

pub(crate) type MaxPool = Largest<false>;
pub(crate) type GlobalMaxPool = Largest<true>;

/// Where the largest elements of a plane's windows stand.
fn places<T: Number>(x: &[T], views: &Views, best: &mut [u64]) {
    let mut last = usize::MAX;
    views.runs(|window, first, count, step| {
        let best = &mut best[window];
        if window != last {
            last = window;
            *best = first as u64;
        }
        let mut largest = x[*best as usize];
        for at in (first..).step_by(step).take(count) {
            if x[at] > largest || x[at].is_nan() {
                (largest, *best) = (x[at], at as u64);
            }
        }
    });
}

/// The places of all planes, and what stands there.
fn pooled<T: Number>(x: &[T], geometry: &Geometry) -> (Vec<T>, Vec<u64>) {
    let (views, input, output) = (geometry.views(), geometry.input(), geometry.output());
    let planes = x.len() / input;
    let mut best = vec![0; planes * output];
    heavy_pieces(&mut best, output, &|plane, best| places(&x[plane * input..][..input], &views, best));
    let mut y = vec![T::ZERO; planes * output];
    heavy_pieces(&mut y, output, &|plane, y| {
        let (x, best) = (&x[plane * input..][..input], &best[plane * output..][..output]);
        y.iter_mut().zip(best).for_each(|(y, &at)| *y = x[at as usize]);
    });
    (y, best)
}

fn spread<T: Float>(g: &[T], best: &[u64], geometry: &Geometry) -> Vec<T> {
    let (input, output) = (geometry.input(), geometry.output());
    let mut out = vec![T::ZERO; g.len() / output * input];
    heavy_pieces(&mut out, input, &|plane, out| {
        let range = plane * output..(plane + 1) * output;
        for (&g, &at) in g[range.clone()].iter().zip(&best[range]) {
            out[at as usize] += g;
        }
    });
    out
}

impl<const GLOBAL: bool> Largest<GLOBAL> {
    /// Places as the second output counts them: over the whole tensor.
    fn counted(&self, best: &[u64], geometry: &Geometry) -> Vec<i64> {
        let ([z, y, x], input, output) = (geometry.axes.map(|a| a.input as u64), geometry.input(), geometry.output());
        let place = |(i, &at): (usize, &u64)| {
            let own = if self.column_major { at / x / y + at / x % y * z + at % x * z * y } else { at };
            (i / output * input) as i64 + own as i64
        };
        best.iter().enumerate().map(place).collect()
    }
}

impl<const GLOBAL: bool> Define for Largest<GLOBAL> {
    const NAME: &'static str = if GLOBAL { "GlobalMaxPool" } else { "MaxPool" };
    const INPUTS: RangeInclusive<usize> = 1..=1;
    const OUTPUTS: RangeInclusive<usize> = if GLOBAL { 1..=1 } else { 1..=2 };

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let column_major = !GLOBAL && setup.flag("storage_order", false)?;
        Ok(Largest { pool: Pool::read(setup, GLOBAL)?, indices: setup.outputs() > 1, column_major })
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
        let random = |name: &str, shape: &[usize], kernel: &[i64]| Case::new(name).random(shape).list("kernel_shape", kernel);
        let small = Tensor::of(&[1, 1, 3], vec![3u8, 200, 7]);
        vec![
            two("every place").expect(t(&[1, 1, 2, 2], &[5.0, 9.0, 8.0, 9.0])).expect(places(&[1, 5, 6, 5])),
            two("columns first").int("storage_order", 1).expect(t(&[1, 1, 2, 2], &[5.0, 9.0, 8.0, 9.0])).expect(places(&[3, 7, 2, 7])),
            two("windows that are not whole").int("ceil_mode", 1).list("strides", &[2, 2]).expect(t(
                &[1, 1, 2, 2],
                &[5.0, 9.0, 8.0, 7.0],
            )),
            two("dilated").list("dilations", &[2, 2]).expect(t(&[1, 1, 1, 1], &[8.0])),
            two("padded").list("pads", &[1, 1, 0, 0]).list("strides", &[2, 2]).expect(t(&[1, 1, 2, 2], &[1.0, 5.0, 8.0, 9.0])),
            Case::new("bytes").input(small).list("kernel_shape", &[2]).expect(Tensor::of(&[1, 1, 2], vec![200u8, 200])),
            Case::new("a tie").input(t(&[1, 1, 2], &[1.0, 1.0])).list("kernel_shape", &[2]).outputs(2).without_gradients().expect(t(&[1, 1, 1], &[1.0])).expect(Tensor::of(&[1, 1, 1], vec![0i64])),
            Case::new("not a number").input(t(&[1, 1, 3], &[1.0, f64::NAN, 2.0])).list("kernel_shape", &[3]).without_gradients().expect(t(&[1, 1, 1], &[f64::NAN])),
            random("a ResNet's", &[2, 2, 7, 7], &[3, 3]).list("strides", &[2, 2]).list("pads", &[1; 4]),
            random("same", &[1, 2, 5, 4], &[2, 3]).text("auto_pad", "SAME_UPPER").list("strides", &[2, 2]),
            random("one dimension", &[2, 2, 8], &[3]).list("dilations", &[2]),
            random("three dimensions", &[1, 2, 4, 3, 4], &[2, 2, 2]).outputs(2),
            random("many", &[6, 20, 14, 14], &[2, 2]).list("strides", &[2, 2]),
            random("padding of a whole window", &[1, 1, 4], &[2]).list("pads", &[2, 0]).refused("smaller than the window"),
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
        let shape = self.pool.shape(x.shape())?;
        let mut specs = vec![Spec::new(x.dtype(), &shape)];
        specs.extend(self.indices.then(|| Spec::new(Dtype::I64, &shape)));
        Ok(specs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (dtype, x) = (x.dtype(), x.plain());
        let (shape, geometry) = (self.pool.shape(x.shape())?, self.pool.place(picture(x.shape())?)?);
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
        let (geometry, best) = (self.pool.place(picture(shape)?)?, pass.saved(0)?.expect()?);
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(shape, spread(g, best, &geometry)))))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
