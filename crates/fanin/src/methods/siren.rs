//! SIREN: networks whose activation is a sine.

use super::prelude::*;

/// Uniform weights for networks whose activation is sin(ω x): every layer's input stays arcsine distributed, at any depth.
///
/// The first layer sees coordinates, not sines, and gets ±1/fan-in. Later layers get ±√(6/fan-in)/ω. The biases keep
/// torch's ±1/√fan-in. In `recipe auto` the graph shows which layer is the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Siren {
    /// The frequency ω of the activation.
    pub omega: f64,
    /// The constant c of the later layers' bound c/(√fan-in ω); √6 if left out. √3 keeps gradients in networks deeper than some
    /// six layers, where √6 lets them grow by 13 % in each.
    pub c: Option<f64>,
    /// Whether this is the first layer; `auto` takes it from the graph.
    pub first: First,
}

/// Whether a layer is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum First {
    /// As the graph shows; a later layer where there is none.
    #[default]
    Auto,
    /// The first layer.
    Yes,
    /// A later layer.
    No,
}

impl Default for Siren {
    fn default() -> Siren {
        Siren { omega: 30.0, c: None, first: First::Auto }
    }
}

impl Method for Siren {
    const ABOUT: About = About {
        name: "siren",
        formula: "first layer: w ~ U(±1/fan_in); later: w ~ U(±√(6/fan_in)/ω)",
        source: Source {
            authors: "Sitzmann, Martel, Bergman, Lindell, Wetzstein",
            year: 2020,
            at: "arXiv:2006.09661",
            place: "its principled initialization scheme",
        },
        when: "For implicit fields: networks of coordinates with sine activations.",
        spellings: &[
            Spelling::same("siren_deep", "siren(c=1.7320508075688772)"),
            Spelling::of("siren", "sine_init", "siren(first=no)", &[]),
            Spelling::of("siren", "first_layer_sine_init", "siren(first=yes)", &[]),
        ],
        cases: &[
            Case::bound("siren", &[256, 256], Axes::linear, 0.005_103_103_630_798_287, "√(6/256)/30"),
            Case::bound("siren(first=yes)", &[256, 2], Axes::linear, 0.5, "1/2"),
            Case::bound("siren:sine_init", &[256, 256], Axes::linear, 0.005_103_103_630_798_287, "√(6/256)/30"),
            Case::bound("siren:first_layer_sine_init", &[256, 4], Axes::linear, 0.25, "1/4"),
            Case::bound("siren_deep(omega=1)", &[256, 48], Axes::linear, 0.25, "√(3/48)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.omega > 0.0 && self.omega.is_finite(), "omega", self.omega, "a positive number")?;
        let fan = param.fan(Fan::In, Count::True)?;
        let first = self.first == First::Yes || (self.first == First::Auto && param.place.first);
        let square = self.c.map_or(6.0, |c| c * c);
        require(square.is_finite(), "c", square, "a finite number")?;
        let bound = if first { 1.0 / fan } else { (square / fan).sqrt() / self.omega };
        each(Dist::Uniform { low: -bound, high: bound })
    }
}
