//! `TopK`: the largest or least elements along an axis, and where they stand.

use crate::element::Number;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::places::{give_back, take};
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats, on_numbers, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::cmp::Ordering;
use std::ops::RangeInclusive;

/// The first `k` elements in descending (or ascending) order, and their indices. Of equal ones that with the lower index
/// is first; a NaN counts as larger than all numbers. They are sorted, also where no order is asked for.
#[derive(Debug)]
pub(crate) struct TopK {
    axis: i64,
    fixed: Option<i64>,
    largest: bool,
}

fn ascending<T: Number>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl TopK {
    /// Axis, `[before, along, after]`, and how many are taken.
    fn sizes(&self, x: &[usize], given: Option<&Tensor>) -> Result<(usize, [usize; 3], usize), Refusal> {
        let axis = shape::axis(self.axis, x.len())?;
        let k = match (self.fixed, given.map(Tensor::ints).transpose()?.as_deref()) {
            (Some(k), None) | (None, Some(&[k])) => k,
            (_, given) => return Err(mismatch(format!("{given:?} is given as the number to take"), "one number")),
        };
        let own = usize::try_from(k).ok().filter(|&k| k <= x[axis]);
        let k = own.ok_or_else(|| mismatch(format!("the {k} first of {} are taken", x[axis]), "at most all"))?;
        Ok((axis, [x[..axis].iter().product(), x[axis], x[axis + 1..].iter().product()], k))
    }

    /// Indices along the axis, lane by lane: `[before · after, k]`.
    fn find<T: Number>(&self, x: &[T], [before, along, after]: [usize; 3], k: usize) -> Vec<usize> {
        let mut out = vec![0usize; before * after * k];
        heavy_pieces(&mut out, k.max(1), &|lane, out| {
            let start = lane / after * along * after + lane % after;
            let order = |&a: &usize, &b: &usize| {
                let (own, other) = (x[start + a * after], x[start + b * after]);
                let order = if self.largest { ascending(other, own) } else { ascending(own, other) };
                order.then(a.cmp(&b))
            };
            let mut indices: Vec<usize> = (0..along).collect();
            if k < along {
                indices.select_nth_unstable_by(k, order);
                indices.truncate(k);
            }
            indices.sort_unstable_by(order);
            out.copy_from_slice(&indices);
        });
        out
    }
}

/// From lanes to the order of the result, `[before, k, after]`; and the places in the operand.
fn arranged(found: &[usize], [before, along, after]: [usize; 3], k: usize) -> (Vec<i64>, Vec<usize>) {
    let mut all = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
    for row in 0..before {
        for place in 0..k {
            for column in 0..after {
                let index = found[(row * after + column) * k + place];
                all.0.push(index as i64);
                all.1.push((row * along + index) * after + column);
            }
        }
    }
    all
}

impl Define for TopK {
    const NAME: &'static str = "TopK";
    const INPUTS: RangeInclusive<usize> = 1..=2;
    const OUTPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("sorted");
        let fixed = if setup.version() < 10 { Some(setup.needed_int("k")?) } else { None };
        let largest = setup.version() < 11 || setup.flag("largest", true)?;
        Ok(TopK { axis: setup.int("axis", -1)?, fixed, largest })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let at = |shape: &[usize], values: &[i64]| Tensor::of(shape, values.to_vec());
        let x = t(&[2, 3], &[1.0, 5.0, 3.0, -2.0, 0.5, 0.25]);
        let of = |name: &str| Case::new(name).input(x.clone()).outputs(2);
        let largest = |case: Case| case.expect(t(&[2, 2], &[5.0, 3.0, 0.5, 0.25])).expect(at(&[2, 2], &[1, 2, 1, 2]));
        let tied = t(&[4], &[1.0, f64::NAN, 2.0, 2.0]);
        vec![
            largest(of("largest").ints(&[2])),
            largest(of("by attribute").version(9).int("k", 2)),
            of("least").ints(&[1]).int("largest", 0).expect(t(&[2, 1], &[1.0, -2.0])).expect(at(&[2, 1], &[0, 0])),
            of("down").ints(&[1]).int("axis", 0).expect(t(&[1, 3], &[1.0, 5.0, 3.0])).expect(at(&[1, 3], &[0, 0, 0])),
            Case::new("equal ones and none")
                .input(tied)
                .ints(&[3])
                .expect(t(&[3], &[f64::NAN, 2.0, 2.0]))
                .expect(at(&[3], &[1, 2, 3]))
                .without_gradients(),
            Case::new("middle").random(&[2, 5, 3]).ints(&[3]).int("axis", 1).outputs(2),
            Case::new("bytes")
                .input(Tensor::of(&[3], vec![3u8, 200, 7]))
                .ints(&[1])
                .expect(Tensor::of(&[1], vec![200u8]))
                .expect(at(&[1], &[1])),
            Case::new("none of them").random(&[3]).ints(&[0]).outputs(2),
            of("too many").ints(&[4]).refused("at most all"),
            of("two numbers").ints(&[1, 1]).refused("one number"),
        ]
    }
}

impl Operator for TopK {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        if x.dtype() == Dtype::Bool {
            return Err(wrong_dtype(x, "numbers"));
        }
        let (axis, _, k) = self.sizes(x.shape(), inputs.optional(1))?;
        let mut shape = x.shape().to_vec();
        shape[axis] = k;
        Ok(vec![Spec::new(x.dtype(), &shape), Spec { dtype: Dtype::I64, shape }])
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let (axis, sizes, k) = self.sizes(x.shape(), inputs.optional(1))?;
        let mut shape = x.shape().to_vec();
        shape[axis] = k;
        let plain = x.plain();
        let (y, indices, places) = on_numbers!(plain, values => {
            let (indices, places) = arranged(&self.find(values, sizes, k), sizes, k);
            (Tensor::of(&shape, take(values, &places)).cast(x.dtype())?, indices, places)
        });
        pass.save(|| Tensor::of(&shape, places.iter().map(|&place| place as u64).collect()));
        Ok(vec![y, Tensor::of(&shape, indices)])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, pass.input_spec(0)?);
        let places: Vec<usize> = pass.saved(0)?.expect::<u64>()?.iter().map(|&place| place as usize).collect();
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(&x.shape, give_back(g, &places, x.len())))))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
