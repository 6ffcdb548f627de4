//! [`Network`]: a model whose graph is compiled and whose values are at hand.

use crate::draw::draw;
use crate::error::Error;
use fanin::graph::{Graph, ValueId};
use fanin::{Layer, Plan, Refusal, Role, layer};
use fanin_engine::{Constants, Program, Tensor};
use fanin_model::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use tempfile::TempDir;

/// A model that runs.
pub struct Network {
    pub(crate) model: Box<dyn Model>,
    program: Program,
    pub(crate) constants: Constants,
    /// Holds the file that drawn values were written to, as long as it is read.
    _drawn: Option<TempDir>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({} constants)", self.constants.iter().count())
    }
}

impl Network {
    /// A model with the values of its file.
    ///
    /// # Errors
    /// If its format holds no graph, or the graph cannot be run, or values are missing.
    pub fn of(model: Box<dyn Model>) -> Result<Network, Error> {
        Network::with(model, None)
    }

    /// A model with the values of a plan. `name` is that of the file, which tells the format of some.
    ///
    /// # Errors
    /// Also if the plan is not one for the model.
    pub fn drawn(model: &dyn Model, plan: &Plan, name: impl AsRef<Path>) -> Result<Network, Error> {
        let drawn = draw(model, plan, name.as_ref())?;
        Network::with(drawn.model, Some(drawn.folder))
    }

    fn with(model: Box<dyn Model>, drawn: Option<TempDir>) -> Result<Network, Error> {
        let graph = model.graph().ok_or_else(|| {
            let expected = "a model that says what it computes: an ONNX file, or a short architecture";
            Refusal::new("its format holds parameters and no graph", expected, "Export the model to ONNX.")
        })?;
        let program = Program::compile(graph.clone())?;
        let constants = constants(model.as_ref(), &program)?;
        Ok(Network { model, program, constants, _drawn: drawn })
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// What it computes.
    pub fn graph(&self) -> &Graph {
        self.program.graph()
    }

    /// Its graph, compiled.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The values it starts with.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// The layers that carry weights.
    pub fn layers(&self) -> Vec<Layer> {
        layer::layers(self.graph(), self.model.params())
    }

    /// What training changes: every parameter of floating-point numbers that is neither a running statistic nor fixed, with
    /// the factor on its learning rate that the plan asks for.
    pub fn trained(&self, plan: Option<&Plan>) -> Vec<(ValueId, f64)> {
        let needed: BTreeSet<ValueId> = self.program.constants().into_iter().collect();
        let mut trained = BTreeMap::new();
        for param in self.model.params() {
            let Some(id) = param.place.value.map(ValueId).filter(|id| needed.contains(id)) else { continue };
            if param.dtype.is_float() && !matches!(param.role.value, Role::Statistic | Role::Fixed) {
                let factor = plan.and_then(|plan| decision(plan, &param.name)).and_then(|d| d.lr).unwrap_or(1.0);
                trained.entry(id).or_insert(factor);
            }
        }
        trained.into_iter().collect()
    }
}

/// What a plan says of a parameter, whose name in the plan may tell a use (`bias@fc1`) that a drawn file has no need to tell.
fn decision<'a>(plan: &'a Plan, name: &str) -> Option<&'a fanin::Decision> {
    let plain = |decision: &&fanin::Decision| decision.param.name.split('@').next() == Some(name);
    plan.get(name).or_else(|| plan.decisions.iter().find(plain))
}

/// The constants that a program needs, read from its model.
///
/// # Errors
/// If a file cannot be read, or holds no values for one of them.
pub fn constants(model: &dyn Model, program: &Program) -> Result<Constants, fanin_engine::Error> {
    Constants::load(program, |id, constant| {
        let bytes = model.constant(id).map_err(|e| fanin_engine::Error::Source(Box::new(e)))?;
        let bytes = bytes.ok_or_else(|| {
            let name = &program.graph().value(id).name;
            let remedy = "Put the file with its data beside the model, or draw it: `--recipe auto`.";
            Refusal::new("its data are missing", "a value for every constant", remedy).of(name, "run")
        })?;
        Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
    })
}
