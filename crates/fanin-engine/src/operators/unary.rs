//! Functions of single elements.

use crate::element::Float;
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::parallel::{map, zip};
use crate::setup::Setup;
use crate::tensor::{Data, Spec, Tensor, on_floats, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// A function of one number, with its derivative.
pub(crate) trait Function: Debug + Send + Sync + Sized + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// As [`Define::SINCE`].
    const SINCE: u64 = 1;
    /// What [`Function::slope`] needs: x, y, or both.
    const READS: Reads;

    /// Reads the attributes.
    fn new(setup: &Setup<'_>) -> Result<Self, Refusal>;

    /// f(x).
    fn value<T: Float>(&self, x: T) -> T;

    /// f′(x), given x and y = f(x). Of what [`Function::READS`] does not name, NaN is given.
    fn slope<T: Float>(&self, x: T, y: T) -> T;

    /// f of an integer, if the operator takes integers.
    fn integer(x: i64) -> Option<i64> {
        let _ = x;
        None
    }

    /// Where it is smooth, for tests.
    #[cfg(test)]
    const SMOOTH: (f64, f64) = (0.1, 0.9);

    /// x and f(x) with the default attributes, and what else should be tested.
    #[cfg(test)]
    fn cases() -> Vec<Case>;
}

/// A [`Function`] as an operator.
#[derive(Debug)]
pub(crate) struct Pointwise<F>(F);

impl<F: Function> Define for Pointwise<F> {
    const NAME: &'static str = F::NAME;
    const SINCE: u64 = F::SINCE;
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        // A hint about memory that early versions had.
        setup.ignore("consumed_inputs");
        F::new(setup).map(Pointwise)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let (low, high) = F::SMOOTH;
        let mut cases = F::cases();
        cases.push(Case::new("smooth").between(low, high, &[3, 5]));
        cases.push(Case::new("long").between(low, high, &[5, 9000]).without_gradients());
        cases
    }
}

impl<F: Function> Operator for Pointwise<F> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        let takes = match x.data() {
            Data::F32(_) | Data::F64(_) => true,
            Data::Bool(_) => false,
            _ => F::integer(0).is_some(),
        };
        if takes { Ok(vec![x.spec()]) } else { Err(wrong_dtype(x, "f32 or f64")) }
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        let plain = x.plain();
        let y = match plain.data() {
            Data::F32(values) => Tensor::of(x.shape(), map(values, |x| self.0.value(x))),
            Data::F64(values) => Tensor::of(x.shape(), map(values, |x| self.0.value(x))),
            Data::I64(values) => Tensor::of(x.shape(), values.iter().map(|&x| F::integer(x).unwrap_or(x)).collect()),
            _ => return Err(wrong_dtype(x, "f32 or f64")),
        };
        Ok(vec![y.cast(x.dtype())?])
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        pass.only(|| {
            let grad = pass.grad()?;
            on_floats!(grad, g => Ok(Tensor::of(grad.shape(), slopes(&self.0, g, pass)?)))
        })
    }

    fn reads(&self) -> Reads {
        F::READS
    }
}

/// g · f′.
fn slopes<F: Function, T: Float>(f: &F, g: &[T], pass: &Backward<'_>) -> Result<Vec<T>, Refusal> {
    let nan = T::from_f64(f64::NAN);
    Ok(match (F::READS.input(0), F::READS.output(0)) {
        (true, false) => zip(g, pass.input(0)?.expect()?, |g, x| g * f.slope(x, nan)),
        (false, true) => zip(g, pass.output(0)?.expect()?, |g, y| g * f.slope(nan, y)),
        (false, false) => map(g, |g| g * f.slope(nan, nan)),
        (true, true) => {
            let (x, y): (&[T], &[T]) = (pass.input(0)?.expect()?, pass.output(0)?.expect()?);
            let slopes = zip(x, y, |x, y| f.slope(x, y));
            zip(g, &slopes, |g, slope| g * slope)
        }
    })
}

/// A case of points: x and f(x).
#[cfg(test)]
pub(crate) fn points(name: &str, points: &[(f64, f64)]) -> Case {
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    Case::new(name).input(Tensor::of(&[x.len()], x)).expect(Tensor::of(&[y.len()], y))
}

/// A function without attributes: name, what its slope reads, f(x), f′(x), points of it.
macro_rules! function {
    (
        $name:ident, $reads:ident, $x:ident => $value:expr, ($sx:ident, $sy:ident) => $slope:expr, $points:expr
        $(, integer $i:ident => $integer:expr)? $(, since $since:literal)? $(, smooth $smooth:expr)?
    ) => {
        pub(crate) type $name = $crate::operators::unary::Pointwise<functions::$name>;

        impl $crate::operators::unary::Function for functions::$name {
            const NAME: &'static str = stringify!($name);
            $(const SINCE: u64 = $since;)?
            $(
                #[cfg(test)]
                const SMOOTH: (f64, f64) = $smooth;
            )?
            const READS: $crate::operator::Reads = $crate::operator::Reads::$reads;

            fn new(_: &$crate::setup::Setup<'_>) -> Result<Self, fanin::Refusal> {
                Ok(functions::$name)
            }

            #[inline]
            fn value<T: $crate::element::Float>(&self, $x: T) -> T {
                $value
            }

            #[inline]
            fn slope<T: $crate::element::Float>(&self, $sx: T, $sy: T) -> T {
                $slope
            }

            $(
                #[inline]
                fn integer($i: i64) -> Option<i64> {
                    Some($integer)
                }
            )?

            #[cfg(test)]
            fn cases() -> Vec<$crate::testing::Case> {
                vec![$crate::operators::unary::points("points", &$points)]
            }
        }
    };
}
pub(crate) use function;

/// The functions themselves; the operators of the same names are made of them.
mod functions {
    macro_rules! names {
        ($($name:ident)*) => {
            $(
                #[derive(Debug)]
                pub(crate) struct $name;
            )*
        };
    }
    names! {
        Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Log Neg Reciprocal Round Sign Sin Sinh Sqrt Tan
    }
}

/// −1, 0 or 1; NaN stays.
fn sign<T: Float>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

fn square<T: Float>(x: T) -> T {
    x * x
}

function!(Abs, INPUTS, x => x.magnitude(), (x, _y) => sign(x), [(-1.5, 1.5), (2.0, 2.0)], integer x => x.wrapping_abs());
function!(Acos, INPUTS, x => x.through(f64::acos), (x, _y) => -T::ONE / (T::ONE - square(x)).sqrt(), [(0.5, std::f64::consts::FRAC_PI_3)]);
function!(Acosh, INPUTS, x => x.through(f64::acosh), (x, _y) => T::ONE / (square(x) - T::ONE).sqrt(), [(2.0, 1.3169578969248167)], smooth (1.1, 3.0));
function!(Asin, INPUTS, x => x.through(f64::asin), (x, _y) => T::ONE / (T::ONE - square(x)).sqrt(), [(0.5, std::f64::consts::FRAC_PI_6)]);
function!(Asinh, INPUTS, x => x.through(f64::asinh), (x, _y) => T::ONE / (square(x) + T::ONE).sqrt(), [(1.0, 0.881373587019543)]);
function!(Atan, INPUTS, x => x.through(f64::atan), (x, _y) => T::ONE / (T::ONE + square(x)), [(1.0, std::f64::consts::FRAC_PI_4)]);
function!(Atanh, INPUTS, x => x.through(f64::atanh), (x, _y) => T::ONE / (T::ONE - square(x)), [(0.5, 0.5493061443340549)]);
function!(Ceil, NONE, x => x.through(f64::ceil), (_x, _y) => T::ZERO, [(1.2, 2.0), (-1.2, -1.0)]);
function!(Cos, INPUTS, x => x.through(f64::cos), (x, _y) => -x.through(f64::sin), [(0.0, 1.0), (1.0, 0.5403023058681398)]);
function!(Cosh, INPUTS, x => x.through(f64::cosh), (x, _y) => x.through(f64::sinh), [(1.0, 1.5430806348152437)]);
function!(Erf, INPUTS, x => x.erf(), (x, _y) => T::from_f64(std::f64::consts::FRAC_2_SQRT_PI) * (-square(x)).exp(), [(0.5, 0.5204998778130465)], since 9);
function!(Exp, OUTPUTS, x => x.exp(), (_x, y) => y, [(0.0, 1.0), (1.0, std::f64::consts::E)]);
function!(Floor, NONE, x => x.through(f64::floor), (_x, _y) => T::ZERO, [(1.2, 1.0), (-1.2, -2.0)]);
function!(Log, INPUTS, x => x.ln(), (x, _y) => T::ONE / x, [(1.0, 0.0), (2.0, std::f64::consts::LN_2)]);
function!(Neg, NONE, x => -x, (_x, _y) => -T::ONE, [(1.5, -1.5)], integer x => x.wrapping_neg());
function!(Reciprocal, OUTPUTS, x => T::ONE / x, (_x, y) => -square(y), [(4.0, 0.25)]);
// Halves go to the even neighbour.
function!(Round, NONE, x => x.through(f64::round_ties_even), (_x, _y) => T::ZERO, [(1.4, 1.0), (-1.6, -2.0), (7.1, 7.0)], since 11);
function!(Sign, NONE, x => sign(x), (_x, _y) => T::ZERO, [(-3.0, -1.0), (2.0, 1.0)], integer x => x.signum(), since 9);
function!(Sin, INPUTS, x => x.through(f64::sin), (x, _y) => x.through(f64::cos), [(0.0, 0.0), (1.0, 0.8414709848078965)]);
function!(Sinh, INPUTS, x => x.through(f64::sinh), (x, _y) => x.through(f64::cosh), [(1.0, 1.1752011936438014)]);
function!(Sqrt, OUTPUTS, x => x.sqrt(), (_x, y) => T::from_f64(0.5) / y, [(4.0, 2.0), (2.25, 1.5)]);
function!(Tan, OUTPUTS, x => x.through(f64::tan), (_x, y) => T::ONE + square(y), [(1.0, 1.5574077246549023)]);
