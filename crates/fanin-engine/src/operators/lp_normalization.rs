//! `LpNormalization`: vectors along an axis, divided by their length.

use crate::element::Float;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::heavy_pieces;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// x/‖x‖ along `axis`; a vector of zeros stays.
#[derive(Debug)]
pub(crate) struct LpNormalization {
    axis: i64,
    /// ‖x‖ is √Σx², or Σ|x|.
    euclidean: bool,
}

/// Work on one vector: its places in a block, the block's result, and where the block begins.
type OfLane<'a, T> = dyn Fn(&[usize], &mut [T], usize) + Sync + 'a;

impl LpNormalization {
    /// `[along, after]` of the blocks that the axis divides the tensor into.
    fn sizes(&self, x: &[usize]) -> Result<[usize; 2], Refusal> {
        let axis = shape::axis(self.axis, x.len())?;
        Ok([x[axis], x[axis + 1..].iter().product()])
    }

    /// Runs `lane(places, out)` for every vector.
    fn lanes<T: Float>(&self, shape: &[usize], lane: &OfLane<'_, T>) -> Result<Vec<T>, Refusal> {
        let [along, after] = self.sizes(shape)?;
        let mut out = vec![T::ZERO; shape.iter().product()];
        if !out.is_empty() {
            heavy_pieces(&mut out, along * after, &|block, out| {
                for column in 0..after {
                    let places: Vec<usize> = (0..along).map(|k| k * after + column).collect();
                    lane(&places, out, block * along * after);
                }
            });
        }
        Ok(out)
    }

    fn length<T: Float>(&self, x: &[T], places: &[usize]) -> T {
        let sum = |of: fn(T) -> T| places.iter().fold(T::ZERO, |sum, &place| sum + of(x[place]));
        if self.euclidean { sum(|x| x * x).sqrt() } else { sum(T::magnitude) }
    }

    fn compute<T: Float>(&self, x: &[T], shape: &[usize]) -> Result<Vec<T>, Refusal> {
        self.lanes(shape, &|places, out, start| {
            let x = &x[start..];
            let length = self.length(x, places);
            let factor = if length == T::ZERO { T::ZERO } else { T::ONE / length };
            for &place in places {
                out[place] = x[place] * factor;
            }
        })
    }

    /// (g − s·Σg·y)/‖x‖, where s is y, or the sign of x.
    fn slopes<T: Float>(&self, g: &[T], x: &[T], shape: &[usize]) -> Result<Vec<T>, Refusal> {
        self.lanes(shape, &|places, out, start| {
            let (g, x) = (&g[start..], &x[start..]);
            let length = self.length(x, places);
            if length == T::ZERO {
                return;
            }
            let inner = places.iter().fold(T::ZERO, |sum, &place| sum + g[place] * x[place]) / length;
            for &place in places {
                let sign = if x[place] > T::ZERO { T::ONE } else { -T::ONE };
                let slope = if self.euclidean { x[place] / length } else { sign };
                out[place] = (g[place] - slope * inner) / length;
            }
        })
    }
}

impl Define for LpNormalization {
    const NAME: &'static str = "LpNormalization";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let axis = setup.int("axis", -1)?;
        match setup.int("p", 2)? {
            1 => Ok(LpNormalization { axis, euclidean: false }),
            2 => Ok(LpNormalization { axis, euclidean: true }),
            other => Err(Setup::refuse("p", other, "1 or 2")),
        }
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |values: &[f64]| Tensor::of(&[2, 2], values.to_vec());
        let of = |name: &str| Case::new(name).input(t(&[3.0, -4.0, 6.0, 8.0]));
        vec![
            of("rows").expect(t(&[0.6, -0.8, 0.6, 0.8])),
            of("columns").int("axis", 0).expect(t(&[
                1.0 / 5f64.sqrt(),
                -1.0 / 5f64.sqrt(),
                2.0 / 5f64.sqrt(),
                2.0 / 5f64.sqrt(),
            ])),
            of("magnitudes").int("p", 1).expect(t(&[3.0 / 7.0, -4.0 / 7.0, 3.0 / 7.0, 4.0 / 7.0])),
            Case::new("zeros").input(t(&[0.0, 0.0, 1.0, 0.0])).without_gradients().expect(t(&[0.0, 0.0, 1.0, 0.0])),
            Case::new("many").random(&[2, 4, 3]).int("axis", 1),
            Case::new("many magnitudes").random(&[2, 4, 3]).int("axis", 1).int("p", 1),
            of("third").int("p", 3).refused("1 or 2"),
        ]
    }
}

impl Operator for LpNormalization {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        self.sizes(x.shape())?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, values => Ok(vec![Tensor::of(x.shape(), self.compute(values, x.shape())?)]))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, x) = (pass.grad()?, pass.input(0)?);
        pass.only(|| on_floats!(grad, g => Ok(Tensor::of(x.shape(), self.slopes(g, x.expect()?, x.shape())?))))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }
}
