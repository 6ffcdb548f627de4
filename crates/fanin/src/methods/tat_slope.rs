//! The slope of leaky rectifiers with which plain networks train: tailored activation transformation.

use super::prelude::*;
use crate::numerics::atan;

/// The slope of a leaky rectifier for which a plain network of a given depth still tells two unrelated inputs apart.
///
/// Rectifiers draw all inputs together, a little in every layer; a slope nearer to 1 does so less. This one brings two
/// orthogonal inputs to the cosine `eta` at the network's end. Multiply outputs by √(2/(1 + slope²)), or give the weights that
/// gain, and let them be orthogonal with `scale=widening`. Networks of fewer than some 14 layers need none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TatSlope {
    /// Number of layers with an activation. It must be given.
    pub layers: Option<u64>,
    /// Cosine of two orthogonal inputs behind all of them.
    pub eta: f64,
}

impl Default for TatSlope {
    fn default() -> TatSlope {
        TatSlope { layers: None, eta: 0.9 }
    }
}

/// The cosine of two inputs behind a leaky rectifier, from that before it.
fn behind(c: f64, slope: f64) -> f64 {
    let c = c.min(1.0);
    let angle = 2.0 * atan(((1.0 - c) / (1.0 + c)).sqrt());
    let weight = (1.0 - slope) * (1.0 - slope) / (std::f64::consts::PI * (1.0 + slope * slope));
    c + weight * ((1.0 - c * c).max(0.0).sqrt() - c * angle)
}

/// The cosine of two orthogonal inputs behind `layers` of them.
fn at_end(layers: u64, slope: f64) -> f64 {
    (0..layers).fold(0.0, |c, _| behind(c, slope))
}

impl Method for TatSlope {
    const ABOUT: About = About {
        name: "tat_slope",
        formula: "the a with C_a(C_a(… C_a(0))) = η, C_a(c) = c + (1 − a)²/(π(1 + a²)) · (√(1 − c²) − c arccos c)",
        source: Source { authors: "Zhang, Botev, Martens", year: 2022, at: "Deep learning without shortcuts: shaping the kernel with tailored rectifiers, ICLR 2022", place: "TAT for leaky rectifiers" },
        when: "For the slopes of a deep plain network whose activations may be leaky.",
        spellings: &[Spelling::same("tat", "tat_slope"), Spelling::of("dks", "tat.lrelu", "tat_slope", &[("c_val_0_target", "eta"), ("depth", "layers")])],
        cases: &[
            Case::value("tat_slope(layers=20)", 0.18138027749038435, "by mpmath"),
            Case::value("dks:tat.lrelu(depth=50)", 0.4305229485024027, "by mpmath"),
            Case::value("tat_slope(layers=100)", 0.5704395310587203, "by mpmath"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        let layers = given(self.layers, "layers", "the number of layers with an activation")? as u64;
        require(self.eta > 0.0 && self.eta < 1.0, "eta", self.eta, "a cosine between 0 and 1")?;
        require(layers <= 1 << 20, "layers", layers as f64, "at most a million")?;
        if at_end(layers, 0.0) <= self.eta {
            return Err(Refusal::new(
                format!("{layers} layers of ReLU end at the cosine {:.4}", at_end(layers, 0.0)),
                format!("more than {}", self.eta),
                "Such a network needs no leak: use a slope of 0.",
            ));
        }
        // The cosine falls as the slope rises to 1: halve until neighbouring numbers are left.
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if at_end(layers, middle) > self.eta {
                low = middle;
            } else {
                high = middle;
            }
        }
        each(Dist::Constant(f64::midpoint(low, high)))
    }
}
