//! Diagonal state matrices with oscillations: S4D.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::ln;
use crate::structure::{Formula, Layout, Svd};

/// The diagonal state matrix of S4D, in real and imaginary parts or as complex numbers.
///
/// Each state n decays with the real part −½ and turns with an imaginary part: in steps of π (`lin`), by the asymptotics of
/// HiPPO's eigenvalues (`inv`), or by those eigenvalues themselves (`legs`). The last dimension holds the N/2 states that are
/// stored of N, since the others are their conjugates; every other dimension repeats it. Signs are those of the paper: −½ + iω.
/// Models store ln ½ for the real part (`part=log_real`) and ω for the imaginary one. A complex tensor gets both at once. For
/// states that do not turn see `s4d_real`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S4d {
    /// The imaginary parts: `lin`, `inv` or `legs`.
    pub kind: Kind,
    /// What is stored of a real tensor: `imag` (ω), `real` (−½) or `log_real` (ln ½).
    pub part: Part,
}

/// How fast the states turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// π n.
    #[default]
    Lin,
    /// (N/π)(N/(2n + 1) − 1).
    Inv,
    /// The eigenvalues of HiPPO-LegS without its low-rank part, fastest first.
    Legs,
}

/// What of a complex number is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The imaginary part ω.
    #[default]
    Imag,
    /// The real part −½.
    Real,
    /// The logarithm of the negative real part.
    LogReal,
}

/// States whose eigenvalues are computed.
const MOST: u64 = 512;

impl Kind {
    /// The imaginary parts of `m` stored states.
    fn frequencies(self, m: u64) -> Result<Vec<f64>, Refusal> {
        let all = 2.0 * m as f64;
        let inverse = |n: u64| all / std::f64::consts::PI * (all / (2.0 * n as f64 + 1.0) - 1.0);
        match self {
            Kind::Lin => Ok((0..m).map(|n| std::f64::consts::PI * n as f64).collect()),
            Kind::Inv => Ok((0..m).map(inverse).collect()),
            Kind::Legs if m > MOST => Err(Refusal::new(
                format!("{m} states"),
                format!("at most {MOST}, whose eigenvalues are computed"),
                "Use `kind=inv`, which is close to them for many states.",
            )),
            Kind::Legs => {
                // The skew-symmetric matrix ±½√((2n + 1)(2k + 1)); its singular values are its frequencies, in pairs.
                let n = 2 * m as usize;
                let root = |i: usize| (2.0 * i as f64 + 1.0).sqrt();
                let skew = |row: usize, col: usize| match row.cmp(&col) {
                    std::cmp::Ordering::Greater => -0.5 * root(row) * root(col),
                    std::cmp::Ordering::Equal => 0.0,
                    std::cmp::Ordering::Less => 0.5 * root(row) * root(col),
                };
                let matrix: Vec<f64> = (0..n * n).map(|at| skew(at / n, at % n)).collect();
                let svd = Svd::new(&matrix, n);
                Ok((0..m as usize).map(|k| svd.value(2 * k)).collect())
            }
        }
    }
}

impl Method for S4d {
    const ABOUT: About = About {
        name: "s4d",
        formula: "A[n] = −½ + iω[n], ω = πn, (N/π)(N/(2n + 1) − 1), or the eigenvalues of HiPPO-LegS",
        source: Source { authors: "Gu, Gupta, Goel, Ré", year: 2022, at: "arXiv:2206.11893", place: "S4D-Lin, S4D-Inv, S4D-LegS" },
        when: "For the diagonal state matrix of S4 and S4D.",
        spellings: &[
            Spelling::same("s4d_lin", "s4d"),
            Spelling::same("s4d_inv", "s4d(kind=inv)"),
            Spelling::same("s4d_legs", "s4d(kind=legs)"),
            Spelling::of("s4", "log_A_real", "s4d(part=log_real)", &[]),
            Spelling::of("s4", "A_imag", "s4d", &[("init", "kind")]).meaning(&[("diag-lin", "lin"), ("diag-inv", "inv"), ("diag-legs", "legs")]),
        ],
        cases: &[
            Case::std("s4d", &[8, 32], Axes::linear, 29.006616058976405, "0, π … 31π"),
            Case::std("s4d(kind=inv)", &[8, 4], Axes::linear, 6.976539615390213, "by mpmath"),
            Case::value("s4:log_A_real", -std::f64::consts::LN_2, "ln ½"),
            Case::std("s4:A_imag(init=inv)", &[2], Axes::linear, 1.6976527263135504, "(4/π)(4 − 1) and (4/π)(4/3 − 1)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let complex = param.dtype.component().is_some();
        match self.part {
            Part::Real if !complex => return each(Dist::Constant(-0.5)),
            Part::LogReal if !complex => return each(Dist::Constant(ln(0.5))),
            _ => {}
        }
        let states = param.shape.last().copied().unwrap_or(0);
        let frequencies = self.kind.frequencies(states)?;
        if !complex {
            return Ok(whole(Formula::fixed(table(param)?, move |_, n| frequencies[n as usize])));
        }
        let shape: Vec<u64> = param.shape.iter().copied().chain([2]).collect();
        let dims: Vec<usize> = (0..shape.len()).collect();
        let (rows, cols) = dims.split_at(shape.len() - 2);
        let layout = Layout::of(&shape, rows, cols)?;
        let value = move |_, col: u64| if col.is_multiple_of(2) { -0.5 } else { frequencies[(col / 2) as usize] };
        Ok(whole(Formula::fixed(layout, value).of_complex()))
    }
}
