//! NumPy's files: `.npy` with one array, `.npz` with several in a zip archive.

use super::element::{Element, Numbers};
use crate::array::{MOST_BYTES, count};
use crate::error::DataError;
use std::io::{Cursor, Read as _};

const MAGIC: &[u8] = b"\x93NUMPY";

/// What a header says.
#[derive(Debug, PartialEq)]
struct Header<'a> {
    descr: &'a str,
    fortran: bool,
    shape: Vec<u64>,
}

/// An `.npy` file: magic, version, length of the header, the header as a Python literal, and the elements.
///
/// # Source
/// `NumPy` Enhancement Proposal 1, versions 1 to 3 of the format.
pub(super) fn parse(bytes: &[u8]) -> Result<Numbers, DataError> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| DataError::damaged("the file does not begin as .npy does", "an .npy file"))?;
    let (header, data) = sections(rest).ok_or_else(|| DataError::damaged("the header is cut off", "a whole header"))?;
    let text =
        std::str::from_utf8(header).map_err(|_| DataError::damaged("the header is no text", "a Python literal"))?;
    let header = Header::read(text).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        DataError::damaged(format!("the header is `{}`", shown.escape_debug()), "descr, fortran_order and shape")
    })?;
    let (element, swapped) = element(header.descr)?;
    let needed = count(&header.shape, element.size() as u64)? * element.size();
    if data.len() != needed {
        let wrong = format!("there are {} bytes of data", data.len());
        return Err(DataError::damaged(wrong, format!("{needed}, as the shape {:?} says", header.shape)));
    }
    let shape: Vec<usize> = header.shape.iter().map(|&n| n as usize).collect();
    let mut data = data.to_vec();
    if swapped {
        data.chunks_mut(element.size()).for_each(<[u8]>::reverse);
    }
    if header.fortran && shape.len() > 1 {
        data = rows_first(&shape, element.size(), &data);
    }
    Numbers::decode(shape, element, &data)
}

/// The header and what comes behind it.
fn sections(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[major, _minor], rest) = rest.split_first_chunk()?;
    if major == 1 {
        let (len, rest) = rest.split_first_chunk()?;
        return rest.split_at_checked(usize::from(u16::from_le_bytes(*len)));
    }
    let (len, rest) = rest.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

impl<'a> Header<'a> {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn read(text: &'a str) -> Option<Header<'a>> {
        let inside = text.trim().strip_prefix('{')?.trim_end().strip_suffix('}')?;
        let after = |key: &str| {
            let at = inside.find(&format!("'{key}'")).or_else(|| inside.find(&format!("\"{key}\"")))?;
            Some(inside[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = after("descr")?;
        let quote = descr.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let descr = descr[1..].split(quote).next()?;
        let fortran = after("fortran_order")?;
        let fortran = match fortran {
            yes if yes.starts_with("True") => true,
            no if no.starts_with("False") => false,
            _ => return None,
        };
        let sizes = after("shape")?.strip_prefix('(')?.split(')').next()?;
        let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
        Some(Header { descr, fortran, shape })
    }
}

/// The element type, and whether its bytes stand in big-endian order.
fn element(descr: &str) -> Result<(Element, bool), DataError> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or(("", ""));
    let element = match kind {
        "b1" => Element::Bool,
        "u1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => {
            let wrong = format!("the element type is `{}`", descr.escape_debug());
            let expected = "whole numbers of 8 to 64 bits, or f2, f4, f8";
            return Err(DataError::new(wrong, expected, "Store the array with `astype(numpy.float32)`."));
        }
    };
    match order {
        "<" | "|" | "=" => Ok((element, false)),
        ">" => Ok((element, true)),
        _ => Err(DataError::damaged(format!("the byte order is `{}`", order.escape_debug()), "<, > or |")),
    }
}

/// Elements that stand first index fastest, with the last index fastest.
fn rows_first(shape: &[usize], size: usize, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = size;
    for &n in shape {
        strides.push(stride);
        stride *= n;
    }
    let mut index = vec![0; shape.len()];
    for _ in 0..data.len() / size {
        let at: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        out.extend_from_slice(&data[at..][..size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// The arrays of an `.npz` file, in its order.
pub(super) fn members(bytes: &[u8]) -> Result<Vec<(String, Numbers)>, DataError> {
    let broken =
        |e: zip::result::ZipError| DataError::damaged(format!("the archive cannot be read: {e}"), "an .npz file");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut arrays = Vec::new();
    let mut left = MOST_BYTES;
    for i in 0..archive.len() {
        let member = archive.by_index(i).map_err(broken)?;
        let Some(name) = member.name().map_err(broken)?.strip_suffix(".npy").map(str::to_owned) else { continue };
        let mut content = Vec::new();
        // The archive's own word for the size is not taken.
        let unpacked = member.take(left + 1).read_to_end(&mut content);
        unpacked.map_err(|e| {
            DataError::damaged(format!("it cannot be unpacked: {e}"), "a whole archive").at(format!("`{name}`"))
        })?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| {
            let wrong = format!("the arrays have more than {} GiB", MOST_BYTES >> 30);
            DataError::new(wrong, "data that can be held in memory", "Give a part of the data.")
        })?;
        let array = parse(&content).map_err(|e| e.at(format!("`{name}`")))?;
        arrays.push((name, array));
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_any_order() {
        let expected = Header { descr: "<f4", fortran: false, shape: vec![3, 4] };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n",
            "{\"shape\":(3,4),\"descr\":\"<f4\",\"fortran_order\":False}",
        ] {
            assert_eq!(Header::read(text).as_ref(), Some(&expected), "{text}");
        }
        assert_eq!(Header::read("{'descr': '<f4', 'fortran_order': True, 'shape': ()}").unwrap().shape, [0; 0]);
        for text in [
            "",
            "{}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        ] {
            assert_eq!(Header::read(text), None, "{text}");
        }
    }

    #[test]
    fn columns_become_rows() {
        // [[1, 2, 3], [4, 5, 6]] stands as 1 4 2 5 3 6.
        assert_eq!(rows_first(&[2, 3], 1, &[1, 4, 2, 5, 3, 6]), [1, 2, 3, 4, 5, 6]);
    }
}
