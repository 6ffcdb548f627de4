//! Keras models: `.keras` archives, and HDF5 files of weights (`.weights.h5`, `.h5`) of every generation.

mod activation;
mod config;
mod hdf5;
mod names;
mod roles;
mod variables;

use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::model::{Format, Model, WriteOptions};
use crate::output::{self, OutputFile, Piece, patch};
use crate::source::Source;
use crate::zip::{self, Archive, Contents};
use config::Layer;
use fanin::{Dtype, Graph, Param, convention};
use hdf5::{Dataset, Tree};
use names::Variable;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The weights and the configuration in a `.keras` archive.
const WEIGHTS: &str = "model.weights.h5";
const CONFIG: &str = "config.json";

/// The attribute of a whole model in HDF5 that holds its configuration.
const CONFIG_ATTRIBUTE: &str = "model_config";

/// The largest configuration that is read.
const MOST_CONFIG: u64 = 64 << 20;

/// An open Keras model.
#[derive(Debug)]
pub(crate) struct Keras {
    source: Arc<Source>,
    /// The archive around the HDF5 file, and which of its entries that is.
    archive: Option<(Archive, usize)>,
    datasets: Vec<Dataset>,
    variables: Vec<Variable>,
    params: Vec<Param>,
    skipped: Vec<String>,
}

/// Whether an HDF5 file starts here.
pub(crate) fn is_hdf5(start: &[u8]) -> bool {
    start.starts_with(&hdf5::SIGNATURE)
}

/// Whether an archive is a Keras model.
pub(crate) fn is_archive(archive: &Archive) -> bool {
    archive.find(WEIGHTS).is_some() && archive.find(CONFIG).is_some()
}

impl Keras {
    /// Opens a `.keras` archive.
    pub(crate) fn open_archive(source: Source, archive: Archive) -> Result<Keras, FileError> {
        let located = |p: Box<Problem>| p.of(&source.path);
        let weights = archive.find(WEIGHTS).unwrap_or_default();
        let entry = &archive.entries[weights];
        if !entry.is_stored() {
            let problem = Problem::new(WEIGHTS, "it is compressed", "a stored entry, as Keras writes it");
            return Err(located(problem.remedy("Save the model again with Keras.")));
        }
        let config = archive.find(CONFIG).map(|index| archive.entries[index].checked(source.bytes(), MOST_CONFIG));
        let config = config.transpose().map_err(located)?;
        let layers = match config {
            Some(text) => parse(&text).map_err(|p| located(p.within(CONFIG)))?,
            None => Vec::new(),
        };
        let range = entry.data.clone();
        Keras::new(Arc::new(source), range, Some((archive, weights)), Some(layers))
    }

    /// Opens an HDF5 file.
    pub(crate) fn open_hdf5(source: Source) -> Result<Keras, FileError> {
        let len = source.bytes().len();
        Keras::new(Arc::new(source), 0..len, None, None)
    }

    fn new(
        source: Arc<Source>,
        range: Range<usize>,
        archive: Option<(Archive, usize)>,
        layers: Option<Vec<Layer>>,
    ) -> Result<Keras, FileError> {
        let Tree { datasets, groups } = hdf5::read(&source, range).map_err(|p| p.of(&source.path))?;
        let tree = Tree { datasets, groups };
        let layers = match layers {
            Some(layers) => layers,
            None => stored_layers(&tree).map_err(|p| p.of(&source.path))?,
        };
        let places: Vec<(String, String)> = layers
            .iter()
            .map(|layer| (layer.place.clone(), layer.name.rsplit('/').next().unwrap_or_default().to_owned()))
            .collect();
        let (variables, skipped) = names::variables(&tree, &places);
        if variables.is_empty() {
            let problem = Problem::new("", "there are no arrays in it", "the weights of a Keras model");
            return Err(problem.remedy("Save the model with `model.save(…)`.").of(&source.path));
        }
        let tensor = |variable: &Variable| {
            let dataset = &tree.datasets[variable.dataset];
            (variable.name.clone(), dataset.shape.clone(), dataset.dtype)
        };
        let mut params = convention::params(&variables.iter().map(tensor).collect::<Vec<_>>());
        for (param, variable) in params.iter_mut().zip(&variables) {
            if let Some(note) = &tree.datasets[variable.dataset].note {
                param.place.note = Some(note.clone());
            }
        }
        roles::refine(&mut params, &layers);
        Ok(Keras { source, archive, datasets: tree.datasets, variables, params, skipped })
    }

    /// The bytes of a parameter in the file.
    fn place(&self, param: usize) -> Option<Range<usize>> {
        self.datasets[self.variables[param].dataset].bytes.clone()
    }

    /// The new elements of a parameter, and where they go.
    fn changed(&self, param: usize, dtype: Dtype, whole: bool) -> Result<(Range<u64>, Piece), FileError> {
        let about = &self.params[param];
        let located = |p: Box<Problem>| p.of(&self.source.path);
        if dtype != about.dtype {
            let wrong = format!("values of dtype {dtype} were asked for a variable of {}", about.dtype);
            let problem = Problem::new(&about.name, wrong, format!("{} values", about.dtype));
            let remedy = "The types stand in the HDF5 structure, which stays as it is: set the dtype policy in Keras and \
                          save the model again.";
            return Err(located(problem.remedy(remedy)));
        }
        let range = self.place(param).ok_or_else(|| {
            let note = about.place.note.clone().unwrap_or_else(|| "its elements are not there".to_owned());
            located(Problem::new(&about.name, note, "elements in one stretch").remedy("Save the model with Keras."))
        })?;
        let count = about.count().map_err(fanin::Error::from)?;
        Ok((range.start as u64..range.end as u64, Piece::values(param, count, dtype, whole)))
    }
}

/// The layers in a configuration.
fn parse(text: &[u8]) -> Result<Vec<Layer>, Box<Problem>> {
    let json = serde_json::from_slice(text)
        .map_err(|e| Problem::new("", format!("the configuration cannot be read: {e}"), "JSON as Keras writes it"))?;
    Ok(config::layers(&json))
}

/// The layers in the configuration that an HDF5 file of a whole model holds.
fn stored_layers(tree: &Tree) -> Result<Vec<Layer>, Box<Problem>> {
    let texts = tree.groups.get("").and_then(|texts| texts.get(CONFIG_ATTRIBUTE)?.first());
    texts.map_or(Ok(Vec::new()), |text| parse(text.as_bytes()).map_err(|p| p.within(CONFIG_ATTRIBUTE)))
}

impl Model for Keras {
    fn format(&self) -> Format {
        Format::Keras
    }

    fn params(&self) -> &[Param] {
        &self.params
    }

    fn graph(&self) -> Option<&Graph> {
        None
    }

    fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn bytes(&self, param: usize) -> Result<Option<Cow<'_, [u8]>>, FileError> {
        if self.params[param].dtype == Dtype::Other {
            return Ok(None);
        }
        Ok(self.place(param).map(|range| Cow::Borrowed(&self.source.bytes()[range])))
    }

    fn read(&self, param: usize, start: u64, out: &mut [u8]) -> Result<bool, FileError> {
        let range = self.place(param).filter(|_| self.params[param].dtype != Dtype::Other);
        let Some(range) = range else { return Ok(false) };
        self.source.read_in(&(range.start as u64..range.end as u64), start, out)
    }

    fn write(&self, out: &Path, fill: &dyn Fill, options: &WriteOptions) -> Result<(), FileError> {
        let mut changes = Vec::new();
        for param in 0..self.params.len() {
            if let Change::Write { dtype, whole, .. } = fill.change(param) {
                changes.push(self.changed(param, dtype, whole)?);
            }
        }
        let pieces = match &self.archive {
            Some((archive, weights)) if !changes.is_empty() => {
                let data = &archive.entries[*weights].data;
                let content = patch(0, data.start as u64..data.end as u64, changes);
                zip::rewrite(archive, self.source.bytes(), Contents::from([(*weights, content)]))
            }
            _ => patch(0, 0..self.source.len(), changes),
        };
        let file = OutputFile { path: out.into(), pieces };
        output::write(&[file], &[&self.source], fill, options.overwrite)
    }
}
