//! The head of a GGUF file: its version, its facts and what tensors follow.

use super::kind::{Kind, kind};
use crate::error::Problem;
use std::collections::BTreeSet;
use std::ops::Range;

/// What every file starts with.
pub(super) const MAGIC: [u8; 4] = *b"GGUF";

/// Where data are aligned if nothing else is said: `GGUF_DEFAULT_ALIGNMENT`.
const ALIGN: u64 = 32;

/// The fact that says how data are aligned.
const ALIGNMENT: &str = "general.alignment";

/// Dimensions of a tensor: `GGML_MAX_DIMS`.
const MOST_DIMS: u64 = 4;

/// How deep arrays may stand in each other; none that is written today does.
const MOST_DEPTH: usize = 4;

/// Codes of the types of facts that matter here.
const TEXT: u64 = 8;
const ARRAY: u64 = 9;
const U32: u64 = 4;

/// Bytes of a fact of each type; 0 for texts and arrays.
const SIZES: [u64; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/// A tensor of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) shape: Vec<u64>,
    pub(super) kind: Kind,
    /// Its bytes, from the start of the file.
    pub(super) bytes: Range<usize>,
}

type Read<T> = Result<T, Box<Problem>>;

/// Reads and checks everything in front of the data.
pub(super) fn read(file: &[u8]) -> Read<Vec<Entry>> {
    let mut reader = Reader { file, at: MAGIC.len() };
    let version = reader.number(4, "version")?;
    if !matches!(version, 2 | 3) {
        let wrong = match (version as u32).swap_bytes() {
            1..=9 => "the file is big-endian".to_owned(),
            _ => format!("the version is {version}"),
        };
        let problem = Problem::new("version", wrong, "version 2 or 3, little-endian").at(4);
        return Err(problem.remedy("Convert the model to a newer GGUF file."));
    }
    let tensors = reader.number(8, "tensor count")?;
    let facts = reader.number(8, "fact count")?;
    let mut align = ALIGN;
    for _ in 0..facts {
        align = reader.fact()?.unwrap_or(align);
    }
    if !align.is_power_of_two() {
        return Err(Problem::new(ALIGNMENT, format!("it is {align}"), "a power of two").at(reader.at));
    }
    let mut entries = Vec::new();
    for _ in 0..tensors {
        entries.push(reader.tensor()?);
    }
    let start = (reader.at as u64).checked_next_multiple_of(align).unwrap_or(u64::MAX);
    place(entries, start, align, file.len() as u64)
}

/// A tensor whose bytes are still counted from the start of the data.
struct Announced {
    name: String,
    shape: Vec<u64>,
    kind: Kind,
    offset: u64,
}

/// Puts the tensors into the file: inside of it, aligned, and behind one another.
fn place(announced: Vec<Announced>, start: u64, align: u64, len: u64) -> Read<Vec<Entry>> {
    let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
    for Announced { name, shape, kind, offset } in announced {
        let refused = |wrong: String, expected: String| Err(Problem::new(&name, wrong, expected));
        if !names.insert(name.clone()) {
            return refused("two tensors have this name".into(), "each name once".into());
        }
        let Some(size) = kind.len(&shape) else {
            return refused(format!("shape {shape:?} of {} has no size", kind.name), "whole blocks, below 2^58".into());
        };
        let from = start.checked_add(offset).filter(|_| offset % align == 0);
        let bytes = from.and_then(|from| Some(from..from.checked_add(size)?)).filter(|bytes| bytes.end <= len);
        let Some(bytes) = bytes else {
            let wrong =
                format!("its {size} bytes are said to be {offset} bytes behind the head, which ends at {start}");
            return refused(wrong, format!("a multiple of {align}, inside of the {len} bytes of the file"));
        };
        entries.push(Entry { name, shape, kind, bytes: bytes.start as usize..bytes.end as usize });
    }
    let mut order: Vec<&Entry> = entries.iter().filter(|entry| !entry.bytes.is_empty()).collect();
    order.sort_by_key(|entry| entry.bytes.start);
    if let Some(pair) = order.windows(2).find(|pair| pair[0].bytes.end > pair[1].bytes.start) {
        let wrong = format!("its bytes overlap with those of {}", pair[0].name);
        return Err(Problem::new(&pair[1].name, wrong, "tensors behind one another").at(pair[1].bytes.start));
    }
    Ok(entries)
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64, what: &str) -> Read<&'a [u8]> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let bytes = usize::try_from(len).ok().and_then(|len| rest.get(..len)).ok_or_else(|| {
            Problem::new(what, format!("{len} bytes are announced"), format!("at most {}", rest.len())).at(self.at)
        })?;
        self.at += bytes.len();
        Ok(bytes)
    }

    fn number(&mut self, size: u64, what: &str) -> Read<u64> {
        let mut wide = [0; 8];
        let bytes = self.take(size, what)?;
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    fn text(&mut self, what: &str) -> Read<&'a str> {
        let start = self.at;
        let len = self.number(8, what)?;
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).map_err(|_| Problem::new(what, "a text is not UTF-8", "UTF-8").at(start))
    }

    /// Goes over a fact; gives the alignment if it is that.
    fn fact(&mut self) -> Read<Option<u64>> {
        let key = self.text("key of a fact")?;
        let kind = self.number(4, key)?;
        if (key, kind) == (ALIGNMENT, U32) {
            return self.number(4, key).map(Some);
        }
        self.value(kind, key, 0)?;
        Ok(None)
    }

    fn value(&mut self, kind: u64, key: &str, depth: usize) -> Read<()> {
        match kind {
            TEXT => {
                let len = self.number(8, key)?;
                self.take(len, key)?;
            }
            ARRAY if depth == MOST_DEPTH => {
                return Err(Problem::new(key, "arrays stand in each other too deep", "one in another").at(self.at));
            }
            ARRAY => {
                let (kind, count) = (self.number(4, key)?, self.number(8, key)?);
                match size(kind).filter(|&size| size > 0) {
                    Some(size) => {
                        self.take(count.saturating_mul(size), key)?;
                    }
                    // Each text or array has eight bytes or more, so the count cannot keep this busy for long.
                    None => (0..count).try_for_each(|_| self.value(kind, key, depth + 1))?,
                }
            }
            _ => {
                let size = size(kind).ok_or_else(|| {
                    Problem::new(key, format!("its type is {kind}"), "a type from 0 to 12").at(self.at)
                })?;
                self.take(size, key)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self) -> Read<Announced> {
        let name = self.text("name of a tensor")?.to_owned();
        let dims = self.number(4, &name)?;
        if dims > MOST_DIMS {
            let wrong = format!("it has {dims} dimensions");
            return Err(Problem::new(&name, wrong, format!("at most {MOST_DIMS}")).at(self.at));
        }
        // The dimension that runs fastest comes first.
        let mut shape = Vec::new();
        for _ in 0..dims {
            shape.insert(0, self.number(8, &name)?);
        }
        let code = self.number(4, &name)?;
        let kind = kind(code).ok_or_else(|| {
            let problem = Problem::new(&name, format!("the type code is {code}"), "a type of ggml").at(self.at);
            problem
                .remedy("If this is a newer type of the format, it cannot be read yet; otherwise the file is damaged.")
        })?;
        let offset = self.number(8, &name)?;
        Ok(Announced { name, shape, kind, offset })
    }
}

fn size(kind: u64) -> Option<u64> {
    SIZES.get(usize::try_from(kind).ok()?).copied()
}
