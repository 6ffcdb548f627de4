//! [`Sources`]: the files that a plan takes values from.

use crate::error::{FileError, Problem};
use crate::fill::Values;
use crate::model::{Model, open};
use fanin::digest::Digest;
use fanin::fit::{Array, Taken, cast};
use fanin::generate::taken;
use fanin::transfer::Summary;
use fanin::{Decision, Dtype, Error, Plan, Refusal, Region, Take};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Elements that a thread reads at once while a tensor is looked through.
const BLOCK: u64 = 1 << 20;

/// The files that a plan takes values from, open.
#[derive(Default)]
pub struct Sources {
    models: BTreeMap<String, Box<dyn Model>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.models.keys()).finish()
    }
}

impl Sources {
    /// Opens the files of a plan and proves by their digests that they hold what the plan was made with. `moved` says where
    /// files are now that were elsewhere when the plan was made.
    ///
    /// # Errors
    /// If one cannot be opened, or a tensor is missing or another one.
    pub fn open(plan: &Plan, moved: &BTreeMap<String, PathBuf>) -> Result<Sources, FileError> {
        let mut sources = Sources::default();
        for (_, take) in plan.takes() {
            if !sources.models.contains_key(&take.file) {
                let path = moved.get(&take.file).cloned().unwrap_or_else(|| PathBuf::from(&take.file));
                sources.models.insert(take.file.clone(), open(path)?);
            }
        }
        let mut proved = BTreeSet::new();
        for (_, take) in plan.takes() {
            for tensor in &take.tensors {
                if proved.insert((&take.file, &tensor.name)) {
                    sources.prove(&take.file, tensor)?;
                }
            }
        }
        Ok(sources)
    }

    /// A file that is open already, under the name that the plan has for it. Its tensors are not proved again.
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

    fn prove(&self, file: &str, tensor: &Taken) -> Result<(), FileError> {
        let (model, index) = self.find(file, tensor)?;
        let found = digest(model, index)?;
        if found == tensor.digest {
            return Ok(());
        }
        let wrong = format!("its digest is {found}");
        Err(Problem::new(&tensor.name, wrong, format!("{}, as in the plan", tensor.digest))
            .remedy(CHANGED)
            .of(Path::new(file)))
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
            return Ok(Box::new(Copied { model, index, from: tensor.dtype, to: decision.dtype }));
        }
        let mut arrays = Vec::new();
        for taken in &take.tensors {
            let (model, index) = self.find(&take.file, taken).map_err(failed)?;
            arrays.push(tensor(model, index).map_err(failed)?);
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

/// What is read of a tensor that is taken: its digest, and how its elements spread.
///
/// # Errors
/// If it cannot be read.
pub fn summary(model: &dyn Model, tensor: usize) -> Result<Summary, FileError> {
    let dtype = model.params()[tensor].dtype;
    let size = dtype.size().unwrap_or(1);
    let number = |element: &[u8]| dtype.number(element).unwrap_or(0.0);
    let looked = looked_through(model, tensor, &|block: &[u8]| {
        block.chunks_exact(size).map(number).fold([0.0, 0.0], |[sum, square], x| [sum + x, square + x * x])
    })?;
    let (digests, sums): (Vec<Digest>, Vec<[f64; 2]>) = looked.into_iter().unzip();
    // In the order of the blocks: the same bits on any number of threads.
    let total = sums.iter().fold([0.0, 0.0], |[sum, square], block| [sum + block[0], square + block[1]]);
    let digest: Digest = digests.into_iter().sum();
    let [mean, square] = total.map(|sum| sum / digest.count().max(1) as f64);
    Ok(Summary { digest: digest.to_string(), std: (square - mean * mean).max(0.0).sqrt() })
}

/// The digest of a tensor that is taken.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(model: &dyn Model, tensor: usize) -> Result<String, FileError> {
    let looked = looked_through(model, tensor, &|_: &[u8]| ())?;
    Ok(looked.into_iter().map(|(digest, ())| digest).sum::<Digest>().to_string())
}

/// For each block of a tensor its digest and what else is made of it. One thread reads while another computes.
fn looked_through<T: Send>(
    model: &dyn Model,
    tensor: usize,
    look: &(dyn Fn(&[u8]) -> T + Sync),
) -> Result<Vec<(Digest, T)>, FileError> {
    let param = &model.params()[tensor];
    let count = param.count().map_err(fanin::Error::from)?;
    let size = param.dtype.size().unwrap_or(1) as u64;
    // What cannot be read in pieces is decoded once.
    let whole = if model.read(tensor, 0, &mut [])? { None } else { model.bytes(tensor)? };
    let missing = || Problem::new(&param.name, "its data is missing", "data to take").of(Path::new("the source"));
    let one = |block: u64, buffer: &mut Vec<u8>| {
        let (start, end) = (block * BLOCK, count.min((block + 1) * BLOCK));
        buffer.resize(((end - start) * size) as usize, 0);
        let read = match &whole {
            Some(bytes) => bytes
                .get((start * size) as usize..(end * size) as usize)
                .map(|held| buffer.copy_from_slice(held))
                .is_some(),
            None => model.read(tensor, start * size, buffer)?,
        };
        if !read {
            return Err(missing());
        }
        let region = Region::Flat(start..end);
        let digest = Digest::of(&param.name, param.dtype, &param.shape, &region, buffer);
        Ok((digest.map_err(fanin::Error::from)?, look(buffer)))
    };
    (0..count.div_ceil(BLOCK)).into_par_iter().map_init(Vec::new, |buffer, block| one(block, buffer)).collect()
}

/// A whole tensor, in memory.
pub(crate) fn tensor(model: &dyn Model, index: usize) -> Result<Array, FileError> {
    let param = &model.params()[index];
    let missing = || Problem::new(&param.name, "its data is missing", "data to take").of(Path::new("the source"));
    let bytes = model.bytes(index)?.ok_or_else(missing)?;
    Ok(Array::read(&param.shape, param.dtype, &bytes).map_err(fanin::Error::from)?)
}

/// A tensor of another file, read piece by piece.
struct Copied<'a> {
    model: &'a dyn Model,
    index: usize,
    from: Dtype,
    to: Dtype,
}

impl Values for Copied<'_> {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let failed = |e: FileError| Error::from(unread(&e.to_string()));
        let missing = || Error::from(unread("its data ends early"));
        let size = self.from.size().ok_or_else(missing)?;
        let count = out.len() / self.to.size().ok_or_else(missing)?;
        if self.from == self.to {
            let read = self.model.read(self.index, start * size as u64, out).map_err(failed)?;
            return read.then_some(()).ok_or_else(missing);
        }
        let mut held = vec![0; count * size];
        if !self.model.read(self.index, start * size as u64, &mut held).map_err(failed)? {
            return Err(missing());
        }
        Ok(cast(&held, self.from, self.to, out)?)
    }
}

/// Values that were made as a whole.
struct Held {
    bytes: Vec<u8>,
    size: usize,
}

impl Values for Held {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let at = usize::try_from(start).ok().and_then(|start| start.checked_mul(self.size));
        let held = at.and_then(|at| self.bytes.get(at..at.checked_add(out.len())?));
        out.copy_from_slice(held.ok_or_else(|| unread("its values end early"))?);
        Ok(())
    }
}
