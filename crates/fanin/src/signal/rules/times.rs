//! [`Times`]: moments of one unit of a recurrent cell at any two of its steps.

use super::super::function::Function;
use super::super::program::Program;
use super::super::series::{Series, Store};
use crate::gain::Activation;
use std::rc::Rc;

/// E\[x x′\] for two steps, which may lie in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    steps: usize,
    values: Vec<f64>,
}

impl Times {
    pub(super) fn new(steps: usize) -> Times {
        Times { steps, values: vec![0.0; steps * steps] }
    }

    pub(super) fn at(&self, s: usize, t: usize) -> f64 {
        self.values.get(s * self.steps + t).copied().unwrap_or(0.0)
    }

    /// The moment one step before both; nothing lies before the first.
    pub(super) fn before(&self, s: usize, t: usize) -> f64 {
        if s == 0 || t == 0 { 0.0 } else { self.at(s - 1, t - 1) }
    }

    /// The moment one step after both; nothing lies after the last.
    pub(super) fn after(&self, s: usize, t: usize) -> f64 {
        if s + 1 >= self.steps || t + 1 >= self.steps { 0.0 } else { self.at(s + 1, t + 1) }
    }

    pub(super) fn put(&mut self, s: usize, t: usize, value: f64) {
        self.values[s * self.steps + t] = value;
        self.values[t * self.steps + s] = value;
    }

    /// For moments of two different signals.
    pub(super) fn put_one(&mut self, s: usize, t: usize, value: f64) {
        self.values[s * self.steps + t] = value;
    }
}

/// A signal of a cell: its mean at each step, and its moments at two steps, for one draw of the inputs and for two.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) mean: Vec<f64>,
    pub(super) same: Times,
    pub(super) apart: Times,
}

impl Line {
    pub(super) fn new(steps: usize) -> Line {
        Line { mean: vec![0.0; steps], same: Times::new(steps), apart: Times::new(steps) }
    }

    /// Mean one step before.
    pub(super) fn mean_before(&self, t: usize) -> f64 {
        if t == 0 { 0.0 } else { self.mean[t - 1] }
    }
}

/// A line under an activation and under its derivative, step by step.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) value: Line,
    pub(super) slope: Line,
    programs: [Program; 2],
    /// The series of each step.
    series: Vec<[Rc<Series>; 2]>,
}

impl Image {
    pub(super) fn new(f: Activation, steps: usize) -> Option<Image> {
        let f = Function::Activation(f, f.default_parameter().into());
        let programs = [Program::root().apply(f)?, Program::root().slope(f)?];
        Some(Image { value: Line::new(steps), slope: Line::new(steps), programs, series: Vec::with_capacity(steps) })
    }

    /// Takes in step `t` of `z`, after all before it.
    pub(super) fn step(&mut self, z: &Line, t: usize, store: &Store) {
        let variance = |t: usize| (z.same.at(t, t) - z.mean[t] * z.mean[t]).max(1e-300);
        let series = [0, 1].map(|i| store.series(&self.programs[i], z.mean[t], variance(t)));
        self.series.push(series);
        for (i, line) in [&mut self.value, &mut self.slope].into_iter().enumerate() {
            line.mean[t] = self.series[t][i].mean;
            for s in 0..=t {
                let scale = variance(s).sqrt() * variance(t).sqrt();
                let (a, b) = (&self.series[s][i], &self.series[t][i]);
                for (moments, own) in [(&z.same, &mut line.same), (&z.apart, &mut line.apart)] {
                    let rho = ((moments.at(s, t) - z.mean[s] * z.mean[t]) / scale).clamp(-1.0, 1.0);
                    let rho = if s == t && std::ptr::eq(moments, &raw const z.same) { 1.0 } else { rho };
                    own.put(s, t, between(a.at(rho), b.at(rho)));
                }
            }
        }
    }
}

/// Two steps of different variance: the geometric mean of what either would give.
fn between(a: f64, b: f64) -> f64 {
    if a * b > 0.0 { (a * b).sqrt().copysign(a) } else { f64::midpoint(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_two_steps_are_those_of_two_correlated_numbers() {
        let mut z = Line::new(2);
        for (s, t, k) in [(0, 0, 1.0), (0, 1, 0.5), (1, 1, 1.0)] {
            z.same.put(s, t, k);
        }
        let mut image = Image::new(Activation::Relu, 2).unwrap();
        let store = Store::default();
        image.step(&z, 0, &store);
        image.step(&z, 1, &store);
        let kernel =
            |c: f64| ((1.0 - c * c).sqrt() + c * (std::f64::consts::PI - c.acos())) / (2.0 * std::f64::consts::PI);
        assert!((image.value.same.at(0, 1) - kernel(0.5)).abs() < 1e-12);
        assert!((image.value.same.at(1, 1) - 0.5).abs() < 1e-12);
        assert!((image.slope.same.at(0, 1) - (1.0 / 3.0)).abs() < 1e-12);
        assert!((image.value.apart.at(0, 1) - kernel(0.0)).abs() < 1e-12);
    }
}
