//! The same elements under another shape: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`.

use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// What makes a new shape of an old one.
pub(crate) trait Form: Debug + Send + Sync + Sized + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// As [`Define::SINCE`].
    const SINCE: u64 = 1;
    /// As [`Define::INPUTS`].
    const INPUTS: RangeInclusive<usize>;

    /// Reads the attributes.
    fn new(setup: &Setup<'_>) -> Result<Self, Refusal>;

    /// The new shape.
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal>;

    /// See [`Define::cases`].
    #[cfg(test)]
    fn cases() -> Vec<Case>;
}

/// A [`Form`] as an operator.
#[derive(Debug)]
pub(crate) struct Reformed<F>(F);

pub(crate) type Reshape = Reformed<ReshapeOf>;
pub(crate) type Flatten = Reformed<FlattenOf>;
pub(crate) type Squeeze = Reformed<SqueezeOf>;
pub(crate) type Unsqueeze = Reformed<UnsqueezeOf>;

impl<F: Form> Define for Reformed<F> {
    const NAME: &'static str = F::NAME;
    const SINCE: u64 = F::SINCE;
    const INPUTS: RangeInclusive<usize> = F::INPUTS;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        F::new(setup).map(Reformed)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        F::cases()
    }
}

impl<F: Form> Operator for Reformed<F> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let shape = self.0.shape(inputs)?;
        if shape::count(&shape) != Some(x.len()) {
            return Err(mismatch(format!("{:?} is to become {shape:?}", x.shape()), "a shape of as many elements"));
        }
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![inputs.get(0)?.reshaped(&self.0.shape(inputs)?)])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| Ok(pass.grad()?.reshaped(&pass.input_spec(0)?.shape)))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}

/// To the shape that the second input gives: 0 keeps a dimension, −1 is what is left.
#[derive(Debug)]
pub(crate) struct ReshapeOf {
    allow_zero: bool,
}

impl Form for ReshapeOf {
    const NAME: &'static str = "Reshape";
    // Before, the shape was an attribute.
    const SINCE: u64 = 5;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(ReshapeOf { allow_zero: setup.version() >= 14 && setup.flag("allowzero", false)? })
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
        let (x, target) = (inputs.get(0)?, inputs.get(1)?);
        let sizes = target.ints()?;
        let refuse = |expected: &str| mismatch(format!("{:?} is to become {sizes:?}", x.shape()), expected);
        if target.rank() != 1 {
            return Err(mismatch(format!("the new shape is {:?}", target.spec()), "a list of sizes"));
        }
        let (mut shape, mut open) = (Vec::with_capacity(sizes.len()), None);
        for (i, &size) in sizes.iter().enumerate() {
            shape.push(match size {
                -1 if open.is_none() => {
                    open = Some(i);
                    1
                }
                0 if !self.allow_zero => *x.shape().get(i).ok_or_else(|| refuse("a dimension where 0 stands"))?,
                size => usize::try_from(size).map_err(|_| refuse("sizes from 0 on, and at most one −1"))?,
            });
        }
        if let Some(open) = open {
            let rest = shape::count(&shape).filter(|&rest| rest > 0 && x.len().is_multiple_of(rest));
            shape[open] = x.len() / rest.ok_or_else(|| refuse("sizes that divide the number of elements"))?;
        }
        Ok(shape)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let become_ = |name: &str, sizes: &[i64]| Case::new(name).random(&[2, 3, 4]).ints(sizes);
        let of = |shape: &[usize]| crate::testing::random(&[2, 3, 4], 1).reshaped(shape);
        vec![
            become_("plain", &[4, 6]).expect(of(&[4, 6])),
            become_("the rest", &[-1, 2]).expect(of(&[12, 2])),
            become_("kept", &[0, -1]).expect(of(&[2, 12])),
            Case::new("zero allowed")
                .random(&[0, 3])
                .ints(&[3, 0])
                .int("allowzero", 1)
                .expect(Tensor::of::<f64>(&[3, 0], vec![])),
            become_("too few", &[5, 4]).refused("as many elements"),
            become_("two rests", &[-1, -1]).refused("at most one"),
            become_("no divisor", &[-1, 5]).refused("divide"),
            become_("kept beyond", &[2, 3, 4, 0]).refused("a dimension where 0 stands"),
            become_("overflow", &[i64::MAX, i64::MAX]).refused("as many elements"),
        ]
    }
}

/// To a matrix: the dimensions before `axis` are rows, the others columns.
#[derive(Debug)]
pub(crate) struct FlattenOf {
    axis: i64,
}

impl Form for FlattenOf {
    const NAME: &'static str = "Flatten";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(FlattenOf { axis: setup.int("axis", 1)? })
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
        let shape = inputs.get(0)?.shape();
        // The end is a place to cut as well.
        let cut = if self.axis == shape.len() as i64 { shape.len() } else { shape::axis(self.axis, shape.len())? };
        Ok(vec![shape[..cut].iter().product(), shape[cut..].iter().product()])
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let cut = |axis: i64, shape: &[usize]| {
            let expected = crate::testing::random(&[2, 3, 4], 1).reshaped(shape);
            Case::new("cut").random(&[2, 3, 4]).int("axis", axis).expect(expected)
        };
        vec![
            Case::new("default").random(&[2, 3, 4]).expect(crate::testing::random(&[2, 3, 4], 1).reshaped(&[2, 12])),
            cut(0, &[1, 24]),
            cut(3, &[24, 1]),
            cut(-1, &[6, 4]),
            Case::new("beyond").random(&[2, 3]).int("axis", 4).refused("axis 4"),
        ]
    }
}

/// Axes from an attribute in early versions, from the second input in later ones.
#[derive(Debug)]
pub(super) enum Axes {
    Attribute(Option<Vec<i64>>),
    Input,
}

impl Axes {
    /// Reads them: an input from version `since` on.
    pub(super) fn new(setup: &Setup<'_>, since: u64) -> Result<Axes, Refusal> {
        if setup.version() >= since {
            return Ok(Axes::Input);
        }
        if setup.inputs() > 1 {
            return Err(mismatch("the axes are an input", format!("an attribute before version {since}")));
        }
        Ok(Axes::Attribute(setup.ints("axes")?.map(<[i64]>::to_vec)))
    }

    /// The axes, if they are given.
    pub(super) fn of(&self, inputs: &Inputs<'_>) -> Result<Option<Vec<i64>>, Refusal> {
        match self {
            Axes::Attribute(axes) => Ok(axes.clone()),
            Axes::Input => inputs.optional(1).map(Tensor::ints).transpose(),
        }
    }
}

/// Without dimensions of size 1: those that are named, or all.
#[derive(Debug)]
pub(crate) struct SqueezeOf {
    axes: Axes,
}

impl Form for SqueezeOf {
    const NAME: &'static str = "Squeeze";
    const INPUTS: RangeInclusive<usize> = 1..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(SqueezeOf { axes: Axes::new(setup, 13)? })
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
        let shape = inputs.get(0)?.shape();
        let Some(axes) = self.axes.of(inputs)? else { return Ok(shape.iter().copied().filter(|&d| d != 1).collect()) };
        let axes = shape::axes(&axes, shape.len())?;
        if let Some(&axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
            return Err(mismatch(format!("axis {axis} of {shape:?} is to go away"), "a size of 1 there"));
        }
        Ok((0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect())
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let (all, one) = (crate::testing::random(&[2, 3], 1), crate::testing::random(&[2, 3, 1], 1));
        vec![
            Case::new("all").random(&[1, 2, 1, 3, 1]).expect(all),
            Case::new("named").random(&[1, 2, 3, 1]).ints(&[0]).expect(one.clone()),
            Case::new("by attribute").version(11).random(&[1, 2, 3, 1]).list("axes", &[-4]).expect(one),
            Case::new("not one").random(&[1, 2]).ints(&[1]).refused("a size of 1"),
        ]
    }
}

/// With dimensions of size 1 inserted, at places of the result.
#[derive(Debug)]
pub(crate) struct UnsqueezeOf {
    axes: Axes,
}

impl Form for UnsqueezeOf {
    const NAME: &'static str = "Unsqueeze";
    const INPUTS: RangeInclusive<usize> = 1..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(UnsqueezeOf { axes: Axes::new(setup, 13)? })
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Vec<usize>, Refusal> {
        let old = inputs.get(0)?.shape();
        let axes = self.axes.of(inputs)?.ok_or_else(|| mismatch("the axes are left out", "axes"))?;
        let rank = old.len().saturating_add(axes.len());
        let axes = shape::axes(&axes, rank)?;
        let mut left = old.iter();
        Ok((0..rank).map(|i| if axes.contains(&i) { 1 } else { left.next().copied().unwrap_or(1) }).collect())
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let expected = crate::testing::random(&[1, 2, 3, 1], 1);
        vec![
            Case::new("named").random(&[2, 3]).ints(&[0, -1]).expect(expected.clone()),
            Case::new("by attribute").version(11).random(&[2, 3]).list("axes", &[3, 0]).expect(expected),
            Case::new("twice").random(&[2, 3]).ints(&[0, 0]).refused("once"),
            Case::new("nowhere").random(&[2, 3]).refused("left out"),
        ]
    }
}
