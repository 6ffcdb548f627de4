//! [`Subject`]: the model that is diagnosed, and the plan that its values are held against.

use crate::args::Diagnose;
use crate::commands::stored;
use crate::failure::Refused;
use crate::planned::Basis;
use fanin::report::{Commands, quoted};
use fanin::{Plan, Recipe, plan};
use fanin_model::{Model, architecture};
use fanin_network::{Drawn, draw, lacks_values};
use tempfile::TempDir;

/// A model with its values, and what these should be.
pub(crate) struct Subject {
    pub(super) model: Box<dyn Model>,
    /// What is expected of the values.
    pub(super) plan: Plan,
    /// Whether they should be just that; otherwise the plan only says what would be usual.
    pub(super) strict: bool,
    /// Whether they were drawn by the recipe `auto` and nothing else.
    pub(super) auto: bool,
    /// Where they come from, in words.
    pub(super) values: String,
    pub(super) commands: Commands,
    pub(super) notes: Vec<String>,
    /// Holds the file that drawn values were written to, as long as it is read.
    drawn: Option<TempDir>,
}

impl Subject {
    /// Opens the model. Its values are those of the file, unless something is said of how to draw them, or there are none in
    /// it: then they are drawn, and are those that `init` would write.
    pub(super) fn open(options: &Diagnose) -> anyhow::Result<Subject> {
        let path = options.model.as_path();
        let name = path.display().to_string();
        let is_text = path.to_str().is_some_and(|text| architecture::looks_like(text) && !path.exists());
        let asked = draws(options);
        if asked && options.plan.is_some() {
            let text = "--plan says what the values should be; --recipe, --with, --set, --say, --memory and --seed draw \
                        others. Give one of the two.";
            return Err(Refused(text.to_owned()).into());
        }
        let model = fanin_model::open(path)?;
        let mut commands = Commands::of(&name);
        commands.plan = options.plan.as_ref().map(|plan| plan.display().to_string());
        commands.data.clone_from(&options.data);
        commands.task = options.task.map(|task| task.to_string());
        if let Some(file) = &options.plan {
            let plan = stored(file)?;
            let values = if is_text { format!("drawn by plan {}", plan.id()) } else { "of the file".to_owned() };
            let drawn = if is_text { Some(draw(model.as_ref(), &plan, path)?) } else { None };
            return Ok(Subject { plan, strict: true, values, commands, ..Subject::plain(model) }.with(drawn));
        }
        let missing = lacks_values(model.as_ref());
        if !(asked || is_text || missing) {
            if let (Some(task), None) = (options.task, &options.data) {
                let text = format!(
                    "--task {task}: the values are those of the file and no data are given, so nothing asks for it; \
                     expected data that do, or a recipe that is told. Give --data or --recipe as well, or leave it out."
                );
                return Err(Refused(text).into());
            }
            return Ok(Subject::of_file(model, commands));
        }
        let basis = Basis::from(options);
        let recipe = basis.recipe();
        let plan = basis.plan(model.as_ref(), &[])?;
        let values = format!("drawn by recipe {recipe}, seed {}", plan.seed);
        commands.options = drawn_by(options);
        let drawn = draw(model.as_ref(), &plan, path)?;
        let auto = recipe == "auto" && options.sets.is_empty();
        let mut subject = Subject { plan, strict: true, auto, values, commands, ..Subject::plain(model) };
        if missing && !asked && !is_text {
            subject.notes.push("the file holds no values: they were drawn by the recipe auto".to_owned());
        }
        Ok(subject.with(Some(drawn)))
    }

    fn plain(model: Box<dyn Model>) -> Subject {
        let empty = Plan {
            stream: fanin::Stream::VERSION.to_owned(),
            seed: 0,
            recipe: String::new(),
            decisions: Vec::new(),
            unsure: Vec::new(),
            warnings: Vec::new(),
            unused: Vec::new(),
        };
        Subject {
            model,
            plan: empty,
            strict: false,
            auto: false,
            values: "of the file".to_owned(),
            commands: Commands::default(),
            notes: Vec::new(),
            drawn: None,
        }
    }

    /// A file as it is, held against what its parameters' roles ask for.
    fn of_file(model: Box<dyn Model>, commands: Commands) -> Subject {
        let planned =
            Recipe::named("auto").and_then(|usual| plan::plan(model.params(), &usual, &plan::Options::default()));
        let mut subject = Subject { commands, ..Subject::plain(model) };
        match planned {
            Ok(plan) => subject.plan = plan,
            Err(_) => subject
                .notes
                .push("what is usual for these parameters is not known: no recipe fits all of them".to_owned()),
        }
        subject
    }

    /// The same, reading the values from the file that they were drawn into.
    fn with(mut self, drawn: Option<Drawn>) -> Subject {
        if let Some(drawn) = drawn {
            self.model = drawn.model;
            self.drawn = Some(drawn.folder);
        }
        self
    }
}

/// Whether values are to be drawn, whatever the file holds.
fn draws(options: &Diagnose) -> bool {
    let named = options.recipe.is_some() || options.seed.is_some() || options.memory.is_some();
    named || !(options.sets.is_empty() && options.with.is_empty() && options.says.is_empty())
}

/// The options that drew the values, to be repeated in a command that mends them.
fn drawn_by(options: &Diagnose) -> String {
    let recipe = options.recipe.iter().map(|recipe| format!("--recipe {}", quoted(recipe)));
    let with = options.with.iter().map(|with| format!("--with {}", quoted(with)));
    let says = options.says.iter().map(|say| format!("--say {}", quoted(&say.to_string())));
    let memory = options.memory.iter().map(|steps| format!("--memory {steps}"));
    let seed = options.seed.iter().map(|seed| format!("--seed {seed}"));
    recipe.chain(with).chain(says).chain(memory).chain(seed).collect::<Vec<_>>().join(" ")
}
