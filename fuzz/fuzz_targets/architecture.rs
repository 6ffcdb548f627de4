//! Any text as a short architecture: building may refuse, never panic; what is built can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if text.len() > 200 || !fanin_model::architecture::looks_like(text) {
        return;
    }
    if fanin_model::architecture::onnx(text).is_ok() {
        fanin_model::open(text).map(drop).unwrap();
    }
});
