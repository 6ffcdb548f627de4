//! The cases: those packed in `testdata/backend`, and those of an installed package.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where Debian's `libonnx-testdata` puts them.
const INSTALLED: &str = "/usr/share/libonnx-testdata/data";

/// A model with inputs and the outputs that are expected; each a file's bytes.
pub(crate) struct Case {
    /// `node/test_add/0`.
    pub(crate) name: String,
    pub(crate) model: Vec<u8>,
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) outputs: Vec<Vec<u8>>,
}

/// A line of `list.txt`.
pub(crate) struct Excuse {
    pub(crate) pattern: String,
}

impl Excuse {
    pub(crate) fn covers(&self, name: &str) -> bool {
        let name = name.rsplit_once('/').map_or(name, |(name, _)| name);
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            // What follows the last star is the end of the name.
            rest = if part.is_empty() { "" } else { &rest[at + part.len()..] };
        }
        rest.is_empty()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/backend")
}

pub(crate) fn excused() -> Vec<Excuse> {
    let text = std::fs::read_to_string(folder().join("list.txt")).expect("list.txt");
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let excuse = |line: &str| {
        let (pattern, reason) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}` has no reason"));
        assert!(reason.trim().len() > 10, "`{line}`: that is no reason");
        Excuse { pattern: pattern.to_owned() }
    };
    lines.map(excuse).collect()
}

/// All cases, each once.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = packed(&std::fs::read(folder().join("cases.bin")).expect("cases.bin"));
    let names: BTreeSet<String> = cases.iter().map(|case| case.name.clone()).collect();
    let more = std::env::var_os("ONNX_BACKEND_DATA").map_or_else(|| PathBuf::from(INSTALLED), PathBuf::from);
    cases.extend(installed(&more).into_iter().filter(|case| !names.contains(&case.name)));
    cases
}

fn packed(mut bytes: &[u8]) -> Vec<Case> {
    fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
        let (head, rest) = bytes.split_at(len);
        *bytes = rest;
        head
    }
    fn number<const N: usize>(bytes: &mut &[u8]) -> usize {
        take(bytes, N).iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
    }
    let mut cases = Vec::new();
    while !bytes.is_empty() {
        let len = number::<2>(&mut bytes);
        let name = String::from_utf8(take(&mut bytes, len).to_vec()).expect("a name");
        let (inputs, outputs) = (number::<1>(&mut bytes), number::<1>(&mut bytes));
        let mut files = |count: usize| -> Vec<Vec<u8>> {
            let file = |_| {
                let len = number::<4>(&mut bytes);
                take(&mut bytes, len).to_vec()
            };
            (0..count).map(file).collect()
        };
        let (mut model, inputs, outputs) = (files(1), files(inputs), files(outputs));
        cases.push(Case { name, model: model.remove(0), inputs, outputs });
    }
    cases
}

fn installed(root: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in ["node", "pytorch-operator", "pytorch-converted", "simple"] {
        let Ok(entries) = std::fs::read_dir(root.join(group)) else { continue };
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            for set in 0.. {
                let data = folder.join(format!("test_data_set_{set}"));
                let Ok(model) = std::fs::read(folder.join("model.onnx")) else { break };
                if !data.is_dir() {
                    break;
                }
                let files = |kind: &str| -> Vec<Vec<u8>> {
                    (0..).map_while(|i| std::fs::read(data.join(format!("{kind}_{i}.pb"))).ok()).collect()
                };
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                cases.push(Case {
                    name: format!("{group}/{name}/{set}"),
                    model,
                    inputs: files("input"),
                    outputs: files("output"),
                });
            }
        }
    }
    cases
}
