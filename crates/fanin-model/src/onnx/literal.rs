//! Small tensors inside attributes.

use super::tensor::{self, Data};
use super::wire::Field;
use fanin::graph::Literal;

/// Elements of an attribute's tensor that are kept at hand, in bytes; a `ConstantOfShape` needs one element.
const MOST_BYTES: usize = 4096;

/// The tensor in `field`; `None` if it is large, stands elsewhere, or has no plain elements.
pub(super) fn read(file: &[u8], field: &Field) -> Option<Literal> {
    let tensor = tensor::parse(file, field.body.clone()).ok()?;
    let bytes = match tensor.data {
        Data::Plain(range) if range.len() <= MOST_BYTES => file[range].to_vec(),
        Data::Typed if field.body.len() <= MOST_BYTES => tensor::decode(file, field.body.clone(), tensor.dtype).ok()?,
        _ => return None,
    };
    Some(Literal { shape: tensor.dims, dtype: tensor.dtype, bytes })
}
