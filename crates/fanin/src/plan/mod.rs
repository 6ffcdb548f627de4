//! [`Plan`]: one [`Decision`] for every parameter, with its reasons. The pivot: everything before makes it, everything
//! after reads it.

mod adjust;
mod decide;
mod pick;
mod streams;
mod text;
mod tie;
mod unsure;

pub use adjust::{Adjust, Along, Mix};
pub use decide::{Options, plan};
pub use tie::{Origin, Origins};
pub use unsure::Question;
pub(crate) use unsure::pattern;

use crate::call::Call;
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::fit::Take;
use crate::law::Law;
use crate::methods::resolve;
use crate::param::{Param, Part};
use crate::tied::Tied;
use serde::{Deserialize, Serialize};

/// What every parameter of a model gets, and why.
///
/// A plan is plain data: it can be read, diffed, edited, stored and applied again. It does not hold laws but the calls that
/// make them, with the variance that each gave; applying it asks the methods again and refuses if a number has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the random stream, [`crate::Stream::VERSION`].
    pub stream: String,
    /// The seed.
    pub seed: u64,
    /// Name of the recipe.
    pub recipe: String,
    /// One decision for each parameter, in file order.
    pub decisions: Vec<Decision>,
    /// What is odd but no error: rules that matched nothing, data that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the file does not tell and the plan took for granted, with the option that settles each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<Question>,
    /// Tensors of the file that values are taken from which nothing takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
}

/// What one parameter gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The parameter.
    pub param: Param,
    /// Element type of the values, which may differ from the file's where its format allows that.
    pub dtype: Dtype,
    /// What is done.
    pub action: Action,
    /// What the random values are keyed by: the name, unless pinned.
    pub key: String,
    /// Variance of an element that the call gave; `None` if nothing is drawn.
    pub variance: Option<f64>,
    /// What calibrations changed in the values that the call gives.
    pub adjust: Adjust,
    /// Factor of the learning rate that the recipe asks for; `None` where it says nothing.
    pub lr: Option<f64>,
    /// Why, in the order of the thought.
    pub reasons: Vec<Reason>,
}

/// What is done with a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Its values are drawn by this call.
    Fill(Call),
    /// It stays as it is in the file.
    Keep,
    /// Its values follow from those of another parameter, which is drawn once.
    Tie(Tied),
    /// Its values come from another file.
    Take(Take),
}

/// One step of the thought that led to a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What the step is about: `role`, `axes`, `fan_in`, `fan_out`, `follows`, `block`, `site`, `residual`, `note`, `parts`,
    /// `rule`, `with`, `formula`, `structure`, `signal`, `forward`, `backward`, `data`, `lr`, `tied`, `offset`, `unsure`,
    /// `customary`, `missing`, `keep`, `calibrate`, `taken`, `fit`, `fresh`.
    pub about: String,
    /// The step in words.
    pub text: String,
    /// Its number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Reason {
    /// A reason in words.
    pub fn new(about: &str, text: impl Into<String>) -> Reason {
        Reason { about: about.to_owned(), text: text.into(), value: None }
    }

    /// The same with its number.
    #[must_use]
    pub fn with(self, value: f64) -> Reason {
        Reason { value: Some(value), ..self }
    }
}

/// The laws of one parameter: one for each logical part.
#[derive(Debug)]
pub struct Laws {
    /// The parts with their laws.
    pub parts: Vec<(Part, Law)>,
    /// The parameter's shape.
    pub shape: Vec<u64>,
}

impl Laws {
    /// The laws that `call` gives to `param`, part by part.
    ///
    /// # Errors
    /// If the call cannot be resolved or the method refuses the parameter.
    pub fn of(param: &Param, call: &Call) -> Result<Laws, Refusal> {
        let named = |refusal: Refusal| refusal.of(&param.name, &call.to_string());
        let method = resolve(call).map_err(named)?.method;
        if let Some(axes) = &param.axes {
            axes.value.fits(&param.shape).map_err(named)?;
        }
        let law = |part: Part| {
            let law = method.law(&part.param).map_err(named)?;
            let draws_as = method.draws_as(&part.param);
            Ok((Part { draws_as, ..part }, law))
        };
        let laws = |parts: Vec<Part>| parts.into_iter().map(law).collect::<Result<Vec<_>, Refusal>>();
        let parts = if method.by_part() {
            laws(param.parts())?
        } else {
            let stored = laws(param.tensors())?;
            match stored.first() {
                // Independent values: the law is the whole tensor's, the random numbers are each part's own.
                Some((_, law @ Law::Each(_))) => param.parts().into_iter().map(|part| (part, law.clone())).collect(),
                _ => stored,
            }
        };
        let parts = match param.place.offset {
            0.0 => parts,
            offset => parts
                .into_iter()
                .map(|(part, law)| Ok((part, shifted(&law, -offset)?)))
                .collect::<Result<_, _>>()
                .map_err(named)?,
        };
        Ok(Laws { parts, shape: param.shape.clone() })
    }

    /// Whether elements of `dtype` can hold the values: integers hold laws of whole numbers only, complex elements laws of
    /// complex numbers and constants.
    ///
    /// # Errors
    /// If they cannot.
    pub fn storable(&self, dtype: Dtype) -> Result<(), Refusal> {
        let laws = || self.parts.iter().map(|(_, law)| law);
        let (wrong, expected, remedy) = if dtype.is_float() {
            if laws().all(|law| !law.is_complex()) {
                return Ok(());
            }
            (format!("complex values for elements of {dtype}"), "a complex type", "Use a method of real numbers.")
        } else if dtype.component().is_some() {
            if laws().all(|law| law.is_complex() || law.constant().is_some()) {
                return Ok(());
            }
            (format!("its elements are {dtype}"), "a law of complex numbers", "Use `complex`, or a constant.")
        } else if let Some((low, high)) = dtype.integers() {
            if laws().all(|law| law.integers().is_some_and(|(least, most)| low <= least && most <= high)) {
                return Ok(());
            }
            (
                format!("its elements are {dtype}"),
                "a floating-point type, or a law of whole numbers that fit",
                "Leave it as it is in the file, or use a table such as `position_ids`.",
            )
        } else {
            (format!("its elements are {dtype}"), "a floating-point type", "Leave it as it is in the file.")
        };
        Err(Refusal::new(wrong, expected, remedy))
    }

    /// Variance of an element, averaged over all elements.
    pub fn variance(&self) -> f64 {
        let weighed = self.parts.iter().map(|(part, law)| (count(part), law.variance()));
        let (mut sum, mut total) = (0.0, 0.0);
        for (count, variance) in weighed {
            sum += count * variance;
            total += count;
        }
        // One law, or several equal ones, keep their variance to the last digit.
        let first = self.parts.first().map_or(0.0, |(_, law)| law.variance());
        if self.parts.iter().all(|(_, law)| law.variance() == first) { first } else { sum / total }
    }

    /// Mean of an element, averaged over all elements.
    pub fn mean(&self) -> f64 {
        let weighed = self.parts.iter().map(|(part, law)| (count(part), law.mean()));
        let (total, sum) = weighed.fold((0.0, 0.0), |(n, sum), (count, mean)| (n + count, sum + count * mean));
        if total > 0.0 { sum / total } else { 0.0 }
    }

    /// The value that all elements have, if they have one.
    pub fn constant(&self) -> Option<f64> {
        let first = self.parts.first()?.1.constant()?;
        self.parts.iter().all(|(_, law)| law.constant() == Some(first)).then_some(first)
    }

    /// Whether any part's elements depend on each other.
    pub fn is_whole(&self) -> bool {
        self.parts.iter().any(|(_, law)| matches!(law, Law::Whole(_)))
    }
}

/// The law of values that are larger by `by`.
fn shifted(law: &Law, by: f64) -> Result<Law, Refusal> {
    match law {
        Law::Each(dist) => Ok(Law::Each(dist.shifted(by))),
        Law::Whole(_) => Err(Refusal::new(
            format!("{} is added to what is stored, and the values depend on each other", -by),
            "independent values, or a constant",
            "Give it a method such as `ones`.",
        )),
    }
}

fn count(part: &Part) -> f64 {
    part.param.shape.iter().map(|&d| d as f64).product()
}

impl Decision {
    /// The laws of the values that it draws itself, or `None` if the parameter is kept or tied ([`Plan::origins`] know
    /// where the values of those come from).
    ///
    /// # Errors
    /// If the method refuses, or gives another variance than when the plan was made.
    pub fn laws(&self) -> Result<Option<Laws>, Refusal> {
        let Action::Fill(call) = &self.action else { return Ok(None) };
        let laws = Laws::of(&self.param, call)?;
        let (now, then) = (laws.variance(), self.variance.unwrap_or(f64::NAN));
        // A plan stores numbers as shortest decimals, which read back to the same double.
        if now == then {
            return Ok(Some(laws));
        }
        Err(Refusal::new(
            format!("the plan says variance {then:e}, the method now gives {now:e}"),
            "the same number",
            "The plan was edited or made by another version: make it again, or mend its `variance`.",
        )
        .of(&self.param.name, &call.to_string()))
    }

    /// Standard deviation of an element as it is written, adjustments included, if values are drawn.
    pub fn std(&self) -> Option<f64> {
        let variance = self.variance?;
        if self.adjust.is_identity() {
            return Some(variance.sqrt());
        }
        let mean = self.laws().ok().flatten().map_or(0.0, |laws| laws.mean());
        Some(self.adjust.variance(&self.param.shape, variance, mean).sqrt())
    }

    /// The values are those of the call with `adjust` done to them; `why` says what was measured.
    ///
    /// # Errors
    /// If nothing is drawn, or the adjustment does not fit the parameter's shape.
    pub fn adjusted(&mut self, adjust: Adjust, why: Reason) -> Result<(), Refusal> {
        let named = |refusal: Refusal| refusal.of(&self.param.name, "calibrate");
        if matches!(self.action, Action::Keep | Action::Take(_)) {
            let remedy = "Give it a method with `--set`, or leave it out of the calibration.";
            return Err(named(Refusal::new("it is kept as it is", "a parameter that is drawn", remedy)));
        }
        adjust.fits(&self.param.shape).map_err(named)?;
        self.adjust = adjust;
        self.reasons.push(why);
        Ok(())
    }
}

impl Plan {
    /// The decision for a parameter.
    pub fn get(&self, name: &str) -> Option<&Decision> {
        self.decisions.iter().find(|decision| decision.param.name == name)
    }
}
