//! Values taken from another model, by name.

use crate::error::Error;
use crate::network::Network;
use fanin::graph::ValueId;
use fanin_engine::Tensor;
use fanin_model::Model;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What became of the tensors of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Parameters that have the source's values.
    pub taken: Vec<String>,
    /// Parameters that the source has under the same name in another shape, which keep their own.
    pub shapes: Vec<String>,
    /// Parameters that the source does not have, which keep their own.
    pub fresh: Vec<String>,
    /// Tensors of the source that found no place.
    pub unused: Vec<String>,
}

impl Taken {
    /// In a line: `12 taken, 2 fresh (other shape), 0 unused`.
    pub fn line(&self) -> String {
        let mut line = format!("{} taken", self.taken.len());
        for (names, what) in
            [(&self.shapes, "fresh for another shape"), (&self.fresh, "fresh"), (&self.unused, "of the source unused")]
        {
            if !names.is_empty() {
                let _ = write!(line, ", {} {what}", names.len());
            }
        }
        line
    }
}

impl Network {
    /// Takes the values of every trained parameter that a source has under the same name and in the same shape; all others
    /// stay as they were drawn.
    ///
    /// # Errors
    /// If the source cannot be read, or holds a tensor in a type that is no number here.
    pub fn take(&mut self, source: &dyn Model) -> Result<Taken, Error> {
        let mut offered: BTreeMap<&str, usize> =
            source.params().iter().enumerate().map(|(at, param)| (param.name.as_str(), at)).collect();
        let (mut taken, mut found) = (Taken::default(), Vec::new());
        let names: BTreeMap<ValueId, &str> =
            (self.params.iter()).filter_map(|param| Some((ValueId(param.place.value?), param.name.as_str()))).collect();
        for (id, _) in self.trained(None) {
            let value = self.graph().value(id);
            // Where several parameters share what a file stores, a use is told behind an `@`.
            let name = names.get(&id).and_then(|name| name.split('@').next()).unwrap_or(&value.name).to_owned();
            let Some(at) = offered.remove(name.as_str()) else {
                taken.fresh.push(name);
                continue;
            };
            let param = &source.params()[at];
            let own = value.constant.as_ref().map(|constant| constant.shape.as_slice());
            let (Some(bytes), true) = (source.bytes(at)?, own == Some(&param.shape)) else {
                taken.shapes.push(name);
                continue;
            };
            let tensor = Tensor::from_bytes(param.dtype, &param.shape, &bytes)?;
            found.push((id, tensor));
            taken.taken.push(name);
        }
        taken.unused = offered.into_keys().map(str::to_owned).collect();
        for (id, tensor) in found {
            if let Some(own) = self.constants.get_mut(id) {
                *own = tensor.cast(own.dtype())?;
            }
        }
        Ok(taken)
    }
}
