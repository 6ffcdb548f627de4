//! From the bytes of an ONNX file to a [`Document`].

use super::constant::ConstantReader;
use super::document::{Document, Frame, Stored};
use super::external::SideFiles;
use super::node::{self, RawNode};
use super::schema::{graph, model, opset, sparse_tensor, tensor, types, value_info};
use super::tensor::text;
use super::wire::{Field, Fields, Payload};
use crate::error::Problem;
use crate::source::Source;
use fanin::Dtype;
use fanin::graph::{Body, Graph, NodeId, Value, ValueId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// Graphs inside graphs that are followed. Each is three messages deep, and protobuf's own readers stop at 100.
const GRAPH_DEPTH: usize = 32;

/// From this version on a model names its operator sets. Source: `IR_VERSION` in `onnx.proto`.
const OPSETS_FROM: u64 = 3;

/// Names of one graph, and the graphs around it.
pub(super) struct Scope<'s, 'a> {
    names: HashMap<&'a str, usize>,
    outer: Option<&'s Scope<'s, 'a>>,
}

impl Scope<'_, '_> {
    fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied().or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) file: &'a [u8],
    pub(super) document: Document,
}

/// Fields of one graph, by kind, each with the frame it stands in.
#[derive(Default)]
struct Parts {
    nodes: Vec<(usize, Field)>,
    initializers: Vec<(usize, Field)>,
    sparse: Vec<Field>,
    inputs: Vec<(usize, Field)>,
    outputs: Vec<Field>,
    infos: Vec<Field>,
}

/// What a `ValueInfoProto` says.
#[derive(Clone, Default)]
struct Info<'a> {
    name: &'a str,
    dtype: Option<Dtype>,
    shape: Option<Vec<Option<u64>>>,
}

/// Reads a file.
pub(super) fn read(source: &Source) -> Result<Document, Box<Problem>> {
    let file = source.bytes();
    let root = Frame { parent: None, prefix: 0..0, body: 0..file.len() };
    let document = Document {
        graph: Graph::default(),
        ir_version: 0,
        frames: vec![root],
        main: Vec::new(),
        nodes: Vec::new(),
        stored: BTreeMap::new(),
        inputs: BTreeMap::new(),
        leaving: BTreeSet::new(),
        names: BTreeSet::new(),
        side: SideFiles::new(&source.path),
    };
    let mut reader = Reader { source, file, document };
    let (mut segments, mut opsets) = (Vec::new(), BTreeMap::new());
    for field in Fields::new(file, 0..file.len()) {
        let field = field?;
        match (field.number, &field.payload) {
            (model::IR_VERSION, Payload::Varint(version)) => reader.document.ir_version = *version,
            (model::GRAPH, Payload::Bytes) => segments.push(reader.frame(0, &field)),
            (model::OPSET, Payload::Bytes) => opsets.extend([reader.opset(field.body)?]),
            _ => {}
        }
    }
    let version = reader.document.ir_version;
    // Writers put the operator sets behind the graph, so a file that was cut off lacks them.
    let lacks_opset = opsets.is_empty() && version >= OPSETS_FROM;
    if segments.is_empty() || version == 0 || lacks_opset {
        let what = match version {
            0 => "version (ir_version)",
            _ if segments.is_empty() => "graph",
            _ => "operator set (opset_import)",
        };
        let problem = Problem::new("", format!("the file has no {what}"), "an ONNX model");
        return Err(problem.remedy("This is not an ONNX file, or it was cut off: export or download it again."));
    }
    reader.document.main.clone_from(&segments);
    let body = reader.graph(&segments, None, 0).map_err(|p| p.within("graph"))?;
    let Document { graph, stored, .. } = &mut reader.document;
    graph.inputs = body.inputs.into_iter().filter(|id| !stored.contains_key(&id.0)).collect();
    graph.outputs = body.outputs;
    graph.opsets = opsets;
    graph.connect();
    Ok(reader.document)
}

impl<'a> Reader<'a> {
    /// Reads an `OperatorSetIdProto`: domain and version.
    fn opset(&self, body: Range<usize>) -> Result<(String, u64), Box<Problem>> {
        let (mut domain, mut version) = ("", 0);
        for field in Fields::new(self.file, body) {
            let field = field?;
            match (field.number, &field.payload) {
                (opset::DOMAIN, Payload::Bytes) => domain = text(self.file, &field.body)?,
                (opset::VERSION, Payload::Varint(number)) => version = *number,
                _ => {}
            }
        }
        Ok((if domain == "ai.onnx" { String::new() } else { domain.to_owned() }, version))
    }

    /// Remembers a message that stands in `parent`.
    pub(super) fn frame(&mut self, parent: usize, field: &Field) -> usize {
        let prefix = field.after_tag..field.body.start;
        self.document.frames.push(Frame { parent: Some(parent), prefix, body: field.body.clone() });
        self.document.frames.len() - 1
    }

    fn graph(&mut self, segments: &[usize], outer: Option<&Scope<'_, 'a>>, depth: usize) -> Result<Body, Box<Problem>> {
        if depth > GRAPH_DEPTH {
            let wrong = "graphs are nested too deeply";
            return Err(Problem::new("", wrong, format!("at most {GRAPH_DEPTH} levels"))
                .at(self.document.frames[segments[0]].body.start));
        }
        let parts = self.parts(segments)?;
        let mut scope = Scope { names: HashMap::new(), outer };
        let mut body = Body::default();
        for (i, (frame, field)) in parts.inputs.iter().enumerate() {
            let id = self.input(field, &mut scope).map_err(|p| p.within(&format!("input[{i}]")))?;
            if depth == 0 {
                self.document.inputs.insert(id.0, (*frame, field.span.clone()));
            }
            body.inputs.push(id);
        }
        for (i, (frame, field)) in parts.initializers.iter().enumerate() {
            self.initializer(*frame, field, &mut scope, depth == 0)
                .map_err(|p| p.within(&format!("initializer[{i}]")))?;
        }
        for (i, field) in parts.sparse.iter().enumerate() {
            self.sparse(field, &mut scope).map_err(|p| p.within(&format!("sparse_initializer[{i}]")))?;
        }
        let nodes = self.declare_nodes(&parts, &mut scope)?;
        for (i, (frame, span, raw)) in nodes.into_iter().enumerate() {
            let place = (frame, span, depth == 0);
            let id = self.node(&raw, place, &scope, depth).map_err(|p| p.within(&format!("node[{i}]")))?;
            body.nodes.push(id);
        }
        for (i, field) in parts.outputs.iter().enumerate() {
            let info = self.info(field).map_err(|p| p.within(&format!("output[{i}]")))?;
            let id = scope.find(info.name).ok_or_else(|| unmade(info.name, field).within(&format!("output[{i}]")))?;
            self.learn(id, &info);
            self.document.leaving.insert(id);
            body.outputs.push(ValueId(id));
        }
        Ok(body)
    }

    fn parts(&self, segments: &[usize]) -> Result<Parts, Box<Problem>> {
        let mut parts = Parts::default();
        for &frame in segments {
            for field in Fields::new(self.file, self.document.frames[frame].body.clone()) {
                let field = field?;
                if field.payload != Payload::Bytes {
                    continue;
                }
                match field.number {
                    graph::NODE => parts.nodes.push((frame, field)),
                    graph::INITIALIZER => parts.initializers.push((frame, field)),
                    graph::SPARSE_INITIALIZER => parts.sparse.push(field),
                    graph::INPUT => parts.inputs.push((frame, field)),
                    graph::OUTPUT => parts.outputs.push(field),
                    graph::VALUE_INFO => parts.infos.push(field),
                    _ => {}
                }
            }
        }
        Ok(parts)
    }

    /// Adds a value under a name that must be new in its scope.
    fn define(&mut self, name: &'a str, at: usize, scope: &mut Scope<'_, 'a>) -> Result<usize, Box<Problem>> {
        let id = self.document.graph.values.len();
        if scope.names.insert(name, id).is_some() {
            let wrong = format!("the name `{name}` is given to two values of one graph");
            return Err(Problem::new("", wrong, "a name for each").at(at));
        }
        self.document.names.insert(name.to_owned());
        self.document.graph.values.push(Value { name: name.to_owned(), ..Value::default() });
        Ok(id)
    }

    fn input(&mut self, field: &Field, scope: &mut Scope<'_, 'a>) -> Result<ValueId, Box<Problem>> {
        let info = self.info(field)?;
        let id = self.define(info.name, field.span.start, scope)?;
        self.learn(id, &info);
        Ok(ValueId(id))
    }

    fn initializer(
        &mut self,
        graph: usize,
        field: &Field,
        scope: &mut Scope<'_, 'a>,
        main: bool,
    ) -> Result<(), Box<Problem>> {
        let frame = self.frame(graph, field);
        let (name, dims, dtype, home) = self.tensor(frame, true)?;
        // An initializer may give a formal input its default, and in old files it always does.
        let id = match scope.names.get(name) {
            Some(&id) if self.document.inputs_of_scope(id) => id,
            _ => self.define(name, field.span.start, scope)?,
        };
        let stored = Stored { dims, dtype, home, graph, span: field.span.clone(), main };
        self.store(id, stored).map_err(|p| p.within(&format!("({name})")))
    }

    /// A sparse initializer makes a value of which only name, shape and type are known: it is carried along.
    fn sparse(&mut self, field: &Field, scope: &mut Scope<'_, 'a>) -> Result<(), Box<Problem>> {
        let (mut name, mut dtype, mut dims) = ("", None, Vec::new());
        for field in Fields::new(self.file, field.body.clone()) {
            let field = field?;
            match (field.number, &field.payload) {
                (sparse_tensor::DIMS, Payload::Varint(dim)) => dims.push(Some(*dim)),
                (sparse_tensor::DIMS, Payload::Bytes) => {
                    super::tensor::packed(self.file, &field.body, |dim| dims.push(Some(dim)))?;
                }
                (sparse_tensor::VALUES, Payload::Bytes) => {
                    for inner in Fields::new(self.file, field.body) {
                        let inner = inner?;
                        match (inner.number, &inner.payload) {
                            (tensor::NAME, Payload::Bytes) => name = text(self.file, &inner.body)?,
                            (tensor::DATA_TYPE, Payload::Varint(code)) => dtype = super::schema::dtype(*code),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let id = match scope.names.get(name) {
            Some(&id) => id,
            None => self.define(name, field.span.start, scope)?,
        };
        let value = &mut self.document.graph.values[id];
        (value.dtype, value.shape) = (dtype, Some(dims));
        Ok(())
    }

    /// Reads all nodes of a graph and names their outputs, so that their order does not matter.
    #[expect(clippy::type_complexity, reason = "frame, span and node, used once")]
    fn declare_nodes(
        &mut self,
        parts: &Parts,
        scope: &mut Scope<'_, 'a>,
    ) -> Result<Vec<(usize, Range<usize>, RawNode<'a>)>, Box<Problem>> {
        let mut infos: HashMap<&str, Info> = HashMap::new();
        for (i, field) in parts.infos.iter().enumerate() {
            let info = self.info(field).map_err(|p| p.within(&format!("value_info[{i}]")))?;
            infos.insert(info.name, info);
        }
        let mut nodes = Vec::with_capacity(parts.nodes.len());
        for (i, (graph, field)) in parts.nodes.iter().enumerate() {
            let frame = self.frame(*graph, field);
            let within = |p: Box<Problem>| p.within(&format!("node[{i}]"));
            let raw = node::parse(self.file, frame, field.body.clone()).map_err(within)?;
            for name in raw.outputs.iter().filter(|name| !name.is_empty()) {
                let id = self.define(name, field.span.start, scope).map_err(within)?;
                if let Some(info) = infos.get(name) {
                    self.learn(id, info);
                }
            }
            nodes.push((*graph, field.span.clone(), raw));
        }
        Ok(nodes)
    }

    fn node(
        &mut self,
        raw: &RawNode<'a>,
        place: (usize, Range<usize>, bool),
        scope: &Scope<'_, 'a>,
        depth: usize,
    ) -> Result<NodeId, Box<Problem>> {
        let find = |name: &&str| -> Result<Option<ValueId>, Box<Problem>> {
            match *name {
                "" => Ok(None),
                name => scope.find(name).map(|id| Some(ValueId(id))).ok_or_else(|| {
                    Problem::new("", format!("no node, input or initializer makes `{name}`"), "a value of the graph")
                        .at(place.1.start)
                }),
            }
        };
        let mut node = raw.to_node(self.file);
        node.inputs = raw.inputs.iter().map(find).collect::<Result<_, _>>()?;
        node.outputs = raw.outputs.iter().map(find).collect::<Result<_, _>>()?;
        let id = self.document.graph.nodes.len();
        self.document.graph.nodes.push(node);
        self.document.nodes.push(raw.frame);
        self.constant(id, raw, place)?;
        for attribute in raw.attributes.iter().filter(|a| !a.raw.graphs.is_empty()) {
            let frame = self.frame(raw.frame, &attribute.field);
            let segments: Vec<usize> = attribute.raw.graphs.iter().map(|field| self.frame(frame, field)).collect();
            let name = attribute.raw.name;
            let mut body =
                self.graph(&segments, Some(scope), depth + 1).map_err(|p| p.within(&format!("attribute[{name}].g")))?;
            name.clone_into(&mut body.name);
            self.document.graph.nodes[id].bodies.push(body);
        }
        Ok(NodeId(id))
    }

    fn info(&self, field: &Field) -> Result<Info<'a>, Box<Problem>> {
        let mut info = Info::default();
        for field in Fields::new(self.file, field.body.clone()) {
            let field = field?;
            match (field.number, &field.payload) {
                (value_info::NAME, Payload::Bytes) => info.name = text(self.file, &field.body)?,
                (value_info::TYPE, Payload::Bytes) => self.type_of(field.body, &mut info)?,
                _ => {}
            }
        }
        Ok(info)
    }

    /// Reads `TypeProto`: element type and shape of a tensor; other types leave both unknown.
    fn type_of(&self, body: Range<usize>, info: &mut Info<'a>) -> Result<(), Box<Problem>> {
        for field in Fields::new(self.file, body) {
            let field = field?;
            if (field.number, &field.payload) != (types::TENSOR, &Payload::Bytes) {
                continue;
            }
            for field in Fields::new(self.file, field.body) {
                let field = field?;
                match (field.number, &field.payload) {
                    (types::ELEMENT, Payload::Varint(code)) => info.dtype = super::schema::dtype(*code),
                    (types::SHAPE, Payload::Bytes) => info.shape = Some(self.shape(field.body)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn shape(&self, body: Range<usize>) -> Result<Vec<Option<u64>>, Box<Problem>> {
        let mut shape = Vec::new();
        for field in Fields::new(self.file, body) {
            let field = field?;
            if (field.number, &field.payload) != (types::DIM, &Payload::Bytes) {
                continue;
            }
            let mut dim = None;
            for field in Fields::new(self.file, field.body) {
                let field = field?;
                if let (types::DIM_VALUE, Payload::Varint(value)) = (field.number, &field.payload) {
                    dim = Some(*value).filter(|&value| value < 1 << 58);
                }
            }
            shape.push(dim);
        }
        Ok(shape)
    }

    fn learn(&mut self, id: usize, info: &Info) {
        let value = &mut self.document.graph.values[id];
        value.dtype = value.dtype.or(info.dtype);
        if value.shape.is_none() {
            value.shape.clone_from(&info.shape);
        }
    }
}

impl Document {
    /// Whether a value of the scope that is being read is a formal input without a stored default so far.
    ///
    /// While initializers are read, only inputs and initializers have been defined.
    fn inputs_of_scope(&self, id: usize) -> bool {
        !self.stored.contains_key(&id)
    }
}

fn unmade(name: &str, field: &Field) -> Box<Problem> {
    let wrong = format!("no node, input or initializer makes `{name}`");
    Problem::new("", wrong, "a value of the graph").at(field.span.start)
}
