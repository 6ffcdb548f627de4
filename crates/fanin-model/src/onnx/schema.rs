//! Field numbers and type codes of ONNX. Source: `onnx.proto` of ONNX 1.23, of which only what is used stands here.

use fanin::Dtype;

pub(super) mod model {
    pub(crate) const IR_VERSION: u32 = 1;
    pub(crate) const PRODUCER: u32 = 2;
    pub(crate) const GRAPH: u32 = 7;
    pub(crate) const OPSET: u32 = 8;
    /// `OperatorSetIdProto.version`.
    pub(crate) const OPSET_VERSION: u32 = 2;
}

/// `OperatorSetIdProto`.
pub(super) mod opset {
    pub(crate) const DOMAIN: u32 = 1;
    pub(crate) const VERSION: u32 = 2;
}

pub(super) mod graph {
    pub(crate) const NODE: u32 = 1;
    pub(crate) const NAME: u32 = 2;
    pub(crate) const INITIALIZER: u32 = 5;
    pub(crate) const INPUT: u32 = 11;
    pub(crate) const OUTPUT: u32 = 12;
    pub(crate) const VALUE_INFO: u32 = 13;
    pub(crate) const SPARSE_INITIALIZER: u32 = 15;
}

pub(super) mod node {
    pub(crate) const INPUT: u32 = 1;
    pub(crate) const OUTPUT: u32 = 2;
    pub(crate) const NAME: u32 = 3;
    pub(crate) const OP_TYPE: u32 = 4;
    pub(crate) const ATTRIBUTE: u32 = 5;
    pub(crate) const DOMAIN: u32 = 7;
    pub(crate) const METADATA: u32 = 9;
}

pub(super) mod attribute {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const FLOAT: u32 = 2;
    pub(crate) const INT: u32 = 3;
    pub(crate) const TEXT: u32 = 4;
    pub(crate) const TENSOR: u32 = 5;
    pub(crate) const GRAPH: u32 = 6;
    pub(crate) const FLOATS: u32 = 7;
    pub(crate) const INTS: u32 = 8;
    pub(crate) const TEXTS: u32 = 9;
    pub(crate) const TYPE: u32 = 20;
    /// Values of `TYPE`.
    pub(crate) const IS_FLOAT: u64 = 1;
    pub(crate) const IS_INT: u64 = 2;
    pub(crate) const IS_TEXT: u64 = 3;
    pub(crate) const IS_TENSOR: u64 = 4;
    pub(crate) const IS_INTS: u64 = 7;
    pub(crate) const IS_TEXTS: u64 = 8;
}

pub(super) mod tensor {
    pub(crate) const DIMS: u32 = 1;
    pub(crate) const DATA_TYPE: u32 = 2;
    pub(crate) const SEGMENT: u32 = 3;
    pub(crate) const FLOAT_DATA: u32 = 4;
    pub(crate) const INT32_DATA: u32 = 5;
    pub(crate) const STRING_DATA: u32 = 6;
    pub(crate) const INT64_DATA: u32 = 7;
    pub(crate) const NAME: u32 = 8;
    pub(crate) const RAW_DATA: u32 = 9;
    pub(crate) const DOUBLE_DATA: u32 = 10;
    pub(crate) const UINT64_DATA: u32 = 11;
    pub(crate) const EXTERNAL_DATA: u32 = 13;
    pub(crate) const DATA_LOCATION: u32 = 14;
    /// Value of `DATA_LOCATION` for data in another file.
    pub(crate) const EXTERNAL: u64 = 1;
}

pub(super) mod sparse_tensor {
    pub(crate) const VALUES: u32 = 1;
    pub(crate) const DIMS: u32 = 3;
}

/// `StringStringEntryProto`.
pub(super) mod entry {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;
}

pub(super) mod value_info {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const TYPE: u32 = 2;
}

/// `TypeProto` and what hangs on it.
pub(super) mod types {
    pub(crate) const TENSOR: u32 = 1;
    pub(crate) const ELEMENT: u32 = 1;
    pub(crate) const SHAPE: u32 = 2;
    pub(crate) const DIM: u32 = 1;
    pub(crate) const DIM_VALUE: u32 = 1;
    pub(crate) const DIM_PARAM: u32 = 2;
}

/// What a `TensorProto.DataType` is; `None` for a code that ONNX does not have.
pub(super) fn dtype(code: u64) -> Option<Dtype> {
    Some(match code {
        1 => Dtype::F32,
        2 => Dtype::U8,
        3 => Dtype::I8,
        4 => Dtype::U16,
        5 => Dtype::I16,
        6 => Dtype::I32,
        7 => Dtype::I64,
        9 => Dtype::Bool,
        10 => Dtype::F16,
        11 => Dtype::F64,
        12 => Dtype::U32,
        13 => Dtype::U64,
        14 => Dtype::C64,
        15 => Dtype::C128,
        16 => Dtype::Bf16,
        17 => Dtype::F8E4m3,
        19 => Dtype::F8E5m2,
        // Text, the float8 forms without negative zero, and everything of 4, 2 or 1 bits.
        8 | 18 | 20..=30 => Dtype::Other,
        _ => return None,
    })
}

/// The `TensorProto.DataType` of a dtype that values can be drawn in.
pub(super) fn code(dtype: Dtype) -> Option<u64> {
    Some(match dtype {
        Dtype::F32 => 1,
        Dtype::F16 => 10,
        Dtype::F64 => 11,
        Dtype::Bf16 => 16,
        Dtype::F8E4m3 => 17,
        Dtype::F8E5m2 => 19,
        _ => return None,
    })
}
