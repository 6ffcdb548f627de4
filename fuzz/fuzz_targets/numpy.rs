//! Any bytes as a `.npz` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("npz", data));
