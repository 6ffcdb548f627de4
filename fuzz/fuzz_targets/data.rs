//! Any bytes as a data file: reading may refuse, never panic. The first byte chooses the kind of file.
#![no_main]

use fanin_data::{Options, prepare, read};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 7] = ["a.csv", "a.tsv", "a.npy", "a.npz", "a.safetensors", "a.txt", "a.csv.gz"];

fuzz_target!(|data: &[u8]| {
    let Some((&kind, bytes)) = data.split_first() else { return };
    let options = Options { length: Some(4), ..Options::default() };
    let name = NAMES[usize::from(kind) % NAMES.len()];
    if let Ok(raw) = read(name, bytes, &options) {
        let _ = prepare(name, raw, &options, None);
    }
});
