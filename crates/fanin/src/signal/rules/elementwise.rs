//! Element-wise operators: activations by quadrature, sums and products of signals.
//!
//! A function of one signal is carried as a program of that signal, however an exporter spells it out, so GELU written as
//! five nodes has the moments of GELU, and its gradient is that of the whole.
//!
//! # Assumes
//! Signals before an activation are jointly normal with the mean and the moments predicted for them; a sum of a normal signal
//! and one that is not (a rectified stream and its branch) has the distribution that follows, for one element. Signals that are
//! functions of different ones share nothing but their means.

use super::super::array::Array;
use super::super::contract::product;
use super::super::flow::{Flow, Mask, MaskKind, State};
use super::super::function::Function;
use super::super::mixture::Mixture;
use super::super::program::{Join, Program};
use super::super::terms::{Back, Term, reduced};
use super::super::view::{View, Why};
use super::{Outcome, Rule, none, spelled};
use crate::gain::Activation;
use crate::graph::{Content, flow};
use crate::law::Acts;
use std::rc::Rc;

pub(super) const RULES: &[Rule] = &[Rule {
    ops: &[
        "Relu",
        "LeakyRelu",
        "ThresholdedRelu",
        "PRelu",
        "Elu",
        "Celu",
        "Selu",
        "Gelu",
        "BiasGelu",
        "FastGelu",
        "QuickGelu",
        "Swish",
        "Mish",
        "HardSwish",
        "Softplus",
        "Sigmoid",
        "HardSigmoid",
        "Tanh",
        "Softsign",
        "Atan",
        "Erf",
        "Sin",
        "Cos",
        "Clip",
        "Exp",
        "Log",
        "Abs",
        "Neg",
        "Sqrt",
        "Reciprocal",
        "Sign",
        "Pow",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Max",
        "Min",
        "Sum",
    ],
    forward,
    backward: none,
}];

/// A divisor whose variance is below this share of its squared mean is taken for its mean.
const STEADY: f64 = 0.1;

/// Whether an operator is element-wise: its gradient is carried as a program, too.
pub(in super::super) fn is_elementwise(op: &str) -> bool {
    RULES[0].ops.contains(&op)
}

/// The function f(scale·x + offset) that a node of one signal applies.
struct Applied {
    scale: f64,
    offset: f64,
    f: Function,
}

impl Applied {
    fn of(view: &View) -> Option<Applied> {
        let node = view.node;
        let plain = |f: Function| Some(Applied { scale: 1.0, offset: 0.0, f });
        let named =
            |activation: Activation| plain(Function::Activation(activation, activation.default_parameter().into()));
        match node.op.as_str() {
            "Neg" => plain(Function::Negate),
            "Sqrt" => plain(Function::Sqrt),
            "Reciprocal" => plain(Function::Reciprocal),
            "Log" => plain(Function::Ln),
            "Exp" => named(Activation::Exp),
            "Cos" => named(Activation::Cos),
            "Abs" => named(Activation::Abs),
            "Sign" => plain(Function::Sign),
            "Pow" => plain(Function::Power(view.number(1)?.into())),
            "Clip" => {
                let (low, high) = (bound(view, 1, "min", f64::NEG_INFINITY)?, bound(view, 2, "max", f64::INFINITY)?);
                if (low, high) == (0.0, f64::INFINITY) {
                    return named(Activation::Relu);
                }
                plain(Function::Clip(low.into(), high.into()))
            }
            "HardSigmoid" => {
                let (scale, offset) = (node.float("alpha").unwrap_or(0.2), node.float("beta").unwrap_or(0.5));
                Some(Applied { scale, offset, f: Function::Clip(0.0.into(), 1.0.into()) })
            }
            "PRelu" => plain(Function::Activation(Activation::LeakyRelu, view.array(1).ok()?.mean.into())),
            _ => {
                let follows = flow::single(view.graph, node, 0)?;
                plain(Function::Activation(follows.activation, follows.parameter.into()))
            }
        }
    }

    fn line(&self, of: &Program) -> Option<Program> {
        of.join(Join::Multiply, &Program::number(self.scale))?.join(Join::Add, &Program::number(self.offset))
    }

    fn value(&self, of: &Program) -> Option<Program> {
        self.line(of)?.apply(self.f)
    }

    fn slope(&self, of: &Program) -> Option<Program> {
        self.line(of)?.slope(self.f)?.join(Join::Multiply, &Program::number(self.scale))
    }
}

/// A bound of `Clip`: a number, an attribute, or open.
fn bound(view: &View, input: usize, name: &str, open: f64) -> Option<f64> {
    if !view.has(input) {
        return Some(view.node.float(name).unwrap_or(open));
    }
    view.number(input).or_else(|| match view.graph.constant(view.node.input(input))?.content {
        Content::Equal(value) => Some(value),
        _ => None,
    })
}

fn join_of(op: &str) -> Option<Join> {
    Some(match op {
        "Add" | "Sum" => Join::Add,
        "Sub" => Join::Subtract,
        "Mul" => Join::Multiply,
        "Div" => Join::Divide,
        "Max" => Join::Largest,
        "Min" => Join::Smallest,
        _ => return None,
    })
}

fn forward(view: &View) -> Outcome {
    let Some(join) = join_of(&view.node.op) else {
        let input = with_bias(view)?;
        return Ok(vec![applied(view, &input)?]);
    };
    if let Some(flow) = masked(view) {
        return Ok(vec![flow]);
    }
    if let Some(array) = spelled::forward(view)? {
        return Ok(vec![view.fresh(array)]);
    }
    let mut sum = operand(view, 0)?;
    for input in 1..view.node.inputs.len() {
        let next = operand(view, input)?;
        sum = joined(view, join, &sum, &next)?;
    }
    Ok(vec![Flow::Signal(sum)])
}

/// A signal, or a whole number in its place.
fn operand(view: &View, input: usize) -> Result<State, Why> {
    if let (Some(_), Some(value)) = (view.whole(input), view.number(input)) {
        let array = Array::constant(&[], value).ok_or("a number is infinite")?;
        return Ok(State { array, root: usize::MAX, program: Program::number(value), acts: Acts::Freely, law: None });
    }
    view.signal(input).cloned()
}

/// `BiasGelu` and `FastGelu` add their second input first.
fn with_bias(view: &View) -> Result<State, Why> {
    let input = view.signal(0)?;
    if matches!(view.node.op.as_str(), "BiasGelu" | "FastGelu") && view.has(1) {
        return joined(view, Join::Add, input, view.signal(1)?);
    }
    Ok(input.clone())
}

fn applied(view: &View, input: &State) -> Result<Flow, Why> {
    let applied = Applied::of(view).ok_or("its function is not known")?;
    if let Some(program) = applied.value(&input.program) {
        return Ok(Flow::Signal(view.image(input, program)));
    }
    // Too long a program starts anew from the moments it has come to.
    let program = applied.value(&Program::root()).ok_or("its function is not known")?;
    Ok(view.fresh(view.store.image(&input.array, &program)))
}

/// Scores with a mask added keep their moments and know that they are masked; a mask that is not known is taken to let
/// through most of them, as those of padding and of shifted windows do.
fn masked(view: &View) -> Option<Flow> {
    let (mask, other) = match (view.mask(0), view.mask(1)) {
        (Some(mask), None) => (mask, 1),
        (None, Some(mask)) => (mask, 0),
        (Some(a), Some(b)) => {
            let kind = if a.kind == b.kind { a.kind } else { MaskKind::Some };
            return Some(Flow::Mask(Mask::new(a.shape.clone(), kind)));
        }
        (None, None) => return None,
    };
    match view.flow(other)? {
        Flow::Signal(state) if state.array.value().is_none() && view.node.op == "Add" => {
            let array = super::attention::masked(&state.array, mask);
            Some(Flow::Signal(State { array, ..state.clone() }))
        }
        // A mask times −10000, or 1 − mask.
        Flow::Signal(_) | Flow::Whole(_) => Some(Flow::Mask(mask.clone())),
        _ => None,
    }
}

/// Whether an element-wise operator leaves `large` its shape.
fn fits(small: &Array, large: &Array) -> bool {
    let lead = large.rank().checked_sub(small.rank());
    lead.is_some_and(|lead| (0..small.rank()).all(|i| small.size(i) == 1 || small.size(i) == large.size(i + lead)))
}

/// The one program that both operands make, and the operand whose root it is a function of.
fn common<'a>(join: Join, a: &'a State, b: &'a State) -> Option<(&'a State, Program)> {
    if let Some(value) = b.array.value().filter(|_| fits(&b.array, &a.array)) {
        return Some((a, a.program.join(join, &Program::number(value))?));
    }
    if let Some(value) = a.array.value().filter(|_| fits(&a.array, &b.array)) {
        return Some((b, Program::number(value).join(join, &b.program)?));
    }
    let same = a.root == b.root && a.array.shape() == b.array.shape();
    Some((a, a.program.join(join, &b.program).filter(|_| same)?))
}

/// What an operator of two makes of two signals.
fn joined(view: &View, join: Join, a: &State, b: &State) -> Result<State, Why> {
    if let Some((base, program)) = common(join, a, b) {
        return Ok(view.image(base, program));
    }
    let array = match join {
        Join::Add | Join::Subtract => {
            let other = if join == Join::Add { b.array.clone() } else { b.array.affine(-1.0, 0.0) };
            a.array.aligned(&other).and_then(|(a, b)| a.plus(&b))
        }
        Join::Multiply => product(&a.array, &b.array),
        Join::Divide => {
            let steady = b.array.variance() < STEADY * b.array.mean * b.array.mean;
            let Some(inverse) = Program::root().apply(Function::Reciprocal).filter(|_| steady) else {
                return Err("it divides one signal by another".into());
            };
            product(&a.array, &view.store.image(&b.array, &inverse))
        }
        _ => return Err("it compares two signals".into()),
    };
    match view.fresh(array.ok_or("its shapes do not fit together")?) {
        Flow::Signal(state) => Ok(State { law: summed(view, join, a, b).map(Rc::new), ..state }),
        _ => Err("it is no signal".into()),
    }
}

/// The distribution of a sum of which one part is normal and the other is not.
fn summed(view: &View, join: Join, a: &State, b: &State) -> Option<Mixture> {
    let sign = match join {
        Join::Add => 1.0,
        Join::Subtract => -1.0,
        _ => return None,
    };
    let negated = || Program::root().apply(Function::Negate);
    match (distribution(view, a), distribution(view, b)) {
        (Some(own), None) => Some(own.blurred(sign * b.array.mean, b.array.variance())),
        (None, Some(other)) => {
            let other = if sign < 0.0 { other.image(&negated()?) } else { other };
            Some(other.blurred(a.array.mean, a.array.variance()))
        }
        _ => None,
    }
}

/// How the elements of a signal are distributed, if not normally.
fn distribution(view: &View, state: &State) -> Option<Mixture> {
    let Flow::Signal(root) = view.flows.get(state.root)?.as_ref()? else { return None };
    match (&root.law, state.program.line()) {
        (Some(law), _) => Some(law.image(&state.program)),
        (None, Some(_)) => None,
        (None, None) => {
            let variance = Some(root.array.variance()).filter(|v| *v > 0.0)?;
            Some(Mixture::of(&state.program, root.array.mean, variance))
        }
    }
}

/// What an element-wise node hands back to its inputs: `terms` are the parts of its output's gradient, `total` their sum.
pub(in super::super) fn back(view: &View, out: &State, terms: &[Term], total: &Array) -> Option<Vec<(usize, Back)>> {
    let own = view.output(0) == Some(out.root);
    if own && let Some(back) = spelled::backward(view, total) {
        return Some(back.into_iter().map(|(input, array)| (input, Back::Fresh(array))).collect());
    }
    let mut backs = Vec::new();
    for input in 0..view.node.inputs.len() {
        let Ok(state) = view.signal(input) else { continue };
        if !own && state.root == out.root {
            let partial = partial(view, input)?;
            let chained = |term: &Term| {
                let factor = term.factor.join(Join::Multiply, &partial)?;
                Some(Term { factor, ..term.clone() })
            };
            backs.push((input, Back::Terms(terms.iter().map(chained).collect::<Option<_>>()?)));
        } else if let Some(term) = gated(view, out, input, terms, total).filter(|_| own) {
            backs.push((input, Back::Terms(vec![term])));
        } else {
            backs.push((input, Back::Fresh(reduced(&passed(view, input, total)?, &state.array)?)));
        }
    }
    Some(backs)
}

/// What a sum hands back to the part of it that is not normal, where a rectifier stands behind the sum: where that part is
/// large the rectifier is open, and if it comes out of a rectifier itself, the two are open together.
fn gated(view: &View, out: &State, input: usize, terms: &[Term], total: &Array) -> Option<Term> {
    let law = out.law.as_deref().filter(|_| view.node.op == "Add")?;
    let closed = |term: &Term| term.factor.run(&[-1.0, -0.1]).iter().all(|&factor| factor == 0.0);
    if terms.is_empty() || !terms.iter().all(closed) {
        return None;
    }
    let (state, other) = (view.signal(input).ok()?, view.signal(1 - input.min(1)).ok()?);
    distribution(view, state).filter(|_| state.array.shape() == out.array.shape())?;
    let open = Program::root().slope(Function::Activation(Activation::Relu, 0.0.into()))?;
    let (_, share) = law.moments(&open);
    let std = Some(other.array.variance().sqrt()).filter(|std| *std > 0.0 && share > 0.0)?;
    let factor = state.program.apply(Function::Passes { mean: other.array.mean.into(), std: std.into() })?;
    Some(Term { gamma: Rc::new(total.affine(1.0 / share.sqrt(), 0.0)), id: usize::MAX - view.id.0, factor })
}

/// ∂output/∂input as a program of the common root.
fn partial(view: &View, input: usize) -> Option<Program> {
    let Some(join) = join_of(&view.node.op) else {
        let of = with_bias(view).ok()?.program;
        return if input == 0 { Applied::of(view)?.slope(&of) } else { None };
    };
    let program = |i: usize| {
        let state = operand(view, i).ok()?;
        Some(state.array.value().map_or(state.program, Program::number))
    };
    let other = |i: usize| if view.node.inputs.len() == 2 { program(1 - i) } else { None };
    match join {
        Join::Add => Some(Program::number(1.0)),
        Join::Subtract => Some(Program::number(if input == 0 { 1.0 } else { -1.0 })),
        Join::Multiply => other(input),
        Join::Divide if input == 0 => Program::number(1.0).join(Join::Divide, &other(0)?),
        Join::Divide => {
            let (a, b) = (program(0)?, program(1)?);
            a.join(Join::Divide, &b)?.join(Join::Divide, &b)?.apply(Function::Negate)
        }
        Join::Largest => program(input)?.join(Join::Exceeds, &other(input)?),
        Join::Smallest => other(input)?.join(Join::Exceeds, &program(input)?),
        Join::Exceeds => None,
    }
}

/// The gradient that reaches an input which shares nothing with the others.
fn passed(view: &View, input: usize, total: &Array) -> Option<Array> {
    let Some(join) = join_of(&view.node.op) else {
        let applied = Applied::of(view)?;
        let of = with_bias(view).ok()?;
        return product(total, &view.store.image(&of.array, &applied.slope(&Program::root())?));
    };
    let other = |i: usize| operand(view, 1 - i.min(1)).ok();
    match join {
        Join::Add | Join::Subtract => Some(total.clone()),
        Join::Multiply => product(total, &other(input)?.array),
        Join::Divide if input == 0 => {
            let inverse = Program::root().apply(Function::Reciprocal)?;
            product(total, &view.store.image(&other(0)?.array, &inverse))
        }
        Join::Divide => {
            let mean = view.array(1).ok()?.mean;
            Some(product(total, &other(1)?.array)?.affine(1.0 / (mean * mean), 0.0))
        }
        _ => None,
    }
}
