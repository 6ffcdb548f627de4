//! [`Basis`]: what a plan is made from, and the plan that follows; the same for every command that has a recipe.

use crate::args::{Diagnose, Planning};
use crate::given::given;
use fanin::plan::Options;
use fanin::recipe::Rule;
use fanin::{Call, Dtype, Plan, Recipe, Say};
use fanin_data::TaskKind;
use fanin_model::Model;
use std::path::Path;

/// What a plan is made from. Two commands that are told the same plan the same.
pub(crate) struct Basis<'a> {
    recipe: &'a str,
    with: &'a [String],
    sets: &'a [String],
    says: &'a [Say],
    data: Option<&'a str>,
    task: Option<TaskKind>,
    memory: Option<u64>,
    seed: u64,
    dtype: Option<Dtype>,
}

impl<'a> From<&'a Planning> for Basis<'a> {
    fn from(planning: &'a Planning) -> Basis<'a> {
        Basis {
            recipe: &planning.recipe,
            with: &planning.with,
            sets: &planning.sets,
            says: &planning.says,
            data: planning.data.as_deref(),
            task: planning.task,
            memory: planning.memory,
            seed: planning.seed,
            dtype: planning.dtype,
        }
    }
}

impl<'a> From<&'a Diagnose> for Basis<'a> {
    fn from(options: &'a Diagnose) -> Basis<'a> {
        Basis {
            recipe: options.recipe.as_deref().unwrap_or("auto"),
            with: &options.with,
            sets: &options.sets,
            says: &options.says,
            data: options.data.as_deref(),
            task: options.task,
            memory: options.memory,
            seed: options.seed.unwrap_or(0),
            dtype: None,
        }
    }
}

impl Basis<'_> {
    /// The name or path of the recipe.
    pub(crate) fn recipe(&self) -> &str {
        self.recipe
    }

    /// Plans a model, told of its data and task.
    ///
    /// Where one of `calibrations` standardizes what the first layer sees, the plan is one for inputs that are standardized.
    pub(crate) fn plan(&self, model: &dyn Model, calibrations: &[Call]) -> anyhow::Result<Plan> {
        let mut recipe = recipe(self.recipe)?;
        self.with.iter().try_for_each(|text| recipe.choose(text))?;
        let sets = self.sets.iter().map(|text| Rule::set(text)).collect::<Result<_, _>>()?;
        let options = Options { seed: self.seed, sets, dtype: self.dtype, says: self.says.to_vec() };
        let mut given = given(Some(model), model.params(), self.data, self.task, self.memory)?;
        if calibrations.iter().any(|call| matches!(call.name.as_str(), "standardize" | "whiten")) {
            given = given.standardized();
        }
        let mut plan = fanin::auto::plan(model.params(), model.graph(), &recipe, &options, &given)?;
        plan.warnings.extend_from_slice(model.skipped());
        Ok(plan)
    }
}

/// A built-in recipe, or one from a file.
fn recipe(name: &str) -> anyhow::Result<Recipe> {
    if Path::new(name).extension().is_none_or(|extension| extension != "toml") {
        return Ok(Recipe::named(name)?);
    }
    let text = crate::commands::text_of("recipe", name, "a recipe file, or a name from `fanin recipes`")?;
    Ok(Recipe::read(name, &text)?)
}
