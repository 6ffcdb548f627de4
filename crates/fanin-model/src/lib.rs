//! Opens and rewrites model files: safetensors files, Hugging Face folders of them, ONNX, PyTorch checkpoints, NumPy,
//! GGUF and Keras files.
//!
//! A file is opened as parameters plus, when the format has one, a graph. It is written by replacing the bytes of the
//! parameters that change; nothing else is touched. What a file claims is checked before it is believed.

pub mod architecture;
mod content;
mod error;
mod fill;
mod gguf;
mod keras;
mod model;
mod numpy;
mod onnx;
mod output;
mod planned;
mod rearranged;
mod safetensors;
mod source;
mod sources;
mod torch;
mod transfer;
mod view;
mod zip;

pub use error::{FileError, Problem};
pub use fill::{Change, Fill, Values};
pub use model::{Format, Model, WriteOptions, open};
pub use onnx::TensorFile;
pub use planned::Planned;
pub use safetensors::configuration;
pub use sources::{Sources, summary};
pub use transfer::{transfer, transfer_unread};
