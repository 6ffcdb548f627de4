//! The elements of stored tensors that do not stand in the file as they are.

use super::document::{Frame, Home, Stored};
use super::schema::attribute;
use super::tensor::{self, Data};
use super::wire::Fields;
use crate::error::Problem;
use fanin::Dtype;

/// Little-endian bytes of a tensor that has to be decoded. Tensors that stand in a file as they are, and those of
/// `ConstantOfShape`, are not handled here.
pub(super) fn owned(file: &[u8], frames: &[Frame], dtype: Dtype, home: &Home) -> Result<Vec<u8>, Box<Problem>> {
    match home {
        Home::Tensor { frame, data: Data::Typed, .. } => tensor::decode(file, frames[*frame].body.clone(), dtype),
        // Protobuf leaves the default out.
        Home::Number { bytes, .. } => Ok(bytes.clone().map_or_else(|| vec![0; 4], |range| file[range].to_vec())),
        Home::Numbers { attribute: frame } => {
            let mut bytes = Vec::new();
            for field in Fields::new(file, frames[*frame].body.clone()) {
                let field = field?;
                if field.number == attribute::FLOATS {
                    bytes.extend(&file[field.body]);
                }
            }
            Ok(bytes)
        }
        Home::Integers(bytes) => Ok(bytes.clone()),
        Home::Tensor { .. } | Home::Filled { .. } => Ok(Vec::new()),
    }
}

/// All elements of a `ConstantOfShape`.
pub(super) fn filled(stored: &Stored, element: &[u8]) -> Result<Vec<u8>, Box<Problem>> {
    let mut bytes = Vec::new();
    let refused = || {
        let wrong = format!("the node makes {} bytes", stored.len());
        Problem::new("", wrong, "a tensor that fits into memory").remedy("Check the shape that the node gets.")
    };
    // The shape is the file's claim: it must not be able to end the program.
    bytes.try_reserve_exact(usize::try_from(stored.len()).map_err(|_| refused())?).map_err(|_| refused())?;
    for _ in 0..stored.count() {
        bytes.extend_from_slice(element);
    }
    Ok(bytes)
}
