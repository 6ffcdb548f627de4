//! Any text as a plan: reading may refuse, never panic; what is read makes values.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise_plan(data));
