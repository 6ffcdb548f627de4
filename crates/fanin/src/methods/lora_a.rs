//! The first factor of a low-rank adapter.

use super::prelude::*;

/// The matrix A of a low-rank adapter W + BA, whose B is zero.
///
/// A is r × inputs. `kaiming` is what PEFT and the authors' code draw, the default of torch's Linear; `gaussian` is the
/// paper's wording with PEFT's standard deviation 1/r. With B zero (`zeros`) the adapted model starts as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoraA {
    /// Which law: `kaiming`, `gaussian` or `he`.
    pub kind: Kind,
}

/// A law of A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// U(±1/√inputs).
    #[default]
    Kaiming,
    /// N(0, 1/r²).
    Gaussian,
    /// U(±√(6/inputs)).
    He,
}

impl Method for LoraA {
    const ABOUT: About = About {
        name: "lora_a",
        formula: "A ~ U(±1/√inputs), or N(0, 1/r²); B = 0",
        source: Source { authors: "Hu, Shen, Wallis, Allen-Zhu et al.", year: 2021, at: "arXiv:2106.09685", place: "B zero, A random; the code's kaiming_uniform_(a=√5)" },
        when: "For the first factor of low-rank adapters.",
        spellings: &[
            Spelling::of("peft", "lora_A", "lora_a", &[]),
            Spelling::of("nnx", "lora_a", "lora_a(kind=he)", &[]).noting("he_uniform, where the paper has a normal"),
            Spelling::of("keras", "lora_kernel_a", "lora_a(kind=he)", &[]).noting("he_uniform, where the paper has a normal"),
            Spelling::of("peft", "gaussian", "lora_a(kind=gaussian)", &[]).noting("the standard deviation is 1/r, not the variance"),
        ],
        cases: &[
            Case::bound("peft:lora_A", &[8, 4096], Axes::linear, 0.015_625, "1/√4096"),
            Case::bound("nnx:lora_a", &[8, 96], Axes::linear, 0.25, "√(6/96)"),
            Case::bound("keras:lora_kernel_a", &[96, 8], Axes::matmul, 0.25, "√(6/96)"),
            Case::std("peft:gaussian", &[8, 4096], Axes::linear, 0.125, "1/8"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        match self.kind {
            Kind::Kaiming => Draw::Uniform.with_variance(1.0 / (3.0 * param.fan(Fan::In, Count::True)?)),
            Kind::He => Draw::Uniform.with_variance(2.0 / param.fan(Fan::In, Count::True)?),
            Kind::Gaussian => {
                let rank = param.fan(Fan::Out, Count::True)?;
                Draw::Normal.with_variance(1.0 / (rank * rank))
            }
        }
    }
}
