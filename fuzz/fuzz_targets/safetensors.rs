//! Any bytes as a `.safetensors` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("safetensors", data));
