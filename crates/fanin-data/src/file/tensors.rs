//! safetensors files with data in them.

use super::element::{Element, Numbers};
use crate::array::count;
use crate::error::DataError;
use safetensors::{Dtype, SafeTensors};

/// The tensors of a file, by name.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, Numbers)>, DataError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| DataError::damaged(format!("it cannot be read: {e}"), "a safetensors file"))?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let shape: Vec<u64> = view.shape().iter().map(|&n| n as u64).collect();
        let element = element(view.dtype()).map_err(|e| e.at(format!("`{name}`")))?;
        let needed = count(&shape, element.size() as u64)? * element.size();
        if view.data().len() != needed {
            return Err(
                DataError::damaged("data and shape do not fit", format!("{needed} bytes")).at(format!("`{name}`"))
            );
        }
        let numbers = Numbers::decode(view.shape().to_vec(), element, view.data());
        let numbers = numbers.map_err(|e| e.at(format!("`{name}`")))?;
        tensors.push((name, numbers));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

fn element(dtype: Dtype) -> Result<Element, DataError> {
    Ok(match dtype {
        Dtype::BOOL => Element::Bool,
        Dtype::U8 => Element::U8,
        Dtype::I8 => Element::I8,
        Dtype::U16 => Element::U16,
        Dtype::I16 => Element::I16,
        Dtype::U32 => Element::U32,
        Dtype::I32 => Element::I32,
        Dtype::U64 => Element::U64,
        Dtype::I64 => Element::I64,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        other => {
            let wrong = format!("the element type is {other:?}");
            return Err(DataError::new(
                wrong,
                "whole numbers of 8 to 64 bits, or f16, bf16, f32, f64",
                "Convert the tensor.",
            ));
        }
    })
}
