//! `Conv`: kernels that slide over pictures of one to three dimensions.

use crate::convolution::Convolution;
use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::reduce::{Sum, fold};
use crate::setup::Setup;
use crate::spare;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use crate::window::Window;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// The convolution of X `[images, channels, …]` with kernels W `[outputs, channels / group, …]`, plus a bias for each output.
#[derive(Debug)]
pub(crate) struct Conv {
    group: usize,
    window: Window,
}

/// The attribute `group`.
pub(super) fn group(setup: &Setup<'_>) -> Result<usize, Refusal> {
    let group = setup.int("group", 1)?;
    usize::try_from(group).ok().filter(|&group| group > 0).ok_or_else(|| Setup::refuse("group", group, "1 or more"))
}

/// The elements of the bias, if there is one.
pub(super) fn bias<T: Float>(bias: Option<&Tensor>) -> Result<Option<&[T]>, Refusal> {
    bias.map(Tensor::expect).transpose()
}

/// The gradient of the bias: sums over pictures and windows.
pub(super) fn bias_gradient<T: Float>(g: &[T], shape: &[usize]) -> Tensor {
    let sizes = [shape[0], shape[1], shape[2..].iter().product()];
    Tensor::of(&[shape[1]], fold(g, &sizes, &[0, 2], &Sum))
}

/// Checks the bias: one number for each channel of the result.
pub(super) fn check_bias(inputs: &Inputs<'_>, channels: usize) -> Result<(), Refusal> {
    let Some(bias) = inputs.optional(2) else { return Ok(()) };
    inputs.same_dtype(0, 2)?;
    if bias.shape() == [channels] {
        return Ok(());
    }
    Err(mismatch(format!("the bias has the shape {:?}", bias.shape()), format!("[{channels}], one for each channel")))
}

impl Conv {
    fn sizes(&self, x: &[usize], w: &[usize]) -> Result<Convolution, Refusal> {
        let (&[images, channels, ref picture @ ..], &[outputs, inputs, ref kernel @ ..]) = (x, w) else {
            return Err(mismatch(
                format!("operands of shapes {x:?} and {w:?}"),
                "pictures [images, channels, …] and kernels",
            ));
        };
        if inputs.checked_mul(self.group) != Some(channels) || outputs % self.group != 0 {
            let wrong = format!("kernels {w:?} in {} group(s) meet pictures of {channels} channels", self.group);
            return Err(mismatch(wrong, "channels of a kernel times groups, and outputs that the groups divide"));
        }
        let geometry = self.window.place(picture, kernel)?;
        Ok(Convolution { images, groups: self.group, inputs, outputs: outputs / self.group, geometry })
    }

    fn gradients<T: Float>(
        &self,
        pass: &Backward<'_>,
        g: &[T],
        shape: &[usize],
    ) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (x, w) = (pass.input_spec(0)?, pass.input_spec(1)?);
        let sizes = self.sizes(&x.shape, &w.shape)?;
        let mut grads = vec![None; pass.inputs.len()];
        if pass.wants(0) {
            let mut out = spare::any(x.len());
            sizes.input_gradient(g, pass.input(1)?.expect()?, None, &mut out);
            grads[0] = Some(Tensor::of(&x.shape, out));
        }
        if pass.wants(1) {
            grads[1] = Some(Tensor::of(&w.shape, sizes.weight_gradient(pass.input(0)?.expect()?, g)));
        }
        if pass.wants(2) {
            grads[2] = Some(bias_gradient(g, shape));
        }
        Ok(grads)
    }
}

impl Define for Conv {
    const NAME: &'static str = "Conv";
    const INPUTS: RangeInclusive<usize> = 2..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Conv { group: group(setup)?, window: Window::read(setup)? })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let picture = t(&[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let kernel = t(&[1, 1, 2, 2], &[1.0, 0.0, 0.0, 2.0]);
        let of = |name: &str| Case::new(name).input(picture.clone()).input(kernel.clone());
        let random = |name: &str, x: &[usize], w: &[usize]| Case::new(name).random(x).random(w);
        let biased = |name: &str, x: &[usize], w: &[usize]| random(name, x, w).random(&[w[0]]);
        vec![
            of("no padding").expect(t(&[1, 1, 2, 2], &[11.0, 14.0, 20.0, 23.0])),
            of("with a bias").input(t(&[1], &[0.5])).expect(t(&[1, 1, 2, 2], &[11.5, 14.5, 20.5, 23.5])),
            of("same, more behind")
                .text("auto_pad", "SAME_UPPER")
                .expect(t(&[1, 1, 3, 3], &[11.0, 14.0, 3.0, 20.0, 23.0, 6.0, 7.0, 8.0, 9.0])),
            of("same, more before")
                .text("auto_pad", "SAME_LOWER")
                .expect(t(&[1, 1, 3, 3], &[2.0, 4.0, 6.0, 8.0, 11.0, 14.0, 14.0, 20.0, 23.0])),
            of("valid").text("auto_pad", "VALID").expect(t(&[1, 1, 2, 2], &[11.0, 14.0, 20.0, 23.0])),
            of("dilated").list("dilations", &[2, 2]).expect(t(&[1, 1, 1, 1], &[19.0])),
            biased("padded, with steps", &[2, 3, 6, 5], &[4, 3, 3, 2])
                .list("strides", &[2, 1])
                .list("pads", &[1, 0, 2, 1]),
            biased("groups", &[5, 4, 5, 5], &[6, 2, 3, 3]).int("group", 2).list("pads", &[1, 1, 1, 1]),
            biased("a channel each", &[2, 3, 5, 6], &[6, 1, 3, 3])
                .int("group", 3)
                .list("strides", &[1, 2])
                .list("pads", &[1; 4]),
            biased("points", &[2, 3, 4, 4], &[5, 3, 1, 1]),
            biased("one dimension", &[2, 3, 9], &[2, 3, 3]).list("dilations", &[2]).list("pads", &[2, 1]),
            biased("three dimensions", &[1, 2, 4, 3, 5], &[2, 2, 2, 3, 2])
                .list("strides", &[1, 2, 2])
                .list("pads", &[0, 1, 1, 1, 1, 0]),
            random("one channel many times", &[9, 1, 6, 6], &[8, 1, 3, 3]),
            random("no pictures", &[0, 2, 3, 3], &[2, 2, 2, 2]),
            random("channels", &[1, 3, 4, 4], &[2, 2, 3, 3]).refused("channels of a kernel"),
            random("groups that do not divide", &[1, 4, 4, 4], &[3, 2, 3, 3]).int("group", 2).refused("groups"),
            random("small", &[1, 1, 2, 2], &[1, 1, 3, 3]).refused("larger than the window"),
            random("another size", &[1, 1, 4, 4], &[1, 1, 3, 3]).list("kernel_shape", &[2, 2]).refused("[2, 2]"),
            random("four dimensions", &[1, 1, 2, 2, 2, 2], &[1, 1, 1, 1, 1, 1]).refused("1 to 3"),
            random("a step of 0", &[1, 1, 4], &[1, 1, 2]).list("strides", &[0]).refused("strides"),
            random("steps for another number", &[1, 1, 4], &[1, 1, 2]).list("strides", &[1, 1]).refused("1 numbers"),
            random("a long bias", &[1, 1, 4], &[2, 1, 2]).random(&[3]).refused("one for each channel"),
            random("no group", &[1, 1, 4], &[1, 1, 2]).int("group", 0).refused("group"),
            random("unknown padding", &[1, 1, 4], &[1, 1, 2]).text("auto_pad", "SAME").refused("auto_pad"),
        ]
    }
}

impl Operator for Conv {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (x, w) = (inputs.get(0)?, inputs.get(1)?);
        on_floats!(x, _values => ());
        let sizes = self.sizes(x.shape(), w.shape())?;
        check_bias(inputs, w.shape()[0])?;
        let picture = sizes.geometry.shape(x.rank() - 2);
        Ok(vec![Spec { dtype: x.dtype(), shape: [&[x.shape()[0], w.shape()[0]], &picture[..]].concat() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, w) = (inputs.get(0)?, inputs.get(1)?);
        let sizes = self.sizes(x.shape(), w.shape())?;
        let shape = [&[x.shape()[0], w.shape()[0]], &sizes.geometry.shape(x.rank() - 2)[..]].concat();
        on_floats!(x, values => {
            let mut out = spare::any(shape.iter().product());
            sizes.forward(values, w.expect()?, bias(inputs.optional(2))?, &mut out);
            Ok(vec![Tensor::of(&shape, out)])
        })
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let grad = pass.grad()?;
        on_floats!(grad, g => self.gradients(pass, g, grad.shape()))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
