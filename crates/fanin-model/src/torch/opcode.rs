//! The operations of pickles, protocols 0 to 5, and a reader of their arguments.

use crate::error::Problem;

macro_rules! opcodes {
    ($($name:ident $code:literal)+) => {
        $(pub(super) const $name: u8 = $code;)+
    };
}

// Names and codes are those of Python's `pickle` module (PEP 307, 3154, 574).
opcodes! {
    MARK b'(' STOP b'.' POP b'0' POP_MARK b'1' DUP b'2'
    NONE b'N' NEWTRUE 0x88 NEWFALSE 0x89
    FLOAT b'F' BINFLOAT b'G' INT b'I' BININT b'J' BININT1 b'K' BININT2 b'M' LONG b'L' LONG1 0x8a LONG4 0x8b
    STRING b'S' BINSTRING b'T' SHORT_BINSTRING b'U'
    UNICODE b'V' BINUNICODE b'X' SHORT_BINUNICODE 0x8c BINUNICODE8 0x8d
    BINBYTES b'B' SHORT_BINBYTES b'C' BINBYTES8 0x8e BYTEARRAY8 0x96
    EMPTY_TUPLE b')' TUPLE b't' TUPLE1 0x85 TUPLE2 0x86 TUPLE3 0x87
    EMPTY_LIST b']' LIST b'l' APPEND b'a' APPENDS b'e'
    EMPTY_DICT b'}' DICT b'd' SETITEM b's' SETITEMS b'u'
    EMPTY_SET 0x8f ADDITEMS 0x90 FROZENSET 0x91
    GET b'g' BINGET b'h' LONG_BINGET b'j' PUT b'p' BINPUT b'q' LONG_BINPUT b'r' MEMOIZE 0x94
    GLOBAL b'c' STACK_GLOBAL 0x93 REDUCE b'R' BUILD b'b' INST b'i' OBJ b'o' NEWOBJ 0x81 NEWOBJ_EX 0x92
    PERSID b'P' BINPERSID b'Q'
    PROTO 0x80 FRAME 0x95
}

/// The bytes of a pickle, read from the front.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, at }
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], Box<Problem>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let bytes = usize::try_from(len).ok().and_then(|len| rest.get(..len)).ok_or_else(|| {
            let wrong = format!("{len} bytes are wanted and {} are left", rest.len());
            Problem::new("", wrong, "a pickle up to its end").at(self.at)
        })?;
        self.at += bytes.len();
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Box<Problem>> {
        Ok(self.take(1)?[0])
    }

    /// A little-endian number of `size` bytes, at most eight.
    pub(super) fn number(&mut self, size: u64) -> Result<u64, Box<Problem>> {
        let mut wide = [0; 8];
        let bytes = self.take(size)?;
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    /// The bytes up to the next newline, which is gone over.
    pub(super) fn line(&mut self) -> Result<&'a str, Box<Problem>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len() as u64 + 1, |end| end as u64 + 1);
        let start = self.at;
        let line = self.take(end)?;
        text(&line[..line.len() - 1], start)
    }

    /// Bytes behind their length, which has `size` bytes.
    pub(super) fn counted(&mut self, size: u64) -> Result<&'a [u8], Box<Problem>> {
        let len = self.number(size)?;
        self.take(len)
    }

    /// A text behind its length, which has `size` bytes.
    pub(super) fn text(&mut self, size: u64) -> Result<&'a str, Box<Problem>> {
        let start = self.at;
        text(self.counted(size)?, start)
    }
}

fn text(bytes: &[u8], at: usize) -> Result<&str, Box<Problem>> {
    std::str::from_utf8(bytes).map_err(|_| Problem::new("", "a text is not UTF-8", "UTF-8").at(at))
}
