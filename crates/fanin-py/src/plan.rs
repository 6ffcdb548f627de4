//! Plans: made, read, written, and turned into values.

use crate::buffer;
use crate::call::{dtype, holds};
use crate::failure::Failure;
use crate::model::Model;
use crate::params::{self, Told};
use crate::region::{self, Region};
use fanin::generate::Filler;
use fanin::law::Law;
use fanin::plan::{Laws, Options, Origin};
use fanin::recipe::Rule;
use fanin::tied::Form;
use fanin::{Action, Decision, Dtype, Param, Recipe, Refusal, Say};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What every parameter of a model gets, and why.
#[pyclass(frozen, module = "fanin._fanin")]
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) plan: Arc<fanin::Plan>,
    index: Arc<BTreeMap<String, usize>>,
}

impl From<fanin::Plan> for Plan {
    fn from(plan: fanin::Plan) -> Plan {
        let index = plan.decisions.iter().enumerate().map(|(i, d)| (d.param.name.clone(), i)).collect();
        Plan { plan: Arc::new(plan), index: Arc::new(index) }
    }
}

/// What a plan is made with: a recipe and its options, rules and statements of the user's.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Planning {
    recipe: String,
    options: Vec<String>,
    sets: Vec<String>,
    says: Vec<String>,
    seed: u64,
    dtype: Option<String>,
    data: Option<String>,
    task: Option<String>,
    memory: Option<u64>,
}

impl Planning {
    /// Plans these parameters; with the file that holds their computation, where there is one, `auto` calculates.
    pub(crate) fn plan(
        &self,
        params: &[Param],
        model: Option<&dyn fanin_model::Model>,
    ) -> Result<fanin::Plan, Failure> {
        let mut recipe = self.recipe()?;
        self.options.iter().try_for_each(|text| recipe.choose(text))?;
        let sets = self.sets.iter().map(|text| Rule::set(text)).collect::<Result<_, Refusal>>()?;
        let says = self.says.iter().map(|text| text.parse::<Say>()).collect::<Result<_, Refusal>>()?;
        let dtype = self.dtype.as_deref().map(dtype).transpose()?;
        let options = Options { seed: self.seed, sets, dtype, says };
        let given = fanin_cli::given(model, params, self.data.as_deref(), self.task.as_deref(), self.memory)
            .map_err(|error| Failure::of_command("plan", error))?;
        let graph = model.and_then(|model| model.graph());
        Ok(fanin::auto::plan(params, graph, &recipe, &options, &given)?)
    }

    /// A built-in recipe, or one from a file.
    fn recipe(&self) -> Result<Recipe, Failure> {
        let name = self.recipe.as_str();
        if std::path::Path::new(name).extension().is_none_or(|extension| extension != "toml") {
            return Recipe::named(name).map_err(|error| match error {
                fanin::Error::Refused(refusal) => refusal.of("recipe", name).into(),
                other => other.into(),
            });
        }
        let text = std::fs::read_to_string(name);
        let text = text.map_err(|error| {
            let refusal = Refusal::new(error.to_string(), "a recipe that can be read", "Check the path.");
            Failure::File(refusal.of(name, "read the recipe"))
        })?;
        Ok(Recipe::read(name, &text)?)
    }
}

/// Plans tensors, given as JSON: names, shapes, element types, and what a framework knows of them; with the model's
/// configuration in Hugging Face's form, and the file with its computation, where there is one.
#[pyfunction]
#[pyo3(signature = (tensors, planning, config="", graph=None))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn plan(
    py: Python<'_>,
    tensors: &str,
    planning: Planning,
    config: &str,
    graph: Option<&Model>,
) -> Result<Plan, Failure> {
    let told: Vec<Told> = serde_json::from_str(tensors).map_err(Failure::bug)?;
    py.detach(|| Ok(planning.plan(&params::params(&told, config, graph)?, graph.map(Model::opened))?.into()))
}

/// An array of a name: its bytes, their element type if that is not the plan's, and which elements it holds.
type Named = (String, PyBuffer<u8>, Option<String>, Option<Region>);

#[pymethods]
impl Plan {
    /// A plan from its JSON; `what` names it in messages.
    #[staticmethod]
    fn from_json(what: &str, text: &str) -> Result<Plan, Failure> {
        Ok(fanin::Plan::from_json(what, text)?.into())
    }

    fn to_json(&self) -> String {
        self.plan.to_json()
    }

    #[getter]
    fn id(&self) -> String {
        self.plan.id()
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.plan.seed
    }

    #[getter]
    fn recipe(&self) -> &str {
        &self.plan.recipe
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.plan.warnings.clone()
    }

    /// What the plan took for granted, in words.
    #[getter]
    fn unsure(&self) -> Vec<String> {
        self.plan.unsure.iter().map(ToString::to_string).collect()
    }

    /// The names, in the model's order.
    fn names(&self) -> Vec<&str> {
        self.plan.decisions.iter().map(|decision| decision.param.name.as_str()).collect()
    }

    fn __len__(&self) -> usize {
        self.plan.decisions.len()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// The decision for a parameter, as JSON; `None` if the plan says nothing of it.
    fn decision(&self, name: &str) -> Option<String> {
        serde_json::to_string(self.find(name)?).ok()
    }

    /// The full story of one parameter.
    fn story(&self, name: &str) -> Option<String> {
        Some(fanin_cli::story(self.find(name)?))
    }

    /// The table that `fanin plan` prints.
    fn table(&self, model: &str, full: bool) -> String {
        fanin_cli::table(&self.plan, model, full)
    }

    /// How a parameter is decided: its action, shape and element type; `None` if the plan says nothing of it.
    fn facts(&self, name: &str) -> Option<(&'static str, Vec<u64>, &'static str)> {
        let decision = self.find(name)?;
        let action = match decision.action {
            Action::Fill(_) => "fill",
            Action::Keep => "keep",
            Action::Tie(_) => "tie",
            Action::Take(_) => "take",
        };
        Some((action, decision.param.shape.clone(), decision.dtype.name()))
    }

    /// Fills the memory of an array with the values of a parameter: the elements of `region`, in `dtype` if that is not
    /// the plan's.
    #[pyo3(signature = (name, buffer, dtype=None, region=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
    fn fill(
        &self,
        py: Python<'_>,
        name: &str,
        buffer: PyBuffer<u8>,
        dtype: Option<&str>,
        region: Option<Region>,
    ) -> Result<(), Failure> {
        let dtype = dtype.map(self::dtype).transpose()?;
        let decision = self.find(name).ok_or_else(|| unknown(name))?;
        let region = region::said(region);
        let named = |refusal: Refusal| refusal.of(name, "fill");
        buffer::write(py, &buffer, |out| self.filler(decision, dtype, |filler| filler.fill(&region, out)))?
            .map_err(named)?;
        Ok(())
    }

    /// Whether the memory of an array holds these values, to the last bit.
    #[pyo3(signature = (name, buffer, dtype=None, region=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
    fn is_same(
        &self,
        py: Python<'_>,
        name: &str,
        buffer: PyBuffer<u8>,
        dtype: Option<&str>,
        region: Option<Region>,
    ) -> Result<bool, Failure> {
        let dtype = dtype.map(self::dtype).transpose()?;
        let decision = self.find(name).ok_or_else(|| unknown(name))?;
        let region = region::said(region);
        let named = |refusal: Refusal| refusal.of(name, "verify");
        let same = |held: &[u8]| self.filler(decision, dtype, |filler| filler.is_same(&region, held));
        Ok(buffer::read(py, &buffer, same)?.map_err(named)?)
    }

    /// Whether a part of a parameter may cost more than its share: where its elements depend on each other.
    fn is_whole(&self, name: &str) -> Result<bool, Failure> {
        let decision = self.find(name).ok_or_else(|| unknown(name))?;
        let whole = |laws: &Laws| laws.parts.iter().any(|(_, law)| matches!(law, Law::Whole(_)));
        Ok(decision.adjust.mix.is_some() || decision.laws()?.as_ref().is_none_or(whole))
    }

    /// The same for many arrays in one call, in their order: between two of them nothing of Python's runs, which behind a large
    /// one would find its own memory gone from the caches.
    fn fill_all(&self, py: Python<'_>, arrays: Vec<Named>) -> Result<(), Failure> {
        arrays.into_iter().try_for_each(|(name, buffer, dtype, region)| {
            self.fill(py, &name, buffer, dtype.as_deref(), region)?;
            Ok(py.check_signals()?)
        })
    }

    /// The same plan with the decision of one parameter multiplied: what a calibration measured, and why.
    fn scaled(&self, name: &str, factor: f64, why: &str) -> Result<Plan, Failure> {
        let index = *self.index.get(name).ok_or_else(|| unknown(name))?;
        let mut plan = fanin::Plan::clone(&self.plan);
        let decision = &mut plan.decisions[index];
        let adjust = fanin::plan::Adjust { factor: decision.adjust.factor * factor, ..decision.adjust.clone() };
        decision.adjusted(adjust, fanin::plan::Reason::new("calibrate", why).with(factor))?;
        Ok(Plan { plan: Arc::new(plan), index: self.index.clone() })
    }
}

impl Plan {
    fn find(&self, name: &str) -> Option<&Decision> {
        self.index.get(name).map(|&index| &self.plan.decisions[index])
    }

    /// Lets `work` use what fills a parameter in `dtype`, or in the plan's own.
    fn filler<R>(
        &self,
        decision: &Decision,
        dtype: Option<Dtype>,
        work: impl FnOnce(&Filler<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let stored = dtype.unwrap_or(decision.dtype);
        let (seed, other) = (self.plan.seed, stored != decision.dtype);
        if let Some(laws) = decision.laws()? {
            if other {
                holds(&laws, stored)?;
            }
            return work(&Filler::new(&laws, seed, &decision.key, stored)?.adjusted(&decision.adjust)?);
        }
        // Only ties ask for the other decisions, which takes longer than a small tensor.
        let Some(origin) = self.plan.origins().of(decision)? else {
            let (wrong, remedy) = ("it is kept as it is", "Leave it out, or plan it anew with `set={NAME: CALL}`.");
            return Err(Refusal::new(wrong, "a parameter that is drawn", remedy));
        };
        let told = Decision { dtype: stored, ..decision.clone() };
        let origin = Origin { decision: &told, ..origin };
        if other && origin.form == Form::Equal {
            holds(&origin.laws, stored)?;
        }
        work(&Filler::of(&origin, seed)?)
    }
}

fn unknown(name: &str) -> Failure {
    Refusal::new("the plan says nothing of it", "a name of the plan", "Make a plan for this model.")
        .of(name, "fill")
        .into()
}
