//! Says what is wrong with the signals of a network, once they are measured: nothing here runs anything.
//!
//! Healthy ranges are those of [`crate::report::Name`]. Two things excuse a number beyond them: a narrow network's weights
//! are one draw, whose scale wanders by chance ([`Excuse`]); and what follows from a cause that is reported is not
//! reported again.

mod backward;
mod chain;
mod feature;
mod inputs;

use crate::gain::Activation;
use crate::layer::Layer;
use crate::numerics::exp;
use crate::plan::pattern;
use crate::report::{Commands, Finding, LayerRow, Name, Report};
pub use inputs::inputs;

/// What is judged, besides the rows of the report.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The layers, one for each row.
    pub layers: &'a [Layer],
    /// Layers whose weights are all one number: what they let through says nothing of scale.
    pub constant: &'a [bool],
    /// Names of the layers' weights, as rules name them.
    pub weights: &'a [String],
    /// Samples in the batch.
    pub samples: u64,
    /// Whether the values were drawn by the recipe `auto`, so that naming it is no remedy.
    pub auto: bool,
    /// Loss of the output divided by what chance explains of its scale ([`Excuse::factor`]).
    pub excused_loss: Option<f64>,
}

/// How far the scale of a signal wanders by chance in a network of finite width.
///
/// # Formula
/// The logarithm of a second moment after layers of widths n₁, n₂, … is about normal with variance 5β and mean −5β/2,
/// β = Σ 1/nₗ, for rectifiers; others wander less. Three standard deviations are excused.
///
/// # Source
/// B. Hanin, D. Rolnick 2018, arXiv:1803.01719, th. 5 and 6 (β decides); the factor 5 is the variance of the square of a
/// rectified normal over the square of its mean, E\[r⁴\]/E\[r²\]² − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excuse {
    /// Σ 1/width over the layers on the way.
    pub beta: f64,
}

impl Excuse {
    /// The same after one layer more.
    #[must_use]
    pub fn past(self, width: u64) -> Excuse {
        Excuse { beta: self.beta + 1.0 / width.max(1) as f64 }
    }

    /// The factor by which a second moment may be too large.
    pub fn factor(self) -> f64 {
        exp(3.0 * (5.0 * self.beta).sqrt())
    }

    /// The factor by which it may be too small.
    pub fn shrinks(self) -> f64 {
        exp(-2.5 * self.beta) / self.factor()
    }
}

/// For each layer: the longest way to it from any input, in layers, and what that way excuses.
pub fn ways(layers: &[Layer]) -> Vec<(usize, Excuse)> {
    let mut ways: Vec<(usize, Excuse)> = Vec::with_capacity(layers.len());
    for layer in layers {
        let longest = layer.sources.iter().map(|&at| ways[at]).max_by_key(|(length, _)| *length);
        let (length, excuse) = longest.unwrap_or_default();
        ways.push((length + 1, excuse.past(layer.width)));
    }
    ways
}

/// Judges the signals of a report.
pub fn signals(report: &Report, measured: &Measured<'_>, commands: &Commands) -> Vec<Finding> {
    let rows = &report.layers;
    let judge = Judge { rows, measured, commands, ways: ways(measured.layers) };
    let mut findings = judge.non_finite();
    findings.extend(inputs(report.batch.as_ref().map_or(&[], |batch| &batch.inputs), commands));
    // Where nothing but constants is, no signal has a scale: the weights' findings say so.
    if measured.constant.iter().all(|&constant| constant) {
        return findings;
    }
    findings.extend(chain::judge(&judge, &report.residuals));
    findings.extend(feature::judge(&judge, report));
    let unstable = findings.iter().any(|f| matches!(f.name, Name::Fading | Name::Exploding | Name::ResidualGrowth));
    findings.extend(backward::judge(&judge, report, unstable));
    findings
}

struct Judge<'a> {
    rows: &'a [LayerRow],
    measured: &'a Measured<'a>,
    commands: &'a Commands,
    ways: Vec<(usize, Excuse)>,
}

impl Judge<'_> {
    fn non_finite(&self) -> Vec<Finding> {
        let bad: Vec<&LayerRow> = self.rows.iter().filter(|row| row.non_finite > 0).collect();
        let Some(first) = bad.first() else { return Vec::new() };
        let text = format!("{} elements of the output of {} are infinite or no numbers.", first.non_finite, first.name);
        let all = bad.iter().map(|row| row.name.clone()).collect();
        vec![
            Finding::new(Name::NonFinite, "")
                .across(all)
                .quantity("elements of a signal that are not finite")
                .value(first.non_finite as f64)
                .text(text)
                .remedy(self.other_scale(0..self.rows.len())),
        ]
    }

    /// The command that gives layers the right scale: the recipe that looks at activations, or, where that has been at work,
    /// a calibration, which measures it.
    fn measured_scale(&self) -> String {
        if self.measured.auto { self.commands.calibrate("lsuv", &[]) } else { self.commands.recipe("auto") }
    }

    /// The command that gives some layers a scale that lasts: the recipe that looks at activations, or, where that has been
    /// at work, weights that keep every direction.
    fn other_scale(&self, layers: impl Iterator<Item = usize>) -> String {
        if self.measured.auto { self.every_direction(layers, self.commands) } else { self.commands.recipe("auto") }
    }

    /// The command that gives layers weights that keep every direction: mirrored where the activation undoes itself in
    /// pairs, orthogonal otherwise. Where neither keeps the scale, a calibration does.
    fn every_direction(&self, layers: impl Iterator<Item = usize>, commands: &Commands) -> String {
        let (mut rules, mut loose): (Vec<(String, &str)>, bool) = (Vec::new(), false);
        for at in layers {
            let mirror = self.rows[at].follows.map(|f| f.activation.mirror(f.parameter));
            loose |= mirror == Some(None);
            let call = if matches!(mirror, Some(Some(k)) if k != 2.0) { "mirrored" } else { "orthogonal" };
            let names = pattern(&self.measured.weights[at]);
            // The first rule that matches decides.
            if rules.iter().all(|(other, _)| *other != names) {
                rules.push((names, call));
            }
        }
        let rules: Vec<String> = rules.into_iter().map(|(names, call)| format!("{names}={call}")).collect();
        if loose { commands.calibrate("lsuv", &rules) } else { commands.set(&rules) }
    }

    /// The command that lets a chain of layers tell inputs apart: what looks at activations, and weights that keep every
    /// direction where nothing but layers is in the way.
    fn told_apart(&self) -> String {
        let plain = self.measured.layers.iter().all(|layer| !layer.normalized && layer.before.len() <= 1);
        let drawn = Commands { options: "--recipe auto".to_owned(), ..self.commands.clone() };
        match plain {
            true if self.measured.auto => self.every_direction(0..self.rows.len(), self.commands),
            true => self.every_direction(0..self.rows.len(), &drawn),
            false => self.other_scale(0..self.rows.len()),
        }
    }
}

/// Whether an activation has ends that no signal gets beyond.
fn is_bounded(activation: Activation) -> bool {
    use Activation as A;
    matches!(
        activation,
        A::Tanh
            | A::LecunTanh
            | A::HardTanh
            | A::Erf
            | A::Softsign
            | A::Atan
            | A::Sin
            | A::Cos
            | A::Sigmoid
            | A::HardSigmoid
    )
}

/// A number as a sentence shows it.
fn shown(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e4).contains(&size) { format!("{value:.3}") } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_kind() {
        assert_eq!(pattern("layers.12.weight"), "layers.*.weight");
        assert_eq!(pattern("h.0.attn.c2.weight"), "h.*.attn.c*.weight");
    }

    #[test]
    fn a_narrow_network_excuses_more() {
        let wide = Excuse::default().past(1 << 20);
        assert!(wide.factor() < 1.01 && wide.shrinks() > 0.99);
        let narrow = (0..30).fold(Excuse::default(), |excuse, _| excuse.past(128));
        assert!((narrow.factor() - (3.0 * (150.0f64 / 128.0).sqrt()).exp()).abs() < 1e-12);
        assert!(narrow.shrinks() < 1.0 / narrow.factor());
    }
}
