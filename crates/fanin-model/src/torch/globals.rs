//! What the names in a pickle stand for. Nothing is imported or run: a few names are understood, classes that are not are
//! objects with a name, and functions that no model needs are refused.

use super::machine::unknown;
use super::rebuild;
use super::value::{Heap, Node, Value};
use crate::error::Problem;
use fanin::Dtype;

/// How often a call may stand for another call.
const MOST_CALLS: usize = 8;

/// Modules whose functions run programs, read and write files or make code. A model never needs one of them.
const DANGEROUS: [&str; 44] = [
    "os",
    "posix",
    "nt",
    "ntpath",
    "posixpath",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "pty",
    "commands",
    "importlib",
    "imp",
    "runpy",
    "ctypes",
    "_ctypes",
    "code",
    "codeop",
    "types",
    "inspect",
    "pickle",
    "_pickle",
    "cPickle",
    "marshal",
    "shelve",
    "webbrowser",
    "platform",
    "multiprocessing",
    "asyncio",
    "signal",
    "tempfile",
    "ftplib",
    "http",
    "urllib",
    "urllib2",
    "requests",
    "smtplib",
    "telnetlib",
    "pdb",
    "bdb",
    "timeit",
    "trace",
    "pip",
    "distutils",
];

/// The only names of `builtins` that data need. The last four are of Python 2. the last four are Python 2's.
const BUILTINS: [&str; 20] = [
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "bytearray",
    "complex",
    "object",
    "slice",
    "range",
    "getattr",
    "long",
    "unicode",
    "basestring",
    "xrange",
];

/// Functions, and classes named like functions, that are met in checkpoints beside the weights. What they would give is
/// of no use here.
const HARMLESS: [&str; 22] = [
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "collections.deque",
    "datetime.datetime",
    "datetime.date",
    "datetime.timedelta",
    "functools.partial",
    "_codecs.encode",
    "copyreg.__newobj__",
    "torch.device",
    "torch.layout",
    "torch.finfo",
    "torch.Generator",
];

/// Refuses a name that no model needs, as soon as the pickle mentions it.
pub(super) fn check(module: &str, name: &str) -> Result<(), Box<Problem>> {
    let top = module.split('.').next().unwrap_or_default();
    let first = name.split('.').next().unwrap_or_default();
    if DANGEROUS.contains(&top) || (top == "builtins" && !BUILTINS.contains(&first)) {
        return Err(refused(&format!("the pickle names `{module}.{name}`")));
    }
    Ok(())
}

fn refused(wrong: &str) -> Box<Problem> {
    let problem = Problem::new("", wrong, "tensors, numbers, texts and containers of them");
    problem.remedy("Nothing of it was run. Other programs would run it: open this file with none that you care for.")
}

/// What calling `callee` gives.
pub(super) fn call(heap: &mut Heap, callee: Value, args: Value) -> Result<Value, Box<Problem>> {
    let (mut callee, mut args) = (callee, args);
    for _ in 0..MOST_CALLS {
        let Some(name) = heap.global(callee).map(str::to_owned) else {
            // An object that makes objects: a class inside of a class, a partial function.
            return match heap.get(callee) {
                Some(Node::Object(object)) => {
                    let class = object.class.clone();
                    Ok(heap.add(unknown(&class)))
                }
                _ => Err(Problem::new("", "something is called that has no name", "a name of Python")),
            };
        };
        let items = heap.items(args).to_vec();
        match (name.as_str(), items.as_slice()) {
            // A tensor of a subclass: the function that makes the tensor, and its arguments.
            ("torch._tensor._rebuild_from_type_v2" | "torch.tensor._rebuild_from_type", [function, _, rest, ..]) => {
                (callee, args) = (*function, *rest);
            }
            _ => return known(heap, &name, &items),
        }
    }
    Err(Problem::new("", "calls stand for calls without an end", "a tensor"))
}

fn known(heap: &mut Heap, name: &str, items: &[Value]) -> Result<Value, Box<Problem>> {
    let node = match (name, items) {
        ("torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3", _) => {
            rebuild::tensor(heap, name.ends_with("v3"), items)?
        }
        (
            "torch._utils._rebuild_parameter"
            | "torch._utils._rebuild_parameter_with_state"
            | "torch.nn.parameter.Parameter"
            | "torch.nn.parameter.Buffer"
            | "torch.Size"
            | "torch.jit._pickle.restore_type_tag",
            [value, ..],
        ) => return Ok(*value),
        ("collections.OrderedDict" | "collections.defaultdict" | "collections.Counter" | "builtins.dict", _) => {
            Node::Dict(items.first().map(|&list| listed(heap, list)).unwrap_or_default())
        }
        (
            "builtins.list"
            | "builtins.tuple"
            | "builtins.set"
            | "builtins.frozenset"
            | "torch.jit._pickle.build_intlist"
            | "torch.jit._pickle.build_doublelist"
            | "torch.jit._pickle.build_boollist"
            | "torch.jit._pickle.build_tensorlist",
            _,
        ) => Node::List(items.first().map(|&list| heap.items(list).to_vec()).unwrap_or_default()),
        // Protocol 2's way to make an object of a class without calling it.
        ("copyreg._reconstructor", [class, ..]) => unknown(heap.global(*class).unwrap_or_default()),
        _ if is_class(name) || HARMLESS.contains(&name) || name.starts_with("torch._utils._rebuild_") => unknown(name),
        // Of these modules only harmless names came through.
        _ if name.starts_with("builtins.") => unknown(name),
        _ => return Err(refused(&format!("the pickle calls the function `{name}`"))),
    };
    Ok(heap.add(node))
}

/// Pairs that stand as lists of two.
fn listed(heap: &Heap, list: Value) -> Vec<(Value, Value)> {
    let pair = |&item: &Value| match heap.items(item) {
        [key, value] => Some((*key, *value)),
        _ => None,
    };
    heap.items(list).iter().filter_map(pair).collect()
}

/// Whether an object of this class is of no interest to anyone who looks for weights.
pub(super) fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name) || name.starts_with("builtins.")
}

/// Classes are named with a capital, functions without.
fn is_class(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default().trim_start_matches('_');
    last.starts_with(|c: char| c.is_uppercase())
}

/// Element type and size of a storage class.
pub(super) fn storage(name: &str) -> Option<(Dtype, u64)> {
    let class = name.strip_prefix("torch.")?.rsplit('.').next()?;
    if class == "UntypedStorage" {
        return Some((Dtype::Other, 1));
    }
    let dtype = match class.strip_suffix("Storage")? {
        "Double" => Dtype::F64,
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::Bf16,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::Bool,
        "ComplexFloat" => Dtype::C64,
        "ComplexDouble" => Dtype::C128,
        "QInt8" | "QUInt8" | "QUInt4x2" | "QUInt2x4" => return Some((Dtype::Other, 1)),
        "QInt32" => return Some((Dtype::Other, 4)),
        _ => return None,
    };
    Some((dtype, dtype.size()? as u64))
}

/// A `torch.dtype` and its size.
pub(super) fn dtype(name: &str) -> Option<(Dtype, u64)> {
    let dtype = match name.strip_prefix("torch.")? {
        "float64" | "double" => Dtype::F64,
        "float32" | "float" => Dtype::F32,
        "float16" | "half" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        "float8_e4m3fn" => Dtype::F8E4m3,
        "float8_e5m2" => Dtype::F8E5m2,
        "int64" | "long" => Dtype::I64,
        "int32" | "int" => Dtype::I32,
        "int16" | "short" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint64" => Dtype::U64,
        "uint32" => Dtype::U32,
        "uint16" => Dtype::U16,
        "uint8" => Dtype::U8,
        "bool" => Dtype::Bool,
        "complex64" | "cfloat" => Dtype::C64,
        "complex128" | "cdouble" => Dtype::C128,
        "complex32" | "chalf" => return Some((Dtype::Other, 4)),
        "float8_e4m3fnuz" | "float8_e5m2fnuz" | "float8_e8m0fnu" | "float4_e2m1fn_x2" => {
            return Some((Dtype::Other, 1));
        }
        _ => return None,
    };
    Some((dtype, dtype.size()? as u64))
}
