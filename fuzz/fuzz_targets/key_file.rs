//! See `sovnet_core::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sovnet_core::fuzzing::key_file(bytes));
