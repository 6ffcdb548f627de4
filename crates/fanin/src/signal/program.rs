//! [`Program`]: a function of one random number, put together from the element-wise nodes of a graph.

use super::function::{Function, Real};

/// The longest program; what is longer starts anew from its own moments.
const LONGEST: usize = 80;

/// One step of a program on a stack of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Pushes the random number.
    Root,
    /// Pushes a constant.
    Number(Real),
    /// Replaces the top by f of it.
    Apply(Function),
    /// Replaces the top by f′ of it.
    Slope(Function),
    /// Replaces the two topmost by what the operator makes of them.
    Join(Join),
}

/// An operator of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Join {
    Add,
    Subtract,
    Multiply,
    Divide,
    Largest,
    Smallest,
    /// 1 if the first is larger, else 0.
    Exceeds,
}

impl Join {
    fn at(self, a: f64, b: f64) -> f64 {
        match self {
            Join::Add => a + b,
            Join::Subtract => a - b,
            Join::Multiply => a * b,
            Join::Divide => a / b,
            Join::Largest => a.max(b),
            Join::Smallest => a.min(b),
            Join::Exceeds => f64::from(u8::from(a > b)),
        }
    }
}

/// What makes a function hard to integrate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Feature {
    /// It is not smooth there.
    Kink(f64),
    /// It changes its course around a place, over a length.
    Bend(f64, f64),
    /// It goes up and down: wavelength over 2π.
    Wave(f64),
}

/// A function of one random number, in reverse Polish notation: GELU as an exporter spells it out is
/// `x ½ · x √2 / erf 1 + ·`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program(Vec<Step>);

impl Program {
    /// The number itself.
    pub(super) fn root() -> Program {
        Program(vec![Step::Root])
    }

    pub(super) fn number(value: f64) -> Program {
        Program(vec![Step::Number(value.into())])
    }

    /// The constant it is.
    pub(super) fn constant(&self) -> Option<f64> {
        match self.0[..] {
            [Step::Number(value)] => Some(value.get()),
            _ => None,
        }
    }

    fn then(&self, step: Step) -> Option<Program> {
        let mut steps = self.0.clone();
        steps.push(step);
        (steps.len() <= LONGEST).then_some(Program(steps))
    }

    /// f of it.
    pub(super) fn apply(&self, f: Function) -> Option<Program> {
        self.then(Step::Apply(f))
    }

    /// f′ at it.
    pub(super) fn slope(&self, f: Function) -> Option<Program> {
        self.then(Step::Slope(f))
    }

    /// Both, joined; products with 1 and sums with 0 are left out.
    pub(super) fn join(&self, join: Join, other: &Program) -> Option<Program> {
        match (join, self.constant(), other.constant()) {
            (Join::Multiply, Some(1.0), _) | (Join::Add, Some(0.0), _) => return Some(other.clone()),
            (Join::Multiply | Join::Divide, _, Some(1.0)) | (Join::Add | Join::Subtract, _, Some(0.0)) => {
                return Some(self.clone());
            }
            (_, Some(a), Some(b)) => return Some(Program::number(join.at(a, b))),
            _ => {}
        }
        let mut steps = self.0.clone();
        steps.extend(&other.0);
        steps.push(Step::Join(join));
        (steps.len() <= LONGEST).then_some(Program(steps))
    }

    /// Its values for many numbers.
    pub(super) fn run(&self, xs: &[f64]) -> Vec<f64> {
        let mut stack: Vec<Vec<f64>> = Vec::new();
        for step in &self.0 {
            match *step {
                Step::Root => stack.push(xs.to_vec()),
                Step::Number(value) => stack.push(vec![value.get(); xs.len()]),
                Step::Apply(f) => stack.last_mut().into_iter().flatten().for_each(|x| *x = f.at(*x).0),
                Step::Slope(f) => stack.last_mut().into_iter().flatten().for_each(|x| *x = f.at(*x).1),
                Step::Join(join) => {
                    let Some(second) = stack.pop() else { break };
                    for (a, b) in stack.last_mut().into_iter().flatten().zip(second) {
                        *a = join.at(*a, b);
                    }
                }
            }
        }
        stack.pop().unwrap_or_else(|| vec![0.0; xs.len()])
    }

    /// The one function that it applies to the number, and whether it takes its derivative.
    pub(super) fn single(&self) -> Option<(Function, bool)> {
        match self.0[..] {
            [Step::Root, Step::Apply(f)] => Some((f, false)),
            [Step::Root, Step::Slope(f)] => Some((f, true)),
            _ => None,
        }
    }

    /// Whether it divides by the number, or takes a root or logarithm of it.
    pub(super) fn is_singular(&self) -> bool {
        let singular = |f: Function| match f {
            Function::Power(p) => p.get() < 1.0,
            Function::Sqrt | Function::Reciprocal | Function::Ln => true,
            _ => false,
        };
        self.0.iter().any(|step| match *step {
            Step::Apply(f) | Step::Slope(f) => singular(f),
            Step::Join(join) => join == Join::Divide,
            _ => false,
        })
    }

    /// Slope and offset, if it is a straight line.
    pub(super) fn line(&self) -> Option<(f64, f64)> {
        self.trace(&mut |_, _| {})
    }

    /// What an integral has to resolve of it: of every function that is applied to a straight line of the number its kinks,
    /// its centre with its width, and its wavelength.
    pub(super) fn features(&self) -> Vec<Feature> {
        let mut features = Vec::new();
        self.trace(&mut |(slope, offset), step| {
            if slope == 0.0 {
                return;
            }
            if let Step::Apply(f) | Step::Slope(f) = step {
                features.extend(f.kinks().iter().map(|kink| Feature::Kink((kink - offset) / slope)));
                let length = f.width() / slope.abs();
                features.push(if f.is_wave() { Feature::Wave(length) } else { Feature::Bend(-offset / slope, length) });
            } else {
                features.push(Feature::Kink(-offset / slope));
            }
        });
        features
    }

    /// Follows the program as long as it is made of straight lines; `seen` gets each line that a function is applied to.
    fn trace(&self, seen: &mut dyn FnMut((f64, f64), Step)) -> Option<(f64, f64)> {
        let mut stack: Vec<Option<(f64, f64)>> = Vec::new();
        for &step in &self.0 {
            match step {
                Step::Root => stack.push(Some((1.0, 0.0))),
                Step::Number(value) => stack.push(Some((0.0, value.get()))),
                Step::Apply(Function::Negate) => {
                    let top = stack.pop()?;
                    stack.push(top.map(|(a, b)| (-a, -b)));
                }
                Step::Apply(_) | Step::Slope(_) => {
                    let top = stack.pop()?;
                    if let Some(line) = top {
                        seen(line, step);
                    }
                    stack.push(None);
                }
                Step::Join(join) => {
                    let (b, a) = (stack.pop()?, stack.pop()?);
                    stack.push(a.zip(b).and_then(|(a, b)| joined(join, a, b, step, seen)));
                }
            }
        }
        stack.pop()?
    }
}

/// What an operator makes of two lines, if that is a line.
fn joined(
    join: Join,
    a: (f64, f64),
    b: (f64, f64),
    step: Step,
    seen: &mut dyn FnMut((f64, f64), Step),
) -> Option<(f64, f64)> {
    match join {
        Join::Add => Some((a.0 + b.0, a.1 + b.1)),
        Join::Subtract => Some((a.0 - b.0, a.1 - b.1)),
        Join::Multiply if a.0 == 0.0 => Some((a.1 * b.0, a.1 * b.1)),
        Join::Multiply if b.0 == 0.0 => Some((b.1 * a.0, b.1 * a.1)),
        Join::Divide if b.0 == 0.0 && b.1 != 0.0 => Some((a.0 / b.1, a.1 / b.1)),
        Join::Largest | Join::Smallest | Join::Exceeds => {
            seen((a.0 - b.0, a.1 - b.1), step);
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gain::Activation;

    #[test]
    fn gelu_spelled_out_is_gelu() {
        let erf = Function::Activation(Activation::Erf, 0.0.into());
        let x = Program::root();
        let number = Program::number;
        let inner = x.join(Join::Divide, &number(2f64.sqrt())).unwrap().apply(erf).unwrap();
        let gate = inner.join(Join::Add, &number(1.0)).unwrap().join(Join::Multiply, &number(0.5)).unwrap();
        let gelu = x.join(Join::Multiply, &gate).unwrap();
        let xs = [-2.0, -0.3, 0.0, 1.4];
        for (x, y) in xs.iter().zip(gelu.run(&xs)) {
            assert!((y - Function::Activation(Activation::Gelu, 0.0.into()).at(*x).0).abs() < 1e-15);
        }
        assert_eq!(gelu.line(), None);
        assert!(gelu.features().iter().any(|f| matches!(f, Feature::Bend(at, width) if *at == 0.0 && *width > 0.0)));
    }

    #[test]
    fn straight_lines_are_recognized() {
        let line = Program::root().join(Join::Multiply, &Program::number(3.0)).unwrap();
        let line = line.join(Join::Subtract, &Program::number(2.0)).unwrap().apply(Function::Negate).unwrap();
        assert_eq!(line.line(), Some((-3.0, 2.0)));
        let clipped = line.apply(Function::Clip(0.0.into(), 5.0.into())).unwrap();
        assert_eq!(clipped.features()[..2], [Feature::Kink(2.0 / 3.0), Feature::Kink(-1.0)]);
    }

    #[test]
    fn programs_end_somewhere() {
        let mut program = Program::root();
        while let Some(next) = program.join(Join::Multiply, &program) {
            program = next;
        }
        assert!(program.0.len() <= LONGEST);
    }
}
