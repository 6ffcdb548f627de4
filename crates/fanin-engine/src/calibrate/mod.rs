//! [`Calibration`]: what a network does with data, measured, and turned into factors of its plan.
//!
//! A calibration runs a network on data and changes its plan: each change is an [`fanin::plan::Adjust`], a few numbers per
//! parameter, with a reason that says what was measured, in how many passes, and how close it came. The values stay a
//! formula and a seed, so the plan can be applied again without the data, and gives the same bits.
//!
//! [`bind`] gives every parameter of a plan a value of its own in the graph; [`Network`] runs it with the plan's values at
//! all times; [`Source`] is where data come from. One calibration is one file; [`CALIBRATIONS`] lists them all.
//!
//! Results do not depend on the number of threads.

mod admin;
mod balance;
mod bend;
mod bind;
mod grad_init;
mod inputs;
mod krahenbuhl;
mod least;
mod lsuv;
mod meta_init;
mod network;
mod output_bias;
mod outcome;
mod passage;
mod slope;
mod source;
mod standardize;
mod units;
mod walk;
mod weight_norm;
mod whiten;

pub use admin::Admin;
pub use bind::{Bound, bind};
pub use grad_init::GradInit;
pub use krahenbuhl::Krahenbuhl;
pub use lsuv::Lsuv;
pub use meta_init::MetaInit;
pub use network::Network;
pub use outcome::{Change, Outcome};
pub use output_bias::OutputBias;
pub use source::{Progress, Source, Synthetic};
pub use standardize::Standardize;
pub use weight_norm::WeightNorm;
pub use whiten::Whiten;

use crate::error::Error;
use fanin::methods::Source as Publication;
use fanin::{Call, Refusal};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A published procedure that looks at a network with data and changes the plan of its values.
///
/// Its fields are its arguments, with the paper's constants as defaults; their doc comments are the arguments'
/// documentation, and the type's its page in `fanin explain`.
pub trait Calibration: Default + Serialize + DeserializeOwned + JsonSchema + 'static {
    /// What is known about it.
    const ABOUT: About;

    /// Measures `network` on `data`, and changes its plan.
    ///
    /// # Errors
    /// If the network cannot be run, has nothing that the procedure applies to, or does what no factor mends: signals that
    /// are not finite, layers that are dead. The network is then to be thrown away.
    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error>;
}

/// What is known about a calibration.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub formula: &'static str,
    /// Where it was published.
    pub source: Publication,
    /// When to choose it, in a sentence.
    pub when: &'static str,
    /// Whether the data's own targets are needed.
    pub targets: bool,
}

/// A calibration with its arguments set, its type forgotten.
pub trait AnyCalibration {
    /// As [`Calibration::calibrate`].
    ///
    /// # Errors
    /// As there.
    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error>;

    /// All arguments with their values.
    fn args(&self) -> Map<String, Value>;
}

impl<C: Calibration> AnyCalibration for C {
    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        Calibration::calibrate(self, network, data, progress)
    }

    fn args(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(args)) => args,
            _ => Map::new(),
        }
    }
}

type Make = fn(Map<String, Value>) -> Result<Box<dyn AnyCalibration>, serde_json::Error>;

/// One line of [`CALIBRATIONS`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is known about it.
    pub about: About,
    make: Make,
    schema: fn() -> Schema,
}

impl Entry {
    const fn of<C: Calibration>() -> Entry {
        Entry {
            about: C::ABOUT,
            make: |args| Ok(Box::new(serde_json::from_value::<C>(Value::Object(args))?)),
            schema: || schemars::schema_for!(C),
        }
    }

    /// The calibration with these arguments.
    ///
    /// # Errors
    /// If an argument is unknown or has the wrong type.
    pub fn make(&self, args: Map<String, Value>) -> Result<Box<dyn AnyCalibration>, serde_json::Error> {
        (self.make)(args)
    }

    /// The page: the type's doc comment.
    pub fn page(&self) -> String {
        let schema = (self.schema)();
        schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The arguments: name, default, and what it is.
    pub fn arguments(&self) -> Vec<(String, Value, String)> {
        let schema = (self.schema)();
        let described = |name: &str| {
            let text = schema.get("properties")?.get(name)?.get("description")?.as_str()?;
            Some(text.replace('\n', " "))
        };
        let defaults = self.make(Map::new()).map(|made| made.args()).unwrap_or_default();
        defaults.into_iter().map(|(name, value)| (name.clone(), value, described(&name).unwrap_or_default())).collect()
    }
}

/// Every calibration, in the order in which people see them.
pub static CALIBRATIONS: &[Entry] = &[
    Entry::of::<Lsuv>(),
    Entry::of::<Krahenbuhl>(),
    Entry::of::<WeightNorm>(),
    Entry::of::<Standardize>(),
    Entry::of::<Whiten>(),
    Entry::of::<OutputBias>(),
    Entry::of::<Admin>(),
    Entry::of::<MetaInit>(),
    Entry::of::<GradInit>(),
];

/// The calibration of this name.
pub fn named(name: &str) -> Option<&'static Entry> {
    CALIBRATIONS.iter().find(|entry| entry.about.name == name)
}

/// The calibration that a call asks for: `lsuv`, `lsuv(tolerance=0.02)`.
///
/// # Errors
/// If there is none of that name, or it has no such argument.
///
/// # Example
/// ```
/// let call = "lsuv(tolerance=0.02)".parse()?;
/// let (entry, _) = fanin_engine::calibrate::resolve(&call)?;
/// assert_eq!(entry.about.source.year, 2016);
/// # Ok::<(), fanin::Refusal>(())
/// ```
pub fn resolve(call: &Call) -> Result<(&'static Entry, Box<dyn AnyCalibration>), Refusal> {
    let written = call.to_string();
    let found = named(&call.name).filter(|_| call.dialect.is_none());
    let entry = found.ok_or_else(|| {
        let names: Vec<&str> = CALIBRATIONS.iter().map(|entry| entry.about.name).collect();
        let near = names.iter().map(|name| (strsim::jaro_winkler(name, &call.name), name));
        let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.7);
        let remedy = near.map_or("Name one of these.".to_owned(), |(_, name)| format!("Did you mean `{name}`?"));
        Refusal::new(format!("there is no calibration `{}`", call.name), names.join(", "), remedy).of("", &written)
    })?;
    let made = entry.make(call.args.clone()).map_err(|error| {
        let known: Vec<String> =
            entry.arguments().iter().map(|(name, value, _)| format!("{name}={}", shown(value))).collect();
        let remedy = format!("See `fanin explain {}`.", entry.about.name);
        Refusal::new(error.to_string(), known.join(", "), remedy).of("", &written)
    })?;
    Ok((entry, made))
}

/// An argument as a user writes it.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number as a sentence shows it.
fn figure(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e4).contains(&size) { format!("{value:.4}") } else { format!("{value:.3e}") }
}

#[cfg(test)]
mod testing {
    use super::{Network, Source, Synthetic, bind};
    use crate::error::Error;
    use crate::program::Program;
    use fanin::{Recipe, plan};

    /// Runs something on a short architecture, drawn by He's rule, with noise for data.
    pub(super) fn with(text: &str, run: impl FnOnce(&Network<'_>, &mut dyn Source)) {
        let model = fanin_model::open(text).unwrap();
        let plan = plan::plan(model.params(), &Recipe::named("he").unwrap(), &plan::Options::default()).unwrap();
        let bound = bind(model.graph().unwrap(), model.params(), &plan);
        let program = Program::compile(bound.graph.clone()).unwrap();
        let missing = |_| Err(Error::from(fanin::Refusal::new("missing", "values", "None.")));
        let network = Network::new(&program, &bound, plan, missing).unwrap();
        let mut data = Synthetic { graph: &bound.graph, samples: 6, length: 4, seed: 3, symbols: false };
        run(&network, &mut data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_argument_is_described() {
        for (i, entry) in CALIBRATIONS.iter().enumerate() {
            let name = entry.about.name;
            assert!(CALIBRATIONS[..i].iter().all(|other| other.about.name != name), "{name}");
            assert!(entry.page().len() > 100 && !entry.about.when.is_empty(), "{name}");
            for (argument, value, text) in entry.arguments() {
                assert!(!text.is_empty() && !value.is_null(), "{name}: {argument}");
            }
        }
    }

    #[test]
    fn what_is_no_calibration_is_refused_with_what_is_near() {
        let refusal = |text: &str| resolve(&text.parse().unwrap()).err().unwrap().to_string();
        assert!(refusal("lsvu").contains("Did you mean `lsuv`?"));
        assert!(refusal("lsuv(tol=0.1)").contains("tolerance=0.1"));
        assert!(refusal("torch:lsuv").contains("there is no calibration"));
    }
}
