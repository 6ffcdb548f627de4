//! [`Builder`]: turns fates into edits of the file, and makes the tensors and nodes that are new.

use super::Onnx;
use super::bytes;
use super::document::{Document, Home, Stored};
use super::fate::{Fate, Resident};
use super::schema::{attribute, entry, graph, node, tensor, types, value_info};
use super::splice::Splice;
use super::tensor::{DATA_FIELDS, Data};
use super::wire::{Fields, put_bytes, put_header, put_number, put_varint};
use crate::error::{FileError, Problem};
use crate::fill::{Change, Fill};
use crate::output::{OutputFile, Piece};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Tensors from this size on go into the second file, where there is one; smaller ones, such as shapes, are wanted at
/// hand by readers that infer shapes (ONNX's own converter has the same threshold).
const SIDE_FROM: u64 = 1024;

/// Offsets of large tensors in the second file are multiples of a page, so that runtimes can map them.
const PAGE: u64 = 4096;

/// Offsets of small ones.
const ALIGN: u64 = 64;

/// From this version on an initializer need not be a formal input as well.
const FREE_INITIALIZERS: u64 = 4;

pub(super) struct Builder<'a> {
    model: &'a Onnx,
    fill: &'a dyn Fill,
    splice: Splice,
    side: Option<Side>,
    taken: BTreeSet<&'a str>,
    given: BTreeSet<String>,
    /// `ConstantOfShape` nodes that gave way to an initializer.
    replaced: BTreeSet<usize>,
}

/// The second file.
struct Side {
    name: String,
    pieces: Vec<Piece>,
    at: u64,
}

impl<'a> Builder<'a> {
    /// A builder that puts data into a second file of this name, if there is one.
    pub(super) fn new(model: &'a Onnx, fill: &'a dyn Fill, side: Option<String>) -> Builder<'a> {
        let side = side.map(|name| Side { name, pieces: Vec::new(), at: 0 });
        let taken = model.document.names.iter().map(String::as_str).collect();
        Builder {
            model,
            fill,
            splice: Splice::default(),
            side,
            taken,
            given: BTreeSet::new(),
            replaced: BTreeSet::new(),
        }
    }

    fn document(&self) -> &'a Document {
        &self.model.document
    }

    /// The model's file, and the second one if it holds anything.
    pub(super) fn build(mut self, fates: &BTreeMap<usize, Fate>, out: &Path) -> Result<Vec<OutputFile>, FileError> {
        for (&value, fate) in fates {
            let name = &self.document().graph.values[value].name;
            self.apply(value, fate).map_err(|p| p.within(name).of(&self.model.source.path))?;
        }
        self.remove_shapes();
        let pieces = self.splice.finish(&self.model.document.frames, self.model.source.bytes().len());
        let pieces = pieces.map_err(|p| p.of(&self.model.source.path))?;
        let mut files = vec![OutputFile { path: out.into(), pieces }];
        if let Some(side) = self.side.filter(|side| !side.pieces.is_empty()) {
            files.push(OutputFile { path: out.with_file_name(side.name), pieces: side.pieces });
        }
        Ok(files)
    }

    fn apply(&mut self, value: usize, fate: &Fate) -> Result<(), Box<Problem>> {
        let stored = &self.document().stored[&value];
        match fate {
            Fate::Keep => self.keep(stored),
            Fate::Rewrite(param) => self.rewrite(value, stored, *param),
            Fate::Split { resident, fresh } => {
                for &param in fresh {
                    self.part(stored, param)?;
                }
                match resident {
                    Resident::Kept => self.keep(stored),
                    Resident::Rewritten(param) => self.rewrite(value, stored, *param),
                    Resident::Gone => {
                        self.remove(value, stored);
                        Ok(())
                    }
                }
            }
        }
    }

    /// A tensor that keeps its elements moves only if they are in another file: the output has its own.
    fn keep(&mut self, stored: &Stored) -> Result<(), Box<Problem>> {
        let Home::Tensor { frame, data: Data::External(_), .. } = &stored.home else { return Ok(()) };
        let elements = self.old_elements(stored)?;
        self.replace_data(*frame, elements, true)
    }

    fn rewrite(&mut self, value: usize, stored: &Stored, param: usize) -> Result<(), Box<Problem>> {
        let elements = self.new_elements(stored, param);
        match &stored.home {
            Home::Tensor { frame, data, initializer } => {
                let aside = matches!(data, Data::External(_)) || *initializer && self.is_aside(stored);
                match data {
                    Data::Plain(range) if !(aside && self.side.is_some()) => {
                        self.splice.replace(*frame, range.clone(), elements);
                        Ok(())
                    }
                    _ => self.replace_data(*frame, elements, aside),
                }
            }
            Home::Number { attribute, bytes: Some(range) } => {
                self.splice.replace(*attribute, range.clone(), elements);
                Ok(())
            }
            Home::Number { attribute, bytes: None } => {
                let end = self.document().frames[*attribute].body.end;
                let mut tag = Vec::new();
                put_varint(u64::from(attribute::FLOAT) << 3 | 5, &mut tag);
                self.splice.replace(*attribute, end..end, [vec![Piece::Bytes(tag)], elements].concat());
                Ok(())
            }
            Home::Numbers { attribute } => {
                let mut head = Vec::new();
                put_header(attribute::FLOATS, stored.len(), &mut head);
                let pieces = [vec![Piece::Bytes(head)], elements].concat();
                self.replace_fields(*attribute, &[attribute::FLOATS], pieces)
            }
            Home::Filled { node, .. } => {
                let name = self.document().graph.values[value].name.clone();
                if stored.main {
                    self.replaced.insert(*node);
                    self.splice.replace(stored.graph, stored.span.clone(), Vec::new());
                    self.append(&name, stored, elements)
                } else {
                    self.replace_by_constant(*node, &name, stored, elements)
                }
            }
            Home::Integers(_) => Err(Problem::new("", "values were asked for integers", "a floating-point tensor")
                .remedy("Give it no method, so that it is kept.")),
        }
    }

    /// Gives a parameter a tensor of its own, in the main graph, where every nested graph can see it.
    fn part(&mut self, stored: &Stored, param: usize) -> Result<(), Box<Problem>> {
        let elements = match self.fill.change(param) {
            Change::Keep => self.old_elements(stored)?,
            Change::Write { .. } => self.new_elements(stored, param),
        };
        let name = self.fresh_name(&self.model.params[param].name);
        self.append(&name, stored, elements)?;
        for slot in &self.model.params[param].place.uses {
            let frame = self.document().nodes[slot.node.0];
            let body = self.document().frames[frame].body.clone();
            let inputs = Fields::new(self.model.source.bytes(), body).filter_map(Result::ok);
            let field = inputs.filter(|f| f.number == node::INPUT).nth(slot.input);
            let field =
                field.ok_or_else(|| Problem::new("", "a consumer has no such input", "the input that was read"))?;
            let mut bytes = Vec::new();
            put_bytes(node::INPUT, name.as_bytes(), &mut bytes);
            self.splice.replace(frame, field.span, vec![Piece::Bytes(bytes)]);
        }
        Ok(())
    }

    fn remove(&mut self, value: usize, stored: &Stored) {
        self.splice.replace(stored.graph, stored.span.clone(), Vec::new());
        if let Some((frame, span)) = self.document().inputs.get(&value).filter(|_| stored.main) {
            self.splice.replace(*frame, span.clone(), Vec::new());
        }
    }

    /// Removes the shapes of a short architecture's placeholders that no node reads any more: runtimes warn of what nobody
    /// uses. Of a file only the weights are touched.
    fn remove_shapes(&mut self) {
        if !self.model.source.is_memory() {
            return;
        }
        let document = self.document();
        for (&value, stored) in &document.stored {
            let here =
                matches!(stored.home, Home::Tensor { initializer: true, data: Data::Plain(_) | Data::Typed, .. });
            let uses = &document.graph.values[value].uses;
            let unread = !uses.is_empty() && uses.iter().all(|slot| self.replaced.contains(&slot.node.0));
            if here && unread && stored.main && !stored.dtype.is_float() && !document.leaving.contains(&value) {
                self.remove(value, stored);
            }
        }
    }

    fn fresh_name(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut count = 1;
        while self.taken.contains(name.as_str()) || !self.given.insert(name.clone()) {
            count += 1;
            name = format!("{wish}_{count}");
        }
        name
    }

    fn new_elements(&self, stored: &Stored, param: usize) -> Vec<Piece> {
        let whole = matches!(self.fill.change(param), Change::Write { whole: true, .. });
        vec![Piece::values(param, stored.count(), stored.dtype, whole)]
    }

    /// The elements that a tensor has now.
    fn old_elements(&self, stored: &Stored) -> Result<Vec<Piece>, Box<Problem>> {
        let file = self.model.source.bytes();
        let piece = match &stored.home {
            Home::Tensor { data: Data::Plain(range), .. } => {
                Piece::Source { file: 0, offset: range.start as u64, len: range.len() as u64 }
            }
            Home::Tensor { data: Data::External(external), .. } => {
                let file = external.file.ok_or_else(|| missing(&external.location))?;
                Piece::Source { file: 1 + file, offset: external.offset, len: external.len }
            }
            Home::Filled { element, .. } => Piece::Bytes(bytes::filled(stored, element)?),
            home => Piece::Bytes(bytes::owned(file, &self.document().frames, stored.dtype, home)?),
        };
        Ok(vec![piece])
    }

    fn is_aside(&self, stored: &Stored) -> bool {
        self.side.is_some() && stored.len() >= SIDE_FROM
    }

    /// Fields of a tensor that hold the elements: here, or in the second file.
    fn data_fields(&mut self, elements: Vec<Piece>, aside: bool) -> Vec<Piece> {
        let len = elements.iter().map(Piece::len).sum();
        let mut bytes = Vec::new();
        let Some(side) = self.side.as_mut().filter(|_| aside) else {
            put_header(tensor::RAW_DATA, len, &mut bytes);
            return [vec![Piece::Bytes(bytes)], elements].concat();
        };
        let offset = side.at.next_multiple_of(if len >= PAGE { PAGE } else { ALIGN });
        if offset > side.at {
            side.pieces.push(Piece::Bytes(vec![0; (offset - side.at) as usize]));
        }
        side.pieces.extend(elements);
        side.at = offset + len;
        for (key, value) in
            [("location", side.name.clone()), ("offset", offset.to_string()), ("length", len.to_string())]
        {
            let mut inner = Vec::new();
            put_bytes(entry::KEY, key.as_bytes(), &mut inner);
            put_bytes(entry::VALUE, value.as_bytes(), &mut inner);
            put_bytes(tensor::EXTERNAL_DATA, &inner, &mut bytes);
        }
        put_number(tensor::DATA_LOCATION, tensor::EXTERNAL, &mut bytes);
        vec![Piece::Bytes(bytes)]
    }

    fn replace_data(&mut self, frame: usize, elements: Vec<Piece>, aside: bool) -> Result<(), Box<Problem>> {
        let pieces = self.data_fields(elements, aside);
        let mut numbers = DATA_FIELDS.to_vec();
        numbers.extend([tensor::EXTERNAL_DATA, tensor::DATA_LOCATION]);
        self.replace_fields(frame, &numbers, pieces)
    }

    /// Puts `pieces` in the place of the first of these fields and removes the others.
    fn replace_fields(&mut self, frame: usize, numbers: &[u32], pieces: Vec<Piece>) -> Result<(), Box<Problem>> {
        let body = self.document().frames[frame].body.clone();
        let mut spans = Vec::new();
        for field in Fields::new(self.model.source.bytes(), body.clone()) {
            let field = field?;
            if numbers.contains(&field.number) {
                spans.push(field.span);
            }
        }
        let mut spans = spans.into_iter();
        self.splice.replace(frame, spans.next().unwrap_or(body.end..body.end), pieces);
        for span in spans {
            self.splice.replace(frame, span, Vec::new());
        }
        Ok(())
    }

    /// Adds an initializer to the main graph.
    fn append(&mut self, name: &str, stored: &Stored, elements: Vec<Piece>) -> Result<(), Box<Problem>> {
        let aside = self.is_aside(stored);
        let tensor = self.tensor(name, stored, elements, aside)?;
        self.add_to_main(wrap(graph::INITIALIZER, tensor));
        if self.document().ir_version < FREE_INITIALIZERS {
            let info = input_info(name, stored)?;
            self.add_to_main(wrap(graph::INPUT, vec![Piece::Bytes(info)]));
        }
        Ok(())
    }

    fn add_to_main(&mut self, pieces: Vec<Piece>) {
        // A document has at least one piece of the main graph, or reading would have refused it.
        if let Some(&frame) = self.document().main.last() {
            let end = self.document().frames[frame].body.end;
            self.splice.replace(frame, end..end, pieces);
        }
    }

    /// Content of a new `TensorProto`.
    fn tensor(
        &mut self,
        name: &str,
        stored: &Stored,
        elements: Vec<Piece>,
        aside: bool,
    ) -> Result<Vec<Piece>, Box<Problem>> {
        let mut head = Vec::new();
        for &dim in &stored.dims {
            put_number(tensor::DIMS, dim, &mut head);
        }
        put_number(tensor::DATA_TYPE, type_code(stored)?, &mut head);
        if !name.is_empty() {
            put_bytes(tensor::NAME, name.as_bytes(), &mut head);
        }
        Ok([vec![Piece::Bytes(head)], self.data_fields(elements, aside)].concat())
    }

    /// Puts a `Constant` node in the place of a `ConstantOfShape`: nested graphs of old files cannot have initializers,
    /// and some runtimes want the outputs of nested graphs to come from a node.
    fn replace_by_constant(
        &mut self,
        node: usize,
        name: &str,
        stored: &Stored,
        elements: Vec<Piece>,
    ) -> Result<(), Box<Problem>> {
        let tensor = self.tensor("", stored, elements, false)?;
        let mut head = Vec::new();
        put_bytes(attribute::NAME, b"value", &mut head);
        put_number(attribute::TYPE, attribute::IS_TENSOR, &mut head);
        let value = [vec![Piece::Bytes(head)], wrap(attribute::TENSOR, tensor)].concat();
        let mut head = Vec::new();
        put_bytes(node::OUTPUT, name.as_bytes(), &mut head);
        put_bytes(node::NAME, self.document().graph.nodes[node].name.as_bytes(), &mut head);
        put_bytes(node::OP_TYPE, b"Constant", &mut head);
        let content = [vec![Piece::Bytes(head)], wrap(node::ATTRIBUTE, value)].concat();
        self.splice.replace(stored.graph, stored.span.clone(), wrap(graph::NODE, content));
        Ok(())
    }
}

fn missing(location: &str) -> Box<Problem> {
    let wrong = format!("the tensor is kept, but the file `{location}` that holds it is missing");
    let problem = Problem::new("external_data", wrong, "that file beside the model");
    problem.remedy("Put the file there, or give the tensor a method with `--set`.")
}

fn type_code(stored: &Stored) -> Result<u64, Box<Problem>> {
    super::schema::code(stored.dtype)
        .ok_or_else(|| Problem::new("", format!("the dtype is {}", stored.dtype), "a floating-point dtype"))
}

/// A field with these pieces as its content.
fn wrap(number: u32, content: Vec<Piece>) -> Vec<Piece> {
    let mut head = Vec::new();
    put_header(number, content.iter().map(Piece::len).sum(), &mut head);
    [vec![Piece::Bytes(head)], content].concat()
}

/// A `ValueInfoProto` for a tensor.
fn input_info(name: &str, stored: &Stored) -> Result<Vec<u8>, Box<Problem>> {
    let mut shape = Vec::new();
    for &dim in &stored.dims {
        let mut inner = Vec::new();
        put_number(types::DIM_VALUE, dim, &mut inner);
        put_bytes(types::DIM, &inner, &mut shape);
    }
    let mut tensor = Vec::new();
    put_number(types::ELEMENT, type_code(stored)?, &mut tensor);
    put_bytes(types::SHAPE, &shape, &mut tensor);
    let mut kind = Vec::new();
    put_bytes(types::TENSOR, &tensor, &mut kind);
    let mut info = Vec::new();
    put_bytes(value_info::NAME, name.as_bytes(), &mut info);
    put_bytes(value_info::TYPE, &kind, &mut info);
    Ok(info)
}
