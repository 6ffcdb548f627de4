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

/// The most bytes that a `ConstantOfShape` is written out to: its shape is the file's claim, a few bytes long.
const MOST_FILLED: u64 = 1 << 31;

/// All elements of a `ConstantOfShape`.
pub(super) fn filled(stored: &Stored, element: &[u8]) -> Result<Vec<u8>, Box<Problem>> {
    let refused = || {
        let wrong = format!("the node makes {} bytes", stored.len());
        Problem::new("", wrong, "a tensor of at most 2 GiB").remedy("Check the shape that the node gets.")
    };
    let len = usize::try_from(stored.len()).ok().filter(|&len| len as u64 <= MOST_FILLED).ok_or_else(refused)?;
    // The system gives zeros without writing them.
    if element.iter().all(|&byte| byte == 0) {
        return Ok(vec![0; len]);
    }
    Ok(element.repeat(len / element.len().max(1)))
}
