//! Any bytes as a `.gguf` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("gguf", data));
