//! Any bytes as the index of a folder with one good file, the first byte says how many of them are that file's instead.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&at, rest)) = data.split_first() else { return };
    let (index, file) = rest.split_at(rest.len() * usize::from(at) / 256);
    fanin_fuzz::exercise_folder(&[("model.safetensors.index.json", index), ("a.safetensors", file)]);
});
