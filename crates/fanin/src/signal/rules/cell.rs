//! Recurrent cells, one step after the other: moments of states and gates at any two steps.

use super::super::series::Store;
use super::times::{Image, Line, Times};
use crate::gain::Activation;

/// One gate: fan-in times E\[w²\], from the input and from the state, and its bias.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    pub(super) input: f64,
    pub(super) state: f64,
    /// Mean and second moment of the bias.
    pub(super) bias: (f64, f64),
    /// The same for the one beside the recurrent weight.
    pub(super) inner: (f64, f64),
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

/// Second moments of the inputs: of one step, of two, and both for two draws.
#[derive(Clone, Debug, Default)]
pub(super) struct Fed {
    pub(super) same: [f64; 2],
    pub(super) apart: [f64; 2],
    /// What two steps of one draw have in common beyond the average over pairs, by how far they are apart, from 1 on.
    pub(super) lags: Vec<f64>,
}

impl Fed {
    /// E\[x(s) x(t)\], for one draw (`world` 0) and for two.
    pub(super) fn at(&self, world: usize, s: usize, t: usize) -> f64 {
        match (world, s.abs_diff(t)) {
            (0, 0) => self.same[0],
            (0, apart) => self.same[1] + self.lags.get(apart - 1).copied().unwrap_or(0.0),
            (_, apart) => self.apart[usize::from(apart > 0)],
        }
    }
}

/// Everything that a run leaves for the way back.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) steps: usize,
    pub(super) hidden: Line,
    /// The cell of an LSTM; what the reset gate multiplies in a GRU.
    pub(super) cell: Line,
    /// The gates.
    pub(super) gates: Vec<Image>,
    /// tanh of the cell.
    pub(super) squashed: Option<Image>,
    /// What is written into the state, and E\[state(s) written(t)\] for one draw and for two.
    written: Line,
    crossed: [Times; 2],
}

/// The steps from a zero state.
pub(super) fn run(kind: Kind, gates: &[Gate], fed: &Fed, steps: usize, store: &Store) -> Option<Run> {
    let count = match kind {
        Kind::Lstm => 4,
        Kind::Gru { .. } => 3,
        Kind::Plain(_) => 1,
    };
    if gates.len() != count || steps == 0 {
        return None;
    }
    let f = |i: usize| match kind {
        Kind::Plain(f) => f,
        Kind::Lstm if i < 3 => Activation::Sigmoid,
        Kind::Gru { .. } if i < 2 => Activation::Sigmoid,
        _ => Activation::Tanh,
    };
    let line = || Line::new(steps);
    let mut run = Run {
        steps,
        hidden: line(),
        cell: line(),
        gates: (0..count).map(|i| Image::new(f(i), steps)).collect::<Option<_>>()?,
        squashed: if kind == Kind::Lstm { Image::new(Activation::Tanh, steps) } else { None },
        written: line(),
        crossed: [Times::new(steps), Times::new(steps)],
    };
    let mut before: Vec<Line> = (0..count).map(|_| line()).collect();
    for t in 0..steps {
        for (i, before) in before.iter_mut().enumerate() {
            run.prepare(kind, gates, fed, i, t, before);
            run.gates[i].step(before, t, store);
        }
        match kind {
            Kind::Lstm => run.lstm(t, store),
            Kind::Gru { .. } => run.gru(t),
            Kind::Plain(_) => run.hidden.take(&run.gates[0].value, t),
        }
    }
    Some(run)
}

impl Line {
    /// Copies step `t` of another line.
    fn take(&mut self, other: &Line, t: usize) {
        self.mean[t] = other.mean[t];
        for s in 0..=t {
            self.same.put(s, t, other.same.at(s, t));
            self.apart.put(s, t, other.apart.at(s, t));
        }
    }

    fn moments(&mut self) -> [&mut Times; 2] {
        [&mut self.same, &mut self.apart]
    }

    pub(super) fn kinds(&self) -> [&Times; 2] {
        [&self.same, &self.apart]
    }
}

impl Run {
    /// Step `t` of gate `i` before its activation.
    fn prepare(&mut self, kind: Kind, gates: &[Gate], fed: &Fed, i: usize, t: usize, z: &mut Line) {
        let gate = gates[i];
        let ((m, square), (n, inner)) = (gate.bias, gate.inner);
        let resets = matches!(kind, Kind::Gru { .. }) && i == 2;
        let late = kind == Kind::Gru { late: true };
        z.mean[t] = m + n;
        for s in 0..=t {
            for world in 0..2 {
                let x = gate.input * fed.at(world, s, t);
                let h = gate.state * self.hidden.kinds()[world].before(s, t);
                let state = if resets {
                    let reset = self.gates[1].value.kinds()[world].at(s, t);
                    let own = if late { reset * (h + inner) } else { reset * h + inner };
                    // What the reset gate multiplies, for its own gradient.
                    let multiplied = if late { h + inner } else { h };
                    self.cell.moments()[world].put(s, t, multiplied);
                    own
                } else {
                    h + inner
                };
                z.moments()[world].put(s, t, x + square + state + 2.0 * m * n);
            }
        }
    }

    /// c ← f c + i g, h = o tanh c.
    fn lstm(&mut self, t: usize, store: &Store) {
        let [i, f, g] = [0, 2, 3].map(|k| &self.gates[k].value);
        self.written.mean[t] = i.mean[t] * g.mean[t];
        self.cell.mean[t] = f.mean[t] * self.cell.mean_before(t) + self.written.mean[t];
        for world in 0..2 {
            let [i, g] = [0, 3].map(|k| &self.gates[k].value);
            for s in 0..=t {
                let own = i.kinds()[world].at(s, t) * g.kinds()[world].at(s, t);
                self.written.moments()[world].put(s, t, own);
            }
            self.cross(world, t, |run, s| run.gates[2].value.mean[s], |_, _| 1.0);
            for s in 0..=t {
                let crossed = &self.crossed[world];
                let later = |a: usize, b: usize| if a == 0 { 0.0 } else { crossed.at(a - 1, b) };
                let own = self.gates[2].value.kinds()[world].at(s, t) * self.cell.kinds()[world].before(s, t)
                    + self.gates[2].value.mean[t] * later(t, s)
                    + self.gates[2].value.mean[s] * later(s, t)
                    + self.written.kinds()[world].at(s, t);
                self.cell.moments()[world].put(s, t, own);
            }
        }
        let Some(squashed) = &mut self.squashed else { return };
        squashed.step(&self.cell, t, store);
        let o = &self.gates[1].value;
        self.hidden.mean[t] = o.mean[t] * squashed.value.mean[t];
        for world in 0..2 {
            for s in 0..=t {
                let own = o.kinds()[world].at(s, t) * squashed.value.kinds()[world].at(s, t);
                self.hidden.moments()[world].put(s, t, own);
            }
        }
    }

    /// E\[state(s) written(t)\] for the new step t, at all s and at all earlier t: the state keeps a share of itself.
    fn cross(&mut self, world: usize, t: usize, keep: impl Fn(&Run, usize) -> f64, write: impl Fn(&Run, usize) -> f64) {
        for (s, at) in (0..=t).map(|s| (s, t)).chain((0..t).map(|at| (t, at))) {
            let before = if s == 0 { 0.0 } else { self.crossed[world].at(s - 1, at) };
            let own = keep(self, s) * before + write(self, s) * self.written.kinds()[world].at(s, at);
            self.crossed[world].put_one(s, at, own);
        }
    }

    /// h ← (1 − z) n + z h.
    fn gru(&mut self, t: usize) {
        let (z, n) = (&self.gates[0].value, &self.gates[2].value);
        let (own, new) = (z.mean[t], n.mean[t]);
        self.hidden.mean[t] = (1.0 - own) * new + own * self.hidden.mean_before(t);
        self.written.take(&self.gates[2].value, t);
        for world in 0..2 {
            self.cross(world, t, |run, s| run.gates[0].value.mean[s], |run, s| 1.0 - run.gates[0].value.mean[s]);
            for s in 0..=t {
                let (z, n) = (&self.gates[0].value, &self.gates[2].value);
                let both = z.kinds()[world].at(s, t);
                let crossed = &self.crossed[world];
                let later = |a: usize, b: usize| if a == 0 { 0.0 } else { crossed.at(a - 1, b) };
                let own = (1.0 - z.mean[s] - z.mean[t] + both) * n.kinds()[world].at(s, t)
                    + both * self.hidden.kinds()[world].before(s, t)
                    + (z.mean[t] - both) * later(t, s)
                    + (z.mean[s] - both) * later(s, t);
                self.hidden.moments()[world].put(s, t, own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Fed = Fed { same: [1.0, 0.0], apart: [0.0, 0.0], lags: Vec::new() };

    #[test]
    fn a_linear_recurrence_sums_its_inputs() {
        let gate = Gate { input: 1.0, state: 0.5, ..Gate::default() };
        let run = run(Kind::Plain(Activation::Linear), &[gate], &WHITE, 3, &Store::default()).unwrap();
        for (t, expected) in [1.0, 1.5, 1.75].into_iter().enumerate() {
            assert!((run.hidden.same.at(t, t) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn an_open_forget_gate_remembers() {
        let open = Gate { bias: (30.0, 900.0), ..Gate::default() };
        let write = Gate { input: 1.0, ..Gate::default() };
        let gates = [Gate::default(), Gate::default(), open, write];
        let tanh = Activation::Tanh.moments(0.0).second;
        let random = run(Kind::Lstm, &gates, &WHITE, 5, &Store::default()).unwrap();
        // Inputs that are the same at every step add up as numbers, not as squares.
        let steady = Fed { same: [1.0, 1.0], ..Fed::default() };
        let steady = run(Kind::Lstm, &gates, &steady, 5, &Store::default()).unwrap();
        for t in 0..5 {
            let n = t as f64 + 1.0;
            assert!((random.cell.same.at(t, t) - 0.25 * tanh * n).abs() < 1e-9, "{t}");
            assert!((steady.cell.same.at(t, t) - 0.25 * tanh * n * n).abs() < 1e-9, "{t}");
            assert!((random.cell.same.at(0, t) - 0.25 * tanh).abs() < 1e-9, "what was written first is still there");
        }
    }

    #[test]
    fn a_closed_update_gate_holds_still() {
        // z near 0: the state is the new candidate; near 1: it stays at zero.
        let gate = |bias: f64| Gate { bias: (bias, bias * bias), ..Gate::default() };
        let write = Gate { input: 1.0, ..Gate::default() };
        for (bias, expected) in [(-30.0, Activation::Tanh.moments(0.0).second), (30.0, 0.0)] {
            let gates = [gate(bias), gate(0.0), write];
            let run = run(Kind::Gru { late: true }, &gates, &WHITE, 4, &Store::default()).unwrap();
            assert!((run.hidden.same.at(3, 3) - expected).abs() < 1e-9);
        }
    }
}
