//! Functions of elements of several operands that broadcast to one shape.

use crate::element::Element;
use crate::parallel::{build, zip};
use crate::shape::Loops;

/// An operand: elements and shape.
pub(crate) type Operand<'a, T> = (&'a [T], &'a [usize]);

/// `f` of each pair of elements of two operands that broadcast to `shape`.
pub(crate) fn broadcast2<A: Element, B: Element, O: Element>(
    shape: &[usize],
    a: Operand<'_, A>,
    b: Operand<'_, B>,
    f: impl Fn(A, B) -> O + Sync,
) -> Vec<O> {
    if a.1 == shape && b.1 == shape {
        return zip(a.0, b.0, f);
    }
    let loops = Loops::broadcast(shape, [a.1, b.1]);
    let [step_a, step_b] = loops.steps();
    build(shape.iter().product(), &|start, out| {
        loops.stretches(start..start + out.len(), |[i, j], at, length| {
            let out = &mut out[at..at + length];
            match (step_a, step_b) {
                (1, 1) => {
                    for ((out, &a), &b) in out.iter_mut().zip(&a.0[i..]).zip(&b.0[j..]) {
                        *out = f(a, b);
                    }
                }
                (1, _) => {
                    let b = b.0[j];
                    for (out, &a) in out.iter_mut().zip(&a.0[i..]) {
                        *out = f(a, b);
                    }
                }
                (_, 1) => {
                    let a = a.0[i];
                    for (out, &b) in out.iter_mut().zip(&b.0[j..]) {
                        *out = f(a, b);
                    }
                }
                _ => out.fill(f(a.0[i], b.0[j])),
            }
        });
    })
}

/// `f` of each triple of elements of three operands that broadcast to `shape`.
pub(crate) fn broadcast3<A: Element, B: Element, C: Element, O: Element>(
    shape: &[usize],
    a: Operand<'_, A>,
    b: Operand<'_, B>,
    c: Operand<'_, C>,
    f: impl Fn(A, B, C) -> O + Sync,
) -> Vec<O> {
    let loops = Loops::broadcast(shape, [a.1, b.1, c.1]);
    let [step_a, step_b, step_c] = loops.steps();
    build(shape.iter().product(), &|start, out| {
        loops.stretches(start..start + out.len(), |[i, j, k], at, length| {
            let out = &mut out[at..at + length];
            if [step_a, step_b, step_c] == [1; 3] {
                let operands = a.0[i..].iter().zip(&b.0[j..]).zip(&c.0[k..]);
                for (out, ((&a, &b), &c)) in out.iter_mut().zip(operands) {
                    *out = f(a, b, c);
                }
            } else {
                for (n, out) in out.iter_mut().enumerate() {
                    *out = f(a.0[i + n * step_a], b.0[j + n * step_b], c.0[k + n * step_c]);
                }
            }
        });
    })
}
