//! What an activation's moments mean for a deep network, in words.

use super::{Activation, Moments};
use crate::numerics::powf;

/// Depth at which growth is told.
const DEPTH: f64 = 50.0;
/// Slopes nearer to 1 than this are 1 but for the rounding of the integral.
const LEVEL: f64 = 1e-9;

/// Names for an activation at another parameter than its own.
const SETTINGS: [(&str, Activation, f64); 6] = [
    ("prelu", Activation::LeakyRelu, 0.25),
    ("rrelu", Activation::LeakyRelu, 11.0 / 48.0),
    ("reglu", Activation::Relu, 0.0),
    ("geglu", Activation::Gelu, 0.0),
    ("swiglu", Activation::Silu, 1.0),
    ("glu", Activation::Sigmoid, 0.0),
];

impl Activation {
    /// The activation that a word means, with its parameter: its name, an alias, `prelu`, or a gated unit (`swiglu`), whose
    /// second moment is that of its activation.
    pub fn named(word: &str) -> Option<(Activation, f64)> {
        let own = |a: &&Activation| a.name() == word || a.aliases().contains(&word);
        let plain = Activation::ALL.iter().find(own).map(|a| (*a, a.default_parameter()));
        plain.or_else(|| SETTINGS.iter().find(|(name, ..)| *name == word).map(|(_, a, p)| (*a, *p)))
    }
}

impl Moments {
    /// Whether a deep plain network with the forward gain keeps its scale, and what to do where it does not.
    ///
    /// # Source
    /// The fixed points of the map of second moments: Poole et al. 2016, arXiv:1606.05340.
    pub fn stability_story(&self, activation: Activation, parameter: f64) -> String {
        let slope = self.stability();
        let size = slope.abs();
        if (size - 1.0).abs() < LEVEL {
            return "level: a deviation of the second moment neither grows nor shrinks with depth. The chance of a finite \
                    width adds up layer by layer; wide layers, orthogonal weights or a normalization keep it small."
                .to_owned();
        }
        if size < 1.0 {
            return format!(
                "stable: a deviation of the second moment shrinks to {slope:.4} of itself in every layer, so deep plain \
                 networks return to their scale."
            );
        }
        let remedy = match activation.mirror(parameter) {
            Some(_) => {
                "normalize between layers, scale residual branches, calibrate on data, or use `mirrored`, which is \
                        exact for it"
            }
            None => "normalize between layers, scale residual branches, or calibrate on data",
        };
        format!(
            "unstable: a deviation of the second moment grows by {slope:.4} in every layer, a small one {} times in 50 layers, \
             so the scale of deep plain networks drifts. What to do: {remedy}.",
            times(powf(size, DEPTH))
        )
    }

    /// What gradients do with the forward gain.
    ///
    /// # Source
    /// Schoenholz et al. 2017, arXiv:1611.01232: χ₁.
    pub fn gradient_story(&self) -> String {
        let chi = self.gradient_growth();
        if (chi - 1.0).abs() < LEVEL {
            return "gradients keep their second moment, too.".to_owned();
        }
        let (verb, over) = if chi > 1.0 { ("grow", "explode") } else { ("shrink", "vanish") };
        format!(
            "gradients {verb} by {chi:.4} in every layer ({} times in 50) and so {over} in deep plain networks; \
             `gain=backward` keeps them instead of the signal.",
            times(powf(chi, DEPTH))
        )
    }
}

/// A factor as a person would say it.
fn times(factor: f64) -> String {
    if (0.01..1e4).contains(&factor) {
        let digits = if factor < 1.0 { 3 } else { usize::from(factor < 10.0) };
        format!("{factor:.digits$}")
    } else {
        format!("{factor:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_the_slope() {
        let story = |a: Activation, p: f64| a.moments(p).stability_story(a, p);
        assert!(story(Activation::Tanh, 0.0).starts_with("stable"));
        assert!(story(Activation::Relu, 0.0).starts_with("level"));
        assert!(story(Activation::LeakyRelu, 0.3).starts_with("level"));
        let gelu = story(Activation::Gelu, 0.0);
        assert!(gelu.starts_with("unstable") && gelu.contains("1.1441") && gelu.contains("`mirrored`"), "{gelu}");
        // 1.1441⁵⁰, and Mish has no mirror.
        assert!(gelu.contains("837 times") && !story(Activation::Mish, 0.0).contains("mirrored"), "{gelu}");
        // A falling map with a slope of −0.24 is stable, one of 2 is not.
        assert!(story(Activation::Cos, 0.0).starts_with("stable: a deviation of the second moment shrinks to -0.2384"));
        assert!(story(Activation::SquaredRelu, 0.0).starts_with("unstable"));
    }

    #[test]
    fn gradients_are_told_by_their_growth() {
        let story = |a: Activation| a.moments(a.default_parameter()).gradient_story();
        assert!(story(Activation::Tanh).contains("grow by 1.1778") && story(Activation::Tanh).contains("explode"));
        assert!(story(Activation::Sigmoid).contains("shrink by 0.1528"));
        assert!(story(Activation::Relu).contains("keep their second moment"));
    }

    #[test]
    fn activations_have_names_aliases_and_settings() {
        assert_eq!(Activation::named("swish"), Some((Activation::Silu, 1.0)));
        assert_eq!(Activation::named("prelu"), Some((Activation::LeakyRelu, 0.25)));
        assert_eq!(Activation::named("geglu"), Activation::named("gelu"));
        assert_eq!(Activation::named("relux"), None);
    }

    #[test]
    fn mirrors_are_what_they_say() {
        for &a in Activation::ALL {
            for p in [a.default_parameter(), a.default_parameter() * 1.5] {
                let f = |x| super::super::function::value(a, p, x).0;
                let odd = |x: f64| (f(x) - f(-x)) / x;
                let constant = [0.3, 1.1, 2.9, 8.0].iter().all(|x| (odd(*x) - odd(0.7)).abs() < 1e-9);
                let k = odd(0.7);
                let mirrored = constant && k.abs() > 1e-9 && a != Activation::Softmax;
                assert_eq!(a.mirror(p).is_some(), mirrored, "{a} {p}: {k}");
                assert!(a.mirror(p).is_none_or(|own| (own - k).abs() < 1e-9), "{a} {p}: {k}");
            }
        }
    }
}
