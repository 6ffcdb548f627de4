//! `Resize` and `Upsample`: pictures of another size, by nearest neighbours or by interpolation.

mod coordinate;
mod interpolate;

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::picks::Picks;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, on_floats};
#[cfg(test)]
use crate::testing::Case;
use coordinate::{Along, Coordinates, Round};
use fanin::Refusal;
use interpolate::{Kernel, Taps};
use std::ops::RangeInclusive;

/// A dimension is not made longer than this.
const LONGEST: f64 = (1u64 << 40) as f64;

/// Both operators. Sizes come from scales or sizes; which are inputs, depends on the version.
#[derive(Debug)]
pub(crate) struct Resized<const UPSAMPLE: bool> {
    /// `None` for nearest neighbours.
    kernel: Option<Kernel>,
    coordinates: Coordinates,
    round: Round,
    extrapolation: f64,
    axes: Option<Vec<i64>>,
    policy: Policy,
    /// Scales of `Upsample` where they are an attribute.
    fixed: Option<Vec<f64>>,
    /// Where scales and sizes stand among the inputs.
    slots: [usize; 2],
}

pub(crate) type Resize = Resized<false>;
pub(crate) type Upsample = Resized<true>;

/// What sizes mean for dimensions that should be scaled alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

impl<const UPSAMPLE: bool> Resized<UPSAMPLE> {
    /// What happens along each dimension.
    fn plan(&self, x: &[usize], given: &dyn Fn(usize) -> Option<Tensor>) -> Result<Vec<Along>, Refusal> {
        let axes = match &self.axes {
            None => (0..x.len()).collect(),
            Some(axes) => axes.iter().map(|&a| shape::axis(a, x.len())).collect::<Result<Vec<_>, _>>()?,
        };
        let numbers = |slot: usize| given(slot).map(|t| t.to_f64s()).filter(|list| !list.is_empty());
        let scales = self.fixed.clone().or_else(|| numbers(self.slots[0]));
        let (scales, sizes) = match (scales, numbers(self.slots[1])) {
            (Some(scales), None) => (scales, None),
            (None, Some(sizes)) => {
                let (scales, sizes) = self.scaled(&axes.iter().map(|&a| x[a]).collect::<Vec<_>>(), &sizes)?;
                (scales, Some(sizes))
            }
            _ => return Err(mismatch("both scales and sizes are given, or neither", "one of the two")),
        };
        let roi = if self.coordinates == Coordinates::Crop { numbers(1) } else { None };
        if self.coordinates == Coordinates::Crop && roi.as_ref().is_none_or(|roi| roi.len() != 2 * axes.len()) {
            return Err(mismatch(
                "the region to crop is missing or has another length",
                "a start and an end for each dimension",
            ));
        }
        if scales.len() != axes.len() {
            return Err(mismatch(format!("{} scales for {} dimensions", scales.len(), axes.len()), "one for each"));
        }
        let mut all: Vec<Along> = x.iter().map(|&size| Along::same(size)).collect();
        for (i, &axis) in axes.iter().enumerate() {
            let roi = roi.as_ref().map_or([0.0, 1.0], |roi| [roi[i], roi[axes.len() + i]]);
            let size = sizes
                .as_ref()
                .map_or_else(|| (x[axis] as f64 * (roi[1] - roi[0]) * scales[i]).floor(), |sizes| sizes[i]);
            let sound = scales[i] > 0.0 && scales[i].is_finite() && (0.0..=LONGEST).contains(&size);
            if !sound || x[axis] == 0 && size > 0.0 {
                let wrong = format!("{} elements are scaled by {} to {size}", x[axis], scales[i]);
                return Err(mismatch(wrong, "positive numbers, and something to look at"));
            }
            all[axis] = Along { input: x[axis], output: size as usize, scale: scales[i], roi };
        }
        Ok(all)
    }

    /// Scales for the sizes asked for, and the sizes that come of them.
    fn scaled(&self, x: &[usize], sizes: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Refusal> {
        if sizes.len() != x.len() {
            return Err(mismatch(format!("{} sizes for {} dimensions", sizes.len(), x.len()), "one for each"));
        }
        let own: Vec<f64> = sizes.iter().zip(x).map(|(&size, &x)| size / x.max(1) as f64).collect();
        let common = match self.policy {
            Policy::Stretch => return Ok((own, sizes.to_vec())),
            Policy::NotLarger => own.iter().copied().fold(f64::INFINITY, f64::min),
            Policy::NotSmaller => own.iter().copied().fold(0.0, f64::max),
        };
        Ok((vec![common; x.len()], x.iter().map(|&x| (x as f64 * common + 0.5).floor()).collect()))
    }

    /// Nearest neighbours: which element stands where.
    fn nearest(&self, x: &[usize], plan: &[Along]) -> Picks {
        let along = |along: &Along| -> Vec<Option<usize>> {
            let pick = |at: f64| self.round.of(at).clamp(0.0, along.input as f64 - 1.0) as usize;
            let at = |i: usize| self.coordinates.of(i, along);
            let inside =
                |at: f64| self.coordinates != Coordinates::Crop || (0.0..=along.input as f64 - 1.0).contains(&at);
            (0..along.output)
                .map(|i| {
                    Some(at(i))
                        .filter(|&at| along.is_same() || inside(at))
                        .map(|at| if along.is_same() { i } else { pick(at) })
                })
                .collect()
        };
        Picks::new(x, plan.iter().map(along).collect())
    }

    /// What is interpolated, dimension by dimension.
    fn taps(&self, plan: &[Along]) -> Option<Vec<Option<Taps>>> {
        let kernel = self.kernel.as_ref()?;
        let crop = self.coordinates == Coordinates::Crop;
        let along = |along: &Along| (!along.is_same() || crop).then(|| Taps::new(kernel, self.coordinates, along));
        Some(plan.iter().map(along).collect())
    }

    fn plan_of(&self, inputs: &Inputs<'_>) -> Result<Vec<Along>, Refusal> {
        self.plan(inputs.get(0)?.shape(), &|slot| inputs.optional(slot).cloned())
    }
}

impl<const UPSAMPLE: bool> Define for Resized<UPSAMPLE> {
    const NAME: &'static str = if UPSAMPLE { "Upsample" } else { "Resize" };
    const SINCE: u64 = if UPSAMPLE { 7 } else { 10 };
    const INPUTS: RangeInclusive<usize> = 1..=if UPSAMPLE { 2 } else { 4 };

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let early = UPSAMPLE || setup.version() < 11;
        let kernel = match setup.text("mode", "nearest")? {
            "nearest" => None,
            "linear" => Some(Kernel::linear(setup, early)?),
            "cubic" if !early => Some(Kernel::cubic(setup)?),
            other => return Err(Setup::refuse("mode", other, "nearest, linear, or cubic from version 11 on")),
        };
        let (coordinates, round) = if early {
            (Coordinates::Asymmetric, Round::Floor)
        } else {
            (Coordinates::read(setup)?, Round::read(setup)?)
        };
        for unused in ["cubic_coeff_a", "exclude_outside", "antialias"] {
            setup.ignore(unused);
        }
        let policy =
            match if setup.version() >= 18 { setup.text("keep_aspect_ratio_policy", "stretch")? } else { "stretch" } {
                "stretch" => Policy::Stretch,
                "not_larger" => Policy::NotLarger,
                "not_smaller" => Policy::NotSmaller,
                other => {
                    return Err(Setup::refuse("keep_aspect_ratio_policy", other, "stretch, not_larger or not_smaller"));
                }
            };
        let axes = if early { None } else { setup.ints("axes")?.map(<[i64]>::to_vec) };
        let extrapolation = if early { 0.0 } else { setup.float("extrapolation_value", 0.0)? };
        let fixed = if UPSAMPLE && setup.version() < 9 { setup.floats("scales")?.map(<[f64]>::to_vec) } else { None };
        let slots = if early { [1, usize::MAX] } else { [2, 3] };
        Ok(Resized { kernel, coordinates, round, extrapolation, axes, policy, fixed, slots })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        cases(UPSAMPLE)
    }
}

impl<const UPSAMPLE: bool> Operator for Resized<UPSAMPLE> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if self.kernel.is_some() {
            on_floats!(x, _values => ());
        }
        Ok(vec![Spec { dtype: x.dtype(), shape: self.plan_of(inputs)?.iter().map(|along| along.output).collect() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        fn outside<T: crate::Element>(_: &[T], value: f64) -> T {
            T::from_f64(value)
        }
        let (x, plan) = (inputs.get(0)?, self.plan_of(inputs)?);
        let shape: Vec<usize> = plan.iter().map(|along| along.output).collect();
        if shape.contains(&0) {
            return Ok(vec![Tensor::zeros(&Spec { dtype: x.dtype(), shape })?]);
        }
        if let Some(taps) = self.taps(&plan) {
            return on_floats!(x, values => {
                Ok(vec![Tensor::of(&shape, interpolate::forward(values, x.shape(), &taps, self.extrapolation))])
            });
        }
        let (picks, plain) = (self.nearest(x.shape(), &plan), x.plain());
        let y = on_each!(plain, values => Tensor::of(&shape, picks.take(values, outside(values, self.extrapolation))));
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        fn back<T: Float>(g: &[T], x: &[usize], taps: &[Option<Taps>]) -> Tensor {
            Tensor::of(x, interpolate::backward(g, x, taps))
        }
        let (grad, x) = (pass.grad()?, &pass.input_spec(0)?.shape);
        if grad.is_empty() {
            return pass.only(|| Tensor::zeros(pass.input_spec(0)?));
        }
        let plan = self.plan(x, &|slot| pass.optional_input(slot).cloned())?;
        pass.only(|| match self.taps(&plan) {
            Some(taps) => on_floats!(grad, g => Ok(back(g, x, &taps))),
            None => on_floats!(grad, g => Ok(Tensor::of(x, self.nearest(x, &plan).give_back(g)))),
        })
    }

    fn reads(&self) -> Reads {
        Reads::only(&[1, 2, 3])
    }
}

#[cfg(test)]
fn cases(upsample: bool) -> Vec<Case> {
    let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
    let x = t(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let scales = |case: Case, values: &[f64]| case.setting(Tensor::of(&[values.len()], values.to_vec()));
    let doubled = t(&[1, 1, 2, 4], &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    if upsample {
        return vec![
            scales(Case::new("nearest").version(9).input(x.clone()), &[1.0, 1.0, 1.0, 2.0]).expect(doubled.clone()),
            Case::new("by attribute").version(7).input(x).floats("scales", &[1.0, 1.0, 1.0, 2.0]).expect(doubled),
            scales(Case::new("linear").version(9).random(&[1, 2, 2, 3]), &[1.0, 1.0, 2.0, 1.5]).text("mode", "linear"),
        ];
    }
    let line = |name: &str| Case::new(name).input(t(&[4], &[1.0, 2.0, 3.0, 4.0])).none();
    let halved =
        |mode: &str| scales(line(mode), &[0.5]).text("mode", "linear").text("coordinate_transformation_mode", mode);
    let random = |mode: &str, shape: &[usize], to: &[i64]| {
        Case::new(mode).random(shape).none().none().ints(to).text("mode", mode)
    };
    vec![
        scales(Case::new("nearest").input(x.clone()).none(), &[1.0, 1.0, 1.0, 2.0]).expect(doubled.clone()),
        scales(Case::new("version 10").version(10).input(x), &[1.0, 1.0, 1.0, 2.0]).expect(doubled),
        halved("half_pixel").expect(t(&[2], &[1.5, 3.5])),
        halved("asymmetric").expect(t(&[2], &[1.0, 3.0])),
        halved("align_corners").expect(t(&[2], &[1.0, 4.0])),
        line("downsampled smoothly")
            .none()
            .ints(&[2])
            .int("antialias", 1)
            .text("mode", "linear")
            .expect(t(&[2], &[1.625, 3.375])),
        random("cubic", &[2, 1, 4, 3], &[2, 1, 7, 5]),
        random("linear", &[2, 1, 4, 3], &[2, 1, 7, 2]),
        random("nearest", &[2, 1, 4, 3], &[2, 1, 7, 2]).text("nearest_mode", "ceil"),
        random("cubic", &[2, 6, 5], &[2, 3, 4]).int("antialias", 1),
        random("cubic", &[1, 5, 5], &[1, 8, 3]).int("exclude_outside", 1).float("cubic_coeff_a", -0.5),
        random("linear", &[2, 3, 4], &[5, 6]).list("axes", &[2, 1]),
        random("linear", &[6, 4], &[3, 3]).text("keep_aspect_ratio_policy", "not_larger"),
        Case::new("a part, and beyond")
            .random(&[4, 4])
            .setting(t(&[4], &[0.4, 0.2, 1.2, 0.8]))
            .none()
            .ints(&[3, 3])
            .text("mode", "linear")
            .text("coordinate_transformation_mode", "tf_crop_and_resize")
            .float("extrapolation_value", 9.0),
        line("bytes").none().none().refused("one of the two"),
        scales(line("negative"), &[-1.0]).refused("positive"),
        scales(line("two"), &[1.0, 1.0]).refused("one for each"),
        scales(line("no mode"), &[2.0]).text("mode", "area").refused("nearest, linear"),
        scales(line("no coordinates"), &[2.0])
            .text("coordinate_transformation_mode", "center")
            .refused("coordinate_transformation_mode"),
        scales(Case::new("too far").random(&[4]).none(), &[1e12]).refused("positive"),
    ]
}
