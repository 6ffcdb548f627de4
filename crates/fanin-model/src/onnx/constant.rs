//! The stored tensors of a graph: what is known of them, and where they stand.

use super::attribute;
use super::document::{Home, Stored};
use super::node::RawNode;
use super::read::Reader;
use super::tensor::{self, Data};
use crate::content::classify;
use crate::error::{FileError, Problem};
use fanin::Dtype;
use fanin::graph::{Constant, Content};
use std::ops::Range;

/// Integers of a constant that are kept at hand: shapes, axes and slices have a handful.
const MOST_INTS: u64 = 256;

/// Data larger than this are read by position rather than through the map, whose pages would stay resident.
const MAP_LIMIT: usize = 1 << 20;

type TensorParts<'a> = (&'a str, Vec<u64>, Dtype, Home);

pub(super) trait ConstantReader<'a> {
    /// Reads the tensor with this frame.
    fn tensor(&mut self, frame: usize, initializer: bool) -> Result<TensorParts<'a>, Box<Problem>>;

    /// Remembers a stored tensor, and what is known of its elements.
    fn store(&mut self, id: usize, stored: Stored) -> Result<(), Box<Problem>>;

    /// Remembers what a `Constant` or `ConstantOfShape` node stores.
    fn constant(&mut self, node: usize, raw: &RawNode, place: (usize, Range<usize>, bool)) -> Result<(), Box<Problem>>;
}

impl<'a> ConstantReader<'a> for Reader<'a> {
    fn tensor(&mut self, frame: usize, initializer: bool) -> Result<TensorParts<'a>, Box<Problem>> {
        let body = self.document.frames[frame].body.clone();
        let mut tensor = tensor::parse(self.file, body.clone())?;
        if let Data::External(external) = &mut tensor.data {
            self.document.side.resolve(external).map_err(|p| if p.offset.is_none() { p.at(body.start) } else { p })?;
        }
        Ok((tensor.name, tensor.dims, tensor.dtype, Home::Tensor { frame, data: tensor.data, initializer }))
    }

    fn store(&mut self, id: usize, stored: Stored) -> Result<(), Box<Problem>> {
        let constant = self.known(&stored)?;
        let value = &mut self.document.graph.values[id];
        value.dtype = Some(stored.dtype);
        value.shape = Some(stored.dims.iter().map(|&d| Some(d)).collect());
        value.constant = Some(constant);
        self.document.stored.insert(id, stored);
        Ok(())
    }

    fn constant(&mut self, node: usize, raw: &RawNode, place: (usize, Range<usize>, bool)) -> Result<(), Box<Problem>> {
        let stored = match self.document.graph.nodes[node].output(0) {
            Some(output) if raw.is("Constant") => self.of_node(raw, &place)?.map(|stored| (output, stored)),
            Some(output) if raw.is("ConstantOfShape") => self.filled(node, raw, &place)?.map(|stored| (output, stored)),
            _ => None,
        };
        stored.map_or(Ok(()), |(output, stored)| self.store(output.0, stored))
    }
}

impl Reader<'_> {
    fn of_node(&mut self, raw: &RawNode, place: &(usize, Range<usize>, bool)) -> Result<Option<Stored>, Box<Problem>> {
        let &(graph, ref span, main) = place;
        let Some(attribute) = raw.attributes.iter().find(|a| a.raw.name.starts_with("value")) else { return Ok(None) };
        let within = |p: Box<Problem>| p.within(&format!("attribute[{}]", attribute.raw.name));
        let ints = |ints: &[i64]| Home::Integers(ints.iter().flat_map(|v| v.to_le_bytes()).collect());
        let value = &attribute.raw;
        let (dims, dtype, home) = match value.name {
            "value" => {
                let frame = self.frame(raw.frame, &attribute.field);
                let tensor = only_tensor(value).map_err(within)?;
                let frame = self.frame(frame, &tensor);
                let (_, dims, dtype, home) = self.tensor(frame, false).map_err(|p| within(p.within("t")))?;
                (dims, dtype, home)
            }
            "value_float" => {
                let frame = self.frame(raw.frame, &attribute.field);
                let bytes = value.float.as_ref().map(|(_, bytes)| bytes.clone());
                (Vec::new(), Dtype::F32, Home::Number { attribute: frame, bytes })
            }
            "value_floats" => {
                let frame = self.frame(raw.frame, &attribute.field);
                (vec![value.floats.len() as u64], Dtype::F32, Home::Numbers { attribute: frame })
            }
            "value_int" => (Vec::new(), Dtype::I64, ints(&[value.integer()])),
            "value_ints" => (vec![value.ints.len() as u64], Dtype::I64, ints(&value.ints)),
            _ => return Ok(None),
        };
        Ok(Some(Stored { dims, dtype, home, graph, span: span.clone(), main }))
    }

    /// A `ConstantOfShape` whose shape is stored too.
    fn filled(
        &mut self,
        node: usize,
        raw: &RawNode,
        place: &(usize, Range<usize>, bool),
    ) -> Result<Option<Stored>, Box<Problem>> {
        let &(graph, ref span, main) = place;
        let shape = self.document.graph.nodes[node].input(0);
        let shape = shape.and_then(|id| self.document.graph.values[id.0].constant.as_ref());
        let Some(ints) = shape.and_then(|constant| constant.ints.clone()) else { return Ok(None) };
        let dims: Option<Vec<u64>> = ints.iter().map(|&d| u64::try_from(d).ok().filter(|&d| d < 1 << 58)).collect();
        let dims =
            dims.filter(|dims| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).is_some_and(|n| n < 1 << 58));
        let Some(dims) = dims else {
            let wrong = format!("the shape is {ints:?}");
            return Err(Problem::new("", wrong, "sizes of a tensor that could be stored").at(span.start));
        };
        let Some(value) = raw.attributes.iter().find(|a| a.raw.name == "value") else {
            let home = Home::Filled { node, element: 0f32.to_le_bytes().to_vec() };
            return Ok(Some(Stored { dims, dtype: Dtype::F32, home, graph, span: span.clone(), main }));
        };
        let within = |p: Box<Problem>| p.within("attribute[value].t");
        let body = only_tensor(&value.raw).map_err(within)?.body;
        let tensor = tensor::parse(self.file, body.clone()).map_err(within)?;
        let element = match tensor.data {
            Data::Plain(range) => self.file[range].to_vec(),
            Data::Typed => tensor::decode(self.file, body, tensor.dtype).map_err(within)?,
            Data::External(_) | Data::Opaque => return Ok(None),
        };
        if Some(element.len()) != tensor.dtype.size() {
            let wrong = format!("the value has {} bytes", element.len());
            return Err(within(Problem::new("", wrong, "one element").at(span.start)));
        }
        let home = Home::Filled { node, element };
        Ok(Some(Stored { dims, dtype: tensor.dtype, home, graph, span: span.clone(), main }))
    }

    /// What is known of the elements.
    fn known(&self, stored: &Stored) -> Result<Constant, Box<Problem>> {
        let constant = |content, ints| Constant { shape: stored.dims.clone(), dtype: stored.dtype, content, ints };
        if stored.dtype == Dtype::Other {
            return Ok(constant(Content::Varied, None));
        }
        let decoded;
        let bytes: &[u8] = match &stored.home {
            Home::Filled { element, .. } => {
                let number = stored.dtype.number(element);
                return Ok(constant(number.map_or(Content::Varied, Content::Equal), None));
            }
            Home::Tensor { data: Data::External(external), .. } => {
                let Some(file) = external.file else { return Ok(constant(Content::Missing, None)) };
                let source = &self.document.side.files[file];
                if external.len as usize <= MAP_LIMIT {
                    &source.bytes()[external.offset as usize..][..external.len as usize]
                } else {
                    let read = |at, out: &mut [u8]| source.read_at(external.offset + at, out);
                    let content = classify(stored.dtype, &stored.dims, external.len, read);
                    return Ok(constant(content.map_err(|e| unreadable(&e))?, None));
                }
            }
            Home::Tensor { data: Data::Plain(range), .. } if range.len() > MAP_LIMIT => {
                let read = |at, out: &mut [u8]| self.source.read_at(range.start as u64 + at, out);
                let content = classify(stored.dtype, &stored.dims, range.len() as u64, read);
                return Ok(constant(content.map_err(|e| unreadable(&e))?, None));
            }
            Home::Tensor { data: Data::Plain(range), .. } => &self.file[range.clone()],
            Home::Tensor { data: Data::Opaque, .. } => return Ok(constant(Content::Varied, None)),
            home => {
                decoded = super::bytes::owned(self.file, &self.document.frames, stored.dtype, home)?;
                &decoded
            }
        };
        let read = |at: u64, out: &mut [u8]| {
            out.copy_from_slice(&bytes[at as usize..][..out.len()]);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(content) = classify(stored.dtype, &stored.dims, bytes.len() as u64, read);
        Ok(constant(content, integers(stored, bytes)))
    }
}

fn unreadable(error: &FileError) -> Box<Problem> {
    Problem::new("", error.to_string(), "a file that can be read to its end").remedy("Check the disk.")
}

fn integers(stored: &Stored, bytes: &[u8]) -> Option<Vec<i64>> {
    if stored.count() > MOST_INTS {
        return None;
    }
    match stored.dtype {
        Dtype::I64 => Some(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        Dtype::I32 => Some(bytes.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()),
        _ => None,
    }
}

fn only_tensor(value: &attribute::Raw) -> Result<super::wire::Field, Box<Problem>> {
    match value.tensors.as_slice() {
        [tensor] => Ok(tensor.clone()),
        several => Err(Problem::new("t", format!("the attribute has {} tensors", several.len()), "one")),
    }
}
