//! Convolutions that start as the identity.

use super::matrix::{Tap, kernel, layout, whole};
use super::prelude::*;
use crate::structure::{self, Formula, Moments, unit};

/// A convolution that passes its input channels on: one on the centre tap where output and input channel agree.
///
/// With groups each group passes its own channels on. Output channels without an input start at zero, or as `rest` says: a
/// convolution that widens then passes its inputs on and adds new features to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dirac {
    /// Groups of channels; 0 takes the convolution's own, as the graph shows.
    pub groups: u64,
    /// The law of the output channels that have no input left to pass on, as a call (`he`); zeros without it. For one group.
    pub rest: Option<String>,
    /// Which tap of an even field is the centre: `upper` (torch) or `lower`.
    pub centre: Tap,
}

impl Default for Dirac {
    fn default() -> Dirac {
        Dirac { groups: 0, rest: None, centre: Tap::Upper }
    }
}

impl Method for Dirac {
    const ABOUT: About = About {
        name: "dirac",
        formula: "w[o, i, centre] = 1 where o mod (out/groups) = i, 0 elsewhere",
        source: Source { authors: "Zagoruyko, Komodakis", year: 2017, at: "arXiv:1706.00388", place: "the Dirac delta of its parameterization" },
        when: "For convolutions of a network without skip connections that shall start as the identity.",
        spellings: &[
            Spelling::of("torch", "dirac_", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("hf", "dirac_", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("paddle", "Dirac", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("mindspore", "Dirac", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::same("partial_dirac", "dirac(groups=1, rest=\"torch:nn.Conv2d.weight\")").noting("Jordan 2024, arXiv:2404.00498: the first filters pass their channel on, the others are torch's"),
            Spelling::of("airbench", "conv", "dirac(groups=1, rest=\"torch:nn.Conv2d.weight\")", &[]),
        ],
        cases: &[
            Case::std("dirac", &[4, 4, 2, 2], conv, 0.242_061_459_137_963_57, "4 ones of 64: √(4/64 − (4/64)²)"),
            Case::std("airbench:conv", &[4, 2, 1, 1], conv, 0.520_416_499_866_533_2, "half is the identity, half U(±1/√2): √(1/4 + 1/12 − 1/16)"),
            Case::std("torch:dirac_(groups=2)", &[4, 2, 1, 1], conv, 0.5, "4 ones of 8: √(1/2 − 1/4)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let groups = if self.groups == 0 { param.known_axes()?.groups } else { self.groups };
        let kernel = kernel(param, self.centre.into())?;
        match &self.rest {
            None => Ok(whole(structure::Dirac::new(kernel, groups)?)),
            Some(rest) => partial(kernel, groups, rest, param),
        }
    }
}

/// The identity in as many output channels as there are inputs, and the law of `rest` in the others.
fn partial(kernel: structure::Kernel, groups: u64, rest: &str, param: &Param) -> Result<Law, Refusal> {
    require(groups == 1, "groups", groups as f64, "1 where there is a `rest`")?;
    let Law::Each(dist) = law_of(rest, param)? else {
        return Err(Refusal::new(
            format!("`rest` is `{rest}`, whose values depend on each other"),
            "a law of independent values",
            "Use `he`, `glorot` or `normal` for the rest.",
        ));
    };
    let (layout, inputs) = (layout(param)?, kernel.inputs());
    let (rows, cols) = (layout.rows(), layout.cols());
    // Shares of the elements: passed on, and drawn.
    let (whole_rows, count) = (inputs.min(rows) as f64, (rows * cols).max(1) as f64);
    let (one, drawn) = (whole_rows / count, 1.0 - whole_rows * cols as f64 / count);
    let mean = one + drawn * dist.mean();
    let second = one + drawn * (dist.variance() + dist.mean() * dist.mean());
    let moments = Moments { mean, variance: second - mean * mean };
    Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
        if row < inputs {
            return if kernel.input(col) == (row, true) { 1.0 } else { 0.0 };
        }
        dist.quantile(unit(stream, row * cols + col))
    })))
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
