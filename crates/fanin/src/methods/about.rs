//! What a method says about itself, as data: sources, spellings, worked cases.

use crate::axes::Axes;
use crate::role::Role;

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

impl Case {
    /// A weight's standard deviation.
    pub const fn std(
        call: &'static str,
        shape: &'static [u64],
        axes: fn() -> Axes,
        std: f64,
        witness: &'static str,
    ) -> Case {
        Case { call, shape, axes, role: Role::Weight, expect: Expect::Std(std), witness }
    }

    /// A weight's bound.
    pub const fn bound(
        call: &'static str,
        shape: &'static [u64],
        axes: fn() -> Axes,
        bound: f64,
        witness: &'static str,
    ) -> Case {
        Case { call, shape, axes, role: Role::Weight, expect: Expect::Bound(bound), witness }
    }

    /// The value of every element of a weight.
    pub const fn value(call: &'static str, value: f64, witness: &'static str) -> Case {
        Case { call, shape: &[4, 3], axes: Axes::linear, role: Role::Weight, expect: Expect::Value(value), witness }
    }
}
