//! What a method says about itself, as data: sources, spellings, worked cases.

use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::param::Param;
use crate::role::Role;
use std::fmt;

/// What is known about a method besides its formula.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name: the literature's.
    pub name: &'static str,
    /// The formula in plain text.
    pub formula: &'static str,
    /// Where it was published.
    pub source: Source,
    /// When to choose it, in one sentence.
    pub when: &'static str,
    /// Other names, and the frameworks' names, for the same law.
    pub spellings: &'static [Spelling],
    /// Worked cases, checked by the tests and printed as examples.
    pub cases: &'static [Case],
}

/// A publication.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its authors, or the framework it stems from.
    pub authors: &'static str,
    /// Year.
    pub year: u16,
    /// arXiv number, DOI or title.
    pub at: &'static str,
    /// Equation or section.
    pub place: &'static str,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, {}, {}", self.authors, self.year, self.at, self.place)
    }
}

/// A name for one setting of a method.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// Whose name it is; `None` for a synonym that everyone uses.
    pub dialect: Option<&'static str>,
    /// The name.
    pub name: &'static str,
    /// The call that it stands for.
    pub call: &'static str,
    /// The framework's argument names and ours.
    pub args: &'static [(&'static str, &'static str)],
    /// The framework's values and ours, where one word means another thing there.
    pub values: &'static [(&'static str, &'static str)],
    /// What one should know about it: a trap, a mistake that is reproduced.
    pub note: &'static str,
}

impl Spelling {
    /// A synonym.
    pub const fn same(name: &'static str, call: &'static str) -> Spelling {
        Spelling { dialect: None, name, call, args: &[], values: &[], note: "" }
    }

    /// A framework's name.
    pub const fn of(
        dialect: &'static str,
        name: &'static str,
        call: &'static str,
        args: &'static [(&'static str, &'static str)],
    ) -> Spelling {
        Spelling { dialect: Some(dialect), name, call, args, values: &[], note: "" }
    }

    /// The same, with words that mean another thing in that framework.
    #[must_use]
    pub const fn meaning(self, values: &'static [(&'static str, &'static str)]) -> Spelling {
        Spelling { values, ..self }
    }

    /// The same, with a word of warning.
    #[must_use]
    pub const fn noting(self, note: &'static str) -> Spelling {
        Spelling { note, ..self }
    }

    /// The name as a user writes it: `torch:kaiming_uniform_`.
    pub fn written(&self) -> String {
        self.dialect.map_or_else(|| self.name.to_owned(), |dialect| format!("{dialect}:{}", self.name))
    }
}

/// A worked case: a call, a parameter, and the number that comes out.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The call.
    pub call: &'static str,
    /// Shape of the parameter.
    pub shape: &'static [u64],
    /// Its axes.
    pub axes: fn() -> Axes,
    /// Its role.
    pub role: Role,
    /// Which part of a fused parameter it is, such as a `forget` gate; empty for a whole one.
    pub part: &'static str,
    /// What comes out.
    pub expect: Expect,
    /// Who else gets this number.
    pub witness: &'static str,
}

/// The figure that a case checks.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// Standard deviation of an element.
    Std(f64),
    /// Largest absolute value of a uniform law.
    Bound(f64),
    /// The value of every element.
    Value(f64),
}

impl fmt::Display for Expect {
    /// `std 0.0416667`: six digits, as people compare figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, value) = match *self {
            Expect::Std(value) => ("std", value),
            Expect::Bound(value) => ("bound", value),
            Expect::Value(value) => ("value", value),
        };
        let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
        write!(f, "{what} {short}")
    }
}

impl Case {
    /// A weight's standard deviation.
    pub const fn std(
        call: &'static str,
        shape: &'static [u64],
        axes: fn() -> Axes,
        std: f64,
        witness: &'static str,
    ) -> Case {
        Case { call, shape, axes, role: Role::Weight, part: "", expect: Expect::Std(std), witness }
    }

    /// A weight's bound.
    pub const fn bound(
        call: &'static str,
        shape: &'static [u64],
        axes: fn() -> Axes,
        bound: f64,
        witness: &'static str,
    ) -> Case {
        Case { call, shape, axes, role: Role::Weight, part: "", expect: Expect::Bound(bound), witness }
    }

    /// The value of every element of a weight.
    pub const fn value(call: &'static str, value: f64, witness: &'static str) -> Case {
        Case {
            call,
            shape: &[4, 3],
            axes: Axes::linear,
            role: Role::Weight,
            part: "",
            expect: Expect::Value(value),
            witness,
        }
    }

    /// What a gate's bias is, for a layer of 64 units.
    pub const fn gate(call: &'static str, part: &'static str, expect: Expect, witness: &'static str) -> Case {
        Case { call, shape: &[64], axes: outputs, role: Role::Bias, part, expect, witness }
    }

    /// The parameter that the case is about, of this name and dtype.
    pub fn param(&self, name: &str, dtype: Dtype) -> Param {
        let mut param = Param::new(name, self.shape, dtype, self.role, (self.axes)());
        self.part.clone_into(&mut param.place.part);
        param
    }
}

fn outputs() -> Axes {
    Axes::of(&[crate::axes::Axis::Out])
}
