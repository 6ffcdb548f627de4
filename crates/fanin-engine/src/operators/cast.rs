//! `Cast` and `CastLike`.

use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::map;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::ops::RangeInclusive;

/// What a `TensorProto.DataType` is here; half precision is computed in `f32`.
pub(super) fn dtype(code: i64) -> Result<Dtype, Refusal> {
    Ok(match code {
        1 | 10 | 16 => Dtype::F32,
        2 => Dtype::U8,
        3 => Dtype::I8,
        4 => Dtype::U16,
        5 => Dtype::I16,
        6 => Dtype::I32,
        7 => Dtype::I64,
        9 => Dtype::Bool,
        11 => Dtype::F64,
        12 => Dtype::U32,
        13 => Dtype::U64,
        other => {
            return Err(Setup::refuse("to", other, "a type that is computed with: floats, integers, truth values"));
        }
    })
}

/// How many bits of its mantissa a half-precision number has, if the code stands for such.
fn half(code: i64) -> Option<Half> {
    match code {
        10 => Some(Half::Binary16),
        16 => Some(Half::Bfloat16),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Binary16,
    Bfloat16,
}

impl Half {
    /// The nearest number that has this form, ties to even.
    fn round(self, x: f32) -> f32 {
        let to_bit = |bit: u32| {
            let bits = x.to_bits();
            let odd = bits >> bit & 1;
            f32::from_bits(bits.wrapping_add((1 << (bit - 1)) - 1 + odd) & !((1 << bit) - 1))
        };
        match self {
            _ if !x.is_finite() => x,
            Half::Bfloat16 => to_bit(16),
            // Halfway between the largest number and what would follow it.
            Half::Binary16 if x.abs() >= 65520.0 => f32::INFINITY.copysign(x),
            // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴.
            Half::Binary16 if x.abs() < 6.103_515_6e-5 => (x * 16_777_216.0).round_ties_even() / 16_777_216.0,
            Half::Binary16 => to_bit(13),
        }
    }
}

/// The elements in another type. To half precision they are rounded, and stay `f32`.
///
/// A model in `f32` that is run in `f64` has casts to `f32` in it; these keep `f64`, or the run would lose its precision
/// half-way.
#[derive(Debug)]
pub(crate) struct Cast {
    to: Dtype,
    half: Option<Half>,
}

impl Cast {
    fn target(from: Dtype, to: Dtype) -> Dtype {
        if from == Dtype::F64 && to == Dtype::F32 { from } else { to }
    }
}

impl Define for Cast {
    const NAME: &'static str = "Cast";
    // Before, the type was a text.
    const SINCE: u64 = 6;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // How float8 overflows, which is not computed with.
        setup.ignore("saturate");
        setup.ignore("round_mode");
        let to = setup.needed_int("to")?;
        Ok(Cast { to: dtype(to)?, half: half(to) })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[3], vec![-1.5, 0.0, 2.5]);
        vec![
            Case::new("to integers").input(x.clone()).int("to", 7).expect(Tensor::of(&[3], vec![-1i64, 0, 2])),
            Case::new("to truth").input(x.clone()).int("to", 9).expect(Tensor::of(&[3], vec![true, false, true])),
            Case::new("to doubles").input(x.clone()).int("to", 11).expect(x),
            Case::new("to binary16")
                .input(Tensor::of(&[6], vec![1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, 65519.0, 65520.0, 3e-8, -1e-8]))
                .int("to", 10)
                .without_gradients()
                .expect(Tensor::of(&[6], vec![1.0, 1.001953125, 65504.0, f64::INFINITY, 2f64.powi(-24), 0.0])),
            Case::new("to bfloat16")
                .input(Tensor::of(&[2], vec![1.00390625, 1.01171875]))
                .int("to", 16)
                .without_gradients()
                .expect(Tensor::of(&[2], vec![1.0, 1.015625])),
            Case::new("from integers").ints(&[3, -1]).int("to", 1).expect(Tensor::of(&[2], vec![3.0f32, -1.0])),
            Case::new("to text").ints(&[3]).int("to", 8).refused("to is 8"),
            Case::new("to nothing").ints(&[3]).refused("the attribute to is missing"),
        ]
    }
}

impl Operator for Cast {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        Ok(vec![Spec { dtype: Cast::target(x.dtype(), self.to), ..x.spec() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let mut y = x.cast(Cast::target(x.dtype(), self.to))?;
        if let Some(half) = self.half {
            let rounded = map(y.cast(Dtype::F32)?.expect()?, |x| half.round(x));
            y = Tensor::of(y.shape(), rounded).cast(y.dtype())?;
        }
        Ok(vec![y])
    }

    // Rounding is passed over: its slope is 0 almost everywhere, and says nothing.
    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| pass.grad()?.cast(pass.input_spec(0)?.dtype))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }

    fn differentiable(&self) -> bool {
        self.to.is_float()
    }
}

/// The elements in the type of the second operand.
#[derive(Debug)]
pub(crate) struct CastLike;

impl Define for CastLike {
    const NAME: &'static str = "CastLike";
    const SINCE: u64 = 15;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        setup.ignore("saturate");
        setup.ignore("round_mode");
        Ok(CastLike)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        vec![
            Case::new("integers").random(&[2]).ints(&[1]).expect(Tensor::of(&[2], vec![0i64, 0])),
            Case::new("floats").random(&[2]).random(&[1]),
        ]
    }
}

impl Operator for CastLike {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        Ok(vec![Spec { dtype: inputs.get(1)?.dtype(), ..inputs.get(0)?.spec() }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![inputs.get(0)?.cast(inputs.get(1)?.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| pass.grad()?.cast(pass.input_spec(0)?.dtype))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
