//! The harness of the operators: what one [`Case`] gets tested with.
//!
//! A case is a node with attributes and inputs. From it follow, through the whole machinery of programs and traces:
//! the expected outputs; the gradient with respect to every floating-point input against central differences in `f64`;
//! the same bits on 1, 2, 3 and 8 threads, forward and backward; and no panic on inputs that are broken in many ways.

mod broken;
mod case;
mod gradient;

pub(crate) use case::Case;

use crate::tensor::Tensor;
use fanin::Stream;

/// Numbers between −1 and 1 as `f64`, none closer to 0 than 0.02, the kink of many functions.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let stream = Stream::new(seed, "test");
    let number = |i: usize| {
        let x = f64::from(stream.word(i as u64) as i32) / f64::from(i32::MAX);
        x.signum() * (0.02 + 0.98 * x.abs())
    };
    Tensor::of(shape, (0..shape.iter().product()).map(number).collect())
}

/// Runs something on a pool of so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(run)
}

/// Every case of every operator.
fn cases() -> impl Iterator<Item = Case> {
    crate::operators::all().flat_map(|about| {
        let cases = (about.cases)();
        assert!(!cases.is_empty(), "{} has no cases", about.name);
        cases.into_iter().map(move |case| case.of(about))
    })
}

#[test]
fn every_operator_gives_what_its_cases_expect() {
    for case in cases() {
        case.check_outputs();
    }
}

#[test]
fn every_gradient_agrees_with_central_differences() {
    for case in cases() {
        gradient::check(&case);
    }
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    for case in cases() {
        case.check_threads();
    }
}

#[test]
fn broken_inputs_are_refused_without_a_panic() {
    for case in cases() {
        broken::check(&case);
    }
}
