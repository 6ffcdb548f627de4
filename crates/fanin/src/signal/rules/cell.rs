//! Recurrent cells, one step after the other: the second moments of state and gates, and of their gradients.

use super::super::array::Array;
use super::super::function::Function;
use super::super::program::Program;
use super::super::series::Store;
use crate::gain::Activation;

/// A number of one unit at one time: its mean, its second moment, and the same for two draws of the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Unit {
    pub(super) mean: f64,
    pub(super) second: f64,
    pub(super) apart: f64,
}

impl Unit {
    fn array(self) -> Option<Array> {
        let mut array = Array::independent(&[], self.mean, (self.second - self.mean * self.mean).max(0.0))?;
        array.table[0] = self.apart.min(array.table[1]);
        Some(array)
    }

    fn of(array: &Array) -> Unit {
        Unit { mean: array.mean, second: array.table[1], apart: array.table[0] }
    }

    /// f of it, and f′ of it.
    fn image(self, f: Activation, store: &Store) -> Option<(Unit, Unit)> {
        let f = Function::Activation(f, f.default_parameter().into());
        let (value, slope) = (Program::root().apply(f)?, Program::root().slope(f)?);
        let array = self.array()?;
        Some((Unit::of(&store.image(&array, &value)), Unit::of(&store.image(&array, &slope))))
    }

    fn times(self, other: Unit) -> Unit {
        Unit { mean: self.mean * other.mean, second: self.second * other.second, apart: self.apart * other.apart }
    }

    fn plus(self, other: Unit) -> Unit {
        let cross = 2.0 * self.mean * other.mean;
        Unit {
            mean: self.mean + other.mean,
            second: self.second + other.second + cross,
            apart: self.apart + other.apart + cross,
        }
    }

    fn scaled(self, square: f64) -> Unit {
        Unit { mean: 0.0, second: self.second * square, apart: self.apart * square }
    }

    /// 1 − x.
    fn rest(self) -> Unit {
        let turn = |k: f64| 1.0 - 2.0 * self.mean + k;
        Unit { mean: 1.0 - self.mean, second: turn(self.second), apart: turn(self.apart) }
    }
}

/// One gate: fan-in times the variance of its weights, from the input and from the state, and its bias.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    pub(super) input: f64,
    pub(super) state: f64,
    pub(super) bias: Unit,
    /// The part of the bias that stands beside the recurrent weight.
    pub(super) inner: Unit,
}

impl Gate {
    fn before(self, x: Unit, h: Unit) -> Unit {
        x.scaled(self.input).plus(h.scaled(self.state)).plus(self.bias).plus(self.inner)
    }
}

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gates: input, output, forget, cell.
    Lstm,
    /// Gates: update, reset, hidden; the reset gate comes after the matrix if `late`.
    Gru { late: bool },
    /// One gate.
    Plain(Activation),
}

/// What is kept of a step for the way back: slopes and values of the gates.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) hidden: Unit,
    /// State of an LSTM's cell.
    pub(super) cell: Unit,
    before: (Unit, Unit),
    values: Vec<(Unit, Unit)>,
    /// tanh of the cell, or what the reset gate multiplies.
    extra: (Unit, Unit),
}

/// The steps from a zero state.
pub(super) fn run(kind: Kind, gates: &[Gate], x: Unit, steps: usize, store: &Store) -> Option<Vec<Step>> {
    let mut list: Vec<Step> = Vec::with_capacity(steps);
    let (mut h, mut c) = (Unit::default(), Unit::default());
    for _ in 0..steps {
        let before = (h, c);
        let gate = |i: usize, f: Activation| gates.get(i)?.before(x, h).image(f, store);
        let (values, extra);
        match kind {
            Kind::Lstm => {
                let s = Activation::Sigmoid;
                let [i, o, f, g] = [gate(0, s)?, gate(1, s)?, gate(2, s)?, gate(3, Activation::Tanh)?];
                c = f.0.times(c).plus(i.0.times(g.0));
                extra = c.image(Activation::Tanh, store)?;
                h = o.0.times(extra.0);
                values = vec![i, o, f, g];
            }
            Kind::Gru { late } => {
                let [z, r] = [gate(0, Activation::Sigmoid)?, gate(1, Activation::Sigmoid)?];
                let own = gates.get(2)?;
                let inner = h.scaled(own.state).plus(own.inner);
                let reset = if late { r.0.times(inner) } else { r.0.times(h).scaled(own.state).plus(own.inner) };
                let n = x.scaled(own.input).plus(own.bias).plus(reset).image(Activation::Tanh, store)?;
                // (1 − z) n + z h: both see the same z.
                let mut next = z.0.rest().times(n.0).plus(z.0.times(h));
                let both = z.0.mean - z.0.second;
                next.second += 2.0 * n.0.mean * h.mean * (both - z.0.mean * (1.0 - z.0.mean));
                h = next;
                extra = (inner, inner);
                values = vec![z, r, n];
            }
            Kind::Plain(f) => {
                let n = gate(0, f)?;
                h = n.0;
                extra = (Unit::default(), Unit::default());
                values = vec![n];
            }
        }
        list.push(Step { hidden: h, cell: c, before, values, extra });
    }
    Some(list)
}

/// Second moments of the gradients of every gate before its activation, step by step, from those of the hidden states
/// (`each` at every step, `last` at the last one besides).
pub(super) fn back(
    kind: Kind,
    gates: &[Gate],
    steps: &[Step],
    units: (f64, f64),
    each: f64,
    last: f64,
) -> Vec<Vec<f64>> {
    // How a gate's gradient reaches a unit of the state: by as many gates' units as there are, each a fan-out of its own.
    let ratio = units.1 / units.0;
    let into = |gate: &Gate, gradient: f64| gate.state * ratio * gradient;
    let (mut later, mut cell) = (0.0, 0.0);
    let mut list = vec![Vec::new(); steps.len()];
    for (t, step) in steps.iter().enumerate().rev() {
        let h = each + later + if t + 1 == steps.len() { last } else { 0.0 };
        let v = &step.values;
        match kind {
            Kind::Lstm => {
                let [i, o, f, g] = [v[0], v[1], v[2], v[3]];
                cell += h * o.0.second * step.extra.1.second;
                let own = vec![
                    cell * i.1.second * g.0.second,
                    h * o.1.second * step.extra.0.second,
                    cell * f.1.second * step.before.1.second,
                    cell * i.0.second * g.1.second,
                ];
                cell *= f.0.second;
                later = own.iter().zip(gates).map(|(g, gate)| into(gate, *g)).sum();
                list[t] = own;
            }
            Kind::Gru { .. } => {
                let [z, r, n] = [v[0], v[1], v[2]];
                let inner = h * z.0.rest().second * n.1.second;
                let update = h * z.1.second * (n.0.second + step.before.0.second - 2.0 * n.0.mean * step.before.0.mean);
                let reset = inner * r.1.second * step.extra.0.second;
                later = h * z.0.second
                    + into(&gates[2], inner) * r.0.second
                    + into(&gates[0], update)
                    + into(&gates[1], reset);
                list[t] = vec![update, reset, inner];
            }
            Kind::Plain(_) => {
                let own = h * v[0].1.second;
                later = into(&gates[0], own);
                list[t] = vec![own];
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_recurrence_sums_its_inputs() {
        let gate = Gate { input: 1.0, state: 0.5, ..Gate::default() };
        let x = Unit { mean: 0.0, second: 1.0, apart: 0.0 };
        let steps = run(Kind::Plain(Activation::Linear), &[gate], x, 3, &Store::default()).unwrap();
        for (step, expected) in steps.iter().zip([1.0, 1.5, 1.75]) {
            assert!((step.hidden.second - expected).abs() < 1e-12);
        }
        let back = back(Kind::Plain(Activation::Linear), &[gate], &steps, (4.0, 4.0), 0.0, 1.0);
        for (own, expected) in back.iter().zip([0.25, 0.5, 1.0]) {
            assert!((own[0] - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn an_open_forget_gate_remembers() {
        let open = Gate { bias: Unit { mean: 30.0, second: 900.0, apart: 900.0 }, ..Gate::default() };
        let write = Gate { input: 1.0, ..Gate::default() };
        let x = Unit { mean: 0.0, second: 1.0, apart: 0.0 };
        // Input and output gates half open, the forget gate open: the cell walks at random.
        let gates = [Gate::default(), Gate::default(), open, write];
        let steps = run(Kind::Lstm, &gates, x, 5, &Store::default()).unwrap();
        let tanh = Activation::Tanh.moments(0.0).second;
        for (t, step) in steps.iter().enumerate() {
            assert!((step.cell.second - 0.25 * tanh * (t as f64 + 1.0)).abs() < 1e-9, "{t}: {}", step.cell.second);
        }
        let back = back(Kind::Lstm, &gates, &steps, (8.0, 8.0), 0.0, 1.0);
        assert!((back[0][3] / back[4][3] - 1.0).abs() < 1e-9, "a kept cell hands its gradient on whole");
    }
}
