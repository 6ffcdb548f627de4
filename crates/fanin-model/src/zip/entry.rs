//! One entry: its record in the directory, and what stands around its data.

use super::{DEFLATED, Entry, SIGNATURE, STORED, inflate, u16_at, u32_at, u64_at};
use crate::error::Problem;
use std::ops::Range;

const RECORD: [u8; 4] = *b"PK\x01\x02";

/// A record of the directory without its texts.
pub(super) const RECORD_LEN: usize = 46;

/// A header in front of data without its texts.
pub(super) const HEADER_LEN: usize = 30;

/// Where the checksum stands in either.
pub(super) const RECORD_CRC: usize = 16;
pub(super) const HEADER_CRC: usize = 14;

const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// Sizes and checksum follow the data instead of standing in front of them.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_ENCRYPTED: u16 = 1;

/// The extra field with 64-bit sizes.
pub(super) const WIDE_EXTRA: u16 = 1;

/// A 32-bit field that says that its value stands in the extra field.
pub(super) const ELSEWHERE: u64 = u32::MAX as u64;

/// A record of the directory.
pub(super) struct Record {
    pub(super) span: Range<usize>,
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

fn cut_off(at: usize) -> Box<Problem> {
    Problem::new("directory", "an entry's record is cut off or missing", "a record for each announced entry").at(at)
}

impl Record {
    /// Reads the record at `at`, in a directory that ends at `end`.
    pub(super) fn read(file: &[u8], at: usize, end: usize) -> Result<Record, Box<Problem>> {
        let fixed = file.get(at..at + RECORD_LEN).filter(|b| at + RECORD_LEN <= end && b.starts_with(&RECORD));
        let fixed = fixed.ok_or_else(|| cut_off(at))?;
        let half = |offset| u16_at(fixed, offset).unwrap_or(0);
        let word = |offset| u64::from(u32_at(fixed, offset).unwrap_or(0));
        let (name_len, extra_len, comment_len) = (half(28) as usize, half(30) as usize, half(32) as usize);
        let span = at..at + RECORD_LEN + name_len + extra_len + comment_len;
        if span.end > end {
            return Err(cut_off(at));
        }
        let name = &file[at + RECORD_LEN..at + RECORD_LEN + name_len];
        let name = std::str::from_utf8(name)
            .map_err(|_| Problem::new("directory", "the name of an entry is not UTF-8", "UTF-8").at(at))?;
        let extra = &file[at + RECORD_LEN + name_len..][..extra_len];
        let mut numbers = [word(24), word(20), word(42)];
        widen(&mut numbers, extra).ok_or_else(|| {
            Problem::new(name, "its 64-bit sizes are missing", "an extra field that holds them").at(at)
        })?;
        let [size, packed, offset] = numbers;
        let name = name.to_owned();
        let record =
            Record { span, name, flags: half(8), method: half(10), crc: word(16) as u32, packed, size, offset };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), Box<Problem>> {
        let refused =
            |wrong: String, expected: &str| Err(Problem::new(&self.name, wrong, expected).at(self.span.start));
        if self.flags & FLAG_ENCRYPTED != 0 {
            return refused("the entry is encrypted".into(), "an archive without a password");
        }
        match self.method {
            STORED if self.packed != self.size => {
                refused(format!("{} bytes are stored for {}", self.packed, self.size), "equal sizes")
            }
            DEFLATED if !inflate::is_possible(self.packed, self.size) => {
                let wrong = format!("{} bytes are said to become {}", self.packed, self.size);
                refused(wrong, "at most 1032 times as many, the limit of deflate")
            }
            STORED | DEFLATED => Ok(()),
            method => refused(format!("it is compressed by method {method}"), "a stored or deflated entry"),
        }
    }
}

/// Replaces the numbers that stand elsewhere by those of the 64-bit extra field, in its order. `None` if they are missing.
fn widen(numbers: &mut [u64], extra: &[u8]) -> Option<()> {
    let mut wide = extras(extra).find(|(id, _)| *id == WIDE_EXTRA).map(|(_, range)| &extra[range]);
    for number in numbers.iter_mut().filter(|number| **number == ELSEWHERE) {
        let (value, rest) = wide?.split_first_chunk()?;
        *number = u64::from_le_bytes(*value);
        wide = Some(rest);
    }
    Some(())
}

/// Ids and contents of extra fields; what follows a damaged one is ignored, as every reader does.
pub(super) fn extras(extra: &[u8]) -> impl Iterator<Item = (u16, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (id, len) = (u16_at(extra, at)?, u16_at(extra, at + 2)? as usize);
        let range = at + 4..at + 4 + len;
        at = range.end;
        (range.end <= extra.len()).then_some((id, range))
    })
}

/// Finds the data of a record and checks that what stands around them agrees with it.
pub(super) fn locate(file: &[u8], record: Record, limit: usize) -> Result<Entry, Box<Problem>> {
    let start = usize::try_from(record.offset).unwrap_or(usize::MAX);
    let refused = |wrong: &str, expected: String| Problem::new(&record.name, wrong, expected).at(start.min(file.len()));
    let fixed = start.checked_add(HEADER_LEN).filter(|&end| end <= limit).map(|end| &file[start..end]);
    let fixed = fixed.filter(|fixed| fixed.starts_with(&SIGNATURE));
    let fixed = fixed.ok_or_else(|| refused("no entry starts where the directory says", "its header there".into()))?;
    let half = |offset| u16_at(fixed, offset).unwrap_or(0);
    let (name_len, extra_len) = (half(26) as usize, half(28) as usize);
    let data_start = start + HEADER_LEN + name_len + extra_len;
    let data_end = usize::try_from(record.packed).ok().and_then(|len| data_start.checked_add(len));
    let data_end = data_end.filter(|&end| end <= limit).ok_or_else(|| {
        let expected = format!("at most {} behind its header", limit.saturating_sub(data_start));
        refused(&format!("its data are said to have {} bytes", record.packed), expected)
    })?;
    let name = &file[start + HEADER_LEN..][..name_len];
    if name != record.name.as_bytes() || half(8) != record.method || (half(6) ^ record.flags) & FLAG_DESCRIPTOR != 0 {
        return Err(refused("its header and the directory differ", "the same name and method in both".into()));
    }
    let extra = &file[start + HEADER_LEN + name_len..data_start];
    let mut sizes = [22, 18].map(|offset| u64::from(u32_at(fixed, offset).unwrap_or(0)));
    let (mut end, mut sums) = (data_end, vec![record.span.start + RECORD_CRC]);
    if u32_at(fixed, HEADER_CRC) == Some(record.crc) {
        sums.push(start + HEADER_CRC);
    }
    if record.flags & FLAG_DESCRIPTOR != 0 {
        let found = find_descriptor(file, &record, data_end, limit);
        let (behind, crc) = found.ok_or_else(|| {
            refused("the descriptor behind its data does not fit them", "its checksum and sizes".into())
        })?;
        end = behind;
        sums.push(crc);
    } else if widen(&mut sizes, extra).is_none() || sizes != [record.size, record.packed] || sums.len() != 2 {
        return Err(refused("its header and the directory differ", "the same sizes and checksum in both".into()));
    }
    Ok(Entry {
        name: record.name,
        method: record.method,
        flags: record.flags,
        crc: record.crc,
        size: record.size,
        header: start..data_start,
        data: data_start..data_end,
        end,
        record: record.span,
        sums,
    })
}

/// End of the descriptor at `at`, with or without a signature, with sizes of 32 or 64 bits; and where its checksum stands.
fn find_descriptor(file: &[u8], record: &Record, at: usize, limit: usize) -> Option<(usize, usize)> {
    let signed = file.get(at..)?.starts_with(&DESCRIPTOR);
    let crc = if signed { at + 4 } else { at };
    if u32_at(file, crc)? != record.crc {
        return None;
    }
    let narrow =
        [crc + 4, crc + 8].map(|at| u32_at(file, at).map(u64::from)) == [Some(record.packed), Some(record.size)];
    let wide = [crc + 4, crc + 12].map(|at| u64_at(file, at)) == [Some(record.packed), Some(record.size)];
    let end = match (wide, narrow) {
        (true, _) => crc + 20,
        (_, true) => crc + 12,
        _ => return None,
    };
    (end <= limit).then_some((end, crc))
}
