//! The way back through a recurrent cell, step by step.

use super::cell::{Gate, Kind, Run};
use super::times::Times;

/// Second moments of the gradients of every gate before its activation, at any two steps.
pub(super) struct Unrolled {
    pub(super) gates: Vec<Times>,
}

/// What one step hands back: state gradients a(t) = p(t) b(t) + f(t + 1) a(t + 1), where b comes from outside and from the
/// gates one step later.
struct Walk<'a> {
    kind: Kind,
    gates: &'a [Gate],
    run: &'a Run,
    /// b, a, and E\[b(s) a(t)\].
    outer: Times,
    state: Times,
    crossed: Times,
    list: Vec<Times>,
}

/// The gradients for outputs whose own gradients have the moments `each(s, t)`.
pub(super) fn back(kind: Kind, gates: &[Gate], run: &Run, ratio: f64, each: impl Fn(usize, usize) -> f64) -> Unrolled {
    let n = run.steps;
    let times = || Times::new(n);
    let mut walk = Walk {
        kind,
        gates,
        run,
        outer: times(),
        state: times(),
        crossed: times(),
        list: (0..gates.len()).map(|_| times()).collect(),
    };
    for s in (0..n).rev() {
        for t in (s..n).rev() {
            let own = each(s, t) + ratio * walk.handed(s, t);
            walk.outer.put(s, t, own);
        }
        walk.cross(s);
        for t in (s..n).rev() {
            let own = walk.both(s, t);
            walk.state.put(s, t, own);
        }
        for t in s..n {
            walk.gate(s, t);
        }
    }
    Unrolled { gates: walk.list }
}

impl Walk<'_> {
    /// What the gates of the steps after hand to the state.
    fn handed(&self, s: usize, t: usize) -> f64 {
        let from = |i: usize| self.gates[i].state * self.list[i].after(s, t);
        match self.kind {
            Kind::Gru { .. } => {
                let reset = self.run.gates[1].value.same.after(s, t);
                from(0) + from(1) + from(2) * reset
            }
            _ => (0..self.gates.len()).map(from).sum(),
        }
    }

    /// Mean of p and of f.
    fn shares(&self, t: usize) -> (f64, f64) {
        match self.kind {
            Kind::Lstm => {
                let squash = self.run.squashed.as_ref().map_or(1.0, |image| image.slope.mean[t]);
                (self.run.gates[1].value.mean[t] * squash, self.run.gates[2].value.mean[t])
            }
            Kind::Gru { .. } => (1.0, self.run.gates[0].value.mean[t]),
            Kind::Plain(_) => (1.0, 0.0),
        }
    }

    /// E\[p p′\] and E\[f f′\].
    fn pairs(&self, s: usize, t: usize) -> (f64, f64) {
        match self.kind {
            Kind::Lstm => {
                let squash = self.run.squashed.as_ref().map_or(1.0, |image| image.slope.same.at(s, t));
                (self.run.gates[1].value.same.at(s, t) * squash, self.run.gates[2].value.same.after(s, t))
            }
            Kind::Gru { .. } => (1.0, self.run.gates[0].value.same.after(s, t)),
            Kind::Plain(_) => (1.0, 0.0),
        }
    }

    /// E\[b(s) a(t)\] for the new step s and all t after it, and E\[b(t) a(s)\].
    fn cross(&mut self, s: usize) {
        let n = self.run.steps;
        let next = |crossed: &Times, b: usize, a: usize| if a + 1 < n { crossed.at(b, a + 1) } else { 0.0 };
        let forget = |walk: &Walk, t: usize| if t + 1 < n { walk.shares(t + 1).1 } else { 0.0 };
        for t in (s..n).rev() {
            let own = self.shares(t).0 * self.outer.at(s, t) + forget(self, t) * next(&self.crossed, s, t);
            self.crossed.put_one(s, t, own);
        }
        for b in s + 1..n {
            let own = self.shares(s).0 * self.outer.at(b, s) + forget(self, s) * next(&self.crossed, b, s);
            self.crossed.put_one(b, s, own);
        }
    }

    fn both(&self, s: usize, t: usize) -> f64 {
        let n = self.run.steps;
        let (p, f) = self.pairs(s, t);
        let step = |b: usize, a: usize| {
            if a + 1 < n { self.shares(b).0 * self.shares(a + 1).1 * self.crossed.at(b, a + 1) } else { 0.0 }
        };
        p * self.outer.at(s, t) + step(s, t) + step(t, s) + f * self.state.after(s, t)
    }

    /// The gates' own gradients.
    fn gate(&mut self, s: usize, t: usize) {
        let g = &self.run.gates;
        let value = |i: usize| g[i].value.same.at(s, t);
        let slope = |i: usize| g[i].slope.same.at(s, t);
        let (b, a) = (self.outer.at(s, t), self.state.at(s, t));
        match self.kind {
            Kind::Lstm => {
                let squashed = self.run.squashed.as_ref().map_or(0.0, |image| image.value.same.at(s, t));
                let before = self.run.cell.same.before(s, t);
                let own =
                    [a * value(3) * slope(0), b * squashed * slope(1), a * before * slope(2), a * value(0) * slope(3)];
                for (list, own) in self.list.iter_mut().zip(own) {
                    list.put(s, t, own);
                }
            }
            Kind::Gru { .. } => {
                let keep = 1.0 - g[0].value.mean[s] - g[0].value.mean[t] + value(0);
                let inner = a * keep * slope(2);
                let difference = value(2) + self.run.hidden.same.before(s, t);
                self.list[0].put(s, t, a * difference * slope(0));
                self.list[1].put(s, t, inner * self.run.cell.same.at(s, t) * slope(1));
                self.list[2].put(s, t, inner);
            }
            Kind::Plain(_) => self.list[0].put(s, t, a * slope(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Fed, run};
    use super::*;
    use crate::gain::Activation;
    use crate::signal::series::Store;

    const WHITE: Fed = Fed { same: [1.0, 0.0], apart: [0.0, 0.0], lags: Vec::new() };

    fn last(n: usize) -> impl Fn(usize, usize) -> f64 {
        move |s, t| if s == t && t + 1 == n { 1.0 } else { 0.0 }
    }

    #[test]
    fn a_linear_recurrence_fades_backwards() {
        let gates = [Gate { input: 1.0, state: 0.5, ..Gate::default() }];
        let kind = Kind::Plain(Activation::Linear);
        let run = run(kind, &gates, &WHITE, 3, &Store::default()).unwrap();
        let back = back(kind, &gates, &run, 1.0, last(3));
        for (t, expected) in [0.25, 0.5, 1.0].into_iter().enumerate() {
            assert!((back.gates[0].at(t, t) - expected).abs() < 1e-12);
        }
        assert_eq!(back.gates[0].at(0, 1), 0.0, "steps apart share no gradient through fresh weights");
    }

    #[test]
    fn a_kept_cell_hands_one_gradient_to_all_steps() {
        let open = Gate { bias: (30.0, 900.0), ..Gate::default() };
        let write = Gate { input: 1.0, ..Gate::default() };
        let gates = [Gate::default(), Gate::default(), open, write];
        let run = run(Kind::Lstm, &gates, &WHITE, 5, &Store::default()).unwrap();
        let back = back(Kind::Lstm, &gates, &run, 1.0, last(5));
        let first = back.gates[3].at(0, 0);
        assert!(first > 0.0 && (first / back.gates[3].at(4, 4) - 1.0).abs() < 1e-9);
        assert!(back.gates[3].at(0, 4) > 0.5 * first, "the same gradient, at inputs that differ");
    }
}
