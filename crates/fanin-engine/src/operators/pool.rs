//! What pools share: where their windows stand, and, for those of real numbers, all but what is made of a window.

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
use crate::window::{Geometry, Window};
use fanin::Refusal;
use std::fmt::Debug;

/// The windows of a pool.
#[derive(Debug)]
pub(super) struct Windows {
    /// `None` for one window over the whole picture.
    window: Option<Window>,
}

impl Windows {
    /// Reads the attributes.
    pub(super) fn read(setup: &Setup<'_>, global: bool) -> Result<Windows, Refusal> {
        if global {
            return Ok(Windows { window: None });
        }
        let window = Window { ceil: setup.flag("ceil_mode", false)?, ..Window::read(setup)? };
        if window.kernel.is_none() {
            return Err(Refusal::new(
                "the attribute kernel_shape is missing",
                "the size of the window",
                "Export the model again.",
            ));
        }
        Ok(Windows { window: Some(window) })
    }

    /// The windows over a picture.
    pub(super) fn place(&self, picture: &[usize]) -> Result<Geometry, Refusal> {
        let Some(window) = &self.window else { return Geometry::whole(picture) };
        let geometry = window.place(picture, window.kernel.as_deref().unwrap_or_default())?;
        match geometry.axes.iter().find(|axis| axis.before.max(axis.after) >= axis.extent()) {
            None => Ok(geometry),
            Some(axis) => {
                let wrong = format!("{} elements are added before and {} behind a picture", axis.before, axis.after);
                Err(mismatch(wrong, format!("padding smaller than the window, which is {}", axis.extent())))
            }
        }
    }

    /// The result's shape.
    pub(super) fn shape(&self, x: &[usize]) -> Result<Vec<usize>, Refusal> {
        let own = picture(x)?;
        let geometry = self.place(own)?;
        let sizes = if self.window.is_some() { geometry.shape(own.len()) } else { vec![1; own.len()] };
        Ok([&x[..2], &sizes[..]].concat())
    }
}

/// The sizes behind those of batch and channels.
pub(super) fn picture(shape: &[usize]) -> Result<&[usize], Refusal> {
    shape.get(2..).ok_or_else(|| mismatch(format!("an operand has the shape {shape:?}"), "[images, channels, …]"))
}

/// What a pool makes of the numbers that a window sees.
pub(super) trait Measure: Debug + Send + Sync {
    /// Whether the way back reads input and output: everything, or nothing.
    const READS: Reads;

    /// One number for each window.
    fn pooled<T: Float>(&self, x: &[T], geometry: &Geometry) -> Vec<T>;

    /// The gradient of the input from that of the output; input and output are empty if they are not read.
    fn spread<T: Float>(&self, g: &[T], read: [&[T]; 2], geometry: &Geometry) -> Vec<T>;
}

/// A pool of real numbers.
#[derive(Debug)]
pub(crate) struct Pool<M> {
    pub(super) windows: Windows,
    pub(super) measure: M,
}

impl<M: Measure> Operator for Pool<M> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        Ok(vec![Spec { dtype: x.dtype(), shape: self.windows.shape(x.shape())? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (shape, geometry) = (self.windows.shape(x.shape())?, self.windows.place(picture(x.shape())?)?);
        on_floats!(x, values => Ok(vec![Tensor::of(&shape, self.measure.pooled(values, &geometry))]))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, shape) = (pass.grad()?, &pass.input_spec(0)?.shape);
        let geometry = self.windows.place(picture(shape)?)?;
        let read = M::READS != Reads::NONE;
        pass.only(|| {
            on_floats!(grad, g => {
                let read = if read { [pass.input(0)?.expect()?, pass.output(0)?.expect()?] } else { [&[][..]; 2] };
                Ok(Tensor::of(shape, self.measure.spread(g, read, &geometry)))
            })
        })
    }

    fn reads(&self) -> Reads {
        M::READS
    }
}
