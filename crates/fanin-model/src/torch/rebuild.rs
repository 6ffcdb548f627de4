//! A tensor from the arguments of `torch._utils._rebuild_tensor…`.

use super::globals;
use super::value::{Heap, Node, Tensor, Value};
use crate::error::Problem;

/// The tensor that these arguments describe: storage, offset, size, stride, and in version 3 the dtype after two others.
pub(super) fn tensor(heap: &Heap, has_dtype: bool, args: &[Value]) -> Result<Node, Box<Problem>> {
    let refused = |wrong: String| Problem::new("", wrong, "storage, offset, size and stride of a tensor");
    let [Value::Node(storage), Value::Int(offset), size, stride, rest @ ..] = args else {
        return Err(refused(format!("a tensor is made of {} values of other types", args.len())));
    };
    let Node::Storage(found) = heap.at(*storage) else {
        return Err(refused("a tensor is made of something else than a storage".into()));
    };
    let (dtype, bytes) = if has_dtype {
        let name = rest.get(2).and_then(|&value| heap.global(value)).unwrap_or("nothing");
        globals::dtype(name).ok_or_else(|| refused(format!("the dtype of a tensor is {name}")))?
    } else {
        (found.dtype, found.size)
    };
    let numbers = |list: Value| {
        let number = |item: &Value| match item {
            Value::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        heap.items(list).iter().map(number).collect::<Option<Vec<u64>>>()
    };
    let parts = u64::try_from(*offset).ok().zip(numbers(*size)).zip(numbers(*stride));
    let ((offset, shape), strides) = parts.ok_or_else(|| refused("offset, size or stride is negative".into()))?;
    if shape.len() != strides.len() {
        return Err(refused(format!("the shape is {shape:?} and the strides are {strides:?}")));
    }
    Ok(Node::Tensor(Tensor { storage: *storage, dtype, size: bytes, offset, shape, strides }))
}
