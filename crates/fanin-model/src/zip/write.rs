//! Writing an archive again with other contents of some entries.
//!
//! Where every content keeps its size, it goes where the old one stood, and only checksums change with it. Otherwise the
//! entries behind it move: their bytes stay, the directory is written anew.

use super::entry::{ELSEWHERE, HEADER_CRC, RECORD_CRC, RECORD_LEN, WIDE_EXTRA, extras};
use super::{Archive, Entry, SIGNATURE, STORED};
use crate::output::Piece;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the entries that change become, by index.
pub(crate) type Contents = BTreeMap<usize, Vec<Piece>>;

/// The name of an entry is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;

/// Versions that are needed to read an entry: plain, and with 64-bit sizes (APPNOTE 4.4.3.2).
const PLAIN: u16 = 20;
const WIDE: u16 = 45;

/// The archive in `file`, which is source 0, with these contents.
pub(crate) fn rewrite(archive: &Archive, file: &[u8], contents: Contents) -> Vec<Piece> {
    let fits = |(index, pieces): (&usize, &Vec<Piece>)| {
        let entry = &archive.entries[*index];
        entry.is_stored() && length(pieces) == entry.data.len() as u64
    };
    if contents.iter().all(fits) { in_place(archive, file, contents) } else { moved(archive, file, contents) }
}

fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::len).fold(0, u64::saturating_add)
}

/// A stretch of the new archive.
enum Segment {
    Piece(Piece),
    /// The checksum of the new content of this entry.
    Sum(usize),
}

#[derive(Default)]
struct Writer {
    segments: Vec<Segment>,
    /// The segments of each new content.
    contents: BTreeMap<usize, Range<usize>>,
    /// Bytes so far.
    at: u64,
}

impl Writer {
    fn piece(&mut self, piece: Piece) {
        if piece.len() > 0 {
            self.at += piece.len();
            self.segments.push(Segment::Piece(piece));
        }
    }

    fn copy(&mut self, range: Range<usize>) {
        self.piece(Piece::Source { file: 0, offset: range.start as u64, len: range.len() as u64 });
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.piece(Piece::Bytes(bytes.to_vec()));
    }

    fn sum(&mut self, entry: usize) {
        self.at += 4;
        self.segments.push(Segment::Sum(entry));
    }

    fn content(&mut self, entry: usize, pieces: Vec<Piece>) {
        let start = self.segments.len();
        for piece in pieces {
            self.piece(piece);
        }
        self.contents.insert(entry, start..self.segments.len());
    }

    fn finish(self) -> Vec<Piece> {
        let piece = |segment| match segment {
            Segment::Piece(piece) => piece,
            Segment::Sum(entry) => Piece::Checksum { pieces: self.contents.get(&entry).cloned().unwrap_or(0..0) },
        };
        self.segments.into_iter().map(piece).collect()
    }
}

fn in_place(archive: &Archive, file: &[u8], contents: Contents) -> Vec<Piece> {
    let mut changes: BTreeMap<usize, (usize, usize, Option<Vec<Piece>>)> = BTreeMap::new();
    for (index, pieces) in contents {
        let entry = &archive.entries[index];
        changes.extend(entry.sums.iter().map(|&at| (at, (at + 4, index, None))));
        if !entry.data.is_empty() {
            changes.insert(entry.data.start, (entry.data.end, index, Some(pieces)));
        }
    }
    let (mut writer, mut at) = (Writer::default(), 0);
    for (start, (end, index, pieces)) in changes {
        writer.copy(at..start);
        match pieces {
            Some(pieces) => writer.content(index, pieces),
            None => writer.sum(index),
        }
        at = end;
    }
    writer.copy(at..file.len());
    writer.finish()
}

/// Where an entry is in the new archive, and what it has become.
struct Moved<'a> {
    entry: &'a Entry,
    index: usize,
    offset: u64,
    /// The size of a new content.
    size: Option<u64>,
}

fn moved(archive: &Archive, file: &[u8], mut contents: Contents) -> Vec<Piece> {
    let mut order: Vec<usize> = (0..archive.entries.len()).collect();
    order.sort_by_key(|&index| archive.entries[index].header.start);
    let (mut writer, mut at, mut entries) = (Writer::default(), 0, Vec::new());
    for index in order {
        let entry = &archive.entries[index];
        writer.copy(at..entry.header.start);
        let offset = writer.at;
        let pieces = contents.remove(&index);
        let size = pieces.as_ref().map(|pieces| length(pieces));
        match (pieces, size) {
            (Some(pieces), Some(size)) => {
                let header = header(file, entry, size);
                writer.bytes(&header[..HEADER_CRC]);
                writer.sum(index);
                writer.bytes(&header[HEADER_CRC + 4..]);
                writer.content(index, pieces);
            }
            _ => writer.copy(entry.header.start..entry.end),
        }
        at = entry.end;
        entries.push(Moved { entry, index, offset, size });
    }
    writer.copy(at..archive.directory.start);
    entries.sort_by_key(|moved| moved.index);
    let start = writer.at;
    for moved in &entries {
        let record = record(file, moved);
        writer.bytes(&record[..RECORD_CRC]);
        match moved.size {
            Some(_) => writer.sum(moved.index),
            None => writer.bytes(&record[RECORD_CRC..RECORD_CRC + 4]),
        }
        writer.bytes(&record[RECORD_CRC + 4..]);
    }
    let end = end(archive, file, start, writer.at - start);
    writer.bytes(&end);
    writer.finish()
}

/// A 32-bit field, or the sign that the number stands in the extra field.
fn narrow(number: u64) -> [u8; 4] {
    (number.min(ELSEWHERE) as u32).to_le_bytes()
}

/// The extra field with those of the numbers that 32 bits cannot hold.
fn wide_extra(numbers: &[u64]) -> Vec<u8> {
    let wide: Vec<u8> = numbers.iter().filter(|&&n| n >= ELSEWHERE).flat_map(|n| n.to_le_bytes()).collect();
    if wide.is_empty() {
        return wide;
    }
    [&WIDE_EXTRA.to_le_bytes()[..], &(wide.len() as u16).to_le_bytes(), &wide].concat()
}

/// The header in front of a new content, which is stored. The place of the checksum is left empty.
fn header(file: &[u8], entry: &Entry, size: u64) -> Vec<u8> {
    // With one size in the extra field, readers expect both there.
    let extra = if size >= ELSEWHERE { wide_extra(&[size, size]) } else { Vec::new() };
    let version = if extra.is_empty() { PLAIN } else { WIDE };
    let time = &file[entry.record.start + 12..entry.record.start + 16];
    let mut out = SIGNATURE.to_vec();
    for half in [version, entry.flags & FLAG_UTF8, STORED] {
        out.extend(half.to_le_bytes());
    }
    out.extend_from_slice(time);
    out.extend([0; 4]);
    out.extend(narrow(size));
    out.extend(narrow(size));
    out.extend((entry.name.len() as u16).to_le_bytes());
    out.extend((extra.len() as u16).to_le_bytes());
    out.extend(entry.name.as_bytes());
    out.extend(extra);
    out
}

/// The record of an entry that has moved.
fn record(file: &[u8], moved: &Moved) -> Vec<u8> {
    let entry = moved.entry;
    let old = &file[entry.record.clone()];
    let texts = &old[RECORD_LEN + entry.name.len()..];
    let extra_len = super::u16_at(old, 30).map_or(0, usize::from);
    let (old_extra, comment) = texts.split_at(extra_len);
    let (size, packed) = moved.size.map_or((entry.size, entry.data.len() as u64), |size| (size, size));
    let mut extra = wide_extra(&[size, packed, moved.offset]);
    let is_wide = !extra.is_empty();
    for (id, range) in extras(old_extra).filter(|(id, _)| *id != WIDE_EXTRA) {
        extra.extend(id.to_le_bytes());
        extra.extend((range.len() as u16).to_le_bytes());
        extra.extend_from_slice(&old_extra[range]);
    }
    let mut out = old[..RECORD_LEN].to_vec();
    if is_wide {
        out[6..8].copy_from_slice(&WIDE.to_le_bytes());
    }
    if moved.size.is_some() {
        out[8..10].copy_from_slice(&(entry.flags & FLAG_UTF8).to_le_bytes());
        out[10..12].copy_from_slice(&STORED.to_le_bytes());
    }
    out[20..24].copy_from_slice(&narrow(packed));
    out[24..28].copy_from_slice(&narrow(size));
    out[30..32].copy_from_slice(&(extra.len() as u16).to_le_bytes());
    out[42..46].copy_from_slice(&narrow(moved.offset));
    out.extend(entry.name.as_bytes());
    out.extend(extra);
    out.extend_from_slice(comment);
    out
}

/// The records behind a directory of `len` bytes from `start` on.
fn end(archive: &Archive, file: &[u8], start: u64, len: u64) -> Vec<u8> {
    let count = archive.entries.len() as u64;
    let mut out = Vec::new();
    if archive.wide || start.max(len) >= ELSEWHERE || count >= u64::from(u16::MAX) {
        out.extend(b"PK\x06\x06");
        out.extend(44u64.to_le_bytes());
        out.extend([WIDE.to_le_bytes(), WIDE.to_le_bytes()].concat());
        out.extend([0; 8]);
        for number in [count, count, len, start] {
            out.extend(number.to_le_bytes());
        }
        out.extend(b"PK\x06\x07");
        out.extend([0; 4]);
        out.extend((start + len).to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    let short = (count.min(u64::from(u16::MAX)) as u16).to_le_bytes();
    out.extend([short, short].concat());
    out.extend(narrow(len));
    out.extend(narrow(start));
    // The length of the comment and the comment.
    out.extend(&file[archive.end + 20..]);
    out
}
