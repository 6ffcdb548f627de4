//! `RotaryEmbedding`: pairs of numbers turned by an angle that grows with the position.

use crate::element::Float;
use crate::error::mismatch;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::places::position;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// X `[images, heads, steps, size]`, or `[images, steps, heads · size]`, turned by angles whose cosines and sines are given
/// for each step, or looked up by position. The pairs are halves of the turned part, or neighbours.
///
/// Source: Su et al. 2021, arXiv:2104.09864, eq. 34.
#[derive(Debug)]
pub(crate) struct RotaryEmbedding {
    interleaved: bool,
    heads: usize,
    /// How many numbers of each head are turned; 0 for all.
    turned: usize,
}

/// Sizes, and where everything stands.
struct Layout {
    heads: usize,
    steps: usize,
    size: usize,
    half: usize,
    heads_first: bool,
    /// Row of the angles for each image and step.
    rows: Vec<usize>,
}

impl Layout {
    /// Image, step and head of a row of `size` numbers.
    fn row(&self, row: usize) -> [usize; 3] {
        let (outer, inner) = if self.heads_first { (self.heads, self.steps) } else { (self.steps, self.heads) };
        let [a, b] = [row / inner % outer, row % inner];
        let image = row / inner / outer;
        if self.heads_first { [image, b, a] } else { [image, a, b] }
    }
}

impl RotaryEmbedding {
    fn layout(&self, x: &[usize], cos: &[usize], sin: &[usize], positions: Option<&Tensor>) -> Result<Layout, Refusal> {
        let fault = |wrong: String| mismatch(wrong, "X of three or four dimensions, whose heads divide it");
        let (images, heads, steps, size, heads_first) = match *x {
            [images, heads, steps, size] => (images, heads, steps, size, true),
            [images, steps, whole] if self.heads > 0 && whole % self.heads == 0 => {
                (images, self.heads, steps, whole / self.heads, false)
            }
            _ => return Err(fault(format!("X has the shape {x:?}, and there are {} heads", self.heads))),
        };
        let turned = if self.turned == 0 { size } else { self.turned };
        if turned > size || turned % 2 != 0 {
            return Err(fault(format!("{turned} of {size} numbers are turned")));
        }
        let half = turned / 2;
        let angles = |expected: &[usize]| {
            if cos == sin
                && cos.len() == expected.len() + 1
                && cos.ends_with(&[half])
                && (expected.is_empty() || cos[..expected.len()] == *expected)
            {
                return Ok(());
            }
            Err(mismatch(
                format!("cosines and sines have the shapes {cos:?} and {sin:?}"),
                format!("[…, {half}] for the positions"),
            ))
        };
        let rows = match positions {
            None => {
                angles(&[images, steps])?;
                (0..images * steps).collect()
            }
            Some(positions) => {
                if positions.shape() != [images, steps] || cos.len() != 2 {
                    return Err(mismatch(
                        format!("positions have the shape {:?}", positions.shape()),
                        format!("[{images}, {steps}]"),
                    ));
                }
                angles(&[cos[0]])?;
                positions.ints()?.into_iter().map(|at| position(at, cos[0])).collect::<Result<_, _>>()?
            }
        };
        Ok(Layout { heads, steps, size, half, heads_first, rows })
    }

    /// The two places of pair `i` of `half`.
    fn pair(&self, i: usize, half: usize) -> [usize; 2] {
        if self.interleaved { [2 * i, 2 * i + 1] } else { [i, i + half] }
    }

    /// Turns by the angles, or back.
    fn turn<T: Float>(&self, x: &[T], layout: &Layout, [cos, sin]: [&[T]; 2], back: bool) -> Vec<T> {
        let mut out = x.to_vec();
        for (row, (out, x)) in out.chunks_mut(layout.size.max(1)).zip(x.chunks(layout.size.max(1))).enumerate() {
            let [image, step, _] = layout.row(row);
            let from = layout.rows[image * layout.steps + step] * layout.half;
            for i in 0..layout.half {
                let ([a, b], cos, sin) = (self.pair(i, layout.half), cos[from + i], sin[from + i]);
                let sin = if back { -sin } else { sin };
                (out[a], out[b]) = (cos * x[a] - sin * x[b], sin * x[a] + cos * x[b]);
            }
        }
        out
    }

    /// Gradients of cosines and sines.
    fn angles<T: Float>(&self, g: &[T], x: &[T], layout: &Layout, len: usize) -> [Vec<T>; 2] {
        let mut out = [vec![T::ZERO; len], vec![T::ZERO; len]];
        for (row, (g, x)) in g.chunks(layout.size.max(1)).zip(x.chunks(layout.size.max(1))).enumerate() {
            let [image, step, _] = layout.row(row);
            let from = layout.rows[image * layout.steps + step] * layout.half;
            for i in 0..layout.half {
                let [a, b] = self.pair(i, layout.half);
                out[0][from + i] += g[a] * x[a] + g[b] * x[b];
                out[1][from + i] += g[b] * x[a] - g[a] * x[b];
            }
        }
        out
    }
}

impl Define for RotaryEmbedding {
    const NAME: &'static str = "RotaryEmbedding";
    const SINCE: u64 = 23;
    const INPUTS: RangeInclusive<usize> = 3..=4;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let count = |name: &str| {
            let count = setup.int(name, 0)?;
            usize::try_from(count).map_err(|_| Setup::refuse(name, count, "0 or more"))
        };
        Ok(RotaryEmbedding {
            interleaved: setup.flag("interleaved", false)?,
            heads: count("num_heads")?,
            turned: count("rotary_embedding_dim")?,
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        // A quarter turn, and none.
        let one = |name: &str| {
            let case = Case::new(name).input(t(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]));
            case.input(t(&[1, 1, 2], &[0.0, 1.0])).input(t(&[1, 1, 2], &[1.0, 0.0]))
        };
        let places = Tensor::of(&[2, 3], vec![0i64, 1, 4, 2, 2, -1]);
        vec![
            one("halves").expect(t(&[1, 1, 1, 4], &[-3.0, 2.0, 1.0, 4.0])),
            one("neighbours").int("interleaved", 1).expect(t(&[1, 1, 1, 4], &[-2.0, 1.0, 3.0, 4.0])),
            Case::new("by position").random(&[2, 2, 3, 6]).random(&[5, 3]).random(&[5, 3]).input(places.clone()),
            Case::new("a part, flat")
                .random(&[2, 3, 12])
                .random(&[5, 2])
                .random(&[5, 2])
                .input(places)
                .int("num_heads", 2)
                .int("rotary_embedding_dim", 4)
                .int("interleaved", 1),
            Case::new("by step").random(&[2, 2, 3, 4]).random(&[2, 3, 2]).random(&[2, 3, 2]),
            one("odd").int("rotary_embedding_dim", 3).refused("3 of 4"),
            Case::new("no heads").random(&[1, 2, 4]).random(&[1, 2, 2]).random(&[1, 2, 2]).refused("heads divide"),
            Case::new("long angles").random(&[1, 1, 2, 4]).random(&[1, 2, 3]).random(&[1, 2, 3]).refused("[…, 2]"),
        ]
    }
}

impl Operator for RotaryEmbedding {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let (cos, sin) = (inputs.get(1)?, inputs.get(2)?);
        on_floats!(x, _values => ());
        inputs.same_dtype(0, 1)?;
        inputs.same_dtype(0, 2)?;
        self.layout(x.shape(), cos.shape(), sin.shape(), inputs.optional(3))?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (x, cos, sin) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        let layout = self.layout(x.shape(), cos.shape(), sin.shape(), inputs.optional(3))?;
        on_floats!(x, values => {
            Ok(vec![Tensor::of(x.shape(), self.turn(values, &layout, [cos.expect()?, sin.expect()?], false))])
        })
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x, cos, sin) = (pass.grad()?, pass.input(0)?, pass.input(1)?, pass.input(2)?);
        let layout = self.layout(x.shape(), cos.shape(), sin.shape(), pass.optional_input(3))?;
        let mut grads = vec![None; pass.inputs.len()];
        on_floats!(grad, g => {
            if pass.wants(0) {
                grads[0] = Some(Tensor::of(x.shape(), self.turn(g, &layout, [cos.expect()?, sin.expect()?], true)));
            }
            if pass.wants(1) || pass.wants(2) {
                let own = self.angles(g, x.expect()?, &layout, cos.len());
                for (i, own) in (1..).zip(own) {
                    grads[i] = pass.wants(i).then(|| Tensor::of(cos.shape(), own));
                }
            }
        });
        Ok(grads)
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
