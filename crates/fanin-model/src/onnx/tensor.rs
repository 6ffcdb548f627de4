//! A `TensorProto`: where its elements stand, with its claims checked against each other.

use super::schema::{self, entry, tensor};
use super::wire::{Field, Fields, Payload, varint};
use crate::error::Problem;
use fanin::Dtype;
use std::ops::Range;

/// A stored tensor.
#[derive(Clone, Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<u64>,
    pub(super) dtype: Dtype,
    pub(super) data: Data,
}

/// Where the elements of a tensor are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Here in the file, one behind the other, little-endian.
    Plain(Range<usize>),
    /// In fields that have to be decoded: varints, or scattered over several fields.
    Typed,
    /// In another file.
    External(External),
    /// In a form that is only carried along: text, elements of less than a byte, segments.
    Opaque,
}

/// What the tensor says about the other file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct External {
    pub(super) location: String,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Index of the opened file; `None` until it is found, or if it is missing.
    pub(super) file: Option<usize>,
}

/// The fields of which exactly one kind may hold the elements.
pub(super) const DATA_FIELDS: [u32; 7] = [
    tensor::FLOAT_DATA,
    tensor::INT32_DATA,
    tensor::STRING_DATA,
    tensor::INT64_DATA,
    tensor::RAW_DATA,
    tensor::DOUBLE_DATA,
    tensor::UINT64_DATA,
];

/// What the fields of the message say, before it is put together.
#[derive(Default)]
struct Raw<'a> {
    name: &'a str,
    dims: Vec<u64>,
    code: u64,
    segment: bool,
    external: bool,
    entries: Vec<Range<usize>>,
    /// Data fields in order.
    data: Vec<Field>,
}

/// Reads the tensor that is `body` of `file`.
pub(super) fn parse(file: &[u8], body: Range<usize>) -> Result<Tensor<'_>, Box<Problem>> {
    let start = body.start;
    let raw = collect(file, body)?;
    let dtype = schema::dtype(raw.code).ok_or_else(|| {
        let wrong = format!("the type code is {}", raw.code);
        Problem::new("data_type", wrong, "a code of TensorProto.DataType, 1 to 30")
            .at(start)
            .remedy("If this is a newer type, it cannot be read yet; otherwise the file is damaged.")
    })?;
    let count = raw.dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d).filter(|&n| n < 1 << 58));
    let (Some(count), true) = (count, raw.dims.iter().all(|&d| d < 1 << 58)) else {
        let wrong = format!("the shape {:?} has 2^58 elements or more", raw.dims);
        return Err(Problem::new("dims", wrong, "a tensor that could be stored").at(start));
    };
    let data = locate(file, &raw, dtype, count).map_err(|p| if p.offset.is_none() { p.at(start) } else { p })?;
    Ok(Tensor { name: raw.name, dims: raw.dims, dtype, data })
}

fn collect(file: &[u8], body: Range<usize>) -> Result<Raw<'_>, Box<Problem>> {
    let mut raw = Raw::default();
    for field in Fields::new(file, body) {
        let field = field?;
        match (field.number, &field.payload) {
            (tensor::DIMS, Payload::Varint(dim)) => raw.dims.push(*dim),
            (tensor::DIMS, Payload::Bytes) => packed(file, &field.body, |dim| raw.dims.push(dim))?,
            (tensor::DATA_TYPE, Payload::Varint(code)) => raw.code = *code,
            (tensor::SEGMENT, _) => raw.segment = true,
            (tensor::NAME, Payload::Bytes) => raw.name = text(file, &field.body)?,
            (tensor::EXTERNAL_DATA, Payload::Bytes) => raw.entries.push(field.body),
            (tensor::DATA_LOCATION, Payload::Varint(place)) => raw.external = *place == tensor::EXTERNAL,
            (number, _) if DATA_FIELDS.contains(&number) => raw.data.push(field),
            _ => {}
        }
    }
    Ok(raw)
}

fn locate(file: &[u8], raw: &Raw, dtype: Dtype, count: u64) -> Result<Data, Box<Problem>> {
    let Some(size) = dtype.size().filter(|_| !raw.segment) else { return Ok(Data::Opaque) };
    let needed = count.checked_mul(size as u64).ok_or_else(|| Problem::new("dims", "the size overflows", "less"))?;
    let kinds: Vec<u32> = DATA_FIELDS
        .into_iter()
        .filter(|&n| raw.data.iter().any(|f| f.number == n && (!f.body.is_empty() || n == tensor::RAW_DATA)))
        .collect();
    if raw.external {
        return external(file, &raw.entries, needed).map(Data::External);
    }
    match (kinds.as_slice(), raw.data.last()) {
        ([], _) if count == 0 => Ok(Data::Plain(0..0)),
        ([], _) => Err(Problem::new("raw_data", "the tensor has no data", format!("{needed} bytes"))),
        ([tensor::RAW_DATA], Some(_)) => {
            // Of a field that may come once, the last occurrence counts.
            let body = raw.data.iter().rfind(|f| f.number == tensor::RAW_DATA).map_or(0..0, |f| f.body.clone());
            fits("raw_data", &body, body.len() as u64, needed)?;
            Ok(Data::Plain(body))
        }
        ([kind @ (tensor::FLOAT_DATA | tensor::DOUBLE_DATA)], Some(only))
            if raw.data.len() == 1 && only.payload == Payload::Bytes && holds(*kind, dtype) =>
        {
            fits(data_name(*kind), &only.body, only.body.len() as u64, needed)?;
            Ok(Data::Plain(only.body.clone()))
        }
        ([kind], Some(last)) if holds(*kind, dtype) => {
            let len = decode_fields(file, &raw.data, size, None)?;
            fits(data_name(*kind), &last.body, len, needed)?;
            Ok(Data::Typed)
        }
        ([kind], _) => {
            let wrong = format!("elements of dtype {dtype} stand in this field");
            Err(Problem::new(data_name(*kind), wrong, "them in the field that ONNX has for the type"))
        }
        (several, _) => {
            let names: Vec<_> = several.iter().map(|&n| data_name(n)).collect();
            Err(Problem::new(
                "raw_data",
                format!("the elements stand in {}", names.join(" and ")),
                "one field for them",
            ))
        }
    }
}

fn fits(field: &str, body: &Range<usize>, len: u64, needed: u64) -> Result<(), Box<Problem>> {
    if len == needed {
        return Ok(());
    }
    Err(Problem::new(field, format!("the data have {len} bytes"), format!("{needed}, by shape and type"))
        .at(body.start))
}

/// Whether elements of `dtype` may stand in the typed field. Source: comments of `TensorProto` in `onnx.proto`.
fn holds(field: u32, dtype: Dtype) -> bool {
    match field {
        tensor::FLOAT_DATA => matches!(dtype, Dtype::F32 | Dtype::C64),
        tensor::DOUBLE_DATA => matches!(dtype, Dtype::F64 | Dtype::C128),
        tensor::INT64_DATA => dtype == Dtype::I64,
        tensor::UINT64_DATA => matches!(dtype, Dtype::U32 | Dtype::U64),
        tensor::INT32_DATA => dtype.size().is_some_and(|size| size <= 4) && !matches!(dtype, Dtype::F32 | Dtype::U32),
        _ => false,
    }
}

fn data_name(number: u32) -> &'static str {
    match number {
        tensor::FLOAT_DATA => "float_data",
        tensor::INT32_DATA => "int32_data",
        tensor::STRING_DATA => "string_data",
        tensor::INT64_DATA => "int64_data",
        tensor::DOUBLE_DATA => "double_data",
        tensor::UINT64_DATA => "uint64_data",
        _ => "raw_data",
    }
}

/// The elements of a tensor whose data are [`Data::Typed`], as little-endian bytes.
pub(super) fn decode(file: &[u8], body: Range<usize>, dtype: Dtype) -> Result<Vec<u8>, Box<Problem>> {
    let (raw, mut out) = (collect(file, body)?, Vec::new());
    decode_fields(file, &raw.data, dtype.size().unwrap_or(1), Some(&mut out))?;
    Ok(out)
}

/// Decodes typed fields to `out`, if given, and returns how many bytes that makes.
fn decode_fields(
    file: &[u8],
    fields: &[Field],
    size: usize,
    mut out: Option<&mut Vec<u8>>,
) -> Result<u64, Box<Problem>> {
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        len += bytes.len() as u64;
        if let Some(out) = &mut out {
            out.extend(bytes);
        }
    };
    for field in fields {
        let fixed = matches!(field.number, tensor::FLOAT_DATA | tensor::DOUBLE_DATA);
        match &field.payload {
            Payload::Varint(value) if !fixed => put(&value.to_le_bytes()[..size]),
            Payload::Bytes if !fixed => packed(file, &field.body, |value| put(&value.to_le_bytes()[..size]))?,
            Payload::Bytes | Payload::Fixed32 | Payload::Fixed64 if fixed => put(&file[field.body.clone()]),
            _ => {
                let name = data_name(field.number);
                return Err(
                    Problem::new(name, "the wire type does not fit", "packed or single elements").at(field.span.start)
                );
            }
        }
    }
    Ok(len)
}

fn external(file: &[u8], entries: &[Range<usize>], needed: u64) -> Result<External, Box<Problem>> {
    let mut external = External { location: String::new(), offset: 0, len: needed, file: None };
    for body in entries {
        let (mut key, mut value) = ("", "");
        for field in Fields::new(file, body.clone()) {
            let field = field?;
            match (field.number, &field.payload) {
                (entry::KEY, Payload::Bytes) => key = text(file, &field.body)?,
                (entry::VALUE, Payload::Bytes) => value = text(file, &field.body)?,
                _ => {}
            }
        }
        let number = || {
            let wrong = format!("{key} is `{value}`");
            value.parse::<u64>().map_err(|_| Problem::new("external_data", wrong, "a number of bytes").at(body.start))
        };
        match key {
            "location" => value.clone_into(&mut external.location),
            "offset" => external.offset = number()?,
            "length" => {
                let len = number()?;
                if len != needed {
                    let wrong = format!("length is {len}");
                    let expected = format!("{needed}, by shape and type");
                    return Err(Problem::new("external_data", wrong, expected).at(body.start));
                }
            }
            _ => {}
        }
    }
    Ok(external)
}

/// Calls `each` for every varint of a packed field.
pub(super) fn packed(file: &[u8], body: &Range<usize>, mut each: impl FnMut(u64)) -> Result<(), Box<Problem>> {
    let mut at = body.start;
    while at < body.end {
        let (value, next) = varint(&file[..body.end], at)?;
        each(value);
        at = next;
    }
    Ok(())
}

/// The text that stands at `body`.
pub(super) fn text<'a>(file: &'a [u8], body: &Range<usize>) -> Result<&'a str, Box<Problem>> {
    std::str::from_utf8(&file[body.clone()])
        .map_err(|e| Problem::new("", "a text is not UTF-8", "UTF-8").at(body.start + e.valid_up_to()))
}
