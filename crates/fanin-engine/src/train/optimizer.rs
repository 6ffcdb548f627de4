//! [`Optimizer`]: from a gradient to a step.

use crate::element::Float;
use crate::error::mismatch;
use crate::parallel::GRAIN;
use crate::tensor::{Tensor, on_floats};
use fanin::Refusal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A rule that turns a gradient into a change of a parameter.
///
/// # Formula
/// With gradient g, parameter w, learning rate η, and t steps done, this one included:
/// - `Sgd`: g' = g + λw; v = μv + g'; w −= ηv, or η(g' + μv) with Nesterov's momentum.
/// - `Adam`: m = β₁m + (1 − β₁)g'; v = β₂v + (1 − β₂)g'²; w −= η·m̂/(√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ);
///   `decoupled` takes g for g' and shrinks w by ηλ instead.
/// - `Adagrad`: v += g²; w −= η·g/(√v + ε).
///
/// # Source
/// Sgd as in torch (Sutskever et al. 2013); Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter 2019,
/// arXiv:1711.05101, algorithm 2; Duchi et al. 2011.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Optimizer {
    /// Gradient descent with momentum.
    Sgd {
        /// μ.
        momentum: f64,
        /// Whether it looks ahead.
        nesterov: bool,
        /// λ.
        decay: f64,
    },
    /// Steps scaled by a running second moment.
    Adam {
        /// β₁ and β₂.
        betas: [f64; 2],
        /// ε.
        epsilon: f64,
        /// λ.
        decay: f64,
        /// Whether decay is apart from the gradient, as in `AdamW`.
        decoupled: bool,
    },
    /// Steps scaled by the sum of all squares.
    Adagrad {
        /// ε.
        epsilon: f64,
    },
}

impl Optimizer {
    /// Gradient descent with momentum 0.9.
    pub fn sgd() -> Optimizer {
        Optimizer::Sgd { momentum: 0.9, nesterov: false, decay: 0.0 }
    }

    /// Adam with the paper's constants.
    pub fn adam() -> Optimizer {
        Optimizer::Adam { betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.0, decoupled: false }
    }

    /// Adam with decoupled decay, 0.01.
    pub fn adamw() -> Optimizer {
        Optimizer::Adam { betas: [0.9, 0.999], epsilon: 1e-8, decay: 0.01, decoupled: true }
    }

    /// The learning rate that practitioners start from.
    pub fn usual_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd { .. } | Optimizer::Adagrad { .. } => 0.01,
            Optimizer::Adam { .. } => 1e-3,
        }
    }

    /// How many running tensors it keeps for each parameter.
    fn states(&self) -> usize {
        match self {
            Optimizer::Sgd { momentum, .. } => usize::from(*momentum != 0.0),
            Optimizer::Adam { .. } => 2,
            Optimizer::Adagrad { .. } => 1,
        }
    }
}

impl std::str::FromStr for Optimizer {
    type Err = Refusal;

    /// `sgd`, `momentum`, `nesterov`, `adam`, `adamw` or `adagrad`.
    fn from_str(text: &str) -> Result<Optimizer, Refusal> {
        Ok(match text {
            "sgd" => Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 },
            "momentum" => Optimizer::sgd(),
            "nesterov" => Optimizer::Sgd { momentum: 0.9, nesterov: true, decay: 0.0 },
            "adam" => Optimizer::adam(),
            "adamw" => Optimizer::adamw(),
            "adagrad" => Optimizer::Adagrad { epsilon: 1e-10 },
            _ => {
                return Err(Refusal::new(
                    format!("`{text}` is no optimizer"),
                    "sgd, momentum, nesterov, adam, adamw or adagrad",
                    "Name one of these.",
                ));
            }
        })
    }
}

impl std::fmt::Display for Optimizer {
    /// As people call it: `SGD with momentum 0.9`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, decay) = match *self {
            Optimizer::Sgd { momentum: 0.0, decay, .. } => ("SGD".to_owned(), decay),
            Optimizer::Sgd { momentum, nesterov, decay } => {
                let kind = if nesterov { "Nesterov's momentum" } else { "momentum" };
                (format!("SGD with {kind} {momentum}"), decay)
            }
            Optimizer::Adam { decay, decoupled: true, .. } => ("AdamW".to_owned(), decay),
            Optimizer::Adam { decay, .. } => ("Adam".to_owned(), decay),
            Optimizer::Adagrad { .. } => ("Adagrad".to_owned(), 0.0),
        };
        if decay == 0.0 { f.write_str(&name) } else { write!(f, "{name}, decay {decay}") }
    }
}

/// What an optimizer remembers of one parameter.
#[derive(Clone, Debug, Default)]
pub struct Moments(Vec<Tensor>);

impl Optimizer {
    /// Changes `parameter` by one step along `gradient`.
    ///
    /// `step` counts from 1. All arithmetic is in the parameter's own type, element by element, so the bits do not depend
    /// on the number of threads.
    ///
    /// # Errors
    /// If the two have not one shape and type, or are not floats.
    pub fn step(
        &self,
        parameter: &mut Tensor,
        gradient: &Tensor,
        moments: &mut Moments,
        rate: f64,
        step: u64,
    ) -> Result<(), Refusal> {
        if parameter.spec() != gradient.spec() {
            let wrong = format!("a gradient {} for a parameter {}", gradient.spec(), parameter.spec());
            return Err(mismatch(wrong, "one shape and type"));
        }
        if moments.0.is_empty() {
            moments.0 = (0..self.states()).map(|_| Tensor::zeros(&parameter.spec())).collect::<Result<_, _>>()?;
        }
        on_floats!(gradient, g => self.update(parameter, g, moments, rate, step))
    }

    fn update<T: Float>(
        &self,
        parameter: &mut Tensor,
        gradient: &[T],
        moments: &mut Moments,
        rate: f64,
        step: u64,
    ) -> Result<(), Refusal> {
        let n = T::from_f64;
        let w = parameter.values_mut::<T>().ok_or_else(|| mismatch("a parameter that is no float", "floats"))?;
        let mut states = moments.0.iter_mut().map(|state| state.values_mut::<T>().unwrap_or_default());
        match *self {
            Optimizer::Sgd { momentum, nesterov, decay } => {
                let (rate, decay, mu) = (n(rate), n(decay), n(momentum));
                match states.next() {
                    None => each(w, &mut [], &mut [], gradient, &|w, _, _, g| *w = *w - rate * (g + decay * *w)),
                    Some(v) => each(w, v, &mut [], gradient, &|w, v, _, g| {
                        let g = g + decay * *w;
                        *v = mu * *v + g;
                        *w = *w - rate * if nesterov { g + mu * *v } else { *v };
                    }),
                }
            }
            Optimizer::Adam { betas, epsilon, decay, decoupled } => {
                let (m, v) = (states.next().unwrap_or_default(), states.next().unwrap_or_default());
                let [first, second] = betas.map(|beta| 1.0 - beta.powi(step.min(1 << 30) as i32));
                let (size, root, epsilon) = (n(rate / first), n(1.0 / second.sqrt()), n(epsilon));
                let ([b1, b2], [c1, c2]) = (betas.map(n), betas.map(|beta| n(1.0 - beta)));
                let (shrink, decay) = if decoupled { (n(1.0 - rate * decay), T::ZERO) } else { (T::ONE, n(decay)) };
                each(w, m, v, gradient, &|w, m, v, g| {
                    let g = g + decay * *w;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *w = shrink * *w - size * *m / (v.sqrt() * root + epsilon);
                });
            }
            Optimizer::Adagrad { epsilon } => {
                let (rate, epsilon) = (n(rate), n(epsilon));
                let v = states.next().unwrap_or_default();
                each(w, v, &mut [], gradient, &|w, v, _, g| {
                    *v += g * g;
                    *w = *w - rate * g / (v.sqrt() + epsilon);
                });
            }
        }
        Ok(())
    }
}

/// Calls `update(w, a, b, g)` for every element; a state that is not there is an empty slice, and its element is 0.
fn each<T: Float>(
    w: &mut [T],
    a: &mut [T],
    b: &mut [T],
    gradient: &[T],
    update: &(impl Fn(&mut T, &mut T, &mut T, T) + Sync),
) {
    let run = |w: &mut [T], a: &mut [T], b: &mut [T], g: &[T]| {
        let mut none = T::ZERO;
        match (a.is_empty(), b.is_empty()) {
            (true, _) => {
                let mut other = T::ZERO;
                w.iter_mut().zip(g).for_each(|(w, &g)| update(w, &mut none, &mut other, g));
            }
            (_, true) => w.iter_mut().zip(a).zip(g).for_each(|((w, a), &g)| update(w, a, &mut none, g)),
            _ => w.iter_mut().zip(a).zip(b).zip(g).for_each(|(((w, a), b), &g)| update(w, a, b, g)),
        }
    };
    if w.len() <= 2 * GRAIN {
        return run(w, a, b, gradient);
    }
    let pieces = w.len().div_ceil(GRAIN);
    w.par_chunks_mut(GRAIN)
        .zip(chunks(a, pieces))
        .zip(chunks(b, pieces))
        .zip(gradient.par_chunks(GRAIN))
        .for_each(|(((w, a), b), g)| run(w, a, b, g));
}

/// The pieces of a state, empty ones where there is none.
fn chunks<T: Float>(state: &mut [T], pieces: usize) -> Vec<&mut [T]> {
    if state.is_empty() {
        std::iter::repeat_with(<&mut [T]>::default).take(pieces).collect()
    } else {
        state.chunks_mut(GRAIN).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};

    /// Steps along 2w, the gradient of w², on one element.
    fn path(optimizer: Optimizer, rate: f64, steps: u64) -> Vec<f64> {
        let mut w = Tensor::of(&[1], vec![1.0f64]);
        let mut moments = Moments::default();
        (1..=steps)
            .map(|step| {
                let g = Tensor::of(&[1], vec![2.0 * w.to_f64s()[0]]);
                optimizer.step(&mut w, &g, &mut moments, rate, step).unwrap();
                w.to_f64s()[0]
            })
            .collect()
    }

    fn near(own: &[f64], expected: &[f64]) {
        assert!(own.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10), "{own:?} instead of {expected:?}");
    }

    #[test]
    fn names_are_those_that_people_use() {
        let shown = |text: &str| text.parse::<Optimizer>().unwrap().to_string();
        assert_eq!([shown("sgd"), shown("momentum")], ["SGD", "SGD with momentum 0.9"]);
        assert_eq!([shown("nesterov"), shown("adagrad")], ["SGD with Nesterov's momentum 0.9", "Adagrad"]);
        assert_eq!([shown("adam"), shown("adamw")], ["Adam", "AdamW, decay 0.01"]);
    }

    #[test]
    fn steps_are_those_of_the_formulas() {
        let plain = Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 };
        near(&path(plain, 0.1, 2), &[0.8, 0.64]);
        // v: 2, 0.9·2 + 1.6 = 3.4.
        near(&path(Optimizer::sgd(), 0.1, 2), &[0.8, 0.46]);
        let nesterov = Optimizer::Sgd { momentum: 0.9, nesterov: true, decay: 0.0 };
        near(&path(nesterov, 0.1, 1), &[1.0 - 0.1 * (2.0 + 0.9 * 2.0)]);
        let decayed = Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.5 };
        near(&path(decayed, 0.1, 1), &[1.0 - 0.1 * 2.5]);
        // Adam's first step is the learning rate, whatever the gradient.
        let eps = |g: f64| g / (g + 1e-8);
        near(&path(Optimizer::adam(), 0.1, 1), &[1.0 - 0.1 * eps(2.0)]);
        near(&path(Optimizer::adamw(), 0.1, 1), &[0.999 - 0.1 * eps(2.0)]);
        let second = {
            let w = 1.0 - 0.1 * eps(2.0);
            let (g, m0, v0) = (2.0 * w, 0.2, 0.004);
            let (m, v): (f64, f64) = (0.9 * m0 + 0.1 * g, 0.999 * v0 + 0.001 * g * g);
            w - 0.1 * (m / 0.19) / ((v / (1.0 - 0.999f64.powi(2))).sqrt() + 1e-8)
        };
        near(&path(Optimizer::adam(), 0.1, 2)[1..], &[second]);
        near(&path("adagrad".parse().unwrap(), 0.1, 2), &[0.9, 0.9 - 0.1 * 1.8 / (4.0f64 + 3.24).sqrt()]);
    }

    #[test]
    fn no_bit_depends_on_the_number_of_threads() {
        for name in ["sgd", "momentum", "nesterov", "adam", "adamw", "adagrad"] {
            let optimizer: Optimizer = name.parse().unwrap();
            let run = |threads| {
                on_threads(threads, || {
                    let mut w = random(&[3 * GRAIN + 17], 1).cast(fanin::Dtype::F32).unwrap();
                    let (g, mut moments) = (random(w.shape(), 2).cast(fanin::Dtype::F32).unwrap(), Moments::default());
                    for step in 1..4 {
                        optimizer.step(&mut w, &g, &mut moments, 0.01, step).unwrap();
                    }
                    w
                })
            };
            assert!(run(1) == run(2) && run(1) == run(8), "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (mut w, g) = (random(&[3], 1), random(&[4], 1));
        assert!(Optimizer::adam().step(&mut w, &g, &mut Moments::default(), 0.1, 1).is_err());
        let mut ids = Tensor::of(&[1], vec![1i64]);
        assert!(Optimizer::adam().step(&mut ids.clone(), &ids.clone(), &mut Moments::default(), 0.1, 1).is_err());
        ids = Tensor::of(&[1], vec![2i64]);
        assert!(Optimizer::adam().step(&mut ids, &g, &mut Moments::default(), 0.1, 1).is_err());
        assert!("adamm".parse::<Optimizer>().is_err());
    }
}
