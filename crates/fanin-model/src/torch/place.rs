//! Where the storages of a file stand: entries of an archive, or behind the pickle in files from before torch 1.6.

use super::machine::{self, Built};
use super::value::{Heap, Node, Storage, Value};
use crate::error::Problem;
use crate::zip::Archive;
use std::collections::BTreeMap;
use std::ops::Range;

/// The first pickle of an old file holds this number: `torch.serialization.MAGIC_NUMBER`, 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 12] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The magic number is among the first bytes, behind the protocol and perhaps a frame.
const MAGIC_WITHIN: usize = 32;

/// The second pickle: `torch.serialization.PROTOCOL_VERSION`.
const PROTOCOL: i64 = 1001;

/// The largest pickle that is read from an archive.
const MOST_PICKLE: u64 = 1 << 30;

/// A storage in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bytes: Range<usize>,
    /// The entry of the archive, if it is one.
    pub(super) entry: Option<usize>,
}

/// A checkpoint whose parts were found.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) heap: Heap,
    pub(super) root: Value,
    pub(super) places: BTreeMap<Box<str>, Place>,
    /// The elements are big-endian.
    pub(super) swapped: bool,
}

/// Whether a file of `torch.save` from before version 1.6 starts here.
pub(super) fn is_old(start: &[u8]) -> bool {
    start.first() == Some(&0x80) && start[..start.len().min(MAGIC_WITHIN)].windows(MAGIC.len()).any(|w| w == MAGIC)
}

/// The folder of a checkpoint in an archive: the name of its pickle without `data.pkl`.
pub(super) fn folder(archive: &Archive) -> Option<&str> {
    let pickles = archive.entries.iter().filter_map(|entry| entry.name.strip_suffix("data.pkl"));
    pickles.filter(|folder| folder.is_empty() || folder.ends_with('/')).min_by_key(|folder| folder.len())
}

/// Reads the pickle of an archive and finds its storages.
pub(super) fn in_archive(file: &[u8], archive: &Archive, folder: &str) -> Result<Parts, Box<Problem>> {
    let entry = |name: &str| archive.find(&format!("{folder}{name}"));
    let order = match entry("byteorder") {
        Some(index) => archive.entries[index].checked(file, 16)?.into_owned(),
        None => b"little".to_vec(),
    };
    let swapped = match order.as_slice() {
        b"little" => false,
        b"big" => true,
        other => {
            let wrong = format!("it is `{}`", other.escape_ascii());
            return Err(Problem::new("byteorder", wrong, "`little` or `big`"));
        }
    };
    let pickle = entry("data.pkl").map(|index| &archive.entries[index]);
    let pickle = pickle.ok_or_else(|| Problem::new("data.pkl", "the entry is missing", "a pickle"))?;
    let Built { heap, root, .. } =
        machine::run(&pickle.checked(file, MOST_PICKLE)?, 0).map_err(|p| p.within(&pickle.name))?;
    let mut places = BTreeMap::new();
    for storage in storages(&heap) {
        let name = format!("data/{}", storage.key);
        let Some(index) = entry(&name) else {
            let wrong = format!("the entry `{folder}{name}` is missing");
            return Err(Problem::new("data.pkl", wrong, "an entry for each storage that the pickle names"));
        };
        let found = &archive.entries[index];
        if !found.is_stored() {
            let problem = Problem::new(&found.name, "it is compressed", "a stored entry, as torch writes it");
            return Err(problem.remedy("Save the model again with `torch.save`."));
        }
        let needed = storage.len.checked_mul(storage.size);
        if needed != Some(found.size) {
            let wrong = format!("the storage has {} bytes", found.size);
            let expected = format!("{} elements of {} bytes", storage.len, storage.size);
            return Err(Problem::new(&found.name, wrong, expected).at(found.data.start));
        }
        places.insert(storage.key.clone(), Place { bytes: found.data.clone(), entry: Some(index) });
    }
    Ok(Parts { heap, root, places, swapped })
}

fn storages(heap: &Heap) -> impl Iterator<Item = &Storage> {
    heap.nodes().iter().filter_map(|node| match node {
        Node::Storage(storage) => Some(storage),
        _ => None,
    })
}

/// Reads an old file: magic number, protocol, facts about the system, the checkpoint, the keys of the storages, and the
/// storages themselves, each behind its length.
pub(super) fn in_old(file: &[u8]) -> Result<Parts, Box<Problem>> {
    let mut at = machine::run(file, 0).map_err(|p| p.within("magic number"))?.end;
    let protocol = machine::run(file, at).map_err(|p| p.within("protocol"))?;
    if protocol.root != Value::Int(PROTOCOL) {
        return Err(Problem::new("protocol", "it is not torch's", "1001, the only one there is").at(at));
    }
    at = protocol.end;
    let system = machine::run(file, at).map_err(|p| p.within("system"))?;
    let swapped = is_big_endian(&system);
    let Built { heap, root, end } = machine::run(file, system.end).map_err(|p| p.within("pickle"))?;
    let keys = machine::run(file, end).map_err(|p| p.within("keys of the storages"))?;
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for storage in storages(&heap) {
        if *sizes.entry(&storage.key).or_insert(storage.size) != storage.size {
            let wrong = format!("storage {} has elements of two sizes", storage.key);
            return Err(Problem::new("pickle", wrong, "one size").at(end));
        }
    }
    let (mut places, mut at) = (BTreeMap::new(), keys.end);
    for &key in keys.heap.items(keys.root) {
        let place = keys.heap.text(key).and_then(|key| Some((key, *sizes.get(key)?)));
        let (key, size) = place.ok_or_else(|| {
            Problem::new("keys of the storages", "one is not in the pickle", "the storages that the pickle names")
                .at(at)
        })?;
        let bytes = old_storage(file, at, size, swapped).map_err(|p| p.within(&format!("storage {key}")))?;
        at = bytes.end;
        places.insert(Box::from(key), Place { bytes, entry: None });
    }
    if at != file.len() {
        let wrong = format!("{} bytes follow the last storage", file.len() - at);
        return Err(Problem::new("", wrong, "the end of the file").at(at));
    }
    Ok(Parts { heap, root, places, swapped })
}

fn is_big_endian(system: &Built) -> bool {
    let Some(Node::Dict(pairs)) = system.heap.get(system.root) else { return false };
    let little = pairs.iter().find(|(key, _)| system.heap.text(*key) == Some("little_endian"));
    little.is_some_and(|(_, value)| *value == Value::Bool(false))
}

/// The elements of the storage at `at`, which stand behind their number.
fn old_storage(file: &[u8], at: usize, size: u64, swapped: bool) -> Result<Range<usize>, Box<Problem>> {
    let rest = file.get(at..).unwrap_or_default();
    let early = || Problem::new("", "its length is cut off", "8 bytes").at(at);
    let bytes = *rest.first_chunk::<8>().ok_or_else(early)?;
    let count = if swapped { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) };
    let len = count.checked_mul(size).filter(|&len| len <= rest.len() as u64 - 8).ok_or_else(|| {
        let wrong = format!("{count} elements of {size} bytes are announced");
        Problem::new("", wrong, format!("at most {} bytes", rest.len() - 8)).at(at)
    })?;
    Ok(at + 8..at + 8 + len as usize)
}
