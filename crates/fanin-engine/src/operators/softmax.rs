//! `Softmax` and `LogSoftmax`.

use crate::element::Float;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::rows;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// Whether the logarithm is taken.
pub(crate) trait Kind: Debug + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// Whether it is.
    const LOG: bool;
}

/// eˣ over its sum along an axis.
#[derive(Debug)]
pub(crate) struct Plain;
/// Its logarithm.
#[derive(Debug)]
pub(crate) struct Logarithm;

impl Kind for Plain {
    const NAME: &'static str = "Softmax";
    const LOG: bool = false;
}

impl Kind for Logarithm {
    const NAME: &'static str = "LogSoftmax";
    const LOG: bool = true;
}

pub(crate) type Softmax = Normalized<Plain>;
pub(crate) type LogSoftmax = Normalized<Logarithm>;

/// Both operators. Up to version 12 the axis cut the shape in two, and all that follows was normalized together.
#[derive(Debug)]
pub(crate) struct Normalized<K> {
    axis: i64,
    flattened: bool,
    kind: PhantomData<K>,
}

impl<K: Kind> Normalized<K> {
    /// The shape as `[before, along, after]`.
    fn sizes(&self, shape: &[usize]) -> Result<[usize; 3], Refusal> {
        if shape.is_empty() {
            return Ok([1, 1, 1]);
        }
        let axis = shape::axis(self.axis, shape.len())?;
        let before = shape[..axis].iter().product();
        let after: usize = shape[axis + 1..].iter().product();
        Ok(if self.flattened { [before, shape[axis] * after, 1] } else { [before, shape[axis], after] })
    }
}

/// One lane: `along` elements, `after` apart.
fn normalize<T: Float>(x: &[T], out: &mut [T], log: bool) {
    let largest = x.iter().fold(T::LEAST, |m, &x| m.largest(x));
    let mut sum = T::ZERO;
    for (out, &x) in out.iter_mut().zip(x) {
        let e = (x - largest).exp();
        *out = e;
        sum += e;
    }
    if log {
        let shift = largest + sum.ln();
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = x - shift);
    } else {
        for out in out {
            *out = *out / sum;
        }
    }
}

/// One lane of the gradient: y·(g − Σgy), or g − eʸ·Σg.
fn slopes<T: Float>(g: &[T], y: &[T], out: &mut [T], log: bool) {
    let mut sum = T::ZERO;
    for (&g, &y) in g.iter().zip(y) {
        sum += if log { g } else { g * y };
    }
    for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
        *out = if log { g - y.exp() * sum } else { y * (g - sum) };
    }
}

/// Runs `lane` on each lane of `a` and `b`; lanes that are not contiguous are gathered.
fn lanes<T: Float>(
    [before, along, after]: [usize; 3],
    a: &[T],
    b: &[T],
    lane: impl Fn(&[T], &[T], &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = vec![T::ZERO; before * along * after];
    rows(&mut out, along * after, &|first, out| {
        let mut gathered = [vec![T::ZERO; along], vec![T::ZERO; along], vec![T::ZERO; along]];
        for (i, out) in out.chunks_mut(along * after).enumerate() {
            let base = (first + i) * along * after;
            if after == 1 {
                lane(&a[base..base + along], &b[base..base + along], out);
                continue;
            }
            let [own_a, own_b, own_out] = &mut gathered;
            for k in 0..after {
                for j in 0..along {
                    own_a[j] = a[base + j * after + k];
                    own_b[j] = b[base + j * after + k];
                }
                lane(own_a, own_b, own_out);
                own_out.iter().enumerate().for_each(|(j, &v)| out[j * after + k] = v);
            }
        }
    });
    out
}

impl<K: Kind> Define for Normalized<K> {
    const NAME: &'static str = K::NAME;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let flattened = setup.version() < 13;
        Ok(Normalized { axis: setup.int("axis", if flattened { 1 } else { -1 })?, flattened, kind: PhantomData })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let x = Tensor::of(&[1, 4], vec![1000.0, 1000.0, -1000.0, -1000.0]);
        let y: [f64; 4] = if K::LOG {
            [0.5f64.ln(), 0.5f64.ln(), 0.5f64.ln() - 2000.0, 0.5f64.ln() - 2000.0]
        } else {
            [0.5, 0.5, 0.0, 0.0]
        };
        let of = |name: &str| Case::new(name).random(&[2, 3, 4]);
        vec![
            Case::new("no overflow").input(x).expect(Tensor::of(&[1, 4], y.to_vec())),
            of("last"),
            of("middle").int("axis", 1),
            of("first").int("axis", 0),
            of("all that follows").version(11).int("axis", 1),
            Case::new("long").random(&[50, 700]).without_gradients(),
            of("beyond").int("axis", 3).refused("axis 3"),
        ]
    }
}

impl<K: Kind> Operator for Normalized<K> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        self.sizes(x.shape())?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let sizes = self.sizes(x.shape())?;
        on_floats!(x, values => {
            let y = lanes(sizes, values, values, |x, _, out| normalize(x, out, K::LOG));
            Ok(vec![Tensor::of(x.shape(), y)])
        })
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let (grad, y) = (pass.grad()?, pass.output(0)?);
        let sizes = self.sizes(y.shape())?;
        pass.only(|| {
            on_floats!(grad, g => {
                let slopes = lanes(sizes, g, y.expect()?, |g, y, out| slopes(g, y, out, K::LOG));
                Ok(Tensor::of(y.shape(), slopes))
            })
        })
    }

    fn reads(&self) -> Reads {
        Reads::OUTPUTS
    }
}
