//! HiPPO's state matrix.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// The state-space matrix that keeps the whole past as Legendre coefficients (HiPPO-LegS), and its input vector.
///
/// A matrix gets A, whose last two dimensions are the state; a vector gets B. A linear recurrence with it remembers a signal's
/// history at every scale of time, where a random one forgets or bursts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hippo {}

impl Method for Hippo {
    const ABOUT: About = About {
        name: "hippo",
        formula: "A[n, k] = −√((2n+1)(2k+1)) for n > k, −(n+1) for n = k, 0 for n < k; B[n] = √(2n+1)",
        source: Source { authors: "Gu, Dao, Ermon, Rudra, Ré", year: 2020, at: "arXiv:2008.07669", place: "theorem 2" },
        when: "For the dense state matrix of a state-space model.",
        spellings: &[Spelling::same("hippo_legs", "hippo")],
        cases: &[
            Case::std("hippo", &[2, 2], Axes::linear, 0.774_907_057_111_800_4, "(−1, 0; −√3, −2)"),
            Case::std("hippo", &[4, 4], Axes::linear, 1.870_722_450_836_227_7, "by mpmath"),
            Case::std("hippo", &[4], Axes::linear, 0.613_849_643_602_147_6, "B = (1, √3, √5, √7)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let root = |n: u64| (2.0 * n as f64 + 1.0).sqrt();
        match param.shape[..] {
            [_] => Ok(whole(Formula::fixed(table(param)?, move |_, n| root(n)))),
            [.., states, same] if states == same && states > 0 => {
                let value = move |row: u64, k: u64| {
                    let n = row % states;
                    match n.cmp(&k) {
                        std::cmp::Ordering::Greater => -root(n) * root(k),
                        std::cmp::Ordering::Equal => -(n as f64 + 1.0),
                        std::cmp::Ordering::Less => 0.0,
                    }
                };
                Ok(whole(Formula::fixed(table(param)?, value)))
            }
            _ => Err(Refusal::new(
                format!("the shape {:?} is neither a state matrix nor a vector", param.shape),
                "[…, states, states] or [states]",
                "Use `s4d_real` for a diagonal state matrix.",
            )),
        }
    }
}
