//! [`Network`]: a model whose graph is compiled and whose values are at hand.

use crate::error::Error;
use fanin::graph::{Graph, ValueId};
use fanin::{Action, Call, Layer, Param, Plan, Refusal, Role, layer};
use fanin_engine::calibrate::{self, Bound, Source, bind};
use fanin_engine::{Constants, Program, Tensor};
use fanin_model::{Model, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A model that runs.
pub struct Network {
    pub(crate) model: Box<dyn Model>,
    /// The model's parameters, in its order, with their places in the graph that runs.
    pub(crate) params: Vec<Param>,
    program: Program,
    pub(crate) constants: Constants,
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
        let program = Program::compile(graph(model.as_ref())?.clone())?;
        let constants = constants(model.as_ref(), &program)?;
        let params = model.params().to_vec();
        Ok(Network { model, params, program, constants })
    }

    /// A model with the values of a plan, which are those that `fanin init` would write.
    ///
    /// # Errors
    /// Also if the plan is not one for the model.
    pub fn drawn(model: Box<dyn Model>, plan: &Plan) -> Result<Network, Error> {
        Network::taking(model, plan, &Sources::default())
    }

    /// A model with the values of a plan that takes some of them from these files.
    ///
    /// # Errors
    /// Also if a file does not have what the plan takes.
    pub fn taking(model: Box<dyn Model>, plan: &Plan, sources: &Sources) -> Result<Network, Error> {
        Ok(Network::built(model, plan.clone(), sources, None)?.0)
    }

    /// A model with the values of a plan that a calibration has changed; the plan comes with it.
    ///
    /// # Errors
    /// Also if there is no such calibration, or it refuses the network.
    pub fn calibrated(
        model: Box<dyn Model>,
        plan: Plan,
        call: &str,
        data: &mut dyn Source,
    ) -> Result<(Network, Plan), Error> {
        Network::built(model, plan, &Sources::default(), Some((call, data)))
    }

    fn built(
        model: Box<dyn Model>,
        plan: Plan,
        sources: &Sources,
        calibration: Option<(&str, &mut dyn Source)>,
    ) -> Result<(Network, Plan), Error> {
        // The plan is held against the model, as it is when a file is written.
        fanin_model::Planned::new(model.params(), &plan)?;
        let bound = bind(graph(model.as_ref())?, model.params(), &plan);
        let program = Program::compile(bound.graph.clone())?;
        let mut taken = taken(&bound, &plan, sources)?;
        let load = |id: ValueId| taken.remove(&id).map_or_else(|| load(model.as_ref(), &bound, id), Ok);
        let mut drawn = calibrate::Network::new(&program, &bound, plan, load)?;
        if let Some((text, data)) = calibration {
            let call: Call = text.parse()?;
            let (_, calibration) = calibrate::resolve(&call)?;
            drawn.calling(text);
            calibration.calibrate(&mut drawn, data, &mut |_, _| {})?;
        }
        let constants = drawn.constants().clone();
        let plan = drawn.into_plan();
        Ok((Network { model, params: bound.params.clone(), program, constants }, plan))
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// What it computes.
    pub fn graph(&self) -> &Graph {
        self.program.graph()
    }

    /// Its parameters, with their places in the graph that runs.
    pub fn params(&self) -> &[Param] {
        &self.params
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
        layer::layers(self.graph(), &self.params)
    }

    /// What training changes: every parameter of floating-point numbers that is neither a running statistic nor fixed, with
    /// the factor on its learning rate that the plan asks for.
    pub fn trained(&self, plan: Option<&Plan>) -> Vec<(ValueId, f64)> {
        let needed: BTreeSet<ValueId> = self.program.constants().into_iter().collect();
        let mut trained = BTreeMap::new();
        for param in &self.params {
            let Some(id) = param.place.value.map(ValueId).filter(|id| needed.contains(id)) else { continue };
            if param.dtype.is_float() && !matches!(param.role.value, Role::Statistic | Role::Fixed) {
                let factor = plan.and_then(|plan| plan.get(&param.name)).and_then(|d| d.lr).unwrap_or(1.0);
                trained.entry(id).or_insert(factor);
            }
        }
        trained.into_iter().collect()
    }
}

fn graph(model: &dyn Model) -> Result<&Graph, Refusal> {
    model.graph().ok_or_else(|| {
        let expected = "a model that says what it computes: an ONNX file, or a short architecture";
        Refusal::new("its format holds parameters and no graph", expected, "Export the model to ONNX.")
    })
}

/// What a plan takes, by its place in the graph.
fn taken(bound: &Bound, plan: &Plan, sources: &Sources) -> Result<BTreeMap<ValueId, Tensor>, Error> {
    let mut taken = BTreeMap::new();
    for param in &bound.params {
        let Some((decision, id)) = plan.get(&param.name).zip(param.place.value) else { continue };
        let Action::Take(take) = &decision.action else { continue };
        let size = decision.dtype.size().unwrap_or(1);
        let mut bytes = vec![0; param.count()? as usize * size];
        sources.values(decision, take, plan.seed)?.fill(0, &mut bytes)?;
        taken.insert(ValueId(id), Tensor::from_bytes(decision.dtype, &param.shape, &bytes)?);
    }
    Ok(taken)
}

/// What the file holds of a value that no plan draws.
fn load(model: &dyn Model, bound: &Bound, id: ValueId) -> Result<Tensor, fanin_engine::Error> {
    let value = bound.graph.value(id);
    let constant = value.constant.as_ref().ok_or_else(|| missing(&value.name))?;
    stored(model, bound.stored(id), &value.name, constant)
}

/// The constants that a program needs, read from its model.
///
/// # Errors
/// If a file cannot be read, or holds no values for one of them.
pub fn constants(model: &dyn Model, program: &Program) -> Result<Constants, fanin_engine::Error> {
    Constants::load(program, |id, constant| stored(model, id, &program.graph().value(id).name, constant))
}

fn stored(
    model: &dyn Model,
    id: ValueId,
    name: &str,
    constant: &fanin::graph::Constant,
) -> Result<Tensor, fanin_engine::Error> {
    let bytes = model.constant(id).map_err(|e| fanin_engine::Error::Source(Box::new(e)))?;
    let bytes = bytes.ok_or_else(|| missing(name))?;
    Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
}

fn missing(name: &str) -> Refusal {
    let remedy = "Put the file with its data beside the model, or draw it: `--recipe auto`.";
    Refusal::new("its data are missing", "a value for every constant", remedy).of(name, "run")
}
