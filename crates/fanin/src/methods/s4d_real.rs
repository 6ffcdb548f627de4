//! The diagonal state matrix of S4D-Real and Mamba.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::ln;
use crate::structure::{Formula, Moments};

/// The state matrix A = −diag(1, 2, …, N), in the form in which models store it.
///
/// The last dimension is the state, every other repeats it. Mamba stores `A_log` = ln n; Hugging Face's Mamba-2 has the same
/// over heads, where the authors draw (`log_of_uniform`). Keep it in f32 and without weight decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S4dReal {
    /// What is stored: `log` is ln n (Mamba's `A_log`), `plain` is −n.
    pub form: Form,
}

/// How the state matrix is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// ln n; the model computes −exp of it.
    #[default]
    Log,
    /// −n.
    Plain,
}

impl Default for S4dReal {
    fn default() -> S4dReal {
        S4dReal { form: Form::Log }
    }
}

impl Method for S4dReal {
    const ABOUT: About = About {
        name: "s4d_real",
        formula: "A_log[…, n] = ln(n + 1), or A[…, n] = −(n + 1)",
        source: Source { authors: "Gu, Gupta, Goel, Ré", year: 2022, at: "arXiv:2206.11893", place: "S4D-Real; Mamba, arXiv:2312.00752" },
        when: "For the state matrix of a diagonal state-space model.",
        spellings: &[
            Spelling::of("mamba", "A_log", "s4d_real", &[]),
            Spelling::of("hf", "mamba2.A_log", "s4d_real", &[]).noting("ln 1 … ln heads, one for each head; Mamba-2 itself draws ln U(1, 16): `mamba2:A_log`"),
            Spelling::of("hf", "bamba.A_log", "s4d_real", &[]).noting("as its Mamba-2: ln 1 … ln heads"),
        ],
        cases: &[
            Case::std("mamba:A_log", &[1536, 16], Axes::linear, 0.764_100_446_047_241_7, "ln 1 … ln 16, by mpmath"),
            Case::std("hf:mamba2.A_log", &[16], Axes::linear, 0.764_100_446_047_241_7, "16 heads"),
            Case::std("hf:bamba.A_log", &[16], Axes::linear, 0.764_100_446_047_241_7, "16 heads"),
            Case::std("s4d_real(form=plain)", &[8, 4], Axes::linear, 1.118_033_988_749_894_8, "−1 … −4: √(5/4)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layout = table(param)?;
        let form = self.form;
        let value = move |n: u64| match form {
            Form::Log => ln(n as f64 + 1.0),
            Form::Plain => -(n as f64 + 1.0),
        };
        // Every row is the same, and so are its moments.
        let moments = Moments::of((0..layout.cols()).map(value));
        Ok(whole(Formula::new(layout, moments, move |_, n, _| value(n))))
    }
}
