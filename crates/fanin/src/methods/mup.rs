//! The maximal update parametrization, from base shapes.

use super::prelude::*;
use crate::axes::Axis;
use crate::role::Role;

/// Another method's law at the *base* width, scaled so that features learn at one rate in narrow and wide models.
///
/// Which dimensions grow with the width is said by `base_in` and `base_out`, their sizes in the base model; a dimension left
/// out is finite (classes, vocabulary, image channels). A matrix of two growing dimensions gets the law of the base model
/// times √(`base_in/in`); all others get the base model's law as it stands. That is what `mup.init` does for every
/// initializer of torch, `MuReadout` included. Its learning rates (Adam: hidden × base/width) are part of the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mup {
    /// The call whose law the base model has, in quotes if it has arguments.
    pub of: String,
    /// Inputs of this parameter in the base model, if they grow with the width.
    pub base_in: Option<u64>,
    /// Outputs of this parameter in the base model, if they grow with the width.
    pub base_out: Option<u64>,
}

impl Default for Mup {
    fn default() -> Mup {
        Mup { of: "normal".to_owned(), base_in: None, base_out: None }
    }
}

const BASE: &[(&str, &str)] = &[("base_in", "base_in"), ("base_out", "base_out")];

impl Mup {
    /// The parameter as it is in the base model.
    fn base(&self, param: &Param) -> Result<Param, Refusal> {
        let mut base = param.clone();
        let bias = param.role.value == Role::Bias;
        let Some(axes) = param.axes.as_ref().filter(|_| !bias).map(|axes| axes.value.clone()) else {
            return Ok(base);
        };
        for (kind, size, name) in [(Axis::In, self.base_in, "base_in"), (Axis::Out, self.base_out, "base_out")] {
            let Some(size) = size else { continue };
            let dims: Vec<usize> = (0..axes.dims.len()).filter(|&d| axes.dims[d] == kind).collect();
            match dims[..] {
                [dim] if size > 0 => base.shape[dim] = size,
                _ => {
                    return Err(Refusal::new(
                        format!("`{name}` is {size} for axes {:?}", axes.dims),
                        "a size of 1 or more, for a parameter with one such dimension",
                        "Leave it out, or check the axes of this parameter.",
                    ));
                }
            }
        }
        Ok(base)
    }
}

impl Method for Mup {
    const ABOUT: About = About {
        name: "mup",
        formula: "both grow: law(base shape) · √(base_in / in); else law(base shape)",
        source: Source { authors: "Yang, Hu, Babuschkin, Sidor et al.", year: 2022, at: "Tensor Programs V, arXiv:2203.03466", place: "microsoft/mup 1981497 `mup.init`" },
        when: "To tune a narrow model and train a wide one, with the base model's own initialization.",
        spellings: &[
            Spelling::of("mup", "uniform_", "mup(of=\"torch:uniform_(a=-1, b=1)\")", BASE)
                .noting("with torch's one-sided default it refuses matrices of two growing dimensions; here it is U(±1)"),
            Spelling::of("mup", "normal_", "mup(of=\"torch:normal_\")", BASE),
            Spelling::of("mup", "trunc_normal_", "mup(of=\"torch:trunc_normal_\")", BASE),
            Spelling::of("mup", "xavier_uniform_", "mup(of=\"torch:xavier_uniform_\")", BASE),
            Spelling::of("mup", "xavier_normal_", "mup(of=\"torch:xavier_normal_\")", BASE),
            Spelling::of("mup", "kaiming_uniform_", "mup(of=\"torch:kaiming_uniform_\")", BASE),
            Spelling::of("mup", "kaiming_normal_", "mup(of=\"torch:kaiming_normal_\")", BASE),
            Spelling::of("mup", "MuReadout", "mup(of=\"torch:nn.Linear.weight\")", BASE)
                .noting("its code multiplies the drawn weight by √(width/base), again at every call; the law is the base model's"),
        ],
        cases: &[
            Case::std("mup(of=\"normal(std=0.02)\", base_in=256, base_out=256)", &[1024, 1024], Axes::linear, 0.01, "0.02 · √(256/1024)"),
            Case::std("mup(of=\"normal(std=0.02)\", base_in=256)", &[10, 1024], Axes::linear, 0.02, "an output layer grows on one side only"),
            Case::std("mup:xavier_normal_(base_in=128, base_out=256)", &[1024, 512], Axes::linear, 0.03608439182435161, "√(2/(128 + 256)) · √(128/512)"),
            Case::std("mup:kaiming_normal_(base_in=64)", &[10, 1024], Axes::linear, 0.1767766952966369, "fixed at that of 64 inputs"),
            Case::bound("mup:MuReadout(base_in=64)", &[10, 1024], Axes::linear, 0.125, "1/√64"),
            Case::std("mup:normal_(base_in=4, base_out=4)", &[16, 16], Axes::linear, 0.5, "√(4/16)"),
            Case::bound("mup:uniform_(base_in=4, base_out=4)", &[16, 16], Axes::linear, 0.5, "√(4/16)"),
            Case::std("mup:trunc_normal_(base_in=4, base_out=4)", &[16, 16], Axes::linear, 0.4398128305171199, "cut at ±2 before it is scaled"),
            Case::bound("mup:xavier_uniform_(base_in=48, base_out=48)", &[192, 192], Axes::linear, 0.125, "√(6/96)/2"),
            Case::bound("mup:kaiming_uniform_(base_in=24, base_out=24)", &[96, 96], Axes::linear, 0.25, "√(6/96): as without"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let law = law_of(&self.of, &self.base(param)?)?;
        let (Some(base), Some(_)) = (self.base_in, self.base_out) else {
            return match law {
                Law::Each(_) => Ok(law),
                Law::Whole(_) => Err(shaped(&self.of)),
            };
        };
        let dim = param.known_axes()?.dims.iter().position(|axis| *axis == Axis::In);
        let inputs = dim.map_or(0, |dim| param.shape[dim]);
        let factor = (base as f64 / inputs as f64).sqrt();
        match law {
            Law::Each(dist) => each(dist.scaled(factor)),
            Law::Whole(_) => Err(shaped(&self.of)),
        }
    }

    fn by_part(&self) -> bool {
        resolved(&self.of).map_or(true, |method| method.by_part())
    }
}

fn shaped(of: &str) -> Refusal {
    Refusal::new(
        format!("{of} depends on the whole shape"),
        "a method of independent values",
        "An orthogonal matrix needs no width: use it as it is, times a gain.",
    )
}
