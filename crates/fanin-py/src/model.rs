//! Model files: opened, planned, written.

use crate::failure::Failure;
use crate::plan::{Plan, Planning};
use crate::threads;
use fanin::Refusal;
use fanin_model::{Planned, Sources, WriteOptions};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An open model file.
#[pyclass(frozen, module = "fanin._fanin")]
pub(crate) struct Model {
    model: Box<dyn fanin_model::Model>,
}

/// Opens a model file, a folder in the Hugging Face layout, or a short architecture.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn open(py: Python<'_>, path: PathBuf) -> Result<Model, Failure> {
    Ok(Model { model: py.detach(|| fanin_model::open(&path))? })
}

impl Model {
    /// The open file itself.
    pub(crate) fn opened(&self) -> &dyn fanin_model::Model {
        self.model.as_ref()
    }

    /// Its computation, where the file holds one.
    pub(crate) fn graph(&self) -> Option<&fanin::Graph> {
        self.model.graph()
    }

    /// Its parameters.
    pub(crate) fn seen(&self) -> &[fanin::Param] {
        self.model.params()
    }
}

#[pymethods]
impl Model {
    /// What kind of file it is.
    #[getter]
    fn format(&self) -> String {
        let name = serde_json::to_value(self.model.format()).ok();
        name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether the file holds the computation too.
    #[getter]
    fn has_graph(&self) -> bool {
        self.model.graph().is_some()
    }

    /// What is known of every tensor, as JSON.
    fn params(&self) -> Result<String, Failure> {
        serde_json::to_string(self.model.params()).map_err(Failure::bug)
    }

    /// Plans it.
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
    fn plan(&self, py: Python<'_>, planning: Planning) -> Result<Plan, Failure> {
        let mut plan = py.detach(|| planning.plan(self.model.params(), Some(self.opened())))?;
        plan.warnings.extend_from_slice(self.model.skipped());
        Ok(plan.into())
    }

    /// Writes it with the values of a plan.
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
    fn write(&self, py: Python<'_>, out: PathBuf, plan: &Plan, overwrite: bool) -> Result<(), Failure> {
        py.detach(|| {
            threads::run(|| {
                let sources = Sources::open(&plan.plan, &BTreeMap::new())?;
                let planned = Planned::new(self.model.params(), &plan.plan)?.taking(&sources);
                let options = WriteOptions { overwrite, plan: Some(plan.plan.id()) };
                Ok(self.model.write(&out, &planned, &options)?)
            })
        })
    }

    /// The bytes of a tensor, little-endian; `None` if the file that holds them is missing.
    fn bytes<'py>(&self, py: Python<'py>, name: &str) -> Result<Option<Bound<'py, PyBytes>>, Failure> {
        let index = self.model.params().iter().position(|param| param.name == name);
        let index = index.ok_or_else(|| {
            Refusal::new("the model has no such tensor", "a name from `params`", "Check the name.").of(name, "tensor")
        })?;
        let bytes = py.detach(|| self.model.bytes(index))?;
        Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
    }
}
