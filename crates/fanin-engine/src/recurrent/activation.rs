//! The activations of recurrent layers, as their attributes name them.

use crate::element::Float;
use crate::setup::Setup;
use fanin::Refusal;

/// A function of one number, with what is clipped before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Activation {
    kind: Kind,
    alpha: f64,
    beta: f64,
    /// What enters is held between −clip and clip.
    clip: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Affine,
    Elu,
    HardSigmoid,
    LeakyRelu,
    Relu,
    ScaledTanh,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu,
}

/// Names and the defaults of α and β, of which an entry in the lists of attributes stands only where it is used.
const KINDS: &[(&str, Kind, Option<f64>, Option<f64>)] = &[
    ("affine", Kind::Affine, Some(1.0), Some(0.0)),
    ("elu", Kind::Elu, Some(1.0), None),
    ("hardsigmoid", Kind::HardSigmoid, Some(0.2), Some(0.5)),
    ("leakyrelu", Kind::LeakyRelu, Some(0.01), None),
    ("relu", Kind::Relu, None, None),
    ("scaledtanh", Kind::ScaledTanh, Some(1.0), Some(1.0)),
    ("sigmoid", Kind::Sigmoid, None, None),
    ("softplus", Kind::Softplus, None, None),
    ("softsign", Kind::Softsign, None, None),
    ("tanh", Kind::Tanh, None, None),
    ("thresholdedrelu", Kind::ThresholdedRelu, Some(1.0), None),
];

impl Activation {
    /// Those that a layer's attributes name: as many as `defaults`, for each of `directions`.
    pub(crate) fn read(setup: &Setup<'_>, defaults: &[&str], directions: usize) -> Result<Vec<Activation>, Refusal> {
        let clip = setup.optional_float("clip")?;
        if clip.is_some_and(|clip| clip.is_nan() || clip < 0.0) {
            return Err(Setup::refuse("clip", clip, "a bound of 0 or more"));
        }
        let named = setup.texts("activations")?;
        let names: Vec<&str> = match named {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => defaults.repeat(directions),
        };
        if names.len() != defaults.len() * directions {
            return Err(Setup::refuse("activations", names, format!("{} for each direction", defaults.len())));
        }
        let mut alphas = setup.floats("activation_alpha")?.unwrap_or_default().iter().copied();
        let mut betas = setup.floats("activation_beta")?.unwrap_or_default().iter().copied();
        let one = |name: &&str| {
            let lower = name.to_ascii_lowercase();
            let known = KINDS.iter().find(|(own, ..)| *own == lower);
            let &(_, kind, alpha, beta) =
                known.ok_or_else(|| Setup::refuse("activations", name, "a function that is known"))?;
            let number = |default: Option<f64>, given: &mut dyn Iterator<Item = f64>| {
                default.map_or(0.0, |default| given.next().unwrap_or(default))
            };
            Ok(Activation { kind, alpha: number(alpha, &mut alphas), beta: number(beta, &mut betas), clip })
        };
        names.iter().map(one).collect()
    }

    /// f(x).
    #[inline]
    pub(crate) fn value<T: Float>(&self, x: T) -> T {
        let x = match self.clip {
            Some(clip) => x.largest(T::from_f64(-clip)).smallest(T::from_f64(clip)),
            None => x,
        };
        let (alpha, beta) = (T::from_f64(self.alpha), T::from_f64(self.beta));
        match self.kind {
            Kind::Affine => alpha * x + beta,
            Kind::Elu if x < T::ZERO => alpha * x.through(f64::exp_m1),
            Kind::HardSigmoid => (alpha * x + beta).largest(T::ZERO).smallest(T::ONE),
            Kind::LeakyRelu if x < T::ZERO => alpha * x,
            Kind::Elu | Kind::LeakyRelu => x,
            Kind::Relu => x.largest(T::ZERO),
            Kind::ScaledTanh => alpha * (beta * x).tanh(),
            Kind::Sigmoid => sigmoid(x),
            Kind::Softplus => x.largest(T::ZERO) + (-x.magnitude()).exp().through(f64::ln_1p),
            Kind::Softsign => x / (T::ONE + x.magnitude()),
            Kind::Tanh => x.tanh(),
            Kind::ThresholdedRelu => {
                if x > alpha {
                    x
                } else {
                    T::ZERO
                }
            }
        }
    }

    /// f′(x), given y = f(x).
    #[inline]
    pub(crate) fn slope<T: Float>(&self, x: T, y: T) -> T {
        if self.clip.is_some_and(|clip| x.magnitude() > T::from_f64(clip)) {
            return T::ZERO;
        }
        let (alpha, beta) = (T::from_f64(self.alpha), T::from_f64(self.beta));
        let step = |is: bool| if is { T::ONE } else { T::ZERO };
        match self.kind {
            Kind::Affine => alpha,
            Kind::Elu if x < T::ZERO => y + alpha,
            Kind::HardSigmoid => {
                if y > T::ZERO && y < T::ONE {
                    alpha
                } else {
                    T::ZERO
                }
            }
            Kind::LeakyRelu if x <= T::ZERO => alpha,
            Kind::Elu | Kind::LeakyRelu => T::ONE,
            Kind::Relu => step(x > T::ZERO),
            Kind::ScaledTanh => {
                let inner = (beta * x).tanh();
                alpha * beta * (T::ONE - inner * inner)
            }
            Kind::Sigmoid => y * (T::ONE - y),
            Kind::Softplus => sigmoid(x),
            Kind::Softsign => {
                let below = T::ONE + x.magnitude();
                T::ONE / (below * below)
            }
            Kind::Tanh => T::ONE - y * y,
            Kind::ThresholdedRelu => step(x > alpha),
        }
    }
}

fn sigmoid<T: Float>(x: T) -> T {
    let small = (-x.magnitude()).exp();
    let numerator = if x >= T::ZERO { T::ONE } else { small };
    numerator / (T::ONE + small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_central_differences() {
        for &(name, kind, alpha, beta) in KINDS {
            let (alpha, beta) = (alpha.unwrap_or(0.0) * 1.25, beta.unwrap_or(0.0) + 0.125);
            let f = Activation { kind, alpha, beta, clip: Some(1.5) };
            for x in [-2.0, -1.1, -0.4, 0.3, 0.9, 1.3, 2.0f64] {
                let difference = (f.value(x + 1e-6) - f.value(x - 1e-6)) / 2e-6;
                let slope = f.slope(x, f.value(x));
                assert!((difference - slope).abs() < 1e-8, "{name} at {x}: {difference} and {slope}");
            }
        }
    }

    #[test]
    fn points_are_those_of_the_definitions() {
        let of = |name: &str, alpha: f64, beta: f64, x: f64| {
            let kind = KINDS.iter().find(|(own, ..)| *own == name).unwrap().1;
            Activation { kind, alpha, beta, clip: None }.value(x)
        };
        assert_eq!(of("affine", 2.0, 1.0, 3.0), 7.0);
        assert_eq!(of("hardsigmoid", 0.2, 0.5, 1.0), 0.7);
        assert_eq!(of("leakyrelu", 0.1, 0.0, -2.0), -0.2);
        assert_eq!(of("thresholdedrelu", 1.0, 0.0, 0.9), 0.0);
        assert_eq!(of("softsign", 0.0, 0.0, 1.0), 0.5);
        assert!((of("scaledtanh", 1.7159, 2.0 / 3.0, 1.0) - 1.7159 * (2.0f64 / 3.0).tanh()).abs() < 1e-15);
        assert!((of("softplus", 0.0, 0.0, 0.0) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((of("elu", 2.0, 0.0, -1.0) - 2.0 * (-1f64).exp_m1()).abs() < 1e-15);
    }
}
