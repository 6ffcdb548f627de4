//! `DepthToSpace` and `SpaceToDepth`: blocks of channels as blocks of a picture, and back.

use super::transpose::permuted;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// `[n, c·b², h, w]` and `[n, c, h·b, w·b]`: the one as the other.
#[derive(Debug)]
pub(crate) struct Blocks<const TO_DEPTH: bool> {
    size: usize,
    /// Whether the channel runs slower than the place in a block.
    channel_first: bool,
}

/// The shape cut into six dimensions, their order in the result, and the result's shape.
type Steps = ([usize; 6], [usize; 6], Vec<usize>);

pub(crate) type DepthToSpace = Blocks<false>;
pub(crate) type SpaceToDepth = Blocks<true>;

impl<const TO_DEPTH: bool> Blocks<TO_DEPTH> {
    fn steps(&self, x: &[usize], to_depth: bool) -> Result<Steps, Refusal> {
        let (b, fault) =
            (self.size, |wrong: String| mismatch(wrong, "[images, channels, height, width] that the block divides"));
        let &[n, c, h, w] = x else { return Err(fault(format!("an operand of the shape {x:?}"))) };
        let area = b.checked_mul(b).ok_or_else(|| fault(format!("blocks of {b}")))?;
        if to_depth {
            if h % b != 0 || w % b != 0 {
                return Err(fault(format!("a picture of {h} × {w} is cut into blocks of {b}")));
            }
            let order = if self.channel_first { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
            return Ok(([n, c, h / b, b, w / b, b], order, vec![n, c * area, h / b, w / b]));
        }
        if c % area != 0 {
            return Err(fault(format!("{c} channels are cut into blocks of {area}")));
        }
        let shape = vec![n, c / area, h * b, w * b];
        Ok(if self.channel_first {
            ([n, c / area, b, b, h, w], [0, 1, 4, 2, 5, 3], shape)
        } else {
            ([n, b, b, c / area, h, w], [0, 3, 4, 1, 5, 2], shape)
        })
    }

    fn moved(&self, x: &Tensor, to_depth: bool) -> Result<Tensor, Refusal> {
        let (cut, order, shape) = self.steps(x.shape(), to_depth)?;
        Ok(permuted(&x.reshaped(&cut), &order)?.reshaped(&shape))
    }
}

impl<const TO_DEPTH: bool> Define for Blocks<TO_DEPTH> {
    const NAME: &'static str = if TO_DEPTH { "SpaceToDepth" } else { "DepthToSpace" };
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let size = setup.needed_int("blocksize")?;
        let own = usize::try_from(size).ok().filter(|size| (1..1 << 15).contains(size));
        let size = own.ok_or_else(|| Setup::refuse("blocksize", size, "1 or more"))?;
        match setup.text("mode", "DCR")? {
            "DCR" => Ok(Blocks { size, channel_first: false }),
            "CRD" => Ok(Blocks { size, channel_first: true }),
            other => Err(Setup::refuse("mode", other, "DCR or CRD")),
        }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let of = |name: &str, x: Tensor| Case::new(name).input(x).int("blocksize", 2);
        if TO_DEPTH {
            let x = t(&[1, 1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
            let two = t(&[1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
            let channels = t(&[1, 8, 1, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
            return vec![
                of("channel first", two).text("mode", "CRD").expect(channels),
                of("a picture", x).expect(t(&[1, 4, 1, 2], &[1.0, 3.0, 2.0, 4.0, 5.0, 7.0, 6.0, 8.0])),
                Case::new("many").random(&[2, 3, 4, 6]).int("blocksize", 2),
                Case::new("three").random(&[1, 1, 4, 3]).int("blocksize", 2).refused("4 × 3"),
            ];
        }
        let x = t(&[1, 8, 1, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        vec![
            of("block first", x.clone()).expect(t(&[1, 2, 2, 2], &[1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 6.0, 8.0])),
            of("channel first", x)
                .text("mode", "CRD")
                .expect(t(&[1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])),
            Case::new("many").random(&[2, 8, 3, 2]).int("blocksize", 2).text("mode", "CRD"),
            Case::new("many blocks").random(&[2, 18, 2, 2]).int("blocksize", 3),
            Case::new("six").random(&[1, 6, 1, 1]).int("blocksize", 2).refused("6 channels"),
            Case::new("no size").random(&[1, 4, 1, 1]).int("blocksize", 0).refused("blocksize"),
        ]
    }
}

impl<const TO_DEPTH: bool> Operator for Blocks<TO_DEPTH> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        Ok(vec![Spec { dtype: x.dtype(), shape: self.steps(x.shape(), TO_DEPTH)?.2 }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        Ok(vec![self.moved(inputs.get(0)?, TO_DEPTH)?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| self.moved(pass.grad()?, !TO_DEPTH))
    }

    fn reads(&self) -> Reads {
        Reads::NONE
    }
}
