//! What an HDF5 file holds: its datasets with their places, and the texts among its attributes.
//!
//! The structure is read by `hdf5-pure`. Files can send a reader in circles, so it gets its bytes through a [`Window`] that
//! runs dry, and the walk over groups is bounded in depth and number.

use crate::error::Problem;
use crate::source::Source;
use fanin::Dtype;
use hdf5_pure::{AttrValue, DType, Datatype, DatatypeByteOrder, File, FormatError, Group, Layout};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an HDF5 file starts with.
pub(super) const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// How deep groups may stand in each other.
const MOST_DEPTH: usize = 32;

/// The most groups and datasets.
const MOST_OBJECTS: usize = 1 << 18;

/// Reads of the structure, and their bytes, after which it is taken for a circle: so many in any file, and more with its
/// length, since every object has bytes of its own. Keras' files take fewer than one read for sixteen bytes.
const SOME_READS: u64 = 1 << 14;
const BYTES_A_READ: u64 = 4;
const SOME_BYTES: u64 = 1 << 24;
const TIMES_READ: u64 = 16;

/// Texts of attributes, by name. Long lists are cut into several attributes with a number at the end.
pub(super) type Texts = BTreeMap<String, Vec<String>>;

/// Everything in a file.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) datasets: Vec<Dataset>,
    /// The texts at each group, by path.
    pub(super) groups: BTreeMap<String, Texts>,
}

/// An array.
#[derive(Debug)]
pub(super) struct Dataset {
    /// `layers/dense/vars/0`.
    pub(super) path: String,
    pub(super) shape: Vec<u64>,
    /// `Other` where elements are of no type or form that can be drawn.
    pub(super) dtype: Dtype,
    /// The elements in the file, unless they are in pieces or were never written.
    pub(super) bytes: Option<Range<usize>>,
    /// Why it is kept, for one that is.
    pub(super) note: Option<String>,
}

/// A part of a file that is read as one, until too much of it was read.
struct Window {
    source: Arc<Source>,
    range: Range<usize>,
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl hdf5_pure::Source for Window {
    fn len(&self) -> u64 {
        self.range.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), FormatError> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        let bytes = self.bytes.fetch_add(out.len() as u64, Ordering::Relaxed);
        let len = self.range.len() as u64;
        let (most, most_bytes) = (SOME_READS + len / BYTES_A_READ, len.saturating_mul(TIMES_READ).max(SOME_BYTES));
        if reads > most || bytes > most_bytes {
            return Err(FormatError::Source("the structure of the file has no end".to_owned()));
        }
        let file = &self.source.bytes()[self.range.clone()];
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = start.checked_add(out.len()).and_then(|end| file.get(start..end));
        let found = found
            .ok_or(FormatError::UnexpectedEof { expected: start.saturating_add(out.len()), available: file.len() })?;
        out.copy_from_slice(found);
        Ok(())
    }
}

/// Reads the file that stands in `range` of `source`. Places are given from the start of `source`.
pub(super) fn read(source: &Arc<Source>, range: Range<usize>) -> Result<Tree, Box<Problem>> {
    let window = Window { source: source.clone(), range: range.clone(), reads: 0.into(), bytes: 0.into() };
    let file = File::from_source(window).map_err(|e| broken("", &e))?;
    // The end that the file says it has: what is cut off may be nothing but elements.
    let mut walk = Walk { tree: Tree::default(), range, objects: 0 };
    walk.group(&file.root(), "", 0)?;
    check_overlaps(&walk.tree.datasets)?;
    Ok(walk.tree)
}

fn broken(path: &str, error: &hdf5_pure::Error) -> Box<Problem> {
    Problem::new(path, format!("the HDF5 structure cannot be read: {error}"), "a whole HDF5 file")
}

struct Walk {
    tree: Tree,
    range: Range<usize>,
    objects: usize,
}

impl Walk {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<(), Box<Problem>> {
        let failed = |e: hdf5_pure::Error| broken(path, &e);
        self.objects += 1;
        if depth > MOST_DEPTH || self.objects > MOST_OBJECTS {
            let wrong = format!("groups stand in each other {depth} deep, with {} objects so far", self.objects);
            let expected = format!("at most {MOST_DEPTH} levels and {MOST_OBJECTS} objects");
            return Err(Problem::new(path, wrong, expected));
        }
        let texts = texts(group.attrs().map_err(failed)?);
        if !texts.is_empty() {
            self.tree.groups.insert(path.to_owned(), texts);
        }
        let mut datasets: Vec<_> = group.iter_datasets().map_err(failed)?.collect();
        datasets.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        for (name, dataset) in datasets {
            self.objects += 1;
            let path = join(path, &name);
            let dataset = self.dataset(&dataset, path)?;
            self.tree.datasets.push(dataset);
        }
        let mut groups: Vec<_> = group.iter_groups().map_err(failed)?.collect();
        groups.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        for (name, child) in groups {
            self.group(&child, &join(path, &name), depth + 1)?;
        }
        Ok(())
    }

    fn dataset(&self, dataset: &hdf5_pure::Dataset, path: String) -> Result<Dataset, Box<Problem>> {
        let failed = |e: hdf5_pure::Error| broken(&path, &e);
        let shape = dataset.shape().map_err(failed)?;
        let kind = dataset.datatype().map_err(failed)?;
        let (dtype, mut note) = dtype(&dataset.dtype().map_err(failed)?, &kind);
        // HDF5 has no such type: Keras stores raw bytes and says in an attribute what they are.
        let half = dtype == Dtype::Other && kind.type_size() == 2 && {
            let texts = texts(dataset.attrs().map_err(failed)?);
            texts.get("dtype").is_some_and(|values| values == &["bfloat16"])
        };
        let mut dtype = if half { Dtype::Bf16 } else { dtype };
        let size = u64::from(kind.type_size());
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n < 1 << 58);
        let len = count
            .and_then(|count| count.checked_mul(size))
            .ok_or_else(|| Problem::new(&path, format!("the shape {shape:?} has 2^58 elements or more"), "fewer"))?;
        let bytes = match dataset.layout().map_err(failed)? {
            Layout::Contiguous { size: stored, .. } if stored != len => {
                let wrong = format!("{stored} bytes are stored for shape {shape:?}");
                return Err(Problem::new(&path, wrong, format!("{len}")));
            }
            _ if len == 0 => Some(0..0),
            Layout::Contiguous { address: Some(start), .. } => Some(self.place(&path, start, len)?),
            _ => None,
        };
        if bytes.is_none() {
            note = Some("its elements are in pieces, compressed or not there".to_owned());
            dtype = Dtype::Other;
        }
        Ok(Dataset { path, shape, dtype, bytes, note: note.filter(|_| dtype == Dtype::Other) })
    }

    fn place(&self, path: &str, start: u64, len: u64) -> Result<Range<usize>, Box<Problem>> {
        let end = start.checked_add(len).filter(|&end| end <= self.range.len() as u64);
        let end = end.ok_or_else(|| {
            let wrong = format!("{len} bytes at {start} are said to hold its elements");
            Problem::new(path, wrong, format!("a range inside the {} bytes of the file", self.range.len()))
        })?;
        Ok(self.range.start + start as usize..self.range.start + end as usize)
    }
}

/// Names that are numbers go by their value.
fn order(name: &str) -> (u64, &str) {
    (name.parse().unwrap_or(u64::MAX), name)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The texts among attributes, with lists that were cut put together again.
fn texts(attributes: impl IntoIterator<Item = (String, AttrValue)>) -> Texts {
    let found = attributes.into_iter().filter_map(|(name, value)| Some((name, value.as_strings()?.to_vec())));
    let sorted: Texts = found.collect();
    let mut joined = Texts::new();
    let mut pieces: Vec<(String, Vec<String>)> = sorted.into_iter().collect();
    pieces.sort_by_key(|(name, _)| {
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        name[name.len() - digits..].parse::<u64>().unwrap_or(0)
    });
    for (name, values) in pieces {
        let stem = match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
            stem @ ("layer_names" | "weight_names") => stem.to_owned(),
            _ => name,
        };
        joined.entry(stem).or_default().extend(values);
    }
    joined
}

/// What elements are; for what cannot be drawn, why.
fn dtype(kind: &DType, exact: &Datatype) -> (Dtype, Option<String>) {
    let big = |order: &DatatypeByteOrder| *order != DatatypeByteOrder::LittleEndian;
    match exact {
        Datatype::FixedPoint { byte_order, .. } | Datatype::FloatingPoint { byte_order, .. }
            if big(byte_order) && exact.type_size() > 1 =>
        {
            return (Dtype::Other, Some("its elements are big-endian".to_owned()));
        }
        // Half precision, which has no name there: 10 bits of mantissa, 5 of exponent.
        Datatype::FloatingPoint { size: 2, layout, .. } if (layout.mantissa_size, layout.exponent_size) == (10, 5) => {
            return (Dtype::F16, None);
        }
        _ => {}
    }
    let dtype = match kind {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        // h5py's truth values.
        DType::Enum(names) if exact.type_size() == 1 && names == &["FALSE", "TRUE"] => Dtype::Bool,
        other => return (Dtype::Other, Some(format!("its elements are of type {other}"))),
    };
    (dtype, None)
}

fn check_overlaps(datasets: &[Dataset]) -> Result<(), Box<Problem>> {
    let mut order: Vec<(&Range<usize>, &Dataset)> =
        datasets.iter().filter_map(|d| Some((d.bytes.as_ref()?, d))).filter(|(bytes, _)| !bytes.is_empty()).collect();
    order.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
    match order.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
        None => Ok(()),
        Some(pair) => {
            let wrong = format!("its bytes overlap with those of {}", pair[0].1.path);
            Err(Problem::new(&pair[1].1.path, wrong, "datasets with bytes of their own").at(pair[1].0.start))
        }
    }
}
