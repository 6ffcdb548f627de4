//! Runs the program in a folder of its own.
#![allow(dead_code, reason = "each test file uses a part")]

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder that is gone when the test ends, with one small model in it.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What a run left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        desk.model("model.safetensors", &MODEL);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Everything in the folder, by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A safetensors file with these f32 tensors, every element 0.5.
    pub(crate) fn model(&self, name: &str, tensors: &[(&str, &[u64])]) {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (tensor, shape) in tensors {
            let start = data.len();
            let count: u64 = shape.iter().product();
            data.extend((0..count).flat_map(|_| 0.5f32.to_le_bytes()));
            let line = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
            header.insert((*tensor).to_owned(), line);
        }
        let header = Value::Object(header).to_string();
        let length = (header.len() as u64).to_le_bytes();
        self.write(name, [&length[..], header.as_bytes(), &data].concat());
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanin"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// A run that must end well; its output.
    pub(crate) fn fine(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran.out
    }

    /// The JSON that a run prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.fine(&[args, &["--json"]].concat())).unwrap()
    }

    /// A run that must fail with this code; what it says.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{args:?}: {}", ran.err);
        ran.err
    }
}

const MODEL: [(&str, &[u64]); 7] = [
    ("conv.weight", &[16, 3, 3, 3]),
    ("conv.bias", &[16]),
    ("bn.weight", &[16]),
    ("bn.bias", &[16]),
    ("bn.running_mean", &[16]),
    ("fc.weight", &[10, 64]),
    ("fc.bias", &[10]),
];
