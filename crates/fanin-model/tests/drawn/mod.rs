//! Values for tests: different for every name and index, so that a swap or a shift shows.
#![allow(dead_code, reason = "each test file uses a part")]

use fanin::{Dtype, Param};
use fanin_model::{Change, Fill, Model, Values};
use std::path::{Path, PathBuf};

/// What each parameter gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Want {
    Keep,
    Draw,
    /// Drawn, but made alone.
    Whole,
    Constant(f32),
}

/// Fills the parameters of a model as wanted.
pub(crate) struct Drawn {
    names: Vec<String>,
    dtypes: Vec<Dtype>,
    pub(crate) wants: Vec<Want>,
}

impl Drawn {
    pub(crate) fn new(model: &dyn Model, want: impl Fn(&Param) -> Want) -> Drawn {
        Drawn {
            names: model.params().iter().map(|p| p.name.clone()).collect(),
            dtypes: model.params().iter().map(|p| p.dtype).collect(),
            wants: model.params().iter().map(want).collect(),
        }
    }

    pub(crate) fn with_dtype(mut self, dtype: Dtype) -> Drawn {
        self.dtypes.fill(dtype);
        self
    }

    /// Gives what is tied the values, and the fate, of what it is tied to.
    pub(crate) fn tying(mut self, model: &dyn Model) -> Drawn {
        for (i, param) in model.params().iter().enumerate() {
            let home = param.place.tied.as_ref().map(|tied| &tied.value.to);
            if let Some(home) = model.params().iter().position(|p| Some(&p.name) == home) {
                let name = self.names[home].clone();
                self.names[i] = name;
                self.wants[i] = self.wants[home];
            }
        }
        self
    }

    /// The bytes that parameter `index` gets.
    pub(crate) fn bytes(&self, index: usize, count: u64) -> Vec<u8> {
        let mut out = vec![0; count as usize * self.dtypes[index].size().unwrap()];
        self.values(index).unwrap().fill(0, &mut out).unwrap();
        out
    }
}

/// Keeps everything.
pub(crate) fn keep(_: &Param) -> Want {
    Want::Keep
}

/// Draws everything that holds real numbers.
pub(crate) fn draw(param: &Param) -> Want {
    if param.dtype.is_float() { Want::Draw } else { Want::Keep }
}

/// Draws what is not a constant of the computation.
pub(crate) fn draw_weights(param: &Param) -> Want {
    if param.dtype.is_float() && !param.role.value.is_kept() { Want::Draw } else { Want::Keep }
}

impl Fill for Drawn {
    fn change(&self, param: usize) -> Change {
        let dtype = self.dtypes[param];
        match self.wants[param] {
            Want::Keep => Change::Keep,
            Want::Draw => Change::Write { dtype, constant: None, whole: false },
            Want::Whole => Change::Write { dtype, constant: None, whole: true },
            Want::Constant(value) => Change::Write { dtype, constant: Some(f64::from(value)), whole: false },
        }
    }

    fn values<'a>(&'a self, param: usize) -> Result<Box<dyn Values + 'a>, fanin::Error> {
        let seed = self.names[param]
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let constant = if let Want::Constant(value) = self.wants[param] { Some(value) } else { None };
        Ok(Box::new(Pattern { seed, dtype: self.dtypes[param], constant }))
    }
}

struct Pattern {
    seed: u64,
    dtype: Dtype,
    constant: Option<f32>,
}

impl Values for Pattern {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), fanin::Error> {
        let size = self.dtype.size().unwrap();
        for (i, element) in out.chunks_exact_mut(size).enumerate() {
            let index = start + i as u64;
            let mixed = (self.seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd134_2543_de82_ef95);
            // Between −0.125 and 0.125, with 9 bits: exact in every type but the 8-bit ones, where it is only distinct.
            let drawn = ((mixed >> 55) as f32 - 255.5) / 2048.0;
            let value = self.constant.unwrap_or(drawn);
            match self.dtype {
                Dtype::F64 => element.copy_from_slice(&f64::from(value).to_le_bytes()),
                Dtype::F32 => element.copy_from_slice(&value.to_le_bytes()),
                Dtype::Bf16 => element.copy_from_slice(&value.to_le_bytes()[2..]),
                Dtype::F16 => element.copy_from_slice(&half(value).to_le_bytes()),
                _ => element.copy_from_slice(&mixed.to_le_bytes()[..size]),
            }
        }
        Ok(())
    }
}

/// Binary16 of a number whose mantissa fits and that is 0 or between 2^-14 and 2^15 in size.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    if value == 0.0 { sign } else { sign | (((bits >> 23 & 0xff) - 112) << 10) as u16 | (bits >> 13 & 0x3ff) as u16 }
}

/// The repository's test data.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

/// Every ONNX file at hand: the test data, the examples, and a further folder that `FANIN_ONNX_MODELS` names.
pub(crate) fn onnx_files() -> Vec<PathBuf> {
    let mut folders = vec![testdata().join("onnx"), testdata().join("graphs"), testdata().join("../examples")];
    folders.extend(std::env::var_os("FANIN_ONNX_MODELS").map(PathBuf::from));
    let mut files: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    files
}

/// Names of everything in a folder, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
