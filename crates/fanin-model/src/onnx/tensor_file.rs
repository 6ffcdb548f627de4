//! A `TensorProto` that is a file by itself, as ONNX's tests and some data sets have them (`input_0.pb`).

use super::document::{Frame, Home};
use super::tensor::{self, Data};
use crate::error::Problem;
use fanin::Dtype;

/// A tensor read from a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorFile {
    /// Its name; may be empty.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: Vec<u64>,
    /// The elements, little-endian.
    pub bytes: Vec<u8>,
}

impl TensorFile {
    /// Reads the content of such a file.
    ///
    /// # Errors
    /// If it is no `TensorProto`, or its elements stand elsewhere or have no bytes of their own (text).
    pub fn read(file: &[u8]) -> Result<TensorFile, Box<Problem>> {
        let tensor = tensor::parse(file, 0..file.len())?;
        let bytes = match tensor.data {
            Data::Plain(ref range) => file[range.clone()].to_vec(),
            Data::Typed => {
                let frames = [Frame { parent: None, prefix: 0..0, body: 0..file.len() }];
                let home = Home::Tensor { frame: 0, data: Data::Typed, initializer: false };
                super::bytes::owned(file, &frames, tensor.dtype, &home)?
            }
            Data::External(_) | Data::Opaque => {
                return Err(Problem::new("", "the elements are text or in another file", "numbers in this file"));
            }
        };
        Ok(TensorFile { name: tensor.name.to_owned(), dtype: tensor.dtype, shape: tensor.dims, bytes })
    }
}
