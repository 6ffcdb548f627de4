//! [`Mixture`]: the distribution of an element that is no normal number: a rectified signal to which another was added.
//!
//! A residual stream behind a rectifier stays positive for the most part when a small branch is added to it; taken for a
//! normal number of the same mean and variance, the next rectifier would cut a tail off that is not there.

use super::program::Program;
use super::series::nodes;
use crate::gain::integral_nodes;

/// Points that are kept apart.
const MOST: usize = 160;
/// Ends of the panels of a kernel, in standard deviations.
const KERNEL: [f64; 5] = [-6.0, -2.5, 0.0, 2.5, 6.0];

/// Points with their probabilities, each blurred by the same normal kernel.
#[derive(Clone, Debug)]
pub(super) struct Mixture {
    points: Vec<(f64, f64)>,
    std: f64,
}

impl Mixture {
    /// What `program` makes of a normal number.
    pub(super) fn of(program: &Program, mean: f64, variance: f64) -> Mixture {
        let (zs, weights) = nodes(program, mean, variance.sqrt());
        let xs: Vec<f64> = zs.iter().map(|z| mean + variance.sqrt() * z).collect();
        Mixture { points: gathered(program.run(&xs).into_iter().zip(weights).collect()), std: 0.0 }
    }

    /// The points of all kernels.
    fn spread(&self) -> Vec<(f64, f64)> {
        if self.std == 0.0 {
            return self.points.clone();
        }
        let (zs, steps) = integral_nodes(&KERNEL);
        let kernel: Vec<(f64, f64)> =
            zs.iter().zip(steps).map(|(z, step)| (self.std * z, step * super::function::density(*z))).collect();
        let blurred = |&(at, weight): &(f64, f64)| kernel.iter().map(move |(dz, w)| (at + dz, weight * w));
        self.points.iter().flat_map(blurred).collect()
    }

    /// What `program` makes of it.
    pub(super) fn image(&self, program: &Program) -> Mixture {
        if let Some((slope, offset)) = program.line() {
            let points = self.points.iter().map(|&(at, weight)| (slope * at + offset, weight)).collect();
            return Mixture { points, std: self.std * slope.abs() };
        }
        let (xs, weights): (Vec<f64>, Vec<f64>) = self.spread().into_iter().unzip();
        Mixture { points: gathered(program.run(&xs).into_iter().zip(weights).collect()), std: 0.0 }
    }

    /// Mean and second moment of what `program` makes of it.
    pub(super) fn moments(&self, program: &Program) -> (f64, f64) {
        let (xs, weights): (Vec<f64>, Vec<f64>) = self.spread().into_iter().unzip();
        let total: f64 = weights.iter().sum();
        let values = program.run(&xs);
        let over = |f: fn(f64) -> f64| values.iter().zip(&weights).map(|(&y, w)| w * f(y)).sum::<f64>() / total;
        (over(|y| y), over(|y| y * y))
    }

    /// With an independent normal number added.
    pub(super) fn blurred(mut self, mean: f64, variance: f64) -> Mixture {
        self.std = (self.std * self.std + variance).sqrt();
        self.points.iter_mut().for_each(|(at, _)| *at += mean);
        self
    }
}

/// As few points as are kept: neighbours merged at their mean, then moved apart until the variance is what it was.
fn gathered(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.retain(|(at, weight)| at.is_finite() && *weight > 0.0);
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = points.iter().map(|(_, weight)| weight).sum();
    let moments = |points: &[(f64, f64)]| {
        let over = |f: &dyn Fn(f64) -> f64| points.iter().map(|(at, w)| w * f(*at)).sum::<f64>() / total;
        let mean = over(&|x| x);
        (mean, over(&|x| (x - mean) * (x - mean)))
    };
    let (mean, variance) = moments(&points);
    let share = total / MOST as f64;
    let mut few: Vec<(f64, f64)> = Vec::new();
    for (at, weight) in points {
        match few.last_mut() {
            // Equal values are one point, however much they weigh.
            Some(last) if last.0 == at || last.1 + weight <= share => {
                last.0 = (last.0 * last.1 + at * weight) / (last.1 + weight);
                last.1 += weight;
            }
            _ => few.push((at, weight)),
        }
    }
    let kept = moments(&few).1;
    let stretch = if kept > 0.0 { (variance / kept).sqrt() } else { 1.0 };
    few.into_iter().map(|(at, weight)| (mean + stretch * (at - mean), weight / total)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gain::Activation;
    use crate::signal::function::Function;

    fn relu() -> Program {
        Program::root().apply(Function::Activation(Activation::Relu, 0.0.into())).unwrap()
    }

    #[test]
    fn a_rectified_number_is_half_zeros() {
        let own = Mixture::of(&relu(), 0.0, 2.0);
        let (mean, second) = own.moments(&Program::root());
        assert!((mean - std::f64::consts::FRAC_1_PI.sqrt()).abs() < 1e-3 && (second - 1.0).abs() < 1e-3);
        let zeros: f64 = own.points.iter().filter(|(at, _)| at.abs() < 1e-2).map(|(_, weight)| weight).sum();
        assert!((zeros - 0.5).abs() < 0.01 && own.points.len() < 3 * MOST, "{zeros} {}", own.points.len());
    }

    #[test]
    fn a_positive_stream_keeps_what_a_normal_number_would_lose() {
        // relu(u) + b with u, b normal of variance 1 and 0.01: by a plain sum over both.
        let stream = Mixture::of(&relu(), 0.0, 1.0).blurred(0.0, 0.01);
        let (mean, second) = stream.moments(&relu());
        let (mut first, mut square, mut all) = (0.0, 0.0, 0.0);
        for i in -400..=400 {
            for j in -60..=60 {
                let (u, b) = (f64::from(i) * 0.02, f64::from(j) * 0.1);
                let weight = crate::numerics::exp(-0.5 * (u * u + b * b));
                let y = (u.max(0.0) + 0.1 * b).max(0.0);
                (first, square, all) = (first + weight * y, square + weight * y * y, all + weight);
            }
        }
        assert!((mean / (first / all) - 1.0).abs() < 2e-3, "{mean} {}", first / all);
        assert!((second / (square / all) - 1.0).abs() < 2e-3, "{second} {}", square / all);
        // A normal number of that mean and variance would keep less.
        let q = stream.moments(&Program::root());
        let normal = Mixture::of(&Program::root(), q.0, q.1 - q.0 * q.0).moments(&relu()).1;
        assert!(normal < 0.97 * second, "{normal} {second}");
    }

    #[test]
    fn lines_move_points_and_kernels() {
        let own = Mixture::of(&relu(), 0.0, 1.0).blurred(1.0, 0.5);
        let line = Program::root().apply(Function::Negate).unwrap();
        let (mean, second) = own.moments(&Program::root());
        let moved = own.image(&line).moments(&Program::root());
        assert!((moved.0 + mean).abs() < 1e-12 && (moved.1 - second).abs() < 1e-12);
    }
}
