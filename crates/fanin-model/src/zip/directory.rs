//! The directory at the end of an archive.

use super::entry::{self, Record};
use super::{Archive, Entry, u16_at, u32_at, u64_at};
use crate::error::Problem;
use std::collections::BTreeSet;
use std::ops::Range;

const END: [u8; 4] = *b"PK\x05\x06";
const END_LEN: usize = 22;
const WIDE_END: [u8; 4] = *b"PK\x06\x06";
const WIDE_END_LEN: usize = 56;
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_LEN: usize = 20;

/// The longest comment behind the end of the directory: its length has 16 bits.
const MOST_COMMENT: usize = u16::MAX as usize;

/// What the end of an archive says about its directory.
struct End {
    at: usize,
    count: u64,
    directory: Range<usize>,
    wide: bool,
}

/// Looks through a whole archive.
pub(super) fn read(file: &[u8]) -> Result<Archive, Box<Problem>> {
    let end = find_end(file)?;
    let mut entries = Vec::new();
    let mut at = end.directory.start;
    for _ in 0..end.count {
        let record = Record::read(file, at, end.directory.end)?;
        at = record.span.end;
        entries.push(entry::locate(file, record, end.directory.start)?);
    }
    if at != end.directory.end {
        let wrong = format!("{} entries are announced, and the directory goes on behind them", end.count);
        return Err(Problem::new("directory", wrong, "an end behind the last one").at(at));
    }
    check_names(&entries)?;
    check_overlaps(&entries)?;
    Ok(Archive { entries, directory: end.directory, end: end.at, wide: end.wide })
}

fn find_end(file: &[u8]) -> Result<End, Box<Problem>> {
    let lowest = file.len().saturating_sub(END_LEN + MOST_COMMENT);
    // Only a record whose comment ends with the file is the end: a comment may hold what looks like one.
    let is_end = |&at: &usize| {
        file[at..].starts_with(&END) && u16_at(file, at + 20).is_some_and(|n| at + END_LEN + n as usize == file.len())
    };
    let at = (lowest..file.len()).rev().find(is_end).ok_or_else(|| {
        Problem::new("directory", "the archive has no end record", "the directory of a zip archive at its end")
    })?;
    let field = |offset| u32_at(file, at + offset).map_or(0, u64::from);
    let count = |offset| u16_at(file, at + offset).map_or(0, u64::from);
    let narrow = (count(10), field(12), field(16));
    let disks = (u16_at(file, at + 4), u16_at(file, at + 6), count(8) == count(10));
    let wide = at >= LOCATOR_LEN && file[at - LOCATOR_LEN..].starts_with(&LOCATOR);
    let (count, len, start) = if wide { wide_end(file, at - LOCATOR_LEN)? } else { narrow };
    if !wide && disks != (Some(0), Some(0), true) {
        return Err(Problem::new("directory", "the archive is in several parts", "one file").at(at));
    }
    let limit = if wide { wide_at(file, at - LOCATOR_LEN) } else { at };
    let range = usize::try_from(start).ok().zip(usize::try_from(len).ok());
    let directory = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
    let directory = directory.filter(|range| range.end == limit).ok_or_else(|| {
        let wrong = format!("it is said to have {len} bytes from {start} on");
        Problem::new("directory", wrong, format!("that it ends at {limit}, where the end record starts")).at(at)
    })?;
    // A record has 46 bytes or more, so the count cannot ask for more memory than the file has.
    if count > (directory.len() / entry::RECORD_LEN) as u64 {
        let wrong = format!("{count} entries are announced in {} bytes", directory.len());
        return Err(Problem::new("directory", wrong, "46 bytes or more for each").at(at));
    }
    Ok(End { at, count, directory, wide })
}

/// Where the 64-bit record starts that the locator points to.
fn wide_at(file: &[u8], locator: usize) -> usize {
    u64_at(file, locator + 8).map_or(0, |at| at as usize)
}

/// Count, length and start of the directory from the 64-bit record.
fn wide_end(file: &[u8], locator: usize) -> Result<(u64, u64, u64), Box<Problem>> {
    let at = wide_at(file, locator);
    let fits = at.checked_add(WIDE_END_LEN) == Some(locator) && file[at..].starts_with(&WIDE_END);
    let size = WIDE_END_LEN as u64 - 12;
    if !fits || u64_at(file, at + 4) != Some(size) {
        let wrong = format!("the 64-bit end record is said to start at {at}");
        return Err(
            Problem::new("directory", wrong, format!("{WIDE_END_LEN} bytes in front of byte {locator}")).at(locator)
        );
    }
    let field = |offset| u64_at(file, at + offset).unwrap_or(0);
    if u64_at(file, at + 16) != Some(0) || field(24) != field(32) {
        return Err(Problem::new("directory", "the archive is in several parts", "one file").at(at));
    }
    Ok((field(32), field(40), field(48)))
}

/// Nothing is unpacked, but a name that leads elsewhere is meant for those who do.
fn check_names(entries: &[Entry]) -> Result<(), Box<Problem>> {
    let mut seen = BTreeSet::new();
    for entry in entries {
        let name = entry.name.as_str();
        let leaves = name.split(['/', '\\']).any(|part| part == "..") || name.starts_with(['/', '\\']);
        if leaves || name.contains('\0') {
            return Err(Problem::new("directory", format!("an entry is named {name:?}"), "a path inside the archive")
                .at(entry.record.start)
                .remedy("Such a name would write outside of a folder; get the file from a source you trust."));
        }
        if !seen.insert(name) {
            let wrong = format!("two entries are named {name:?}");
            return Err(Problem::new("directory", wrong, "each name once").at(entry.record.start));
        }
    }
    Ok(())
}

fn check_overlaps(entries: &[Entry]) -> Result<(), Box<Problem>> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header.start);
    for pair in order.windows(2) {
        if pair[0].end > pair[1].header.start {
            let wrong = format!("its bytes overlap with those of {:?}", pair[0].name);
            return Err(Problem::new(&pair[1].name, wrong, "entries behind one another").at(pair[1].header.start));
        }
    }
    Ok(())
}
