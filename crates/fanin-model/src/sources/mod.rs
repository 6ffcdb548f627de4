//! [`Sources`]: the files that a plan takes values from.

mod gathered;
mod reading;

pub use reading::summary;
pub(crate) use reading::tensor;

use crate::error::{FileError, Problem};
use crate::fill::Values;
use crate::model::{Model, open};
use fanin::digest::Digest;
use fanin::fit::Taken;
use fanin::generate::{Taking, taken};
use fanin::{Action, Decision, Error, Plan, Refusal, Take};
use gathered::{Fitted, Gathered};
use reading::{Copied, Held, Tally, digest, proved};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files that a plan takes values from, open.
///
/// A large file is read once: what is read of a tensor for its values is digested on the way, and [`Sources::prove`] asks
/// afterwards. So values are not to be trusted before it, and writing a model calls it before anything has its final name.
#[derive(Default)]
pub struct Sources {
    models: BTreeMap<String, Box<dyn Model>>,
    /// What was read of tensors: by file, tensor, and the parameter that it was read for.
    read: Mutex<BTreeMap<(String, usize, String), Tally>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.models.keys()).finish()
    }
}

impl Sources {
    /// Opens the files of a plan. `moved` says where files are now that were elsewhere when the plan was made.
    ///
    /// # Errors
    /// If one cannot be opened, or a tensor is missing or of another shape or type than in the plan.
    pub fn open(plan: &Plan, moved: &BTreeMap<String, PathBuf>) -> Result<Sources, FileError> {
        let mut sources = Sources::default();
        for (_, take) in plan.takes() {
            if !sources.models.contains_key(&take.file) {
                let path = moved.get(&take.file).cloned().unwrap_or_else(|| PathBuf::from(&take.file));
                sources.models.insert(take.file.clone(), open(path)?);
            }
        }
        for (_, take) in plan.takes() {
            for tensor in &take.tensors {
                sources.find(&take.file, tensor)?;
            }
        }
        Ok(sources)
    }

    /// A file that is open already, under the name that the plan has for it.
    #[must_use]
    pub fn with(mut self, file: &str, model: Box<dyn Model>) -> Sources {
        self.models.insert(file.to_owned(), model);
        self
    }

    fn find(&self, file: &str, tensor: &Taken) -> Result<(&dyn Model, usize), FileError> {
        let problem = |wrong: String, expected: String| {
            Problem::new(&tensor.name, wrong, expected).remedy(CHANGED).of(Path::new(file))
        };
        let model =
            self.models.get(file).ok_or_else(|| problem("its file is not open".into(), "an open file".into()))?;
        let index = model.params().iter().position(|param| param.name == tensor.name);
        let index = index.ok_or_else(|| problem("it is not in the file".into(), "a tensor of this name".into()))?;
        let param = &model.params()[index];
        if (&param.shape, param.dtype) != (&tensor.shape, tensor.dtype) {
            let wrong = format!("it is {} {:?}", param.dtype, param.shape);
            return Err(problem(wrong, format!("{} {:?}, as in the plan", tensor.dtype, tensor.shape)));
        }
        Ok((model.as_ref(), index))
    }

    /// Compares the digests of a plan with what its files hold, and puts in those that it does not have yet
    /// ([`transfer_unread`](crate::transfer_unread)). What all values were read of is not read again.
    ///
    /// # Errors
    /// If a tensor cannot be read, or is another one than the plan was made with.
    pub fn prove(&self, plan: &mut Plan) -> Result<(), FileError> {
        let mut known: BTreeMap<(String, String), String> = BTreeMap::new();
        for decision in &mut plan.decisions {
            let Action::Take(take) = &mut decision.action else { continue };
            for tensor in &mut take.tensors {
                let key = (take.file.clone(), tensor.name.clone());
                let found = match known.remove(&key) {
                    Some(found) => found,
                    None => self.digest(&take.file, tensor)?.to_string(),
                };
                if tensor.digest.is_empty() {
                    tensor.digest.clone_from(&found);
                } else if found != tensor.digest {
                    let wrong = format!("its digest is {found}");
                    let expected = format!("{}, as in the plan", tensor.digest);
                    return Err(Problem::new(&tensor.name, wrong, expected).remedy(CHANGED).of(Path::new(&take.file)));
                }
                known.insert(key, found);
            }
        }
        Ok(())
    }

    fn digest(&self, file: &str, tensor: &Taken) -> Result<Digest, FileError> {
        let (model, index) = self.find(file, tensor)?;
        let count = model.params()[index].count().map_err(fanin::Error::from)?;
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let tallies = read.range((file.to_owned(), index, String::new())..);
        let own = tallies.take_while(|((other, at, _), _)| other == file && *at == index);
        let found = own.map(|(_, tally)| *tally.lock().unwrap_or_else(PoisonError::into_inner));
        // Every element went in once: fewer are a tensor that was read in part, more are one that was read again.
        let whole = found.into_iter().find(|digest| digest.count() == count);
        drop(read);
        whole.map_or_else(|| digest(model, index), Ok)
    }

    /// Where to note what is read of a tensor for a parameter.
    fn tally(&self, file: &str, index: usize, param: &str) -> Tally {
        let tally = Tally::default();
        let key = (file.to_owned(), index, param.to_owned());
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key, tally.clone());
        tally
    }

    /// Notes the digest of a tensor that was read as a whole for a parameter.
    fn note(&self, file: &str, index: usize, param: &str, digest: Digest) {
        *self.tally(file, index, param).lock().unwrap_or_else(PoisonError::into_inner) = digest;
    }

    /// Whether the values of a decision are those of a tensor in their order, so that small pieces cost no more than large ones.
    pub(crate) fn streams(&self, take: &Take) -> bool {
        let [tensor] = &take.tensors[..] else { return false };
        let found = self.find(&take.file, tensor);
        take.is_copy() && found.is_ok_and(|(model, index)| matches!(model.read(index, 0, &mut []), Ok(true)))
    }

    /// The values of a decision that takes them.
    ///
    /// # Errors
    /// If the files do not have them, or they do not fit.
    pub fn values<'a>(
        &'a self,
        decision: &'a Decision,
        take: &'a Take,
        seed: u64,
    ) -> Result<Box<dyn Values + 'a>, Error> {
        let name = &decision.param.name;
        let failed = |e: FileError| Error::from(unread(&e.to_string()).of(name, "take"));
        if let (true, [tensor]) = (take.is_copy(), &take.tensors[..]) {
            let (model, index) = self.find(&take.file, tensor).map_err(failed)?;
            let tally = self.tally(&take.file, index, name);
            return Ok(Box::new(Copied::new(model, index, decision.dtype, tally).map_err(failed)?));
        }
        if let Some(taking) = Taking::new(decision, seed)? {
            // Elements are read where they are needed, so the digest is made of a reading in order, once for all parameters.
            let tensors = take.tensors.iter().map(|tensor| {
                let (model, index) = self.find(&take.file, tensor)?;
                self.note(&take.file, index, name, self.digest(&take.file, tensor)?);
                Gathered::new(model, index)
            });
            let tensors = tensors.collect::<Result<Vec<_>, _>>().map_err(failed)?;
            return Ok(Box::new(Fitted::new(taking, tensors, decision.dtype)));
        }
        let mut arrays = Vec::new();
        for taken in &take.tensors {
            let (model, index) = self.find(&take.file, taken).map_err(failed)?;
            let (array, digest) = proved(model, index).map_err(failed)?;
            self.note(&take.file, index, name, digest);
            arrays.push(array);
        }
        let size = decision.dtype.size().unwrap_or(1);
        Ok(Box::new(Held { bytes: taken(decision, seed, arrays)?, size }))
    }
}

/// What to do if a file is not the one that a plan was made with.
const CHANGED: &str =
    "The file has changed since the plan was made, or is another one: make the plan again, or bring it back.";

fn unread(wrong: &str) -> Refusal {
    Refusal::new(wrong, "the tensor that the plan was made with", "Make the plan again.")
}
