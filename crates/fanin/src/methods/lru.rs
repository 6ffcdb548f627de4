//! Linear recurrent units.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::gain::over;
use crate::numerics::{exp, ln};
use crate::stream::Stream;
use crate::structure::{Formula, Moments, unit};

/// The parameters of a linear recurrent unit (LRU), whose eigenvalues lie evenly on a ring of the complex plane; and the decay
/// of the RG-LRU of Griffin and `RecurrentGemma`.
///
/// An eigenvalue is λ = exp(−exp(ν) + i exp(θ)) with |λ|² uniform between min² and max². `gamma` normalizes the input by
/// √(1 − |λ|²) of the *same* eigenvalue: `nu` and `gamma` read one random number, keyed by what their names have in common
/// before the last dot. `b` and `c` are the (components of the) complex input and output maps. `decay` is the one parameter of
/// an RG-LRU, a softplus⁻¹.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lru {
    /// Which parameter: `nu`, `theta`, `gamma`, `b`, `c`, or `decay` (RG-LRU).
    pub part: Part,
    /// Smallest |λ|.
    pub min: f64,
    /// Largest |λ|, below 1.
    pub max: f64,
    /// Largest phase; 2π for `theta` if left out. A tenth of π suits long sequences.
    pub phase: Option<f64>,
}

/// A parameter of the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// ln(−ln|λ|).
    #[default]
    Nu,
    /// ln of the phase.
    Theta,
    /// ln √(1 − |λ|²).
    Gamma,
    /// A component of the input map: N(0, 1/(2 inputs)).
    B,
    /// A component of the output map: N(0, 1/states).
    C,
    /// RG-LRU: softplus⁻¹(−ln|λ|).
    Decay,
}

impl Default for Lru {
    fn default() -> Lru {
        Lru { part: Part::Nu, min: 0.9, max: 0.999, phase: None }
    }
}

impl Lru {
    /// The parameter at the quantile `u`.
    fn quantile(&self, u: f64) -> f64 {
        let square = u * (self.max * self.max - self.min * self.min) + self.min * self.min;
        match self.part {
            Part::Nu => ln(-0.5 * ln(square)),
            Part::Gamma => 0.5 * ln(1.0 - square),
            Part::Decay => ln(exp(-0.5 * ln(square)) - 1.0),
            _ => ln(self.phase.unwrap_or(2.0 * std::f64::consts::PI) * u),
        }
    }

    /// A law of transformed uniform numbers, keyed by `pair` where two parameters share them.
    fn spread(&self, param: &Param, pair: Option<String>) -> Result<Law, Refusal> {
        // Panels that halve towards both ends, where the logarithms bend most.
        let mut breaks: Vec<f64> = (1..=50).map(|k| 1.0 / (1u64 << k) as f64).flat_map(|x| [x, 1.0 - x]).collect();
        breaks.extend([0.0, 1.0]);
        breaks.sort_by(f64::total_cmp);
        breaks.dedup();
        let (mean, variance) = over(&breaks, |u| self.quantile(u));
        let (law, layout) = (self.clone(), table(param)?);
        let cols = layout.cols();
        Ok(whole(Formula::preparing(layout, Moments { mean, variance }, move |stream: Stream| {
            let (law, stream) = (law.clone(), pair.as_ref().map_or(stream, |pair| stream.named(pair)));
            Box::new(move |row, col| law.quantile(unit(&stream, row * cols + col)))
        })))
    }
}

impl Method for Lru {
    const ABOUT: About = About {
        name: "lru",
        formula: "ν = ln(−½ ln r), θ = ln(phase · u), γ = ½ ln(1 − r), r = min² + u (max² − min²); decay = ln(r^−½ − 1)",
        source: Source { authors: "Orvieto, Smith, Gu, Fernando et al.; De, Smith, Fernando et al.", year: 2023, at: "arXiv:2303.06349; Griffin, arXiv:2402.19427", place: "the ring initialization; RecurrentGemma's `rnn_param_init`" },
        when: "For linear recurrent layers with complex or gated decays.",
        spellings: &[
            Spelling::of("recurrentgemma", "rg_lru.a_param", "lru(part=decay)", &[("min_rad", "min"), ("max_rad", "max")])
                .noting("the code adds 1e-8 to r, which f32 does not hold"),
        ],
        cases: &[
            Case::std("lru", &[128], Axes::linear, 0.908214080812031, "by mpmath"),
            Case::std("lru(part=gamma)", &[128], Axes::linear, 0.4407672562619643, "by mpmath"),
            Case::std("lru(part=theta)", &[128], Axes::linear, 1.0, "the logarithm of a uniform number: an exponential law"),
            Case::std("recurrentgemma:rg_lru.a_param", &[2560], Axes::linear, 0.9219423159268485, "by mpmath"),
            Case::std("lru(part=b)", &[64, 50], Axes::linear, 0.1, "1/√100"),
            Case::std("lru(part=c)", &[50, 64], Axes::linear, 0.125, "1/√64"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let expected = format!("0 or more, below `max`, {}", self.max);
        require(self.min >= 0.0 && self.min < self.max, "min", self.min, &expected)?;
        require(self.max < 1.0, "max", self.max, "below 1: larger eigenvalues burst")?;
        let phase = self.phase.unwrap_or(1.0);
        require(phase > 0.0 && phase.is_finite(), "phase", phase, "a positive number")?;
        let module = param.name.rfind(['.', '/']).map_or("", |at| &param.name[..at]);
        match self.part {
            Part::B => Draw::Normal.with_variance(0.5 / param.fan(Fan::In, Count::True)?),
            Part::C => Draw::Normal.with_variance(1.0 / param.fan(Fan::In, Count::True)?),
            Part::Nu | Part::Gamma => self.spread(param, Some(format!("{module}[lru]"))),
            Part::Theta | Part::Decay => self.spread(param, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Region, Role};

    fn values(part: Part, name: &str) -> Vec<f64> {
        let param = Param::new(name, &[300], Dtype::F32, Role::Weight, Axes::linear());
        let Law::Whole(law) = Lru { part, ..Lru::default() }.law(&param).unwrap() else { panic!("a structure") };
        let mut out = vec![0.0; 300];
        law.prepare(Stream::new(5, name)).fill(&Region::All, &mut out);
        out.into_iter().map(f64::from).collect()
    }

    #[test]
    fn the_input_is_normalized_by_its_own_eigenvalue() {
        let (nu, gamma) = (values(Part::Nu, "layers.0.nu_log"), values(Part::Gamma, "layers.0.gamma_log"));
        for (nu, gamma) in nu.iter().zip(&gamma) {
            let size = (-nu.exp()).exp();
            assert!((0.9 - 1e-6..=0.999 + 1e-6).contains(&size));
            assert!((gamma.exp() - (1.0 - size * size).sqrt()).abs() < 1e-5);
        }
        assert_ne!(nu, values(Part::Nu, "layers.1.nu_log"));
    }

    #[test]
    fn decays_are_spread_over_the_ring() {
        for a in values(Part::Decay, "rg_lru.a_param") {
            let size = (-a.exp().ln_1p()).exp();
            assert!((0.9 - 1e-6..=0.999 + 1e-6).contains(&size), "{size}");
        }
    }
}
