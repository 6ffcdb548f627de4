//! Any bytes as a `.onnx` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("onnx", data));
