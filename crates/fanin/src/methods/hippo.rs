//! HiPPO's state matrix.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// The state-space matrix that keeps the past as coefficients of polynomials (HiPPO), and its input vector.
///
/// A matrix gets A, whose last two dimensions are the state; a vector gets B. A linear recurrence with it remembers a signal's
/// history, where a random one forgets or bursts: `legs` all of it at every scale of time, `legt` the last `window` of time,
/// `lagt` with a memory that fades exponentially. In orthonormal polynomials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hippo {
    /// What is remembered: `legs` (everything), `legt` (a window) or `lagt` (fading).
    pub kind: Memory,
    /// Length θ of the window of `legt`.
    pub window: f64,
    /// What a vector is: the `input` B, or the `low_rank` P of `legs`, with which  is normal (S4's form).
    pub vector: Vector,
}

/// A vector beside the state matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vector {
    /// What the input is multiplied with.
    #[default]
    Input,
    /// What makes the matrix normal.
    LowRank,
}

/// The measure of the past under which polynomials fit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Scaled Legendre: all of the past alike.
    #[default]
    Legs,
    /// Translated Legendre: the last `window`, alike.
    Legt,
    /// Translated Laguerre: fading exponentially.
    Lagt,
}

impl Default for Hippo {
    fn default() -> Hippo {
        Hippo { kind: Memory::Legs, window: 1.0, vector: Vector::Input }
    }
}

impl Hippo {
    /// A[n, k].
    fn state(&self, n: u64, k: u64) -> f64 {
        let both = root(n) * root(k);
        match self.kind {
            Memory::Legs if n > k => -both,
            Memory::Legs if n == k => -(n as f64 + 1.0),
            Memory::Lagt if n >= k => -1.0,
            Memory::Legs | Memory::Lagt => 0.0,
            Memory::Legt if n < k && (k - n) % 2 == 1 => both / self.window,
            Memory::Legt => -both / self.window,
        }
    }

    /// B[n].
    fn input(&self, n: u64) -> f64 {
        match self.kind {
            Memory::Legs => root(n),
            Memory::Legt => root(n) / self.window,
            Memory::Lagt => 1.0,
        }
    }
}

/// √(2n + 1), the norm of a Legendre polynomial.
fn root(n: u64) -> f64 {
    (2.0 * n as f64 + 1.0).sqrt()
}

impl Method for Hippo {
    const ABOUT: About = About {
        name: "hippo",
        formula: "legs: A[n, k] = −√((2n+1)(2k+1)) for n > k, −(n+1) for n = k, 0 for n < k; B[n] = √(2n+1). legt: A[n, k] = −√((2n+1)(2k+1))/θ, times (−1)^(k−n) for n < k; B[n] = √(2n+1)/θ. lagt: A[n, k] = −1 for n ≥ k; B = 1",
        source: Source { authors: "Gu, Dao, Ermon, Rudra, Ré", year: 2020, at: "arXiv:2008.07669", place: "LegT, LagT and LegS" },
        when: "For the dense state matrix of a state-space model.",
        spellings: &[
            Spelling::same("hippo_legs", "hippo"),
            Spelling::same("hippo_legt", "hippo(kind=legt)"),
            Spelling::same("dplr", "hippo(vector=low_rank)").noting("P of A = S − PPᵀ, S normal (S4); its eigenvalues are `s4d(kind=legs)`"),
            Spelling::same("hippo_lagt", "hippo(kind=lagt)"),
        ],
        cases: &[
            Case::std("hippo", &[2, 2], Axes::linear, 0.774_907_057_111_800_4, "(−1, 0; −√3, −2)"),
            Case::std("hippo", &[4, 4], Axes::linear, 1.870_722_450_836_227_7, "by mpmath"),
            Case::std("hippo", &[4], Axes::linear, 0.613_849_643_602_147_6, "B = (1, √3, √5, √7)"),
            Case::std("dplr", &[2], Axes::linear, 0.258_819_045_102_520_76, "P = (√½, √1½)"),
            Case::std("hippo_legt", &[2, 2], Axes::linear, 1.732_050_807_568_877_2, "(−1, √3; −√3, −3)"),
            Case::std("hippo(kind=legt, window=4)", &[2, 2], Axes::linear, 0.433_012_701_892_219_3, "a quarter of it"),
            Case::std("hippo_lagt", &[3, 3], Axes::linear, 0.471_404_520_791_031_7, "six of nine are −1: √2/3"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.window > 0.0 && self.window.is_finite(), "window", self.window, "a positive number")?;
        let own = self.clone();
        match param.shape[..] {
            [_] if self.vector == Vector::Input => Ok(whole(Formula::fixed(table(param)?, move |_, n| own.input(n)))),
            [_] if self.kind == Memory::Legs => Ok(whole(Formula::fixed(table(param)?, |_, n| (n as f64 + 0.5).sqrt()))),
            [.., states, same] if states == same && states > 0 => {
                Ok(whole(Formula::fixed(table(param)?, move |row, k| own.state(row % states, k))))
            }
            _ => Err(Refusal::new(
                format!("the shape {:?} is neither a state matrix nor a vector", param.shape),
                "[…, states, states] or [states]; `vector=low_rank` with `kind=legs` only",
                "Use `s4d_real` for a diagonal state matrix.",
            )),
        }
    }
}
