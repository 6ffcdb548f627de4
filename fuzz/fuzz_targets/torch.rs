//! Any bytes as a `.pt` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("pt", data));
