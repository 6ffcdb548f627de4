//! Values drawn by a plan, as a model that has them.

use crate::error::Error;
use fanin::Plan;
use fanin::graph::Content;
use fanin_model::{Format, Model, Planned, WriteOptions};
use std::fmt;
use std::path::Path;
use tempfile::TempDir;

/// A model with the values of a plan.
pub struct Drawn {
    /// The file that the values were written to goes away with it.
    pub folder: TempDir,
    /// The model. Its graph may have more constants than the one that was planned: what several parameters shared and they no
    /// longer agree on is stored apart.
    pub model: Box<dyn Model>,
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drawn({})", self.folder.path().display())
    }
}

/// Draws the values of a plan.
///
/// They are written as the file that `fanin init` would write, and read again, so that what is measured and trained is the
/// very file that a user gets. `path` names it where its format depends on the name.
///
/// # Errors
/// If the plan is not one for the model, or there is no room.
pub fn draw(model: &dyn Model, plan: &Plan, path: &Path) -> Result<Drawn, Error> {
    let folder = tempfile::Builder::new().prefix("fanin-").tempdir().map_err(Error::Room)?;
    let plain = path.file_name().and_then(|name| name.to_str()).filter(|_| model.format() != Format::Onnx);
    let out = folder.path().join(plain.unwrap_or("model.onnx"));
    model.write(&out, &Planned::new(model.params(), plan)?, &WriteOptions::default())?;
    let model = fanin_model::open(&out)?;
    Ok(Drawn { folder, model })
}

/// Whether a parameter's data are nowhere.
pub fn lacks_values(model: &dyn Model) -> bool {
    let missing = |graph: &fanin::Graph| {
        graph.values.iter().any(|value| value.constant.as_ref().is_some_and(|c| c.content == Content::Missing))
    };
    model.graph().is_some_and(missing)
}
