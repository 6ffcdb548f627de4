//! Any bytes as an HDF5 file of Keras.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanin_fuzz::exercise("h5", data));
