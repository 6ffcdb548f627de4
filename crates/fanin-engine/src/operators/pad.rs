//! `Pad`: more elements around a tensor, or fewer.

use crate::element::Element;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::picks::Picks;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// More than this is not added at one end.
const MOST: i64 = 1 << 30;

/// Amounts before and behind each dimension: attributes before version 11, inputs since. Negative amounts crop.
#[derive(Debug)]
pub(crate) struct Pad {
    mode: Mode,
    fixed: Option<(Vec<i64>, f64)>,
}

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// A number.
    Constant,
    /// The elements inside, mirrored at the first and the last.
    Reflect,
    /// The first or the last.
    Edge,
    /// Those from the other end.
    Wrap,
}

impl Mode {
    /// Which of `size` elements stands at `at`, counted from the first one.
    fn pick(self, at: i64, size: usize) -> Option<usize> {
        let size = size as i64;
        let own = match self {
            Mode::Constant => Some(at),
            Mode::Edge => Some(at.clamp(0, size - 1)),
            Mode::Wrap => at.checked_rem_euclid(size),
            Mode::Reflect if size == 1 => Some(0),
            Mode::Reflect => at.checked_rem_euclid(2 * (size - 1)).map(|at| at.min(2 * (size - 1) - at)),
        };
        own.filter(|own| (0..size).contains(own)).map(|own| own as usize)
    }
}

impl Pad {
    /// Amounts before and behind each of `rank` dimensions.
    fn amounts(&self, rank: usize, given: Option<&Tensor>, axes: Option<&Tensor>) -> Result<Vec<[i64; 2]>, Refusal> {
        let list = match (&self.fixed, given) {
            (Some((list, _)), _) => list.clone(),
            (None, Some(given)) => given.ints()?,
            (None, None) => return Err(mismatch("the amounts are left out", "two for each dimension")),
        };
        let axes = match axes {
            None => (0..rank).collect(),
            Some(axes) => axes.ints()?.iter().map(|&a| shape::axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        };
        if list.len() != 2 * axes.len() || list.iter().any(|amount| !(-MOST..=MOST).contains(amount)) {
            let wrong = format!("the amounts {list:?} are given for {} dimensions", axes.len());
            return Err(mismatch(wrong, format!("two for each, from −{MOST} to {MOST}")));
        }
        let mut amounts = vec![[0; 2]; rank];
        for (i, &axis) in axes.iter().enumerate() {
            amounts[axis] = [list[i], list[axes.len() + i]];
        }
        Ok(amounts)
    }

    fn sizes(x: &[usize], amounts: &[[i64; 2]]) -> Result<Vec<usize>, Refusal> {
        let size = |(&size, [before, behind]): (&usize, &[i64; 2])| {
            usize::try_from(size as i64 + before + behind)
                .map_err(|_| mismatch(format!("of {size} elements {} are cropped", -(before + behind)), "at most all"))
        };
        x.iter().zip(amounts).map(size).collect()
    }

    /// What every element of the result is.
    fn picks(&self, x: &[usize], amounts: &[[i64; 2]]) -> Result<Picks, Refusal> {
        let sizes = Self::sizes(x, amounts)?;
        let along = |axis: usize| {
            (0..sizes[axis] as i64).map(|i| self.mode.pick(i - amounts[axis][0], x[axis])).collect::<Vec<_>>()
        };
        Ok(Picks::new(x, (0..x.len()).map(along).collect()))
    }

    /// The number that is added.
    fn constant<T: Element>(&self, given: Option<&Tensor>) -> T {
        let fixed = self.fixed.as_ref().map(|(_, value)| T::from_f64(*value));
        let given = given.and_then(|given| given.values::<T>()?.first().copied());
        fixed.or(given).unwrap_or_default()
    }

    fn gradients(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, &pass.input_spec(0)?.shape);
        let amounts = self.amounts(x.len(), pass.optional_input(1), pass.optional_input(3))?;
        let mut grads = vec![None; pass.inputs.len()];
        if grad.is_empty() {
            for i in [0, 2].into_iter().filter(|&i| pass.wants(i)) {
                grads[i] = Some(Tensor::zeros(pass.input_spec(i)?)?);
            }
            return Ok(grads);
        }
        let picks = self.picks(x, &amounts)?;
        if pass.wants(0) {
            grads[0] = Some(on_floats!(grad, g => Tensor::of(x, picks.give_back(g))));
        }
        if pass.wants(2) {
            let shape = &pass.input_spec(2)?.shape;
            grads[2] = Some(on_floats!(grad, g => Tensor::of(shape, vec![picks.outside(g)])));
        }
        Ok(grads)
    }
}

impl Define for Pad {
    const NAME: &'static str = "Pad";
    const INPUTS: RangeInclusive<usize> = 1..=4;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let mode = match setup.text("mode", "constant")? {
            "constant" => Mode::Constant,
            "reflect" => Mode::Reflect,
            "edge" => Mode::Edge,
            "wrap" if setup.version() >= 19 => Mode::Wrap,
            other => return Err(Setup::refuse("mode", other, "constant, reflect, edge, or wrap from version 19 on")),
        };
        let name = if setup.version() < 2 { "paddings" } else { "pads" };
        let fixed = if setup.version() >= 11 {
            None
        } else {
            Some((setup.ints(name)?.unwrap_or_default().to_vec(), setup.float("value", 0.0)?))
        };
        Ok(Pad { mode, fixed })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let x = t(&[3], &[1.0, 2.0, 3.0]);
        let of = |name: &str| Case::new(name).input(x.clone());
        let mode = |mode: &str| of(mode).ints(&[2, 3]).text("mode", mode);
        vec![
            of("zeros").ints(&[1, 2]).expect(t(&[6], &[0.0, 1.0, 2.0, 3.0, 0.0, 0.0])),
            of("a number").ints(&[0, 1]).input(Tensor::scalar(7.0)).expect(t(&[4], &[1.0, 2.0, 3.0, 7.0])),
            of("cropped").ints(&[-1, 1]).input(Tensor::scalar(7.0)).expect(t(&[3], &[2.0, 3.0, 7.0])),
            mode("reflect").expect(t(&[8], &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0])),
            mode("edge").expect(t(&[8], &[1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0])),
            mode("wrap").expect(t(&[8], &[2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0])),
            mode("wrap").version(18).refused("constant, reflect, edge"),
            of("attributes")
                .version(10)
                .list("pads", &[1, 0])
                .float("value", 0.5)
                .expect(t(&[4], &[0.5, 1.0, 2.0, 3.0])),
            of("the first attributes").version(1).list("paddings", &[0, 1]).expect(t(&[4], &[1.0, 2.0, 3.0, 0.0])),
            Case::new("some axes")
                .input(t(&[2, 1], &[1.0, 2.0]))
                .ints(&[1, 0, 0, 1])
                .none()
                .ints(&[-1, 0])
                .expect(t(&[3, 2], &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0])),
            Case::new("pictures").random(&[2, 2, 3, 4]).ints(&[0, 0, 1, 2, 0, 0, 2, 1]).text("mode", "reflect"),
            Case::new("all around").random(&[2, 3, 4]).ints(&[1, 0, 2, 0, 1, 1]).random(&[]),
            Case::new("one element").random(&[2, 1]).ints(&[0, 2, 0, 2]).text("mode", "reflect"),
            Case::new("integers")
                .ints(&[5])
                .ints(&[1, 0])
                .input(Tensor::scalar(9i64))
                .expect(Tensor::of(&[2], vec![9i64, 5])),
            Case::new("no number").random(&[0, 2]).ints(&[0, 1, 0, 1]),
            Case::new("a number of no dimensions").random(&[]).ints(&[]),
            of("too many").ints(&[1, 2, 3]).refused("two for each"),
            of("cropped too far").ints(&[-2, -2]).refused("at most all"),
            of("nothing to repeat").ints(&[1, 1]).input(Tensor::scalar(1i64)).refused("operands of type"),
            Case::new("edge of nothing").random(&[0]).ints(&[1, 1]).text("mode", "edge").refused("one element or more"),
        ]
    }
}

impl Operator for Pad {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if let Some(constant) = inputs.optional(2) {
            inputs.same_dtype(0, 2)?;
            constant.number()?;
        }
        let amounts = self.amounts(x.rank(), inputs.optional(1), inputs.optional(3))?;
        let shape = Self::sizes(x.shape(), &amounts)?;
        let empty = (0..x.rank()).any(|i| x.shape()[i] == 0 && shape[i] > 0);
        if empty && self.mode != Mode::Constant {
            return Err(mismatch("a dimension of size 0 is continued", "one element or more"));
        }
        Ok(vec![Spec { dtype: x.dtype(), shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let amounts = self.amounts(x.rank(), inputs.optional(1), inputs.optional(3))?;
        let shape = Self::sizes(x.shape(), &amounts)?;
        if shape.contains(&0) {
            return Ok(vec![Tensor::zeros(&Spec { dtype: x.dtype(), shape })?]);
        }
        let picks = self.picks(x.shape(), &amounts)?;
        let (constant, plain) = (inputs.optional(2).map(Tensor::plain), x.plain());
        let y = on_each!(plain, values => Tensor::of(&shape, picks.take(values, self.constant(constant.as_ref()))));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        self.gradients(pass)
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1, 3])
    }
}
