//! Chrono initialization: gates that remember as long as the data asks.

use super::matrix::{gate, table, whole};
use super::prelude::*;
use crate::gain::over;
use crate::numerics::ln;
use crate::structure::{Formula, Moments, unit};

/// Biases with which the gates of a recurrent layer forget over 1 to `longest` steps, evenly spread.
///
/// A forget gate with the bias ln(T − 1) keeps 1 − 1/T of its memory at each step. The input gate's bias is the negative of
/// the *same* random number, so that what is kept and what is added balance. In a GRU the update gate keeps (in torch, Keras
/// and ONNX alike), so it gets the forget gate's law. All other gates, and the second bias of torch and ONNX, are zero. With
/// `kind=forget` only the forget gate gets its bias, with `kind=constant` it is ln(longest) for every unit.
///
/// An LSTM whose gates do not know the lag T of its task may never learn it: choose `longest` from the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chrono {
    /// Longest memory T, in steps. It must be given.
    pub longest: Option<u64>,
    /// Which gates get it: `both`, `forget` only, or the forget gate a `constant`.
    pub kind: Kind,
}

/// Which gates get a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Forget and input gate.
    #[default]
    Both,
    /// The forget gate.
    Forget,
    /// The forget gate, with one number for all units.
    Constant,
}

impl Method for Chrono {
    const ABOUT: About = About {
        name: "chrono",
        formula: "b_forget = ln u, u ~ U(1, longest − 1); b_input = −b_forget; the others 0",
        source: Source { authors: "Tallec, Ollivier", year: 2018, at: "Can recurrent neural networks warp time?, arXiv:1804.11188", place: "its chrono initialization" },
        when: "For LSTM and GRU layers that must remember over a known number of steps.",
        spellings: &[],
        cases: &[
            Case::gate("chrono(longest=100)", "forget", Expect::Std(0.884_500_395_640_542_6), "the std of ln u, u ~ U(1, 99)"),
            Case::gate("chrono(longest=100)", "input", Expect::Std(0.884_500_395_640_542_6), "the negative of it"),
            Case::gate("chrono(longest=100, kind=constant)", "forget", Expect::Value(4.605_170_185_988_092), "ln 100"),
            Case::gate("chrono(longest=100)", "output", Expect::Value(0.0), "stays at 0"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let longest = given(self.longest, "longest", "the longest memory T, in steps")?;
        require(longest > 2.0, "longest", longest, "more than 2 steps")?;
        let sign = match (gate(param), self.kind) {
            ("forget" | "update", _) => 1.0,
            ("input", Kind::Both) => -1.0,
            _ => return each(Dist::Constant(0.0)),
        };
        if self.kind == Kind::Constant {
            return each(Dist::Constant(ln(longest)));
        }
        // Panels that double: the logarithm bends most at its lower end.
        let high = longest - 1.0;
        let mut breaks: Vec<f64> = std::iter::successors(Some(1.0), |x| Some(x * 2.0)).take_while(|x| *x < high).collect();
        breaks.push(high);
        let (mean, variance) = over(&breaks, ln);
        let moments = Moments { mean: sign * mean, variance };
        let layout = table(param)?;
        let cols = layout.cols();
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            sign * ln(1.0 + (high - 1.0) * unit(stream, row * cols + col))
        })))
    }

    fn draws_as(&self, param: &Param) -> Option<String> {
        let part = param.place.part.strip_suffix("input")?;
        (gate(param) == "input").then(|| format!("{part}forget"))
    }
}
