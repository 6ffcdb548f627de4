//! Zip archives for tests, made byte by byte so that any of them can be wrong.
#![allow(dead_code, reason = "each test file uses a part")]

/// An entry, with what its header and record claim.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    pub(crate) size: u32,
    /// Added to the place where the directory says that it starts.
    pub(crate) shift: i64,
}

impl Entry {
    pub(crate) fn new(name: &str, data: &[u8]) -> Entry {
        let (name, data) = (name.to_owned(), data.to_vec());
        let (crc, size) = (crc32fast::hash(&data), data.len() as u32);
        Entry { name, data, method: 0, flags: 0, crc, size, shift: 0 }
    }

    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for half in [20, self.flags, self.method, 0, 33] {
            out.extend(u16::to_le_bytes(half));
        }
        for word in [self.crc, self.data.len() as u32, self.size] {
            out.extend(word.to_le_bytes());
        }
        out.extend((self.name.len() as u32).to_le_bytes());
        out
    }
}

/// The archive of these entries.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = (out.len() as i64 + entry.shift) as u32;
        out.extend(b"PK\x03\x04");
        out.extend(entry.fields());
        out.extend(entry.name.as_bytes());
        out.extend(&entry.data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(entry.fields());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (start, len, count) = (out.len() as u32, directory.len() as u32, entries.len() as u16);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([len.to_le_bytes(), start.to_le_bytes()].concat());
    out.extend([0; 2]);
    out
}

/// The archive of entries that tell the truth.
pub(crate) fn plain(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip(&entries.iter().map(|(name, data)| Entry::new(name, data)).collect::<Vec<_>>())
}
