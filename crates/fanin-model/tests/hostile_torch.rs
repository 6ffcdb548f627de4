//! Pickles that want to run something, never end or lie: refused by name, nothing run, nothing written.

mod archive;
mod drawn;

use archive::plain;
use drawn::listing;
use fanin_model::{Model, WriteOptions, open};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A short text.
fn text(text: &str) -> Vec<u8> {
    [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

fn int(n: u8) -> Vec<u8> {
    vec![b'K', n]
}

/// A pickle of this.
fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x02", &parts.concat()[..], b"."].concat()
}

/// A storage `0` of `len` floats.
fn storage(len: u8) -> Vec<u8> {
    [b"(", &text("storage")[..], &global("torch", "FloatStorage"), &text("0"), &text("cpu"), &int(len), b"tQ"].concat()
}

/// A tensor of that storage.
fn tensor(len: u8, offset: &[u8], shape: &[&[u8]], strides: &[&[u8]]) -> Vec<u8> {
    let tuple = |items: &[&[u8]]| [b"(", &items.concat()[..], b"t"].concat();
    let args = [&storage(len)[..], offset, &tuple(shape), &tuple(strides), b"\x89N"].concat();
    [&global("torch._utils", "_rebuild_tensor_v2")[..], b"(", &args, b"tR"].concat()
}

fn good() -> Vec<u8> {
    tensor(4, &int(0), &[&int(4)], &[&int(1)])
}

/// `{"w": value}`.
fn dict(value: &[u8]) -> Vec<u8> {
    pickle(&[b"}", &text("w"), value, b"s"])
}

fn archive(pickle: &[u8]) -> Vec<u8> {
    plain(&[("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", &[7; 16]), ("m/version", b"3\n")])
}

/// The same from before torch 1.6.
fn old(pickle_of: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    if !pickle_of.windows(7).any(|window| window == b"storage") {
        return [&magic[..], pickle_of, &pickle(&[b"]"])].concat();
    }
    [&magic[..], pickle_of, &pickle(&[b"]", &text("0"), b"a"]), &4u64.to_le_bytes(), &[7; 16]].concat()
}

fn opened(dir: &Path, file: &[u8]) -> Result<Box<dyn Model>, String> {
    let path = dir.join("model.pt");
    fs::write(&path, file).unwrap();
    let start = Instant::now();
    let result = open(&path).map_err(|error| error.to_string());
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    if let Err(error) = &result {
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains("expected ") && error.ends_with('.'), "{error}");
    }
    assert_eq!(listing(dir), ["model.pt"]);
    result
}

fn refused(pickle: &[u8], message: &str) {
    let dir = tempfile::tempdir().unwrap();
    for file in [archive(pickle), old(pickle)] {
        let error = opened(dir.path(), &file).err().expect("it must be refused");
        assert!(error.contains(message), "{error}\nshould contain\n{message}");
    }
}

#[test]
fn the_good_one_is_read_in_both_forms() {
    let dir = tempfile::tempdir().unwrap();
    for file in [archive(&dict(&good())), old(&dict(&good()))] {
        let model = opened(dir.path(), &file).unwrap();
        assert_eq!((model.params()[0].name.as_str(), &model.params()[0].shape[..]), ("w", &[4][..]));
        assert_eq!(model.bytes(0).unwrap().unwrap().as_ref(), [7; 16]);
    }
}

#[test]
fn calls_of_programs_are_refused_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let touched = dir.path().join("touched");
    let command = text(&format!("touch {}", touched.display()));
    let names = "the pickle names `os.system`; expected tensors, numbers, texts";
    // Each way that a pickle has to call something.
    let system = global("os", "system");
    refused(&dict(&[&system[..], b"(", &command, b"tR"].concat()), names);
    refused(&dict(&[b"(", &command[..], b"ios\nsystem\n"].concat()), names);
    refused(&dict(&[b"(", &system[..], &command, b"o"].concat()), names);
    refused(&dict(&[&system[..], &command, b"\x85\x81"].concat()), names);
    refused(&dict(&[&system[..], &command, b"\x85}\x92"].concat()), names);
    refused(&dict(&[&text("os")[..], &text("system"), b"\x93", &command, b"\x85R"].concat()), names);
    // Under the optimizer, behind the model, as a key, and without a call: no place is harmless.
    refused(&pickle(&[b"}", &text("w"), &good(), b"s", &text("optimizer"), &system, &command, b"\x85Rs"]), names);
    refused(&pickle(&[&system, &command, b"\x85R0}", &text("w"), &good(), b"s"]), names);
    refused(&dict(&system), names);
    for (module, name) in [
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "__import__"),
        ("importlib", "import_module"),
        ("sys", "modules"),
        ("os.path", "join"),
        ("types", "CodeType"),
        ("pickle", "loads"),
        ("runpy", "run_path"),
        ("ctypes", "CDLL"),
    ] {
        refused(&dict(&[&global(module, name)[..], b")R"].concat()), &format!("the pickle names `{module}.{name}`"));
    }
    refused(&dict(b"c__builtin__\nexec\n)R"), "the pickle names `builtins.exec`");
    assert!(!touched.exists());
}

#[test]
fn unknown_functions_are_refused_and_unknown_classes_named() {
    for name in
        ["torch.hub.load", "acme.make", "numpy.testing._private.utils.runstring", "torch.storage._load_from_bytes"]
    {
        let (module, function) = name.rsplit_once('.').unwrap();
        let wanted = format!("the pickle calls the function `{name}`");
        refused(&dict(&[&global(module, function)[..], &text("x"), b"\x85R"].concat()), &wanted);
    }
    // A class, with a state and items, beside a tensor.
    let object =
        [&global("acme", "Config")[..], b")\x81}", &text("a"), &int(1), b"sb", &text("k"), &int(2), b"s"].concat();
    let dir = tempfile::tempdir().unwrap();
    for form in [archive, old] {
        let both = pickle(&[b"}", &text("w"), &good(), b"s", &text("config"), &object, b"s"]);
        let model = opened(dir.path(), &form(&both)).unwrap();
        assert_eq!(model.params().len(), 1);
        assert_eq!(model.skipped(), ["`acme.Config` is not understood (1 objects stay as they are)"]);
    }
    refused(
        &dict(&object),
        "there are no tensors in it (`acme.Config` is not understood (1 objects stay as they are))",
    );
}

#[test]
fn bombs_end() {
    let dir = tempfile::tempdir().unwrap();
    // A list of two lists of two lists …: 2^60 paths to one tensor.
    let mut doubling = [&b"]"[..], &good(), b"a"].concat();
    for slot in 0..60 {
        doubling.extend([b'q', slot]);
        doubling.splice(0..0, [b']']);
        doubling.extend([b'a', b'h', slot, b'a']);
    }
    let model = opened(dir.path(), &archive(&dict(&doubling))).unwrap();
    assert_eq!(model.params().len(), 1);
    // A list in itself, and two dictionaries in each other.
    let circle = [&b"]q\x00h\x00a"[..], &good(), b"a"].concat();
    assert_eq!(opened(dir.path(), &archive(&dict(&circle))).unwrap().params().len(), 1);
    refused(&dict(&[&b"]".repeat(100_000)[..], &b"a".repeat(99_999)].concat()), "more than 64 deep");
    refused(&dict(&[&b"(".repeat(100_000)[..], &b"t".repeat(100_000)].concat()), "more than 64 deep");
    refused(&[b"\x80\x02", &b"N0".repeat((1 << 21) + 1)[..], b"."].concat(), "it has more than 4194304 operations");
    // A call of a call of a call …
    let rebuild = global("torch._tensor", "_rebuild_from_type_v2");
    let endless = [&rebuild[..], b"q\x00(h\x00N(h\x00N)ttR"].concat();
    refused(&dict(&endless), "`");
}

#[test]
fn broken_pickles_are_refused() {
    for (body, message) in [
        (&b""[..], "there are no tensors in it"),
        (b"0", "a value is taken from an empty stack"),
        (b"t", "a mark is missing"),
        (b"h\x05", "slot 5 of the memo is empty"),
        (b"q\x00", "the stack is empty"),
        (b"\xff", "the operation 0xff is not one of pickle's"),
        (b"\x80\x09", "the protocol is 9"),
        (b"X\xff\xff\xff\xff", "4294967295 bytes are wanted"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615 bytes are wanted"),
        (b"X\x02\x00\x00\x00\xff\xfe", "a text is not UTF-8"),
        (b"K\x01K\x02a", "items are appended to something else"),
        (b"K\x01K\x02K\x03s", "pairs are put into something else"),
        (b"K\x01)R", "something is called that has no name"),
        (b"(o", "an object without a class"),
        (b"pxyz\n", "`xyz` is no slot of the memo"),
        (b"Pid\n", "a persistent id is a text"),
        (b"NQ", "a persistent id is not a storage"),
        (b"NN\x93", "a name is no text"),
    ] {
        refused(&pickle(&[body, b"N"]), message);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("model.pt"), pickle(&[b"N"])).unwrap();
    let error = open(dir.path().join("model.pt")).err().unwrap().to_string();
    assert!(error.contains("this is a Python pickle that `torch.save` did not write"), "{error}");
}

#[test]
fn tensors_that_lie_are_refused() {
    let big = [&[0x8a, 8][..], &(1i64 << 40).to_le_bytes()].concat();
    let negative = b"J\xff\xff\xff\xff";
    for (value, message) in [
        (
            tensor(4, &int(0), &[&int(5)], &[&int(1)]),
            "`w`: shape [5] with strides [1] from element 0 on leaves its storage",
        ),
        (
            tensor(4, &int(1), &[&int(4)], &[&int(1)]),
            "from element 1 on leaves its storage; expected a view of its 4 elements",
        ),
        (tensor(4, &int(0), &[&int(2)], &[&big]), "leaves its storage"),
        (tensor(4, &int(0), &[&big, &big], &[&int(0), &int(0)]), "has 2^58 elements or more"),
        (tensor(4, negative, &[&int(1)], &[&int(1)]), "offset, size or stride is negative"),
        (tensor(4, &int(0), &[negative], &[&int(1)]), "offset, size or stride is negative"),
        (tensor(4, &int(0), &[&int(1)], &[]), "the shape is [1] and the strides are []"),
        (tensor(4, &int(0), &[b"N"], &[&int(1)]), "offset, size or stride is negative"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R".to_vec(), "a tensor is made of 0 values"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))tR".to_vec(), "a tensor is made of 4 values of other types"),
    ] {
        refused(&dict(&value), message);
    }
    let dir = tempfile::tempdir().unwrap();
    let error = opened(dir.path(), &archive(&dict(&tensor(3, &int(0), &[&int(3)], &[&int(1)])))).err().unwrap();
    assert!(error.contains("`m/data/0`: the storage has 16 bytes; expected 3 elements of 4 bytes"), "{error}");
    // One element for a terabyte of them: named, and no memory is taken.
    let endless = tensor(4, &int(0), &[&big], &[&int(0)]);
    let model = opened(dir.path(), &archive(&dict(&endless))).unwrap();
    let error = model.bytes(0).unwrap_err().to_string();
    assert!(
        error.contains("`w`: shape [1099511627776] repeats the 16 bytes of its storage; expected at most"),
        "{error}"
    );
}

#[test]
fn archives_without_their_parts_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pickle = dict(&good());
    for (entries, message) in [
        (vec![("m/data.pkl", &pickle[..])], "the entry `m/data/0` is missing"),
        (
            vec![("m/data.pkl", &pickle), ("m/byteorder", b"middle")],
            "`byteorder`: it is `middle`; expected `little` or `big`",
        ),
    ] {
        let error = opened(dir.path(), &plain(&entries)).err().unwrap();
        assert!(error.contains(message), "{error}");
    }
    let mut damaged = archive(&pickle);
    let at = damaged.windows(7).position(|w| w == b"storage").unwrap();
    damaged[at] ^= 1;
    let error = opened(dir.path(), &damaged).err().unwrap();
    assert!(error.contains("`m/data.pkl`: its checksum is"), "{error}");
}

#[test]
fn big_endian_elements_are_turned_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let elements: Vec<u8> = (0..16).collect();
    let file = plain(&[("m/data.pkl", &dict(&good())), ("m/byteorder", b"big"), ("m/data/0", &elements)]);
    let model = opened(dir.path(), &file).unwrap();
    assert_eq!(model.bytes(0).unwrap().unwrap()[..8], [3, 2, 1, 0, 7, 6, 5, 4]);
    let fill = drawn::Drawn::new(model.as_ref(), drawn::draw);
    let error = model.write(&dir.path().join("out"), &fill, &WriteOptions::default()).unwrap_err().to_string();
    assert!(error.contains("`w`: its elements are big-endian"), "{error}");
}
