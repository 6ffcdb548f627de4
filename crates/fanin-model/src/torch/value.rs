//! What a pickle builds, as data: [`Value`]s on a [`Heap`]. Objects are named, never made.

use fanin::Dtype;

/// A value: small ones themselves, others by where they are on the heap. So the same list under ten names is one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A number that nothing here depends on: a float, or an integer of more than 64 bits.
    Number,
    Node(Id),
}

/// A place on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u32);

/// Something that holds more than a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Text(Box<str>),
    /// Raw bytes, which are not looked at.
    Bytes,
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// A name in a module of Python: `torch._utils._rebuild_tensor_v2`. Nothing is imported.
    Global(Box<str>),
    Storage(Storage),
    Tensor(Tensor),
    /// An object of a class that is not understood, with what was put into it.
    Object(Object),
}

/// Numbers somewhere in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// Under which name the file has them.
    pub(super) key: Box<str>,
    /// What they are; `Other` with a size in bytes for types that cannot be drawn.
    pub(super) dtype: Dtype,
    /// Bytes of an element.
    pub(super) size: u64,
    /// Elements.
    pub(super) len: u64,
    /// The first of them, in a part of another storage.
    pub(super) start: u64,
}

/// A view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Id,
    pub(super) dtype: Dtype,
    /// Bytes of an element.
    pub(super) size: u64,
    /// First element in the storage.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// An object of an unknown class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) class: Box<str>,
    /// What its `__setstate__` would get: mostly the dictionary of its attributes.
    pub(super) state: Value,
    /// Items that were put into it as into a dictionary.
    pub(super) items: Vec<(Value, Value)>,
}

/// Everything a pickle has built.
#[derive(Clone, Debug, Default)]
pub(super) struct Heap {
    nodes: Vec<Node>,
}

impl Heap {
    /// Puts a node on the heap. There are fewer than 2^32 of them, since each takes an operation.
    pub(super) fn add(&mut self, node: Node) -> Value {
        self.nodes.push(node);
        Value::Node(Id((self.nodes.len() - 1) as u32))
    }

    pub(super) fn at(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn get(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(id) => Some(self.at(id)),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(Id(index)) => self.nodes.get_mut(index as usize),
            _ => None,
        }
    }

    pub(super) fn text(&self, value: Value) -> Option<&str> {
        match self.get(value) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn global(&self, value: Value) -> Option<&str> {
        match self.get(value) {
            Some(Node::Global(name)) => Some(name),
            _ => None,
        }
    }

    /// The items of a tuple or list; nothing for anything else.
    pub(super) fn items(&self, value: Value) -> &[Value] {
        match self.get(value) {
            Some(Node::Tuple(items) | Node::List(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}
