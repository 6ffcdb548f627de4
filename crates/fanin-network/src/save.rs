//! What a network has learned, as a file.

use crate::error::Error;
use crate::network::Network;
use fanin::Refusal;
use fanin::graph::ValueId;
use fanin_engine::{Constants, Tensor};
use fanin_model::{Change, Fill, Values, WriteOptions};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::BTreeMap;
use std::path::Path;

impl Network {
    /// Writes the network with these values: as safetensors where the name ends so, else in the model's own format.
    ///
    /// Nothing stands under the name before all is written.
    ///
    /// # Errors
    /// If the file exists and may not be replaced, or cannot be written.
    pub fn save(&self, constants: &Constants, out: &Path, overwrite: bool) -> Result<(), Error> {
        if out.extension().is_some_and(|extension| extension == "safetensors") {
            return self.save_tensors(constants, out, overwrite);
        }
        let options = WriteOptions { overwrite, ..WriteOptions::default() };
        Ok(self.model.write(out, &Learned { network: self, constants }, &options)?)
    }

    fn save_tensors(&self, constants: &Constants, out: &Path, overwrite: bool) -> Result<(), Error> {
        if out.exists() && !overwrite {
            return Err(fanin_model::FileError::Exists(out.to_owned()).into());
        }
        let mut stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        for param in self.params.iter().filter(|param| param.dtype.is_float()) {
            let Some(tensor) = param.place.value.and_then(|value| constants.get(ValueId(value))) else { continue };
            stored.insert(param.name.clone(), (tensor.shape().to_vec(), bytes(tensor)));
        }
        let views = stored.iter().map(|(name, (shape, bytes))| {
            TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view)).map_err(failed)
        });
        let views: Vec<_> = views.collect::<Result<_, _>>()?;
        let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("model.safetensors");
        let partial = out.with_file_name(format!(".{name}.fanin-partial"));
        // The crate's own writer makes files that only their owner may read.
        std::fs::write(&partial, serialize(views, None).map_err(failed)?).map_err(failed)?;
        Ok(std::fs::rename(&partial, out).map_err(failed)?)
    }
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(format!("the file cannot be written: {error}"), "room in a folder that may be written", "Make room.")
}

/// The elements in `f32`, little-endian: what the engine computes in.
fn bytes(tensor: &Tensor) -> Vec<u8> {
    match tensor.values::<f32>() {
        Some(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        None => tensor.to_f64s().iter().flat_map(|&value| (value as f32).to_le_bytes()).collect(),
    }
}

/// The values of a network as the source of a file's.
struct Learned<'a> {
    network: &'a Network,
    constants: &'a Constants,
}

impl Learned<'_> {
    /// The tensor of a parameter whose elements are stored as the engine has them.
    fn tensor(&self, param: usize) -> Option<&Tensor> {
        let param = &self.network.params[param];
        let tensor = self.constants.get(ValueId(param.place.value?))?;
        (param.dtype == fanin::Dtype::F32 && tensor.dtype() == param.dtype).then_some(tensor)
    }
}

impl Fill for Learned<'_> {
    fn change(&self, param: usize) -> Change {
        match self.tensor(param) {
            Some(tensor) => Change::Write { dtype: tensor.dtype(), constant: None, whole: false },
            None => Change::Keep,
        }
    }

    fn values<'a>(&'a self, param: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        Ok(Box::new(Stored(self.tensor(param).map(bytes).unwrap_or_default())))
    }
}

struct Stored(Vec<u8>);

impl Values for Stored {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error> {
        out.copy_from_slice(&self.0[start as usize * size_of::<f32>()..][..out.len()]);
        Ok(())
    }
}
