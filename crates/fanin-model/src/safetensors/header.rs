//! The header of a safetensors file: read with every claim checked, written in a fixed order.

use crate::error::Problem;
use fanin::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Largest header that is read: the limit of the reference implementation (safetensors 0.8, `MAX_HEADER_SIZE`).
const MAX_HEADER: u64 = 100_000_000;

/// Tensor data start at a multiple of this: the alignment that the widest vector loads ask for.
const ALIGN: usize = 64;

/// Key of the free-form text map.
const METADATA: &str = "__metadata__";

/// What a header says about one tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The file's own word for the element type, kept for types that fanin carries along without knowing them.
    pub(super) word: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<u64>,
    /// First byte, from the start of the data.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Keys that the format does not have today.
    extra: serde_json::Map<String, serde_json::Value>,
}

/// A whole header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// In the order of their data.
    pub(super) entries: Vec<Entry>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    /// Where the data start in the file.
    pub(super) data_start: u64,
}

/// `(word of the file, what it is, bits of an element)`: safetensors 0.8, `enum Dtype`.
const WORDS: [(&str, Dtype, u64); 20] = [
    ("F64", Dtype::F64, 64),
    ("F32", Dtype::F32, 32),
    ("F16", Dtype::F16, 16),
    ("BF16", Dtype::Bf16, 16),
    ("F8_E4M3", Dtype::F8E4m3, 8),
    ("F8_E5M2", Dtype::F8E5m2, 8),
    ("C64", Dtype::C64, 64),
    ("I64", Dtype::I64, 64),
    ("I32", Dtype::I32, 32),
    ("I16", Dtype::I16, 16),
    ("I8", Dtype::I8, 8),
    ("U64", Dtype::U64, 64),
    ("U32", Dtype::U32, 32),
    ("U16", Dtype::U16, 16),
    ("U8", Dtype::U8, 8),
    ("BOOL", Dtype::Bool, 8),
    ("F4", Dtype::Other, 4),
    ("F6_E2M3", Dtype::Other, 6),
    ("F6_E3M2", Dtype::Other, 6),
    ("F8_E8M0", Dtype::Other, 8),
];

/// The file's word for a dtype that values can be stored in.
pub(super) fn word_of(dtype: Dtype) -> Option<&'static str> {
    WORDS.iter().find(|(_, d, _)| *d == dtype && dtype != Dtype::Other).map(|(word, ..)| *word)
}

#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
    #[serde(flatten)]
    extra: serde_json::Map<String, serde_json::Value>,
}

/// A JSON object as it stands: in order, and refusing a name that comes twice (which most readers silently resolve,
/// each in its own way).
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(std::marker::PhantomData))
    }
}

struct PairsVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
        let (mut pairs, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("the name `{name}` appears twice")));
            }
            pairs.push((name, map.next_value()?));
        }
        Ok(Pairs(pairs))
    }
}

/// The top level: tensors and the metadata side by side.
struct Top {
    tensors: Vec<(String, RawEntry)>,
    metadata: Option<BTreeMap<String, String>>,
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopVisitor)
    }
}

struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one entry a tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut top = Top { tensors: Vec::new(), metadata: None };
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("the name `{name}` appears twice")));
            }
            if name == METADATA {
                top.metadata = Some(map.next_value::<Pairs<String>>()?.0.into_iter().collect());
            } else {
                top.tensors.push((name, map.next_value()?));
            }
        }
        Ok(top)
    }
}

impl Header {
    /// Reads and checks the header of a file with these bytes.
    pub(super) fn parse(file: &[u8]) -> Result<Header, Box<Problem>> {
        let total = file.len() as u64;
        let Some(length) = file.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return Err(Problem::new("header length", format!("the file has {total} bytes"), "8 bytes or more").at(0));
        };
        if length > MAX_HEADER || length > total - 8 {
            let most = MAX_HEADER.min(total - 8);
            let wrong = format!("the header claims to have {length} bytes");
            return Err(Problem::new("header length", wrong, format!("at most {most} in a file of {total}")).at(0));
        }
        let json = &file[8..8 + length as usize];
        let top: Top = serde_json::from_slice(json).map_err(|e| json_problem(&e, json, 8, "header"))?;
        let data_start = 8 + length;
        let mut entries = Vec::with_capacity(top.tensors.len());
        for (name, raw) in top.tensors {
            entries.push(entry(name, raw)?);
        }
        entries.sort_by_key(|entry| (entry.start, entry.end));
        check_cover(&entries, total - data_start)?;
        Ok(Header { entries, metadata: top.metadata, data_start })
    }

    /// The header's bytes, length included, padded with spaces so that the data are aligned.
    ///
    /// The offsets are those of the entries laid one behind the other: call it after the dtypes are settled.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut top = serde_json::Map::new();
        if let Some(metadata) = &self.metadata {
            top.insert(METADATA.into(), serde_json::to_value(metadata)?);
        }
        for entry in &self.entries {
            let mut object = serde_json::Map::new();
            object.insert("dtype".into(), entry.word.as_str().into());
            object.insert("shape".into(), entry.shape.clone().into());
            object.insert("data_offsets".into(), vec![entry.start, entry.end].into());
            object.extend(entry.extra.clone());
            top.insert(entry.name.clone(), object.into());
        }
        let json = serde_json::to_vec(&top)?;
        let padded = (8 + json.len()).next_multiple_of(ALIGN) - 8;
        let mut bytes = (padded as u64).to_le_bytes().to_vec();
        bytes.extend(json);
        bytes.resize(8 + padded, b' ');
        Ok(bytes)
    }
}

/// A JSON error as a problem with its place in the file, for a text that starts at byte `start`.
pub(super) fn json_problem(error: &serde_json::Error, text: &[u8], start: usize, field: &str) -> Box<Problem> {
    let before: usize =
        text.split_inclusive(|&b| b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let offset = start + before + error.column().saturating_sub(1);
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    Problem::new(field, format!("the JSON text cannot be read: {message}"), "an object that names each tensor once")
        .at(offset)
}

fn entry(name: String, raw: RawEntry) -> Result<Entry, Box<Problem>> {
    let (start, end) = raw.data_offsets;
    let Some(&(_, dtype, bits)) = WORDS.iter().find(|(word, ..)| *word == raw.dtype) else {
        let known = WORDS.map(|(word, ..)| word).join(", ");
        return Err(Problem::new(name, format!("the dtype is `{}`", raw.dtype), format!("one of {known}"))
            .remedy("If this is a newer type of the format, it cannot be read yet; otherwise the header is damaged."));
    };
    let shape = &raw.shape;
    let needed = shape.iter().try_fold(bits, |n, &d| n.checked_mul(d));
    let Some(needed) = needed else {
        return Err(Problem::new(name, format!("the shape {shape:?} of {} overflows", raw.dtype), "a size below 2^64"));
    };
    if !needed.is_multiple_of(8) || end.checked_sub(start) != Some(needed / 8) {
        let wrong = format!("data_offsets are [{start}, {end}] for shape {shape:?} of {}", raw.dtype);
        let expected = format!("{} bytes between them", needed.div_ceil(8));
        return Err(Problem::new(name, wrong, expected));
    }
    Ok(Entry { name, word: raw.dtype, dtype, shape: raw.shape, start, end, extra: raw.extra })
}

/// The tensors, in the order of their data, have to follow each other without gaps or overlaps to the end of the file.
fn check_cover(entries: &[Entry], len: u64) -> Result<(), Box<Problem>> {
    let mut at = 0;
    let mut before = "the header";
    for entry in entries {
        if entry.start != at {
            let relation = if entry.start < at { "overlap with" } else { "leave a gap after" };
            let wrong = format!("its data start at {} and {relation} those of {before}", entry.start);
            return Err(Problem::new(&entry.name, wrong, format!("them to start at {at}")));
        }
        (at, before) = (entry.end, &entry.name);
    }
    if at != len {
        let expected = format!("{at} bytes, where the last tensor ends");
        let wrong = format!("{len} bytes of data follow the header");
        return Err(Problem::new("data", wrong, expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn refused(json: &str, data: usize) -> String {
        Header::parse(&file(json, data)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_header_comes_back_in_the_order_of_its_data() {
        let json = r#"{"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8],"new":1},
            "a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},
            "__metadata__":{"z":"1","format":"pt"}}  "#;
        let header = Header::parse(&file(json, 8)).unwrap();
        assert_eq!(header.entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "b", "e"]);
        let bytes = header.to_bytes().unwrap();
        assert_eq!(bytes.len() % 64, 0);
        let text = String::from_utf8(bytes[8..].to_vec()).unwrap();
        let expected = r#"{"__metadata__":{"format":"pt","z":"1"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8],"new":1},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]}}"#;
        assert_eq!(text.trim_end(), expected);
        let mut with_data = bytes;
        with_data.resize(with_data.len() + 8, 0);
        let again = Header::parse(&with_data).unwrap();
        assert_eq!(again.entries, header.entries);
        safetensors::SafeTensors::deserialize(&with_data).unwrap();
    }

    #[test]
    fn lies_are_refused_with_their_place() {
        let one = |dtype: &str, shape: &str, offsets: &str| {
            format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        for (json, data, message) in [
            (one("F32", "[2]", "[0,8]"), 7, "`data`: 7 bytes of data follow the header; expected 8 bytes"),
            (one("F32", "[2]", "[0,8]"), 9, "`data`: 9 bytes of data follow the header; expected 8 bytes"),
            (
                one("F32", "[2]", "[0,4]"),
                4,
                "`w`: data_offsets are [0, 4] for shape [2] of F32; expected 8 bytes between",
            ),
            (one("F32", "[2]", "[8,0]"), 8, "`w`: data_offsets are [8, 0]"),
            (one("F32", "[2]", "[4,12]"), 12, "`w`: its data start at 4 and leave a gap after those of the header"),
            (one("Q32", "[2]", "[0,8]"), 8, "`w`: the dtype is `Q32`; expected one of F64"),
            (one("F4", "[3]", "[0,2]"), 2, "`w`: data_offsets are [0, 2] for shape [3] of F4"),
            (one("F32", "[4294967296,4294967296]", "[0,8]"), 8, "overflows; expected a size below 2^64"),
            (one("F32", "[-1]", "[0,8]"), 8, "invalid value: integer `-1`"),
            ("[]".into(), 0, "at byte 8: `header`: the JSON text cannot be read"),
            ("{}{}".into(), 0, "at byte 10: `header`: the JSON text cannot be read: trailing characters"),
            (r#"{"__metadata__":{"a":"1","a":"2"}}"#.into(), 0, "the name `a` appears twice"),
            ("[".repeat(100_000), 0, "cannot be read"),
        ] {
            let error = refused(&json, data);
            assert!(error.contains(message), "{error}\nshould contain\n{message}");
        }
    }

    #[test]
    fn overlaps_and_duplicates_are_refused() {
        let two = |a: &str, b: &str, offsets: &str| {
            format!(
                r#"{{"{a}":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},"{b}":{{"dtype":"U8","shape":[4],"data_offsets":{offsets}}}}}"#
            )
        };
        let error = refused(&two("a", "b", "[2,6]"), 6);
        assert!(
            error.contains("`b`: its data start at 2 and overlap with those of a; expected them to start at 4"),
            "{error}"
        );
        let error = refused(&two("a", "a", "[4,8]"), 8);
        assert!(error.contains("the name `a` appears twice"), "{error}");
    }

    #[test]
    fn absurd_lengths_are_refused() {
        for (bytes, message) in [
            (vec![], "the file has 0 bytes; expected 8 bytes or more"),
            (vec![1, 0, 0], "the file has 3 bytes"),
            (vec![255; 8], "the header claims to have 18446744073709551615 bytes; expected at most 0 in a file of 8"),
            (9u64.to_le_bytes().to_vec(), "the header claims to have 9 bytes"),
        ] {
            let error = Header::parse(&bytes).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
