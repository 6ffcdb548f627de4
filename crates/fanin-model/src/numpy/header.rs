//! The header of a `.npy` file: a Python dictionary in text, of which nothing is evaluated.

use super::literal::{Literal, Parser};
use crate::error::Problem;
use crate::view::View;
use fanin::Dtype;

/// What every `.npy` file starts with.
pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header that is read. NumPy itself stops at 10 000 characters unless it is told to trust the file.
pub(super) const MOST_HEADER: usize = 1 << 16;

/// Data start at a multiple of this (NEP 1, version 1.0 as NumPy writes it since 1.14).
const ALIGN: usize = 64;

/// `(type code of the file without byte order, what it is)`.
const CODES: [(&str, Dtype); 14] = [
    ("f8", Dtype::F64),
    ("f4", Dtype::F32),
    ("f2", Dtype::F16),
    ("c16", Dtype::C128),
    ("c8", Dtype::C64),
    ("i8", Dtype::I64),
    ("i4", Dtype::I32),
    ("i2", Dtype::I16),
    ("i1", Dtype::I8),
    ("u8", Dtype::U64),
    ("u4", Dtype::U32),
    ("u2", Dtype::U16),
    ("u1", Dtype::U8),
    ("b1", Dtype::Bool),
];

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    /// The elements are big-endian.
    pub(super) swapped: bool,
    /// The first dimension runs fastest.
    pub(super) columns_first: bool,
    pub(super) shape: Vec<u64>,
    /// Where the elements start.
    pub(super) data: usize,
    /// Bytes of the elements; `None` where elements have a size that is not known here.
    pub(super) len: Option<u64>,
}

impl Header {
    /// Reads the header in the first bytes of a file.
    pub(super) fn parse(start: &[u8]) -> Result<Header, Box<Problem>> {
        let (text, data) = text(start)?;
        let refused = |wrong: String, expected: &str| Problem::new("header", wrong, expected);
        let pairs = match Parser::new(text).whole().map_err(|p| p.within("header"))? {
            Literal::Dict(pairs) => pairs,
            other => return Err(refused(format!("it is {other:?}"), "a dictionary")),
        };
        let (mut descr, mut order, mut shape) = (None, None, None);
        for (key, value) in pairs {
            match key.as_str() {
                "descr" => descr = Some(value),
                "fortran_order" => order = Some(value),
                "shape" => shape = Some(value),
                _ => return Err(refused(format!("it has the key {key:?}"), "`descr`, `fortran_order` and `shape`")),
            }
        }
        let (Some(descr), Some(Literal::Bool(columns_first)), Some(Literal::Tuple(shape))) = (descr, order, shape)
        else {
            return Err(refused(
                "a key is missing or of the wrong type".into(),
                "`descr`, `fortran_order` and `shape`",
            ));
        };
        let shape = shape.into_iter().map(|size| match size {
            Literal::Int(size) => Ok(size),
            other => Err(refused(format!("the shape has {other:?} in it"), "sizes of dimensions")),
        });
        let shape = shape.collect::<Result<Vec<u64>, _>>()?;
        let (dtype, swapped, size) = kind(&descr);
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n < 1 << 58);
        let count = count.ok_or_else(|| refused(format!("the shape {shape:?} has 2^58 elements or more"), "fewer"))?;
        let len = size.map(|size| count.checked_mul(size).ok_or_else(|| refused("it overflows".into(), "a size")));
        Ok(Header { dtype, swapped, columns_first, shape, data, len: len.transpose()? })
    }

    /// Whether the elements stand as they are wanted: little-endian, row by row.
    pub(super) fn is_plain(&self) -> bool {
        let wide = self.shape.iter().filter(|&&size| size > 1).count();
        !self.swapped && (!self.columns_first || wide < 2)
    }

    /// The elements as they are wanted.
    pub(super) fn elements(&self, data: Vec<u8>) -> Result<Vec<u8>, Box<Problem>> {
        let Some(size) = self.dtype.size() else { return Ok(data) };
        let mut data = if self.columns_first { View::columns_first(&self.shape).gather(&data, size)? } else { data };
        if self.swapped {
            crate::view::swap_bytes(&mut data, if is_complex(self.dtype) { size / 2 } else { size });
        }
        Ok(data)
    }

    /// A header for elements of `dtype`, little-endian and row by row; `None` if NumPy has no such type.
    pub(super) fn bytes(&self, dtype: Dtype) -> Option<Vec<u8>> {
        let (code, _) = CODES.iter().find(|(_, known)| *known == dtype)?;
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        let tuple = if let [one] = sizes.as_slice() { format!("({one},)") } else { format!("({})", sizes.join(", ")) };
        let text = format!("{{'descr': '<{code}', 'fortran_order': False, 'shape': {tuple}, }}");
        // A text of 64 KiB or more would be a shape of thousands of dimensions, which parsing does not let through.
        let total = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(ALIGN);
        let mut out = MAGIC.to_vec();
        out.extend([1, 0]);
        out.extend(u16::try_from(total - MAGIC.len() - 4).ok()?.to_le_bytes());
        out.extend(text.as_bytes());
        out.resize(total - 1, b' ');
        out.push(b'\n');
        Some(out)
    }
}

fn is_complex(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::C64 | Dtype::C128)
}

/// The text of the header, and where the elements start.
fn text(start: &[u8]) -> Result<(&[u8], usize), Box<Problem>> {
    let refused = |wrong: String, expected: &str| Problem::new("header", wrong, expected).at(0);
    let Some([major, _]) = start.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk()) else {
        return Err(refused("it does not start with \\x93NUMPY".into(), "a .npy file"));
    };
    let prefix = match major {
        1 => start.get(8..10).map(|b| (10, u64::from(u16::from_le_bytes([b[0], b[1]])))),
        2 | 3 => start.get(8..).and_then(|b| b.first_chunk()).map(|b| (12, u64::from(u32::from_le_bytes(*b)))),
        _ => return Err(refused(format!("its version is {major}"), "version 1, 2 or 3")),
    };
    let (from, len) = prefix.ok_or_else(|| refused("it is cut off".into(), "the length of the header"))?;
    if len > MOST_HEADER as u64 {
        return Err(refused(format!("it claims to have {len} bytes"), "at most 65536"));
    }
    let to = from + len as usize;
    let text = start.get(from..to).ok_or_else(|| refused(format!("it claims to have {len} bytes"), "a whole file"))?;
    Ok((text, to))
}

/// Type, byte order and bytes of an element.
fn kind(descr: &Literal) -> (Dtype, bool, Option<u64>) {
    let other = (Dtype::Other, false, None);
    let Literal::Str(descr) = descr else { return other };
    let mut letters = descr.chars();
    let Some(order @ ('<' | '>' | '|' | '=')) = letters.next() else { return other };
    let code = letters.as_str();
    if let Some((_, dtype)) = CODES.iter().find(|(known, _)| *known == code) {
        return (*dtype, order == '>', dtype.size().map(|size| size as u64));
    }
    // Text and raw bytes, which are carried along. Objects (`O`) are a pickle of unknown length, which is not looked at.
    let unit = match code.get(..1) {
        Some("S" | "V" | "a") => 1,
        Some("U") => 4,
        Some("M" | "m") => return (Dtype::Other, false, Some(8)),
        _ => return other,
    };
    let count = code.get(1..).and_then(|digits| digits.parse::<u64>().ok());
    (Dtype::Other, false, count.and_then(|count| count.checked_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Vec<u8> {
        [&MAGIC[..], &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    }

    fn parsed(descr: &str, order: &str, shape: &str) -> Header {
        Header::parse(&file(&format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}  \n")))
            .unwrap()
    }

    #[test]
    fn types_orders_and_shapes() {
        let header = parsed("'<f4'", "False", "(3, 4)");
        let expected = (Dtype::F32, false, false, vec![3, 4], Some(48));
        assert_eq!((header.dtype, header.swapped, header.columns_first, header.shape, header.len), expected);
        let header = parsed("'>i2'", "True", "(3L,)");
        assert_eq!((header.dtype, header.swapped, header.columns_first), (Dtype::I16, true, true));
        assert_eq!((header.shape, header.len), (vec![3], Some(6)));
        assert_eq!(parsed("'|b1'", "False", "()").len, Some(1));
        assert_eq!(parsed("'<U10'", "False", "(2,)").len, Some(80));
        assert_eq!(parsed("'|V2'", "False", "(5,)").len, Some(10));
        assert_eq!(parsed("'|O'", "False", "(5,)").len, None);
        assert_eq!(parsed("[('a', '<f4'), ('b', '<i4', (2, 3))]", "False", "(5,)").len, None);
    }

    #[test]
    fn a_written_header_is_read_again() {
        for shape in ["()", "(7,)", "(3, 4)", "(0, 2, 3)"] {
            let header = parsed("'>f8'", "True", shape);
            let bytes = header.bytes(Dtype::F16).unwrap();
            assert_eq!(bytes.len() % ALIGN, 0);
            let again = Header::parse(&bytes).unwrap();
            assert_eq!((again.dtype, again.shape, again.data), (Dtype::F16, header.shape, bytes.len()));
            assert!(!again.swapped && !again.columns_first);
        }
        assert_eq!(parsed("'<f4'", "False", "()").bytes(Dtype::Bf16), None);
    }

    #[test]
    fn elements_are_put_in_order() {
        let header = parsed("'>i2'", "True", "(2, 2)");
        assert_eq!(header.elements(vec![0, 1, 0, 2, 0, 3, 0, 4]).unwrap(), [1, 0, 3, 0, 2, 0, 4, 0]);
        assert!(!header.is_plain());
        assert!(parsed("'<i2'", "True", "(1, 9)").is_plain());
        let complex = parsed("'>c8'", "False", "(1,)");
        assert_eq!(complex.elements(vec![1, 2, 3, 4, 5, 6, 7, 8]).unwrap(), [4, 3, 2, 1, 8, 7, 6, 5]);
    }

    #[test]
    fn lies_are_refused() {
        let refused = |bytes: &[u8]| Header::parse(bytes).unwrap_err().to_string();
        for (text, message) in [
            ("", "it ends too early"),
            ("{'descr': '<f4'", "it ends too early"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "wrong type"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "wrong type"),
            ("{'descr': '<f4', 'fortran_order': False}", "a key is missing"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "`-`"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "number is too large"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "2^58 elements"),
            ("{'x': 1}", "it has the key \"x\""),
            ("__import__('os').system('true')", "`_`"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + x", "behind the dictionary"),
        ] {
            let error = refused(&file(text));
            assert!(error.contains(message), "{error}\nshould contain {message}");
        }
        assert!(refused(&file(&"(".repeat(60_000))).contains("nested too deeply"));
        assert!(refused(b"\x93NUMPY\x09\x00").contains("its version is 9"));
        assert!(refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("4294967295 bytes"));
        assert!(refused(b"\x93NUMPY\x01\x00\x10\x00{").contains("16 bytes"));
        assert!(refused(b"\x93NUMP").contains("does not start with"));
    }
}
