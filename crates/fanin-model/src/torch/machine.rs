//! [`run`]: the stack machine of a pickle, without its teeth.
//!
//! Python's own machine imports what a pickle names and calls it. This one knows no modules: a name stays a name, and
//! what a call gives is decided by [`globals`](super::globals) from the name alone.

use super::globals;
use super::opcode::{self as op, Reader};
use super::value::{Heap, Node, Object, Storage, Value};
use crate::error::Problem;
use std::collections::BTreeMap;

/// The most operations of one pickle. The checkpoint of a model with ten thousand tensors and its optimizer has a million.
const MOST_OPERATIONS: u32 = 1 << 22;

type Done<T = ()> = Result<T, Box<Problem>>;

/// What a pickle has built, and where it ends.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) heap: Heap,
    pub(super) root: Value,
    pub(super) end: usize,
}

/// Runs the pickle that starts at byte `start`.
pub(super) fn run(bytes: &[u8], start: usize) -> Done<Built> {
    let mut machine = Machine {
        reader: Reader::new(bytes, start),
        heap: Heap::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    for _ in 0..MOST_OPERATIONS {
        let at = machine.reader.at;
        let code = machine.reader.byte()?;
        if code == op::STOP {
            let root = machine.pop()?;
            return Ok(Built { heap: machine.heap, root, end: machine.reader.at });
        }
        machine.step(code).map_err(|problem| if problem.offset.is_none() { problem.at(at) } else { problem })?;
    }
    let wrong = format!("it has more than {MOST_OPERATIONS} operations");
    Err(Problem::new("", wrong, "far fewer, for any model").remedy("Save the state dict alone."))
}

struct Machine<'a> {
    reader: Reader<'a>,
    heap: Heap,
    stack: Vec<Value>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Value>,
}

impl Machine<'_> {
    fn step(&mut self, code: u8) -> Done {
        let known = self.scalar(code)? || self.text(code)? || self.container(code)? || self.memory(code)?;
        if known || self.object(code)? {
            return Ok(());
        }
        let wrong = format!("the operation {code:#04x} is not one of pickle's");
        Err(Problem::new("", wrong, "an operation of protocol 0 to 5"))
    }

    fn pop(&mut self) -> Done<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let value = if self.stack.len() > floor { self.stack.pop() } else { None };
        value.ok_or_else(|| Problem::new("", "a value is taken from an empty stack", "a value"))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn push_node(&mut self, node: Node) {
        let value = self.heap.add(node);
        self.stack.push(value);
    }

    /// The last value, which stays where it is.
    fn top(&self) -> Done<Value> {
        self.stack.last().copied().ok_or_else(|| Problem::new("", "the stack is empty", "a value"))
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Done<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| Problem::new("", "a mark is missing", "a mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn scalar(&mut self, code: u8) -> Done<bool> {
        let value = match code {
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i64::from(self.reader.number(4)? as i32)),
            op::BININT1 => Value::Int(i64::from(self.reader.byte()?)),
            op::BININT2 => Value::Int(self.reader.number(2)? as i64),
            op::INT => match self.reader.line()? {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => digits.parse().map_or(Value::Number, Value::Int),
            },
            op::LONG => self.reader.line()?.trim_end_matches('L').parse().map_or(Value::Number, Value::Int),
            op::LONG1 => long(self.reader.counted(1)?),
            op::LONG4 => long(self.reader.counted(4)?),
            op::FLOAT => {
                self.reader.line()?;
                Value::Number
            }
            op::BINFLOAT => {
                self.reader.take(8)?;
                Value::Number
            }
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    fn text(&mut self, code: u8) -> Done<bool> {
        let text = match code {
            op::BINUNICODE => Some(self.reader.text(4)?),
            op::SHORT_BINUNICODE => Some(self.reader.text(1)?),
            op::BINUNICODE8 => Some(self.reader.text(8)?),
            op::UNICODE => Some(self.reader.line()?),
            op::STRING => Some(self.reader.line()?.trim_matches(['\'', '"'])),
            // Python 2's strings are bytes, and names of tensors at once.
            op::BINSTRING => std::str::from_utf8(self.reader.counted(4)?).ok(),
            op::SHORT_BINSTRING => std::str::from_utf8(self.reader.counted(1)?).ok(),
            op::BINBYTES => self.reader.counted(4).map(|_| None)?,
            op::SHORT_BINBYTES => self.reader.counted(1).map(|_| None)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.reader.counted(8).map(|_| None)?,
            _ => return Ok(false),
        };
        self.push_node(text.map_or(Node::Bytes, |text| Node::Text(text.into())));
        Ok(true)
    }

    fn container(&mut self, code: u8) -> Done<bool> {
        match code {
            op::MARK => self.marks.push(self.stack.len()),
            op::EMPTY_TUPLE => self.push_node(Node::Tuple(Vec::new())),
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let mut items = Vec::new();
                for _ in op::TUPLE1..=code {
                    items.insert(0, self.pop()?);
                }
                self.push_node(Node::Tuple(items));
            }
            op::TUPLE => {
                let items = self.pop_mark()?;
                self.push_node(Node::Tuple(items));
            }
            // What is in a set is not looked at, so an empty list stands for it.
            op::EMPTY_LIST | op::EMPTY_SET => self.push_node(Node::List(Vec::new())),
            op::LIST => {
                let items = self.pop_mark()?;
                self.push_node(Node::List(items));
            }
            op::EMPTY_DICT => self.push_node(Node::Dict(Vec::new())),
            op::DICT => {
                let items = self.pop_mark()?;
                self.push_node(Node::Dict(pairs(&items)));
            }
            op::FROZENSET => {
                self.pop_mark()?;
                self.push_node(Node::List(Vec::new()));
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            op::APPENDS => {
                let items = self.pop_mark()?;
                self.extend(&items)?;
            }
            op::ADDITEMS => drop(self.pop_mark()?),
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[(key, value)])?;
            }
            op::SETITEMS => {
                let items = self.pop_mark()?;
                self.insert(&pairs(&items))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends to the list on the stack.
    fn extend(&mut self, items: &[Value]) -> Done {
        let list = self.top()?;
        match self.heap.get_mut(list) {
            Some(Node::List(list)) => list.extend_from_slice(items),
            // A list of a class of its own: what is in it is not looked at.
            Some(Node::Object(_)) => {}
            _ => return Err(Problem::new("", "items are appended to something else", "a list")),
        }
        Ok(())
    }

    /// Puts pairs into the dictionary on the stack.
    fn insert(&mut self, items: &[(Value, Value)]) -> Done {
        let dict = self.top()?;
        match self.heap.get_mut(dict) {
            Some(Node::Dict(pairs)) => pairs.extend_from_slice(items),
            Some(Node::Object(object)) => object.items.extend_from_slice(items),
            _ => return Err(Problem::new("", "pairs are put into something else", "a dictionary")),
        }
        Ok(())
    }

    fn memory(&mut self, code: u8) -> Done<bool> {
        match code {
            op::PROTO => {
                let version = self.reader.byte()?;
                if version > 5 {
                    return Err(Problem::new("", format!("the protocol is {version}"), "0 to 5"));
                }
            }
            op::FRAME => {
                self.reader.take(8)?;
            }
            op::POP => {
                // With nothing above it, the mark itself goes.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            op::POP_MARK => drop(self.pop_mark()?),
            op::DUP => self.push(self.top()?),
            op::PUT => {
                let slot = decimal(self.reader.line()?)?;
                self.remember(slot)?;
            }
            op::BINPUT => {
                let slot = self.reader.number(1)?;
                self.remember(slot)?;
            }
            op::LONG_BINPUT => {
                let slot = self.reader.number(4)?;
                self.remember(slot)?;
            }
            op::MEMOIZE => self.remember(self.memo.len() as u64)?,
            op::GET => {
                let slot = decimal(self.reader.line()?)?;
                self.recall(slot)?;
            }
            op::BINGET => {
                let slot = self.reader.number(1)?;
                self.recall(slot)?;
            }
            op::LONG_BINGET => {
                let slot = self.reader.number(4)?;
                self.recall(slot)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn remember(&mut self, slot: u64) -> Done {
        let value = self.top()?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u64) -> Done {
        let value = self.memo.get(&slot).copied();
        self.push(value.ok_or_else(|| Problem::new("", format!("slot {slot} of the memo is empty"), "a value in it"))?);
        Ok(())
    }

    fn object(&mut self, code: u8) -> Done<bool> {
        match code {
            op::GLOBAL => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let global = self.global(module, name)?;
                self.push(global);
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let texts = self.heap.text(module).zip(self.heap.text(name));
                let (module, name) = texts.ok_or_else(|| Problem::new("", "a name is no text", "two texts"))?;
                let (module, name) = (module.to_owned(), name.to_owned());
                let global = self.global(&module, &name)?;
                self.push(global);
            }
            op::REDUCE | op::NEWOBJ => {
                let (args, callee) = (self.pop()?, self.pop()?);
                self.call(callee, args)?;
            }
            op::NEWOBJ_EX => {
                let (_, args, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, args)?;
            }
            op::INST => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let callee = self.global(module, name)?;
                let args = self.pop_mark()?;
                let args = self.heap.add(Node::Tuple(args));
                self.call(callee, args)?;
            }
            op::OBJ => {
                let mut args = self.pop_mark()?;
                if args.is_empty() {
                    return Err(Problem::new("", "an object without a class", "a class"));
                }
                let callee = args.remove(0);
                let args = self.heap.add(Node::Tuple(args));
                self.call(callee, args)?;
            }
            op::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                if let Some(Node::Object(object)) = self.heap.get_mut(object) {
                    object.state = state;
                }
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let value = self.persistent(id)?;
                self.push(value);
            }
            op::PERSID => return Err(not_torch("a persistent id is a text")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn global(&mut self, module: &str, name: &str) -> Done<Value> {
        // Python 2's names of the same modules.
        let module = match module {
            "__builtin__" | "__builtins__" => "builtins",
            "copy_reg" => "copyreg",
            module => module,
        };
        globals::check(module, name)?;
        Ok(self.heap.add(Node::Global(format!("{module}.{name}").into())))
    }

    fn call(&mut self, callee: Value, args: Value) -> Done {
        let value = globals::call(&mut self.heap, callee, args)?;
        self.push(value);
        Ok(())
    }

    /// What stands outside of the pickle: a storage, or the class of a module with its source text.
    fn persistent(&mut self, id: Value) -> Done<Value> {
        let items = self.heap.items(id);
        match (items.first().and_then(|&kind| self.heap.text(kind)), items) {
            (Some("module"), [_, class, ..]) => Ok(*class),
            (Some("storage"), [_, kind, key, _, Value::Int(len), rest @ ..]) => {
                let key = self.heap.text(*key).ok_or_else(|| not_torch("the key of a storage is no text"))?;
                let kind = self.heap.global(*kind).ok_or_else(|| not_torch("the type of a storage is no name"))?;
                let (dtype, size) = globals::storage(kind)
                    .ok_or_else(|| not_torch(&format!("the type of a storage is `{kind}`, which is not known")))?;
                let len = u64::try_from(*len).map_err(|_| not_torch("a storage has a negative length"))?;
                let mut storage = Storage { key: key.into(), dtype, size, len, start: 0 };
                // Old files have parts of storages: key, start and length of the part.
                if let [view] = rest
                    && let [_, Value::Int(start), Value::Int(part)] = self.heap.items(*view)
                {
                    let part = u64::try_from(*start).ok().zip(u64::try_from(*part).ok());
                    (storage.start, storage.len) = part.ok_or_else(|| not_torch("a part of a storage is negative"))?;
                }
                Ok(self.heap.add(Node::Storage(storage)))
            }
            _ => Err(not_torch("a persistent id is not a storage")),
        }
    }
}

fn not_torch(wrong: &str) -> Box<Problem> {
    Problem::new("", wrong, "what `torch.save` writes").remedy("Save the model with `torch.save` or as safetensors.")
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|&last| last >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    let Some(low) = wide.get_mut(..bytes.len()) else { return Value::Number };
    low.copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// Items two by two.
fn pairs(items: &[Value]) -> Vec<(Value, Value)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn decimal(text: &str) -> Done<u64> {
    text.parse().map_err(|_| Problem::new("", format!("`{text}` is no slot of the memo"), "a number"))
}

/// An object of a class that is not understood.
pub(super) fn unknown(class: &str) -> Node {
    Node::Object(Object { class: class.into(), state: Value::None, items: Vec::new() })
}
