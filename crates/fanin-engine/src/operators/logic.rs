//! Comparisons and truth values. No gradient passes here.

use crate::element::Element;
use crate::elementwise::broadcast2;
use crate::operator::{Define, Forward, Inputs, Operator};
use crate::parallel::map;
use crate::setup::Setup;
use crate::shape;
use crate::tensor::{Spec, Tensor, on_each, wrong_dtype};
#[cfg(test)]
use crate::testing::Case;
use fanin::{Dtype, Refusal};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// A statement about two elements.
pub(crate) trait Relation: Debug + Send + Sync + 'static {
    /// The operator's name.
    const NAME: &'static str;
    /// The first version with broadcasting.
    const SINCE: u64 = 7;
    /// Whether it is about truth values only.
    const OF_TRUTH: bool = false;
    /// Whether it is about numbers only.
    const OF_NUMBERS: bool = false;

    /// Whether it holds.
    fn holds<T: Element>(a: T, b: T) -> bool;
}

/// A [`Relation`] as an operator.
#[derive(Debug)]
pub(crate) struct Compare<R>(PhantomData<R>);

macro_rules! relations {
    ($($operator:ident $relation:ident: ($a:ident, $b:ident) => $holds:expr $(, $rule:ident = $value:expr)*;)*) => {$(
        pub(crate) type $operator = Compare<$relation>;

        #[derive(Debug)]
        pub(crate) struct $relation;

        impl Relation for $relation {
            const NAME: &'static str = stringify!($operator);
            $(rule!($rule $value);)*

            #[inline]
            fn holds<T: Element>($a: T, $b: T) -> bool {
                $holds
            }
        }
    )*};
}

macro_rules! rule {
    (since $value:expr) => {
        const SINCE: u64 = $value;
    };
    (of_truth $value:expr) => {
        const OF_TRUTH: bool = $value;
    };
    (of_numbers $value:expr) => {
        const OF_NUMBERS: bool = $value;
    };
}

relations! {
    Equal IsEqual: (a, b) => a == b;
    Less IsLess: (a, b) => a < b, of_numbers = true;
    Greater IsGreater: (a, b) => a > b, of_numbers = true;
    LessOrEqual IsLessOrEqual: (a, b) => a <= b, of_numbers = true, since = 12;
    GreaterOrEqual IsGreaterOrEqual: (a, b) => a >= b, of_numbers = true, since = 12;
    And Both: (a, b) => a.to_i64() != 0 && b.to_i64() != 0, of_truth = true;
    Or Either: (a, b) => a.to_i64() != 0 || b.to_i64() != 0, of_truth = true;
    Xor OnlyOne: (a, b) => a != b, of_truth = true;
}

impl<R: Relation> Define for Compare<R> {
    const NAME: &'static str = R::NAME;
    const SINCE: u64 = R::SINCE;
    const INPUTS: RangeInclusive<usize> = 2..=2;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Compare(PhantomData))
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let truth = |values: &[bool]| Tensor::of(&[values.len()], values.to_vec());
        if R::OF_TRUTH {
            let both = [false, false, true, true].iter().zip([false, true, false, true]);
            let expected: Vec<bool> = both.map(|(&a, b)| R::holds(a, b)).collect();
            let table = match R::NAME {
                "And" => [false, false, false, true],
                "Or" => [false, true, true, true],
                _ => [false, true, true, false],
            };
            assert_eq!(expected, table);
            let case = |name: &str| Case::new(name).input(truth(&[false, false, true, true]));
            return vec![
                case("table").input(truth(&[false, true, false, true])).expect(truth(&table)),
                case("numbers").ints(&[1, 2, 3, 4]).refused("type"),
            ];
        }
        let table = match R::NAME {
            "Equal" => [false, true, false],
            "Less" => [true, false, false],
            "Greater" => [false, false, true],
            "LessOrEqual" => [true, true, false],
            _ => [false, true, true],
        };
        vec![
            Case::new("integers").ints(&[1, 2, 3]).ints(&[2]).expect(truth(&table)),
            Case::new("floats")
                .input(Tensor::of(&[3], vec![1.0, 2.0, 3.0]))
                .input(Tensor::of(&[], vec![2.0]))
                .expect(truth(&table)),
            Case::new("nothing is related to NaN")
                .input(Tensor::scalar(f64::NAN))
                .input(Tensor::scalar(1.0))
                .expect(Tensor::scalar(false)),
        ]
    }
}

impl<R: Relation> Operator for Compare<R> {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        inputs.same_dtype(0, 1)?;
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let is_truth = a.dtype() == Dtype::Bool;
        if R::OF_TRUTH && !is_truth || R::OF_NUMBERS && is_truth {
            return Err(wrong_dtype(a, if R::OF_TRUTH { "truth values" } else { "numbers" }));
        }
        Ok(vec![Spec { dtype: Dtype::Bool, shape: shape::broadcast(&[a.shape(), b.shape()])? }])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let (a, b) = (inputs.get(0)?.plain(), inputs.get(1)?.plain());
        let shape = shape::broadcast(&[a.shape(), b.shape()])?;
        on_each!(a, x => {
            let holds = broadcast2(&shape, (x, a.shape()), (b.expect()?, b.shape()), R::holds);
            Ok(vec![Tensor::of(&shape, holds)])
        })
    }

    fn differentiable(&self) -> bool {
        false
    }
}

/// The opposite of each truth value.
#[derive(Debug)]
pub(crate) struct Not;

impl Define for Not {
    const NAME: &'static str = "Not";
    const INPUTS: RangeInclusive<usize> = 1..=1;

    fn new(_: &Setup<'_>) -> Result<Self, Refusal> {
        Ok(Not)
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let truth = |values: [bool; 2]| Tensor::of(&[2], values.to_vec());
        vec![Case::new("both").input(truth([true, false])).expect(truth([false, true]))]
    }
}

impl Operator for Not {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        x.expect::<bool>()?;
        Ok(vec![x.spec()])
    }

    fn forward(&self, inputs: &Inputs<'_>, _: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        Ok(vec![Tensor::of(x.shape(), map(x.expect()?, |x: bool| !x))])
    }

    fn differentiable(&self) -> bool {
        false
    }
}
