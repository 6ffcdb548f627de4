//! `ConvTranspose`: the transposed convolution, which spreads each element with a kernel.

use super::conv::{bias, bias_gradient, check_bias, group};
use crate::convolution::Convolution;
use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::spare;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use crate::window::{Axis, Geometry, Padding, Window, along, numbers, split};
use fanin::Refusal;
use std::ops::RangeInclusive;

/// The gradient of a convolution's picture, as an operator: X `[images, channels, …]`, W `[channels, outputs / group, …]`.
#[derive(Debug)]
pub(crate) struct ConvTranspose {
    group: usize,
    window: Window,
    /// What is added behind, beyond the smallest picture that X can be the convolution of.
    extra: Option<Vec<usize>>,
    /// The picture's size, if it is said.
    output: Option<Vec<usize>>,
}

impl ConvTranspose {
    /// The convolution that this is the transpose of: its picture is the result, and its result is X.
    fn sizes(&self, x: &[usize], w: &[usize]) -> Result<Convolution, Refusal> {
        let (&[images, channels, ref picture @ ..], &[inputs, outputs, ref kernel @ ..]) = (x, w) else {
            return Err(mismatch(
                format!("operands of shapes {x:?} and {w:?}"),
                "pictures [images, channels, …] and kernels",
            ));
        };
        if inputs != channels || channels % self.group != 0 {
            let wrong = format!("kernels {w:?} in {} group(s) meet pictures of {channels} channels", self.group);
            return Err(mismatch(wrong, "as many channels, which the groups divide"));
        }
        let geometry = self.place(picture, kernel)?;
        Ok(Convolution { images, groups: self.group, inputs: outputs, outputs: channels / self.group, geometry })
    }

    fn place(&self, picture: &[usize], kernel: &[usize]) -> Result<Geometry, Refusal> {
        let rank = picture.len();
        self.window.check(rank, kernel)?;
        let strides = along(self.window.strides.as_ref(), rank, 1)?;
        let dilations = along(self.window.dilations.as_ref(), rank, 1)?;
        let extra = along(self.extra.as_ref(), rank, 0)?;
        let pads = match &self.window.padding {
            Padding::Given(pads) => along(pads.as_ref(), 2 * rank, 0)?,
            Padding::Same { .. } => vec![0; 2 * rank],
        };
        // Older files say the size with those of batch and channels before it.
        let own = self.output.as_ref().map(|sizes| sizes.get(sizes.len().saturating_sub(rank)..).unwrap_or_default());
        if own.is_some_and(|own| own.len() != rank) {
            return Err(mismatch(format!("output_shape is {own:?}"), format!("{rank} sizes")));
        }
        let mut geometry = Geometry::default();
        for i in 0..rank {
            let mut axis = Axis {
                input: 0,
                kernel: kernel[i],
                stride: strides[i],
                dilation: dilations[i],
                before: pads[i],
                after: pads[rank + i],
                output: picture[i],
            };
            let asked = match (&self.window.padding, own) {
                (_, Some(own)) => Some(own[i]),
                (Padding::Same { .. }, None) => Some(picture[i].saturating_mul(strides[i])),
                (Padding::Given(_), None) => None,
            };
            let full =
                picture[i].saturating_sub(1).saturating_mul(axis.stride).saturating_add(axis.extent() + extra[i]);
            if let Some(asked) = asked {
                let upper = self.window.padding == Padding::Same { upper: true };
                (axis.before, axis.after) = split(full.saturating_sub(asked), upper);
            }
            axis.input = asked.unwrap_or_else(|| full.saturating_sub(axis.before + axis.after));
            if axis.input == 0 || picture[i] == 0 {
                let wrong = format!(
                    "{} elements, spread over {full}, lose {} to padding",
                    picture[i],
                    axis.before + axis.after
                );
                return Err(mismatch(wrong, "a result of one element or more"));
            }
            geometry.axes[3 - rank + i] = axis;
        }
        Ok(geometry)
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
            sizes.forward(g, pass.input(1)?.expect()?, None, &mut out);
            grads[0] = Some(Tensor::of(&x.shape, out));
        }
        if pass.wants(1) {
            grads[1] = Some(Tensor::of(&w.shape, sizes.weight_gradient(g, pass.input(0)?.expect()?)));
        }
        if pass.wants(2) {
            grads[2] = Some(bias_gradient(g, shape));
        }
        Ok(grads)
    }
}

/// The result's shape.
fn shape(sizes: &Convolution, rank: usize) -> Vec<usize> {
    let mut shape = vec![sizes.images, sizes.groups * sizes.inputs];
    shape.extend(sizes.geometry.axes[5 - rank..].iter().map(|axis| axis.input));
    shape
}

impl Define for ConvTranspose {
    const NAME: &'static str = "ConvTranspose";
    const INPUTS: RangeInclusive<usize> = 2..=3;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(ConvTranspose {
            group: group(setup)?,
            window: Window::read(setup)?,
            extra: numbers(setup, "output_padding", 0)?,
            output: numbers(setup, "output_shape", 1)?,
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let (x, w) = (t(&[1, 1, 2], &[1.0, 2.0]), t(&[1, 1, 3], &[1.0, 10.0, 100.0]));
        let of = |name: &str| Case::new(name).input(x.clone()).input(w.clone());
        let random = |name: &str, x: &[usize], w: &[usize]| Case::new(name).random(x).random(w);
        vec![
            of("plain").expect(t(&[1, 1, 4], &[1.0, 12.0, 120.0, 200.0])),
            of("a bias").input(t(&[1], &[0.5])).expect(t(&[1, 1, 4], &[1.5, 12.5, 120.5, 200.5])),
            of("steps").list("strides", &[2]).expect(t(&[1, 1, 5], &[1.0, 10.0, 102.0, 20.0, 200.0])),
            of("padded").list("strides", &[2]).list("pads", &[1, 0]).expect(t(&[1, 1, 4], &[10.0, 102.0, 20.0, 200.0])),
            of("more behind")
                .list("strides", &[2])
                .list("output_padding", &[1])
                .list("pads", &[1, 0])
                .expect(t(&[1, 1, 5], &[10.0, 102.0, 20.0, 200.0, 0.0])),
            of("a size").list("output_shape", &[3]).list("strides", &[2]).expect(t(&[1, 1, 3], &[10.0, 102.0, 20.0])),
            of("a larger size")
                .list("output_shape", &[6])
                .list("strides", &[2])
                .expect(t(&[1, 1, 6], &[1.0, 10.0, 102.0, 20.0, 200.0, 0.0])),
            of("a size with batch and channels").list("output_shape", &[1, 1, 3]).list("strides", &[2]),
            of("same")
                .text("auto_pad", "SAME_UPPER")
                .list("strides", &[2])
                .expect(t(&[1, 1, 4], &[1.0, 10.0, 102.0, 20.0])),
            of("same, lower")
                .text("auto_pad", "SAME_LOWER")
                .list("strides", &[2])
                .expect(t(&[1, 1, 4], &[10.0, 102.0, 20.0, 200.0])),
            of("dilated").list("dilations", &[2]).expect(t(&[1, 1, 6], &[1.0, 2.0, 10.0, 20.0, 100.0, 200.0])),
            random("groups", &[5, 4, 3, 4], &[4, 3, 3, 2])
                .random(&[6])
                .int("group", 2)
                .list("strides", &[2, 1])
                .list("pads", &[1, 0, 0, 1]),
            random("a channel each", &[2, 3, 4, 4], &[3, 1, 3, 3])
                .random(&[3])
                .int("group", 3)
                .list("strides", &[2, 2]),
            random("three dimensions", &[1, 2, 2, 3, 2], &[2, 2, 2, 2, 3])
                .list("strides", &[1, 2, 2])
                .list("output_padding", &[0, 1, 1]),
            random("points", &[4, 3, 3, 3], &[3, 2, 1, 1]),
            random("channels", &[1, 2, 3], &[3, 1, 2]).refused("as many channels"),
            of("nothing left").list("pads", &[2, 2]).refused("one element or more"),
            of("sizes for others").list("output_shape", &[]).refused("1 sizes"),
        ]
    }
}

impl Operator for ConvTranspose {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (x, w) = (inputs.get(0)?, inputs.get(1)?);
        on_floats!(x, _values => ());
        let sizes = self.sizes(x.shape(), w.shape())?;
        let shape = shape(&sizes, x.rank());
        check_bias(inputs, shape[1])?;
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, w) = (inputs.get(0)?, inputs.get(1)?);
        let sizes = self.sizes(x.shape(), w.shape())?;
        let shape = shape(&sizes, x.rank());
        on_floats!(x, values => {
            let mut out = spare::any(shape.iter().product());
            sizes.input_gradient(values, w.expect()?, bias(inputs.optional(2))?, &mut out);
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
